//! The open goals, with marks for what the last tactic changed.

use leptos::prelude::*;
use stepwise_core::goal::{Goal, Hypothesis};
use stepwise_core::words::count;

use super::Prove;
use crate::goals::{Mark, Marks, as_example, marks};
use crate::view::live::{kept, live, part, pressed};

#[component]
pub(super) fn GoalsPane(prove: Prove) -> impl IntoView {
    let shown = kept(move || {
        prove.script.proof.with(|proof| {
            let Some(proof) = proof else { return Vec::new() };
            let before = proof.goals_before(proof.at());
            proof.here().goals.iter().map(|goal| (goal.clone(), marks(goal, before))).collect::<Vec<_>>()
        })
    });
    let heading = move || match shown.with(Vec::len) {
        0 => "No goals".to_owned(),
        n => count(n, "goal"),
    };
    view! {
        <section class="card goals" aria-labelledby="goals-title">
            <h2 id="goals-title">{live(heading)}</h2>
            {part(move || {
                let goals = shown.get();
                let n_goals = goals.len();
                let view = |(idx, (goal, marks)): (usize, (Goal, Marks))| view! { <GoalView prove idx n_goals goal marks /> };
                goals.into_iter().enumerate().map(view).collect_view()
            })}
        </section>
    }
}

#[component]
fn GoalView(prove: Prove, idx: usize, n_goals: usize, goal: Goal, marks: Marks) -> impl IntoView {
    let title = match &goal.case {
        Some(case) => format!("{} of {n_goals}: case {case}", idx + 1),
        None => format!("{} of {n_goals}", idx + 1),
    };
    let gone = (!marks.gone.is_empty()).then(|| format!("gone: {}", marks.gone.join(", ")));
    let (text, example) = (goal.text.clone(), as_example(&goal));
    let (label, example_label) = (format!("Copy: goal {}", idx + 1), format!("Copy as example: goal {}", idx + 1));
    view! {
        // The first goal is what the next tactic works on.
        <details class="goal-box" open=true>
            <summary>"Goal " {title}</summary>
            <GoalBody goal marks />
            {gone.map(|gone| view! { <p class="gone">{gone}</p> })}
            <div class="row">
                <button type="button" class="quiet" aria-label=label on:click=pressed(move || prove.copy(text.clone(), "The goal"))>
                    "Copy"
                </button>
                <button
                    type="button"
                    class="quiet"
                    aria-label=example_label
                    on:click=pressed(move || prove.copy(example.clone(), "The goal as an example"))
                >
                    "Copy as example"
                </button>
            </div>
        </details>
    }
}

/// Hypotheses and target.
#[component]
pub(super) fn GoalBody(goal: Goal, #[prop(default = Marks::default())] marks: Marks) -> impl IntoView {
    let Goal { hypotheses, target, .. } = goal;
    let marks_of = marks.hypotheses.into_iter().chain(std::iter::repeat(Mark::Same));
    let row = |(hypothesis, mark): (Hypothesis, Mark)| {
        let Hypothesis { names, ty, value } = hypothesis;
        let value = value.map(|value| format!(" := {value}")).unwrap_or_default();
        view! {
            <div class=mark.class()>
                <dt><MarkView mark />{names.join(" ")}</dt>
                <dd>{ty}{value}</dd>
            </div>
        }
    };
    let mark = marks.target;
    view! {
        <dl class="hypotheses">
            {hypotheses.into_iter().zip(marks_of).map(row).collect_view()}
            <div class=format!("target {}", mark.class())>
                <dt><MarkView mark /><span aria-hidden="true">"⊢"</span><span class="spoken">"to show"</span></dt>
                <dd>{target}</dd>
            </div>
        </dl>
    }
}

/// The glyph for the eye and the word for the ear.
#[component]
fn MarkView(mark: Mark) -> impl IntoView {
    view! {
        <span class="mark" aria-hidden="true">{mark.glyph()}</span>
        <span class="spoken">{mark.word()}</span>
    }
}

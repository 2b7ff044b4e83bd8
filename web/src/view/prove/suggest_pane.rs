//! The suggestions as a list, closers first.

use leptos::prelude::*;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::words::count;

use super::Prove;
use super::goals::GoalBody;
use super::suggest::SUGGEST_KEY;
use crate::models::{ModelStatus, Place};
use crate::suggestions::{Suggestion, Suggestions, complaint, ms};
use crate::view::browser;
use crate::view::live::{Shown, kept, live, pressed};

/// The heading's element id: focus goes there when the row that had it is gone.
const TITLE_ID: &str = "suggestions-title";

#[component]
pub(super) fn SuggestPane(prove: Prove) -> impl IntoView {
    let read = move |of: fn(&Suggestions) -> Vec<&Suggestion>| {
        prove.suggest.found.with(|all| {
            all.as_ref().map_or_else(Vec::new, |all| of(all).into_iter().cloned().enumerate().collect::<Vec<_>>())
        })
    };
    let usable = kept(move || read(Suggestions::usable));
    let refused = kept(move || read(Suggestions::refused));
    let running = kept(move || prove.suggest.found.with(|all| all.as_ref().is_some_and(|all| all.running)));
    let is_open = kept(move || prove.script.proof.with(|proof| proof.as_ref().is_some_and(|proof| !proof.is_closed())));
    let standing = move || {
        prove.suggest.found.with(|all| match all {
            _ if prove.script.proof.with(Option::is_none) => "Suggestions come once a statement is open.".to_owned(),
            _ if !is_open.get() => "No goals are left to close.".into(),
            None if prove.place.choice.get() != Place::Server
                && !prove.place.status.with(|status| matches!(status, ModelStatus::Ready { .. })) =>
            {
                "Waiting for the models in this browser…".into()
            }
            None => "None asked for yet.".into(),
            Some(all) if all.problem.is_some() => all.problem.clone().unwrap_or_default(),
            Some(all) if all.running && all.policy_ms.is_none() => "The policy thinks…".into(),
            Some(all) if all.running => format!("Lean runs {}…", count(all.n_waiting(), "more tactic")),
            Some(all) => all.pace(),
        })
    };
    let on_always = move |_| {
        prove.suggest.always.update(|always| *always = !*always);
        browser::keep(SUGGEST_KEY, if prove.suggest.always.get_untracked() { "yes" } else { "no" });
    };
    let on_samples = move |event| {
        if let Ok(n) = event_target_value(&event).parse::<u32>() {
            prove.suggest.n_samples.set(n.clamp(1, 64));
        }
    };
    let take = move |position: usize| {
        prove.take_suggestion(position + 1);
        browser::focus(TITLE_ID);
    };
    view! {
        <section class="card" aria-labelledby=TITLE_ID aria-busy=live(move || running.get().to_string())>
            <div class="card-head">
                <h2 id=TITLE_ID tabindex="-1">"Suggestions"</h2>
                <div class="row">
                    <button type="button" disabled=live(move || !is_open.get()) on:click=pressed(move || prove.suggest())>"Suggest"</button>
                    <button type="button" disabled=live(move || !running.get()) on:click=pressed(move || prove.stop_suggesting())>
                        "Stop"
                    </button>
                </div>
            </div>
            <div class="row options">
                <label class="check">
                    <input type="checkbox" prop:checked=prove.suggest.always on:change=on_always />
                    " after every step"
                </label>
                <label class="inline">
                    "how many "
                    <input type="number" min="1" max="64" prop:value=live(move || prove.suggest.n_samples.get().to_string()) on:change=on_samples />
                </label>
            </div>
            <ol class="suggestions">
                <For each=move || usable.get() key=row_key let:row>
                    <SuggestionRow row take />
                </For>
            </ol>
            <Shown when=live(move || refused.with(|refused| !refused.is_empty()))>
                <details class="refused">
                    <summary>{live(move || format!("{} refused", refused.with(Vec::len)))}</summary>
                    <ul>
                        <For each=move || refused.get() key=row_key let:row>
                            <RefusedRow suggestion=row.1 />
                        </For>
                    </ul>
                </details>
            </Shown>
            <p class="hint">{live(standing)}</p>
        </section>
    }
}

#[component]
fn SuggestionRow(row: (usize, Suggestion), take: impl Fn(usize) + Copy + 'static) -> impl IntoView {
    let (position, suggestion) = row;
    let closes = suggestion.closes();
    let badge = suggestion.badge();
    let facts = facts(&suggestion);
    let goals = match suggestion.outcome {
        Some(StepOutcome::Open { goals, .. }) => goals,
        _ => Vec::new(),
    };
    let number = (position < 9).then(|| (position + 1).to_string());
    let keys = number.as_ref().map(|number| format!("{number} Alt+{number}"));
    view! {
        <li class:closer=closes>
            <button type="button" class="take" aria-keyshortcuts=keys on:click=pressed(move || take(position))>
                <kbd>{number.unwrap_or_else(|| "·".into())}</kbd>
                <code>{suggestion.tactic}</code>
                <span class="badge" class:good=closes>{closes.then_some("✔ ")} {badge}</span>
            </button>
            <p class="facts">{facts}</p>
            {(!goals.is_empty())
                .then(|| view! {
                    <details>
                        <summary>"Resulting " {count(goals.len(), "goal")}</summary>
                        {goals.into_iter().map(|goal| view! { <GoalBody goal /> }).collect_view()}
                    </details>
                })}
        </li>
    }
}

#[component]
fn RefusedRow(suggestion: Suggestion) -> impl IntoView {
    let message = suggestion.outcome.as_ref().and_then(complaint);
    let facts = facts(&suggestion);
    view! {
        <li>
            <code>{suggestion.tactic}</code>
            <span class="facts">{facts}</span>
            {message.map(|message| view! { <pre class="message">{message}</pre> })}
        </li>
    }
}

fn facts(suggestion: &Suggestion) -> String {
    let mut facts = Vec::new();
    facts.extend(suggestion.logprob.map(|logprob| format!("log-prob {logprob:.2}")));
    facts.extend(suggestion.score.map(|score| format!("critic {score:.2}")));
    facts.push(ms(suggestion.wall_us as f64 / 1000.0));
    facts.join(" · ")
}

/// Rows with the same key keep their element, so the key holds all that a row shows.
fn row_key(row: &(usize, Suggestion)) -> (usize, usize, Option<u64>, String) {
    (row.0, row.1.idx, row.1.score.map(f64::to_bits), row.1.tactic.clone())
}

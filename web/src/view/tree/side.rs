//! What stands beside the tree: all about the selected item, what the search cost, and which sign means what.

use leptos::prelude::*;
use stepwise_core::words::count;

use super::page::Page;
use crate::replay::seconds;
use crate::status::Status;
use crate::tree::detail::{Detail, detail};
use crate::view::live::{kept, live, part, pressed};

pub(super) fn detail_pane(page: Page) -> impl IntoView {
    let shown = kept(move || {
        let (_, item) = page.active.get();
        page.read(|replay, family| detail(replay, family, item))
    });
    let label = move || match shown.with(|detail| detail.jump.as_ref().map(|jump| jump.is_before)) {
        Some(true) => "Open the state before it on the Prove page".to_owned(),
        _ => "Open on the Prove page".to_owned(),
    };
    let script = move || {
        let statement = page.read(|replay, _| replay.log().header.theorem.statement.clone());
        let script = shown.with(|detail| detail.script.join("\n").replace('\n', "\n  "));
        if script.is_empty() { statement } else { format!("{statement} := by\n  {script}") }
    };
    // What can be longer than its box can be scrolled with the keyboard.
    let message = move || {
        shown.with(|detail| detail.message.clone()).map(|message| {
            view! { <pre class="message" role="group" aria-label="Message" tabindex="0">{message}</pre> }
        })
    };
    let goals = move || {
        shown.with(|Detail { goals, jump, .. }| {
            // A tactic that failed leads to no state, which is not a state without goals.
            let is_state = jump.as_ref().is_some_and(|jump| !jump.is_before);
            let heading =
                is_state.then(|| if goals.is_empty() { "No goals".into() } else { count(goals.len(), "goal") });
            let goal = |goal: &stepwise_core::goal::Goal| view! { <pre class="goal">{goal.text.clone()}</pre> };
            view! {
                {heading.map(|heading| view! { <h3>{heading}</h3> })}
                {goals.iter().map(goal).collect_view()}
            }
        })
    };
    view! {
        <section aria-label="Selected state" class="detail">
            <div class="detail-head">
                <h2>"Selected"</h2>
                <button
                    type="button"
                    aria-keyshortcuts="Shift+Enter"
                    disabled=live(move || shown.with(|detail| detail.jump.is_none()))
                    on:click=pressed(move || page.open_on_prove_page())
                >
                    {live(label)}
                </button>
            </div>
            <pre class="script" role="group" aria-label="Proof up to here" tabindex="0">{live(script)}</pre>
            {part(message)}
            {part(goals)}
            <dl>{part(move || pairs(shown.with(|detail| detail.facts.clone())))}</dl>
        </section>
    }
}

/// What the search had spent at this point.
pub(super) fn ledger(page: Page) -> impl IntoView {
    let facts = move || {
        page.read(|replay, _| {
            let ledger = replay.search().ledger();
            let header = &replay.log().header;
            let mut facts = vec![("policy", header.policy.clone())];
            facts.extend(header.critic.clone().map(|critic| ("critic", critic)));
            facts.extend([
                ("Lean", header.lean.clone()),
                ("states", replay.search().tree().nodes().len().to_string()),
                ("expansions", ledger.expansions.to_string()),
                ("tactics", ledger.tactics.to_string()),
                ("tokens", ledger.tokens.to_string()),
                ("Lean CPU", seconds(ledger.lean_cpu_us / 1000)),
                ("wall time", seconds(ledger.wall_ms)),
                ("time-outs", ledger.timeouts.to_string()),
                ("crashes", ledger.crashes.to_string()),
                ("rechecks", ledger.rechecks.to_string()),
            ]);
            facts
        })
    };
    view! {
        <section aria-label="Cost" class="ledger">
            <h2>"Cost"</h2>
            <dl>{part(move || pairs(facts()))}</dl>
        </section>
    }
}

/// Which glyph means what, and the keys.
pub(super) fn legend() -> impl IntoView {
    let entry = |status: Status| {
        view! {
            <li class=status.class()>
                <span class="glyph">{status.glyph().to_string()}</span>
                " "
                {status.word()}
            </li>
        }
    };
    view! {
        <details class="legend">
            <summary>"Signs and keys"</summary>
            <ul>{Status::ALL.map(entry).collect_view()}</ul>
            <p>
                "In the outline: " <kbd>"↑"</kbd> " " <kbd>"↓"</kbd> " move, " <kbd>"→"</kbd> " unfolds or enters, "
                <kbd>"←"</kbd> " folds or leaves, " <kbd>"Enter"</kbd> " folds and unfolds, " <kbd>"*"</kbd>
                " unfolds all siblings, " <kbd>"Home"</kbd> " " <kbd>"End"</kbd>
                " go to the ends, a letter seeks a tactic, " <kbd>"Shift"</kbd> " " <kbd>"Enter"</kbd>
                " opens the state on the Prove page."
            </p>
            <p>
                "In the drawing: " <kbd>"+"</kbd> " " <kbd>"−"</kbd> " zoom, as " <kbd>"Ctrl"</kbd>
                " and the wheel do, " <kbd>"0"</kbd>
                " fits. A line is the thicker the more states were expanded behind it; the thickest leads to the proof."
            </p>
        </details>
    }
}

fn pairs(facts: Vec<(&'static str, String)>) -> impl IntoView {
    facts.into_iter().map(|(label, value)| view! { <div><dt>{label}</dt><dd>{value}</dd></div> }).collect_view()
}

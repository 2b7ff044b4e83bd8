//! The script: the steps so far, those ahead after an undo, and a way back to each.

use leptos::prelude::*;
use stepwise_core::words::count;

use super::Prove;
use crate::proof::{Proof, StepId};
use crate::suggestions::ms;
use crate::view::browser;
use crate::view::live::{kept, live, part, pressed};

/// A line of the script.
#[derive(Clone, PartialEq)]
struct Row {
    id: StepId,
    tactic: String,
    facts: String,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Before,
    Here,
    Ahead,
}

#[component]
pub(super) fn ScriptPane(prove: Prove) -> impl IntoView {
    let rows = kept(move || prove.script.proof.with(|proof| proof.as_ref().map(rows).unwrap_or_default()));
    let can =
        move |of: fn(&Proof) -> Option<StepId>| prove.script.proof.with(|proof| proof.as_ref().and_then(of)).is_some();
    let copy = move |_| {
        let text = prove.script.proof.with_untracked(|proof| proof.as_ref().map(Proof::file).unwrap_or_default());
        prove.copy(text, "The script");
    };
    view! {
        <section class="card" aria-labelledby="script-title">
            <div class="card-head">
                <h2 id="script-title">"Script"</h2>
                <div class="row">
                    <button type="button" disabled=live(move || !can(Proof::undo)) on:click=pressed(move || prove.undo())>"Undo"</button>
                    <button type="button" disabled=live(move || !can(Proof::redo)) on:click=pressed(move || prove.redo())>"Redo"</button>
                    <button type="button" on:click=copy>"Copy"</button>
                </div>
            </div>
            <ol class="script-rows">
                {part(move || rows.get().into_iter().map(|row| view! { <ScriptRow prove row /> }).collect_view())}
            </ol>
        </section>
    }
}

#[component]
fn ScriptRow(prove: Prove, row: Row) -> impl IntoView {
    let Row { id, tactic, facts, place } = row;
    let (class, button) = match place {
        Place::Before => ("before", Some("Retry from here")),
        Place::Here => ("here", None),
        Place::Ahead => ("ahead", Some("Redo to here")),
    };
    let name = if tactic.is_empty() { "the statement".to_owned() } else { tactic.clone() };
    let shown = if tactic.is_empty() {
        view! { <span class="tactic start">"statement"</span> }.into_any()
    } else {
        view! { <code class="tactic">{tactic}</code> }.into_any()
    };
    view! {
        <li class=class aria-current=(place == Place::Here).then_some("step")>
            {shown}
            <span class="facts">{facts}</span>
            {button
                .map(|text| {
                    let label = format!("{text}: {name}");
                    view! {
                        <button type="button" class="quiet" aria-label=label on:click=pressed(move || prove.go_to(id))>
                            {text}
                        </button>
                    }
                })}
        </li>
    }
}

impl Prove {
    /// Copies a text and says so.
    pub(super) fn copy(self, text: String, what: &'static str) {
        wasm_bindgen_futures::spawn_local(async move {
            if browser::copy(&text).await {
                self.say(format!("{what} is in the clipboard"));
            } else {
                self.say("The browser does not let this page use the clipboard");
            }
        });
    }
}

fn rows(proof: &Proof) -> Vec<Row> {
    let row = |id: StepId, place| {
        let step = proof.step(id);
        let goals = if step.goals.is_empty() { "no goals".to_owned() } else { count(step.goals.len(), "goal") };
        let facts = format!("{goals}, {}", ms(step.latency_ms));
        Row { id, tactic: step.tactic.clone(), facts, place }
    };
    let place = |id| if id == proof.at() { Place::Here } else { Place::Before };
    let mut rows = vec![row(StepId(0), place(StepId(0)))];
    rows.extend(proof.path(proof.at()).into_iter().map(|id| row(id, place(id))));
    rows.extend(proof.ahead().into_iter().map(|id| row(id, Place::Ahead)));
    rows
}

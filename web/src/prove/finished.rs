//! A finished proof: the verdict, the file, and where to take it.

use leptos::prelude::*;
use stepwise_core::outcome::Verdict;

use super::{Judged, Prove};
use crate::browser;
use crate::link;
use crate::proof::Proof;

#[component]
pub(super) fn FinishedPane(prove: Prove) -> impl IntoView {
    let judged = Memo::new(move |_| {
        prove.proof.with(|proof| {
            let tactics = proof.as_ref().filter(|proof| proof.is_closed()).map(Proof::tactics)?;
            prove.judged.get().filter(|judged| judged.tactics == tactics)
        })
    });
    view! {
        {move || {
            judged.get().map(|judged| {
                let Judged { file, verdict, .. } = judged;
                let name = prove.proof.with_untracked(|proof| proof.as_ref().map_or_else(String::new, |p| p.theorem().name.clone()));
                let (to_copy, to_save, live) = (file.clone(), file.clone(), link::live_lean(&file));
                view! {
                    <section class="card finished" aria-labelledby="finished-title">
                        <div class="card-head">
                            <h2 id="finished-title">"Proof"</h2>
                            <div class="row">
                                <button type="button" on:click=move |_| prove.copy(to_copy.clone(), "The proof")>"Copy"</button>
                                <button type="button" on:click=move |_| browser::download(&format!("{name}.lean"), &to_save)>
                                    "Download"
                                </button>
                                <a class="button" href=live target="_blank" rel="noopener noreferrer">
                                    "Open in live.lean-lang.org"
                                </a>
                            </div>
                        </div>
                        {badge(verdict)}
                        <pre class="code">{file}</pre>
                    </section>
                }
            })
        }}
    }
}

/// The axioms that a verdict has seen, and what it has not looked into.
pub(super) fn axioms_of(verdict: &Verdict) -> String {
    let words = verdict.axioms_in_words();
    // The list's own heading says what these are.
    words.strip_prefix("axioms").map_or(words.clone(), |rest| rest.trim_start_matches([':', ' ']).to_owned())
}

/// What the visitor should know about the statement.
fn notes(notes: Vec<String>) -> impl IntoView {
    notes.into_iter().map(|note| view! { <p class="hint">{note}</p> }).collect_view()
}

fn badge(verdict: Option<Result<Verdict, String>>) -> AnyView {
    match verdict {
        None => view! { <p class="verdict busy"><span aria-hidden="true">"◐ "</span>"The recheck is at work…"</p> }.into_any(),
        Some(Err(problem)) => view! { <p class="verdict alarm"><span aria-hidden="true">"! "</span>"Not judged: " {problem}</p> }.into_any(),
        Some(Ok(verdict)) if verdict.accepted => {
            let axioms = axioms_of(&verdict);
            view! {
                <p class="verdict good"><span aria-hidden="true">"✔ "</span>"Accepted"</p>
                <dl class="numbers">
                    <div><dt>"checked by"</dt><dd>{verdict.checker}</dd></div>
                    <div><dt>"Lean"</dt><dd>{verdict.lean_version}</dd></div>
                    <div><dt>"axioms"</dt><dd>{axioms}</dd></div>
                </dl>
                {notes(verdict.notes)}
            }
            .into_any()
        }
        Some(Ok(verdict)) => view! {
            <p class="verdict alarm"><span aria-hidden="true">"⊘ "</span>"Refused by " {verdict.checker}</p>
            {notes(verdict.notes)}
            <ul class="reasons">{verdict.reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect_view()}</ul>
        }
        .into_any(),
    }
}

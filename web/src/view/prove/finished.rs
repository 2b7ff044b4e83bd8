//! A finished proof: the verdict, the file, and where to take it.

use leptos::prelude::*;
use stepwise_core::outcome::Verdict;
use stepwise_core::tidy::TidyReport;

use super::{Judged, Prove};
use crate::link;
use crate::proof::Proof;
use crate::view::browser;
use crate::view::live::{kept, part, pressed};

#[component]
pub(super) fn FinishedPane(prove: Prove) -> impl IntoView {
    let judged = kept(move || {
        prove.script.proof.with(|proof| {
            let tactics = proof.as_ref().filter(|proof| proof.is_closed()).map(Proof::tactics)?;
            prove.script.judged.get().filter(|judged| judged.tactics == tactics)
        })
    });
    view! {
        {part(move || {
            judged.get().map(|judged| {
                let Judged { file, verdict, tidied, .. } = judged;
                let name = prove.script.proof.with_untracked(|proof| proof.as_ref().map_or_else(String::new, |p| p.theorem().name.clone()));
                view! {
                    <section class="card finished" aria-labelledby="finished-title">
                        <FileHead prove id="finished-title" title="Proof" what="The proof" name file=file.clone() />
                        {badge(verdict)}
                        {tidied.filter(TidyReport::has_changed).map(tidied_from)}
                        <pre class="code">{file}</pre>
                    </section>
                }
            })
        })}
    }
}

/// The head of a card that ends in a file: its heading, and where to take the file.
#[component]
pub(super) fn FileHead(
    prove: Prove,
    id: &'static str,
    title: &'static str,
    /// What is said to be copied.
    what: &'static str,
    /// The file's name without `.lean`.
    name: String,
    file: String,
) -> impl IntoView {
    let (to_copy, live) = (file.clone(), link::live_lean(&file));
    let download = move || {
        // A browser that cannot says so itself.
        let _ = browser::save(&format!("{name}.lean"), "text/plain;charset=utf-8", file.as_bytes());
    };
    view! {
        <div class="card-head">
            <h2 id=id>{title}</h2>
            <div class="row">
                <button type="button" on:click=pressed(move || prove.copy(to_copy.clone(), what))>"Copy"</button>
                <button type="button" on:click=pressed(download)>"Download"</button>
                <a class="button" href=live target="_blank" rel="noopener noreferrer">"Open in live.lean-lang.org"</a>
            </div>
        </div>
    }
}

/// Who has judged, and what the proof rests on.
pub(super) fn numbers(verdict: &Verdict) -> impl IntoView + use<> {
    let (checker, lean, axioms) = (verdict.checker.clone(), verdict.lean_version.clone(), axioms_of(verdict));
    view! {
        <dl class="numbers">
            <div><dt>"checked by"</dt><dd>{checker}</dd></div>
            <div><dt>"Lean"</dt><dd>{lean}</dd></div>
            <div><dt>"axioms"</dt><dd>{axioms}</dd></div>
        </dl>
    }
}

/// The axioms that a verdict has seen, and what it has not looked into.
fn axioms_of(verdict: &Verdict) -> String {
    let words = verdict.axioms_in_words();
    // The list's own heading says what these are.
    words.strip_prefix("axioms").map_or(words.clone(), |rest| rest.trim_start_matches([':', ' ']).to_owned())
}

/// That the file says the same as the script in fewer words.
fn tidied_from(report: TidyReport) -> impl IntoView {
    view! { <p class="hint">"Tidied: " {report.to_string()} ". The steps above are as they were found."</p> }
}

/// What the visitor should know about the statement.
fn notes(notes: Vec<String>) -> impl IntoView {
    notes.into_iter().map(|note| view! { <p class="hint">{note}</p> }).collect_view()
}

fn badge(verdict: Option<Result<Verdict, String>>) -> AnyView {
    match verdict {
        None => view! { <p class="verdict busy"><span aria-hidden="true">"◐ "</span>"The recheck is at work…"</p> }.into_any(),
        Some(Err(problem)) => view! { <p class="verdict alarm"><span aria-hidden="true">"! "</span>"Not judged: " {problem}</p> }.into_any(),
        Some(Ok(verdict)) if verdict.accepted => view! {
            <p class="verdict good"><span aria-hidden="true">"✔ "</span>"Accepted"</p>
            {numbers(&verdict)}
            {notes(verdict.notes)}
        }
        .into_any(),
        Some(Ok(verdict)) => view! {
            <p class="verdict alarm"><span aria-hidden="true">"⊘ "</span>"Refused by " {verdict.checker}</p>
            {notes(verdict.notes)}
            <ul class="reasons">{verdict.reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect_view()}</ul>
        }
        .into_any(),
    }
}

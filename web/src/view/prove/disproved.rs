//! A statement that is false: the search of its negation beside that of a proof, the values, and the file that shows it.

use std::time::Duration;

use leptos::prelude::*;
use stepwise_core::disproof::Disproof;
use stepwise_core::wire::{Body, Op, Order, SearchPlan};
use wasm_bindgen_futures::spawn_local;

use super::Prove;
use super::finished::{FileHead, numbers};
use crate::view::live::part;
use crate::view::session::Question;

/// The share of a search's time after which the negation is searched too.
const PATIENCE: f64 = 0.1;

/// What the page knows about whether the statement is false.
#[derive(Clone, Copy)]
pub(super) struct DisproofSignals {
    pub(super) found: RwSignal<Option<Disproof>>,
    /// What became of the negation's search where it found nothing, or that it is under way.
    pub(super) note: RwSignal<Option<String>>,
    /// Whether the negation is being searched.
    running: RwSignal<bool>,
    question: StoredValue<Option<Question>, LocalStorage>,
    /// The search beside which the negation was last asked for.
    asked: StoredValue<u32>,
}

impl DisproofSignals {
    pub(super) fn new() -> Self {
        Self {
            found: RwSignal::new(None),
            note: RwSignal::new(None),
            running: RwSignal::new(false),
            question: StoredValue::new_local(None),
            asked: StoredValue::new(0),
        }
    }

    /// Gives up the negation's search, and shows nothing of it.
    pub(super) fn forget(self) {
        self.give_up();
        self.found.set(None);
    }

    /// Gives up the negation's search.
    pub(super) fn give_up(self) {
        if let Some(question) = self.question.try_update_value(Option::take).flatten() {
            question.cancel();
        }
        self.running.set(false);
        self.note.set(None);
    }

    pub(super) fn is_searching(self) -> bool {
        self.running.get()
    }
}

impl Prove {
    /// Has the negation searched once a part of a search's time has gone by, if that search is still under way.
    pub(super) fn disprove_later(self, search_turn: u32) {
        let wait_s = f64::from(self.search.seconds.get_untracked()) * PATIENCE;
        let wait = Duration::from_millis((wait_s.min(10.0) * 1000.0) as u64);
        set_timeout(
            move || {
                if self.is_current_search(search_turn) && self.is_searching() {
                    self.disprove(search_turn);
                }
            },
            wait,
        );
    }

    /// Has the server search for a proof that the statement is false, once for each search.
    pub(super) fn disprove(self, search_turn: u32) {
        let known = self.disproof.found.with_untracked(Option::is_some);
        if known || self.disproof.asked.get_value() == search_turn {
            return;
        }
        self.disproof.asked.set_value(search_turn);
        let mut plan = SearchPlan { order: Order::BestFirst, ..self.plan() };
        // A quarter of what the search of a proof may spend.
        plan.expansions = plan.expansions.div_ceil(4);
        plan.wall_ms = plan.wall_ms.div_ceil(4);
        self.session.info.with_untracked(|info| {
            if let Some(info) = info {
                plan.expansions = plan.expansions.min(info.limits.expansions);
                plan.wall_ms = plan.wall_ms.min(info.limits.search_ms);
            }
        });
        let question = self.session.ask(Op::Disprove { plan });
        self.disproof.question.set_value(Some(question.clone()));
        self.disproof.running.set(true);
        self.disproof.note.set(Some("The negation is being searched too".into()));
        spawn_local(async move {
            let body = question.next().await;
            if self.disproof.asked.get_value() != search_turn || self.disproof.question.with_value(Option::is_none) {
                return;
            }
            self.disproof.question.set_value(None);
            self.disproof.running.set(false);
            match body {
                Some(Body::Disproved { disproof }) => {
                    self.stop_search();
                    self.search.ended.set(Some("The statement is false".into()));
                    self.disproof.note.set(None);
                    self.say(format!("The statement is false. It is {}", disproof.in_words()));
                    self.disproof.found.set(Some(disproof));
                }
                Some(Body::NotDisproved { why }) => {
                    self.disproof.note.set(Some(format!("No proof of the negation either: {why}")));
                }
                Some(Body::Failed { problem }) => {
                    self.disproof.note.set(Some(format!("The negation was not searched: {}", problem.detail)));
                }
                _ => self.disproof.note.set(None),
            }
        });
    }
}

#[component]
pub(super) fn DisprovedPane(prove: Prove) -> impl IntoView {
    view! {
        {part(move || {
            prove.disproof.found.get().map(|disproof| {
                let Disproof { name, values, verdict, file, .. } = disproof;
                let has_values = !values.is_empty();
                let values = values
                    .into_iter()
                    .map(|one| view! { <div><dt>{one.name}</dt><dd><code>{one.value}</code></dd></div> })
                    .collect_view();
                view! {
                    <section class="card finished disproved" aria-labelledby="disproved-title">
                        <FileHead prove id="disproved-title" title="The statement is false" what="The disproof" name file=file.clone() />
                        <p class="verdict alarm">
                            <span aria-hidden="true">"✗ "</span>
                            {if has_values { "Disproved: these values make it false" } else { "Disproved: its negation is proved" }}
                        </p>
                        {has_values.then(|| view! { <dl class="numbers values">{values}</dl> })}
                        {numbers(&verdict)}
                        <pre class="code">{file}</pre>
                    </section>
                }
            })
        })}
    }
}

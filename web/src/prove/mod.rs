//! The Prove page: a statement, a script that grows tactic by tactic, suggestions that Lean has verified, and a search.

#![allow(unreachable_pub, reason = "a component's macro makes `pub` types of its properties")]

mod actions;
mod disproved;
mod finished;
mod goals;
mod keys;
mod line;
mod place;
mod script;
mod search;
mod search_pane;
mod statement;
mod suggest;
mod suggest_pane;

use leptos::prelude::*;
use stepwise_core::outcome::Verdict;
use stepwise_core::tidy::TidyReport;

use crate::browser;
use crate::history::History;
use crate::link::PageName;
use crate::models::{BrowserModels, ModelStatus, Place};
use crate::proof::Proof;
use crate::replay::Replay;
use crate::session::{Connection, Question, Session};
use crate::suggestions::Suggestions;

pub(crate) use keys::{KeyList, Shortcuts};

/// Where the choice whether to suggest after every step is kept.
const SUGGEST_KEY: &str = "stepwise-suggest";

/// All that the page shows and keeps.
#[derive(Clone, Copy)]
pub(crate) struct Prove {
    pub(crate) session: Session,
    /// The page that is shown.
    pub(crate) page: RwSignal<PageName>,
    /// The search that the Tree page shows.
    pub(crate) replay: RwSignal<Option<Replay>>,
    /// What the live region says.
    pub(crate) said: RwSignal<String>,
    /// The statement box.
    text: RwSignal<String>,
    /// The text that was opened, which a new session is asked to open again.
    opened: RwSignal<String>,
    /// The address that tells of it and of the script, as it was last written.
    written: StoredValue<String>,
    /// Why the statement was not opened.
    rejected: RwSignal<Option<String>>,
    proof: RwSignal<Option<Proof>>,
    /// The tactic line.
    line: RwSignal<String>,
    history: RwSignal<History>,
    /// Lean's message about the last tactic.
    complaint: RwSignal<Option<String>>,
    /// What Lean is doing for the visitor.
    work: RwSignal<Option<&'static str>>,
    /// The question behind `work`, to give it up.
    question: StoredValue<Option<Question>, LocalStorage>,
    /// Counts what the visitor started, so that the answers to what was overtaken are passed over.
    turn: StoredValue<u32>,
    /// The tactic that was under way when the session was lost.
    again: StoredValue<Option<String>>,
    judged: RwSignal<Option<Judged>>,
    suggestions: RwSignal<Option<Suggestions>>,
    suggesting: StoredValue<Option<Question>, LocalStorage>,
    /// Counts what suggestions were asked for, so that the answers to earlier questions are passed over.
    suggest_turn: StoredValue<u32>,
    /// How often suggestions were asked for where the visitor stands. It is the policy's seed: the same state has the same
    /// suggestions, and who asks again gets others.
    n_suggested: StoredValue<u32>,
    suggest_always: RwSignal<bool>,
    n_samples: RwSignal<u32>,
    search: search::SearchSignals,
    disproof: disproved::DisproofSignals,
    place: RwSignal<Place>,
    models: StoredValue<Option<BrowserModels>, LocalStorage>,
    model_status: RwSignal<ModelStatus>,
    /// Why the models run elsewhere than the visitor chose.
    place_note: RwSignal<Option<String>>,
}

/// A finished script, and what the recheck says of it.
#[derive(Clone, Debug, PartialEq)]
struct Judged {
    tactics: Vec<String>,
    file: String,
    /// `None` while the recheck is at work, or why it could not judge.
    verdict: Option<Result<Verdict, String>>,
    /// What tidying made of a proof that a search has found; the script above stays as it was found.
    tidied: Option<TidyReport>,
}

impl Prove {
    /// The page's state, before anything was opened.
    pub(crate) fn new(session: Session, page: RwSignal<PageName>, replay: RwSignal<Option<Replay>>) -> Self {
        let prove = Self {
            session,
            page,
            replay,
            said: RwSignal::new(String::new()),
            text: RwSignal::new(String::new()),
            opened: RwSignal::new(String::new()),
            written: StoredValue::new(String::new()),
            rejected: RwSignal::new(None),
            proof: RwSignal::new(None),
            line: RwSignal::new(String::new()),
            history: RwSignal::new(History::default()),
            complaint: RwSignal::new(None),
            work: RwSignal::new(None),
            question: StoredValue::new_local(None),
            turn: StoredValue::new(0),
            again: StoredValue::new(None),
            judged: RwSignal::new(None),
            suggestions: RwSignal::new(None),
            suggesting: StoredValue::new_local(None),
            suggest_turn: StoredValue::new(0),
            n_suggested: StoredValue::new(0),
            suggest_always: RwSignal::new(browser::kept(SUGGEST_KEY).is_none_or(|kept| kept != "no")),
            n_samples: RwSignal::new(8),
            search: search::SearchSignals::new(),
            disproof: disproved::DisproofSignals::new(),
            place: RwSignal::new(Place::Server),
            models: StoredValue::new_local(None),
            model_status: RwSignal::new(ModelStatus::Idle),
            place_note: RwSignal::new(None),
        };
        prove.start_models();
        // A session that began anew knows nothing of the statement.
        Effect::watch(move || session.n_renewals.get(), move |_, _, _| prove.restore(), false);
        prove
    }

    /// Says something to those who listen instead of looking.
    pub(crate) fn say(self, what: impl Into<String>) {
        self.said.set(what.into());
    }

    /// Whether there is a server to work with, now or later.
    fn has_server(self) -> bool {
        self.session.connection.get() != Connection::NoServer
    }
}

/// The page.
#[component]
pub(crate) fn ProvePage(prove: Prove) -> impl IntoView {
    view! {
        <Show
            when=move || prove.has_server()
            fallback=|| view! {
                <section class="empty">
                    <h2>"No server here: only recorded searches can be looked at"</h2>
                    <p>"Proving needs Lean, which " <code>"stepwise serve"</code> " runs."</p>
                    <p><a href="#/tree">"Look at a recorded search"</a></p>
                </section>
            }
        >
            <div class="prove">
                <div class="prove-main">
                    <statement::StatementPane prove />
                    <Show when=move || prove.proof.with(Option::is_some)>
                        <finished::FinishedPane prove />
                        <disproved::DisprovedPane prove />
                        <script::ScriptPane prove />
                        <line::TacticLine prove />
                        <goals::GoalsPane prove />
                    </Show>
                </div>
                <div class="prove-side">
                    <suggest_pane::SuggestPane prove />
                    <search_pane::SearchPane prove />
                    <place::PlacePane prove />
                </div>
            </div>
        </Show>
    }
}

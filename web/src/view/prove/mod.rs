//! The Prove page: a statement, a script that grows tactic by tactic, suggestions that Lean has verified, and a search.

#![allow(unreachable_pub, reason = "a component's macro makes `pub` types of its properties")]

mod actions;
mod disproved;
mod finished;
mod goals;
mod keys;
mod lean;
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

use crate::history::History;
use crate::lean::LeanPlace;
use crate::link::PageName;
use crate::proof::Proof;
use crate::replay::Replay;
use crate::view::live::{Shown, live, pressed};
use crate::view::session::{Connection, Question, Session};

pub(crate) use keys::{KeyList, Shortcuts};

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
    script: ScriptSignals,
    suggest: suggest::SuggestSignals,
    search: search::SearchSignals,
    disproof: disproved::DisproofSignals,
    place: place::PlaceSignals,
}

/// The statement, its script and the tactic line.
#[derive(Clone, Copy)]
struct ScriptSignals {
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
    /// What the visitor started last.
    turn: Turn,
    /// The tactic that was under way when the session was lost.
    again: StoredValue<Option<String>>,
    judged: RwSignal<Option<Judged>>,
}

/// Counts what was started, so that the answers to what was overtaken are passed over.
#[derive(Clone, Copy)]
struct Turn(StoredValue<u32>);

impl Turn {
    fn new() -> Self {
        Self(StoredValue::new(0))
    }

    /// Begins the next one, which overtakes all before it, and gives its number.
    fn begin(self) -> u32 {
        self.0.update_value(|turn| *turn += 1);
        self.current()
    }

    fn current(self) -> u32 {
        self.0.get_value()
    }

    /// Whether nothing has overtaken the one of this number.
    fn is(self, turn: u32) -> bool {
        self.current() == turn
    }
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

impl ScriptSignals {
    fn new() -> Self {
        Self {
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
            turn: Turn::new(),
            again: StoredValue::new(None),
            judged: RwSignal::new(None),
        }
    }
}

impl Prove {
    /// The page's state, before anything was opened.
    pub(crate) fn new(session: Session, page: RwSignal<PageName>, replay: RwSignal<Option<Replay>>) -> Self {
        let prove = Self {
            session,
            page,
            replay,
            said: RwSignal::new(String::new()),
            script: ScriptSignals::new(),
            suggest: suggest::SuggestSignals::new(),
            search: search::SearchSignals::new(),
            disproof: disproved::DisproofSignals::new(),
            place: place::PlaceSignals::new(),
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
        <Shown
            when=live(move || prove.has_server())
            fallback=move || view! {
                <section class="empty">
                    <h2>"No server here: only recorded searches can be looked at"</h2>
                    <p>"Proving needs Lean, which " <code>"stepwise serve"</code> " runs."</p>
                    <p><a href="#/tree">"Look at a recorded search"</a></p>
                    {Session::was_put_on_server().then(|| view! {
                        <p>
                            <button type="button" on:click=pressed(move || prove.session.choose(LeanPlace::Browser))>
                                "Run Lean in this browser"
                            </button>
                        </p>
                    })}
                </section>
            }
        >
            <div class="prove">
                <div class="prove-main">
                    <statement::StatementPane prove />
                    <Shown when=live(move || prove.script.proof.with(Option::is_some))>
                        <finished::FinishedPane prove />
                        <disproved::DisprovedPane prove />
                        <script::ScriptPane prove />
                        <line::TacticLine prove />
                        <goals::GoalsPane prove />
                    </Shown>
                </div>
                <div class="prove-side">
                    <suggest_pane::SuggestPane prove />
                    <search_pane::SearchPane prove />
                    <lean::LeanPane prove />
                    <place::PlacePane prove />
                </div>
            </div>
        </Shown>
    }
}

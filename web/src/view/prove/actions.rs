//! What the visitor does to the script: open a statement, apply a tactic, go back and forth, follow a link.

use leptos::prelude::*;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_core::wire::{Body, Op, Problem, Step};
use stepwise_core::words::count;
use wasm_bindgen_futures::spawn_local;

use super::{Judged, Prove};
use crate::client::SESSION_LOST;
use crate::link;
use crate::proof::{Proof, StepId};
use crate::suggestions::complaint;
use crate::view::browser;

/// What is shown while a statement is being opened.
const OPENING: &str = "Opening the statement";

/// Why something did not come to its end.
pub(super) enum Halt {
    /// The visitor did something else meanwhile, or gave it up: nothing is to be said.
    Overtaken,
    /// The session is gone, and is being built up again.
    Lost,
    Problem(String),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        if problem.kind == SESSION_LOST { Self::Lost } else { Self::Problem(problem.detail) }
    }
}

impl Prove {
    /// Opens what stands in the statement box, and applies tactics to it.
    pub(crate) fn open(self, text: String, tactics: Vec<String>) {
        if text.trim().is_empty() {
            self.script.rejected.set(Some("type a statement first, or choose an example".into()));
            return;
        }
        self.forget_states();
        self.search.forget();
        self.disproof.forget();
        let turn = self.begin(OPENING);
        self.script.text.set(text.clone());
        self.script.rejected.set(None);
        spawn_local(async move {
            let started = browser::now();
            match self.ask(turn, Op::Open { text: text.clone() }).await {
                Ok(Body::Opened { theorem, goals, declarations, .. }) => {
                    self.script.opened.set(text);
                    let goals = goals.into_iter().map(Into::into).collect();
                    self.script
                        .proof
                        .set(Some(Proof::new(theorem, goals, browser::now() - started).knowing(declarations.into())));
                    self.script.line.set(String::new());
                    self.script.judged.set(None);
                    self.say("The statement is open");
                    self.finish_turn(turn, self.run(turn, &tactics).await);
                }
                Ok(Body::Rejected { message }) => {
                    self.script.rejected.set(Some(message));
                    self.end(turn);
                }
                Ok(_) => self.end(turn),
                Err(Halt::Problem(problem)) => {
                    self.script.rejected.set(Some(problem));
                    self.end(turn);
                }
                Err(_) => self.end(turn),
            }
        });
    }

    /// Applies a tactic where the visitor stands.
    pub(crate) fn apply(self, tactic: String) {
        let tactic = tactic.trim().to_owned();
        if tactic.is_empty() {
            return;
        }
        if self.script.proof.with_untracked(|proof| proof.as_ref().is_none_or(Proof::is_closed)) {
            self.script.complaint.set(Some("no goal is left: undo a step to go on from there".into()));
            return;
        }
        self.script.history.update(|history| history.enter(&tactic));
        let turn = self.begin("Lean runs the tactic");
        spawn_local(async move {
            let result = self.step(turn, &tactic).await;
            match &result {
                Ok(()) => self.script.line.update(|line| {
                    if line.trim() == tactic {
                        line.clear();
                    }
                }),
                Err(halt) => {
                    if matches!(halt, Halt::Lost) {
                        self.script.again.set_value(Some(tactic.clone()));
                    }
                    // The visitor gets the tactic back for editing.
                    self.script.line.update(|line| {
                        if line.is_empty() && !matches!(halt, Halt::Overtaken) {
                            *line = tactic;
                        }
                    });
                }
            }
            self.finish_turn(turn, result);
        });
    }

    /// Takes a tactic that was tried already: its state is there.
    pub(super) fn take(self, tactic: &str, outcome: &StepOutcome<()>, state: Option<u32>, latency_ms: f64) {
        let goals = match outcome {
            StepOutcome::Open { goals, .. } if state.is_some() => goals.clone(),
            StepOutcome::Proved => Vec::new(),
            // What opened no state that we know has to be run.
            _ => return self.apply(tactic.to_owned()),
        };
        let turn = self.begin("");
        self.script.history.update(|history| history.enter(tactic));
        self.go(|proof| {
            proof.take(tactic, state, goals, latency_ms);
        });
        self.finish_turn(turn, Ok(()));
    }

    /// Goes to a step that was taken before.
    pub(crate) fn go_to(self, step: StepId) {
        let turn = self.begin("");
        self.go(|proof| proof.go_to(step));
        self.finish_turn(turn, Ok(()));
    }

    /// Goes one step back.
    pub(crate) fn undo(self) {
        if let Some(step) = self.script.proof.with_untracked(|proof| proof.as_ref()?.undo()) {
            self.go_to(step);
        }
    }

    /// Goes one step forward, where it was left.
    pub(crate) fn redo(self) {
        if let Some(step) = self.script.proof.with_untracked(|proof| proof.as_ref()?.redo()) {
            self.go_to(step);
        }
    }

    /// Gives up whatever runs.
    pub(crate) fn cancel(self) {
        if self.script.work.get_untracked().is_some_and(|work| !work.is_empty()) {
            self.begin("");
            self.end(self.script.turn.current());
            self.say("Cancelled");
        }
        self.stop_suggesting();
        self.stop_search();
        self.disproof.give_up();
    }

    /// Goes to where these tactics lead from a theorem's statement, which is opened first if it is not.
    pub(crate) fn jump(self, theorem: &Theorem, tactics: Vec<String>) {
        let is_open = |proof: &Proof| proof.theorem() == theorem;
        if self.script.proof.with_untracked(|proof| proof.as_ref().is_some_and(is_open)) {
            self.go_along(tactics);
        } else {
            self.open(whole_text(theorem), tactics);
        }
    }

    /// Goes to where these tactics lead from the statement.
    pub(super) fn go_along(self, tactics: Vec<String>) {
        let turn = self.begin("Lean runs the tactics");
        spawn_local(async move {
            let result = self.run(turn, &tactics).await;
            self.finish_turn(turn, result);
        });
    }

    /// Follows a link, unless it leads to where the page is already.
    pub(crate) fn follow(self, statement: String, tactics: Vec<String>) {
        let same_tactics =
            self.script.proof.with_untracked(|proof| proof.as_ref().is_some_and(|proof| proof.tactics() == tactics));
        if self.script.opened.get_untracked() != statement {
            self.open(statement, tactics);
        } else if !same_tactics && self.script.proof.with_untracked(Option::is_some) {
            self.go_along(tactics);
        }
    }

    /// Puts the statement and the script into the address.
    pub(crate) fn update_address(self) {
        if self.page.get_untracked() == link::PageName::Prove {
            let tactics =
                self.script.proof.with_untracked(|proof| proof.as_ref().map(Proof::tactics).unwrap_or_default());
            browser::replace_hash(&link::prove(&self.script.opened.get_untracked(), &tactics));
            self.script.written.set_value(browser::hash());
        }
    }

    /// Whether an address is one that the visitor left for another page, and not a link: the script may have grown since.
    pub(crate) fn is_own(self, hash: &str) -> bool {
        self.script.written.with_value(|written| written == hash)
    }

    /// Opens the statement in a session that began anew, and builds the script up again.
    pub(super) fn restore(self) {
        let Some(at) = self.script.proof.with_untracked(|proof| proof.as_ref().map(Proof::at)) else { return };
        if self.is_opening() {
            return;
        }
        self.forget_states();
        let again = self.script.again.get_value();
        self.script.again.set_value(None);
        let turn = self.begin("Building the proof up again");
        spawn_local(async move {
            let result = self.build_up(turn, at).await;
            match again {
                // It begins a turn of its own.
                Some(tactic) if result.is_ok() && self.is_current(turn) => self.apply(tactic),
                _ => self.finish_turn(turn, result),
            }
        });
    }

    /// Has a finished script judged.
    pub(super) fn judge(self) {
        let Some((tactics, file)) =
            self.script.proof.with_untracked(|proof| proof.as_ref().map(|proof| (proof.tactics(), proof.file())))
        else {
            return;
        };
        let is_known = |judged: &Judged| judged.tactics == tactics && !matches!(judged.verdict, Some(Err(_)));
        if self.script.judged.with_untracked(|judged| judged.as_ref().is_some_and(is_known)) {
            return;
        }
        self.script.judged.set(Some(Judged { tactics: tactics.clone(), file, verdict: None, tidied: None }));
        self.say("No goals are left. The proof is being rechecked");
        let turn = self.script.turn.current();
        spawn_local(async move {
            let verdict = self.verdict(turn, &tactics).await;
            self.say(match &verdict {
                Ok(verdict) if verdict.accepted => "The recheck accepted the proof",
                Ok(_) => "The recheck refused the proof",
                Err(_) => "The recheck could not judge",
            });
            self.update_judged(&tactics, |judged| judged.verdict = Some(verdict));
        });
    }

    /// Has the server tidy a proof that a search has found, and shows the file that it makes.
    pub(super) fn tidy(self, tactics: Vec<String>) {
        spawn_local(async move {
            let answer = self.session.ask(Op::Tidy { proof: tactics.clone() }).next().await;
            // A proof that is not tidied is a proof.
            let Some(Body::Tidied { verdict, file, report, .. }) = answer else { return };
            self.update_judged(&tactics, |judged| {
                judged.file = file;
                judged.verdict = Some(Ok(verdict));
                judged.tidied = Some(report);
            });
        });
    }

    async fn verdict(self, turn: u32, tactics: &[String]) -> Result<Verdict, String> {
        let given_up = || "the recheck was given up".to_owned();
        self.build_up(turn, StepId(0)).await.map_err(|halt| match halt {
            Halt::Problem(problem) => problem,
            Halt::Overtaken | Halt::Lost => given_up(),
        })?;
        match self.session.ask(Op::Recheck { proof: tactics.to_vec() }).next().await {
            Some(Body::Verdict { verdict, file }) => {
                self.update_judged(tactics, |judged| judged.file = file);
                Ok(verdict)
            }
            Some(Body::Failed { problem }) => Err(problem.detail),
            _ => Err(given_up()),
        }
    }

    /// The state of a step. Whatever needs one begins here, so that it does not matter when a session was lost.
    pub(super) async fn state(self, turn: u32, step: StepId) -> Result<u32, Halt> {
        self.build_up(turn, step).await?;
        self.script.proof.with_untracked(|proof| proof.as_ref()?.step(step).state).ok_or(Halt::Overtaken)
    }

    /// Opens the statement, and runs what leads to a step again, where the session does not know it.
    async fn build_up(self, turn: u32, step: StepId) -> Result<(), Halt> {
        let is_open = self
            .script
            .proof
            .with_untracked(|proof| proof.as_ref().is_some_and(|proof| proof.step(StepId(0)).state.is_some()));
        if !is_open {
            if self.is_opening() {
                // It would take the other statement's place.
                return Err(Halt::Overtaken);
            }
            match self.ask(turn, Op::Open { text: self.script.opened.get_untracked() }).await? {
                Body::Opened { goals, .. } => {
                    let goals = goals.into_iter().map(Into::into).collect();
                    self.change(|proof| proof.found_again(StepId(0), Some(0), goals));
                }
                Body::Rejected { message } => return Err(Halt::Problem(message)),
                _ => return Err(Halt::Overtaken),
            }
        }
        let (mut at, missing) = self.script.proof.with_untracked(|proof| match proof {
            Some(proof) => proof.missing(step),
            None => (StepId(0), Vec::new()),
        });
        for next in missing {
            let (state, tactic) = self
                .script
                .proof
                .with_untracked(|proof| {
                    let proof = proof.as_ref()?;
                    Some((proof.step(at).state?, proof.step(next).tactic.clone()))
                })
                .ok_or(Halt::Overtaken)?;
            let done = self.run_one(turn, state, &tactic).await?;
            let outcome: StepOutcome<()> = done.outcome.into();
            let goals = match outcome {
                StepOutcome::Open { goals, .. } => goals,
                StepOutcome::Proved => Vec::new(),
                other => return Err(Halt::Problem(complaint(&other).unwrap_or_default())),
            };
            self.change(|proof| proof.found_again(next, done.state, goals));
            at = next;
        }
        Ok(())
    }

    /// Begins something of the visitor's, which overtakes what was under way; `what` is shown with a way to give it up.
    /// Suggestions go on: those for the state that is shown stay of use until another one is.
    pub(super) fn begin(self, what: &'static str) -> u32 {
        if let Some(question) = self.script.question.try_update_value(Option::take).flatten() {
            question.cancel();
        }
        self.script.complaint.set(None);
        self.script.work.set(Some(what));
        self.script.turn.begin()
    }

    pub(super) fn is_current(self, turn: u32) -> bool {
        self.script.turn.is(turn)
    }

    fn end(self, turn: u32) {
        if self.is_current(turn) {
            self.script.question.set_value(None);
            self.script.work.set(None);
        }
    }

    /// Shows what came of it, and does what follows every step.
    fn finish_turn(self, turn: u32, result: Result<(), Halt>) {
        if !self.is_current(turn) {
            return;
        }
        self.end(turn);
        self.update_address();
        if let Err(halt) = result {
            match halt {
                Halt::Problem(problem) => self.script.complaint.set(Some(problem)),
                Halt::Lost => self.say("The server began anew; the proof is being built up again"),
                Halt::Overtaken => {}
            }
            return;
        }
        let Some((n_goals, last)) = self.script.proof.with_untracked(|proof| {
            let proof = proof.as_ref()?;
            Some((proof.here().goals.len(), proof.here().tactic.clone()))
        }) else {
            return;
        };
        if n_goals == 0 {
            self.judge();
            return;
        }
        let behind = if last.is_empty() { "at the statement".to_owned() } else { format!("after {last}") };
        self.say(format!("{} {behind}", count(n_goals, "goal")));
        if self.suggest.always.get_untracked() && !self.is_searching() {
            self.suggest();
        }
    }

    /// Runs tactics from the statement on, those that were taken before without Lean.
    async fn run(self, turn: u32, tactics: &[String]) -> Result<(), Halt> {
        let Some((known, rest)) = self
            .script
            .proof
            .with_untracked(|proof| proof.as_ref().map(|proof| (proof.follow(tactics).0, proof.follow(tactics).1)))
        else {
            return Ok(());
        };
        self.go(|proof| proof.go_to(known));
        for tactic in rest {
            self.step(turn, tactic).await?;
        }
        Ok(())
    }

    /// Runs one tactic where the visitor stands, and goes behind it.
    async fn step(self, turn: u32, tactic: &str) -> Result<(), Halt> {
        let at = self.script.proof.with_untracked(|proof| proof.as_ref().map(Proof::at)).ok_or(Halt::Overtaken)?;
        let started = browser::now();
        let state = self.state(turn, at).await?;
        let Step { outcome, state, .. } = self.run_one(turn, state, tactic).await?;
        let latency_ms = browser::now() - started;
        let goals = match StepOutcome::<()>::from(outcome) {
            StepOutcome::Open { goals, .. } => goals,
            StepOutcome::Proved => Vec::new(),
            other => return Err(Halt::Problem(complaint(&other).unwrap_or_default())),
        };
        self.go(|proof| {
            proof.take(tactic, state, goals, latency_ms);
        });
        Ok(())
    }

    async fn run_one(self, turn: u32, state: u32, tactic: &str) -> Result<Step, Halt> {
        match self.ask(turn, Op::Apply { state, tactic: tactic.to_owned() }).await? {
            Body::Applied { step } => Ok(step),
            _ => Err(Halt::Overtaken),
        }
    }

    /// Asks something that has one answer.
    async fn ask(self, turn: u32, op: Op) -> Result<Body, Halt> {
        let question = self.session.ask(op);
        self.script.question.set_value(Some(question.clone()));
        let body = question.next().await;
        if !self.is_current(turn) {
            return Err(Halt::Overtaken);
        }
        match body {
            Some(Body::Failed { problem }) if problem.kind == "cancelled" => Err(Halt::Overtaken),
            Some(Body::Failed { problem }) => Err(problem.into()),
            Some(body) => Ok(body),
            None => Err(Halt::Overtaken),
        }
    }

    /// Goes to another place in the script, where others are to be suggested.
    fn go(self, change: impl FnOnce(&mut Proof)) {
        self.clear_suggestions();
        self.change(change);
    }

    /// Lets go of what stands on the server's states when those are gone; [`Self::build_up`] makes new ones.
    fn forget_states(self) {
        self.stop_search();
        self.clear_suggestions();
        self.change(Proof::forget_states);
    }

    /// Whether the statement in the box is on its way to become the server's.
    fn is_opening(self) -> bool {
        self.script.work.get_untracked() == Some(OPENING)
    }

    fn change(self, change: impl FnOnce(&mut Proof)) {
        self.script.proof.update(|proof| {
            if let Some(proof) = proof {
                change(proof);
            }
        });
    }

    fn update_judged(self, tactics: &[String], change: impl FnOnce(&mut Judged)) {
        self.script.judged.update(|judged| {
            if let Some(judged) = judged.as_mut().filter(|judged| judged.tactics == tactics) {
                change(judged);
            }
        });
    }
}

/// A theorem as a text to open.
fn whole_text(theorem: &Theorem) -> String {
    let imports: String = theorem.imports.iter().map(|module| format!("import {module}\n")).collect();
    [imports.trim(), theorem.preamble.trim(), theorem.statement.trim()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

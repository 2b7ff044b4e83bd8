//! Searching from where the visitor stands: on the server, or with the machine in this page and the models in the browser.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::Verdict;
use stepwise_core::search::{Event, Search, SearchEnd, TimedEvent};
use stepwise_core::wire::log::LogHeader;
use stepwise_core::wire::{Body, Op, Order, SearchPlan, Step};
use wasm_bindgen_futures::spawn_local;

use super::actions::Halt;
use super::{Judged, Prove, Turn};
use crate::driver::{Driver, Progress, Task, ending};
use crate::models::{ModelStatus, Place};
use crate::replay::Replay;
use crate::view::browser;
use crate::view::models::BrowserModels;
use crate::view::session::Question;

/// What is told of a search that was given up.
const CANCELLED: &str = "Cancelled";

/// What the search's pane shows.
#[derive(Clone, Copy)]
pub(super) struct SearchSignals {
    pub(super) order: RwSignal<Order>,
    pub(super) samples: RwSignal<u32>,
    pub(super) expansions: RwSignal<u32>,
    pub(super) seconds: RwSignal<u32>,
    pub(super) running: RwSignal<bool>,
    pub(super) progress: RwSignal<Option<Progress>>,
    /// How the last search ended.
    pub(super) ended: RwSignal<Option<String>>,
    /// Milliseconds since the search began.
    pub(super) elapsed_ms: RwSignal<f64>,
    /// The question under way, to give it up.
    question: StoredValue<Option<Question>, LocalStorage>,
    /// Tells searches apart.
    turn: Turn,
    /// The serial of the log that the search's events go into: the visitor may open another one meanwhile.
    log: StoredValue<Option<u64>>,
}

impl SearchSignals {
    pub(super) fn new() -> Self {
        Self {
            order: RwSignal::new(Order::BestFirst),
            samples: RwSignal::new(16),
            expansions: RwSignal::new(100),
            seconds: RwSignal::new(60),
            running: RwSignal::new(false),
            progress: RwSignal::new(None),
            ended: RwSignal::new(None),
            elapsed_ms: RwSignal::new(0.0),
            question: StoredValue::new_local(None),
            turn: Turn::new(),
            log: StoredValue::new(None),
        }
    }

    /// Shows nothing of a search that belongs to another statement.
    pub(super) fn forget(self) {
        self.progress.set(None);
        self.ended.set(None);
    }
}

impl Prove {
    /// Whether a search is under way.
    pub(super) fn is_searching(self) -> bool {
        self.search.running.get_untracked()
    }

    /// Searches from where the visitor stands.
    pub(super) fn start_search(self) {
        let Some(at) =
            self.script.proof.with_untracked(|proof| proof.as_ref().filter(|p| !p.is_closed()).map(|p| p.at()))
        else {
            return;
        };
        let place = self.place.choice.get_untracked();
        if place != Place::Server && !self.models_are_ready() {
            self.search.ended.set(Some("the models in this browser are not ready yet".into()));
            return;
        }
        self.stop_search();
        self.stop_suggesting();
        self.search.turn.begin();
        self.search.log.set_value(None);
        let search_turn = self.search.turn.current();
        let turn = self.script.turn.current();
        self.search.running.set(true);
        self.search.progress.set(Some(Progress::default()));
        self.search.ended.set(None);
        self.say("The search has begun");
        let started = browser::now();
        self.show_clock(search_turn, started);
        self.disprove_later(search_turn);
        spawn_local(async move {
            let result = match self.state(turn, at).await {
                _ if !self.is_current_search(search_turn) => return,
                Ok(state) if place == Place::Server => self.search_on_server(search_turn, state).await,
                Ok(state) => self.search_here(search_turn, state).await,
                Err(halt) => Err(halt),
            };
            if !self.is_current_search(search_turn) {
                return;
            }
            self.search.question.set_value(None);
            self.search.running.set(false);
            let sentence = match &result {
                Ok(search) => ending(search),
                Err(Halt::Problem(problem)) => problem.clone(),
                Err(Halt::Lost) => "The server began anew, and its search is gone; start it again".into(),
                Err(Halt::Overtaken) => CANCELLED.into(),
            };
            self.say(sentence.clone());
            self.search.ended.set(Some(sentence));
            match result.map(|search| search.end().cloned()) {
                Ok(Some(SearchEnd::Proved { proof, verdict })) => {
                    self.disproof.give_up();
                    self.take_proof(proof, verdict);
                }
                Ok(Some(SearchEnd::Exhausted | SearchEnd::OutOfBudget { .. })) => self.disprove(search_turn),
                Ok(_) => {}
                Err(_) => self.push_cancelled(),
            }
        });
    }

    /// Gives the search up. What it has found so far stays on the Tree page.
    pub(super) fn stop_search(self) {
        if !self.is_searching() {
            return;
        }
        if let Some(question) = self.search.question.try_update_value(Option::take).flatten() {
            question.cancel();
        }
        self.search.turn.begin();
        self.search.running.set(false);
        self.search.ended.set(Some(CANCELLED.into()));
        self.push_cancelled();
    }

    pub(super) fn is_current_search(self, search_turn: u32) -> bool {
        self.search.turn.is(search_turn)
    }

    /// Tells the Tree page that the search is over, which whoever runs it did not say.
    fn push_cancelled(self) {
        let at_ms = self.search.elapsed_ms.get_untracked() as u64;
        self.push(vec![TimedEvent { at_ms, event: Event::Cancelled }]);
    }

    /// The found proof becomes the script; it was rechecked, so that its verdict is known already.
    fn take_proof(self, proof: Vec<String>, verdict: Verdict) {
        let file =
            self.script.proof.with_untracked(|script| script.as_ref().map(|script| script.theorem().file(&proof)));
        if let Some(file) = file {
            let verdict = Some(Ok(verdict));
            self.script.judged.set(Some(Judged { tactics: proof.clone(), file, verdict, tidied: None }));
            self.tidy(proof.clone());
            self.go_along(proof);
        }
    }

    async fn search_on_server(self, search_turn: u32, state: u32) -> Result<Search, Halt> {
        let mut plan = self.plan();
        self.session.info.with_untracked(|info| {
            if let Some(info) = info {
                let limits = &info.limits;
                plan.expansions = plan.expansions.min(limits.expansions);
                plan.wall_ms = plan.wall_ms.min(limits.search_ms);
            }
        });
        let question = self.session.ask(Op::Search { state, plan });
        self.search.question.set_value(Some(question.clone()));
        // A machine of our own, because the one on the Tree page stands where the visitor put it.
        let mut search: Option<Search> = None;
        let mut n_events = 0_usize;
        while let Some(body) = question.next().await {
            if !self.is_current_search(search_turn) {
                return Err(Halt::Overtaken);
            }
            match body {
                Body::SearchStarted { header } => {
                    let header = LogHeader::from(header);
                    search = Some(header.search());
                    self.begin_log(header);
                }
                Body::Searched { from, events } => {
                    // What was told twice is taken in once.
                    let new: Vec<TimedEvent> =
                        events.into_iter().skip(n_events.saturating_sub(from)).map(Into::into).collect();
                    n_events += new.len();
                    if let Some(search) = &mut search {
                        for event in &new {
                            search.handle(event.clone());
                        }
                        self.search.progress.set(Some(Progress::of(search)));
                    }
                    self.push(new);
                }
                Body::SearchEnded { .. } => break,
                Body::Failed { problem } => return Err(problem.into()),
                _ => {}
            }
            if search.as_ref().is_some_and(|search| search.end().is_some()) {
                break;
            }
        }
        search.filter(|search| search.end().is_some()).ok_or(Halt::Overtaken)
    }

    async fn search_here(self, search_turn: u32, state: u32) -> Result<Search, Halt> {
        let models = self.place.models.get_value().ok_or(Halt::Overtaken)?;
        let (header, goals, declarations) = self
            .script
            .proof
            .with_untracked(|proof| {
                let proof = proof.as_ref()?;
                let declarations = Arc::clone(proof.declarations());
                Some((self.header(proof.theorem().clone(), proof.tactics()), proof.here().goals.clone(), declarations))
            })
            .ok_or(Halt::Overtaken)?;
        self.begin_log(header.clone());
        let mut driver = Driver::begin(&header, state, goals, declarations);
        let started = browser::now();
        let at_ms = move || (browser::now() - started) as u64;
        loop {
            self.push(driver.take_news());
            self.search.progress.set(Some(Progress::of(driver.search())));
            if driver.search().end().is_some() {
                return Ok(driver.search().clone());
            }
            let Some(task) = driver.next_task() else {
                return Err(Halt::Problem("the session has no room for more states; open the statement again".into()));
            };
            let result = self.carry_out(&mut driver, &models, task, at_ms).await;
            if !self.is_current_search(search_turn) {
                return Err(Halt::Overtaken);
            }
            result?;
            driver.tick(at_ms());
        }
    }

    async fn carry_out(
        self,
        driver: &mut Driver,
        models: &BrowserModels,
        task: Task,
        at_ms: impl Fn() -> u64,
    ) -> Result<(), Halt> {
        match task {
            Task::Propose { node, request } => {
                let proposals = models.propose(&request).await.map_err(Halt::Problem)?;
                driver.proposed(at_ms(), node, proposals);
            }
            Task::Score { node, request } => {
                let scores = models.score(&request).await.map_err(Halt::Problem)?;
                driver.scored(at_ms(), node, scores);
            }
            Task::Look { node, state, tactics } => {
                let steps = self.try_all(Op::Try { state, tactics, until_proved: false }).await?;
                driver.looked(at_ms(), node, steps);
            }
            Task::Check { node, state, tactics } => {
                let steps = self.try_all(Op::Try { state, tactics, until_proved: true }).await?;
                driver.checked(at_ms(), node, steps);
            }
            Task::Recheck { node, proof } => {
                let started = browser::now();
                let question = self.session.ask(Op::Recheck { proof });
                self.search.question.set_value(Some(question.clone()));
                match question.next().await {
                    Some(Body::Verdict { verdict, .. }) => {
                        let wall_us = ((browser::now() - started) * 1000.0) as u64;
                        driver.rechecked(at_ms(), node, verdict, LeanCost { cpu_us: 0, wall_us });
                    }
                    Some(Body::Failed { problem }) => return Err(problem.into()),
                    _ => return Err(Halt::Overtaken),
                }
            }
        }
        Ok(())
    }

    /// What became of the tactics that are to be tried.
    async fn try_all(self, trial: Op) -> Result<Vec<Step>, Halt> {
        let question = self.session.ask(trial);
        self.search.question.set_value(Some(question.clone()));
        let mut steps = Vec::new();
        while let Some(body) = question.next().await {
            match body {
                // After a lost connection some are told again; they come in order.
                Body::Tried { idx, step } if idx == steps.len() => steps.push(step),
                Body::Failed { problem } => return Err(problem.into()),
                _ => {}
            }
        }
        Ok(steps)
    }

    /// What the visitor chose, with no more candidates than the server runs together.
    pub(super) fn plan(self) -> SearchPlan {
        SearchPlan {
            order: self.search.order.get_untracked(),
            samples: self.search.samples.get_untracked().min(self.most_tactics()),
            expansions: self.search.expansions.get_untracked(),
            wall_ms: u64::from(self.search.seconds.get_untracked()) * 1000,
            seed: 0,
        }
    }

    fn header(self, theorem: stepwise_core::problem::Theorem, prefix: Vec<String>) -> LogHeader {
        let config = self.plan().config(1);
        let place = match self.place.status.get_untracked() {
            ModelStatus::Ready { is_gpu: true, .. } => "browser, WebGPU",
            _ => "browser, CPU",
        };
        LogHeader {
            theorem,
            prefix,
            policy: format!("shipped ({place})"),
            critic: config.order.needs_critic().then(|| format!("shipped ({place})")),
            lean: self.session.info.with_untracked(|info| info.as_ref().map_or_else(String::new, |i| i.lean.clone())),
            config,
        }
    }

    /// Shows a new log on the Tree page, for the events of a search that begins.
    fn begin_log(self, header: LogHeader) {
        let replay = Replay::begin(header);
        self.search.log.set_value(Some(replay.version().0));
        self.replay.set(Some(replay));
    }

    /// Hands events to the Tree page, unless it shows another log by now.
    fn push(self, events: Vec<TimedEvent>) {
        let log = self.search.log.get_value();
        let is_shown = self.replay.with_untracked(|replay| replay.as_ref().map(|replay| replay.version().0) == log);
        if events.is_empty() || !is_shown {
            return;
        }
        self.replay.update(|replay| {
            if let Some(replay) = replay {
                events.into_iter().for_each(|event| replay.push(event));
            }
        });
    }

    /// Moves the clock of the progress line while the search runs.
    fn show_clock(self, search_turn: u32, started: f64) {
        if self.is_current_search(search_turn) && self.is_searching() {
            self.search.elapsed_ms.set(browser::now() - started);
            set_timeout(move || self.show_clock(search_turn, started), Duration::from_millis(250));
        }
    }
}

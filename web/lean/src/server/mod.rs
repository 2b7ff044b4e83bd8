//! A server of `stepwise.v1` inside a page, over one host of [`stepwise_lean::protocol`].
//!
//! Nothing here knows a worker, a clock or JavaScript: texts and times go in, [`Action`]s come out. The host does one thing
//! at a time, and ends with whatever it cannot finish: then the states are gone, and come back one by one when they are
//! asked for. A whole proof is judged by a host of its own, which nothing else has used and which ends with its verdict.

#![expect(clippy::result_large_err, reason = "an answer in the place of work, once for a request of the page's")]

mod jobs;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::Serialize;
use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::portfolio;
use stepwise_core::policy::{Candidate, ProposalRequest};
use stepwise_core::problem::{CORE_NOTATION, Defaults, parse_statement};
use stepwise_core::wire::{self, Body, Greeting, Info, Limits, Message, Op, Order, Problem, Reception, Welcome};
use stepwise_lean::protocol::{Cause, Fatal, Hello, Request};

use self::jobs::{Form, Job, Searching, Steps, Work};
use self::statement::Statement;

/// What Lean may take for one tactic, or for a statement, in milliseconds.
const STEP_MS: u64 = 30_000;
/// What the judgement of a whole proof may take, in milliseconds.
const RECHECK_MS: u64 = 60_000;
/// How long past its limit Lean may take to notice by itself.
const GRACE_MS: u64 = 1000;
/// How long what nobody waits for any more may go on: starting Lean anew takes about as long.
const UNWANTED_MS: u64 = 400;
/// States that a statement may have.
const STATES: usize = 20_000;
/// Tries to start Lean before it is given up.
const STARTS: u32 = 3;

/// What a session may do.
const LIMITS: Limits = Limits {
    message_bytes: 1 << 20,
    requests: 32,
    tactics: 64,
    states: STATES,
    step_ms: STEP_MS,
    expansions: 10_000,
    search_ms: 3_600_000,
    keep_s: 0,
};

/// The policy's name.
const POLICY: &str = concat!("portfolio ", env!("CARGO_PKG_VERSION"));

/// What is to be done for the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tell the page.
    Send(String),
    /// Ask the host.
    Ask(String),
    /// Ask a host that nothing has used, which is the host from then on.
    Open(String),
    /// Ask a judge: another host, that nothing has used.
    Judge(String),
    /// End the judge.
    Dismiss,
    /// End the host, and start another.
    Restart,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    package: String,
    /// Lean's version and modules, once a host has said them.
    lean: Option<Hello>,
    is_ready: bool,
    n_failed_starts: u32,
    /// Whether the page waits to be greeted.
    is_greeting: bool,
    last_message: u64,
    last_id: u64,
    jobs: VecDeque<Job>,
    asked: Option<Asked>,
    last_asked: u64,
    statement: Option<Statement>,
    actions: Vec<Action>,
}

/// A request to the host.
#[derive(Debug)]
struct Asked {
    id: u64,
    /// The job that it is for; none where nobody waits for it any more.
    job: Option<u64>,
    what: What,
    /// The tactic that it runs.
    tactic: String,
    /// When it is cut off.
    deadline: u64,
    /// A tactic's outcome, and a state that nobody wants, before what it cost is known.
    outcome: Option<(StepOutcome<u64>, Option<u64>)>,
}

/// What a host is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A statement.
    Open,
    /// The same statement again.
    Reopen,
    /// A state again.
    Replay(u32),
    /// A tactic.
    Step,
    /// A judgement.
    Recheck,
}

impl Server {
    /// A server whose host is being started. `package` names Lean's.
    #[must_use]
    pub fn new(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            lean: None,
            is_ready: false,
            n_failed_starts: 0,
            is_greeting: false,
            last_message: 0,
            last_id: 0,
            jobs: VecDeque::new(),
            asked: None,
            last_asked: 0,
            statement: None,
            actions: Vec::new(),
        }
    }

    /// What is to be done now, in this order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// When [`Server::late`] wants to be called, if it does.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.asked.as_ref().map(|asked| asked.deadline)
    }

    /// Takes in a text of the page's. `now` is in milliseconds.
    pub fn hear(&mut self, text: &str, now: u64) {
        if let Ok(wire::Request { id, op }) = serde_json::from_str(text) {
            // An id that was seen before is not carried out twice.
            if id > self.last_id {
                self.last_id = id;
                self.take(id, op, now);
            }
        } else if serde_json::from_str::<Greeting>(text).is_ok() {
            self.is_greeting = true;
            self.greet();
        } else {
            let problem = problem("bad-message", 400, "this is no message of stepwise.v1; reload the page");
            self.send(&Reception::Refused { problem });
        }
        self.go_on(now);
    }

    /// Takes in a line of the host's.
    pub fn said(&mut self, line: &str, now: u64) {
        if self.is_ready {
            self.take_answer(line, now);
        } else {
            match serde_json::from_str::<Hello>(line) {
                Ok(hello) if hello.fatal.is_none() => {
                    (self.is_ready, self.n_failed_starts) = (true, 0);
                    self.lean = Some(hello);
                    self.greet();
                }
                Ok(hello) => self.died(&hello.fatal.unwrap_or_default(), now),
                Err(error) => self.died(&format!("Lean said something odd: {error}"), now),
            }
        }
        self.go_on(now);
    }

    /// Takes in a line of the judge's.
    pub fn judged(&mut self, line: &str, now: u64) {
        if self.is_judging() {
            self.take_answer(line, now);
        }
        self.go_on(now);
    }

    /// The judge has ended by itself.
    pub fn judge_died(&mut self, reason: &str, now: u64) {
        if self.is_judging() {
            self.cut(&crash(reason), now);
        }
        self.go_on(now);
    }

    /// The host has ended by itself.
    pub fn died(&mut self, reason: &str, now: u64) {
        if self.is_ready && self.is_judging() {
            self.lose_host();
        } else if self.is_ready {
            self.cut(&crash(reason), now);
        } else {
            self.n_failed_starts += 1;
            if self.n_failed_starts < STARTS {
                self.actions.push(Action::Restart);
            } else {
                let detail = format!("Lean does not start in this browser ({reason}); reload the page");
                for job in std::mem::take(&mut self.jobs) {
                    self.tell(job.re, failed("machine", 500, detail.clone()));
                }
                if std::mem::take(&mut self.is_greeting) {
                    self.send(&Reception::Refused { problem: problem("machine", 500, detail) });
                }
            }
        }
        self.go_on(now);
    }

    /// Looks at the clock.
    pub fn late(&mut self, now: u64) {
        if self.asked.as_ref().is_some_and(|asked| now >= asked.deadline) {
            self.cut(&Fatal { cause: Cause::Timeout, detail: "it did not end in time".to_owned() }, now);
        }
        self.go_on(now);
    }

    fn greet(&mut self) {
        let (true, Some(hello)) = (self.is_greeting, &self.lean) else { return };
        let version = hello.version.as_deref().unwrap_or_default();
        let info = Info {
            protocol: wire::VERSION,
            server: concat!("stepwise ", env!("CARGO_PKG_VERSION"), " in this browser").to_owned(),
            lean: format!("{} {version}", self.package.split(' ').next().unwrap_or_default()),
            policy: POLICY.to_owned(),
            critic: None,
            limits: LIMITS,
            campaign: None,
        };
        self.is_greeting = false;
        let welcome = Welcome { session: "here".into(), key: String::new(), resumed: false, missed: false, info };
        self.send(&Reception::Welcome(Box::new(welcome)));
    }

    fn take(&mut self, re: u64, op: Op, now: u64) {
        if !self.is_ready && self.n_failed_starts >= STARTS {
            // Whoever asks again wants it tried again.
            self.n_failed_starts = 0;
            self.actions.push(Action::Restart);
        }
        let work = match op {
            Op::Open { text } => {
                let defaults = Defaults { imports: Vec::new(), preamble: CORE_NOTATION.to_owned() };
                // Whatever is under way belongs to the statement before.
                self.give_all_up(now);
                match parse_statement(&text, &defaults) {
                    Ok(theorem) => Ok(Work::Open(theorem)),
                    Err(error) => Err(Body::Rejected { message: error.to_string() }),
                }
            }
            Op::Apply { state, tactic } => self.steps(state, vec![tactic], Form::One),
            Op::Try { state, tactics, until_proved } => self.steps(state, tactics, Form::Several { until_proved }),
            Op::Suggest { state, samples, seed } => self.suggest(re, state, samples, seed),
            Op::Search { state, plan } => self.search(re, state, &plan, now),
            Op::Recheck { proof } => self.has_state(0).map(|()| Work::Recheck { proof }),
            Op::Cancel { request } => {
                self.give_up(request, now);
                Err(Body::Done)
            }
            Op::Close => {
                self.give_all_up(now);
                Err(Body::Done)
            }
            Op::SearchLog { .. } => Err(failed("not-found", 404, "this server keeps no logs of searches")),
            Op::Tidy { .. } => Err(failed("not-found", 404, "proofs are tidied by `stepwise serve` only")),
            Op::Disprove { .. } => Err(failed("not-found", 404, "Lean in this browser looks for proofs only")),
        };
        match work {
            Ok(work) => self.jobs.push_back(Job { re, work }),
            Err(body) => self.tell(re, body),
        }
    }

    fn steps(&self, state: u32, tactics: Vec<String>, form: Form) -> Result<Work, Body> {
        if !(1..=LIMITS.tactics).contains(&tactics.len()) {
            let (n, most) = (tactics.len(), LIMITS.tactics);
            return Err(failed("too-large", 413, format!("{n} tactics are asked for, and may be from 1 to {most}")));
        }
        self.has_state(state)?;
        Ok(Work::Steps(Steps::new(state, tactics, form)))
    }

    fn has_state(&self, state: u32) -> Result<(), Body> {
        let Some(statement) = &self.statement else {
            return Err(failed("no-statement", 409, "open a statement first"));
        };
        match statement.state(state) {
            Some(_) => Ok(()),
            None => Err(failed("not-found", 404, format!("the statement has no state {state}"))),
        }
    }

    fn suggest(&mut self, re: u64, state: u32, samples: u32, seed: u64) -> Result<Work, Body> {
        self.has_state(state)?;
        let Some(statement) = &self.statement else { return Err(Body::Done) };
        let request = ProposalRequest {
            theorem: statement.theorem.name.clone(),
            goals: statement.state(state).map(|state| state.goals.to_vec()).unwrap_or_default(),
            history: statement.path(state),
            samples: samples.min(LIMITS.tactics as u32),
            seed,
            without: statement.theorem.without.clone(),
            declarations: std::sync::Arc::clone(&statement.declarations),
            ..ProposalRequest::default()
        };
        let candidates = portfolio::propose(&request);
        self.tell(
            re,
            Body::Proposed { candidates: candidates.iter().map(wire::Candidate::from).collect(), wall_us: 0 },
        );
        let tactics: Vec<String> = candidates.into_iter().map(|Candidate { tactic, .. }| tactic).collect();
        if tactics.is_empty() {
            Err(Body::Done)
        } else {
            self.steps(state, tactics, Form::Several { until_proved: false })
        }
    }

    fn search(&mut self, re: u64, state: u32, plan: &wire::SearchPlan, now: u64) -> Result<Work, Body> {
        self.has_state(state)?;
        let Some(statement) = &self.statement else { return Err(Body::Done) };
        if plan.order != Order::BestFirst {
            return Err(failed(
                "no-critic",
                409,
                "the portfolio has no critic; search best-first, or run models in this browser",
            ));
        }
        if self.jobs.iter().any(|job| matches!(job.work, Work::Search(_))) {
            return Err(failed("busy", 409, "a search is under way in this session; cancel it first"));
        }
        let lean = self.lean.as_ref().and_then(|hello| hello.version.clone()).unwrap_or_default();
        let searching = Searching::begin(statement, state, plan, POLICY, &lean, now);
        self.tell(re, Body::SearchStarted { header: searching.header() });
        Ok(Work::Search(Box::new(searching)))
    }

    /// Gives a request up.
    fn give_up(&mut self, re: u64, now: u64) {
        let Some(at) = self.jobs.iter().position(|job| job.re == re) else { return };
        if let Some(job) = self.jobs.remove(at) {
            let body = match job.work {
                Work::Steps(Steps { form: Form::Several { .. }, .. }) => Body::Done,
                Work::Search(mut searching) => {
                    self.tell_news(re, &mut searching);
                    Body::SearchEnded { n_events: searching.n_told, cancelled: true }
                }
                _ => failed("cancelled", 409, "the request was given up"),
            };
            self.tell(re, body);
        }
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.job == Some(re)) {
            asked.job = None;
            asked.deadline = asked.deadline.min(now + UNWANTED_MS);
        }
    }

    fn give_all_up(&mut self, now: u64) {
        let all: Vec<u64> = self.jobs.iter().map(|job| job.re).collect();
        all.into_iter().for_each(|re| self.give_up(re, now));
    }

    /// Asks the host. It answers under the number that `request` is given.
    fn ask(&mut self, job: u64, what: What, limit_ms: u64, now: u64, request: impl FnOnce(u64) -> Request) {
        self.last_asked += 1;
        let id = self.last_asked;
        let deadline = now + limit_ms + GRACE_MS;
        let request = request(id);
        let tactic = if let Request::Apply { tactics, .. } = &request { tactics.concat() } else { String::new() };
        self.asked = Some(Asked { id, job: Some(job), what, tactic, deadline, outcome: None });
        self.say(&request);
    }

    /// Tells the host something, or the one that such a request is for.
    fn say(&mut self, request: &Request) {
        let whom = match request {
            Request::Open { .. } => Action::Open,
            Request::Recheck { .. } => Action::Judge,
            _ => Action::Ask,
        };
        self.actions.push(whom(text(request)));
    }

    fn free(&mut self, states: Vec<u64>) {
        if !states.is_empty() {
            self.say(&Request::Free { states });
        }
    }

    fn tell(&mut self, re: u64, body: Body) {
        self.last_message += 1;
        let message = Message { seq: self.last_message, re, body };
        self.send(&message);
    }

    fn send(&mut self, message: &impl Serialize) {
        self.actions.push(Action::Send(text(message)));
    }

    /// Tells the events of a search that are not told yet.
    fn tell_news(&mut self, re: u64, searching: &mut Searching) {
        let (from, events) = searching.take_news();
        if !events.is_empty() {
            self.tell(re, Body::Searched { from, events });
        }
    }
}

fn problem(kind: &str, status: u16, detail: impl Into<String>) -> Problem {
    Problem { kind: kind.to_owned(), status, detail: detail.into() }
}

fn failed(kind: &str, status: u16, detail: impl Into<String>) -> Body {
    Body::Failed { problem: problem(kind, status, detail) }
}

fn crash(reason: &str) -> Fatal {
    Fatal { cause: Cause::Crashed, detail: reason.to_owned() }
}

fn text(value: &impl Serialize) -> String {
    // The types of both protocols have string keys only, which is all that can fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// What nobody spent.
const NOTHING: LeanCost = LeanCost { cpu_us: 0, wall_us: 0 };

//! Carries out the requests of a session: each becomes the message that ends it, with others before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::cost::LeanCost;
use stepwise_core::critic::ScoreRequest;
use stepwise_core::disproof::Disproof;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::ProposalRequest;
use stepwise_core::problem::{CORE_NOTATION, parse_statement};
use stepwise_core::syntax::Withheld;
use stepwise_core::wire::log::LogHeader;
use stepwise_core::wire::search::Header;
use stepwise_core::wire::{self, Body, Candidate, Op, Order, Request, SearchPlan, Step};
use stepwise_core::words;
use tokio::sync::watch;

use super::journal::Writer;
use super::problem::Problem;
use super::session::{Proof, Session, failed};
use crate::lean::host::Costed;
use crate::lean::pool::{PoolError, SessionStart, StateId};
use crate::run::critic::Critic;
use crate::run::policy::for_imports;
use crate::run::sides::disprove;
use crate::run::tidy::{Accepted, Tidied, tidy_within};
use crate::run::{Job, Ran, run_search};
use crate::stop::{Stop, StopLevel};

/// Bytes of events that one `search_log` is answered with, by estimate: fewer than an outbox keeps, so that a reader that
/// takes its time gets them all.
const LOG_BYTES: usize = 2 << 20;

/// What the questions about one proof may take that is tidied.
const TIDYING: Duration = Duration::from_secs(5);

/// Bytes of tactics and goals that a statement's states may have.
const STATE_BYTES: usize = 64 << 20;

/// Takes a request in and begins to carry it out. One that was taken in before is not begun again.
///
/// # Errors
/// The session has ended, or the request has no number.
pub(super) fn take(session: &Arc<Session>, request: Request) -> Result<(), Problem> {
    let Request { id, op } = request;
    let Some((sender, stop)) = session.begin(id, &op)? else { return Ok(()) };
    let is_last = matches!(op, Op::Close);
    let session = Arc::clone(session);
    tokio::spawn(async move {
        let work = tokio::spawn(carry_out(Arc::clone(&session), id, op, sender, stop));
        let body = work.await.unwrap_or_else(|_| {
            failed(Problem::machine("a part of the server died, which its log explains; try again"))
        });
        session.finish(id, body);
        // Not before: connections close when the session ends, and are to have said this.
        if is_last {
            session.end();
        }
    });
    Ok(())
}

/// Carries out a request, and gives the message that ends it.
async fn carry_out(session: Arc<Session>, id: u64, op: Op, sender: watch::Sender<StopLevel>, mut stop: Stop) -> Body {
    let work = Work { session: &session, id };
    if let Op::Disprove { plan } = op {
        return work.disprove(plan, stop).await.unwrap_or_else(failed);
    }
    // A search ends by itself when it is stopped, and says so.
    if let Op::Search { state, plan } = op {
        return work.search(state, plan, sender, stop).await.unwrap_or_else(failed);
    }
    let when_cancelled = match op {
        Op::Try { .. } | Op::Suggest { .. } => Body::Done,
        _ => failed(Problem::cancelled("the request was given up")),
    };
    let tidying = stop.clone();
    let done = async {
        match op {
            Op::Open { text } => work.open(&text).await,
            Op::Apply { state, tactic } => work.apply(state, tactic).await,
            Op::Try { state, tactics, until_proved } => work.try_all(state, tactics, until_proved).await,
            Op::Suggest { state, samples, seed } => work.suggest(state, samples, seed).await,
            Op::SearchLog { from } => work.search_log(from),
            Op::Recheck { proof } => work.recheck(proof).await,
            Op::Tidy { proof } => work.tidy(&proof, tidying).await,
            // Sessions end and requests are cancelled where they are taken in; searches go their own way.
            Op::Close | Op::Search { .. } | Op::Disprove { .. } | Op::Cancel { .. } => Ok(Body::Done),
        }
    };
    tokio::select! {
        body = done => body.unwrap_or_else(failed),
        () = stop.reached(StopLevel::Abort) => when_cancelled,
    }
}

struct Work<'a> {
    session: &'a Session,
    id: u64,
}

impl Work<'_> {
    async fn open(&self, text: &str) -> Result<Body, Problem> {
        let service = &self.session.service;
        let theorem = match parse_statement(text, &service.defaults) {
            Ok(theorem) => theorem,
            Err(error) => return Ok(Body::Rejected { message: error.to_string() }),
        };
        let Costed { value, cost } = service.pool.open(theorem.clone()).await.map_err(machine)?;
        match value {
            SessionStart::Open { session, goals, declarations, .. } => {
                let shown = goals.iter().map(wire::Goal::from).collect();
                if !self
                    .session
                    .set_proof(self.id, Proof::new(theorem.clone(), session, &goals, Arc::clone(&declarations)))
                {
                    return Err(Problem::cancelled("another statement was opened"));
                }
                Ok(Body::Opened { theorem, goals: shown, declarations: declarations.to_vec(), cost: cost.into() })
            }
            SessionStart::Rejected { message } | SessionStart::HostFailed { message } => Ok(Body::Rejected { message }),
        }
    }

    async fn apply(&self, state: u32, tactic: String) -> Result<Body, Problem> {
        let proof = self.session.proof()?;
        proof.state(state)?;
        let (step, _) = self.step(&proof, state, tactic).await?;
        Ok(Body::Applied { step })
    }

    async fn try_all(&self, state: u32, tactics: Vec<String>, until_proved: bool) -> Result<Body, Problem> {
        self.check_tactics(tactics.len())?;
        let proof = self.session.proof()?;
        proof.state(state)?;
        for (idx, tactic) in tactics.into_iter().enumerate() {
            let (step, _) = self.step(&proof, state, tactic).await?;
            let is_proved = step.outcome == wire::Outcome::Proved;
            self.tell(Body::Tried { idx, step });
            if is_proved && until_proved {
                break;
            }
        }
        Ok(Body::Done)
    }

    async fn suggest(&self, state: u32, samples: u32, seed: u64) -> Result<Body, Problem> {
        self.check_tactics(samples as usize)?;
        let proof = self.session.proof()?;
        let goals = proof.state(state)?.goals;
        let request = ProposalRequest {
            theorem: proof.theorem.name.clone(),
            goals: goals.to_vec(),
            history: proof.path(state),
            samples,
            pass: 0,
            seed,
            without: proof.theorem.without.clone(),
            declarations: Arc::clone(&proof.declarations),
            ..ProposalRequest::default()
        };
        let started = Instant::now();
        let policy = for_imports(&self.session.service.policy, &proof.theorem.imports);
        let proposals = policy.propose(&request).await;
        let candidates = proposals.map_err(|e| Problem::machine(e.to_string()))?.candidates;
        self.tell(Body::Proposed {
            candidates: candidates.iter().map(Candidate::from).collect(),
            wall_us: micros(started),
        });
        let mut opened: Vec<(u32, Vec<Goal>)> = Vec::new();
        for (idx, candidate) in candidates.into_iter().enumerate() {
            let (step, goals) = self.step(&proof, state, candidate.tactic).await?;
            opened.extend(step.state.zip(goals));
            self.tell(Body::Tried { idx, step });
        }
        if let Some(critic) = self.session.service.critic.as_ref().filter(|_| !opened.is_empty()) {
            let started = Instant::now();
            let (states, goals): (Vec<u32>, Vec<Vec<Goal>>) = opened.into_iter().unzip();
            let scores = critic.score(&ScoreRequest { states: goals }).await;
            let scores = scores.map_err(|e| Problem::machine(e.to_string()))?.scores;
            let scores = states.into_iter().zip(scores).filter(|(_, score)| score.is_finite()).collect();
            self.tell(Body::Scored { scores, wall_us: micros(started) });
        }
        Ok(Body::Done)
    }

    async fn search(
        &self,
        state: u32,
        plan: SearchPlan,
        sender: watch::Sender<StopLevel>,
        stop: Stop,
    ) -> Result<Body, Problem> {
        let service = &self.session.service;
        self.check_plan(&plan)?;
        let proof = self.session.proof()?;
        proof.state(state)?;
        let critic = self.critic(&plan)?;
        let header = LogHeader {
            theorem: proof.theorem.clone(),
            prefix: proof.path(state),
            config: plan.config(service.in_flight),
            policy: service.policy.name().to_owned(),
            critic: critic.map(|critic| critic.name().to_owned()),
            lean: service.lean.clone(),
        };
        let told = self.session.begin_search(self.id)?;
        self.tell(Body::SearchStarted { header: Header::from(&header) });
        let job = Job::new(header.search(), Some(Box::new(Writer::new(Arc::clone(&told), sender))));
        let run = async {
            let ran = run_search(job, &service.pool, &service.policy, critic, stop, &|_| {}).await;
            told.end();
            ran
        };
        let (ran, ()) = tokio::join!(run, told.tell(self.id, &self.session.outbox));
        let Ran { interrupted, .. } = ran.map_err(|e| Problem::machine(e.to_string()))?;
        Ok(Body::SearchEnded { n_events: told.len(), cancelled: interrupted })
    }

    async fn disprove(&self, plan: SearchPlan, stop: Stop) -> Result<Body, Problem> {
        let service = &self.session.service;
        self.check_plan(&plan)?;
        let critic = self.critic(&plan)?;
        let theorem = self.session.proof()?.theorem.clone();
        let Ok(_turn) = self.session.disproving.try_lock() else {
            return Err(Problem::busy("the negation is being searched in this session; cancel that first"));
        };
        let config = plan.config(service.in_flight);
        let ran = disprove(&theorem, &config, &service.pool, &service.policy, critic, stop).await;
        Ok(match ran.map_err(|e| Problem::machine(e.to_string()))? {
            Ok(ran) => match Disproof::of(&ran.search) {
                Some(disproof) => Body::Disproved { disproof },
                None if ran.interrupted => return Err(Problem::cancelled("the request was given up")),
                None => Body::NotDisproved { why: words::of_search(&ran.search).unwrap_or_default() },
            },
            Err(why) => Body::NotDisproved { why: format!("the negation cannot be stated: {why}") },
        })
    }

    fn search_log(&self, from: usize) -> Result<Body, Problem> {
        let told = self.session.last_search();
        let told = told.ok_or_else(|| Problem::not_found("there was no search in this session"))?;
        told.tell_from(from, LOG_BYTES, self.id, &self.session.outbox);
        Ok(Body::Done)
    }

    async fn recheck(&self, proof: Vec<String>) -> Result<Body, Problem> {
        let theorem = &self.session.proof()?.theorem;
        let _turn = self.session.judging.lock().await;
        let verdict = self.session.service.pool.recheck(theorem, &proof).await.map_err(machine)?.value;
        Ok(Body::Verdict { verdict, file: theorem.file(&proof) })
    }

    async fn tidy(&self, proof: &[String], stop: Stop) -> Result<Body, Problem> {
        let service = &self.session.service;
        let theorem = &self.session.proof()?.theorem;
        let _turn = self.session.judging.lock().await;
        let verdict = service.pool.recheck(theorem, proof).await.map_err(machine)?.value;
        if !verdict.accepted {
            return Ok(Body::Verdict { verdict, file: theorem.file(proof) });
        }
        let accepted = Accepted { theorem, proof, verdict: &verdict, withheld: &Withheld::default() };
        let has_default_notation = service.defaults.preamble == CORE_NOTATION;
        let tidied = tidy_within(TIDYING, &service.pool, accepted, Vec::new(), has_default_notation, &stop).await;
        let Tidied { theorem, proof, verdict, report } = tidied;
        Ok(Body::Tidied { file: theorem.file(&proof), proof, verdict, report })
    }

    /// Runs one tactic, and notes the state that it opens.
    async fn step(&self, proof: &Proof, state: u32, tactic: String) -> Result<(Step, Option<Vec<Goal>>), Problem> {
        let limit = self.session.service.limits.states;
        let (n_states, n_bytes) = proof.lean.size();
        if n_states >= limit || n_bytes >= STATE_BYTES {
            let megabytes = STATE_BYTES >> 20;
            return Err(Problem::too_large(format!(
                "the statement has its {limit} states, or {megabytes} MB of them; open it again"
            )));
        }
        let answer = proof.lean.apply(StateId(state), std::slice::from_ref(&tactic)).await;
        let Costed { mut value, cost } = answer.map_err(machine)?;
        let outcome = value.pop().unwrap_or(StepOutcome::Crashed { detail: "Lean gave no answer".to_owned() });
        let mut step = step(tactic, &outcome, cost);
        let goals = match outcome {
            StepOutcome::Open { state: StateId(opened), goals } => {
                proof.add(state, &step.tactic, opened, &goals);
                step.state = Some(opened);
                Some(goals)
            }
            _ => None,
        };
        Ok((step, goals))
    }

    fn check_plan(&self, plan: &SearchPlan) -> Result<(), Problem> {
        self.check_tactics(plan.samples as usize)?;
        let limits = self.session.service.limits;
        if (1..=limits.expansions).contains(&plan.expansions) && (1..=limits.search_ms).contains(&plan.wall_ms) {
            return Ok(());
        }
        Err(Problem::too_large(format!(
            "a search may have 1 to {} expansions and 1 to {} milliseconds",
            limits.expansions, limits.search_ms
        )))
    }

    /// The critic that a plan needs.
    fn critic(&self, plan: &SearchPlan) -> Result<Option<&Arc<dyn Critic>>, Problem> {
        match plan.order {
            Order::BestFirst => Ok(None),
            Order::CriticGuided | Order::Both => {
                let critic = self.session.service.critic.as_ref();
                critic.map(Some).ok_or_else(|| {
                    Problem::no_critic("this server has no critic; search best-first, or start it with `--critic tiny`")
                })
            }
        }
    }

    fn check_tactics(&self, n: usize) -> Result<(), Problem> {
        let limit = self.session.service.limits.tactics;
        if (1..=limit).contains(&n) {
            return Ok(());
        }
        Err(Problem::too_large(format!("{n} tactics are asked for, and may be from 1 to {limit}")))
    }

    fn tell(&self, body: Body) {
        self.session.outbox.push(self.id, body);
    }
}

fn step(tactic: String, outcome: &StepOutcome<StateId>, cost: LeanCost) -> Step {
    Step { tactic, state: None, outcome: outcome.into(), cost: cost.into() }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn machine(error: PoolError) -> Problem {
    match error {
        PoolError::CannotStart(message) => Problem::machine(message),
        PoolError::Closed => Problem::cancelled("the statement was closed, or the server stops"),
    }
}

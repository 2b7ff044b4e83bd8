//! The executor: carries out a search's commands with the pool, the policy and the critic, and tells the search what
//! happened.
//!
//! Every event is in the journal before the search sees it, so that whatever the search decided can be decided again.
//! Only ticks that move nothing but the clock are mostly left out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::cost::LeanCost;
use stepwise_core::critic::Scores;
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::policy::Proposals;
use stepwise_core::problem::Theorem;
use stepwise_core::search::{Command, Event, NodeId, Search, SearchConfig, TimedEvent};
use stepwise_core::wire::log::Log;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::critic::{Critic, CriticError};
use super::log_file::{LogFile, LogFileError};
use super::policy::{Policy, PolicyError, for_imports};
use super::searches::{Found, replace_searches};
use super::sides::Seat;
use super::states::{self, States};
use crate::lean::host::Costed;
use crate::lean::pool::{Pool, PoolError, Session, SessionStart, StateId};
use crate::stop::{Stop, StopLevel};

/// While nothing happens the search is told the time this often, so that its wall-clock budget acts.
const TICK: Duration = Duration::from_millis(250);

/// While nothing happens the log gets a line this often, so that a search that is killed then does not forget more of
/// its wall time.
const HEARTBEAT_MS: u64 = 10_000;

/// Where a search's events are written before the search acts on them.
pub trait Journal: Send {
    /// Writes one event.
    ///
    /// # Errors
    /// When it cannot be written; the search stops there.
    fn append(&mut self, event: &TimedEvent) -> Result<(), LogFileError>;
}

impl Journal for LogFile {
    fn append(&mut self, event: &TimedEvent) -> Result<(), LogFileError> {
        Self::append(self, event)
    }
}

/// A search that is to be run.
pub struct Job {
    search: Search,
    journal: Option<Box<dyn Journal>>,
    /// Commands that a resumed search has to do again; `None` for a search that has not started.
    again: Option<Vec<Command>>,
    base_ms: u64,
    /// Where it shares its budget with another search.
    seat: Option<Seat>,
    /// What Lean has spent for it before it begins.
    extra_cost: LeanCost,
}

impl Job {
    /// A search that starts now.
    #[must_use]
    pub fn new(search: Search, journal: Option<Box<dyn Journal>>) -> Self {
        Self { search, journal, again: None, base_ms: 0, seat: None, extra_cost: LeanCost::default() }
    }

    /// A search that goes on where its log ends.
    #[must_use]
    pub fn resume(file: LogFile, log: &Log) -> Self {
        let search = log.replay();
        let again = (!log.events.is_empty()).then(|| search.outstanding());
        let (journal, base_ms): (Option<Box<dyn Journal>>, u64) = (Some(Box::new(file)), log.last_ms());
        Self { search, journal, again, base_ms, seat: None, extra_cost: LeanCost::default() }
    }

    /// The same, begun at this time of a clock that it shares with another search.
    pub(super) fn at(self, base_ms: u64) -> Self {
        Self { base_ms, ..self }
    }

    /// The same, sharing its budget with another search.
    pub(super) fn seated(self, seat: Seat) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// The same, with what Lean has spent for it already.
    pub(super) fn costing(self, extra_cost: LeanCost) -> Self {
        Self { extra_cost, ..self }
    }

    /// The search as it stands.
    pub(super) fn search(&self) -> &Search {
        &self.search
    }

    /// The time of its last event.
    pub(super) fn base_ms(&self) -> u64 {
        self.base_ms
    }
}

/// How a run came to its end.
#[derive(Debug)]
pub struct Ran {
    /// The search; [`Search::end`] says how it ended.
    pub search: Search,
    /// True when the caller stopped it first. Its log, if it has one, can be gone on with.
    pub interrupted: bool,
    /// What the user should know about the statement, one line each: letters that nobody bound and Lean made variables.
    pub notes: Vec<String>,
}

/// What kept a search from running; nothing about the theorem.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The pool failed.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The policy failed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The critic failed.
    #[error(transparent)]
    Critic(#[from] CriticError),
    /// There is no critic to fail.
    #[error(transparent)]
    MissingCritic(#[from] MissingCritic),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// A resumed search's theorem does not open any more.
    #[error("Lean opened the statement when the search began, but not now: {message}")]
    Reopen { message: String },
    /// A part of this program died; its message is on standard error.
    #[error("a task of the search died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A search needs scores and nobody gives any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this search is guided by a critic and none is given: name one, or search best-first")]
pub struct MissingCritic;

/// The critic that a search of this configuration asks; none where its rule needs none, whoever is there.
///
/// # Errors
/// When it needs one and there is none.
pub fn critic_for<'a>(
    config: &SearchConfig,
    critic: Option<&'a Arc<dyn Critic>>,
) -> Result<Option<&'a Arc<dyn Critic>>, MissingCritic> {
    if config.order.needs_critic() { critic.map(Some).ok_or(MissingCritic) } else { Ok(None) }
}

/// Runs a search to its end, or until the caller stops it.
///
/// `progress` is called after every event.
///
/// # Errors
/// When the machine, not the theorem, is at fault. The log stays good for a resume.
pub async fn run_search(
    job: Job,
    pool: &Pool,
    policy: &Arc<dyn Policy>,
    critic: Option<&Arc<dyn Critic>>,
    mut stop: Stop,
    progress: &(dyn Fn(&Search) + Send + Sync),
) -> Result<Ran, RunError> {
    let Job { search, journal, again, base_ms, mut seat, extra_cost } = job;
    let critic = critic_for(search.config(), critic)?.cloned();
    let policy = for_imports(policy, &search.theorem().imports);
    let mut run = Run {
        search,
        journal,
        states: None,
        extra_cost,
        notes: Vec::new(),
        tasks: JoinSet::new(),
        pool: pool.clone(),
        policy,
        critic,
        base_ms,
        logged_ms: base_ms,
        since: Instant::now(),
    };
    if run.search.end().is_some() {
        if let Some(seat) = &seat {
            seat.note(&run.search);
        }
        return Ok(run.ran(false));
    }
    let mut waiting = match again {
        None => run.feed(Event::Started)?,
        Some(commands) => {
            if !run.search.tree().nodes().is_empty() {
                tokio::select! {
                    reopened = run.reopen() => reopened?,
                    () = stop.reached(StopLevel::Abort) => return Ok(run.ran(true)),
                }
            }
            commands
        }
    };
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drain_asked = stop.clone();
    loop {
        progress(&run.search);
        if let Some(seat) = &seat {
            seat.note(&run.search);
        }
        if run.search.end().is_some() {
            return Ok(run.ran(false));
        }
        let may_begin = seat.as_ref().is_none_or(Seat::may_begin);
        let begins = may_begin && !waiting.is_empty();
        if let Some(spent) = seat.as_ref().filter(|_| begins).and_then(|seat| seat.owed(&run.search)) {
            waiting.extend(run.feed(Event::Charged { spent })?);
            continue;
        }
        if stop.level() == StopLevel::Run && !may_begin {
            // Nothing new is begun; what is under way is taken in when it is done.
        } else if stop.level() == StopLevel::Run {
            for command in std::mem::take(&mut waiting) {
                run.carry_out(command);
            }
        } else if run.tasks.is_empty() {
            return Ok(run.ran(true));
        }
        waiting.extend(tokio::select! {
            biased;
            () = stop.reached(StopLevel::Abort) => return Ok(run.ran(true)),
            Some(answer) = run.tasks.join_next() => {
                tick.reset();
                run.take_in(answer??)?
            }
            () = drain_asked.reached(StopLevel::Drain), if stop.level() == StopLevel::Run => Vec::new(),
            () = others_change(seat.as_mut()) => Vec::new(),
            _ = tick.tick() => run.feed(Event::Tick)?,
        });
    }
}

/// Waits until the other search has spent something or ended; for ever where there is none.
async fn others_change(seat: Option<&mut Seat>) {
    match seat {
        Some(seat) => seat.changed().await,
        None => std::future::pending().await,
    }
}

/// What became of the state that a search begins at.
enum Root {
    Open { states: States, goals: Vec<Goal>, notes: Vec<String>, declarations: Declarations },
    Lost(StepOutcome<()>),
}

/// Opens a theorem and runs the tactics that come before the search.
async fn open(pool: &Pool, theorem: &Theorem, prefix: &[String]) -> Result<Costed<Root>, PoolError> {
    let Costed { value, mut cost } = pool.open(theorem.clone()).await?;
    let (session, mut goals, notes, declarations) = match value {
        SessionStart::Open { session, goals, notes, declarations } => (session, goals, notes, declarations),
        SessionStart::Rejected { message } => {
            return Ok(Costed { value: Root::Lost(StepOutcome::Failed { message }), cost });
        }
        SessionStart::HostFailed { message } => {
            return Ok(Costed { value: Root::Lost(StepOutcome::Crashed { detail: message }), cost });
        }
    };
    let mut root = StateId::ROOT;
    for tactic in prefix {
        match states::apply_one(&session, root, tactic, &mut cost).await? {
            StepOutcome::Open { state, goals: next } => (root, goals) = (state, next),
            lost => return Ok(Costed { value: Root::Lost(split(lost).0), cost }),
        }
    }
    let states = States::new(session, root);
    Ok(Costed { value: Root::Open { states, goals, notes, declarations }, cost })
}

/// Runs sibling tactics up to the first that closes the last goal: the rest would cost what a proof no longer needs.
async fn apply_until_proved(
    session: &Session,
    state: StateId,
    tactics: &[String],
) -> Result<(Vec<StepOutcome<StateId>>, LeanCost), PoolError> {
    let (mut outcomes, mut all) = (Vec::with_capacity(tactics.len()), LeanCost::default());
    for tactic in tactics.chunks(1) {
        let Costed { value, cost } = session.apply(state, tactic).await?;
        all += cost;
        outcomes.extend(value);
        if matches!(outcomes.last(), Some(StepOutcome::Proved)) {
            break;
        }
    }
    Ok((outcomes, all))
}

/// Whether these outcomes are those of the first tactics of so many, up to one that closed the last goal.
fn ends_in_proof(outcomes: &[StepOutcome<()>], n_tactics: usize) -> bool {
    outcomes.len() <= n_tactics && matches!(outcomes.last(), Some(StepOutcome::Proved))
}

/// Whether the search waits for this event; true for those that answer nothing.
#[must_use]
pub fn is_asked_for(search: &Search, event: &Event) -> bool {
    let outstanding = search.outstanding();
    let mut asked = outstanding.iter();
    match event {
        Event::Started => search.tree().nodes().is_empty() && outstanding.is_empty(),
        Event::Opened { .. } => asked.any(|command| matches!(command, Command::Open)),
        Event::Proposed { node, .. } => {
            asked.any(|command| matches!(command, Command::Propose { node: asked, .. } if asked == node))
        }
        Event::Checked { node, outcomes, .. } => asked.any(|command| {
            matches!(command, Command::Check { node: asked, tactics }
                if asked == node && (tactics.len() == outcomes.len() || ends_in_proof(outcomes, tactics.len())))
        }),
        Event::Scored { node, .. } => {
            asked.any(|command| matches!(command, Command::Score { node: asked, .. } if asked == node))
        }
        Event::Rechecked { node, .. } => {
            asked.any(|command| matches!(command, Command::Recheck { node: asked, .. } if asked == node))
        }
        Event::Charged { .. } | Event::Tick | Event::Cancelled => true,
    }
}

struct Run {
    search: Search,
    journal: Option<Box<dyn Journal>>,
    /// Once the theorem is open.
    states: Option<States>,
    notes: Vec<String>,
    /// What Lean spent outside the search's own commands, charged to the next one.
    extra_cost: LeanCost,
    tasks: JoinSet<Result<Answer, RunError>>,
    pool: Pool,
    policy: Arc<dyn Policy>,
    /// Where the search's rule needs one.
    critic: Option<Arc<dyn Critic>>,
    base_ms: u64,
    since: Instant,
    /// The time of the journal's last event.
    logged_ms: u64,
}

/// What became of a command, before it is an event.
enum Answer {
    Opened(Costed<Root>),
    Proposed {
        node: NodeId,
        proposals: Proposals,
        /// States that were made again on the way.
        made: Vec<(NodeId, StateId)>,
        /// What Lean spent on tactics that only search.
        cost: LeanCost,
    },
    Checked {
        node: NodeId,
        /// States that were made again on the way.
        made: Vec<(NodeId, StateId)>,
        outcomes: Vec<StepOutcome<StateId>>,
        cost: LeanCost,
    },
    Scored {
        node: NodeId,
        scores: Scores,
    },
    Rechecked {
        node: NodeId,
        verdict: Costed<Verdict>,
    },
}

impl Run {
    fn ran(self, interrupted: bool) -> Ran {
        Ran { search: self.search, interrupted, notes: self.notes }
    }

    /// Logs an event, then feeds it. An answer that the search no longer waits for, because its time ran out
    /// meanwhile, is dropped: the log holds only what counted.
    fn feed(&mut self, event: Event) -> Result<Vec<Command>, RunError> {
        if !is_asked_for(&self.search, &event) {
            return Ok(Vec::new());
        }
        let elapsed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = TimedEvent { at_ms: self.base_ms.saturating_add(elapsed), event };
        let is_kept = event.event != Event::Tick
            || self.search.is_tick_due(event.at_ms)
            || event.at_ms.saturating_sub(self.logged_ms) >= HEARTBEAT_MS;
        if let Some(journal) = self.journal.as_mut().filter(|_| is_kept) {
            journal.append(&event)?;
            self.logged_ms = event.at_ms;
        }
        Ok(self.search.handle(event))
    }

    /// Opens the theorem of a resumed search again.
    async fn reopen(&mut self) -> Result<(), RunError> {
        let Costed { value, cost } = open(&self.pool, self.search.theorem(), self.search.prefix()).await?;
        self.extra_cost = cost;
        match value {
            Root::Open { states, notes, .. } => {
                self.notes = notes;
                self.states = Some(states);
                Ok(())
            }
            Root::Lost(StepOutcome::Failed { message } | StepOutcome::Crashed { detail: message }) => {
                Err(RunError::Reopen { message })
            }
            Root::Lost(other) => Err(RunError::Reopen { message: format!("{other:?}") }),
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Open => {
                let (pool, theorem) = (self.pool.clone(), self.search.theorem().clone());
                let prefix = self.search.prefix().to_vec();
                self.tasks.spawn(async move { Ok(Answer::Opened(open(&pool, &theorem, &prefix).await?)) });
            }
            Command::Propose { node, request } => {
                let policy = Arc::clone(&self.policy);
                let place = self.states.as_ref().map(|states| (states.session(), states.route(&self.search, node)));
                self.tasks.spawn(async move {
                    let mut proposals = policy.propose(&request).await?;
                    // The machine drops them too; but what only searches is run before it hears of it.
                    proposals.candidates.retain(|candidate| !request.withheld.is_used_in(&candidate.tactic));
                    let Found { proposals, made, cost } = replace_searches(proposals, place).await?;
                    Ok(Answer::Proposed { node, proposals, made, cost })
                });
            }
            Command::Score { node, request, .. } => {
                let critic = self.critic.clone();
                self.tasks.spawn(async move {
                    let scores = critic.ok_or(MissingCritic)?.score(&request).await?;
                    Ok(Answer::Scored { node, scores })
                });
            }
            Command::Check { node, tactics } => {
                let Some(states) = &self.states else {
                    debug_assert!(false, "a check comes after the statement was opened");
                    return;
                };
                let (session, route) = (states.session(), states.route(&self.search, node));
                let extra = std::mem::take(&mut self.extra_cost);
                self.tasks.spawn(async move {
                    let walked = route.walk(&session).await?;
                    let (outcomes, mut cost) = match walked.state {
                        Ok(state) => apply_until_proved(&session, state, &tactics).await?,
                        Err(detail) => {
                            let lost = StepOutcome::Crashed { detail: format!("this state is lost: {detail}") };
                            (vec![lost; tactics.len()], LeanCost::default())
                        }
                    };
                    cost += walked.cost;
                    cost += extra;
                    Ok(Answer::Checked { node, made: walked.made, outcomes, cost })
                });
            }
            Command::Recheck { node, proof } => {
                let (pool, theorem) = (self.pool.clone(), self.search.theorem().clone());
                self.tasks.spawn(async move {
                    Ok(Answer::Rechecked { node, verdict: pool.recheck(&theorem, &proof).await? })
                });
            }
            Command::Forget { node } => {
                if let Some(states) = &self.states {
                    states.forget(node);
                }
            }
            // The loop sees the end of the search itself.
            Command::Finish { .. } => {}
        }
    }

    fn take_in(&mut self, answer: Answer) -> Result<Vec<Command>, RunError> {
        match answer {
            Answer::Opened(Costed { value, cost }) => {
                let (outcome, declarations) = match value {
                    Root::Open { states, goals, notes, declarations } => {
                        self.notes = notes;
                        self.states = Some(states);
                        (StepOutcome::Open { state: (), goals }, declarations)
                    }
                    Root::Lost(outcome) => (outcome, Declarations::default()),
                };
                self.feed(Event::Opened { outcome, declarations, cost })
            }
            Answer::Proposed { node, proposals: Proposals { candidates, cost }, made, cost: spent } => {
                self.extra_cost += spent;
                if let Some(states) = &mut self.states {
                    states.note(made.into_iter().map(|(node, state)| (Some(node), state)));
                }
                self.feed(Event::Proposed { node, candidates, cost })
            }
            Answer::Scored { node, scores: Scores { scores, cost } } => self.feed(Event::Scored { node, scores, cost }),
            Answer::Checked { node, made, outcomes, cost } => {
                let (outcomes, new): (Vec<_>, Vec<_>) = outcomes.into_iter().map(split).unzip();
                let event = Event::Checked { node, outcomes, cost };
                let is_asked = is_asked_for(&self.search, &event);
                let commands = self.feed(event)?;
                let children = if is_asked { self.search.children_of_check(node) } else { Vec::new() };
                let children = children.into_iter().chain(std::iter::repeat(None));
                if let Some(states) = &mut self.states {
                    states.note(made.into_iter().map(|(node, state)| (Some(node), state)));
                    states.note(new.into_iter().zip(children).filter_map(|(state, child)| Some((child, state?))));
                }
                Ok(commands)
            }
            Answer::Rechecked { node, verdict: Costed { value, cost } } => {
                self.feed(Event::Rechecked { node, verdict: value, cost })
            }
        }
    }
}

/// The outcome as the search sees it, and the live state that it does not see.
fn split(outcome: StepOutcome<StateId>) -> (StepOutcome<()>, Option<StateId>) {
    let mut opened = None;
    let outcome = outcome.map(|state, _| opened = Some(state));
    (outcome, opened)
}

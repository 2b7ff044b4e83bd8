//! A statement and its negation searched side by side on one budget: whichever is proved first ends both.
//!
//! Each search has a seat at the same table: it begins new work only when it may, and is charged with what the other has
//! spent before it does. Each has a log of its own, and all that this depends on is in the two logs, so that both go on
//! after an interruption.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use stepwise_core::cost::LeanCost;
use stepwise_core::disproof::Disproof;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::portfolio::counterexample;
use stepwise_core::problem::Theorem;
use stepwise_core::search::sides::{Disprove, Side, Standing, negation_config, negation_may_begin};
use stepwise_core::search::{CostLedger, Search, SearchConfig, SearchEnd};
use stepwise_core::wire::log::LogHeader;
use tokio::sync::watch;

use super::critic::Critic;
use super::executor::{Job, Ran, RunError, run_search};
use super::log_file::{LogFile, LogFileError};
use super::policy::Policy;
use super::policy::counterexamples::Counterexamples;
use crate::lean::host::Costed;
use crate::lean::pool::{Pool, PoolError, SessionStart, StateId};
use crate::stop::{Stop, StopLevel};

/// Why the text of a statement's negation cannot be made.
const NOT_NEGATED: &str = "it depends on `variable`s, or is no statement";

/// The samples that counterexamples have beside a policy's own.
const N_COUNTEREXAMPLES: u32 = counterexample::MOST as u32;

/// What the search of a negation needs besides its statement's.
#[derive(Clone)]
pub struct Negation {
    /// When it is searched.
    pub disprove: Disprove,
    /// Where its log is kept, if it is.
    pub log: Option<PathBuf>,
    /// The Lean, as logs name it.
    pub lean: String,
}

/// How the search of a statement and its negation came to its end.
#[derive(Debug)]
pub struct Both {
    /// The statement's search.
    pub search: Search,
    /// What shows that the statement is false, if it was found.
    pub disproof: Option<Disproof>,
    /// Whether the negation was searched, or why not.
    pub tried: Tried,
    /// What both have spent.
    pub ledger: CostLedger,
    /// True when the caller stopped them before either was proved.
    pub interrupted: bool,
    /// What the user should know about the statement, one line each.
    pub notes: Vec<String>,
}

/// Whether a negation was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    Yes,
    /// Nobody asked for it, or the statement's search did not leave it time.
    NotReached,
    /// It cannot be stated so that Lean agrees that it is this statement's; why.
    CannotBeStated(String),
}

/// A place at the table of two searches.
pub struct Seat {
    side: Side,
    table: Arc<Table>,
    changes: watch::Receiver<()>,
}

struct Table {
    disprove: Disprove,
    config: SearchConfig,
    standings: Mutex<[Standing; 2]>,
    changed: watch::Sender<()>,
    base_ms: u64,
    begun: Instant,
}

impl Table {
    fn seat(self: &Arc<Self>, side: Side) -> Seat {
        Seat { side, table: Arc::clone(self), changes: self.changed.subscribe() }
    }

    /// The clock of both.
    fn now_ms(&self) -> u64 {
        self.base_ms.saturating_add(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn total(&self) -> CostLedger {
        let [statement, negation] = *self.standings.lock();
        let mut total = statement.own;
        total.add(&CostLedger { wall_ms: 0, ..negation.own });
        total.wall_ms = statement.own.wall_ms.max(negation.own.wall_ms);
        total
    }
}

impl Seat {
    /// Notes how the search stands.
    pub(super) fn note(&self, search: &Search) {
        let own = search.ledger().without(&search.charged());
        self.set(Standing { own, is_over: search.end().is_some() });
    }

    /// Whether the search may begin new work.
    pub(super) fn may_begin(&self) -> bool {
        let [statement, negation] = *self.table.standings.lock();
        let Table { disprove, config, .. } = &*self.table;
        self.side == Side::Statement || negation_may_begin(*disprove, &config.budget, &statement, &negation)
    }

    /// What the other has spent that this search was not charged with, if anything.
    pub(super) fn owed(&self, search: &Search) -> Option<CostLedger> {
        let other = self.table.standings.lock()[1 - self.side as usize].own;
        let owed = CostLedger { wall_ms: 0, ..other.without(&search.charged()) };
        (owed != CostLedger::default()).then_some(owed)
    }

    /// Waits until the other has spent something, or has ended.
    pub(super) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn may_begin_first(&mut self) {
        while !self.may_begin() {
            self.changed().await;
        }
    }

    fn leave(&self) {
        let mut standing = self.table.standings.lock()[self.side as usize];
        standing.is_over = true;
        self.set(standing);
    }

    fn set(&self, standing: Standing) {
        let is_new = {
            let mut standings = self.table.standings.lock();
            let old = std::mem::replace(&mut standings[self.side as usize], standing);
            old != standing
        };
        if is_new {
            self.table.changed.send_replace(());
        }
    }
}

/// Runs a statement's search, and its negation's beside it when the time comes, until one of them is proved or both have
/// ended.
///
/// # Errors
/// As [`run_search`].
pub async fn run_both(
    job: Job,
    negation: Negation,
    pool: &Pool,
    policy: &Arc<dyn Policy>,
    critic: Option<&Arc<dyn Critic>>,
    stop: Stop,
    progress: &(dyn Fn(&Search) + Send + Sync),
) -> Result<Both, RunError> {
    let theorem = job.search().theorem().clone();
    let disproof = theorem.disproof().filter(|_| negation.disprove != Disprove::Never);
    let Some(negated) = disproof else {
        let Ran { search, interrupted, notes } = run_search(job, pool, policy, critic, stop, progress).await?;
        let ledger = search.ledger();
        let tried = match negation.disprove {
            Disprove::Never => Tried::NotReached,
            _ => Tried::CannotBeStated(NOT_NEGATED.to_owned()),
        };
        return Ok(Both { search, disproof: None, tried, ledger, interrupted, notes });
    };
    let resumed = negation.log.as_deref().filter(|path| path.exists()).map(LogFile::resume).transpose()?;
    let known_ms = resumed.as_ref().map_or(0, |(_, log)| log.last_ms());
    let config = job.search().config().clone();
    let table = Arc::new(Table {
        disprove: negation.disprove,
        config: config.clone(),
        standings: Mutex::default(),
        changed: watch::Sender::new(()),
        base_ms: job.base_ms().max(known_ms),
        begun: Instant::now(),
    });
    let (seat, mut other) = (table.seat(Side::Statement), table.seat(Side::Negation));
    let policy_of_negation: Arc<dyn Policy> =
        Arc::new(Counterexamples::new(Arc::clone(policy), &negated, config.budget.samples));
    let header = LogHeader {
        theorem: negated,
        prefix: Vec::new(),
        config: negation_config(&config, N_COUNTEREXAMPLES),
        policy: policy_of_negation.name().to_owned(),
        critic: super::critic_for(&config, critic)?.map(|critic| critic.name().to_owned()),
        lean: negation.lean,
    };
    // What is known already counts from the beginning.
    if let Some((_, log)) = &resumed {
        belongs(negation.log.as_deref().unwrap_or(Path::new("")), &log.header, &header)?;
        other.note(&log.replay());
    }
    seat.note(job.search());
    let (stop_statement, statement_stop) = Stop::channel();
    let (stop_negation, negation_stop) = Stop::channel();
    let clock = Arc::clone(&table);
    let statement = run_search(job.at(clock.now_ms()).seated(seat), pool, policy, critic, statement_stop, progress);
    let negation_search = async {
        let mut early = negation_stop.clone();
        let job = match resumed {
            Some((file, log)) => Job::resume(file, &log),
            None => {
                tokio::select! {
                    () = other.may_begin_first() => {}
                    () = early.reached(StopLevel::Drain) => return Ok((None, Tried::NotReached)),
                }
                let Costed { value: disagreement, cost } = disagreement(pool, &theorem).await?;
                if let Some(why) = disagreement {
                    other.leave();
                    return Ok((None, Tried::CannotBeStated(why)));
                }
                let file = negation.log.as_deref().map(|path| LogFile::create(path, &header)).transpose()?;
                Job::new(header.search(), file.map(|file| Box::new(file) as _)).costing(cost)
            }
        };
        let silent = |_: &Search| {};
        let seat = table.seat(Side::Negation);
        let job = job.at(clock.now_ms()).seated(seat);
        let ran = run_search(job, pool, &policy_of_negation, critic, negation_stop, &silent).await?;
        other.note(&ran.search);
        // One that cannot go on must not be waited for.
        other.leave();
        Ok::<_, RunError>((Some(ran), Tried::Yes))
    };
    let forward = async {
        let mut stop = stop;
        for level in [StopLevel::Drain, StopLevel::Abort] {
            stop.reached(level).await;
            stop_statement.send_replace(level);
            stop_negation.send_replace(level);
        }
        std::future::pending::<()>().await;
    };
    tokio::pin!(statement, negation_search, forward);
    let (mut ran, mut found): (Option<Ran>, Option<(Option<Ran>, Tried)>) = (None, None);
    while ran.is_none() || found.is_none() {
        tokio::select! {
            ended = &mut statement, if ran.is_none() => {
                let ended = ended?;
                let is_over = match ended.search.end() {
                    Some(SearchEnd::Exhausted | SearchEnd::OutOfBudget { .. }) => false,
                    // It is proved, or a statement that Lean does not take has no negation either.
                    Some(_) => true,
                    None => false,
                };
                ran = Some(ended);
                if is_over {
                    break;
                }
            }
            ended = &mut negation_search, if found.is_none() => {
                let ended = ended?;
                if ended.0.as_ref().is_some_and(|ran| proved(&ran.search)) {
                    stop_statement.send_replace(StopLevel::Abort);
                }
                found = Some(ended);
            }
            () = &mut forward => {}
        }
    }
    let Some(Ran { search, interrupted, notes }) = ran else {
        unreachable!("the loop ends with the statement's search");
    };
    let (negation_ran, tried) = found.unwrap_or((None, Tried::NotReached));
    let disproof = negation_ran.as_ref().and_then(|ran| Disproof::of(&ran.search));
    let was_cut = interrupted || negation_ran.as_ref().is_some_and(|ran| ran.interrupted);
    let interrupted = was_cut && disproof.is_none() && !proved(&search);
    Ok(Both { search, disproof, tried, ledger: table.total(), interrupted, notes })
}

/// Searches a statement's negation alone; the inner error says why it cannot be stated.
///
/// # Errors
/// As [`run_search`].
pub async fn disprove(
    theorem: &Theorem,
    config: &SearchConfig,
    pool: &Pool,
    policy: &Arc<dyn Policy>,
    critic: Option<&Arc<dyn Critic>>,
    mut stop: Stop,
) -> Result<Result<Ran, String>, RunError> {
    let Some(negated) = theorem.disproof() else { return Ok(Err(NOT_NEGATED.to_owned())) };
    let compared = tokio::select! {
        compared = disagreement(pool, theorem) => compared?,
        () = stop.reached(StopLevel::Abort) => {
            let search = Search::new(negated, config.clone());
            return Ok(Ok(Ran { search, interrupted: true, notes: Vec::new() }));
        }
    };
    if let Some(why) = compared.value {
        return Ok(Err(why));
    }
    let policy: Arc<dyn Policy> = Arc::new(Counterexamples::new(Arc::clone(policy), &negated, config.budget.samples));
    let mut config = config.clone();
    config.budget.samples = config.budget.samples.saturating_add(N_COUNTEREXAMPLES);
    let job = Job::new(Search::new(negated, config), None).costing(compared.cost);
    run_search(job, pool, &policy, critic, stop, &|_| {}).await.map(Ok)
}

/// The log of a negation beside that of its statement: `search.jsonl` has `search.negation.jsonl`.
#[must_use]
pub fn negation_log(path: &Path) -> PathBuf {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => path.with_extension(format!("negation.{extension}")),
        None => path.with_extension("negation"),
    }
}

fn proved(search: &Search) -> bool {
    matches!(search.end(), Some(SearchEnd::Proved { .. }))
}

/// Why Lean does not agree that the negation is this statement's; `None` when it does.
pub(crate) async fn disagreement(pool: &Pool, theorem: &Theorem) -> Result<Costed<Option<String>>, PoolError> {
    let Some((contradiction, tactic)) = theorem.contradiction() else {
        let why = "its text cannot be taken apart".to_owned();
        return Ok(Costed { value: Some(why), cost: LeanCost::default() });
    };
    let Costed { value, mut cost } = pool.open(contradiction).await?;
    let session = match value {
        SessionStart::Open { session, .. } => session,
        SessionStart::Rejected { message } | SessionStart::HostFailed { message } => {
            return Ok(Costed { value: Some(message), cost });
        }
    };
    let answer = session.apply(StateId::ROOT, &[tactic]).await?;
    cost += answer.cost;
    let value = match answer.value.into_iter().next() {
        Some(StepOutcome::Proved) => None,
        Some(StepOutcome::Failed { message }) => Some(message),
        other => Some(format!("Lean could not compare them: {other:?}")),
    };
    Ok(Costed { value, cost })
}

/// A log of a negation goes on only with what it was begun with.
fn belongs(path: &Path, log: &LogHeader, now: &LogHeader) -> Result<(), LogFileError> {
    let is_same =
        log.theorem == now.theorem && log.policy == now.policy && log.critic == now.critic && log.lean == now.lean;
    if is_same { Ok(()) } else { Err(LogFileError::Foreign { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_negation_stands_beside_its_statement_s() {
        let shown = |path: &str| negation_log(Path::new(path)).display().to_string();
        assert_eq!(shown("a/search.jsonl"), "a/search.negation.jsonl");
        assert_eq!(shown("log"), "log.negation");
        assert_eq!(shown("a.b/c.1.jsonl"), "a.b/c.1.negation.jsonl");
    }
}

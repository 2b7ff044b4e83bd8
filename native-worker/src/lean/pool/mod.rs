//! The pool: sessions of many searches share a few Lean processes fairly, and survive their deaths.
//!
//! A [`Session`] is one opened theorem. Its states are named by [`StateId`], which outlives any process: the pool knows
//! the tactics that lead to each state and replays them when the live state was evicted or its process died.

mod rechecks;
mod schedule;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::rechecks::Rechecks;
use self::schedule::{Job, RootOutcome, Schedule, SessionId};
use super::host::{Costed, FileVerdict, HostDown, HostInfo, Launch};

/// A proof state of one session; 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u32);

impl StateId {
    /// The state that the statement opens.
    pub const ROOT: Self = Self(0);
}

/// How a pool is run.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Lean processes that run search steps at once.
    pub hosts: usize,
    /// Wall clock per tactic.
    pub step_limit: Duration,
    /// Wall clock for opening a statement.
    pub open_limit: Duration,
    /// Wall clock for one recheck.
    pub recheck_limit: Duration,
    /// A process past this size, in bytes of its own, lets live states go, of the session first that has not used any for
    /// longest; they are rebuilt by replay.
    pub host_memory: u64,
    /// A process is replaced after this many requests.
    pub recycle_after: u64,
    /// Live states kept per process; the least recently used go first and are rebuilt by replay.
    pub live_states: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            hosts: std::thread::available_parallelism().map_or(1, usize::from),
            step_limit: Duration::from_secs(10),
            open_limit: Duration::from_secs(60),
            recheck_limit: Duration::from_secs(120),
            host_memory: 2 << 30,
            recycle_after: 20_000,
            live_states: 4096,
        }
    }
}

/// Why the pool could not answer: nothing about the theorem or the tactic, all about the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Lean cannot be started here.
    #[error("{0}")]
    CannotStart(String),
    /// The pool was shut down while the request waited.
    #[error("the Lean pool was shut down")]
    Closed,
}

/// What opening a theorem gave.
#[derive(Debug)]
pub enum SessionStart {
    /// The statement elaborates.
    Open {
        /// The session; dropping it frees its states.
        session: Session,
        /// The root's goals.
        goals: Vec<Goal>,
        /// What the user should know about the statement, one line each.
        notes: Vec<String>,
        /// The file's own declarations before the statement.
        declarations: Declarations,
    },
    /// Lean's message: the preamble or the statement is wrong.
    Rejected {
        /// What Lean said.
        message: String,
    },
    /// Lean could not elaborate the statement within its limits.
    HostFailed { message: String },
}

/// What a pool has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Processes started.
    pub started: u64,
    /// Processes, or single statements' Leans in them, that died or were stopped while they worked.
    pub lost: u64,
    /// Processes replaced because of age or size.
    pub recycled: u64,
    /// Tactics run again to rebuild states that were not live.
    pub replayed: u64,
}

/// A running pool; clones share it. The last clone's drop ends its processes.
#[derive(Clone, Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    schedule: Arc<Schedule>,
    rechecks: Rechecks,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.schedule.close();
    }
}

impl Pool {
    /// Starts a pool; processes are launched as they are needed. Rechecks have processes of their own, as many as hosts where
    /// they cost little and one elsewhere: the first is launched at the first recheck, or with the first statement where
    /// that costs little, and others when proofs wait. Needs a Tokio runtime.
    #[must_use]
    pub fn start(launch: Arc<dyn Launch>, config: PoolConfig) -> Self {
        let schedule = Arc::new(Schedule::new(config.hosts.max(1)));
        for index in 0..config.hosts.max(1) {
            tokio::spawn(worker::run(index, Arc::clone(&launch), config.clone(), Arc::clone(&schedule)));
        }
        let rechecks = Rechecks::new(launch, &config);
        Self { shared: Arc::new(Shared { schedule, rechecks }) }
    }

    /// Opens a theorem. The cost is the Lean CPU and wall time of elaborating the statement.
    pub async fn open(&self, theorem: Theorem) -> Result<Costed<SessionStart>, PoolError> {
        let id = self.shared.schedule.add_session(theorem);
        // Holding the session from here on removes it again when the future is dropped or the statement is refused.
        let session = Session { id, schedule: Arc::clone(&self.shared.schedule) };
        let (reply, answer) = oneshot::channel();
        self.shared.schedule.submit(id, Job::Open { reply });
        self.shared.rechecks.start_early();
        let Costed { value, cost } = answer.await.map_err(|_| PoolError::Closed)??;
        let value = match value {
            RootOutcome::Open { goals, notes, declarations } => {
                SessionStart::Open { session, goals, notes, declarations }
            }
            RootOutcome::Rejected(message) => SessionStart::Rejected { message },
            RootOutcome::Failed(message) => SessionStart::HostFailed { message },
        };
        Ok(Costed { value, cost })
    }

    /// Elaborates the whole file in a process that runs no search, and judges it.
    pub async fn recheck(&self, theorem: &Theorem, proof: &[String]) -> Result<Costed<Verdict>, PoolError> {
        self.shared.rechecks.recheck(theorem, proof).await
    }

    /// Elaborates a file that somebody else wrote in the recheck process, and judges each of its theorems.
    pub async fn check_file(&self, imports: &[String], text: &str) -> Result<Costed<FileVerdict>, PoolError> {
        self.shared.rechecks.check_file(imports, text).await
    }

    /// What runs: the backend and the Lean version; starts a process when none has run yet.
    pub async fn info(&self) -> Result<HostInfo, PoolError> {
        let (reply, answer) = oneshot::channel();
        self.shared.schedule.submit_any(Job::Info { reply });
        answer.await.map_err(|_| PoolError::Closed)?
    }

    /// Has every process start and prove something, the recheck's too, so that no search pays for their first seconds.
    /// What fails here will fail where somebody waits for it.
    pub async fn warm_up(&self, imports: &[String]) {
        const STATEMENT: &str = "theorem warm_up (m n : Nat) (h : m < n) : m + 0 < n + m";
        const TACTICS: [&str; 4] = ["simp_all", "induction n <;> simp_all", "grind", "omega"];
        let theorem = Theorem {
            name: "warm_up".to_owned(),
            imports: imports.to_vec(),
            statement: STATEMENT.to_owned(),
            ..Theorem::default()
        };
        let mut tasks = JoinSet::new();
        for _ in 0..self.shared.schedule.n_workers() {
            let (pool, theorem) = (self.clone(), theorem.clone());
            tasks.spawn(async move {
                if let Ok(Costed { value: SessionStart::Open { session, .. }, .. }) = pool.open(theorem).await {
                    let _ = session.apply(StateId::ROOT, &TACTICS.map(str::to_owned)).await;
                }
            });
        }
        let _ = self.recheck(&theorem, &["omega".to_owned()]).await;
        while tasks.join_next().await.is_some() {}
    }

    /// What the pool has been through so far.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.schedule.stats()
    }

    /// The Lean processes that run now.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        let mut ids = self.shared.schedule.process_ids();
        ids.extend(self.shared.rechecks.process_ids());
        ids
    }

    /// Ends all processes; waiting requests get [`PoolError::Closed`].
    pub async fn shutdown(&self) {
        self.shared.schedule.close();
        self.shared.schedule.all_workers_gone().await;
        self.shared.rechecks.shutdown().await;
    }
}

/// One opened theorem.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    schedule: Arc<Schedule>,
}

impl Session {
    /// Runs sibling tactics in `state`: one outcome each, in order. Crashes and time-outs are outcomes of the tactic that
    /// caused them; its siblings are not harmed. Dropping the future withdraws the request if it has not begun.
    pub async fn apply(
        &self,
        state: StateId,
        tactics: &[String],
    ) -> Result<Costed<Vec<StepOutcome<StateId>>>, PoolError> {
        self.apply_within(state, tactics, None).await
    }

    /// As [`Session::apply`], with a limit for each tactic that may be shorter than the pool's.
    pub async fn apply_within(
        &self,
        state: StateId,
        tactics: &[String],
        limit: Option<Duration>,
    ) -> Result<Costed<Vec<StepOutcome<StateId>>>, PoolError> {
        let (reply, answer) = oneshot::channel();
        self.schedule.submit(self.id, Job::Apply { state, tactics: tactics.to_vec(), limit, reply });
        answer.await.map_err(|_| PoolError::Closed)?
    }

    /// How many states there are, and the bytes of their tactics and goals. States whose outcome nobody waited for count
    /// as well.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.schedule.size(self.id)
    }

    /// Lets all live states go, for a session that nobody uses for a while. They can still be used: they are replayed then.
    pub fn park(&self) {
        self.schedule.park(self.id);
    }

    /// Lets live states go (they can still be used: they are replayed then).
    pub fn forget(&self, states: &[StateId]) {
        self.schedule.forget(self.id, states);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.schedule.remove_session(self.id);
    }
}

/// A process that cannot start is an error of the machine; everything else is an outcome.
fn cannot_start(down: &HostDown) -> PoolError {
    PoolError::CannotStart(down.to_string())
}

//! The pool: sessions of many searches share a few Lean processes fairly, and survive their deaths.
//!
//! A [`Session`] is one opened theorem. Its states are named by [`StateId`], which outlives any process: the pool knows
//! the tactics that lead to each state and replays them when the live state was evicted or its process died.

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;

use super::host::{Costed, HostInfo, Launch};

/// A proof state of one session; 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u32);

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
    /// A process past this resident size is replaced when it is idle next, in bytes.
    pub host_memory: u64,
    /// A process is replaced after this many requests.
    pub recycle_after: u64,
    /// Live states kept per process; the least recently used go first and are rebuilt by replay.
    pub live_states: usize,
}

/// Why the pool could not answer: nothing about the theorem or the tactic, all about the machine.
#[derive(Clone, Debug, thiserror::Error)]
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
    },
    /// Lean's message: the preamble or the statement is wrong.
    Rejected {
        /// What Lean said.
        message: String,
    },
    /// Lean could not elaborate the statement within its limits.
    HostFailed {
        /// What happened.
        message: String,
    },
}

/// A running pool; clones share it.
#[derive(Clone, Debug)]
pub struct Pool {}

impl Pool {
    /// Starts a pool; processes are launched as they are needed. The recheck process is one more, launched at the first recheck.
    #[must_use]
    pub fn start(_launch: Arc<dyn Launch>, _config: PoolConfig) -> Self {
        todo!()
    }

    /// Opens a theorem. The cost is the Lean CPU and wall time of elaborating the statement.
    pub async fn open(&self, _theorem: Theorem) -> Result<Costed<SessionStart>, PoolError> {
        todo!()
    }

    /// Elaborates the whole file in a process that runs no search, and judges it.
    pub async fn recheck(&self, _theorem: &Theorem, _proof: &[String]) -> Result<Costed<Verdict>, PoolError> {
        todo!()
    }

    /// What runs: the backend and the Lean version; starts a process when none has run yet.
    pub async fn info(&self) -> Result<HostInfo, PoolError> {
        todo!()
    }

    /// Ends all processes; waiting requests get [`PoolError::Closed`].
    pub async fn shutdown(&self) {
        todo!()
    }
}

/// One opened theorem.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// Runs sibling tactics in `state`: one outcome each, in order. Crashes and time-outs are outcomes of the tactic that
    /// caused them; its siblings are not harmed. Dropping the future withdraws the request if it has not begun.
    pub async fn apply(
        &self,
        _state: StateId,
        _tactics: &[String],
    ) -> Result<Costed<Vec<StepOutcome<StateId>>>, PoolError> {
        todo!()
    }

    /// Lets live states go (they can still be used: they are replayed then).
    pub fn forget(&self, _states: &[StateId]) {
        todo!()
    }
}

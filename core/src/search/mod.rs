//! The search machine: `handle(Event) -> Vec<Command>`, without I/O, clock, threads or global randomness.
//!
//! A recorded sequence of events fed to a new machine rebuilds the same tree and asks for the same commands, bit for bit.

use crate::goal::Goal;
use crate::outcome::{StepOutcome, Verdict};
use crate::policy::{Candidate, ProposalRequest};
use crate::problem::Theorem;

/// A node of the search tree; the root is 0. Ids are given in order of creation and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// In which order open states are expanded (best-first search).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PriorityRule {
    /// Sum over the path of each tactic's mean token log-probability: the released InternLM2.5-StepProver script.
    Sum,
    /// That sum divided by the path's length: the paper's text (arXiv 2410.15700).
    Average,
    /// Sum divided by `length^alpha`: BFS-Prover (arXiv 2502.03438), alpha 0.5 there.
    LengthNormalised {
        /// The exponent, 0 (sum) to 1 (average).
        alpha: f64,
    },
}

/// What a search may spend: P passes x S samples x K expansions, and limits on top. `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Independent searches from the root (P).
    pub passes: u32,
    /// Candidates asked for per expansion (S).
    pub samples: u32,
    /// Expansions per pass (K).
    pub expansions: u32,
    /// Wall clock of the whole search, in milliseconds.
    pub wall_ms: Option<u64>,
    /// Tactics run in all.
    pub tactics: Option<u64>,
    /// Lean CPU time, in milliseconds.
    pub lean_cpu_ms: Option<u64>,
}

/// What a search is configured by; written into the log's first line.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchConfig {
    /// The order of expansion.
    pub rule: PriorityRule,
    /// What may be spent.
    pub budget: Budget,
    /// Expansions in flight at once; 1 gives strict best-first order.
    pub in_flight: u32,
    /// Seed that policies derive theirs from.
    pub seed: u64,
}

/// What the machine wants done. Each command is answered by exactly one event, except `Forget` and `Finish`.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Elaborate the statement; answered by `Opened`.
    Open,
    /// Ask the policy for tactics; answered by `Proposed`.
    Propose {
        /// The node to expand.
        node: NodeId,
        /// What the policy is told.
        request: ProposalRequest,
    },
    /// Run sibling tactics in one state; answered by `Checked` with one outcome per tactic, in order.
    Check {
        /// The state's node.
        node: NodeId,
        /// The tactics.
        tactics: Vec<String>,
    },
    /// Judge a complete proof in a fresh process; answered by `Rechecked`.
    Recheck {
        /// The node whose tactic closed the last goal, and the path's last tactic.
        node: NodeId,
        /// All tactics from the root, in order.
        proof: Vec<String>,
    },
    /// The node's live state is no longer needed (a duplicate, or expanded); no answer.
    Forget {
        /// The node.
        node: NodeId,
    },
    /// The search is over; no answer, and no command follows.
    Finish {
        /// How it ended.
        end: SearchEnd,
    },
}

/// What Lean work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeanCost {
    /// CPU time of the Lean process, in microseconds.
    pub cpu_us: u64,
    /// Wall time of the call, in microseconds.
    pub wall_us: u64,
}

/// What happened. `at_ms` of [`TimedEvent`] is the only clock that the machine has.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Starts the search.
    Started,
    /// The statement was elaborated: its goals, or Lean's message when the statement itself is wrong or the
    /// host gave up (`StepOutcome::Proved` does not occur).
    Opened {
        /// The root state's goals or the failure.
        outcome: StepOutcome<()>,
        /// What it cost.
        cost: LeanCost,
    },
    /// The policy answered.
    Proposed {
        /// The node.
        node: NodeId,
        /// Candidates, best first.
        candidates: Vec<Candidate>,
    },
    /// Lean ran the tactics. The executor gives the children live states in the order of the outcomes.
    Checked {
        /// The node.
        node: NodeId,
        /// One per tactic asked for.
        outcomes: Vec<StepOutcome<()>>,
        /// What all of them cost.
        cost: LeanCost,
    },
    /// The recheck judged.
    Rechecked {
        /// The node.
        node: NodeId,
        /// Its judgement.
        verdict: Verdict,
        /// What it cost.
        cost: LeanCost,
    },
    /// Time passed; lets the wall-clock budget act while nothing else happens.
    Tick,
    /// The caller wants the search to end.
    Cancelled,
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedEvent {
    /// Milliseconds since the search began; after a resume it goes on from where the log ended.
    pub at_ms: u64,
    /// The event.
    pub event: Event,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchEnd {
    /// A proof passed the recheck.
    Proved {
        /// Its tactics.
        proof: Vec<String>,
        /// The recheck's judgement.
        verdict: Verdict,
    },
    /// No open state is left in any pass.
    Exhausted,
    /// A budget ran out.
    OutOfBudget {
        /// Which one: `expansions`, `wall`, `tactics` or `lean-cpu`.
        what: &'static str,
    },
    /// The statement does not elaborate.
    BadStatement {
        /// Lean's message.
        message: String,
    },
    /// Lean could not open the statement in time or memory.
    HostFailed {
        /// What happened.
        message: String,
    },
    /// The caller cancelled.
    Cancelled,
}

/// What a search has spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CostLedger {
    /// States expanded.
    pub expansions: u64,
    /// Tactics run by Lean.
    pub tactics: u64,
    /// Tokens that the policy generated.
    pub tokens: u64,
    /// CPU time of Lean, rechecks included, in microseconds.
    pub lean_cpu_us: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    /// Tactics that timed out.
    pub timeouts: u64,
    /// Tactics that crashed Lean or ran out of memory.
    pub crashes: u64,
    /// Rechecks made.
    pub rechecks: u64,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Search {
    _theorem: Theorem,
    _config: SearchConfig,
}

impl Search {
    /// A search for a proof of `theorem` that has not started.
    #[must_use]
    pub fn new(theorem: Theorem, config: SearchConfig) -> Self {
        Self { _theorem: theorem, _config: config }
    }

    /// Takes in what happened and says what to do next. Events for commands that were not given are ignored.
    pub fn handle(&mut self, _event: TimedEvent) -> Vec<Command> {
        todo!()
    }

    /// The commands that were given and not answered: what a resumed search has to do again.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        todo!()
    }

    /// The tactics from the root to `node`.
    #[must_use]
    pub fn path(&self, _node: NodeId) -> Vec<String> {
        todo!()
    }

    /// The children that the last `Checked` event for `node` created, one per outcome: `None` where the outcome
    /// opened no new state (failed, proved, or a duplicate of a known state).
    #[must_use]
    pub fn children_of_check(&self, _node: NodeId) -> Vec<Option<NodeId>> {
        todo!()
    }

    /// What was spent so far.
    #[must_use]
    pub fn ledger(&self) -> CostLedger {
        todo!()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&SearchEnd> {
        todo!()
    }

    /// The goals of a node.
    #[must_use]
    pub fn goals(&self, _node: NodeId) -> &[Goal] {
        todo!()
    }
}

//! The machine's language: commands out, events in, and how a search ends.

use super::{CostLedger, NodeId};
use crate::cost::{LeanCost, ModelCost};
use crate::critic::ScoreRequest;
use crate::facts::Declarations;
use crate::outcome::{StepOutcome, Verdict};
use crate::policy::{Candidate, ProposalRequest};

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
        tactics: Vec<String>,
    },
    /// Ask the critic for scores of the states that a check opened; answered by `Scored` with one score per state, in
    /// order. Given only where the search's order needs scores.
    Score {
        /// The node whose check opened them.
        node: NodeId,
        /// The states' nodes.
        children: Vec<NodeId>,
        /// What the critic is told, in the same order.
        request: ScoreRequest,
    },
    /// Judge a complete proof in a fresh process; answered by `Rechecked`.
    Recheck {
        /// The node whose tactic closed the last goal, and the path's last tactic.
        node: NodeId,
        /// All tactics from the root, in order.
        proof: Vec<String>,
    },
    /// The node's live state is no longer needed (a duplicate, or expanded); no answer.
    Forget { node: NodeId },
    /// The search is over; no answer, and no command follows.
    Finish { end: SearchEnd },
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
        /// The file's own declarations before the statement, where Lean tells them.
        declarations: Declarations,
        cost: LeanCost,
    },
    /// The policy answered.
    Proposed {
        node: NodeId,
        /// Candidates, best first.
        candidates: Vec<Candidate>,
        cost: ModelCost,
    },
    /// Lean ran the tactics. The executor gives the children live states in the order of the outcomes.
    Checked {
        node: NodeId,
        /// One per tactic asked for.
        outcomes: Vec<StepOutcome<()>>,
        /// What all of them cost.
        cost: LeanCost,
    },
    /// The critic answered.
    Scored {
        /// The node whose children were scored.
        node: NodeId,
        /// One per state asked for, the higher the closer to done. States without a finite one are expanded last.
        scores: Vec<f64>,
        cost: ModelCost,
    },
    /// The recheck judged.
    Rechecked { node: NodeId, verdict: Verdict, cost: LeanCost },
    /// Another search spent this on the same budget: that of the statement's negation, or of the statement itself.
    Charged {
        /// What it spent; its wall time is not counted, as both searches have one clock.
        spent: CostLedger,
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
    pub event: Event,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchEnd {
    /// A proof passed the recheck.
    Proved { proof: Vec<String>, verdict: Verdict },
    /// No open state is left in any pass.
    Exhausted,
    /// A budget ran out.
    OutOfBudget {
        /// Which one: `expansions`, `wall`, `tactics`, `tokens`, `lean-cpu` or `cost`.
        what: &'static str,
    },
    /// The statement does not elaborate.
    BadStatement { message: String },
    /// Lean could not open the statement in time or memory.
    HostFailed { message: String },
    /// The caller cancelled.
    Cancelled,
}

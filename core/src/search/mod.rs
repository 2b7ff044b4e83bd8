//! The search machine: `handle(Event) -> Vec<Command>`, without I/O, clock, threads or global randomness.
//!
//! A recorded sequence of events fed to a new machine rebuilds the same tree and asks for the same commands, bit for
//! bit. That holds across platforms too: floating-point numbers are compared with `total_cmp`, powers come from
//! `libm` instead of the platform's library, and no hash map's order reaches a command.
//!
//! [`Search`] is the machine, [`Command`] and [`Event`] its language, [`Tree`] what it knows,
//! [`wire::log`](crate::wire::log) its memory on disk.

mod budget;
mod command;
mod frontier;
mod ledger;
mod machine;
mod order;
mod pass;
mod priority;
pub mod sides;
pub mod simulated;
mod tree;

pub use budget::Budget;
pub use command::{Command, Event, SearchEnd, TimedEvent};
pub use ledger::CostLedger;
pub use machine::Search;
pub use order::{Guide, Order};
pub use priority::Priority;
pub use tree::{Edge, EdgeId, EdgeOutcome, Node, NodeId, NodeStatus, RecheckState, Tree};

use crate::syntax::Withheld;

/// What a search is configured by; written into the log's first line.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchConfig {
    /// What orders expansion: priorities, the critic's scores, or both.
    pub order: Order,
    /// The priority of a state where expansion is best-first.
    pub priority: Priority,
    /// What may be spent.
    pub budget: Budget,
    /// Expansions in flight at once; 1 keeps strictly to the order, and 0 counts as 1.
    pub in_flight: u32,
    /// Seed that policies derive theirs from.
    pub seed: u64,
    /// Whether a search whose states run dry asks for other tactics in states that it has expanded, until its budget is
    /// spent, and runs the siblings of a proof that the recheck refused.
    pub widen: bool,
    /// Tactics that are not offered, and not run if a policy offers them all the same.
    pub withhold: Withheld,
}

impl SearchConfig {
    /// Best-first by the sum of log-probabilities, one state at a time, with seed 0, over when no state is open.
    #[must_use]
    pub fn best_first(budget: Budget) -> Self {
        Self {
            order: Order::BestFirst,
            priority: Priority::Sum,
            budget,
            in_flight: 1,
            seed: 0,
            widen: false,
            withhold: Withheld::default(),
        }
    }
}

#[cfg(test)]
mod tests;

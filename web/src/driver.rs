//! A search as the page tells of it: how far it is, and how it ended.

use stepwise_core::search::{Search, SearchEnd};
pub use stepwise_core::wire::driver::{Driver, Task};
use stepwise_core::words;

/// How far a search is, for the line that tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Expansions so far.
    pub expansions: u64,
    /// Tactics that Lean ran.
    pub tactics: u64,
    /// States that were opened.
    pub states: usize,
    /// The best state that waits: the tactics to it, and its priority or score.
    pub best: Option<(String, f64)>,
    /// Milliseconds since the search began.
    pub elapsed_ms: u64,
}

impl Progress {
    /// Reads it off a machine.
    #[must_use]
    pub fn of(search: &Search) -> Self {
        use stepwise_core::search::{Node, NodeStatus};
        let by_critic = search.config().order == stepwise_core::search::Order::CriticGuided;
        let worth = |node: &Node| if by_critic { node.score.unwrap_or(f64::NEG_INFINITY) } else { node.priority };
        let open = search.tree().nodes().iter().filter(|node| node.status == NodeStatus::Open);
        let best = open.max_by(|a, b| worth(a).total_cmp(&worth(b)));
        let ledger = search.ledger();
        Self {
            expansions: ledger.expansions,
            tactics: ledger.tactics,
            states: search.tree().nodes().len(),
            best: best.map(|node| (search.tree().path(node.id).join("; "), worth(node))),
            elapsed_ms: ledger.wall_ms,
        }
    }
}

/// How a search ended, as a sentence for the visitor; nothing while it has not.
#[must_use]
pub fn ending(search: &Search) -> String {
    match search.end() {
        // Lean has the last word on it, and then the page says more.
        Some(SearchEnd::Proved { proof, .. }) => format!("Proof found: {}", words::count(proof.len(), "tactic")),
        _ => words::capitalised(&words::of_search(search).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;

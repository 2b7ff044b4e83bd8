//! What a search may spend, and which limit is reached.

use super::CostLedger;

/// What a search may spend: P passes x S samples x K expansions, and limits on top. `None` is no limit.
///
/// The limits are looked at before each new expansion, the wall clock also at every event. A proof that was found
/// within the limits is still rechecked when they are reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Independent searches from the root (P); 0 counts as 1.
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

impl Budget {
    /// True when the wall clock has run out.
    pub(super) fn wall_is_out(&self, ledger: &CostLedger) -> bool {
        self.wall_ms.is_some_and(|limit| ledger.wall_ms >= limit)
    }

    /// The limit that forbids another expansion, if one does. `tactics_sent` counts those in flight too.
    pub(super) fn forbids_expansion(&self, ledger: &CostLedger, tactics_sent: u64) -> Option<&'static str> {
        if self.wall_is_out(ledger) {
            Some("wall")
        } else if self.tactics.is_some_and(|limit| tactics_sent >= limit) {
            Some("tactics")
        } else if self.lean_cpu_ms.is_some_and(|limit| ledger.lean_cpu_us / 1000 >= limit) {
            Some("lean-cpu")
        } else {
            None
        }
    }

    /// How many tactics may still be sent.
    pub(super) fn tactics_left(&self, tactics_sent: u64) -> usize {
        self.tactics
            .map_or(usize::MAX, |limit| usize::try_from(limit.saturating_sub(tactics_sent)).unwrap_or(usize::MAX))
    }
}

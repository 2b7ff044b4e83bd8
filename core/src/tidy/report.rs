//! What tidying did to a proof, as records and `--json` carry it.

use serde::{Deserialize, Serialize};

use super::Length;

/// What tidying did, and what it cost; none of it is in the search's ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TidyReport {
    /// The tactics as the search found them.
    pub found: Vec<String>,
    /// How long they are.
    pub before: Length,
    /// How long the proof is that is delivered.
    pub after: Length,
    /// Texts that Lean was asked about, the rechecks included.
    pub checks: u64,
    /// CPU time of Lean, in microseconds.
    pub lean_cpu_us: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    /// Why it ended before there was nothing left to try, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
}

impl TidyReport {
    /// Whether the proof that is delivered is another one than was found.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.before != self.after
    }
}

impl std::fmt::Display for TidyReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = |length: &Length| {
            let n = |n: u64, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
            format!("{}, {}", n(length.tactics, "tactic"), n(length.characters, "character"))
        };
        if self.has_changed() {
            write!(f, "{} -> {}", length(&self.before), length(&self.after))
        } else {
            write!(f, "{}, nothing to leave out", length(&self.before))
        }
    }
}

//! The cost ledger: what a search has spent so far.

use super::LeanCost;
use crate::outcome::StepOutcome;

/// What a search has spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CostLedger {
    /// States expanded, those in flight included.
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

impl CostLedger {
    /// Adds another search's costs; for totals over several problems.
    pub fn add(&mut self, other: &Self) {
        self.expansions += other.expansions;
        self.tactics += other.tactics;
        self.tokens += other.tokens;
        self.lean_cpu_us += other.lean_cpu_us;
        self.wall_ms += other.wall_ms;
        self.timeouts += other.timeouts;
        self.crashes += other.crashes;
        self.rechecks += other.rechecks;
    }

    /// Notes the time of an event. Clocks that step back do not give budget back.
    pub(super) fn advance_to(&mut self, at_ms: u64) {
        self.wall_ms = self.wall_ms.max(at_ms);
    }

    /// Notes Lean's work.
    pub(super) fn charge(&mut self, cost: LeanCost) {
        self.lean_cpu_us = self.lean_cpu_us.saturating_add(cost.cpu_us);
    }

    /// Notes one tactic that Lean answered.
    pub(super) fn count_tactic(&mut self, outcome: &StepOutcome<()>) {
        self.tactics += 1;
        match outcome {
            StepOutcome::Timeout => self.timeouts += 1,
            StepOutcome::Crashed { .. } | StepOutcome::OutOfMemory => self.crashes += 1,
            StepOutcome::Proved | StepOutcome::Open { .. } | StepOutcome::Failed { .. } => {}
        }
    }
}

//! The cost ledger: what a search has spent so far.

use crate::cost::{LeanCost, ModelCost};
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
    /// Tokens that the policy read, without those in a cache.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Tokens that the critic read.
    #[serde(default)]
    pub critic_tokens: u64,
    /// Time that the devices of policy and critic worked, in microseconds.
    #[serde(default)]
    pub device_us: u64,
    /// CPU time of Lean, rechecks included, in microseconds.
    pub lean_cpu_us: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    /// Tactics that timed out.
    pub timeouts: u64,
    /// Tactics that crashed Lean or ran out of memory.
    pub crashes: u64,
    pub rechecks: u64,
    /// Rechecks that refused what looked like a proof.
    #[serde(default)]
    pub refused: u64,
    /// Questions to the policy that brought nothing, because its server failed; each cost an expansion.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub policy_failures: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl CostLedger {
    /// What it cost in all, in microseconds: CPU time of Lean and time of the models' devices, whose sum is the measure
    /// by which search rules are compared. Time in which nothing worked is not in it.
    #[must_use]
    pub fn cost_us(&self) -> u64 {
        self.lean_cpu_us.saturating_add(self.device_us)
    }

    /// Adds another search's costs; for totals over several problems.
    pub fn add(&mut self, other: &Self) {
        self.expansions += other.expansions;
        self.tactics += other.tactics;
        self.tokens += other.tokens;
        self.prompt_tokens += other.prompt_tokens;
        self.critic_tokens += other.critic_tokens;
        self.device_us += other.device_us;
        self.lean_cpu_us += other.lean_cpu_us;
        self.wall_ms += other.wall_ms;
        self.timeouts += other.timeouts;
        self.crashes += other.crashes;
        self.rechecks += other.rechecks;
        self.refused += other.refused;
        self.policy_failures += other.policy_failures;
    }

    /// This without another ledger that was added to it before; wall time stays, as it is one clock's.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            expansions: self.expansions.saturating_sub(other.expansions),
            tactics: self.tactics.saturating_sub(other.tactics),
            tokens: self.tokens.saturating_sub(other.tokens),
            prompt_tokens: self.prompt_tokens.saturating_sub(other.prompt_tokens),
            critic_tokens: self.critic_tokens.saturating_sub(other.critic_tokens),
            device_us: self.device_us.saturating_sub(other.device_us),
            lean_cpu_us: self.lean_cpu_us.saturating_sub(other.lean_cpu_us),
            wall_ms: self.wall_ms,
            timeouts: self.timeouts.saturating_sub(other.timeouts),
            crashes: self.crashes.saturating_sub(other.crashes),
            rechecks: self.rechecks.saturating_sub(other.rechecks),
            refused: self.refused.saturating_sub(other.refused),
            policy_failures: self.policy_failures.saturating_sub(other.policy_failures),
        }
    }

    /// Notes the time of an event. Clocks that step back do not give budget back.
    pub(super) fn advance_to(&mut self, at_ms: u64) {
        self.wall_ms = self.wall_ms.max(at_ms);
    }

    /// Notes Lean's work.
    pub(super) fn charge(&mut self, cost: LeanCost) {
        self.lean_cpu_us = self.lean_cpu_us.saturating_add(cost.cpu_us);
    }

    /// Notes an answer of the policy.
    pub(super) fn charge_policy(&mut self, cost: ModelCost) {
        self.tokens = self.tokens.saturating_add(cost.generated_tokens);
        self.prompt_tokens = self.prompt_tokens.saturating_add(cost.prompt_tokens);
        self.device_us = self.device_us.saturating_add(cost.device_us);
        self.policy_failures = self.policy_failures.saturating_add(cost.failed);
    }

    /// Notes an answer of the critic.
    pub(super) fn charge_critic(&mut self, cost: ModelCost) {
        let n_tokens = cost.prompt_tokens.saturating_add(cost.generated_tokens);
        self.critic_tokens = self.critic_tokens.saturating_add(n_tokens);
        self.device_us = self.device_us.saturating_add(cost.device_us);
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

//! What Lean and models cost, in units that compare across searches and machines.

/// What one answer of a model cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelCost {
    /// Tokens read: those of the prompt that were not in a cache already, once for all samples of it.
    pub prompt_tokens: u64,
    /// Tokens generated, over all samples; 0 for a critic.
    pub generated_tokens: u64,
    /// Time that the device worked for this answer, in microseconds. Requests that ran as one batch share its time
    /// in proportion to their tokens. An endpoint's device is not ours to see: there it is 0.
    pub device_us: u64,
    /// Questions that brought nothing, because whoever answers them failed: a server's fault, and nothing about a state.
    pub failed: u64,
}

impl std::ops::AddAssign for ModelCost {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.generated_tokens += other.generated_tokens;
        self.device_us += other.device_us;
        self.failed += other.failed;
    }
}

/// What Lean work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeanCost {
    /// CPU time of the Lean process, in microseconds.
    pub cpu_us: u64,
    /// Wall time of the call, in microseconds.
    pub wall_us: u64,
}

impl std::ops::AddAssign for LeanCost {
    fn add_assign(&mut self, other: Self) {
        self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
        self.wall_us = self.wall_us.saturating_add(other.wall_us);
    }
}

//! The published priorities of states.

/// In which order open states are expanded (best-first search): the highest priority first.
///
/// With `l_1 .. l_L` the log-probabilities of the path's `L` tactics (each the mean over the tactic's tokens), the
/// priority of a state is given below. The root has priority 0 however it is reckoned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Priority {
    /// `l_1 + .. + l_L`: the released InternLM2.5-StepProver script, which has no depth normalisation.
    Sum,
    /// `(l_1 + .. + l_L) / L`: the text of the same paper (arXiv 2410.15700, best-first expansion).
    Average,
    /// `(l_1 + .. + l_L) / L^alpha`: BFS-Prover (arXiv 2502.03438), alpha 0.5 there.
    LengthNormalised {
        /// The exponent, 0 (sum) to 1 (average).
        alpha: f64,
    },
}

impl Priority {
    /// The priority of a state that `depth` tactics with this sum of log-probabilities lead to.
    #[must_use]
    pub fn priority(self, sum_logprob: f64, depth: u32) -> f64 {
        if depth == 0 {
            return sum_logprob;
        }
        let length = f64::from(depth);
        match self {
            Self::Sum => sum_logprob,
            Self::Average => sum_logprob / length,
            // The platform's `powf` may differ in the last bit between native and wasm32; libm's does not.
            Self::LengthNormalised { alpha } => sum_logprob / libm::pow(length, alpha),
        }
    }
}

/// What stands in for a log-probability that is not a finite number, so that such a candidate is tried last.
///
/// JSON has no such numbers, so the log could not tell them apart either.
const UNUSABLE_LOGPROB: f64 = -1e6;

/// The log-probability that the search reckons with: at most 0, and finite.
pub(super) fn usable_logprob(logprob: f64) -> f64 {
    if logprob.is_finite() { logprob.clamp(UNUSABLE_LOGPROB, 0.0) } else { UNUSABLE_LOGPROB }
}

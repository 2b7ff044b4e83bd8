//! What a text is worth, from the log-probabilities of its tokens.

/// What a policy says of a tactic's probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scoring {
    /// The mean over its tokens (arXiv 2410.15700): how sure the model was of each.
    #[default]
    Mean,
    /// The sum over its tokens: the tactic's own log-probability, which can be held against that of a longer one.
    Sum,
}

impl Scoring {
    /// What [`Scoring::from_name`] understands.
    pub const NAMES: [&str; 2] = ["mean", "sum"];

    /// The scoring of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mean, Self::Sum].into_iter().zip(Self::NAMES).find(|(_, known)| *known == name).map(|(it, _)| it)
    }

    /// Its name, which [`Scoring::from_name`] understands.
    #[must_use]
    pub fn name(self) -> &'static str {
        let [mean, sum] = Self::NAMES;
        match self {
            Self::Mean => mean,
            Self::Sum => sum,
        }
    }

    /// The score of a text, from the log-probabilities of its tokens.
    #[must_use]
    pub fn score(self, logprobs: &[f32]) -> f64 {
        let sum: f64 = logprobs.iter().map(|logprob| f64::from(*logprob)).sum();
        match self {
            Self::Mean => sum / logprobs.len().max(1) as f64,
            Self::Sum => sum,
        }
    }
}

//! A mixture of two policies, such as the portfolio and a model: both are asked, and their tactics become one list.
//!
//! The two kinds of log-probability do not compare as they are: the portfolio's are those of a distribution over its
//! candidates, a language model's are sums or means over tokens and say nothing about the other candidates. So each policy's
//! candidates are first put on one scale, as the distribution `q` over what this policy proposed here:
//! `q(t) = exp(l(t)) / sum over its candidates u of exp(l(u))`. The mixture's log-probability is then
//! `log(w_a q_a(t) + w_b q_b(t))`, with the shares of the samples as weights. It is a distribution over the tactics of
//! both; within either policy's tactics its order is that policy's own; and a tactic that both propose has at least the
//! log-probability that either gives it alone.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};

use super::{Policy, PolicyError};

/// Two policies that share the samples.
pub struct Mixture {
    first: Arc<dyn Policy>,
    second: Arc<dyn Policy>,
    second_share: f64,
    name: String,
}

impl Mixture {
    /// A mixture in which `second` gets this share of the samples, from 0 to 1, and `first` the rest.
    #[must_use]
    pub fn new(first: Arc<dyn Policy>, second: Arc<dyn Policy>, second_share: f64) -> Self {
        let second_share = if second_share.is_nan() { 0.5 } else { second_share.clamp(0.0, 1.0) };
        let name = format!("{} + {second_share} of {}", first.name(), second.name());
        Self { first, second, second_share, name }
    }
}

#[async_trait]
impl Policy for Mixture {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let (n_first, n_second) = shares(request.samples, self.second_share);
        let (first, second) =
            tokio::try_join!(ask(&*self.first, request, n_first), ask(&*self.second, request, n_second))?;
        let mut cost = first.cost;
        cost += second.cost;
        Ok(Proposals { candidates: mix(first.candidates, second.candidates, n_first, n_second), cost })
    }
}

/// Proposals of one policy for its share, which may be nothing.
async fn ask(policy: &dyn Policy, request: &ProposalRequest, samples: u32) -> Result<Proposals, PolicyError> {
    if samples == 0 {
        return Ok(Proposals::default());
    }
    policy.propose(&ProposalRequest { samples, ..request.clone() }).await
}

/// How many samples each gets. Neither goes empty-handed while there are two samples and it has a share at all.
fn shares(samples: u32, second_share: f64) -> (u32, u32) {
    let n_second = (f64::from(samples) * second_share).round() as u32;
    let n_second = match samples {
        2.. if 0.0 < second_share && second_share < 1.0 => n_second.clamp(1, samples - 1),
        _ => n_second.min(samples),
    };
    (samples - n_second, n_second)
}

/// The candidates of both, most promising first, each tactic once.
fn mix(first: Vec<Candidate>, second: Vec<Candidate>, n_first: u32, n_second: u32) -> Vec<Candidate> {
    let n_samples = f64::from(n_first) + f64::from(n_second);
    // A policy without an idea leaves its weight to the other, as if it had not been asked.
    let (w_first, w_second) = match (first.is_empty(), second.is_empty()) {
        (false, false) => (f64::from(n_first) / n_samples, f64::from(n_second) / n_samples),
        _ => (1.0, 1.0),
    };
    let mut mixed: Vec<Candidate> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (candidates, n_kept, weight) in [(first, n_first, w_first), (second, n_second, w_second)] {
        let kept = || candidates.iter().take(n_kept as usize);
        let total = log_sum_exp(kept().map(|candidate| bounded(candidate.logprob)));
        for candidate in kept() {
            let logprob = weight.ln() + bounded(candidate.logprob) - total;
            match known.get(&candidate.tactic) {
                Some(&idx) => {
                    let other = &mut mixed[idx];
                    other.logprob = log_sum_exp([other.logprob, logprob].into_iter());
                    other.n_tokens = other.n_tokens.max(candidate.n_tokens);
                }
                None => {
                    known.insert(candidate.tactic.clone(), mixed.len());
                    mixed.push(Candidate { logprob, ..candidate.clone() });
                }
            }
        }
    }
    for candidate in &mut mixed {
        // Sums of rounded numbers may come out a little above.
        candidate.logprob = candidate.logprob.min(0.0);
    }
    mixed.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    mixed
}

/// A finite number for any that a policy may say: a list of impossible tactics is still a list.
fn bounded(logprob: f64) -> f64 {
    const LOWEST: f64 = -1e4;
    if logprob.is_nan() { LOWEST } else { logprob.clamp(LOWEST, 0.0) }
}

/// `log(sum(exp(x)))` without overflow; minus infinity for nothing.
fn log_sum_exp(logprobs: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = logprobs.clone().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + logprobs.map(|logprob| (logprob - max).exp()).sum::<f64>().ln() }
}

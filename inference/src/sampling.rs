//! Choosing the next token: temperature, top-k and top-p on a row of logits, with the model's own log-probability.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::exp::exp;

/// How tokens are chosen and when a sample ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 asks for beam search, which draws nothing.
    pub temperature: f64,
    /// Only this many most probable tokens may be drawn.
    pub top_k: Option<usize>,
    /// Only the fewest most probable tokens whose probabilities add up to this may be drawn; 1 for all.
    pub top_p: f64,
    /// Tokens of a sample at most.
    pub max_tokens: usize,
    /// A sample ends before the first of these texts.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    /// As InternLM2.5-StepProver samples: temperature 0.7, at most 256 tokens (arXiv 2410.15700, section 3).
    fn default() -> Self {
        Self { temperature: 0.7, top_k: None, top_p: 1.0, max_tokens: 256, stop: Vec::new() }
    }
}

/// A drawn token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    pub token: u32,
    /// Natural logarithm of its probability under the model itself: untempered, and among all tokens.
    pub logprob: f32,
}

/// The random numbers of one sample, which depend on nothing that other samples do.
#[must_use]
pub fn rng(seed: u64, sample_idx: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(sample_idx as u64);
    rng
}

/// The logarithm of the sum of exponentials; `None` when a logit is not finite.
pub(super) fn log_sum_exp(logits: &[f32]) -> Option<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| exp(logit - max)).sum();
    let log_sum = max + sum.ln();
    log_sum.is_finite().then_some(log_sum)
}

/// Draws a token from a row of logits; `None` when they are not finite.
#[must_use]
pub fn pick(logits: &[f32], sampling: &Sampling, rng: &mut ChaCha8Rng) -> Option<Pick> {
    let log_sum = log_sum_exp(logits)?;
    let token = if sampling.top_k.is_none() && sampling.top_p >= 1.0 {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let inverse = (1.0 / sampling.temperature) as f32;
        draw(logits.iter().map(|logit| exp((logit - max) * inverse)).collect(), rng)
    } else {
        let kept = most_probable(logits, sampling);
        let weights = kept.iter().map(|(_, weight)| *weight).collect();
        kept[draw(weights, rng)].0
    };
    Some(Pick { token: token as u32, logprob: logits[token] - log_sum })
}

/// The `n` tokens with the highest logits, best first.
pub(super) fn best(logits: &[f32], n: usize) -> Vec<u32> {
    order(logits, n).into_iter().map(|token| token as u32).collect()
}

/// The indices of the `n` highest logits, highest first; of equals the first.
fn order(logits: &[f32], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let by_logit = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    if n < logits.len() {
        order.select_nth_unstable_by(n.max(1) - 1, by_logit);
        order.truncate(n.max(1));
    }
    order.sort_unstable_by(by_logit);
    order
}

/// The tokens that top-k and top-p leave, most probable first, with their tempered weights.
///
/// The order is Hugging Face's: temperature, then top-k, then top-p among what is left; at least one token stays.
fn most_probable(logits: &[f32], sampling: &Sampling) -> Vec<(usize, f32)> {
    let order = order(logits, sampling.top_k.unwrap_or(logits.len()));
    let max = logits[order[0]];
    let inverse = (1.0 / sampling.temperature) as f32;
    let mut kept: Vec<(usize, f32)> = order.iter().map(|idx| (*idx, exp((logits[*idx] - max) * inverse))).collect();
    let wanted = f64::from(kept.iter().map(|(_, weight)| weight).sum::<f32>()) * sampling.top_p;
    let mut sum = 0.0;
    let n_kept = kept.iter().take_while(|(_, weight)| {
        let is_needed = sum < wanted;
        sum += f64::from(*weight);
        is_needed
    });
    let n_kept = n_kept.count().max(1);
    kept.truncate(n_kept);
    kept
}

/// Draws an index in proportion to the weights, of which one at least is positive.
fn draw(weights: Vec<f32>, rng: &mut ChaCha8Rng) -> usize {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    // 53 random bits make a number in [0, 1).
    let mut left = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * total;
    for (idx, weight) in weights.iter().enumerate() {
        left -= f64::from(*weight);
        if left < 0.0 {
            return idx;
        }
    }
    // Rounding can leave a crumb: the last token with any weight takes it.
    weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
}

#[cfg(test)]
mod tests;

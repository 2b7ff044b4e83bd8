//! Choosing the next token: temperature, top-k and top-p on a row of logits, with the model's own log-probability.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use stepwise_core::random::unit;

use super::exp::exp;

/// How texts are written and when one ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    pub decoding: Decoding,
    /// Tokens of a text at most.
    pub max_tokens: usize,
    /// A text ends before the first of these.
    pub stop: Vec<String>,
}

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoding {
    /// Each text draws its tokens.
    Draw(Draw),
    /// The texts that beam search finds, as wide as texts are wanted. Nothing is drawn.
    Beam,
}

/// The distribution that a token is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Divides the logits; above 0.
    pub temperature: f64,
    /// Only this many most probable tokens may be drawn.
    pub top_k: Option<usize>,
    /// Only the fewest most probable tokens whose probabilities add up to this may be drawn; 1 for all.
    pub top_p: f64,
}

impl Default for Sampling {
    /// As InternLM2.5-StepProver samples: temperature 0.7, at most 256 tokens (arXiv 2410.15700, section 3).
    fn default() -> Self {
        Self { decoding: Decoding::Draw(Draw::default()), max_tokens: 256, stop: Vec::new() }
    }
}

impl Default for Draw {
    /// Temperature 0.7, and all tokens.
    fn default() -> Self {
        Self { temperature: 0.7, top_k: None, top_p: 1.0 }
    }
}

impl Decoding {
    /// What flags and files mean by a temperature: beam search at 0, and otherwise a draw.
    #[must_use]
    pub fn of_draw(draw: Draw) -> Self {
        if draw.temperature > 0.0 { Self::Draw(draw) } else { Self::Beam }
    }

    /// The same with another temperature.
    #[must_use]
    pub fn at(self, temperature: f64) -> Self {
        Self::of_draw(Draw { temperature, ..self.draw() })
    }

    /// The distribution in numbers; beam search is one of temperature 0.
    #[must_use]
    pub fn draw(self) -> Draw {
        match self {
            Self::Draw(draw) => draw,
            Self::Beam => Draw { temperature: 0.0, ..Draw::default() },
        }
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
pub fn pick(logits: &[f32], draw: &Draw, rng: &mut ChaCha8Rng) -> Option<Pick> {
    let log_sum = log_sum_exp(logits)?;
    let token = if draw.top_k.is_none() && draw.top_p >= 1.0 {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let inverse = (1.0 / draw.temperature) as f32;
        drawn(logits.iter().map(|logit| exp((logit - max) * inverse)).collect(), rng)
    } else {
        let kept = most_probable(logits, draw);
        let weights = kept.iter().map(|(_, weight)| *weight).collect();
        kept[drawn(weights, rng)].0
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

/// The tokens that top-k and top-p leave, with their tempered weights, in the order of tokens: the one in which a GPU adds
/// them up, so that one seed gives the same text there.
///
/// The cuts are in Hugging Face's order: temperature, then top-k, then top-p among what is left; at least one token stays.
fn most_probable(logits: &[f32], draw: &Draw) -> Vec<(usize, f32)> {
    let order = order(logits, draw.top_k.unwrap_or(logits.len()));
    let max = logits[order[0]];
    let inverse = (1.0 / draw.temperature) as f32;
    let mut kept: Vec<(usize, f32)> = order.iter().map(|idx| (*idx, exp((logits[*idx] - max) * inverse))).collect();
    let wanted = f64::from(kept.iter().map(|(_, weight)| weight).sum::<f32>()) * draw.top_p;
    let mut sum = 0.0;
    let n_kept = kept.iter().take_while(|(_, weight)| {
        let is_needed = sum < wanted;
        sum += f64::from(*weight);
        is_needed
    });
    let n_kept = n_kept.count().max(1);
    kept.truncate(n_kept);
    kept.sort_unstable_by_key(|(token, _)| *token);
    kept
}

/// The uniform number that the next token is drawn with, from 0 to below 1, for whoever draws elsewhere.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f32 {
    // The largest number below 1, which rounding would reach.
    const MOST: f32 = 1.0 - f32::EPSILON / 2.0;
    (unit(rng.next_u64()) as f32).min(MOST)
}

/// Draws an index in proportion to the weights, of which one at least is positive.
fn drawn(weights: Vec<f32>, rng: &mut ChaCha8Rng) -> usize {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let mut left = unit(rng.next_u64()) * total;
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

//! Drawing a token for each sample from its logits on the device: temperature, top-k, top-p, and a uniform number of the
//! host's, so that 8 bytes come back instead of a row of logits.

mod synthetic;
#[cfg(test)]
mod tests;

pub use self::synthetic::Sampled;

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::gpu::{Gpu, GpuError};

/// The kernel's source.
pub const SOURCE: &str = include_str!("kernel.wgsl");

pub(crate) const OP: &str = "sampling";

/// The distribution that a token is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Divides the logits; above 0.
    pub temperature: f32,
    /// Only this many most probable tokens may be drawn; of equals the first.
    pub top_k: Option<u32>,
    /// Only the fewest most probable tokens whose weights come to this share of what top-k leaves; 1 for all.
    pub top_p: f32,
}

/// The sizes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub n_samples: u32,
    /// The vocabulary.
    pub n_tokens: u32,
    /// All samples draw from one row of logits.
    pub is_shared: bool,
    /// Steps that there is room for in uniform numbers and picks.
    pub n_steps: u32,
}

/// What one call reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct Drawing<'a> {
    pub shape: Shape,
    pub draw: Draw,
    /// `[n_samples, n_tokens]` in f32, or `[n_tokens]` when it is shared.
    pub logits: &'a Buffer,
    /// `[n_steps, n_samples]` in f32, from 0 to below 1.
    pub uniforms: &'a Buffer,
    /// In words: how many tokens samples have, which modulo the steps is the row of uniform numbers and picks.
    pub state: &'a Buffer,
    /// The drawn tokens, `[n_samples]`.
    pub tokens: &'a Buffer,
    /// `[n_steps, n_samples, 2]` words: [`Pick`]s.
    pub picks: &'a Buffer,
}

/// A drawn token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    pub token: u32,
    /// The natural logarithm of its probability: without temperature, and among all tokens. NaN when a logit is NaN or
    /// +infinity, or all are masked.
    pub log_probability: f32,
}

/// The compiled kernel.
#[derive(Clone, Debug)]
pub struct Sampler(Kernel);

/// What a call without top-k and top-p takes: the logits are read twice from memory at most, as long as a row stays in a
/// device's cache, and 8 bytes a sample are written.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    let n_rows = if shape.is_shared { 1 } else { u64::from(shape.n_samples) };
    let n_logits = u64::from(shape.n_samples) * u64::from(shape.n_tokens);
    Cost {
        bytes: 4 * n_rows * u64::from(shape.n_tokens) + 16 * u64::from(shape.n_samples),
        flops: 6 * n_logits,
        dispatches: 1,
    }
}

impl Sampler {
    /// Compiles the kernel.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self(Kernel::new(gpu, OP, SOURCE, &[]).await?))
    }

    /// The step of one call. Buffers must have room for what the shape says.
    #[must_use]
    pub fn bind(&self, gpu: &Gpu, drawing: Drawing<'_>) -> Step {
        let Drawing { shape, draw, .. } = drawing;
        let parameters = gpu.uniform(&[
            shape.n_tokens,
            if shape.is_shared { 0 } else { shape.n_tokens },
            (1.0 / draw.temperature).to_bits(),
            draw.top_k.unwrap_or(u32::MAX).max(1),
            draw.top_p.to_bits(),
            shape.n_samples,
            shape.n_steps,
        ]);
        let buffers = [
            (0, drawing.logits),
            (1, drawing.uniforms),
            (2, drawing.tokens),
            (3, drawing.picks),
            (4, drawing.state),
            (5, &parameters),
        ];
        self.0.step(gpu, &buffers, [shape.n_samples, 1])
    }
}

/// The distribution that a row of logits gives, on the CPU in f64: what the kernel is held against.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    logits: &'a [f32],
    /// The tokens that may be drawn, in order, with their weights.
    kept: Vec<(usize, f64)>,
    total: f64,
    /// How far the cut is from one that keeps other tokens, as a share of all weights.
    margin: f64,
    log_sum: f64,
}

impl<'a> Reference<'a> {
    /// The distribution; `None` when a logit is NaN or +infinity, or all are masked.
    #[must_use]
    pub fn new(logits: &'a [f32], draw: Draw) -> Option<Self> {
        let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !peak.is_finite() || logits.iter().any(|logit| logit.is_nan()) {
            return None;
        }
        let above = |logit: f32| f64::from(logit) - f64::from(peak);
        let weights: Vec<f64> =
            logits.iter().map(|logit| (above(*logit) / f64::from(draw.temperature)).exp()).collect();
        let (kept, margin) = kept(logits, &weights, draw);
        let kept: Vec<(usize, f64)> = kept.into_iter().map(|token| (token, weights[token])).collect();
        let total = kept.iter().map(|(_, weight)| weight).sum();
        let log_sum = f64::from(peak) + logits.iter().map(|logit| above(*logit).exp()).sum::<f64>().ln();
        Some(Self { logits, kept, total, margin, log_sum })
    }

    /// The token that a uniform number draws, and how far that number is from one that gives another token, or the cut
    /// from one that keeps other tokens, whichever is nearer, as a share of all weights.
    #[must_use]
    pub fn pick(&self, uniform: f64) -> (Pick, f64) {
        let mut left = uniform * self.total;
        let mut margin = self.margin;
        let mut token = self.kept[0].0;
        for &(idx, weight) in self.kept.iter().filter(|(_, weight)| *weight > 0.0) {
            token = idx;
            if left < weight {
                margin = margin.min(left / self.total).min((weight - left) / self.total);
                break;
            }
            left -= weight;
        }
        let log_probability = (f64::from(self.logits[token]) - self.log_sum) as f32;
        (Pick { token: token as u32, log_probability }, margin)
    }
}

/// The tokens that top-k and top-p leave, in order, and how far the cut is from another one.
fn kept(logits: &[f32], weights: &[f64], draw: Draw) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    order.truncate(draw.top_k.map_or(usize::MAX, |top_k| top_k.max(1) as usize));
    let mut margin = f64::INFINITY;
    if draw.top_p < 1.0 {
        let total: f64 = order.iter().map(|token| weights[*token]).sum();
        let wanted = total * f64::from(draw.top_p);
        let mut sum = 0.0;
        let n_kept = order.iter().take_while(|token| {
            margin = f64::min(margin, f64::abs(sum - wanted) / total);
            let is_needed = sum < wanted;
            sum += weights[**token];
            is_needed
        });
        let n_kept = n_kept.count().max(1);
        order.truncate(n_kept);
    }
    order.sort_unstable();
    (order, margin)
}

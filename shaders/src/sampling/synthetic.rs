//! Draws from logits that a seed decides, for measurements.

use wgpu::{Buffer, BufferUsages};

use super::{Draw, Drawing, OP, Reference, Sampler, Shape};
use crate::dispatch::Step;
use crate::fill::{self, Pattern};
use crate::gpu::{Gpu, GpuError};

/// How near to another token's a uniform number may be for the device to draw that token, as a share of all weights.
const MARGIN: f64 = 1e-5;
/// How far a log-probability may be off.
const TOLERANCE: f32 = 1e-3;

/// One call, ready to run as often as wanted.
#[derive(Debug)]
pub struct Sampled {
    /// The call.
    pub step: Step,
    shape: Shape,
    draw: Draw,
    logits: Vec<f32>,
    uniforms: Vec<f32>,
    picks: Buffer,
}

impl Sampler {
    /// A draw for each of `n_samples` from rows of `n_tokens` logits between -8 and 8.
    ///
    /// # Errors
    /// When the device has not that much memory left.
    pub async fn synthetic(
        &self,
        gpu: &Gpu,
        n_samples: u32,
        n_tokens: u32,
        draw: Draw,
        seed: u32,
    ) -> Result<Sampled, GpuError> {
        let shape = Shape { n_samples, n_tokens, is_shared: false, n_steps: 1 };
        let share = |idx: u32| fill::word(seed, idx, Pattern { keep: 0x00ff_ffff, set: 0 }) as f32 / 16_777_216.0;
        let n_logits = n_samples * n_tokens;
        let logits: Vec<f32> = (0..n_logits).map(|idx| 16.0 * share(idx) - 8.0).collect();
        let uniforms: Vec<f32> = (0..n_samples).map(|idx| share(n_logits + idx)).collect();
        let (words, pairs) = (4 * u64::from(n_samples), 8 * u64::from(n_samples));
        let make = || {
            let buffer = |label, size, usage| gpu.storage(label, size, usage);
            [
                gpu.upload("logits", &logits),
                gpu.upload("uniforms", &uniforms),
                gpu.upload("state", &[0.0]),
                buffer("tokens", words, BufferUsages::empty()),
                buffer("picks", pairs, BufferUsages::COPY_SRC),
            ]
        };
        let buffers = gpu.allocate(OP, 4 * u64::from(n_logits), make).await?;
        let [logits_on_device, uniforms_on_device, state, tokens, picks] = &buffers;
        let drawing =
            Drawing { shape, draw, logits: logits_on_device, uniforms: uniforms_on_device, state, tokens, picks };
        let step = self.bind(gpu, drawing);
        Ok(Sampled { step, shape, draw, picks: picks.clone(), logits, uniforms })
    }
}

impl Sampled {
    /// What is wrong with what was drawn last, if anything.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn find_wrong(&self, gpu: &Gpu) -> Result<Option<String>, GpuError> {
        let words = gpu.read_words(OP, &self.picks, 0..2 * u64::from(self.shape.n_samples)).await?;
        let rows = self.logits.chunks_exact(self.shape.n_tokens as usize);
        for (sample, ((row, uniform), pick)) in rows.zip(&self.uniforms).zip(words.chunks_exact(2)).enumerate() {
            let Some(reference) = Reference::new(row, self.draw) else { continue };
            let (expected, margin) = reference.pick(f64::from(*uniform));
            let (token, log_probability) = (pick[0], f32::from_bits(pick[1]));
            if token != expected.token && margin > MARGIN {
                return Ok(Some(format!(
                    "sample {sample} drew token {token} and should have drawn {}",
                    expected.token
                )));
            }
            let off = (log_probability - expected.log_probability).abs();
            if token == expected.token && (off.is_nan() || off > TOLERANCE) {
                return Ok(Some(format!(
                    "sample {sample}'s log-probability is {log_probability} and should be {}",
                    expected.log_probability
                )));
            }
        }
        Ok(None)
    }
}

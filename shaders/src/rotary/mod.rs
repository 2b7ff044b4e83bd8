//! Queries and keys turned to their positions, under norms where a model has them, and keys and values appended to a cache.

#[cfg(test)]
mod tests;

use wgpu::Buffer;

use crate::attention::Sets;
use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::gpu::{Gpu, GpuError};

/// The kernel's source, behind the sizes and the piece that [`source`] puts there.
pub const SOURCE: &str = include_str!("kernel.wgsl");
/// For heads without norms.
pub const PLAIN_SOURCE: &str = include_str!("plain.wgsl");
/// For heads with norms.
pub const NORMED_SOURCE: &str = include_str!("normed.wgsl");

pub(crate) const OP: &str = "rotary";

/// The sizes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tokens of a text, or samples with a token each.
    pub n_columns: u32,
    pub n_heads: u32,
    pub n_kv_heads: u32,
    /// Numbers of a head: a multiple of 4.
    pub head_dim: u32,
}

/// What the columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// The next tokens of a text, of which so many are in the cache.
    Text { n_past: u32 },
    /// A token of each sample, the last of its own.
    Samples,
}

/// What one call reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct Turning<'a> {
    pub shape: Shape,
    pub columns: Columns,
    /// `[n_columns, n_heads + 2 * n_kv_heads, head_dim]` in f32: queries, keys and values of each column.
    pub inputs: &'a Buffer,
    /// `[n_positions, head_dim / 2, 2]` in f32: cosine and sine of each pair, from the position of the first column or of
    /// the samples' first own token on.
    pub angles: &'a Buffer,
    /// The gains of queries, then of keys, `[2, head_dim]` in f32, and what is added to the mean square; for heads with
    /// norms.
    pub norms: Option<(&'a Buffer, f32)>,
    /// In words: how many own tokens samples have, with this one, and the set of each sample.
    pub state: &'a Buffer,
    /// `[n_columns, n_heads, head_dim]` in f32.
    pub queries: &'a Buffer,
    pub cache: Sets<'a>,
}

/// The compiled kernel, for heads of one size, with norms or without.
#[derive(Clone, Debug)]
pub struct Rotary(Kernel);

/// What a call takes: queries, keys and values are read in f32, queries written in f32, keys and values in f16.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    let Shape { n_columns, n_heads, n_kv_heads, head_dim } = shape;
    let [n_columns, n_heads, n_kv_heads, head_dim] = [n_columns, n_heads, n_kv_heads, head_dim].map(u64::from);
    Cost {
        bytes: n_columns * head_dim * (4 * (n_heads + 2 * n_kv_heads) + 4 * n_heads + 4 * n_kv_heads + 4),
        flops: 3 * n_columns * head_dim * (n_heads + n_kv_heads),
        dispatches: 1,
    }
}

/// The whole source for heads of so many numbers.
#[must_use]
pub fn source(head_dim: u32, is_normed: bool) -> String {
    let norms = if is_normed { NORMED_SOURCE } else { PLAIN_SOURCE };
    format!("const HEAD_DIM: u32 = {head_dim}u;\n\n{norms}\n{SOURCE}")
}

impl Rotary {
    /// Compiles the kernel.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu, head_dim: u32, is_normed: bool) -> Result<Self, GpuError> {
        Ok(Self(Kernel::new(gpu, OP, &source(head_dim, is_normed), &[]).await?))
    }

    /// The step of one call. Buffers must have room for what the shape says, and norms be there if the kernel has them.
    #[must_use]
    pub fn bind(&self, gpu: &Gpu, turning: Turning<'_>) -> Step {
        let Turning { shape, cache, .. } = turning;
        let (is_text, n_past) = match turning.columns {
            Columns::Text { n_past } => (1, n_past),
            Columns::Samples => (0, 0),
        };
        let epsilon = turning.norms.map_or(0.0, |(_, epsilon)| epsilon);
        let parameters = gpu.uniform(&[
            shape.n_heads,
            shape.n_kv_heads,
            is_text,
            n_past,
            cache.page,
            cache.n_sets,
            epsilon.to_bits(),
        ]);
        let whole = [
            (0, turning.inputs),
            (1, turning.angles),
            (2, turning.queries),
            (3, cache.keys),
            (4, cache.values),
            (5, turning.state),
            (6, &parameters),
        ];
        let gains = turning.norms.iter().map(|(gains, _)| (7, *gains));
        let buffers: Vec<_> = whole.into_iter().chain(gains).collect();
        self.0.step(gpu, &buffers, [shape.n_heads + 2 * shape.n_kv_heads, shape.n_columns])
    }
}

/// A head turned by the angles of its position, cosine and sine of each pair, in f64; under a norm of these gains and what
/// is added to the mean square, if there is one.
#[must_use]
pub fn reference(head: &[f32], angles: &[[f32; 2]], norm: Option<(&[f32], f32)>) -> Vec<f64> {
    let mut numbers: Vec<f64> = head.iter().copied().map(f64::from).collect();
    if let Some((gains, epsilon)) = norm {
        let mean_square = numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64;
        let factor = 1.0 / (mean_square + f64::from(epsilon)).sqrt();
        numbers.iter_mut().zip(gains).for_each(|(x, gain)| *x *= f64::from(*gain) * factor);
    }
    let half = numbers.len() / 2;
    for (at, [cosine, sine]) in angles.iter().map(|angle| angle.map(f64::from)).enumerate() {
        let (a, b) = (numbers[at], numbers[at + half]);
        numbers[at] = a * cosine - b * sine;
        numbers[at + half] = b * cosine + a * sine;
    }
    numbers
}

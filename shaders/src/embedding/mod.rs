//! The embeddings of tokens: rows of a matrix that is packed like any other.

#[cfg(test)]
mod tests;

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::gpu::{Gpu, GpuError};
use crate::weights::{BLOCK, DeviceWeights, Format, MatrixShape};

/// The kernel's source, behind a format's.
pub const SOURCE: &str = include_str!("kernel.wgsl");

pub(crate) const OP: &str = "embedding";

/// Invocations of a workgroup.
const WIDTH: u32 = 64;

/// The compiled kernel for a format.
#[derive(Clone, Debug)]
pub struct Embedding(Kernel);

/// What so many tokens take: a dispatch for each shard, every row and output once.
#[must_use]
pub fn cost(format: Format, shape: MatrixShape, n_tokens: u32, n_shards: u64) -> Cost {
    let row = MatrixShape { n_rows: 1, ..shape };
    let n_tokens = u64::from(n_tokens);
    Cost {
        bytes: n_tokens * (4 + row.n_bytes(format) + 4 * u64::from(shape.n_columns)),
        flops: 0,
        dispatches: n_shards,
    }
}

/// The whole source for a format.
#[must_use]
pub fn source(format: Format) -> String {
    [format.source(), SOURCE].join("\n")
}

impl Embedding {
    /// Compiles the kernel.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu, format: Format) -> Result<Self, GpuError> {
        Ok(Self(Kernel::new(gpu, OP, &source(format), &[("WIDTH", WIDTH)]).await?))
    }

    /// What writes the rows of `n_tokens` tokens one after the other, and adds one to the first word of `state`: a step for
    /// each shard. Tokens are rows that the matrix has.
    #[must_use]
    pub fn bind(
        &self,
        gpu: &Gpu,
        weights: &DeviceWeights,
        tokens: &Buffer,
        n_tokens: u32,
        state: &Buffer,
        outputs: &Buffer,
    ) -> Vec<Step> {
        let n_blocks = weights.shape.n_columns / BLOCK as u32;
        let steps = weights.shards.iter().map(|shard| {
            let counts = u32::from(shard.first_row == 0);
            let shape = gpu.uniform(&[shard.first_row, shard.n_rows, n_blocks, counts]);
            let scales = shard.scales.iter().map(|scales| (1, scales));
            let whole = [(0, &shard.quants), (2, tokens), (3, outputs), (4, state), (5, &shape)];
            let buffers: Vec<_> = whole.into_iter().chain(scales).collect();
            self.0.step(gpu, &buffers, [n_tokens, 1])
        });
        steps.collect()
    }
}

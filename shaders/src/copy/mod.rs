//! A buffer copied by a kernel: the bandwidth that other kernels are held against.

#[cfg(test)]
mod tests;

use wgpu::{Buffer, BufferUsages};

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step, groups};
use crate::fill::{self, Fill, Pattern};
use crate::gpu::{Gpu, GpuError};

/// The kernel's source.
pub const SOURCE: &str = include_str!("kernel.wgsl");

const OP: &str = "copy";
const WIDTH: u32 = 256;
const ANY: Pattern = Pattern { keep: u32::MAX, set: 0 };

/// A source that a seed decides, and what it is copied to.
#[derive(Clone, Debug)]
pub struct BufferCopy {
    /// What copies it.
    pub step: Step,
    copied: Buffer,
    seed: u32,
}

/// What copying so many bytes takes: each is read and written.
#[must_use]
pub const fn cost(n_bytes: u64) -> Cost {
    Cost { bytes: 2 * n_bytes, flops: 0, dispatches: 1 }
}

impl BufferCopy {
    /// Makes both buffers, of `n_bytes` each, a multiple of 16.
    ///
    /// # Errors
    /// When the device has not that much memory left, or refuses the kernel.
    pub async fn new(gpu: &Gpu, fill: &Fill, n_bytes: u64, seed: u32) -> Result<Self, GpuError> {
        let kernel = Kernel::new(gpu, OP, SOURCE, &[("WIDTH", WIDTH)]).await?;
        let make = || {
            let source = gpu.storage("source", n_bytes, BufferUsages::empty());
            (source, gpu.storage("copied", n_bytes, BufferUsages::COPY_SRC))
        };
        let (source, copied) = gpu.allocate(OP, 2 * n_bytes, make).await?;
        gpu.run(&[fill.step(gpu, &source, seed, 0, ANY)]);
        let n_groups = u32::try_from(n_bytes.div_ceil(16 * u64::from(WIDTH))).unwrap_or(u32::MAX);
        let step = kernel.step(gpu, &[(0, &source), (1, &copied)], groups(gpu, n_groups));
        Ok(Self { step, copied, seed })
    }

    /// Whether the copy is what the seed decides, looked at in its first and last 64 KiB and some words between.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn is_right(&self, gpu: &Gpu) -> Result<bool, GpuError> {
        const PIECE: u64 = 1 << 14;
        let n_words = self.copied.size() / 4;
        for start in [0, n_words / 3, n_words / 2, n_words.saturating_sub(PIECE)] {
            let words = start..(start + PIECE).min(n_words);
            let found = gpu.read_words(OP, &self.copied, words.clone()).await?;
            let is_right = |(idx, found): (u64, &u32)| *found == fill::word(self.seed, idx as u32, ANY);
            if !words.zip(&found).all(is_right) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

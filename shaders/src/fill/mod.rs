//! Buffers of words that a seed decides, so that weights of any size need no upload and the CPU knows each of them.

#[cfg(test)]
mod tests;

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::gpu::{Gpu, GpuError};

/// The kernel's source.
pub const SOURCE: &str = include_str!("kernel.wgsl");

pub(crate) const OP: &str = "fill";

/// Invocations of a workgroup.
const WIDTH: u32 = 256;

/// What a word keeps of its hash, and what it has in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Bits that the hash decides.
    pub keep: u32,
    /// Bits that are 1.
    pub set: u32,
}

impl Pattern {
    /// Numbers in f32 of either sign, their magnitudes from 1/2 to 1.
    pub const HALF_TO_ONE: Self = Self { keep: 0x807f_ffff, set: 0x3f00_0000 };
}

/// The compiled kernel.
#[derive(Clone, Debug)]
pub struct Fill(Kernel);

impl Fill {
    /// Compiles the kernel.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        Ok(Self(Kernel::new(gpu, OP, SOURCE, &[("WIDTH", WIDTH)]).await?))
    }

    /// What fills `words`, which begin with number `first` of the seed's.
    #[must_use]
    pub fn step(&self, gpu: &Gpu, words: &Buffer, seed: u32, first: u32, pattern: Pattern) -> Step {
        let n_words = (words.size() / 4) as u32;
        let parameters = gpu.uniform(&[seed, first, n_words, pattern.keep, pattern.set]);
        let most = gpu.device.limits().max_compute_workgroups_per_dimension;
        self.0.step(gpu, &[(0, words), (1, &parameters)], [n_words.div_ceil(WIDTH).min(most), 1])
    }
}

/// What filling so many words takes.
#[must_use]
pub const fn cost(n_words: u64) -> Cost {
    Cost { bytes: 4 * n_words, flops: 0, dispatches: 1 }
}

/// Word `idx` of a seed, on the CPU: the same bits as on a device.
#[must_use]
pub const fn word(seed: u32, idx: u32, pattern: Pattern) -> u32 {
    hash(idx ^ hash(seed)) & pattern.keep | pattern.set
}

const fn hash(value: u32) -> u32 {
    let state = value.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

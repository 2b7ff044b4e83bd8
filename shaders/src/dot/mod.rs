//! The most products of packed bytes that a device does: what kernels that multiply integers could come to.

#[cfg(test)]
mod tests;

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{PEAK_WIDTH, Step, peak};
pub use crate::fma::Shape;
use crate::gpu::{Gpu, GpuError};

/// The kernel's source.
pub const SOURCE: &str = include_str!("kernel.wgsl");

const OP: &str = "dot";
/// Chains of an invocation, which turn each other in pairs.
const N_CHAINS: u32 = 8;
/// The bytes 3, -5, 7 and -11.
const BYTES: u32 = u32::from_le_bytes([3, 251, 7, 245]);

/// A call that is ready to be repeated.
#[derive(Clone, Debug)]
pub struct Dot {
    /// What computes it.
    pub step: Step,
    results: Buffer,
    shape: Shape,
}

/// What a call takes; a product of four bytes with four is eight operations.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    let n_lanes = u64::from(shape.n_groups) * u64::from(PEAK_WIDTH);
    Cost { bytes: 4 * n_lanes, flops: n_lanes * u64::from(N_CHAINS) * u64::from(shape.n_turns) * 8, dispatches: 1 }
}

impl Dot {
    /// Compiles the kernel and makes room for its results.
    ///
    /// # Errors
    /// When the device refuses either; a browser may not know `dot4I8Packed`.
    pub async fn new(gpu: &Gpu, shape: Shape) -> Result<Self, GpuError> {
        let (step, results) = peak(gpu, OP, SOURCE, shape.n_groups, &[shape.n_turns, BYTES]).await?;
        Ok(Self { step, results, shape })
    }

    /// Whether every result is the reference's, bit for bit.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn is_right(&self, gpu: &Gpu) -> Result<bool, GpuError> {
        let found = gpu.read_words(OP, &self.results, 0..self.results.size() / 4).await?;
        let expected: Vec<i32> = (0..64).map(|lane| reference(lane, self.shape.n_turns)).collect();
        Ok(found.iter().enumerate().all(|(lane, found)| *found as i32 == expected[lane % 64]))
    }
}

/// What an invocation computes.
#[must_use]
pub fn reference(lane: u32, n_turns: u32) -> i32 {
    let turned = |x: i32, other: i32| {
        let products = other.to_le_bytes().into_iter().zip(BYTES.to_le_bytes());
        products.fold(x, |sum, (a, b)| sum.wrapping_add(i32::from(a as i8) * i32::from(b as i8)))
    };
    let first = (lane % 64) as i32 * 8;
    let pair = |idx: i32| {
        let start = (first + idx, first + idx + 1);
        let (a, b) = (0..n_turns).fold(start, |(a, b), _| (turned(a, b), turned(b, a)));
        a ^ b
    };
    pair(0) ^ pair(2) ^ pair(4) ^ pair(6)
}

//! The most multiplications with additions in f32 that a device does: the peak that products are held against.

#[cfg(test)]
mod tests;

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{PEAK_WIDTH, Step, peak};
use crate::gpu::{Gpu, GpuError};

/// The kernel's source.
pub const SOURCE: &str = include_str!("kernel.wgsl");

const OP: &str = "fma";
/// Chains of an invocation.
const N_CHAINS: u32 = 32;
/// A chain neither grows nor comes to rest within the turns of a call.
const FACTOR: f32 = 0.9998;
const TERM: f32 = 0.01;
/// The share of a result that it may be off: each turn rounds once or twice, and the factor forgets early errors.
const TOLERANCE: f64 = 1e-4;

/// How much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Workgroups of 256 invocations; at most 65,535.
    pub n_groups: u32,
    /// Multiplications with an addition in each of an invocation's 32 chains.
    pub n_turns: u32,
}

/// A call that is ready to be repeated.
#[derive(Clone, Debug)]
pub struct Fma {
    /// What computes it.
    pub step: Step,
    results: Buffer,
    shape: Shape,
}

/// What a call takes.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    let n_lanes = u64::from(shape.n_groups) * u64::from(PEAK_WIDTH);
    Cost { bytes: 4 * n_lanes, flops: n_lanes * u64::from(N_CHAINS) * u64::from(shape.n_turns) * 2, dispatches: 1 }
}

impl Fma {
    /// Compiles the kernel and makes room for its results.
    ///
    /// # Errors
    /// When the device refuses either.
    pub async fn new(gpu: &Gpu, shape: Shape) -> Result<Self, GpuError> {
        let (step, results) =
            peak(gpu, OP, SOURCE, shape.n_groups, &[shape.n_turns, FACTOR.to_bits(), TERM.to_bits()]).await?;
        Ok(Self { step, results, shape })
    }

    /// The first invocation's result.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn first(&self, gpu: &Gpu) -> Result<f32, GpuError> {
        let words = gpu.read_words(OP, &self.results, 0..1).await?;
        Ok(f32::from_bits(words[0]))
    }

    /// Whether every result is the reference's.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn is_right(&self, gpu: &Gpu) -> Result<bool, GpuError> {
        let found = gpu.read_words(OP, &self.results, 0..self.results.size() / 4).await?;
        let expected: Vec<f64> = (0..64).map(|lane| reference(lane, self.shape.n_turns)).collect();
        Ok(found.iter().enumerate().all(|(lane, found)| {
            let expected = expected[lane % 64];
            (f64::from(f32::from_bits(*found)) - expected).abs() <= TOLERANCE * expected.abs()
        }))
    }
}

/// What an invocation computes, in f64.
#[must_use]
pub fn reference(lane: u32, n_turns: u32) -> f64 {
    let first = f64::from(lane % 64);
    let chain = |start: f64| (0..n_turns).fold(start, |x, _| x * f64::from(FACTOR) + f64::from(TERM));
    (0..N_CHAINS).map(|idx| chain(first + f64::from(idx % 4) * 0.25 + f64::from(idx / 4))).sum()
}

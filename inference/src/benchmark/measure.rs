//! How long operations take on a device, by the host's clock.

use stepwise_shaders::Step;
use stepwise_shaders::fma::{self, Fma};
use stepwise_shaders::gpu::{Gpu, GpuError};

use super::run::OP;

/// Dispatches of one submit at most, so that no device is busy for so long that its system takes it for hung.
const MAX_DISPATCHES: u64 = 4096;
/// A sample takes so many times as long as waiting for a device that has nothing to do.
const ROUND_TRIPS: f64 = 10.0;

/// What is timed.
pub(super) enum Operation {
    /// Arithmetic on the CPU.
    Control,
    /// Steps on the device that together are so many operations; they are recorded before the clock starts.
    Steps { steps: Vec<Step>, n_operations: u32 },
    /// A dispatch, with its recording.
    Dispatch,
    /// A submit.
    Submit,
    /// A submit and its result.
    ReadBack,
}

/// A device with a clock beside it.
pub(super) struct Stopwatch<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) now: &'a dyn Fn() -> f64,
    /// A dispatch that does next to nothing.
    pub(super) tiny: Fma,
    /// Seconds that a sample takes at least.
    batch_seconds: f64,
}

impl<'a> Stopwatch<'a> {
    /// Measures how long it takes to hear from the device, so that samples are long beside it.
    pub(super) async fn new(gpu: &'a Gpu, now: &'a dyn Fn() -> f64, batch_seconds: f64) -> Result<Self, GpuError> {
        let tiny = Fma::new(gpu, fma::Shape { n_groups: 1, n_turns: 1 }).await?;
        let mut stopwatch = Self { gpu, now, tiny, batch_seconds };
        let mut round_trip = f64::INFINITY;
        for _ in 0..5 {
            round_trip = stopwatch.time(&Operation::Submit, 1).await?.min(round_trip);
        }
        stopwatch.batch_seconds = batch_seconds.max(ROUND_TRIPS * round_trip);
        Ok(stopwatch)
    }

    /// Seconds in which the device, or the CPU, does all of it `repeats` times and says so.
    pub(super) async fn time(&self, operation: &Operation, repeats: u32) -> Result<f64, GpuError> {
        let tiny = std::slice::from_ref(&self.tiny.step);
        let recording = match operation {
            Operation::Steps { steps, .. } => Some(self.gpu.record(steps, repeats)),
            _ => None,
        };
        let begun = (self.now)();
        match operation {
            Operation::Control => (0..repeats).for_each(|_| control()),
            Operation::Steps { .. } => recording.into_iter().for_each(|recording| self.gpu.submit(recording)),
            Operation::Dispatch => self.gpu.submit(self.gpu.record(tiny, repeats)),
            Operation::Submit => (0..repeats).for_each(|_| self.gpu.run(tiny)),
            Operation::ReadBack => {
                for _ in 0..repeats {
                    self.gpu.run(tiny);
                    self.tiny.first(self.gpu).await?;
                }
            }
        }
        if !matches!(operation, Operation::Control | Operation::ReadBack) {
            self.gpu.finish(OP).await?;
        }
        Ok((self.now)() - begun)
    }

    /// How often `operation` is repeated so that a sample is long enough.
    pub(super) async fn repeats(&self, operation: &Operation) -> Result<u32, GpuError> {
        let most = match operation {
            Operation::Steps { steps, .. } => (MAX_DISPATCHES / steps.len().max(1) as u64).max(1) as u32,
            Operation::Dispatch => MAX_DISPATCHES as u32,
            Operation::Submit => 256,
            Operation::Control | Operation::ReadBack => u32::MAX,
        };
        let mut repeats = 1;
        loop {
            let seconds = self.time(operation, repeats).await?;
            if seconds >= self.batch_seconds || repeats >= most {
                return Ok(repeats);
            }
            // At most eightfold, because the first times are the least sure.
            let factor = (self.batch_seconds / seconds.max(1e-9)).clamp(1.2, 8.0);
            repeats = ((f64::from(repeats) * factor).ceil() as u32).min(most);
        }
    }
}

impl Operation {
    /// One operation alone.
    pub(super) fn first(&self) -> Self {
        match self {
            Self::Control => Self::Control,
            Self::Dispatch => Self::Dispatch,
            Self::Submit => Self::Submit,
            Self::ReadBack => Self::ReadBack,
            Self::Steps { steps, n_operations } => {
                let steps = steps[..steps.len() / *n_operations as usize].to_vec();
                Self::Steps { steps, n_operations: 1 }
            }
        }
    }

    /// Operations of one repetition.
    pub(super) fn n_operations(&self) -> u32 {
        match self {
            Self::Steps { n_operations, .. } => *n_operations,
            _ => 1,
        }
    }
}

/// A million multiplications and additions in f32 on one core, within its first cache.
fn control() {
    let values: Vec<f32> = (0..1024).map(|idx| 1.0 / (1.0 + idx as f32)).collect();
    let mut sums = [0.0_f32; 8];
    for _ in 0..1024 {
        for eight in std::hint::black_box(&values).as_chunks::<8>().0 {
            for (sum, value) in sums.iter_mut().zip(eight) {
                *sum = *sum * 0.5 + value;
            }
        }
    }
    std::hint::black_box(sums);
}

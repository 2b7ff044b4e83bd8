//! What samples come to: median, spread, drift, and the share of the measured peaks.

use serde::Serialize;
use stepwise_core::stats::{median, quantile};
use stepwise_shaders::cost::Cost;

/// The peaks that a device was measured to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Peaks {
    /// Bytes a second that a copy reads and writes, together.
    pub bytes_per_second: Option<f64>,
    /// Operations on f32 a second.
    pub flops_per_second: Option<f64>,
    /// Operations on bytes a second.
    pub int8_per_second: Option<f64>,
}

/// What holds a kernel back, by the roofline of the peaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Memory,
    Arithmetic,
}

/// What a row's samples come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Seconds of one operation.
    pub median: f64,
    /// The 10% quantile.
    pub low: f64,
    /// The 90% quantile.
    pub high: f64,
    /// Samples.
    pub n: usize,
    /// The median of the last third of the samples by that of the first; `None` for fewer than three.
    pub drift: Option<f64>,
    /// Bytes a second at the median.
    pub bytes_per_second: Option<f64>,
    /// Operations a second at the median.
    pub flops_per_second: Option<f64>,
    /// What holds it back, and the share of that peak which it reaches.
    pub share: Option<(Bound, f64)>,
}

impl Figures {
    /// Sums up seconds per operation, in the order in which they were taken; `None` without any.
    #[must_use]
    pub fn new(samples: &[f64], cost: Option<Cost>, peaks: Option<&Peaks>) -> Option<Self> {
        let at = median(samples)?;
        let rate = |count: fn(&Cost) -> u64| cost.as_ref().map(count).filter(|n| *n > 0).map(|n| n as f64 / at);
        Some(Self {
            median: at,
            low: quantile(samples, 0.1)?,
            high: quantile(samples, 0.9)?,
            n: samples.len(),
            drift: drift(samples),
            bytes_per_second: rate(|cost| cost.bytes),
            flops_per_second: rate(|cost| cost.flops),
            share: peaks.zip(cost).and_then(|(peaks, cost)| peaks.share(&cost, at)),
        })
    }

    /// Half of the distance between the outer tenths, by the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.median
    }
}

impl Peaks {
    /// What holds an operation back that takes `seconds`, and the share of that peak which it reaches.
    fn share(&self, cost: &Cost, seconds: f64) -> Option<(Bound, f64)> {
        let memory = cost.bytes as f64 / self.bytes_per_second?;
        let arithmetic = cost.flops as f64 / self.flops_per_second?;
        let (bound, least) =
            if memory >= arithmetic { (Bound::Memory, memory) } else { (Bound::Arithmetic, arithmetic) };
        Some((bound, least / seconds))
    }
}

/// How much slower the last third of the samples is than the first: the ratio of their medians.
fn drift(samples: &[f64]) -> Option<f64> {
    let third = samples.len() / 3;
    if third == 0 {
        return None;
    }
    Some(median(&samples[samples.len() - third..])? / median(&samples[..third])?)
}

//! What a run comes to: all samples and all that they depend on, as versioned JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwise_shaders::cost::Cost;
use stepwise_shaders::gpu::AdapterFacts;

use super::figures::{Figures, Peaks};
use super::llama;
use super::verdict::Verdict;

/// The version of the JSON; what changes its meaning raises it.
pub const VERSION: u64 = 1;

/// A run of a plan on a device.
///
/// Peaks, figures and verdict are made of the samples, by whoever reads a report: a file's own are not believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub stepwise_bench_gpu: u64,
    /// The program's version.
    pub program: String,
    /// `release`, or `development`, which takes longer for each dispatch.
    pub build: String,
    /// The machine, in words.
    pub machine: String,
    /// The browser, where it ran in one.
    pub browser: Option<String>,
    pub adapter: AdapterFacts,
    pub plan: PlanName,
    /// The SHA-256 of each kernel's and format's source.
    pub kernels: BTreeMap<String, String>,
    /// The user stopped it.
    pub interrupted: bool,
    /// How long it took.
    pub seconds: f64,
    pub rows: Vec<Row>,
    #[serde(skip_deserializing)]
    pub peaks: Peaks,
    #[serde(skip_deserializing)]
    pub verdict: Verdict,
}

/// Which plan was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanName {
    pub name: String,
    /// Runs with the same one measured the same.
    pub hash: String,
    /// How it was changed, in words.
    pub edited: Option<String>,
}

/// A row of the plan and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    /// `control`, `copy`, `fma`, `dot`, `dispatch`, `submit`, `read_back`, `product`, `attention`, `sampling`, and of whole
    /// models `prompt`, `decode` and `score`.
    pub kind: String,
    /// What one operation takes at least.
    #[serde(with = "cost")]
    pub cost: Option<Cost>,
    #[serde(flatten)]
    pub state: State,
    /// Seconds in which the kernel was compiled.
    pub compile_seconds: Option<f64>,
    /// Seconds of the first operation, when nothing was warm.
    pub cold_seconds: Option<f64>,
    /// Operations of each sample.
    pub repeats: u64,
    /// Tokens of one operation of a whole model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Seconds of one operation, sample by sample, in the order in which they were taken; none of a row that is wrong.
    pub samples: Vec<f64>,
    #[serde(skip_deserializing)]
    pub figures: Option<Figures>,
}

/// What a row came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Nobody came to it.
    Pending,
    /// Its results were looked at before and after it was timed, and are right.
    Right,
    /// Its results are wrong, so that it has no speed.
    Wrong { reason: String },
    /// It did not fit, or this device has no such thing.
    NotMeasured { reason: String },
}

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("it is no report of `stepwise bench gpu`, and none of `llama-bench -o json`")]
    Foreign,
    /// Another program wrote it.
    #[error("it is a report of version {0}, and this program reads version {VERSION}; run the benchmark again")]
    Version(u64),
    /// Something in it is missing or cannot be.
    #[error("the report is damaged ({0})")]
    Damaged(String),
}

impl Report {
    /// Reads a report, or what llama-bench wrote as JSON, and makes peaks, figures and verdict of its samples anew.
    ///
    /// # Errors
    /// When the text is no report of this version, or a damaged one.
    pub fn read(json: &str) -> Result<Self, ReadError> {
        if llama::is_from_it(json) {
            return llama::read(json);
        }
        let value: Value = serde_json::from_str(json).map_err(|_| ReadError::Foreign)?;
        match value.get("stepwise_bench_gpu").and_then(Value::as_u64) {
            None => return Err(ReadError::Foreign),
            Some(VERSION) => {}
            Some(version) => return Err(ReadError::Version(version)),
        }
        let report: Self = serde_json::from_value(value).map_err(|error| ReadError::Damaged(error.to_string()))?;
        report.checked()
    }

    /// The report if its samples can be, completed.
    pub(super) fn checked(self) -> Result<Self, ReadError> {
        for row in &self.rows {
            if row.samples.iter().any(|seconds| !seconds.is_finite() || *seconds <= 0.0) {
                return Err(ReadError::Damaged(format!("a time of {:?} is not above 0", row.name)));
            }
            if row.state != State::Right && !row.samples.is_empty() {
                return Err(ReadError::Damaged(format!("{:?} has times and was not found right", row.name)));
            }
        }
        Ok(self.completed())
    }

    /// With peaks, figures and verdict made of its samples.
    #[must_use]
    pub(super) fn completed(mut self) -> Self {
        let peaks = self.peaks_of_rows();
        for row in &mut self.rows {
            let held_against = row.is_of_models().then_some(&peaks);
            row.figures = Figures::new(&row.samples, row.cost, held_against);
        }
        self.peaks = peaks;
        self.verdict = Verdict::of(&self);
        self
    }

    /// Whether llama-bench measured it.
    pub(super) fn is_of_llama_bench(&self) -> bool {
        self.plan.name == llama::PLAN
    }

    fn peaks_of_rows(&self) -> Peaks {
        let of = |kind: &str| {
            let row = self.rows.iter().find(|row| row.kind == kind)?;
            Figures::new(&row.samples, row.cost, None)
        };
        Peaks {
            bytes_per_second: of("copy").and_then(|figures| figures.bytes_per_second),
            flops_per_second: of("fma").and_then(|figures| figures.flops_per_second),
            int8_per_second: of("dot").and_then(|figures| figures.flops_per_second),
        }
    }

    /// Rows that computed something else than they should.
    pub fn wrong_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.state, State::Wrong { .. }))
    }
}

impl Row {
    /// Whether it is a whole model, which not every device has the memory for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        ["prompt", "decode", "score"].contains(&self.kind.as_str())
    }

    /// Whether it is what models are made of, or one, which is held against the peaks.
    #[must_use]
    pub fn is_of_models(&self) -> bool {
        self.is_whole() || ["product", "attention", "sampling"].contains(&self.kind.as_str())
    }
}

/// Costs as JSON has them; the kernels' crate knows no JSON.
mod cost {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use stepwise_shaders::cost::Cost;

    #[derive(Serialize, Deserialize)]
    struct Written {
        bytes: u64,
        flops: u64,
        dispatches: u64,
    }

    pub(super) fn serialize<S: Serializer>(cost: &Option<Cost>, serializer: S) -> Result<S::Ok, S::Error> {
        let written = cost.map(|Cost { bytes, flops, dispatches }| Written { bytes, flops, dispatches });
        written.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cost>, D::Error> {
        let written = Option::<Written>::deserialize(deserializer)?;
        Ok(written.map(|Written { bytes, flops, dispatches }| Cost { bytes, flops, dispatches }))
    }
}

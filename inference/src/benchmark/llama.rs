//! What llama.cpp's `llama-bench -o json` (or `jsonl`) writes, read as a report, so that its rows stand beside ours.
//!
//! The format is described in <https://github.com/ggml-org/llama.cpp/blob/master/tools/llama-bench/README.md>. An operation
//! is taken to read the whole file and to compute two operations a parameter and token.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use stepwise_core::digest::sha256_of_parts;
use stepwise_shaders::cost::Cost;
use stepwise_shaders::gpu::AdapterFacts;
use stepwise_shaders::weights::{Format, MatrixShape};

use super::figures::Peaks;
use super::report::{PlanName, ReadError, Report, Row, State, VERSION};
use super::verdict::Verdict;

/// The plan's name in such a report.
pub(super) const PLAN: &str = "llama-bench";

/// How far operations of a row of ours and a row of llama-bench may be apart for the two to be the same work: it counts
/// the embedding at every token, where one row is read, and the head, where a prompt's last token alone has one.
const SAME_SIZE: f64 = 0.25;

/// Likewise bits a weight.
const SAME_BITS: f64 = 0.15;

/// One test of one model.
#[derive(Debug, Deserialize)]
struct Test {
    build_commit: String,
    #[serde(default)]
    cpu_info: String,
    #[serde(default)]
    gpu_info: String,
    /// `CUDA`, `Vulkan`, `CPU`...
    #[serde(default)]
    backends: String,
    model_type: String,
    /// Bytes of all tensors.
    model_size: u64,
    model_n_params: u64,
    #[serde(default = "all_layers")]
    n_gpu_layers: i64,
    n_prompt: u32,
    n_gen: u32,
    /// Tokens that stand before what is measured.
    #[serde(default)]
    n_depth: u32,
    /// Nanoseconds of the whole test.
    samples_ns: Vec<u64>,
}

/// What llama-bench writes when it leaves the choice to llama.cpp.
const fn all_layers() -> i64 {
    -1
}

/// Whether a text is what llama-bench writes: an array of tests, or a test a line, of which the first tells.
pub(super) fn is_from_it(text: &str) -> bool {
    let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
    let Some(Ok(value)) = first else { return false };
    let test = value.get(0).unwrap_or(&value);
    test.get("samples_ns").is_some() && test.get("model_n_params").is_some()
}

/// The report that a text of llama-bench comes to.
///
/// # Errors
/// The text is none of it, or a damaged one.
pub(super) fn read(text: &str) -> Result<Report, ReadError> {
    let tests: Vec<Test> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(damaged)?,
        false => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).map_err(damaged))
            .collect::<Result<_, _>>()?,
    };
    let Some(first) = tests.first() else { return Err(ReadError::Foreign) };
    let is_on_cpu = tests.iter().any(|test| test.is_on_cpu());
    let name = if is_on_cpu { &first.cpu_info } else { &first.gpu_info };
    let mut rows: Vec<Row> = Vec::new();
    for mut row in tests.iter().map(Test::row) {
        // Tests that differ in threads, batches or layers on the GPU have one name there.
        let n_alike = rows.iter().filter(|other| other.name.starts_with(&row.name)).count();
        if n_alike > 0 {
            row.name += &format!(" ({})", n_alike + 1);
        }
        rows.push(row);
    }
    let report = Report {
        stepwise_bench_gpu: VERSION,
        program: first.build_commit.clone(),
        build: "release".to_owned(),
        machine: first.cpu_info.clone(),
        browser: None,
        adapter: AdapterFacts {
            name: name.clone(),
            backend: first.backends.clone(),
            driver: String::new(),
            driver_info: String::new(),
            device_type: String::new(),
            vendor_id: 0,
            device_id: 0,
            is_software: is_on_cpu,
            features: Vec::new(),
            limits: BTreeMap::new(),
        },
        plan: PlanName {
            name: PLAN.to_owned(),
            hash: sha256_of_parts(rows.iter().map(|row| row.name.as_str())),
            edited: None,
        },
        kernels: BTreeMap::new(),
        interrupted: false,
        seconds: tests.iter().flat_map(|test| &test.samples_ns).map(|ns| *ns as f64 * 1e-9).sum(),
        rows,
        peaks: Peaks::default(),
        verdict: Verdict::default(),
    };
    report.checked()
}

fn damaged(error: serde_json::Error) -> ReadError {
    ReadError::Damaged(format!("as llama-bench's: {error}"))
}

impl Test {
    fn is_on_cpu(&self) -> bool {
        self.n_gpu_layers == 0 || self.gpu_info.is_empty() || self.backends == "CPU"
    }

    fn row(&self) -> Row {
        let Self { n_prompt, n_gen, n_depth, .. } = *self;
        let mut test = match (n_prompt, n_gen) {
            (_, 0) => format!("pp{n_prompt}"),
            (0, _) => format!("tg{n_gen}"),
            _ => format!("pp{n_prompt}+tg{n_gen}"),
        };
        if n_depth > 0 {
            test += &format!(" @ d{n_depth}");
        }
        // Tokens and times of one operation: a prompt, or a token that is decoded.
        let (kind, tokens, n_operations) = match (n_prompt, n_gen) {
            (_, 0) => ("prompt", n_prompt, 1),
            (0, _) => ("decode", 1, n_gen),
            _ => ("decode", n_prompt.saturating_add(n_gen), 1),
        };
        let flops = 2 * u64::from(tokens) * self.model_n_params;
        let is_mixed = n_prompt > 0 && n_gen > 0;
        Row {
            name: format!("{}, {test}", self.model_type),
            kind: kind.to_owned(),
            cost: (!is_mixed).then_some(Cost { bytes: self.model_size, flops, dispatches: 0 }),
            state: State::Right,
            compile_seconds: None,
            cold_seconds: None,
            repeats: u64::from(n_operations),
            tokens: Some(tokens),
            samples: self.samples_ns.iter().map(|ns| *ns as f64 * 1e-9 / f64::from(n_operations)).collect(),
            figures: None,
        }
    }
}

/// Whether a row of ours and one of llama-bench are the same test of models of the same size, with about as many bits a
/// weight.
pub(super) fn is_same_work(a: &Row, b: &Row) -> bool {
    let test = |row: &Row| row.name.rsplit(", ").next().map(str::to_owned);
    let is_near = |share: f64, a: f64, b: f64| (a - b).abs() <= share * a.max(b);
    let (Some(ours), Some(theirs)) = (a.cost, b.cost) else { return false };
    a.is_whole()
        && (&a.kind, a.tokens) == (&b.kind, b.tokens)
        && test(a) == test(b)
        && is_near(SAME_SIZE, ours.flops as f64, theirs.flops as f64)
        && bits(a).zip(bits(b)).is_some_and(|(a, b)| is_near(SAME_BITS, a, b))
}

/// Bits of a weight: by a format's name, or of the file by its parameters.
fn bits(row: &Row) -> Option<f64> {
    const LARGE: MatrixShape = MatrixShape { n_rows: 1, n_columns: 1024 };
    let format = row.name.split(", ").nth(1);
    if let Some(format) = Format::ALL.into_iter().find(|known| Some(known.to_string().as_str()) == format) {
        return Some((8 * LARGE.n_bytes(format)) as f64 / 1024.0);
    }
    let (cost, tokens) = (row.cost?, row.tokens?);
    Some(8.0 * cost.bytes as f64 / (cost.flops as f64 / (2.0 * f64::from(tokens))))
}

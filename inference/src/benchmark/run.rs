//! Carries out a plan on a device.

use std::collections::HashMap;

use stepwise_core::digest::sha256_of_parts;
use stepwise_shaders::attention::{self, Attended, Attention, AttentionError};
use stepwise_shaders::copy::BufferCopy;
use stepwise_shaders::dot::Dot;
use stepwise_shaders::engine::{Engine, EngineError};
use stepwise_shaders::fill::Fill;
use stepwise_shaders::fma::Fma;
use stepwise_shaders::gpu::{Gpu, GpuError};
use stepwise_shaders::product::{Operands, Product, ProductError};
use stepwise_shaders::sampling::{Sampled, Sampler};
use stepwise_shaders::weights::{DeviceWeights, Format, Synthetic};
use stepwise_shaders::{Step, sources};

use super::check::{Check, Inputs, find_wrong_attention};
use super::figures::Peaks;
use super::measure::{Operation, Stopwatch};
use super::plan::{Layer, Model, Plan, PlannedRow, Task, Work};
use super::report::{PlanName, Report, Row, State, VERSION};
use super::verdict::Verdict;
use super::whole::{DRAW, Whole};

/// An operation that takes longer has no place in a benchmark: systems stop devices that are busy for so long.
const MAX_SECONDS: f64 = 2.0;
/// Samples of a row and round that are taken however long they are.
const MIN_SAMPLES: u32 = 2;
/// A whole model's task is many submits, and may take longer; a sample of it in each round is enough.
const MAX_WHOLE_SECONDS: f64 = 30.0;
/// Copies of what an operation reads at most, however small it is.
const MAX_COPIES: u64 = 64;

/// With more columns than these arithmetic takes so much longer than reading weights that it does not matter where they
/// were, and one copy will do.
const MEMORY_COLUMNS: u32 = 64;

/// The seed of queries, keys and values.
const ATTENTION_SEED: u32 = 7;

/// What errors call this.
pub(super) const OP: &str = "the benchmark";

/// What a run needs of whoever asks for it.
pub struct Host<'a> {
    /// Seconds since any fixed moment.
    pub now: &'a dyn Fn() -> f64,
    /// Is told what is under way: the share of the whole, from 0 to 1, and the row's name.
    pub progress: &'a dyn Fn(f64, &str),
    /// Whether to stop; asked before each sample.
    pub stopped: &'a dyn Fn() -> bool,
    /// The machine, in words.
    pub machine: String,
    /// The browser, where there is one.
    pub browser: Option<String>,
}

/// Why there is no report. What only keeps a row from being measured is in the report.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// The device was lost, or failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A whole model refuses what a row asks for.
    #[error("a whole model cannot be measured: {0}")]
    Engine(#[from] EngineError),
    /// A row asks for what its kernel does not do.
    #[error("the row {row:?} cannot be carried out: {why}")]
    Row { row: String, why: String },
}

/// Measures all rows of a plan, round by round. Stopped early, the report says so.
///
/// # Errors
/// When the device is lost or fails, which it may not get over.
pub async fn run(gpu: &Gpu, plan: &Plan, host: &Host<'_>) -> Result<Report, BenchmarkError> {
    let begun = (host.now)();
    let mut runner = Runner {
        plan,
        host,
        stopwatch: Stopwatch::new(gpu, host.now, plan.batch_seconds).await?,
        fill: Fill::new(gpu).await?,
        products: HashMap::new(),
        attentions: HashMap::new(),
        sampler: None,
        matrix: None,
        model: None,
    };
    let mut report = empty_report(gpu, plan, host);
    report.interrupted = !runner.rounds(&mut report.rows).await?;
    report.seconds = (host.now)() - begun;
    Ok(report.completed())
}

fn empty_report(gpu: &Gpu, plan: &Plan, host: &Host<'_>) -> Report {
    let row = |planned: &PlannedRow| Row {
        name: planned.name.clone(),
        kind: planned.work.kind().to_owned(),
        cost: planned.work.cost(),
        state: State::Pending,
        compile_seconds: None,
        cold_seconds: None,
        repeats: 0,
        tokens: planned.work.n_tokens(),
        samples: Vec::new(),
        figures: None,
    };
    let hashed = |(name, source): (&str, &str)| (name.to_owned(), sha256_of_parts([source]));
    Report {
        stepwise_bench_gpu: VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        build: if cfg!(debug_assertions) { "development" } else { "release" }.to_owned(),
        machine: host.machine.clone(),
        browser: host.browser.clone(),
        adapter: gpu.facts(),
        plan: PlanName { name: plan.name.to_owned(), hash: plan.hash(), edited: plan.edited.clone() },
        kernels: sources().into_iter().map(hashed).collect(),
        interrupted: false,
        seconds: 0.0,
        rows: plan.rows.iter().map(row).collect(),
        peaks: Peaks::default(),
        verdict: Verdict::default(),
    }
}

struct Runner<'a> {
    plan: &'a Plan,
    host: &'a Host<'a>,
    stopwatch: Stopwatch<'a>,
    fill: Fill,
    /// Compiled kernels by format and columns.
    products: HashMap<(Format, u32), Product>,
    /// Likewise by the numbers of a head.
    attentions: HashMap<u32, Attention>,
    sampler: Option<Sampler>,
    /// The weights that the last product had: rows of one matrix follow each other.
    matrix: Option<Matrix>,
    /// The last whole model, likewise.
    model: Option<(Model, Format, Engine)>,
}

/// A matrix as often as it takes to fill the plan's working set.
struct Matrix {
    layer: Layer,
    format: Format,
    copies: Vec<DeviceWeights>,
    check: Check,
}

/// A row that is ready to be timed.
struct Prepared {
    operation: Operation,
    results: Results,
    compile_seconds: Option<f64>,
}

/// What a row's operation leaves behind.
enum Results {
    None,
    Copy(BufferCopy),
    Fma(Fma),
    Dot(Dot),
    Product(Operands, Inputs),
    Attention(Attended, attention::Shape),
    Sampling(Sampled),
}

/// Why a row ends without times.
pub(super) enum Failure {
    /// This row only.
    Row(State),
    /// The whole run.
    Run(BenchmarkError),
}

impl From<GpuError> for Failure {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::OutOfMemory { .. } | GpuError::Kernel { .. } => {
                Self::Row(State::NotMeasured { reason: error.to_string() })
            }
            error => Self::Run(error.into()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Gpu(error) | EngineError::Product(ProductError::Gpu(error)) => error.into(),
            error => Self::Run(error.into()),
        }
    }
}

impl Runner<'_> {
    /// Whether it came to the end.
    async fn rounds(&mut self, rows: &mut [Row]) -> Result<bool, BenchmarkError> {
        let plan = self.plan;
        let n_all = (plan.rounds as usize * plan.rows.len()).max(1);
        for round in 0..plan.rounds as usize {
            for (idx, (planned, row)) in plan.rows.iter().zip(&mut *rows).enumerate() {
                let done = (round * plan.rows.len() + idx) as f64 / n_all as f64;
                (self.host.progress)(done, &planned.name);
                if !matches!(row.state, State::Pending | State::Right) {
                    continue;
                }
                match self.row(planned, row).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(Failure::Row(state)) => {
                        row.state = state;
                        row.samples.clear();
                    }
                    Err(Failure::Run(error)) => return Err(error),
                }
            }
        }
        Ok(true)
    }

    /// One row in one round. Whether it came to the end.
    async fn row(&mut self, planned: &PlannedRow, row: &mut Row) -> Result<bool, Failure> {
        match planned.work {
            Work::Whole { model, format, task } => self.whole(model, format, task, row).await,
            _ => self.kernel(planned, row).await,
        }
    }

    /// A whole model's row.
    async fn whole(&mut self, model: Model, format: Format, task: Task, row: &mut Row) -> Result<bool, Failure> {
        let begun = (self.host.now)();
        self.matrix = None;
        let held = self.model.take().filter(|(held, in_format, _)| (*held, *in_format) == (model, format));
        let engine = match held {
            Some((_, _, engine)) => engine,
            None => {
                // The memory of the last one comes back when the device is asked.
                self.stopwatch.gpu.finish(OP).await?;
                Whole::make(self.stopwatch.gpu, &self.fill, model, format).await?
            }
        };
        let mut whole = Whole::new(engine, task).await?;
        row.compile_seconds.get_or_insert((self.host.now)() - begun);
        let measured = self.measure_whole(&mut whole, row).await;
        self.model = Some((model, format, whole.engine));
        measured
    }

    /// Check, run cold, time once, check again. Whether it came to the end.
    async fn measure_whole(&self, whole: &mut Whole, row: &mut Row) -> Result<bool, Failure> {
        whole.check().await?;
        let cold = whole.time(self.host.now, 1).await?;
        row.cold_seconds.get_or_insert(cold / f64::from(whole.n_operations()));
        if cold > MAX_WHOLE_SECONDS {
            let reason = format!("it takes {cold:.0} s, and at most {MAX_WHOLE_SECONDS:.0} are waited for");
            return Err(Failure::Row(State::NotMeasured { reason }));
        }
        if (self.host.stopped)() {
            return Ok(false);
        }
        let repeats = (self.plan.batch_seconds / cold.max(1e-9)).ceil().clamp(1.0, 64.0) as u32;
        row.repeats = u64::from(repeats) * u64::from(whole.n_operations());
        let sample = whole.time(self.host.now, repeats).await? / row.repeats as f64;
        whole.check().await?;
        row.state = State::Right;
        row.samples.push(sample);
        Ok(true)
    }

    /// A kernel's row: prepare, run cold, check, time, check again. Whether it came to the end.
    async fn kernel(&mut self, planned: &PlannedRow, row: &mut Row) -> Result<bool, Failure> {
        // A whole model leaves no room for a matrix and its copies.
        self.model = None;
        let prepared = self.prepare(planned).await?;
        row.compile_seconds = row.compile_seconds.or(prepared.compile_seconds);
        let cold = self.stopwatch.time(&prepared.operation.first(), 1).await?;
        row.cold_seconds.get_or_insert(cold);
        self.check(&prepared.results).await?;
        if cold > MAX_SECONDS {
            let reason = format!("one operation takes {cold:.1} s, and at most {MAX_SECONDS:.0} are waited for");
            return Err(Failure::Row(State::NotMeasured { reason }));
        }
        if let Operation::Steps { steps, n_operations } = &prepared.operation
            && let Some(cost) = &mut row.cost
        {
            cost.dispatches = steps.len() as u64 / u64::from(*n_operations);
        }
        let n_operations = prepared.operation.n_operations();
        let repeats = match u32::try_from(row.repeats / u64::from(n_operations)) {
            Ok(0) | Err(_) => self.stopwatch.repeats(&prepared.operation).await?,
            Ok(repeats) => repeats,
        };
        row.repeats = u64::from(repeats) * u64::from(n_operations);
        let begun = (self.host.now)();
        let mut samples = Vec::new();
        for sample in 0..self.plan.samples {
            if (self.host.stopped)() {
                return Ok(false);
            }
            if sample >= MIN_SAMPLES && (self.host.now)() - begun > self.plan.round_seconds {
                break;
            }
            samples.push(self.stopwatch.time(&prepared.operation, repeats).await? / row.repeats as f64);
        }
        self.check(&prepared.results).await?;
        row.state = State::Right;
        row.samples.extend(samples);
        Ok(true)
    }

    async fn prepare(&mut self, planned: &PlannedRow) -> Result<Prepared, Failure> {
        let begun = (self.host.now)();
        let gpu = self.stopwatch.gpu;
        let one = |step: &Step| Operation::Steps { steps: vec![step.clone()], n_operations: 1 };
        let (operation, results) = match planned.work {
            Work::Control => (Operation::Control, Results::None),
            Work::Submit => (Operation::Submit, Results::None),
            Work::ReadBack => (Operation::ReadBack, Results::None),
            Work::Dispatch => (Operation::Dispatch, Results::Fma(self.stopwatch.tiny.clone())),
            Work::Copy { n_bytes } => {
                let copy = BufferCopy::new(gpu, &self.fill, n_bytes, 1).await?;
                (one(&copy.step), Results::Copy(copy))
            }
            Work::Fma(shape) => {
                let fma = Fma::new(gpu, shape).await?;
                (one(&fma.step), Results::Fma(fma))
            }
            Work::Dot(shape) => {
                let dot = Dot::new(gpu, shape).await?;
                (one(&dot.step), Results::Dot(dot))
            }
            Work::Product { layer, format, n_columns } => {
                return self.product(layer, format, n_columns).await.map_err(|error| match error {
                    ProductError::Gpu(error) => error.into(),
                    error @ ProductError::Columns { .. } => {
                        Failure::Row(State::NotMeasured { reason: error.to_string() })
                    }
                    error => Failure::Run(BenchmarkError::Row { row: planned.name.clone(), why: error.to_string() }),
                });
            }
            Work::Sampling { n_samples, n_tokens } => {
                let sampler = match &self.sampler {
                    Some(sampler) => sampler.clone(),
                    None => self.sampler.insert(Sampler::new(gpu).await?).clone(),
                };
                self.matrix = None;
                let sampled = sampler.synthetic(gpu, n_samples, n_tokens, DRAW, n_samples).await?;
                (one(&sampled.step), Results::Sampling(sampled))
            }
            Work::Whole { .. } => {
                let (row, why) = (planned.name.clone(), "a whole model is no kernel".to_owned());
                return Err(Failure::Run(BenchmarkError::Row { row, why }));
            }
            Work::Attention(shape) => {
                return self.attention(shape).await.map_err(|error| match error {
                    AttentionError::Gpu(error) => error.into(),
                    error => Failure::Run(BenchmarkError::Row { row: planned.name.clone(), why: error.to_string() }),
                });
            }
        };
        Ok(Prepared { operation, results, compile_seconds: Some((self.host.now)() - begun) })
    }

    async fn product(&mut self, layer: Layer, format: Format, n_columns: u32) -> Result<Prepared, ProductError> {
        let gpu = self.stopwatch.gpu;
        let (product, compile_seconds) = match self.products.get(&(format, n_columns)) {
            Some(product) => (product.clone(), None),
            None => {
                let begun = (self.host.now)();
                let product = Product::new(gpu, format, n_columns).await?;
                self.products.insert((format, n_columns), product.clone());
                (product, Some((self.host.now)() - begun))
            }
        };
        let held = self.matrix.take().filter(|matrix| (matrix.layer, matrix.format) == (layer, format));
        let matrix = match held {
            Some(matrix) => matrix,
            None => self.make(layer, format).await?,
        };
        let matrix = self.matrix.insert(matrix);
        let inputs = Inputs { n_columns, seed: n_columns };
        let operands = Operands::synthetic(gpu, &self.fill, layer.shape(), n_columns, inputs.seed).await?;
        let n_copies = if n_columns > MEMORY_COLUMNS { 1 } else { matrix.copies.len() };
        let mut steps = Vec::new();
        for weights in &matrix.copies[..n_copies] {
            steps.extend(product.steps(gpu, weights, &operands)?);
        }
        let operation = Operation::Steps { steps, n_operations: n_copies as u32 };
        Ok(Prepared { operation, results: Results::Product(operands, inputs), compile_seconds })
    }

    async fn attention(&mut self, shape: attention::Shape) -> Result<Prepared, AttentionError> {
        let gpu = self.stopwatch.gpu;
        let (kernels, compile_seconds) = match self.attentions.get(&shape.head_dim) {
            Some(kernels) => (kernels.clone(), None),
            None => {
                let begun = (self.host.now)();
                let kernels = Attention::new(gpu, shape.head_dim).await?;
                self.attentions.insert(shape.head_dim, kernels.clone());
                (kernels, Some((self.host.now)() - begun))
            }
        };
        // The memory of the last matrix is not needed any more.
        self.matrix = None;
        let mut steps = Vec::new();
        let mut first = None;
        let n_copies = self.n_copies(attention::cost(shape).bytes);
        for _ in 0..n_copies {
            let attended = kernels.synthetic(gpu, &self.fill, shape, ATTENTION_SEED).await?;
            steps.extend(attended.steps.iter().cloned());
            first.get_or_insert(attended);
        }
        let results = first.map_or(Results::None, |attended| Results::Attention(attended, shape));
        Ok(Prepared { operation: Operation::Steps { steps, n_operations: n_copies }, results, compile_seconds })
    }

    /// Copies of so many bytes that fill the plan's working set.
    fn n_copies(&self, n_bytes: u64) -> u32 {
        self.plan.working_set.div_ceil(n_bytes).clamp(1, MAX_COPIES) as u32
    }

    async fn make(&self, layer: Layer, format: Format) -> Result<Matrix, ProductError> {
        // The memory of the last matrix comes back when the device is asked.
        self.stopwatch.gpu.finish(OP).await?;
        let weights = Synthetic { format, shape: layer.shape(), seed: layer.n_rows };
        weights.shape.check(format)?;
        let mut copies = Vec::new();
        for _ in 0..self.n_copies(weights.shape.n_bytes(format)) {
            copies.push(weights.make(self.stopwatch.gpu, &self.fill).await?);
        }
        let check = Check::new(weights, &copies[0].shards);
        Ok(Matrix { layer, format, copies, check })
    }

    /// Looks at the results; wrong ones end the row.
    async fn check(&self, results: &Results) -> Result<(), Failure> {
        let gpu = self.stopwatch.gpu;
        let wrong = |is_right: bool, what: &str| (!is_right).then(|| what.to_owned());
        let reason = match results {
            Results::None => None,
            Results::Copy(copy) => wrong(copy.is_right(gpu).await?, "the copy is not what was copied"),
            Results::Fma(fma) => wrong(fma.is_right(gpu).await?, "the sums are not the CPU's"),
            Results::Dot(dot) => wrong(dot.is_right(gpu).await?, "the sums are not the CPU's"),
            Results::Sampling(sampled) => sampled.find_wrong(gpu).await?,
            Results::Attention(attended, shape) => {
                find_wrong_attention(*shape, ATTENTION_SEED, &attended.outputs(gpu).await?)
            }
            Results::Product(operands, inputs) => {
                let outputs = operands.outputs(gpu).await?;
                self.matrix.as_ref().and_then(|matrix| matrix.check.find_wrong(*inputs, &outputs))
            }
        };
        match reason {
            None => Ok(()),
            Some(reason) => Err(Failure::Row(State::Wrong { reason })),
        }
    }
}

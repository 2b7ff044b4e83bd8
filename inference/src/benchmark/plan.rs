//! What is measured: rows, each a kernel with a shape, and how often.

use stepwise_core::digest::sha256_of_parts;
use stepwise_shaders::cost::Cost;
use stepwise_shaders::engine::{Shape, read_cost, step_cost};
use stepwise_shaders::weights::{Format, MatrixShape};
use stepwise_shaders::{attention, copy, dot, fma, product, sampling};

/// A matrix of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The model's size and the matrix's place in it.
    pub name: &'static str,
    pub n_rows: u32,
    /// Inputs.
    pub n_inner: u32,
}

/// A whole model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Its size in words.
    pub name: &'static str,
    pub shape: Shape,
}

/// What a whole model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Reads a text of so many tokens.
    Prompt { n_tokens: u32 },
    /// Samples go on from a text that they share, by so many tokens each; an operation is a token of each.
    Decode { n_samples: u32, n_prefix: u32, n_tokens: u32 },
    /// A critic scores so many states of so many tokens each, one after the other; an operation is a state.
    Score { n_states: u32, n_tokens: u32 },
}

/// What a row measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// A fixed piece of arithmetic on the CPU, which tells machines apart and whether one of them was disturbed.
    Control,
    /// A buffer of so many bytes is copied.
    Copy { n_bytes: u64 },
    /// f32 arithmetic without memory.
    Fma(fma::Shape),
    /// Products of bytes without memory.
    Dot(dot::Shape),
    /// A dispatch that does next to nothing, among many in one pass.
    Dispatch,
    /// A submit of one such dispatch, among many.
    Submit,
    /// A submit of one such dispatch, and its result read back.
    ReadBack,
    /// Weights times columns.
    Product { layer: Layer, format: Format, n_columns: u32 },
    /// One layer's attention of sibling samples.
    Attention(attention::Shape),
    /// A token is drawn for each of so many samples.
    Sampling { n_samples: u32, n_tokens: u32 },
    /// A whole model at work.
    Whole { model: Model, format: Format, task: Task },
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRow {
    pub name: String,
    pub work: Work,
}

/// What is measured, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `full` or `quick`.
    pub name: &'static str,
    pub rows: Vec<PlannedRow>,
    /// How the plan was changed, in words; an edited plan's results are shown and not ranked.
    pub edited: Option<String>,
    /// All rows are measured, then all of them again, and so on: what a device loses when it gets warm shows between
    /// the first round and the last.
    pub rounds: u32,
    /// Samples of a row and round.
    pub samples: u32,
    /// Seconds that a sample takes at least; an operation is repeated until then.
    pub batch_seconds: f64,
    /// Seconds for a row's samples in a round, after which two are enough.
    pub round_seconds: f64,
    /// Products go through so many bytes of weights before they come back to the first, and attention of keys and values,
    /// because a model's layers do not stay in a cache either.
    pub working_set: u64,
}

const GATE_UP_7B: Layer = Layer { name: "7B gate/up", n_rows: 28_672, n_inner: 4096 };
const DOWN_7B: Layer = Layer { name: "7B down", n_rows: 4096, n_inner: 14_336 };
const QKV_7B: Layer = Layer { name: "7B qkv", n_rows: 6144, n_inner: 4096 };
const OUTPUT_7B: Layer = Layer { name: "7B output", n_rows: 4096, n_inner: 4096 };
const HEAD_7B: Layer = Layer { name: "7B head", n_rows: 92_544, n_inner: 4096 };
const GATE_UP_2B: Layer = Layer { name: "1.8B gate/up", n_rows: 16_384, n_inner: 2048 };
const DOWN_2B: Layer = Layer { name: "1.8B down", n_rows: 2048, n_inner: 8192 };
const QKV_2B: Layer = Layer { name: "1.8B qkv", n_rows: 4096, n_inner: 2048 };

/// InternLM2-7B's heads, and 64 tokens that each sample has written.
const ATTENTION_7B: attention::Shape =
    attention::Shape { n_samples: 1, n_heads: 32, n_kv_heads: 8, head_dim: 128, n_prefix: 256, n_own: 64 };

/// The vocabulary of InternLM2.
const VOCABULARY: u32 = 92_544;

const MODEL_7B: Model = Model {
    name: "7B",
    shape: Shape {
        vocab: VOCABULARY,
        n_outputs: VOCABULARY,
        hidden: 4096,
        ffn: 14_336,
        n_layers: 32,
        n_heads: 32,
        n_kv_heads: 8,
        head_dim: 128,
        epsilon: 1e-5,
    },
};
const MODEL_2B: Model =
    Model { name: "1.8B", shape: Shape { hidden: 2048, ffn: 8192, n_layers: 24, n_heads: 16, ..MODEL_7B.shape } };
/// The paper's critic: a reward head behind InternLM2-1.8B.
const CRITIC_2B: Model = Model { name: "1.8B critic", shape: Shape { n_outputs: 1, ..MODEL_2B.shape } };
const MODEL_SMALL: Model = Model {
    name: "small model",
    shape: Shape {
        vocab: 523,
        n_outputs: 523,
        hidden: 64,
        ffn: 96,
        n_layers: 2,
        n_heads: 4,
        n_kv_heads: 2,
        head_dim: 16,
        epsilon: 1e-5,
    },
};

const CRITIC_SMALL: Model = Model { name: "small critic", shape: Shape { n_outputs: 1, ..MODEL_SMALL.shape } };

/// A matrix whose rows fill no workgroup.
const SMALL: Layer = Layer { name: "small", n_rows: 523, n_inner: 608 };

impl Plan {
    /// The plan that ranks: the matrices of InternLM2-7B and InternLM2-1.8B, in every format. It is made for some four
    /// minutes on a GPU of 5 TFLOP/s.
    #[must_use]
    pub fn full() -> Self {
        let layers: [(Layer, &[u32]); 8] = [
            (GATE_UP_7B, &[1, 2, 4, 8, 16, 32, 64, 512]),
            (DOWN_7B, &[1, 8, 32, 512]),
            (QKV_7B, &[1, 8, 32]),
            (OUTPUT_7B, &[1, 8, 32]),
            (HEAD_7B, &[1, 8, 32]),
            (GATE_UP_2B, &[1, 2, 4, 8, 16, 32, 64, 512]),
            (DOWN_2B, &[1, 8, 512]),
            (QKV_2B, &[1, 8, 512]),
        ];
        let peaks = Peaks {
            copy_bytes: 128 << 20,
            fma: fma::Shape { n_groups: 4096, n_turns: 2048 },
            dot: dot::Shape { n_groups: 4096, n_turns: 1024 },
        };
        let mut rows = rows(&peaks, &layers);
        for n_prefix in [256, 1024, 4096] {
            rows.extend(
                [1, 8, 32]
                    .map(|n_samples| attention_row("7B", attention::Shape { n_samples, n_prefix, ..ATTENTION_7B })),
            );
        }
        rows.extend([1, 32].map(|n_samples| sampling_row(n_samples, VOCABULARY)));
        for (model, format) in [(MODEL_2B, Format::D8), (MODEL_2B, Format::D4), (MODEL_7B, Format::D4)] {
            let shared = |n_samples| Task::Decode { n_samples, n_prefix: 1024, n_tokens: 32 };
            rows.push(whole_row("pp512", model, format, Task::Prompt { n_tokens: 512 }));
            let alone = Task::Decode { n_samples: 1, n_prefix: 1, n_tokens: 128 };
            rows.push(whole_row("tg128", model, format, alone));
            rows.push(whole_row("1 sample, 1024 shared tokens", model, format, shared(1)));
            rows.push(whole_row("32 samples, 1024 shared tokens", model, format, shared(32)));
        }
        let score = Task::Score { n_states: 8, n_tokens: 256 };
        rows.push(whole_row("states of 256 tokens", CRITIC_2B, Format::D8, score));
        Self {
            name: "full",
            rows,
            edited: None,
            rounds: 3,
            samples: 4,
            batch_seconds: 0.01,
            round_seconds: 0.3,
            working_set: 256 << 20,
        }
    }

    /// Every kernel in a small shape: whether a device computes right, in a few seconds also where the device is a
    /// program. Its times are too short to rank.
    #[must_use]
    pub fn quick() -> Self {
        let peaks = Peaks {
            copy_bytes: 4 << 20,
            fma: fma::Shape { n_groups: 16, n_turns: 256 },
            dot: dot::Shape { n_groups: 16, n_turns: 256 },
        };
        let mut rows = rows(&peaks, &[(SMALL, &[1, 3, 8, 9, 65])]);
        let small = attention::Shape { n_samples: 5, n_heads: 8, n_kv_heads: 2, head_dim: 64, n_prefix: 150, n_own: 7 };
        rows.push(attention_row("small", small));
        rows.push(sampling_row(5, 1000));
        rows.push(whole_row("70 tokens", MODEL_SMALL, Format::D8, Task::Prompt { n_tokens: 70 }));
        let decode = Task::Decode { n_samples: 5, n_prefix: 66, n_tokens: 12 };
        rows.push(whole_row("5 samples, 66 shared tokens", MODEL_SMALL, Format::D8, decode));
        let score = Task::Score { n_states: 4, n_tokens: 70 };
        rows.push(whole_row("states of 70 tokens", CRITIC_SMALL, Format::D8, score));
        Self {
            name: "quick",
            rows,
            edited: None,
            rounds: 3,
            samples: 2,
            batch_seconds: 0.001,
            round_seconds: 0.05,
            working_set: 0,
        }
    }

    /// Leaves only rows whose name contains `text`, and the peaks that they are held against. The plan is then an
    /// edited one.
    #[must_use]
    pub fn only(mut self, text: &str) -> Self {
        self.rows.retain(|row| row.name.contains(text) || matches!(row.work, Work::Copy { .. } | Work::Fma(_)));
        self.edited = Some(format!("only rows with {text:?} in their name"));
        self
    }

    /// A hash of all that decides what is measured: reports with the same one can be compared.
    #[must_use]
    pub fn hash(&self) -> String {
        let Self { name, rows, edited: _, rounds, samples, batch_seconds, round_seconds, working_set } = self;
        let how = format!("{name} {rounds} {samples} {batch_seconds} {round_seconds} {working_set}");
        let rows = rows.iter().map(|row| format!("{row:?}"));
        let parts: Vec<String> = std::iter::once(how).chain(rows).collect();
        sha256_of_parts(parts.iter().map(String::as_str))
    }
}

struct Peaks {
    copy_bytes: u64,
    fma: fma::Shape,
    dot: dot::Shape,
}

/// Peaks and latencies first, because products are held against them; then the products of one matrix after the other.
fn rows(peaks: &Peaks, layers: &[(Layer, &[u32])]) -> Vec<PlannedRow> {
    let row = |name: &str, work| PlannedRow { name: name.to_owned(), work };
    let mut rows = vec![
        row("CPU control", Work::Control),
        row("copy", Work::Copy { n_bytes: peaks.copy_bytes }),
        row("f32 multiply-add", Work::Fma(peaks.fma)),
        row("int8 dot product", Work::Dot(peaks.dot)),
        row("dispatch", Work::Dispatch),
        row("submit", Work::Submit),
        row("submit and read back", Work::ReadBack),
    ];
    for (layer, columns) in layers {
        for format in Format::ALL {
            rows.extend(columns.iter().map(|n_columns| {
                let plural = if *n_columns == 1 { "" } else { "s" };
                let name = format!("{}, {format}, {n_columns} column{plural}", layer.name);
                PlannedRow { name, work: Work::Product { layer: *layer, format, n_columns: *n_columns } }
            }));
        }
    }
    rows
}

fn attention_row(model: &str, shape: attention::Shape) -> PlannedRow {
    let attention::Shape { n_samples, n_prefix, .. } = shape;
    let plural = if n_samples == 1 { "" } else { "s" };
    let name = format!("{model} attention, {n_samples} sample{plural}, {n_prefix} shared tokens");
    PlannedRow { name, work: Work::Attention(shape) }
}

fn sampling_row(n_samples: u32, n_tokens: u32) -> PlannedRow {
    let plural = if n_samples == 1 { "" } else { "s" };
    let name = format!("sampling, {n_samples} sample{plural}, {n_tokens} tokens");
    PlannedRow { name, work: Work::Sampling { n_samples, n_tokens } }
}

fn whole_row(what: &str, model: Model, format: Format, task: Task) -> PlannedRow {
    PlannedRow { name: format!("{}, {format}, {what}", model.name), work: Work::Whole { model, format, task } }
}

impl Layer {
    /// The sides of its matrix.
    #[must_use]
    pub const fn shape(self) -> MatrixShape {
        MatrixShape { n_rows: self.n_rows, n_columns: self.n_inner }
    }
}

impl Work {
    /// What one operation takes at least, where that means something; in one dispatch, though a large matrix needs a
    /// few.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        match *self {
            Self::Copy { n_bytes } => Some(copy::cost(n_bytes)),
            Self::Fma(shape) => Some(fma::cost(shape)),
            Self::Dot(shape) => Some(dot::cost(shape)),
            Self::Product { layer, format, n_columns } => Some(product::cost(format, layer.shape(), n_columns, 1)),
            Self::Attention(shape) => Some(attention::cost(shape)),
            Self::Sampling { n_samples, n_tokens } => {
                Some(sampling::cost(sampling::Shape { n_samples, n_tokens, is_shared: false, n_steps: 1 }))
            }
            Self::Whole { model, format, task } => Some(match task {
                Task::Prompt { n_tokens } | Task::Score { n_tokens, .. } => read_cost(model.shape, format, n_tokens),
                // In the middle of what is measured.
                Task::Decode { n_samples, n_prefix, n_tokens } => {
                    step_cost(model.shape, format, n_samples, n_prefix, n_tokens / 2)
                }
            }),
            Self::Control | Self::Dispatch | Self::Submit | Self::ReadBack => None,
        }
    }

    /// Tokens of one operation of a whole model.
    #[must_use]
    pub const fn n_tokens(&self) -> Option<u32> {
        match *self {
            Self::Whole { task: Task::Prompt { n_tokens } | Task::Score { n_tokens, .. }, .. } => Some(n_tokens),
            Self::Whole { task: Task::Decode { n_samples, .. }, .. } => Some(n_samples),
            _ => None,
        }
    }

    /// A word for programs that read reports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Copy { .. } => "copy",
            Self::Fma(_) => "fma",
            Self::Dot(_) => "dot",
            Self::Dispatch => "dispatch",
            Self::Submit => "submit",
            Self::ReadBack => "read_back",
            Self::Product { .. } => "product",
            Self::Attention(_) => "attention",
            Self::Sampling { .. } => "sampling",
            Self::Whole { task: Task::Prompt { .. }, .. } => "prompt",
            Self::Whole { task: Task::Decode { .. }, .. } => "decode",
            Self::Whole { task: Task::Score { .. }, .. } => "score",
        }
    }
}

//! A benchmark of GPUs: what memory, arithmetic and latencies a device has, and how much of them the kernels that
//! language models are made of reach on it.
//!
//! `plan` says what is measured, `run` measures it on a device, `report` is what comes of it, with what `figures` and
//! `verdict` make of the samples, `compare` holds reports against each other, and `text` and `html` show them; `llama`
//! reads llama-bench's results as a report. Only `run`
//! knows a device; clock, progress and the wish to stop are given by the caller, so that a native program and a page run
//! the same code. `docs/benchmark.md` explains it to users.

mod check;
pub mod compare;
mod figures;
mod html;
mod llama;
mod measure;
mod plan;
mod report;
mod run;
#[cfg(test)]
mod tests;
pub mod text;
mod verdict;
mod whole;

pub use figures::{Bound, Figures, Peaks};
pub use html::html;
pub use plan::{Layer, Model, Plan, PlannedRow, Task, Work};
pub use report::{PlanName, ReadError, Report, Row, State, VERSION};
pub use run::{BenchmarkError, Host, run};
pub use stepwise_shaders::gpu::{Gpu, GpuError};
pub use verdict::Verdict;

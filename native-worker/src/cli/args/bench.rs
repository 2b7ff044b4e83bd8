//! `stepwise bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::bench_gpu::BenchGpuArgs;
use super::lean::LeanArgs;
use super::models::{Device, parse_weights};
use super::values::at_least_one;
use crate::models::WeightsChoice;

/// `stepwise bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time to ready, memory, and the cost of steps through the pool
    Lean(BenchLeanArgs),
    /// Tokens per second of a policy, states per second of a critic
    Model(BenchModelArgs),
    /// What a GPU has in memory, arithmetic and latencies, and how much of it language models' kernels reach
    Gpu(BenchGpuArgs),
}

/// `stepwise bench lean`.
#[derive(Debug, Args)]
pub struct BenchLeanArgs {
    #[command(flatten)]
    pub lean: LeanArgs,
    /// Measured runs of each row, after the warm-up
    #[arg(long, value_name = "N", default_value = "30", value_parser = at_least_one)]
    pub runs: u32,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise bench model`.
#[derive(Debug, Args)]
pub struct BenchModelArgs {
    /// The model: a folder as Hugging Face publishes them, or a GGUF file; a reward model is measured as a critic
    #[arg(value_name = "DIR | FILE", value_hint = ValueHint::AnyPath)]
    pub model: PathBuf,
    /// Measure this reward model too
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub critic: Option<PathBuf>,
    /// Where it runs; `auto` takes a GPU that is none of software and computes right, or else the CPU
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// How weights are held: `f32`, in 16 bits (`f16`), or packed in 8 or 4 (`d8`, `d4`); `auto` takes the largest that
    /// memory has room for, and on a GPU f32. With others than f32 a GPU draws samples, and the CPU does the rest
    #[arg(long, value_name = "auto | f32 | f16 | d8 | d4", default_value = "auto", value_parser = parse_weights)]
    pub weights: WeightsChoice,
    /// Threads of the CPU [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<u32>,
    /// Tokens of the prompt, which is read once and shared by all samples
    #[arg(long, value_name = "N", default_value = "400", value_parser = at_least_one)]
    pub prompt: u32,
    /// Samples that are generated at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    pub samples: u32,
    /// Steps of one token for each sample
    #[arg(long, value_name = "N", default_value = "24", value_parser = at_least_one)]
    pub tokens: u32,
    /// States that the critic scores
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    pub states: u32,
    /// Tokens of each state
    #[arg(long, value_name = "N", default_value = "300", value_parser = at_least_one)]
    pub state_tokens: u32,
    /// Measured runs of each row, after the warm-up
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub runs: u32,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

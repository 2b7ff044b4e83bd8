//! `stepwise bench gpu`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `stepwise bench gpu`.
#[derive(Debug, Args)]
pub struct BenchGpuArgs {
    /// The adapter whose name or backend contains this [default: the fastest, as the system sees it]
    #[arg(long, value_name = "TEXT", conflicts_with = "compare")]
    pub adapter: Option<String>,
    /// Every kernel in small shapes: whether a device computes right, in seconds; never ranked
    #[arg(long, conflicts_with = "compare")]
    pub quick: bool,
    /// Only rows whose name contains this, and the peaks; never ranked
    #[arg(long, value_name = "TEXT", conflicts_with = "compare")]
    pub only: Option<String>,
    /// Write the report, samples included, into this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "compare")]
    pub json: Option<PathBuf>,
    /// Print Markdown, for pasting
    #[arg(long)]
    pub markdown: bool,
    /// Hold reports against the first of them instead of measuring; what `llama-bench -o json` wrote may be among them
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub compare: Vec<PathBuf>,
}

//! The flags of `stepwise corpus` and `stepwise report`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{LeanArgs, at_least_one};

/// `stepwise corpus`.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// State the theorems of Lean's library anew, each to be proved without itself
    Library(Box<CorpusLibraryArgs>),
    /// Make problems of many families from a seed, graded by difficulty, a share of them false
    Synthetic(CorpusSyntheticArgs),
}

/// `stepwise corpus synthetic`.
#[derive(Debug, Args)]
pub struct CorpusSyntheticArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub output: CorpusOutputArgs,
    /// How many
    #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_one)]
    pub n: u32,
    /// The seed that they are made from
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
}

/// `stepwise corpus library`.
#[derive(Debug, Args)]
pub struct CorpusLibraryArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub output: CorpusOutputArgs,
    /// Only N theorems, drawn from all that are left after --filter
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u32>,
    /// The seed that --limit draws by
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// Only theorems whose full name matches this regular expression (a plain word matches as a substring)
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
}

/// Where a corpus goes.
#[derive(Debug, Args)]
pub struct CorpusOutputArgs {
    /// Write the problems here instead of to standard output; the file appears when it is complete
    #[arg(short, long, value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `stepwise report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder; it may still be running
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Write the page here [default: report.html in the run's folder]
    #[arg(short, long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Hold the other configurations against this one [default: baseline, portfolio, or the first best-first one]
    #[arg(long, value_name = "CONFIG")]
    pub baseline: Option<String>,
    /// Width of the plots' PNG files in pixels
    #[arg(long, value_name = "PIXELS", default_value = "1200", value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pub png_width: u32,
    /// Print the numbers as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

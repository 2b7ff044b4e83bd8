//! `stepwise corpus`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::lean::LeanArgs;
use super::values::at_least_one;

/// `stepwise corpus`.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// State the theorems of Lean's library anew, each to be proved without itself
    Library(Box<CorpusLibraryArgs>),
    /// Make problems of many families from a seed, graded by difficulty, a share of them false
    Synthetic(CorpusSyntheticArgs),
    /// Draw whole small developments from a seed (own types, functions and predicates, and a theorem about them), graded, a
    /// share of them false; Lean checks a proof of each, or of its negation, and what fails is left out
    Own(Box<CorpusOwnArgs>),
}

/// What a generator draws.
#[derive(Debug, Args)]
pub struct CorpusDrawArgs {
    /// How many
    #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_one)]
    pub n: u32,
    /// The seed that they are made from
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
}

/// `stepwise corpus own`.
#[derive(Debug, Args)]
pub struct CorpusOwnArgs {
    #[command(flatten)]
    pub output: CorpusOutputArgs,
    #[command(flatten)]
    pub draw: CorpusDrawArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
}

/// `stepwise corpus synthetic`.
#[derive(Debug, Args)]
pub struct CorpusSyntheticArgs {
    #[command(flatten)]
    pub output: CorpusOutputArgs,
    #[command(flatten)]
    pub draw: CorpusDrawArgs,
}

/// `stepwise corpus library`.
#[derive(Debug, Args)]
pub struct CorpusLibraryArgs {
    #[command(flatten)]
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
    pub lean: LeanArgs,
}

/// Where a corpus goes.
#[derive(Debug, Args)]
pub struct CorpusOutputArgs {
    /// Write the problems here instead of to standard output; the file appears when it is complete
    #[arg(short, long, value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Leave out what a problem of these files says too, or nearly: by normal forms, and runs of three lexemes of which
    /// six in ten are common, own definitions included and their names aside
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub without: Vec<PathBuf>,
}

//! `stepwise eval`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::disprove::DisproveArgs;
use super::run::RunArgs;
use super::tidy::TidyArgs;

/// `stepwise eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Problems, one JSON object a line or a JSON array of them (field names of miniF2F, ProofNet, PutnamBench or
    /// Lean-Workbook)
    #[arg(value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub disprove: DisproveArgs,
    #[command(flatten)]
    pub tidy: TidyArgs,
    /// Append one record per problem here; problems recorded with the same configuration are not run again
    #[arg(long, value_name = "OUT.jsonl", value_hint = ValueHint::FilePath)]
    pub results: Option<PathBuf>,
    /// Keep the event log of every search in this folder; an interrupted search goes on from its log
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub logs: Option<PathBuf>,
    /// Print one JSON object per problem on standard output, and a summary last
    #[arg(long)]
    pub json: bool,
}

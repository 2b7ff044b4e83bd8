//! `stepwise check`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::lean::LeanArgs;
use super::values::{Seconds, parse_seconds};

/// `stepwise check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file of proofs
    #[arg(value_name = "FILE.lean", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Wall clock for the whole file in seconds, or `none`
    #[arg(long, value_name = "SECS", default_value = "120", value_parser = parse_seconds)]
    pub timeout: Seconds,
    #[command(flatten)]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

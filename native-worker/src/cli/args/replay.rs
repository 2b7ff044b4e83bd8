//! `stepwise replay`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `stepwise replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The event log
    #[arg(value_name = "LOG", value_hint = ValueHint::FilePath)]
    pub log: PathBuf,
    /// Stop after this many events
    #[arg(long, value_name = "N")]
    pub at: Option<usize>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

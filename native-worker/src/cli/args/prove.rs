//! `stepwise prove`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::budget::BudgetArgs;
use super::disprove::DisproveArgs;
use super::lean::LeanArgs;
use super::models::ModelArgs;
use super::tidy::TidyArgs;

/// `stepwise prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// A statement, a .lean file with `sorry`, or `-` for standard input
    ///
    /// A statement is what Lean takes after the header, for example `theorem t (p : Prop) (h : p) : p`; a trailing
    /// `:= by sorry` may be left out. Without this argument, standard input is read unless it is a terminal.
    #[arg(value_name = "STATEMENT | FILE.lean | -", value_hint = ValueHint::FilePath, allow_hyphen_values = false)]
    pub input: Option<String>,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
    #[command(flatten)]
    pub disprove: DisproveArgs,
    #[command(flatten)]
    pub tidy: TidyArgs,
    /// Write the event log of the search here (a file with several `sorry`: one log each, numbered; the search of a
    /// negation has one beside it, search.negation.jsonl)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Go on from the log of an earlier, interrupted search
    #[arg(long, requires = "log")]
    pub resume: bool,
    /// Write the proved file here instead of to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

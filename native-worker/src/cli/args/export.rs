//! `stepwise export`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `stepwise export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// The folder of a run of `stepwise learn`
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// The folder to write into: policy.jsonl (prompt and completion), policy-chat.jsonl (messages, StepProver's prompt),
    /// critic.jsonl (prompt, chosen and rejected), each with its .validation.jsonl
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

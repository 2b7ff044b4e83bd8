//! `stepwise setup`.

use std::path::PathBuf;

use clap::Args;

/// `stepwise setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Compare every file with what was installed, and repair what differs
    #[arg(long)]
    pub force: bool,
    /// Take Lean's compiled code from this file instead of compiling it: `lean.code` from the cache of another machine
    /// with the same stepwise and a processor like this one's
    #[arg(long, value_name = "FILE", requires = "sha256")]
    pub code: Option<PathBuf>,
    /// The hash that the file of --code must have; `stepwise doctor` prints it on the machine that it comes from
    #[arg(long, value_name = "HEX", requires = "code")]
    pub sha256: Option<String>,
}

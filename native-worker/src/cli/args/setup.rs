//! `stepwise setup`.

use std::path::PathBuf;

use clap::Args;

/// `stepwise setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Compare every file with what was installed, and repair what differs
    #[arg(long)]
    pub force: bool,
    /// Take Lean's compiled code from this file instead of compiling it: one that --pack wrote on a machine with the same
    /// stepwise and a processor like this one's
    #[arg(long, value_name = "FILE", requires = "sha256")]
    pub code: Option<PathBuf>,
    /// The hash that the file of --code must have; --pack prints it
    #[arg(long, value_name = "HEX", requires = "code")]
    pub sha256: Option<String>,
    /// Write Lean's compiled code into this file, for other machines, and print its hash
    #[arg(long, value_name = "FILE")]
    pub pack: Option<PathBuf>,
    /// Write Lean into this folder as browsers load it; `cargo xtask dist` does so beside the page
    #[arg(long, value_name = "FOLDER")]
    pub web: Option<PathBuf>,
    /// Work only while nobody else wants the processor
    #[arg(long)]
    pub idle: bool,
}

//! `stepwise doctor`.

use clap::Args;

use super::lean::LeanArgs;

/// `stepwise doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

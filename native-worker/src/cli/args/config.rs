//! `stepwise config`.

use clap::{Args, Subcommand};

use super::budget::BudgetArgs;
use super::lean::LeanArgs;
use super::models::ModelArgs;

/// `stepwise config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it comes from
    Show(Box<ConfigShowArgs>),
}

/// `stepwise config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

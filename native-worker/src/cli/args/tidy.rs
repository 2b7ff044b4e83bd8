//! How found proofs are tidied, for all commands that deliver some.

use std::time::Duration;

use clap::Args;

use super::values::parse_step;
use crate::run::tidy::TidyOptions;

/// What is done to a proof before it is delivered.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct TidyArgs {
    /// Deliver a proof as it was found: with all lemmas that were tried, tactics in one list, and all of the default notation
    #[arg(long)]
    pub no_tidy: bool,
    /// Wall clock for tidying a proof in seconds [default: half of what the search took, from 1 to 5]
    #[arg(long, value_name = "SECS", value_parser = parse_step, conflicts_with = "no_tidy")]
    pub tidy_budget: Option<Duration>,
}

impl TidyArgs {
    /// How proofs are tidied, if they are.
    pub(in crate::cli) fn options(&self) -> Option<TidyOptions> {
        (!self.no_tidy).then_some(TidyOptions { budget: self.tidy_budget })
    }
}

//! Whether negations are searched, for all commands that search.

use clap::{Args, ValueEnum};
use stepwise_core::search::sides::Disprove;

/// Whether statements are to be disproved where they cannot be proved.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DisproveArgs {
    /// Search for a proof of the negation too: `auto`, when a tenth of the budget (or 10 s) has gone by without a proof
    /// or the search has ended without one; `always`, from the beginning; `never`
    #[arg(long, value_name = "WHEN", default_value = "auto", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "always", hide_possible_values = true)]
    pub disprove: DisproveWhen,
    /// Search for proofs only, as --disprove=never
    #[arg(long, conflicts_with = "disprove")]
    pub no_disprove: bool,
}

/// When a statement's negation is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DisproveWhen {
    /// When a part of the budget has gone by without a proof.
    Auto,
    /// From the beginning.
    Always,
    /// Never.
    Never,
}

impl DisproveArgs {
    /// As searches know it.
    #[must_use]
    pub fn choice(&self) -> Disprove {
        match self.disprove {
            _ if self.no_disprove => Disprove::Never,
            DisproveWhen::Auto => Disprove::Auto,
            DisproveWhen::Always => Disprove::Always,
            DisproveWhen::Never => Disprove::Never,
        }
    }
}

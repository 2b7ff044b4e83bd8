//! What `eval` and `compare` share: the problems of a run, and how many are tried at once.

use clap::Args;

use super::budget::BudgetArgs;
use super::lean::LeanArgs;
use super::models::ModelArgs;
use super::values::at_least_one;

/// How problems of a file are run: what `eval` and `compare` have in common.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Which problems of a file are run, and how many at once.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct SelectionArgs {
    /// End with an error at the first line that cannot be read and the first repeated name, instead of leaving the line
    /// out and numbering the name
    #[arg(long)]
    pub strict: bool,
    /// Only the first N problems (after --filter)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u32>,
    /// Only problems whose name matches this regular expression (a plain word matches as a substring)
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    /// Problems searched at once [default: as many as hosts, and one more where the policy is a model]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub concurrency: Option<u32>,
}

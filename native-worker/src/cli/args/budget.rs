//! What a search may spend and how it goes about it, for all commands that search.

use std::time::Duration;

use clap::{Args, ValueEnum};
use stepwise_core::search::{self, Budget, SearchConfig};
use stepwise_core::syntax::Withheld;

use super::values::{Count, Seconds, at_least_one, parse_count, parse_seconds, parse_share};

/// What a search may spend and in which order it goes.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Search")]
pub struct BudgetArgs {
    /// Independent searches from the root
    #[arg(long, value_name = "P", env = "STEPWISE_PASSES", default_value = "1", value_parser = at_least_one)]
    pub passes: u32,
    /// Tactics tried per expansion
    #[arg(long, value_name = "S", env = "STEPWISE_SAMPLES", default_value = "16", value_parser = at_least_one)]
    pub samples: u32,
    /// Expansions per pass
    #[arg(long, value_name = "K", env = "STEPWISE_EXPANSIONS", default_value = "100", value_parser = at_least_one)]
    pub expansions: u32,
    /// Wall clock per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_TIMEOUT", default_value = "600", value_parser = parse_seconds)]
    pub timeout: Seconds,
    /// Tactics run per problem, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_MAX_TACTICS", default_value = "none", value_parser = parse_count)]
    pub max_tactics: Count,
    /// Lean CPU time per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_MAX_LEAN_CPU", default_value = "none", value_parser = parse_seconds)]
    pub max_lean_cpu: Seconds,
    /// Tokens generated per problem, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_MAX_TOKENS", default_value = "none", value_parser = parse_count)]
    pub max_tokens: Count,
    /// Lean CPU time and model device time together, per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_MAX_COST", default_value = "none", value_parser = parse_seconds)]
    pub max_cost: Seconds,
    /// What chooses the state that is expanded next: the policy (bf), the critic (cg), or both by turns
    #[arg(long, value_name = "ORDER", env = "STEPWISE_SEARCH", default_value = "bf")]
    pub search: Order,
    /// Which state is best for bf: by the sum of the path's log-probabilities, their average, or the sum
    /// divided by length^alpha
    #[arg(long, value_name = "RULE", env = "STEPWISE_PRIORITY", default_value = "sum")]
    pub priority: Priority,
    /// The exponent of `--priority length`, 0 (sum) to 1 (average)
    #[arg(long, value_name = "ALPHA", env = "STEPWISE_ALPHA", default_value = "0.5", value_parser = parse_share)]
    pub alpha: f64,
    /// Tactics that are neither offered nor run, with commas between: `grind,omega`; `automation` for all that decide or
    /// search by themselves; or `none`
    #[arg(long, value_name = "TACTICS", env = "STEPWISE_WITHHOLD", default_value = "none")]
    pub withhold: Withheld,
    /// Seed that policies derive theirs from
    #[arg(long, value_name = "N", env = "STEPWISE_SEED", default_value = "0")]
    pub seed: u64,
}

impl BudgetArgs {
    /// The search's configuration from the flags.
    pub(in crate::cli) fn config(&self, in_flight: usize) -> SearchConfig {
        let millis = |limit: Option<Duration>| limit.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        SearchConfig {
            order: match self.search {
                Order::Bf => search::Order::BestFirst,
                Order::Cg => search::Order::CriticGuided,
                Order::BfCg => search::Order::SharedTree,
                Order::BfCgTrees => search::Order::TwoTrees,
            },
            priority: match self.priority {
                Priority::Sum => search::Priority::Sum,
                Priority::Average => search::Priority::Average,
                Priority::Length => search::Priority::LengthNormalised { alpha: self.alpha },
            },
            budget: Budget {
                passes: self.passes,
                samples: self.samples,
                expansions: self.expansions,
                wall_ms: millis(self.timeout.0),
                tactics: self.max_tactics.0,
                tokens: self.max_tokens.0,
                lean_cpu_ms: millis(self.max_lean_cpu.0),
                cost_ms: millis(self.max_cost.0),
            },
            in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
            seed: self.seed,
            widen: true,
            withhold: self.withhold.clone(),
        }
    }
}

/// The orders of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Best-first by the policy's log-probabilities.
    Bf,
    /// The state with the highest critic score first.
    Cg,
    /// Half of the budget each, in one tree.
    #[value(name = "bf+cg")]
    BfCg,
    /// Half of the budget each, in two trees.
    #[value(name = "bf+cg-trees")]
    BfCgTrees,
}

/// The published orders of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    /// Sum of the path's log-probabilities.
    Sum,
    /// Their average.
    Average,
    /// The sum divided by length^alpha.
    Length,
}

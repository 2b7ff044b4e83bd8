//! Which Lean, and how many hosts of it, for all commands that run Lean.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::values::{Hosts, parse_hosts, parse_step};

/// Which Lean runs and how.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Lean")]
pub struct LeanArgs {
    /// Lean processes at once, or `auto`: one per core
    #[arg(long, value_name = "N", env = "STEPWISE_HOSTS", default_value = "auto", value_parser = parse_hosts)]
    pub hosts: Hosts,
    /// Wall clock per tactic in seconds; never more than an eighth of `--timeout`, and a second at least
    #[arg(long, value_name = "SECS", env = "STEPWISE_STEP_TIMEOUT", default_value = "10", value_parser = parse_step)]
    pub step_timeout: Duration,
    /// Imports and commands before a statement without any: a text, `@FILE`, `none`, or `auto`: the notation ℕ ℤ ℚ for
    /// the built-in Lean, `import Mathlib` for a project that has it
    #[arg(long, value_name = "TEXT | @FILE", env = "STEPWISE_PREAMBLE", default_value = "auto")]
    pub preamble: String,
    /// What the built-in Lean has imported: Init, which every Lean file has, or its standard library Std too (prepared
    /// when it is first asked for)
    #[arg(long, value_name = "MODULES", env = "STEPWISE_MODULES", default_value = "Init")]
    pub modules: Modules,
    /// Use native Lean in this Lake project, so that Mathlib works (needs `repl`)
    #[arg(long, value_name = "DIR", env = "STEPWISE_LEAN_PROJECT", value_hint = ValueHint::DirPath)]
    pub lean_project: Option<PathBuf>,
    /// The `repl` program for the project [default: the one that the project built, or `repl` on Lake's path]
    #[arg(long, value_name = "CMD", env = "STEPWISE_REPL", value_hint = ValueHint::ExecutablePath)]
    pub repl: Option<PathBuf>,
}

/// What the built-in Lean has imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Modules {
    /// What every Lean file has without an import.
    #[value(name = "Init")]
    Init,
    /// Lean's standard library too.
    #[value(name = "Std")]
    Std,
}

impl Modules {
    /// As flags name it.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Std => "Std",
        }
    }

    pub(in crate::cli) fn choice(self) -> crate::setup::Modules {
        match self {
            Self::Init => crate::setup::Modules::Init,
            Self::Std => crate::setup::Modules::Std,
        }
    }
}

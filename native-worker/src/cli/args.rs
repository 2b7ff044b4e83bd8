//! The one definition of the command line: parser, help, man pages and completions are made from it.
//!
//! Every setting that may also come from the environment or the configuration file is a flag of [`BudgetArgs`] or
//! [`LeanArgs`]; its long name is its key everywhere.

mod bench;
mod bench_gpu;
mod budget;
mod campaign;
mod check;
mod compare;
mod config;
mod corpus;
mod disprove;
mod doctor;
mod donate;
mod eval;
mod export;
mod lean;
mod learn;
mod models;
mod prove;
mod replay;
mod report;
mod run;
mod serve;
mod setup;
mod tidy;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub use self::bench::{BenchCommand, BenchLeanArgs, BenchModelArgs};
pub use self::bench_gpu::BenchGpuArgs;
pub use self::budget::{BudgetArgs, Order, Priority};
pub use self::campaign::{
    CampaignAccountArgs, CampaignBackupArgs, CampaignBlockArgs, CampaignCommand, CampaignExportArgs,
    CampaignFolderArgs, CampaignInitArgs, CampaignInviteArgs, CampaignRerankArgs, CampaignRestoreArgs,
    CampaignServeArgs, CampaignStatusArgs, CampaignTokenArgs, CampaignWatchArgs, CoordinatorArgs,
};
pub use self::check::CheckArgs;
pub use self::compare::{CompareArgs, NamedFlags};
pub use self::config::{ConfigCommand, ConfigShowArgs};
pub use self::corpus::{CorpusCommand, CorpusLibraryArgs, CorpusOutputArgs, CorpusOwnArgs, CorpusSyntheticArgs};
pub use self::disprove::{DisproveArgs, DisproveWhen};
pub use self::doctor::DoctorArgs;
pub use self::donate::{
    DonateArgs, DonateCommand, DonateFolderArgs, DonateJoinArgs, DonatePauseArgs, DonateStatusArgs, DonateSystemdArgs,
    DonateWorkArgs, DonorPriority,
};
pub use self::eval::EvalArgs;
pub use self::export::ExportArgs;
pub use self::lean::{LeanArgs, Modules};
pub use self::learn::{LearnArgs, LearnModelArgs, LearnSearchArgs, TrainingArgs};
pub use self::models::{Device, ModelArgs, ModelSource, OwnOr, SourceArgs};
pub use self::prove::ProveArgs;
pub use self::replay::ReplayArgs;
pub use self::report::ReportArgs;
pub use self::run::{RunArgs, SelectionArgs};
pub use self::serve::ServeArgs;
pub use self::setup::SetupArgs;
pub use self::tidy::TidyArgs;
pub use self::values::{Count, Hosts, Seconds};

/// Stepwise proof search for Lean 4: statement in, Lean-checked proof out.
#[derive(Debug, Parser)]
#[command(
    name = "stepwise",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 proved (eval: ran to the end), 1 ran but not proved, or disproved, 2 error or a statement that \
                  does not elaborate, 130 interrupted"
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// When to colour the output (NO_COLOR is honoured too)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub color: ColorWhen,
    /// Log to standard error: -v what happens, -vv in detail, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove a statement, or every `sorry` of a .lean file
    Prove(Box<ProveArgs>),
    /// Try every problem of a JSON file and report the pass rate
    Eval(Box<EvalArgs>),
    /// Try several configurations on the same problems and hold each against the first, at equal cost
    Compare(Box<CompareArgs>),
    /// Train a policy and a critic by expert iteration: search, learn from what was proved, search better
    Learn(Box<LearnArgs>),
    /// Write what a run of `learn` taught as JSON lines that other trainers read
    Export(ExportArgs),
    /// Write files of problems to learn from
    #[command(subcommand)]
    Corpus(CorpusCommand),
    /// Write a page and its plots about a run of expert iteration
    Report(ReportArgs),
    /// Recheck a file of proofs in a fresh Lean
    Check(CheckArgs),
    /// Rebuild the search tree from an event log, and print it
    Replay(ReplayArgs),
    /// Serve the page in which theorems are proved step by step, and its API
    Serve(Box<ServeArgs>),
    /// Lend this machine to a campaign: run searches that its coordinator gives out
    Donate(Box<DonateArgs>),
    /// Have many machines prove one file of problems
    #[command(subcommand)]
    Campaign(CampaignCommand),
    /// Bring Lean and what runs it into the cache folder
    Setup(SetupArgs),
    /// Say what is present, what is missing and what to do
    Doctor(DoctorArgs),
    /// Measure this machine
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one page per command into a folder
    Man {
        /// Folder to write the pages into
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

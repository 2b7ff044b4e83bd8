//! `stepwise donate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::lean::Modules;
use super::models::Device;
use super::values::{Hosts, at_least_one, parse_hosts, parse_span};
use crate::donor::Schedule;

/// `stepwise donate`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DonateArgs {
    /// What to do, if not to work.
    #[command(subcommand)]
    pub command: Option<DonateCommand>,
    #[command(flatten)]
    pub work: DonateWorkArgs,
}

/// What there is to do besides working.
#[derive(Debug, Subcommand)]
pub enum DonateCommand {
    /// Join a campaign with an invitation
    Join(DonateJoinArgs),
    /// Say what the donor on this machine does
    Status(DonateStatusArgs),
    /// Print the address of the campaign's page with this account's own numbers; it is a secret, as the token in it is
    Page(DonateFolderArgs),
    /// Have the donor search nothing, and free processor and memory
    Pause(DonatePauseArgs),
    /// Have a paused donor go on
    Resume(DonateFolderArgs),
    /// Have the donor finish what is under way, and end
    Finish(DonateFolderArgs),
    /// Print a unit file with which systemd runs the donor
    Systemd(DonateSystemdArgs),
}

/// Which campaign, of those that were joined.
#[derive(Clone, Debug, Args)]
pub struct DonateFolderArgs {
    /// The campaign, where several were joined
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// Where joined campaigns are kept [default: stepwise/donate in the user's data folder]
    #[arg(long, value_name = "DIR", env = "STEPWISE_DONATE_DIR", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

/// How the machine is lent.
#[derive(Clone, Debug, Args)]
pub struct DonateWorkArgs {
    #[command(flatten)]
    pub folder: DonateFolderArgs,
    /// Searches at once, each on a core of its own, or `auto`: one per core
    #[arg(long, value_name = "N", default_value = "auto", value_parser = parse_hosts)]
    pub cores: Hosts,
    /// Memory that Lean may use, in MB: fewer searches run at once where it is not enough for all cores (1536 MB for
    /// each, and for the recheck) [default: no limit]
    #[arg(long, value_name = "MB", value_parser = at_least_one)]
    pub memory: Option<u32>,
    /// Disk that finished searches may take until they can be sent, in MB
    #[arg(long, value_name = "MB", default_value = "100", value_parser = at_least_one)]
    pub disk: u32,
    /// Disk that downloaded models may take, in MB; those used longest ago make room
    #[arg(long, value_name = "MB", default_value = "20000")]
    pub models_disk: u32,
    /// Where models run: `auto` takes a GPU that agrees with the CPU on a self-test, else the CPU, with as many threads as
    /// --cores
    #[arg(long, value_name = "DEVICE", env = "STEPWISE_DEVICE", default_value = "auto")]
    pub device: Device,
    /// Work in these hours only, by this machine's clock, such as `22:00-07:00` [default: always]
    #[arg(long, value_name = "HH:MM-HH:MM")]
    pub schedule: Option<Schedule>,
    /// Take one bundle of searches, and end when they are handed in
    #[arg(long)]
    pub once: bool,
    /// Verify what donors found instead of searching; for a campaign's own machines, which joined with a link of
    /// `campaign invite --operator`
    #[arg(long, conflicts_with_all = ["once", "schedule", "memory", "disk", "models_disk", "device"])]
    pub operator: bool,
    /// What you call this machine; only you and the campaign's operator see it
    #[arg(long, value_name = "NAME", default_value = "")]
    pub label: String,
    /// Whether searches work only when nobody else wants the processor
    #[arg(long, value_name = "WHEN", default_value = "idle")]
    pub priority: DonorPriority,
    /// What Lean has imported: Init, which every Lean file has, or its standard library Std too, without which searches
    /// that need it are given back
    #[arg(long, value_name = "MODULES", env = "STEPWISE_MODULES", default_value = "Init")]
    pub modules: Modules,
}

/// How searches share the processor with other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DonorPriority {
    /// Like every program.
    Normal,
    /// Only what nobody else wants.
    Idle,
}

/// `stepwise donate join`.
#[derive(Debug, Args)]
pub struct DonateJoinArgs {
    /// The invitation's link, in quotes
    #[arg(value_name = "LINK", value_hint = ValueHint::Url)]
    pub link: String,
    /// A pseudonym that others may see [default: a number only]
    #[arg(long, value_name = "PSEUDONYM")]
    pub name: Option<String>,
    /// Where joined campaigns are kept [default: stepwise/donate in the user's data folder]
    #[arg(long, value_name = "DIR", env = "STEPWISE_DONATE_DIR", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

/// `stepwise donate status`.
#[derive(Debug, Args)]
pub struct DonateStatusArgs {
    #[command(flatten)]
    pub folder: DonateFolderArgs,
    /// Print one JSON object per campaign on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise donate pause`.
#[derive(Debug, Args)]
pub struct DonatePauseArgs {
    /// For how long, such as `2h`, `30m` or `1h30m` [default: until `stepwise donate resume`]
    #[arg(value_name = "TIME", value_parser = parse_span)]
    pub time: Option<Duration>,
    #[command(flatten)]
    pub folder: DonateFolderArgs,
}

/// `stepwise donate systemd`.
#[derive(Debug, Args)]
pub struct DonateSystemdArgs {
    #[command(flatten)]
    pub work: DonateWorkArgs,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::{Cli, Command};
    use super::*;

    #[test]
    fn donating_is_the_command_that_names_no_other() {
        Cli::command().debug_assert();
        let parse = |line: &[&str]| {
            let line = ["stepwise", "donate"].iter().chain(line);
            match Cli::try_parse_from(line).map(|cli| cli.command) {
                Ok(Command::Donate(args)) => Ok(*args),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let args = parse(&["--once", "--schedule", "22:00-07:00", "--cores", "3", "--campaign", "c"]).unwrap();
        assert!(args.command.is_none() && args.work.once && args.work.cores == Hosts(Some(3)));
        assert_eq!(args.work.folder.campaign.as_deref(), Some("c"));
        assert_eq!(args.work.priority, DonorPriority::Idle);
        let paused = parse(&["pause", "2h", "--campaign", "c"]).unwrap().command;
        assert!(matches!(paused, Some(DonateCommand::Pause(args)) if args.time == Some(Duration::from_secs(7200))));
        assert!(matches!(parse(&["systemd", "--cores", "2"]).unwrap().command, Some(DonateCommand::Systemd(_))));
        let told = parse(&["--schedule", "7"]).unwrap_err();
        assert!(told.contains("give two times of day, such as `22:00-07:00`"), "{told}");
    }
}

//! The command line `stepwise`: its definition, its settings, and one file per command.

pub mod args;
pub mod config;
pub mod models;

mod bench;
mod bench_gpu;
mod beside;
mod campaign;
mod check;
mod compare;
mod coordinator;
mod corpus;
mod docs;
mod doctor;
mod donate;
mod eval;
mod input;
mod interrupt;
mod lean;
mod learn;
mod outcome;
mod output;
mod progress;
mod project;
mod prove;
mod replay;
mod report;
mod runtime;
mod serve;

use std::ffi::{OsStr, OsString};

use anyhow::Context;
use clap::{ArgMatches, FromArgMatches, ValueEnum};
use stepwise_inference::ModelError;
use stepwise_inference::device::DeviceError;
use stepwise_inference::train::TrainError;

use self::args::{BenchCommand, Cli, ColorWhen, Command, ConfigCommand, ConfigShowArgs, CorpusCommand};
use self::config::ConfigFile;
pub use self::outcome::Outcome;
use self::runtime::block_on;
use crate::run::policy::ModelFailure;

/// Parses a command line, its program's name first, and does what it asks.
///
/// # Errors
/// When it could not be done; [`report`] tells the user.
pub fn run(line: impl IntoIterator<Item = OsString>) -> anyhow::Result<Outcome> {
    let line: Vec<OsString> = line.into_iter().collect();
    // Before anything is parsed, because errors and help have colours too.
    let color = color_of(&line);
    output::set_color(color);
    let from_env = std::env::var_os("STEPWISE_CONFIG").filter(|path| !path.is_empty());
    let named_by_user = from_env.is_some();
    let file = ConfigFile::load(config::config_path(from_env).as_deref(), named_by_user)?;
    let command = file.command().color(match color {
        ColorWhen::Auto => clap::ColorChoice::Auto,
        ColorWhen::Always => clap::ColorChoice::Always,
        ColorWhen::Never => clap::ColorChoice::Never,
    });
    let parsed = command.clone().try_get_matches_from(&line).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(e) => {
            // Nobody is left to be told when that fails.
            let _ = e.print();
            return Ok(if e.use_stderr() { Outcome::Usage } else { Outcome::Proved });
        }
    };
    log_to_stderr(cli.global.verbose);
    let verbose = cli.global.verbose;
    match &cli.command {
        Command::Prove(args) => block_on(prove::run(args, verbose)),
        Command::Eval(args) => block_on(eval::run(args, verbose)),
        Command::Compare(args) => block_on(compare::run(args, &command, &line, verbose)),
        Command::Learn(args) => {
            let settings = matches.subcommand_matches("learn").context("no subcommand")?;
            block_on(learn::run(args, settings, verbose))
        }
        Command::Export(args) => block_on(learn::export(args)),
        Command::Corpus(CorpusCommand::Library(args)) => block_on(corpus::library(args, verbose)),
        Command::Corpus(CorpusCommand::Own(args)) => block_on(corpus::own(args, verbose)),
        Command::Corpus(CorpusCommand::Synthetic(args)) => corpus::synthetic(args),
        Command::Report(args) => block_on(report::run(args)),
        Command::Check(args) => block_on(check::run(args, verbose)),
        Command::Replay(args) => replay::run(args),
        Command::Serve(args) => block_on(serve::run(args, verbose)),
        Command::Donate(args) => donate::run(args, verbose),
        Command::Campaign(command) => block_on(campaign::run(command, verbose)),
        Command::Setup(args) => doctor::setup(args),
        Command::Doctor(args) => block_on(doctor::doctor(args)),
        Command::Bench(BenchCommand::Lean(args)) => block_on(bench::lean(args, verbose)),
        Command::Bench(BenchCommand::Model(args)) => bench::model(args, verbose),
        Command::Bench(BenchCommand::Gpu(args)) => block_on(bench_gpu::run(args, verbose)),
        Command::Config(ConfigCommand::Show(args)) => show_config(&file, &matches, args),
        Command::Completions { shell } => docs::completions(command, *shell).map(|()| Outcome::Proved),
        Command::Man { out } => docs::man(command, out.as_deref()).map(|()| Outcome::Proved),
    }
}

/// Tells the user what went wrong and what to do about it, in one line.
pub fn report(error: &anyhow::Error) {
    let advice = advice(error).map_or(String::new(), |advice| format!("; {advice}"));
    output::eprint(&format!("{}: {}{advice}", output::styled(output::BAD, "error"), one_line(error)));
}

/// What helps on the command line against errors of rooms that know nothing of it.
fn advice(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        // What a device has shown once is kept for good, so that its error comes by reference.
        let device = cause.downcast_ref::<DeviceError>().or(cause.downcast_ref::<&'static DeviceError>().copied());
        if let Some(error) = device {
            return Some(match error {
                DeviceError::NoGpu(_) => {
                    "install its Vulkan, Metal or DirectX 12 driver, or run on the CPU with `--device cpu`"
                }
                DeviceError::Failed { .. } => "run on the CPU with `--device cpu`",
                DeviceError::Wrong { .. } => "update its driver, or run on the CPU with `--device cpu`",
            });
        }
        let is_devices = cause.downcast_ref::<ModelFailure>().is_some_and(ModelFailure::blames_device)
            || cause.downcast_ref::<ModelError>().is_some_and(ModelError::blames_device)
            || matches!(cause.downcast_ref::<TrainError>(), Some(TrainError::Device(_)));
        is_devices.then_some("try the CPU with `--device cpu`")
    })
}

/// The error and its causes, outermost first. Many errors name their cause in their own text already; it is not said
/// twice then.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// `--color` as it stands on the line; a wrong value is the parser's business.
fn color_of(line: &[OsString]) -> ColorWhen {
    let mut values = line.iter().enumerate().filter_map(|(idx, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--color")? {
            "" => line.get(idx + 1).and_then(|next| next.to_str()),
            rest => rest.strip_prefix('='),
        }
    });
    values.next_back().and_then(|value| ColorWhen::from_str(value, false).ok()).unwrap_or(ColorWhen::Auto)
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| value != OsStr::new(""));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(!no_color && output::is_watched());
    // It fails only when there is one already, as in a test that runs two commands.
    let _ = subscriber.try_init();
}

fn show_config(file: &ConfigFile, matches: &ArgMatches, args: &ConfigShowArgs) -> anyhow::Result<Outcome> {
    let show = matches.subcommand().and_then(|(_, config)| config.subcommand()).context("no subcommand")?.1;
    let settings = file.settings(show);
    if args.json {
        let settings: serde_json::Map<String, serde_json::Value> = settings
            .into_iter()
            .map(|s| (s.key, serde_json::json!({ "value": s.value, "origin": s.origin.to_string() })))
            .collect();
        let path = config::config_path(std::env::var_os("STEPWISE_CONFIG"));
        output::print_json(&serde_json::json!({ "stepwise_config": 1, "file": path, "settings": settings }))?;
    } else {
        let rows: Vec<Vec<String>> = settings
            .into_iter()
            .map(|s| vec![s.key, s.value.unwrap_or_else(|| "-".into()), s.origin.to_string()])
            .collect();
        output::print(&output::table(&rows, &[]))?;
    }
    Ok(Outcome::Proved)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::executor::RunError;
    use crate::run::policy::PolicyError;

    #[test]
    fn what_a_device_did_is_told_with_what_helps() {
        let told = |cause: ModelFailure| {
            let error = PolicyError { policy: "tiny".to_owned(), message: cause.to_string(), cause: Some(cause) };
            let error = anyhow::Error::from(RunError::from(error)).context("theorem t");
            (one_line(&error), advice(&error))
        };
        let (line, help) = told(ModelFailure::Model(Arc::new(ModelError::Device("lost".to_owned()))));
        assert_eq!(line, "theorem t: the policy tiny did not answer: the device failed (lost)");
        assert_eq!(help, Some("try the CPU with `--device cpu`"));
        assert_eq!(told(ModelFailure::Model(Arc::new(ModelError::Unsuited("no".to_owned())))).1, None);

        let train = crate::learn::training::TrainingError::from(TrainError::Device("lost".to_owned()));
        assert_eq!(advice(&train.into()), Some("try the CPU with `--device cpu`"));
        static WRONG: std::sync::LazyLock<DeviceError> =
            std::sync::LazyLock::new(|| DeviceError::Wrong { name: "GPU".to_owned(), error: 1.0 });
        let by_reference: &'static DeviceError = &WRONG;
        assert!(advice(&by_reference.into()).is_some_and(|help| help.starts_with("update its driver")));
    }
}

//! Settings in layers: flag, then environment (`STEPWISE_*`), then configuration file, then built-in default.
//!
//! The file's values become the defaults of the flags they are named after, so that one set of parsers serves all
//! four layers and the help shows what would really be used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory};

use super::args::{BudgetArgs, Cli, LeanArgs, ModelArgs};

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line.
    Flag,
    /// This environment variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting as `config show` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key: the long flag without dashes.
    pub key: String,
    /// Its value as text; `None` when it has none.
    pub value: Option<String>,
    /// Where that came from.
    pub origin: Origin,
}

/// The configuration file: flag names and their values as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is; `None` when there is no file.
    pub path: Option<PathBuf>,
    values: BTreeMap<String, String>,
}

/// Where the configuration file is looked for: `STEPWISE_CONFIG`, or `stepwise/config.toml` in the user's
/// configuration folder. `None` when the machine names no such folder.
#[must_use]
pub fn config_path(from_env: Option<OsString>) -> Option<PathBuf> {
    match from_env {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => dirs::config_dir().map(|base| base.join("stepwise").join("config.toml")),
    }
}

impl ConfigFile {
    /// Reads the file. A missing one is an empty one, unless the user named it.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or holds a key or a value that no flag takes.
    pub fn load(path: Option<&Path>, named_by_user: bool) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named_by_user => return Ok(Self::default()),
            Err(e) => return Err(e).with_context(|| format!("cannot read the configuration file {}", path.display())),
        };
        Self::parse(&text, path).with_context(|| format!("mend the configuration file {}", path.display()))
    }

    /// Parses and checks the text of the file at `path`.
    ///
    /// # Errors
    /// As [`ConfigFile::load`].
    pub fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().context("it is not TOML")?;
        let command = settings_command();
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let value = match value {
                toml::Value::String(s) => s,
                toml::Value::Integer(n) => n.to_string(),
                toml::Value::Float(x) => x.to_string(),
                other => bail!("`{key}` must be a text or a number, not a {}", other.type_str()),
            };
            if !command.get_arguments().any(|arg| arg.get_long() == Some(&key)) {
                bail!("`{key}` is no setting; `stepwise config show` lists them");
            }
            // Equals form, so that a value that starts with a dash stays a value.
            let flag = format!("--{key}={value}");
            if let Err(e) = command.clone().try_get_matches_from(["settings", &flag]) {
                let reason = e.to_string();
                let reason = reason.lines().next().unwrap_or_default().trim_start_matches("error: ");
                bail!("`{key} = {value}`: {reason}");
            }
            values.insert(key, value);
        }
        Ok(Self { path: Some(path.to_owned()), values })
    }

    /// The full command line with this file's values as the defaults.
    #[must_use]
    pub fn command(&self) -> Command {
        // A page shows scores beside suggestions, so that a server has a critic unless it is told otherwise.
        let command = Cli::command()
            .mut_subcommand("serve", |serve| serve.mut_arg("critic", |critic| critic.default_value("tiny")));
        self.apply(command)
    }

    fn apply(&self, mut command: Command) -> Command {
        let ids: Vec<(clap::Id, String)> = command
            .get_arguments()
            .filter_map(|arg| {
                let value = arg.get_long().and_then(|key| self.values.get(key))?;
                arg.get_env().is_some().then(|| (arg.get_id().clone(), value.clone()))
            })
            .collect();
        for (id, value) in ids {
            command = command.mut_arg(id, |arg| arg.default_value(value));
        }
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            command = command.mut_subcommand(name, |sub| self.apply(sub));
        }
        command
    }

    /// Every setting with its value and origin, as parsed in `matches` of a command that has all settings.
    #[must_use]
    pub fn settings(&self, matches: &ArgMatches) -> Vec<Setting> {
        settings_command()
            .get_arguments()
            .filter_map(|arg| {
                let key = arg.get_long()?.to_owned();
                let id = arg.get_id().as_str();
                let env = arg.get_env()?.to_string_lossy().into_owned();
                let value = matches
                    .get_raw(id)
                    .map(|mut raw| raw.next().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default());
                let origin = match (matches.value_source(id), &self.path) {
                    (Some(ValueSource::CommandLine), _) => Origin::Flag,
                    (Some(ValueSource::EnvVariable), _) => Origin::Environment(env),
                    (_, Some(path)) if self.values.contains_key(&key) => Origin::File(path.clone()),
                    _ => Origin::Default,
                };
                Some(Setting { key, value, origin })
            })
            .collect()
    }
}

/// A command of the settings alone; the environment plays no part in checking the file.
fn settings_command() -> Command {
    let command = BudgetArgs::augment_args(Command::new("settings").disable_help_flag(true));
    let command = LeanArgs::augment_args(ModelArgs::augment_args(command));
    command.mut_args(|arg| if arg.get_env().is_some() { arg.hide_env(true) } else { arg })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_settings(file: &str, line: &[&str], expected: Expect) {
        let file = match ConfigFile::parse(file, Path::new("config.toml")) {
            Ok(file) => file,
            Err(e) => return expected.assert_eq(&format!("{e:#}\n")),
        };
        let matches = file.command().try_get_matches_from(["stepwise", "config", "show"].iter().chain(line)).unwrap();
        let show = matches.subcommand().unwrap().1.subcommand().unwrap().1;
        let lines: Vec<String> = file
            .settings(show)
            .into_iter()
            .map(|s| format!("{} = {} ({})\n", s.key, s.value.unwrap_or_else(|| "-".into()), s.origin))
            .collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        check_settings(
            "samples = 8\ntimeout = \"none\"\nalpha = 0.25\n",
            &["--samples", "4"],
            expect![[r#"
                passes = 1 (default)
                samples = 4 (command line)
                expansions = 100 (default)
                timeout = none (config.toml)
                max-tactics = none (default)
                max-lean-cpu = none (default)
                max-tokens = none (default)
                max-cost = none (default)
                search = bf (default)
                priority = sum (default)
                alpha = 0.25 (config.toml)
                withhold = none (default)
                seed = 0 (default)
                policy = portfolio (default)
                mix = auto (default)
                premises = - (default)
                premises-share = 0.5 (default)
                critic = none (default)
                prompt = auto (default)
                temperature = auto (default)
                top-k = none (default)
                top-p = 1 (default)
                tactic-tokens = 256 (default)
                device = auto (default)
                weights = auto (default)
                threads = auto (default)
                hosts = auto (default)
                step-timeout = 10 (default)
                preamble = auto (default)
                modules = Init (default)
                lean-project = - (default)
                repl = - (default)
            "#]],
        );
    }

    #[test]
    fn a_wrong_file_is_told_what_is_wrong() {
        check_settings(
            "samples = 0",
            &[],
            expect![[r#"
            `samples = 0`: invalid value '0' for '--samples <S>': give a whole number of at least 1
        "#]],
        );
        check_settings(
            "sample = 3",
            &[],
            expect![[r#"
            `sample` is no setting; `stepwise config show` lists them
        "#]],
        );
        check_settings(
            "samples = [1]",
            &[],
            expect![[r#"
            `samples` must be a text or a number, not a array
        "#]],
        );
        check_settings(
            "samples",
            &[],
            expect![[r#"
            it is not TOML: TOML parse error at line 1, column 8
              |
            1 | samples
              |        ^
            key with no value, expected `=`

        "#]],
        );
    }
}

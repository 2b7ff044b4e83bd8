//! `stepwise compare`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::run::RunArgs;

/// `stepwise compare`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CompareArgs {
    /// Problems, one JSON object a line, as for `eval`
    #[arg(value_name = "FILE.jsonl", value_hint = ValueHint::FilePath, required_unless_present = "results")]
    pub file: Option<PathBuf>,
    /// A configuration, at least two: its name, and in quotes the search flags that it adds to those of this command,
    /// for example --config wide='--samples 32 --priority average'; the first one is the baseline
    #[arg(long = "config", value_name = "NAME='FLAGS'", value_parser = parse_configuration)]
    pub configurations: Vec<NamedFlags>,
    /// Run nothing: compare these files that `eval --results` or `compare --out` wrote; the first one is the baseline
    #[arg(long, value_name = "OUT.jsonl", num_args = 1.., value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["file", "configurations"])]
    pub results: Vec<PathBuf>,
    #[command(flatten)]
    pub run: RunArgs,
    /// Write comparison.json, the plot solved.svg and one results file per configuration into this folder; an
    /// interrupted comparison goes on from them
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Print the comparison as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// A configuration as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFlags {
    /// Its name.
    pub name: String,
    /// Its flags, split as a shell would.
    pub words: Vec<String>,
}

fn parse_configuration(text: &str) -> Result<NamedFlags, String> {
    let (name, flags) = text.split_once('=').ok_or("give a name, `=`, and the flags in quotes")?;
    if name.is_empty() || name.contains(char::is_control) {
        return Err("give a name of printable characters before the `=`".into());
    }
    let words = shlex::split(flags).ok_or("a quotation in the flags is never closed")?;
    Ok(NamedFlags { name: name.to_owned(), words })
}

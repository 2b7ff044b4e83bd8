//! `stepwise report`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `stepwise report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder; it may still be running
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Write the page here [default: report.html in the run's folder]
    #[arg(short, long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Hold the other configurations against this one [default: baseline, portfolio, or the first best-first one]
    #[arg(long, value_name = "CONFIG")]
    pub baseline: Option<String>,
    /// Width of the plots' PNG files in pixels
    #[arg(long, value_name = "PIXELS", default_value = "1200", value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pub png_width: u32,
    /// Print the numbers as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

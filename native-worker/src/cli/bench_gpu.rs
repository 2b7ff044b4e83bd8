//! `stepwise bench gpu`: runs a plan of the benchmark on an adapter, or holds reports against each other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use stepwise_inference::benchmark::{self, Gpu, Host, Plan, Report, compare, text};

use super::args::BenchGpuArgs;
use super::bench::machine;
use super::interrupt::{self, Lines};
use super::outcome::Outcome;
use super::output;
use super::progress::Progress;
use crate::stop::StopLevel;

pub(super) async fn run(args: &BenchGpuArgs, verbose: u8) -> anyhow::Result<Outcome> {
    if args.compare.is_empty() { measure(args, verbose).await } else { hold_against(args) }
}

async fn measure(args: &BenchGpuArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let gpu = match &args.adapter {
        Some(wanted) => Gpu::open_named(wanted).await?,
        None => Gpu::open().await?,
    };
    // Before minutes are spent on what could not be written down.
    let file = args.json.as_deref().map(ReportFile::open).transpose()?;
    let progress = Progress::new(verbose);
    if gpu.is_software() && !args.quick {
        progress.say(&format!("{} is a program on the CPU, which only the quick plan is made for", gpu.describe()));
    }
    let plan = if args.quick || gpu.is_software() { Plan::quick() } else { Plan::full() };
    let plan = match &args.only {
        Some(text) => plan.only(text),
        None => plan,
    };
    let lines = Lines {
        draining: "stopping after this sample; what was measured is shown",
        stopping: "stopping after this sample; press Ctrl-C again to leave at once",
    };
    let stop = interrupt::listen_saying(&progress, lines)?;
    let begun = Instant::now();
    let host = Host {
        now: &|| begun.elapsed().as_secs_f64(),
        progress: &|done, row| progress.update(|| format!("{:.0}%  {row}", 100.0 * done)),
        stopped: &|| stop.level() > StopLevel::Run,
        machine: machine(),
        browser: None,
    };
    let measured = benchmark::run(&gpu, &plan, &host).await;
    progress.finish();
    let report = measured?;
    if let Some(file) = file {
        file.write(&report)?;
    }
    output::print(&if args.markdown { text::markdown(&report) } else { shown(&report) })?;
    Ok(match (report.interrupted, report.wrong_rows().next()) {
        (true, _) => Outcome::Interrupted,
        (false, Some(_)) => Outcome::NotProved,
        (false, None) => Outcome::Proved,
    })
}

fn hold_against(args: &BenchGpuArgs) -> anyhow::Result<Outcome> {
    let reports: Vec<(String, Report)> = args.compare.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    let comparison = compare::compare(&reports)?;
    if args.markdown {
        output::print(&text::compared_markdown(&comparison))?;
        return Ok(Outcome::Proved);
    }
    let mut rows = vec![text::compared_head(&comparison)];
    rows.extend(text::compared_rows(&comparison));
    let right: Vec<bool> = (0..rows[0].len()).map(|column| column > 0).collect();
    let remarks = text::compared_remarks(&comparison).join("\n");
    output::print(&format!("{}{remarks}\n", output::table(&rows, &right)))?;
    Ok(Outcome::Proved)
}

fn shown(report: &Report) -> String {
    let mut rows = vec![text::COLUMNS.map(|(name, _)| name.to_owned()).to_vec()];
    rows.extend(text::rows(report));
    let table = output::table(&rows, &text::COLUMNS.map(|(_, is_number)| is_number));
    format!("{}\n{table}", text::heading(report).join("\n"))
}

/// The file that a report goes to; what it holds stays until there is a report.
struct ReportFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> ReportFile<'a> {
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).write(true).truncate(false).open(path);
        Ok(Self { path, file: file.with_context(|| format!("cannot write {}", path.display()))? })
    }

    fn write(mut self, report: &Report) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(report).context("cannot write JSON")?;
        json.push(b'\n');
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(&json));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A report and what it is called: its file's name without the ending.
fn read(path: &Path) -> anyhow::Result<(String, Report)> {
    let json = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = Report::read(&json).with_context(|| path.display().to_string())?;
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((name, report))
}

//! `stepwise compare`: several configurations on the same problems, each held against the first, at equal cost.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Command, FromArgMatches};
use stepwise_core::record::{self, ProblemRecord};
use stepwise_core::search::Search;
use stepwise_core::search::sides::Disprove;
use stepwise_core::stats::Estimate;
use stepwise_learn::comparison::{self, Against, Comparison, Configuration, PairedCost, Results};

use super::args::{self, Cli, CompareArgs, NamedFlags, RunArgs};
use super::eval::{self, Tally};
use super::models::Models;
use super::outcome::Outcome;
use super::output::{self, FAINT, styled};
use super::progress::Progress;
use super::{input, interrupt, lean};
use crate::run::eval::{Step, Turn, log_path, run_turns, warm_up};
use crate::run::results::ResultsFile;

/// Compares. `command` and `line` are what was parsed; each configuration parses them once more with its own flags.
pub(super) async fn run(
    args: &CompareArgs,
    command: &Command,
    line: &[OsString],
    verbose: u8,
) -> anyhow::Result<Outcome> {
    let (results, interrupted) = match &args.file {
        None => (read_results(&args.results)?, false),
        Some(file) => {
            comparison::check_names(args.configurations.iter().map(|configuration| configuration.name.as_str()))?;
            let runs = args.configurations.iter().map(|configuration| run_args(configuration, args, command, line));
            let runs = runs.collect::<anyhow::Result<Vec<RunArgs>>>()?;
            search(args, file, &runs, verbose).await?
        }
    };
    // A comparison that was interrupted early may have nothing to show yet, which is no error.
    match Comparison::of(&results) {
        Ok(comparison) => tell(args, &comparison)?,
        Err(_) if interrupted => {}
        Err(e) => return Err(e.into()),
    }
    if !interrupted {
        return Ok(Outcome::Proved);
    }
    let how =
        if args.out.is_some() { "the same command goes on from here" } else { "with --out it could go on from here" };
    output::eprint(&format!("interrupted; {how}"));
    Ok(Outcome::Interrupted)
}

/// Reads finished results. A file's name is its configuration's, or its path where two names are the same.
fn read_results(paths: &[PathBuf]) -> anyhow::Result<Vec<Results>> {
    let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stems: BTreeSet<String> = paths.iter().map(stem).collect();
    let read = |path: &PathBuf| {
        let text = input::read_text(path)?;
        let records = record::read(text.as_bytes()).with_context(|| path.display().to_string())?.records;
        let name = if stems.len() == paths.len() { stem(path) } else { path.display().to_string() };
        Ok(Results { name, records })
    };
    paths.iter().map(read).collect()
}

/// What a configuration runs with: the command line once more, with the configuration's own flags at its end, where
/// they override. So they are the flags of every other command, with the same defaults, checks and messages.
fn run_args(
    NamedFlags { name, words }: &NamedFlags,
    args: &CompareArgs,
    command: &Command,
    line: &[OsString],
) -> anyhow::Result<RunArgs> {
    let command =
        command.clone().mut_subcommand("compare", |compare| compare.args_override_self(true).disable_help_flag(true));
    // What follows `--` is a file and no flag.
    let end = line.iter().position(|word| word == "--").unwrap_or(line.len());
    let own = words.iter().map(OsString::from);
    let line = line[..end].iter().cloned().chain(own).chain(line[end..].iter().cloned());
    let parsed = command.try_get_matches_from(line).and_then(|matches| Cli::from_arg_matches(&matches));
    let own = match parsed.map(|cli| cli.command) {
        Ok(args::Command::Compare(own)) => *own,
        Ok(_) => bail!("--config {name}: it names another command; give flags only"),
        Err(e) => {
            let reason = e.to_string();
            let reason: Vec<&str> = reason.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            bail!("--config {name}: {}", reason.join(" ").trim_start_matches("error: "));
        }
    };
    let RunArgs { lean, selection, .. } = own.run.clone();
    let without_search_flags = CompareArgs { run: RunArgs { lean, selection, ..args.run.clone() }, ..own.clone() };
    if without_search_flags != *args {
        bail!(
            "--config {name}: a configuration says how to search; which problems, which Lean and where results go is \
             the same for all: give those flags outside of --config"
        );
    }
    Ok(own.run)
}

/// Runs what is not recorded yet. The flag is true when the user stopped it.
async fn search(
    args: &CompareArgs,
    file: &Path,
    runs: &[RunArgs],
    verbose: u8,
) -> anyhow::Result<(Vec<Results>, bool)> {
    let (problems, _) = eval::problems(file, &args.run)?;
    // Opened before Lean starts: a file that cannot be written should be known at once.
    let mut recorded =
        args.configurations.iter().map(|c| Recorded::open(args, &c.name)).collect::<Result<Vec<_>, _>>()?;
    let begun = Instant::now();
    let progress = Progress::new(verbose);
    let stop = interrupt::listen(&progress)?;
    let pool = lean::start_pool_within(&args.run.lean, args.run.budget.timeout.0).await?;
    progress.update(|| "starting Lean".to_owned());
    let mut evals = Vec::new();
    let mut to_do = BTreeSet::new();
    for (eval_idx, (recorded, run)) in recorded.iter_mut().zip(runs).enumerate() {
        let of_config = || format!("--config {}", recorded.results.name);
        let models =
            Models::open(&run.models, &run.lean, &run.budget.config(1), &progress).await.with_context(of_config)?;
        let eval =
            eval::build(run, models, Disprove::Never, None, &pool, stop.clone()).await.with_context(of_config)?;
        let records = std::mem::take(&mut recorded.results.records);
        let resumption = eval::resumption(&recorded.path, &problems, records, &eval.run())?;
        recorded.results.records = resumption.done.into_iter().map(|(_, record)| record).collect();
        to_do.extend(resumption.to_do.into_iter().map(|problem_idx| Turn { eval_idx, problem_idx }));
        evals.push(eval);
    }
    let n_searches = problems.len() * evals.len();
    if to_do.len() < n_searches {
        output::eprint(&format!("{} searches are recorded already and are not run again", n_searches - to_do.len()));
    }
    let tally = Arc::new(Tally::new(n_searches, recorded.iter().flat_map(|recorded| &recorded.results.records)));
    let show: Arc<dyn Fn(Step) + Send + Sync> = {
        let (tally, progress) = (Arc::clone(&tally), progress.clone());
        Arc::new(move |step| {
            tally.step(step);
            progress.update(|| tally.line(begun));
        })
    };
    let sink = |turn: Turn, record: ProblemRecord, _: &Search| -> std::io::Result<()> {
        let recorded = &mut recorded[turn.eval_idx];
        if let Some(file) = &mut recorded.file {
            file.append(&record)?;
        }
        tally.ended(turn, &record);
        progress.say(&format!("{} {}", styled(FAINT, &recorded.results.name), eval::record_line(&record)));
        recorded.results.records.push(record);
        Ok(())
    };
    if !to_do.is_empty() {
        warm_up(&pool, &problems, stop.clone()).await;
    }
    let turns = comparison::turns(problems.len(), evals.len(), args.run.budget.seed)
        .map(|(problem_idx, eval_idx)| Turn { eval_idx, problem_idx })
        .filter(|turn| to_do.contains(turn));
    let ran = run_turns(&evals, &problems, turns, sink, show).await;
    progress.finish();
    drop(evals);
    pool.shutdown().await;
    Ok((recorded.into_iter().map(|recorded| recorded.results).collect(), ran?))
}

/// A configuration's results, and the file that keeps them if one does.
struct Recorded {
    results: Results,
    path: PathBuf,
    file: Option<ResultsFile>,
}

impl Recorded {
    fn open(args: &CompareArgs, name: &str) -> anyhow::Result<Self> {
        let name = name.to_owned();
        let Some(folder) = &args.out else {
            return Ok(Self { results: Results { name, records: Vec::new() }, path: PathBuf::new(), file: None });
        };
        make_folder(folder)?;
        let path = log_path(folder, &name);
        let (file, records) = eval::open_results(&path)?;
        Ok(Self { results: Results { name, records }, path, file: Some(file) })
    }
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Prints the comparison, and writes its files where they are wanted.
fn tell(args: &CompareArgs, comparison: &Comparison) -> anyhow::Result<()> {
    if args.json {
        output::print_json(comparison)?;
    } else {
        output::print(&report(comparison))?;
    }
    let Some(folder) = &args.out else { return Ok(()) };
    make_folder(folder)?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("comparison.json", &format!("{}\n", serde_json::to_string_pretty(comparison)?))?;
    write("solved.svg", &comparison.plot().to_svg())?;
    output::eprint(&format!("comparison.json and the plot solved.svg are in {}", folder.display()));
    Ok(())
}

/// The comparison as a person reads it: a row per configuration, and a line for what a row cannot say.
fn report(comparison: &Comparison) -> String {
    let Some(baseline) = comparison.configurations.first() else { return String::new() };
    let head =
        ["", "proved", "pass rate", "difference", "p", "only here", "only there", "Lean CPU", "tokens", "per problem"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(comparison.configurations.iter().map(row));
    let right = [false, true, true, true, true, true, true, true, true, true];
    let mut lines = vec![
        String::new(),
        format!(
            "Intervals are 95% intervals. Differences are in percentage points against {}, over the problems that both",
            baseline.name
        ),
        "have results for; p is McNemar's exact test. Cost per problem is Lean's CPU time and models' device time."
            .into(),
    ];
    for configuration in &comparison.configurations {
        if let Some(against) = &configuration.against_baseline {
            lines.extend(remarks(&configuration.name, &baseline.name, against));
        }
    }
    format!("{}{}\n", output::table(&rows, &right), lines.join("\n"))
}

fn row(configuration: &Configuration) -> Vec<String> {
    let Configuration { solved, total, pass_rate: rate, ledger, cost_s, .. } = configuration;
    let percent = |share: f64| 100.0 * share;
    let mut cells = vec![
        configuration.name.clone(),
        format!("{solved} of {total}"),
        format!("{:.1}% ({:.1} to {:.1})", percent(rate.value), percent(rate.low), percent(rate.high)),
    ];
    match &configuration.against_baseline {
        None => cells.extend(["baseline", "", "", ""].map(str::to_owned)),
        Some(against) => {
            let Estimate { value, low, high } = against.difference;
            cells.push(format!("{:+.1} ({:+.1} to {:+.1})", percent(value), percent(low), percent(high)));
            cells.push(if against.mcnemar_p < 0.001 { "<0.001".into() } else { format!("{:.3}", against.mcnemar_p) });
            cells.push(against.counts.only_here.to_string());
            cells.push(against.counts.only_there.to_string());
        }
    }
    cells.extend([
        format!("{:.1} s", ledger.lean_cpu_us as f64 / 1e6),
        ledger.tokens.to_string(),
        format!("{:.2} s", cost_s / *total as f64),
    ]);
    cells
}

/// What both proved and what it cost, and what was left out.
fn remarks(name: &str, baseline: &str, against: &Against) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(PairedCost { median_here_s, median_there_s, ratio }) = against.cost {
        let n = against.counts.both;
        let ratio =
            ratio.map(|Estimate { value, low, high }| format!("; {value:.2} times the cost ({low:.2} to {high:.2})"));
        lines.push(format!(
            "{name}: median cost of the {n} that both proved {median_here_s:.2} s against {median_there_s:.2} s{}",
            ratio.unwrap_or_default()
        ));
    }
    let unpaired = [(against.n_unpaired_here, name, baseline), (against.n_unpaired_there, baseline, name)];
    for (n, has, lacks) in unpaired.into_iter().filter(|(n, _, _)| *n > 0) {
        lines.push(format!("{name}: {n} with a result of {has} and none of {lacks}, left out of the difference"));
    }
    lines
}

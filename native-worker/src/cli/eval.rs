//! `stepwise eval`: every problem of a file, a record for each, and a summary.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, bail};
use regex_lite::Regex;
use stepwise_core::problem::{Defaults, Problem, read_dataset};
use stepwise_core::record::{EvalSummary, ProblemRecord, Resumption, Run, Status, TidyTotals, resume};
use stepwise_core::search::Search;
use stepwise_core::search::sides::Disprove;
use stepwise_core::stats;
use stepwise_core::words;

use super::args::{EvalArgs, ModelSource, RunArgs};
use super::models::Models;
use super::outcome::Outcome;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{input, interrupt, lean};
use crate::lean::pool::Pool;
use crate::run::eval::{Eval, Step, Tidying, Turn, run_turns, warm_up};
use crate::run::results::ResultsFile;
use crate::stop::Stop;

pub(super) async fn run(args: &EvalArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let (problems, n_unread) = problems(&args.file, &args.run)?;
    // Opened before Lean starts: a file that cannot be written should be known at once.
    let (mut results, recorded) = match &args.results {
        Some(path) => {
            let (file, records) = open_results(path)?;
            (Some(file), records)
        }
        None => (None, Vec::new()),
    };
    if let Some(folder) = &args.logs {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {} for logs", folder.display()))?;
    }
    let begun = Instant::now();
    // Without --results nothing is recorded, and nothing is looked for.
    let path = args.results.as_deref().unwrap_or(Path::new(""));
    let progress = Progress::new(verbose);
    let config = args.run.budget.config(1);
    let models = Models::open(&args.run.models, &args.run.lean, &config, &progress).await?;
    // When everything is recorded already, Lean need not start to say so.
    if let Some(first) = recorded.first() {
        let run = Run::new(&config, models.policy.name(), models.critic_name().as_deref(), &first.run.lean)
            .disproving(args.disprove.choice());
        let resumption = resumption(path, &problems, recorded.clone(), &run)?;
        if resumption.to_do.is_empty() {
            let records = tell_recorded(args, resumption.done)?;
            let counts = Counted { problems: problems.len(), unread: n_unread };
            return finish(args, &records, begun, counts, false);
        }
    }
    let stop = interrupt::listen(&progress)?;
    let pool = lean::start_pool_within(&args.run.lean, args.run.budget.timeout.0).await?;
    progress.update(|| "starting Lean".to_owned());
    let mut eval = build(&args.run, models, args.disprove.choice(), args.logs.clone(), &pool, stop).await?;
    if let Some(options) = args.tidy.options() {
        let with_default_notation = Arc::new(with_default_notation(&args.file, &args.run, &problems)?);
        eval.tidy = Some(Tidying { options, with_default_notation });
    }
    let Resumption { done, to_do, .. } = resumption(path, &problems, recorded, &eval.run())?;
    let tally = Arc::new(Tally::new(problems.len(), done.iter().map(|(_, record)| record)));
    let mut records = tell_recorded(args, done)?;
    let show: Arc<dyn Fn(Step) + Send + Sync> = {
        let (tally, progress) = (Arc::clone(&tally), progress.clone());
        Arc::new(move |step| {
            tally.step(step);
            progress.update(|| tally.line(begun));
        })
    };
    let sink = |turn: Turn, record: ProblemRecord, _: &Search| -> std::io::Result<()> {
        if let Some(file) = &mut results {
            file.append(&record)?;
        }
        if args.json {
            output::print_json(&record).map_err(std::io::Error::other)?;
        }
        tally.ended(turn, &record);
        progress.say(&record_line(&record));
        records.push(record);
        Ok(())
    };
    if !to_do.is_empty() {
        warm_up(&pool, &problems, eval.stop.clone()).await;
    }
    let turns = to_do.into_iter().map(|problem_idx| Turn { eval_idx: 0, problem_idx });
    let ran = run_turns(&[eval], &problems, turns, sink, show).await;
    progress.finish();
    pool.shutdown().await;
    finish(args, &records, begun, Counted { problems: problems.len(), unread: n_unread }, ran?)
}

/// What the file held.
#[derive(Clone, Copy)]
struct Counted {
    problems: usize,
    /// Left out, because they cannot be read.
    unread: usize,
}

/// The eval that the flags ask for, over a running pool.
pub(super) async fn build(
    args: &RunArgs,
    models: Models,
    disprove: Disprove,
    logs: Option<PathBuf>,
    pool: &Pool,
    stop: Stop,
) -> anyhow::Result<Eval> {
    let info = pool.info().await?;
    Ok(Eval {
        pool: pool.clone(),
        policy: models.policy,
        critic: models.critic,
        config: args.budget.config(1),
        lean: info.to_string(),
        disprove,
        // One more than hosts where a model thinks, so that no host waits for it. Where none does, more searches than hosts
        // would only take each other's wall clock.
        concurrency: args.selection.concurrency.map_or_else(
            || lean::n_hosts(&args.lean) + usize::from(args.models.sources.policy != ModelSource::BuiltIn),
            |n| n as usize,
        ),
        logs,
        tidy: None,
        stop,
    })
}

/// Prints the records of an earlier run, and passes them on.
fn tell_recorded(args: &EvalArgs, done: Vec<(usize, ProblemRecord)>) -> anyhow::Result<Vec<ProblemRecord>> {
    let records: Vec<ProblemRecord> = done.into_iter().map(|(_, record)| record).collect();
    if !records.is_empty() {
        output::eprint(&format!("{} problems are recorded already and are not run again", records.len()));
    }
    if args.json {
        for record in &records {
            output::print_json(record)?;
        }
    }
    Ok(records)
}

/// Prints the summary and says how the eval ended.
fn finish(
    args: &EvalArgs,
    records: &[ProblemRecord],
    begun: Instant,
    counted: Counted,
    interrupted: bool,
) -> anyhow::Result<Outcome> {
    let n_problems = counted.problems;
    let unread = counted.unread as u64;
    let summary = EvalSummary { unread, ..EvalSummary::of(records, begun.elapsed().as_secs_f64()) };
    if args.json {
        output::print(&summary.to_line())?;
    } else {
        output::print(&report(&summary, n_problems, interrupted))?;
    }
    if !interrupted {
        return Ok(Outcome::Proved);
    }
    let how = match (&args.results, &args.logs) {
        (None, None) => "with --results and --logs it could go on from here",
        _ => "the same command goes on from here",
    };
    output::eprint(&format!("interrupted after {} of {n_problems} problems; {how}", summary.total));
    Ok(Outcome::Interrupted)
}

/// Opens a results file, and reads what is recorded in it already.
pub(super) fn open_results(path: &Path) -> anyhow::Result<(ResultsFile, Vec<ProblemRecord>)> {
    let opened = ResultsFile::open(path).with_context(|| format!("cannot use {}", path.display()))?;
    opened.with_context(|| path.display().to_string())
}

/// The problems of a file that the flags select, and how many of the file cannot be read.
pub(super) fn problems(file: &Path, args: &RunArgs) -> anyhow::Result<(Vec<Problem>, usize)> {
    let (mut problems, n_unread) = input::problems(file, &args.lean, args.selection.strict)?;
    if let Some(filter) = &args.selection.filter {
        let regex = Regex::new(filter).with_context(|| format!("--filter {filter} is no regular expression"))?;
        problems.retain(|problem| regex.is_match(&problem.name));
        if problems.is_empty() {
            bail!("no problem's name matches --filter {filter}");
        }
    }
    if let Some(limit) = args.selection.limit {
        problems.truncate(limit as usize);
    }
    Ok((problems, n_unread))
}

/// The names of those problems in front of which the default notation stands because they bring none.
fn with_default_notation(file: &Path, args: &RunArgs, problems: &[Problem]) -> anyhow::Result<HashSet<String>> {
    if !input::defaults_are_notation(&args.lean) {
        return Ok(HashSet::new());
    }
    let own = read_dataset(&file.display().to_string(), &input::read_text(file)?, &Defaults::default()).problems;
    let own: HashMap<&str, &str> =
        own.iter().map(|problem| (problem.name.as_str(), problem.theorem.preamble.as_str())).collect();
    let is_given =
        |problem: &&Problem| own.get(problem.name.as_str()).is_some_and(|own| *own != problem.theorem.preamble);
    Ok(problems.iter().filter(is_given).map(|problem| problem.name.clone()).collect())
}

/// What is recorded and what is still to do. A results file of another configuration is refused as a whole: mixing two
/// configurations in one file would spoil its summary.
pub(super) fn resumption(
    path: &Path,
    problems: &[Problem],
    recorded: Vec<ProblemRecord>,
    run: &Run,
) -> anyhow::Result<Resumption> {
    let config = run.hash();
    let path = path.display();
    if let Some(other) = recorded.iter().find(|record| record.config_sha256 != config) {
        bail!(
            "{path} holds results of another configuration ({}, {}, {}), and this one is ({}, {}, {}); write these \
             results elsewhere",
            other.run.policy,
            other.run.lean,
            other.run.config,
            run.policy,
            run.lean,
            run.config,
        );
    }
    // Records of problems that --filter or --limit leave out are no mistake.
    let mut resumption = resume(problems, recorded, run);
    resumption.mismatches.retain(|line| !line.ends_with("no problem of this name in this eval"));
    if let Some(mismatch) = resumption.mismatches.first() {
        bail!("{path} does not belong to these problems: {mismatch}; write these results elsewhere");
    }
    Ok(resumption)
}

/// What the progress line counts.
pub(super) struct Tally {
    total: usize,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    ended: usize,
    solved: usize,
    disproved: usize,
    /// Tactics of the searches that run.
    running: std::collections::BTreeMap<Turn, u64>,
    tactics_of_ended: u64,
}

impl Tally {
    /// A count towards `total` searches that begins with those that are recorded already.
    pub(super) fn new<'a>(total: usize, done: impl IntoIterator<Item = &'a ProblemRecord>) -> Self {
        let mut counts = Counts::default();
        for record in done {
            counts.ended += 1;
            counts.solved += usize::from(record.status == Status::Proved);
            counts.disproved += usize::from(record.status == Status::Disproved);
        }
        Self { total, counts: Mutex::new(counts) }
    }

    pub(super) fn step(&self, step: Step) {
        if let Ok(mut counts) = self.counts.lock() {
            counts.running.insert(step.turn, step.tactics);
        }
    }

    pub(super) fn ended(&self, turn: Turn, record: &ProblemRecord) {
        if let Ok(mut counts) = self.counts.lock() {
            counts.running.remove(&turn);
            counts.tactics_of_ended += record.ledger.tactics;
            counts.ended += 1;
            counts.solved += usize::from(record.status == Status::Proved);
            counts.disproved += usize::from(record.status == Status::Disproved);
        }
    }

    pub(super) fn line(&self, begun: Instant) -> String {
        let Ok(counts) = self.counts.lock() else { return String::new() };
        let tactics = counts.tactics_of_ended + counts.running.values().sum::<u64>();
        let disproved = match counts.disproved {
            0 => String::new(),
            n => format!(", {n} disproved"),
        };
        format!(
            "{} proved{disproved}, {} of {} done, {} running, {tactics} tactics, {:.0} s",
            counts.solved,
            counts.ended,
            self.total,
            counts.running.len(),
            begun.elapsed().as_secs_f64()
        )
    }
}

/// How a problem ended, for a person.
pub(super) fn record_line(record: &ProblemRecord) -> String {
    let end = match record.status {
        Status::Proved => styled(GOOD, format!("proved in {} tactics", record.proof_length.unwrap_or(0))),
        Status::Disproved => styled(GOOD, record.detail.as_deref().unwrap_or("disproved")),
        Status::Exhausted if record.ledger.refused > 0 => "no open state left but refused proofs".to_owned(),
        Status::Exhausted => "no open state left".to_owned(),
        Status::OutOfBudget => format!("budget of {} used up", record.detail.as_deref().unwrap_or("something")),
        Status::BadStatement | Status::HostFailed => {
            let detail = record.detail.as_deref().unwrap_or_default();
            styled(BAD, format!("{}{}", detail.lines().next().unwrap_or_default(), words::hint(detail)))
        }
        Status::Cancelled => "cancelled".to_owned(),
    };
    let refused = words::refused(record.refusals.len() as u64, &record.refusals);
    let refused = refused.map_or_else(String::new, |refused| format!("; {refused}"));
    format!("{}: {end}{refused} ({:.1} s)", record.name, record.seconds)
}

/// The summary as a person reads it.
fn report(summary: &EvalSummary, n_problems: usize, interrupted: bool) -> String {
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let rate = |rate: f64, low: f64, high: f64| {
        format!("{} (95% interval {} to {})", percent(rate), percent(low), percent(high))
    };
    let EvalSummary { solved, total, bad_statements, .. } = *summary;
    let mut rows = vec![vec!["proved".to_owned(), format!("{solved} of {total}")]];
    let of_all = rate(summary.pass_rate, summary.pass_rate_low, summary.pass_rate_high);
    if bad_statements == 0 {
        rows.push(vec!["pass rate".to_owned(), of_all]);
    } else {
        // Neither is the one rate: whoever compares should know which he has.
        let stated = total - bad_statements;
        let (low, high) = stats::wilson(solved, stated);
        rows.push(vec!["pass rate of all".to_owned(), of_all]);
        rows.push(vec![
            "pass rate of stated".to_owned(),
            format!("{}, {solved} of the {stated} that elaborate", rate(summary.stated_pass_rate, low, high)),
        ]);
    }
    if summary.unread > 0 {
        rows.push(vec!["not read".to_owned(), summary.unread.to_string()]);
    }
    if interrupted {
        rows.push(vec!["not run".to_owned(), (n_problems as u64).saturating_sub(summary.total).to_string()]);
    }
    for (status, n) in &summary.by_status {
        let name = match status {
            Status::Proved => continue,
            Status::Disproved => "disproved",
            Status::Exhausted => "no open state left",
            Status::OutOfBudget => "out of budget",
            Status::BadStatement => "bad statement",
            Status::HostFailed => "Lean failed",
            Status::Cancelled => "cancelled",
        };
        rows.push(vec![name.to_owned(), n.to_string()]);
    }
    rows.extend([
        vec!["expansions".to_owned(), summary.expansions.to_string()],
        vec![
            "tactics".to_owned(),
            format!("{} ({} timed out, {} crashed)", summary.tactics, summary.timeouts, summary.crashes),
        ],
        vec!["rechecks".to_owned(), format!("{} ({} refused)", summary.rechecks, summary.refused)],
        vec!["tokens".to_owned(), summary.tokens.to_string()],
        vec!["Lean CPU".to_owned(), format!("{:.1} s", summary.lean_cpu_s)],
        vec!["wall".to_owned(), format!("{:.1} s", summary.wall_s)],
    ]);
    if summary.policy_failures > 0 {
        rows.push(vec![
            "policy failed".to_owned(),
            format!("{} expansions, by its server's fault", summary.policy_failures),
        ]);
    }
    if let Some(median) = summary.median_solved_s {
        rows.push(vec!["median proved".to_owned(), format!("{median:.1} s")]);
    }
    if let Some(tidying) = &summary.tidying {
        let TidyTotals { n_proofs, before, after, wall_s, share_of_search, .. } = tidying;
        let rows_of = [
            ("tactics", before.tactics, after.tactics),
            ("characters", before.characters, after.characters),
            ("lines", before.lines, after.lines),
        ];
        rows.push(vec![
            "tidied".to_owned(),
            format!("{n_proofs} proofs in {wall_s:.1} s ({} of their searches' wall)", percent(*share_of_search)),
        ]);
        let of_proofs = |(what, before, after)| vec![format!("  {what}"), format!("{before} -> {after}")];
        rows.extend(rows_of.map(of_proofs));
    }
    let mut text = output::table(&rows, &[]);
    if !summary.proof_lengths.is_empty() {
        let _ = writeln!(text, "\nproofs by number of tactics");
        text.push_str(&stats::histogram(&summary.proof_lengths, 40));
    }
    text
}

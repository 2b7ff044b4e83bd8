//! `stepwise corpus`: files of problems to learn from.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use regex_lite::Regex;
use stepwise_core::problem::{Defaults, Problem, read_dataset};
use stepwise_core::random::SplitMix64;
use stepwise_learn::corpus::contamination::EvaluationSet;
use stepwise_learn::corpus::library::{self, LibraryTheorem, Question};
use stepwise_learn::corpus::synthetic::generate;

use super::args::{CorpusLibraryArgs, CorpusOutputArgs, CorpusOwnArgs, CorpusSyntheticArgs};
use super::outcome::Outcome;
use super::progress::Progress;
use super::{input, interrupt, lean, output};
use crate::lean::developments::{Fate, drawn};
use crate::lean::host::Stated;
use crate::lean::library::{Answer, state, theorems};
use crate::stop::StopLevel;

/// `stepwise corpus library`.
pub(super) async fn library(args: &CorpusLibraryArgs, verbose: u8) -> anyhow::Result<Outcome> {
    check_output(&args.output)?;
    if args.lean.lean_project.is_some() {
        bail!("only the built-in Lean can list its library; leave out --lean-project");
    }
    let without = without(&args.output)?;
    let progress = Progress::new(verbose);
    let mut stop = interrupt::listen(&progress)?;
    let launch = lean::launcher(&args.lean).await?;
    let begun = Instant::now();
    progress.update(|| "listing the library".to_owned());
    let theorems = tokio::select! {
        listed = theorems(launch.as_ref()) => listed?,
        // Nothing is lost by not waiting for it.
        () = stop.reached(StopLevel::Drain) => return Ok(interrupted(&progress, &Tally::default(), begun)),
    };
    let questions: Arc<[Question]> = chosen(&theorems, args)?.into();
    let enough = args.limit.map_or(usize::MAX, |limit| limit as usize);

    let mut tally = Tally { n_questions: questions.len(), ..Tally::default() };
    let each = |question: &Question, answer: &Answer| {
        tally.count(&theorems[question.idx].name, answer);
        progress.update(|| tally.line(begun));
    };
    let watched = stop.clone();
    let asked = state(&launch, lean::n_hosts(&args.lean), &questions, enough, &watched, each);
    let answers = tokio::select! {
        answers = asked => Some(answers),
        () = stop.reached(StopLevel::Abort) => None,
    };
    let answers = match answers.transpose()? {
        Some(answers) if stop.level() == StopLevel::Run => answers,
        _ => return Ok(interrupted(&progress, &tally, begun)),
    };
    progress.finish();
    let (lines, n_unwanted) = lines(&theorems, &questions[..], &answers, args, &without);
    write(&args.output, &lines)?;
    output::eprint(&tally.line(begun));
    if n_unwanted > 0 {
        output::eprint(&format!("{n_unwanted} of them left out: like one of --without"));
    }
    Ok(Outcome::Proved)
}

/// `stepwise corpus synthetic`.
pub(super) fn synthetic(args: &CorpusSyntheticArgs) -> anyhow::Result<Outcome> {
    check_output(&args.output)?;
    let without = without(&args.output)?;
    let mut problems = generate(args.draw.seed, args.draw.n as usize);
    let n_made = problems.len();
    problems.retain(|problem| without.find(problem).is_none());
    write(&args.output, &problems.iter().map(Problem::to_line).collect::<String>())?;
    if problems.len() < n_made {
        output::eprint(&format!("{} of {n_made} left out: like one of --without", n_made - problems.len()));
    }
    Ok(Outcome::Proved)
}

/// `stepwise corpus own`.
pub(super) async fn own(args: &CorpusOwnArgs, verbose: u8) -> anyhow::Result<Outcome> {
    check_output(&args.output)?;
    let without = without(&args.output)?;
    let progress = Progress::new(verbose);
    let mut stop = interrupt::listen(&progress)?;
    let pool = lean::start_pool(&args.lean).await?;
    let begun = Instant::now();
    let mut tally = OwnTally { wanted: args.draw.n as usize, ..OwnTally::default() };
    let watched = stop.clone();
    let each = |problem: &Problem, fate: &Fate| {
        tally.count(problem, fate);
        progress.update(|| tally.line(begun));
    };
    let (n, wanted) = (args.draw.n as usize, |problem: &Problem| without.find(problem).is_none());
    let drawing = drawn(&pool, args.draw.seed, n, lean::n_hosts(&args.lean), &watched, wanted, each);
    let problems = tokio::select! {
        problems = drawing => Some(problems?),
        () = stop.reached(StopLevel::Abort) => None,
    };
    progress.finish();
    pool.shutdown().await;
    let Some(problems) = problems.filter(|_| stop.level() == StopLevel::Run) else {
        output::eprint(&format!("interrupted, nothing is written: {}", tally.line(begun)));
        return Ok(Outcome::Interrupted);
    };
    write(&args.output, &problems.iter().map(Problem::to_line).collect::<String>())?;
    output::eprint(&tally.line(begun));
    Ok(Outcome::Proved)
}

/// The problems that a corpus does without, indexed.
fn without(args: &CorpusOutputArgs) -> anyhow::Result<EvaluationSet> {
    Ok(EvaluationSet::new(&problems_without(&args.without)?))
}

/// The problems of the files that `--without` names.
///
/// # Errors
/// When one of them cannot be read whole: what is not read would not be left out.
fn problems_without(files: &[PathBuf]) -> anyhow::Result<Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    for path in files {
        let read = read_dataset(&path.display().to_string(), &input::read_text(path)?, &Defaults::default());
        if let Some(error) = read.unread.into_iter().next() {
            return Err(error).context("--without needs to read every problem");
        }
        if read.problems.is_empty() {
            bail!("{}: no problem in it, and so nothing to do without", path.display());
        }
        problems.extend(read.problems);
    }
    Ok(problems)
}

/// How far a set of developments is.
#[derive(Default)]
struct OwnTally {
    wanted: usize,
    kept: usize,
    said_twice: usize,
    unwanted: usize,
    refused: usize,
}

impl OwnTally {
    fn count(&mut self, problem: &Problem, fate: &Fate) {
        match fate {
            Fate::Kept => self.kept += 1,
            Fate::SaidTwice => self.said_twice += 1,
            Fate::Unwanted => self.unwanted += 1,
            Fate::Refused(reason) => {
                self.refused += 1;
                tracing::info!("{}: {}", problem.name, reason.lines().next().unwrap_or_default());
            }
        }
    }

    fn line(&self, begun: Instant) -> String {
        let Self { wanted, kept, said_twice, unwanted, refused } = self;
        format!(
            "{kept} of {wanted} drawn; left out: {refused} whose proof Lean refused, {said_twice} said twice, {unwanted} \
             like one of --without; {:.0} s",
            begun.elapsed().as_secs_f64()
        )
    }
}

/// The questions that the flags leave, in the order in which they are asked.
fn chosen(theorems: &[LibraryTheorem], args: &CorpusLibraryArgs) -> anyhow::Result<Vec<Question>> {
    let mut questions = library::questions(theorems);
    if let Some(filter) = &args.filter {
        let regex = Regex::new(filter).with_context(|| format!("--filter {filter} is no regular expression"))?;
        questions.retain(|question| regex.is_match(&theorems[question.idx].name));
        if questions.is_empty() {
            bail!("no theorem's name matches --filter {filter}");
        }
    }
    if args.limit.is_some() {
        SplitMix64::new(args.seed).shuffle(&mut questions);
    }
    Ok(questions)
}

/// The problems that the answers make, in the library's order, but those that `without` has; and how many those are.
fn lines(
    theorems: &[LibraryTheorem],
    questions: &[Question],
    answers: &[Answer],
    args: &CorpusLibraryArgs,
    without: &EvaluationSet,
) -> (String, usize) {
    // Every Lean has the first module, `Init`.
    let imports: Vec<String> = args.lean.modules.choice().names()[1..].iter().map(|name| (*name).to_owned()).collect();
    let stated = questions.iter().zip(answers).filter_map(|(question, answer)| {
        let Answer::Stated(Stated::Statement { statement, header }) = answer else { return None };
        let theorem = &theorems[question.idx];
        let mut problem = library::problem(theorem, question, statement, header);
        problem.theorem.imports.clone_from(&imports);
        Some((question.idx, without.find(&problem).is_none().then(|| library::line(theorem, &problem))))
    });
    // Hosts that were at work when there were enough have stated a few more.
    let mut stated: Vec<(usize, Option<String>)> =
        stated.take(args.limit.map_or(usize::MAX, |limit| limit as usize)).collect();
    stated.sort_by_key(|(idx, _)| *idx);
    let n_unwanted = stated.iter().filter(|(_, line)| line.is_none()).count();
    (stated.into_iter().filter_map(|(_, line)| line).collect(), n_unwanted)
}

/// How far the library is.
#[derive(Default)]
struct Tally {
    n_questions: usize,
    stated: usize,
    /// Those that do not elaborate to the library's type.
    unstated: usize,
    /// Those that took too long or ended a process.
    lost: usize,
}

impl Tally {
    fn count(&mut self, name: &str, answer: &Answer) {
        match answer {
            Answer::Stated(Stated::Statement { .. }) => self.stated += 1,
            Answer::Stated(Stated::Unstated { reason }) => {
                self.unstated += 1;
                tracing::info!("{name}: {}", reason.lines().next().unwrap_or_default());
            }
            Answer::Stated(Stated::Timeout) => {
                self.lost += 1;
                tracing::info!("{name}: stating it takes too long");
            }
            Answer::Down(down) => {
                self.lost += 1;
                tracing::info!("{name}: {down}");
            }
        }
    }

    fn line(&self, begun: Instant) -> String {
        format!(
            "{} of {} theorems stated, {} do not elaborate as they are printed, {} lost, {:.0} s",
            self.stated,
            self.n_questions,
            self.unstated,
            self.lost,
            begun.elapsed().as_secs_f64()
        )
    }
}

fn interrupted(progress: &Progress, tally: &Tally, begun: Instant) -> Outcome {
    progress.finish();
    output::eprint(&format!("interrupted, nothing is written: {}", tally.line(begun)));
    Outcome::Interrupted
}

/// Fails before the work, not after it, when the file cannot be written.
fn check_output(args: &CorpusOutputArgs) -> anyhow::Result<()> {
    args.output.as_deref().map_or(Ok(()), input::check_writable)
}

/// Writes a corpus to its file or to standard output. A reader of the file sees the old one or the whole new one.
fn write(args: &CorpusOutputArgs, text: &str) -> anyhow::Result<()> {
    match &args.output {
        None => output::print(text),
        Some(path) => write_whole(path, text).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}.tmp", std::process::id()));
    let staging = path.with_file_name(name);
    let written = std::fs::File::create(&staging).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&staging, path)
    });
    if written.is_err() {
        // What stands there is of no use, and the error that counts is the first one.
        let _ = std::fs::remove_file(&staging);
    }
    written
}

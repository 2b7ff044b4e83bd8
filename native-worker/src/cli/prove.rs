//! `stepwise prove`: one statement, or every `sorry` of a file, to a file that Lean accepts.

use std::path::Path;

use anyhow::{Context, bail};
use stepwise_core::disproof::Disproof;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::{OpenPlace, Sorries, SplitFile, Theorem, fill, split_file, split_sorries};
use stepwise_core::search::sides::Disprove;
use stepwise_core::search::{CostLedger, Search, SearchEnd};
use stepwise_core::wire::log::LogHeader;
use stepwise_core::words;

use super::args::ProveArgs;
use super::input::{self, Given, Wanted};
use super::models::Models;
use super::outcome::Outcome;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{interrupt, lean};
use crate::lean::host::FileVerdict;
use crate::lean::pool::Pool;
use crate::run::log_file::{self, LogFile};
use crate::run::tidy::{Tidied, tidy};
use crate::run::{Both, Job, Negation, Tried, negation_log, run_both};
use crate::stop::{Stop, StopLevel};

pub(super) async fn run(args: &ProveArgs, verbose: u8) -> anyhow::Result<Outcome> {
    if let Some(path) = &args.output {
        input::check_writable(path)?;
    }
    let Given { wanted, has_default_notation, notes } = wanted(args)?;
    for note in &notes {
        output::eprint(note);
    }
    if let Wanted::File { sorries, .. } = &wanted {
        for place in &sorries.left {
            output::eprint(&place.to_string());
        }
    }
    let progress = Progress::new(verbose);
    if let Wanted::File { sorries: Sorries { tasks, left }, .. } = &wanted
        && tasks.is_empty()
    {
        // Lean need not start to leave everything as it is.
        let report = Report { left: left.clone(), notes, ..Report::default() };
        tell(args, &report)?;
        return Ok(report.outcome());
    }
    let models = Models::open(&args.models, &args.lean, &args.budget.config(1), &progress).await?;
    let pool = lean::start_pool_within(&args.lean, args.budget.timeout.0).await?;
    let stop = interrupt::listen(&progress)?;
    let prover = Prover { args, pool, models, stop, progress };
    let report = match wanted {
        Wanted::Statement(theorem) => prover.statement(*theorem, has_default_notation).await,
        Wanted::File { text, sorries } => prover.file(text, sorries).await,
    };
    prover.progress.finish();
    prover.pool.shutdown().await;
    let report = Report { notes, ..report? };
    tell(args, &report)?;
    if !report.interrupted {
        lean::complete_setup(verbose, prover.stop).await;
    }
    Ok(report.outcome())
}

/// What is to be proved; a resumed search knows it itself.
fn wanted(args: &ProveArgs) -> anyhow::Result<Given> {
    let from_log = match (&args.log, args.resume, &args.input) {
        (Some(path), true, None) => Some(path),
        _ => None,
    };
    if let Some(path) = from_log {
        return Ok(Wanted::Statement(Box::new(log_file::read(path)?.header.theorem)).into());
    }
    let given = input::wanted(args.input.as_deref(), &args.lean)?;
    let given = given.context(
        "nothing to prove: give a statement, a .lean file, or a text on standard input; see `stepwise prove --help`",
    )?;
    if let (Some(path), false) = (&args.log, args.resume) {
        let n = match &given.wanted {
            Wanted::Statement(_) => 1,
            Wanted::File { sorries, .. } => sorries.tasks.len(),
        };
        for idx in 0..n {
            let path = input::numbered(path, idx, n);
            if path.exists() {
                bail!(log_file::LogFileError::Exists { path });
            }
            input::check_writable(&path)?;
            let negation = negation_log(&path);
            if args.disprove.choice() != Disprove::Never && negation.exists() {
                bail!(log_file::LogFileError::Exists { path: negation });
            }
        }
    }
    Ok(given)
}

/// What became of one theorem.
struct Proved {
    theorem: Theorem,
    /// `None` when the search was interrupted, or given up for the negation's sake.
    end: Option<SearchEnd>,
    /// The end in words.
    told: Option<String>,
    /// What shows that it is false.
    disproof: Option<Disproof>,
    /// Whether its negation was searched.
    tried: Tried,
    /// Why the recheck refused proofs that were found.
    refusals: Vec<String>,
    ledger: CostLedger,
    /// What its author should know about the statement.
    notes: Vec<String>,
    /// What is delivered in place of the proof that was found.
    tidied: Option<Tidied>,
}

/// What became of everything.
#[derive(Default)]
struct Report {
    theorems: Vec<Proved>,
    /// The places of a file that are not ours to fill.
    left: Vec<OpenPlace>,
    /// What the user was told about how the input was read.
    notes: Vec<String>,
    /// The Lean file, with whatever was proved filled in.
    file: Option<String>,
    /// The recheck of a file as a whole.
    recheck: Option<FileVerdict>,
    interrupted: bool,
}

impl Report {
    fn is_proved(&self) -> bool {
        let refused = self.recheck.as_ref().is_some_and(|verdict| !verdict.is_accepted());
        let all = self.theorems.iter().all(|theorem| theorem.proof().is_some());
        all && !refused && !self.interrupted && self.left.is_empty()
    }

    fn outcome(&self) -> Outcome {
        let is_bad = |theorem: &Proved| matches!(theorem.end, Some(SearchEnd::BadStatement { .. }));
        match (self.interrupted, self.is_proved()) {
            (true, _) => Outcome::Interrupted,
            (false, true) => Outcome::Proved,
            (false, false) if self.theorems.iter().any(is_bad) => Outcome::BadInput,
            (false, false) => Outcome::NotProved,
        }
    }
}

impl Proved {
    /// One that the caller gave up before its turn came.
    fn not_searched(theorem: Theorem) -> Self {
        Self {
            theorem,
            end: None,
            told: None,
            disproof: None,
            tried: Tried::NotReached,
            refusals: Vec::new(),
            ledger: CostLedger::default(),
            notes: Vec::new(),
            tidied: None,
        }
    }

    /// The proof that is delivered, and its verdict.
    fn proof(&self) -> Option<(&[String], &Verdict)> {
        match (&self.tidied, &self.end) {
            (Some(tidied), _) => Some((&tidied.proof, &tidied.verdict)),
            (None, Some(SearchEnd::Proved { proof, verdict })) => Some((proof, verdict)),
            _ => None,
        }
    }

    /// The theorem as it is delivered.
    fn delivered(&self) -> &Theorem {
        self.tidied.as_ref().map_or(&self.theorem, |tidied| &tidied.theorem)
    }
}

struct Prover<'a> {
    args: &'a ProveArgs,
    pool: Pool,
    models: Models,
    stop: Stop,
    progress: Progress,
}

impl Prover<'_> {
    async fn statement(&self, theorem: Theorem, has_default_notation: bool) -> anyhow::Result<Report> {
        let log = self.args.log.as_deref();
        let (proved, interrupted) = self.search(theorem, has_default_notation, log, "").await?;
        let file = proved.proof().map(|(proof, _)| proved.delivered().file(proof));
        // A false statement's file is the one that says so.
        let file = file.or_else(|| proved.disproof.as_ref().map(|disproof| disproof.file.clone()));
        Ok(Report { theorems: vec![proved], file, interrupted, ..Report::default() })
    }

    /// Proves the `sorry`s in order; each sees the proofs of those before it, as it will in the finished file.
    async fn file(&self, mut text: String, sorries: Sorries) -> anyhow::Result<Report> {
        let Sorries { tasks, left } = sorries;
        let n = tasks.len();
        let mut theorems: Vec<Proved> = Vec::new();
        let mut interrupted = false;
        let mut task = tasks.into_iter().next();
        while let Some(current) = task.take() {
            let idx = theorems.len();
            let log = self.args.log.as_deref().map(|path| input::numbered(path, idx, n));
            let prefix = if n > 1 { format!("{} of {n}, ", idx + 1) } else { String::new() };
            // What stands in front of a file's theorem is the file's own.
            let (proved, was_interrupted) =
                self.search(current.theorem.clone(), false, log.as_deref(), &prefix).await?;
            if let Some((proof, _)) = proved.proof() {
                text = fill(&text, &[(&current, proof)]);
            }
            theorems.push(proved);
            if was_interrupted {
                interrupted = true;
                break;
            }
            // What stands before the next `sorry` has changed, so the file is read again. Unproved ones stay in it.
            let n_left_behind = theorems.iter().filter(|theorem| theorem.proof().is_none()).count();
            if theorems.len() < n {
                task = split_sorries(&text)?.tasks.into_iter().nth(n_left_behind);
            }
        }
        let n_proved = theorems.iter().filter(|theorem| theorem.proof().is_some()).count();
        let is_whole = n_proved == n && left.is_empty() && !interrupted;
        let recheck = if is_whole { Some(self.recheck(&text).await?) } else { None };
        let file = (n_proved > 0).then_some(text);
        Ok(Report { theorems, left, file, recheck, interrupted, ..Report::default() })
    }

    /// Elaborates the finished file once more as a whole.
    async fn recheck(&self, text: &str) -> anyhow::Result<FileVerdict> {
        let SplitFile { imports, commands } = split_file(text)?;
        Ok(self.pool.check_file(&imports, &commands).await?.value)
    }

    async fn search(
        &self,
        theorem: Theorem,
        has_default_notation: bool,
        log: Option<&Path>,
        prefix: &str,
    ) -> anyhow::Result<(Proved, bool)> {
        if self.stop.level() != StopLevel::Run {
            return Ok((Proved::not_searched(theorem), true));
        }
        self.progress.update(|| format!("{prefix}{}: starting Lean", theorem.name));
        let job = self.job(theorem.clone(), log).await?;
        let name = theorem.name.clone();
        let show = |search: &Search| {
            self.progress.update(|| {
                let ledger = search.ledger();
                format!(
                    "{prefix}{name}: {} expansions, {} tactics, depth {}, {:.0} s",
                    ledger.expansions,
                    ledger.tactics,
                    search.tree().depth(),
                    ledger.wall_ms as f64 / 1e3
                )
            });
        };
        let Models { policy, critic } = &self.models;
        let info = self.pool.info().await?;
        let negation =
            Negation { disprove: self.args.disprove.choice(), log: log.map(negation_log), lean: info.to_string() };
        let Both { search, disproof, tried, ledger, interrupted, notes } =
            run_both(job, negation, &self.pool, policy, critic.as_ref(), self.stop.clone(), &show).await?;
        for note in &notes {
            self.progress.say(&format!("{}: {note}", theorem.name));
        }
        let told = disproof.as_ref().map(Disproof::in_words).or_else(|| words::of_search(&search));
        let tidied = match self.args.tidy.options() {
            Some(options) => {
                self.progress.update(|| format!("{prefix}{}: tidying", theorem.name));
                tidy(&self.pool, &search, options, has_default_notation, &self.stop).await
            }
            None => None,
        };
        let (end, refusals) = (search.end().cloned(), words::refusals(&search));
        Ok((Proved { theorem, end, told, disproof, tried, refusals, ledger, notes, tidied }, interrupted))
    }

    async fn job(&self, theorem: Theorem, log: Option<&Path>) -> anyhow::Result<Job> {
        let config = self.args.budget.config(lean::n_hosts(&self.args.lean));
        let Some(path) = log else { return Ok(Job::new(Search::new(theorem, config), None)) };
        let info = self.pool.info().await?;
        let header = LogHeader {
            theorem,
            prefix: Vec::new(),
            config,
            policy: self.models.policy.name().to_owned(),
            critic: self.models.critic_name(),
            lean: info.to_string(),
        };
        if self.args.resume && path.exists() {
            let (file, log) = LogFile::resume(path)?;
            belongs(path, &log.header, &header)?;
            return Ok(Job::resume(file, &log));
        }
        let file = LogFile::create(path, &header)?;
        Ok(Job::new(header.search(), Some(Box::new(file))))
    }
}

/// A log goes on only with what it was begun with; its own budget and seed hold, since its tree depends on them.
pub(super) fn belongs(path: &Path, log: &LogHeader, now: &LogHeader) -> anyhow::Result<()> {
    let path = path.display();
    if log.theorem != now.theorem {
        bail!("{path} is the log of {}, stated otherwise: resume it without naming a statement", log.theorem.name);
    }
    if log.policy != now.policy {
        bail!("{path} was begun with the policy {} and this is {}: start a new log", log.policy, now.policy);
    }
    if log.critic != now.critic {
        let name = |header: &LogHeader| header.critic.clone().unwrap_or_else(|| "none".to_owned());
        bail!("{path} was begun with the critic {} and this is {}: start a new log", name(log), name(now));
    }
    if log.lean != now.lean {
        bail!("{path} was begun on {} and this is {}: start a new log", log.lean, now.lean);
    }
    Ok(())
}

/// Tells the outcome: the file or the JSON on standard output, the words on standard error.
fn tell(args: &ProveArgs, report: &Report) -> anyhow::Result<()> {
    for theorem in &report.theorems {
        let style = if theorem.proof().is_some() { GOOD } else { BAD };
        let text = theorem.told.clone().unwrap_or_else(|| "interrupted".to_owned());
        output::eprint(&format!("{}: {}", theorem.theorem.name, styled(style, text)));
        output::eprint(output::ledger_line(&theorem.ledger).trim_end());
        if let Some(Tidied { report, .. }) = &theorem.tidied {
            output::eprint(&format!("tidied: {report} ({:.1} s)", report.wall_ms as f64 / 1e3));
        }
        // In a file it is not what is printed.
        if let Some(disproof) =
            theorem.disproof.as_ref().filter(|disproof| report.file.as_ref() != Some(&disproof.file))
        {
            output::eprint(disproof.theorem().trim_end());
        }
    }
    if let Some(verdict) = report.recheck.as_ref().filter(|verdict| !verdict.is_accepted()) {
        let refused = verdict.declarations.iter().filter(|theorem| !theorem.verdict.accepted);
        let reasons = refused.map(|theorem| format!("{}: {}", theorem.name, theorem.verdict.reasons.join("; ")));
        for reason in verdict.errors.iter().cloned().chain(reasons) {
            output::eprint(&styled(BAD, format!("the whole file is refused: {reason}")));
        }
    }
    if let Some(path) = args.log.as_ref().filter(|_| report.interrupted) {
        output::eprint(&format!("`stepwise prove --log {} --resume` goes on from here", path.display()));
    }
    // A refused file is no result, and a half-filled one only helps where there was more than one thing to do.
    let is_disproved = matches!(report.theorems.as_slice(), [one] if one.disproof.is_some());
    let n_places = report.theorems.len() + report.left.len();
    let file = report.file.as_ref().filter(|_| report.is_proved() || is_disproved || n_places > 1);
    if let (Some(path), Some(file)) = (&args.output, file) {
        std::fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        return output::print_json(&json(report));
    }
    match (file, &args.output) {
        (Some(file), None) => output::print(file),
        _ => Ok(()),
    }
}

fn json(report: &Report) -> serde_json::Value {
    let theorems: Vec<_> = report
        .theorems
        .iter()
        .map(|theorem| {
            let proof = theorem.proof();
            serde_json::json!({
                "name": theorem.theorem.name,
                "statement": theorem.theorem.statement,
                "end": match &theorem.disproof {
                    Some(_) => "disproved",
                    None => theorem.end.as_ref().map_or("interrupted", words::name_of_end),
                },
                "message": theorem.told,
                "proof": proof.map(|(tactics, _)| tactics),
                "verdict": proof.map(|(_, verdict)| verdict),
                "disproof": theorem.disproof,
                "negation": match &theorem.tried {
                    Tried::Yes => serde_json::json!({ "searched": true }),
                    Tried::NotReached => serde_json::json!({ "searched": false }),
                    Tried::CannotBeStated(why) => serde_json::json!({ "searched": false, "cannot_be_stated": why }),
                },
                "refusals": theorem.refusals,
                "notes": theorem.notes,
                "ledger": theorem.ledger,
                "tidy": theorem.tidied.as_ref().map(|tidied| &tidied.report),
            })
        })
        .collect();
    let left: Vec<_> = report
        .left
        .iter()
        .map(|place| serde_json::json!({ "line": place.line, "message": place.to_string() }))
        .collect();
    serde_json::json!({
        "stepwise_prove": 1,
        "proved": report.is_proved(),
        "notes": report.notes,
        "left": left,
        "interrupted": report.interrupted,
        "file": report.file,
        "theorems": theorems,
    })
}

//! Many problems over one pool: several searches at once, records in the order in which they end, resumable.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_core::record::{ProblemRecord, Run};
use stepwise_core::search::sides::Disprove;
use stepwise_core::search::{Search, SearchConfig};
use stepwise_core::wire::log::LogHeader;
use tokio::task::JoinSet;

use super::critic::Critic;
use super::executor::{Job, MissingCritic, RunError, critic_for};
use super::log_file::{LogFile, LogFileError};
use super::policy::Policy;
use super::sides::{Both, Negation, negation_log, run_both};
use super::tidy::{Tidied, TidyOptions, tidy};
use crate::lean::pool::Pool;
use crate::stop::{Stop, StopLevel};

/// A problem that was searched, and what tidying made of its proof.
type Searched = Result<(Both, Option<Tidied>), EvalError>;

/// What an eval runs with. Evals that run together share the pool, and with it concurrency and stop.
pub struct Eval {
    /// The Lean hosts, shared by all searches.
    pub pool: Pool,
    pub policy: Arc<dyn Policy>,
    /// Who scores, if anybody does; asked only where the configuration's rule needs it.
    pub critic: Option<Arc<dyn Critic>>,
    /// The configuration of each search.
    pub config: SearchConfig,
    /// The Lean, as logs name it.
    pub lean: String,
    /// Problems searched at once.
    pub concurrency: usize,
    /// Whether a statement's negation is searched too.
    pub disprove: Disprove,
    /// Where logs are kept, if they are.
    pub logs: Option<PathBuf>,
    /// How proofs are tidied, if they are. What is learned from, or held against other configurations, is what was found.
    pub tidy: Option<Tidying>,
    /// The caller's wish to stop.
    pub stop: Stop,
}

/// How the proofs of an eval are tidied.
#[derive(Clone, Debug, Default)]
pub struct Tidying {
    /// As for one proof.
    pub options: TidyOptions,
    /// Names of the problems that were given the default notation.
    pub with_default_notation: Arc<HashSet<String>>,
}

/// A search of a run: by which eval, and of which problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The eval, among those that run together.
    pub eval_idx: usize,
    pub problem_idx: usize,
}

/// What one search has come to while it runs; for progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub turn: Turn,
    /// States expanded so far.
    pub expansions: u64,
    /// Tactics run so far.
    pub tactics: u64,
}

/// Why an eval stopped. What was recorded stays recorded.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A search could not run.
    #[error("{problem}: {source}")]
    Run { problem: String, source: RunError },
    /// The configuration needs a critic.
    #[error(transparent)]
    MissingCritic(#[from] MissingCritic),
    /// A log is not this problem's.
    #[error("{} is the log of another problem, configuration, policy, critic or Lean: give --logs another folder", .path.display())]
    ForeignLog { path: PathBuf },
    /// The caller could not take a record.
    #[error(transparent)]
    Sink(std::io::Error),
    /// A part of this program died; its message is on standard error.
    #[error("a search died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Eval {
    /// What the records say that they were run with.
    #[must_use]
    pub fn run(&self) -> Run {
        Run::new(&self.config, self.policy.name(), self.critic_name(), &self.lean).disproving(self.disprove)
    }

    /// The critic's name, where the configuration needs one.
    fn critic_name(&self) -> Option<&str> {
        critic_for(&self.config, self.critic.as_ref()).ok().flatten().map(|critic| critic.name())
    }

    fn search(
        &self,
        turn: Turn,
        problem: &Problem,
        progress: Arc<dyn Fn(Step) + Send + Sync>,
    ) -> impl Future<Output = Searched> + Send + use<> {
        let header = LogHeader {
            theorem: problem.theorem.clone(),
            prefix: Vec::new(),
            config: self.config.clone(),
            policy: self.policy.name().to_owned(),
            critic: self.critic_name().map(str::to_owned),
            lean: self.lean.clone(),
        };
        let path = self.logs.as_deref().map(|folder| log_path(folder, &problem.name));
        let log = path.as_deref().map(negation_log);
        let negation = Negation { disprove: self.disprove, log, lean: self.lean.clone() };
        let (pool, stop) = (self.pool.clone(), self.stop.clone());
        let (policy, critic) = (Arc::clone(&self.policy), self.critic.clone());
        let name = problem.name.clone();
        let tidying = self.tidy.clone();
        async move {
            let job = job(header, path.as_deref(), &name)?;
            let show = move |search: &Search| {
                let ledger = search.ledger();
                progress(Step { turn, expansions: ledger.expansions, tactics: ledger.tactics });
            };
            let both = run_both(job, negation, &pool, &policy, critic.as_ref(), stop.clone(), &show).await;
            let both = both.map_err(|source| EvalError::Run { problem: name.clone(), source })?;
            let tidied = match tidying {
                Some(Tidying { options, with_default_notation }) => {
                    tidy(&pool, &both.search, options, with_default_notation.contains(&name), &stop).await
                }
                None => None,
            };
            Ok((both, tidied))
        }
    }
}

/// Has the pool's processes start before any problem's clock does, unless the caller stops first.
pub async fn warm_up(pool: &Pool, problems: &[Problem], mut stop: Stop) {
    let Some(first) = problems.first() else { return };
    tokio::select! {
        biased;
        () = stop.reached(StopLevel::Drain) => {}
        () = pool.warm_up(&first.theorem.imports) => {}
    }
}

/// Runs these searches, begun in this order, and gives `sink` each record as its search ends, with the search. The next
/// turn is asked for when there is room for it, so that it may depend on what has ended. Returns true when the caller
/// stopped them.
///
/// # Errors
/// When a search cannot run, a log belongs to something else, or `sink` fails; the other searches are then stopped,
/// and their logs can be gone on with.
pub async fn run_turns(
    evals: &[Eval],
    problems: &[Problem],
    turns: impl IntoIterator<Item = Turn>,
    mut sink: impl FnMut(Turn, ProblemRecord, &Search) -> std::io::Result<()>,
    progress: Arc<dyn Fn(Step) + Send + Sync>,
) -> Result<bool, EvalError> {
    let Some(shared) = evals.first() else { return Ok(false) };
    let runs: Vec<Run> = evals.iter().map(Eval::run).collect();
    let mut waiting = turns.into_iter().fuse();
    let mut searches: JoinSet<(Turn, Searched)> = JoinSet::new();
    let mut interrupted = false;
    loop {
        while searches.len() < shared.concurrency.max(1) && shared.stop.level() == StopLevel::Run {
            let Some(turn) = waiting.next() else { break };
            let search = evals[turn.eval_idx].search(turn, &problems[turn.problem_idx], Arc::clone(&progress));
            searches.spawn(async move { (turn, search.await) });
        }
        let Some(ended) = searches.join_next().await else { break };
        let (turn, ran) = ended?;
        let (Both { search, disproof, ledger, interrupted: was_interrupted, .. }, tidied) = ran?;
        interrupted |= was_interrupted;
        let (name, run) = (&problems[turn.problem_idx].name, &runs[turn.eval_idx]);
        let record = match disproof {
            Some(disproof) => Some(ProblemRecord::disproved(name, &search, disproof, run)),
            // Its negation's search is to go on.
            None if was_interrupted => None,
            None => ProblemRecord::of(name, &search, run),
        };
        if let Some(record) = record {
            let record = match tidied {
                Some(Tidied { theorem, proof, verdict, report }) => record.tidied(&theorem, proof, verdict, report),
                None => record,
            };
            sink(turn, record.costing(ledger), &search).map_err(EvalError::Sink)?;
        }
    }
    Ok(interrupted || waiting.next().is_some())
}

/// Where a problem's log is kept. Names come from outside, so only plain characters pass; a hash keeps two names apart
/// that differ in the others only.
#[must_use]
pub fn log_path(folder: &Path, name: &str) -> PathBuf {
    use sha2::{Digest, Sha256};
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.chars().all(is_plain) && !name.is_empty() && name.len() <= 100 {
        return folder.join(format!("{name}.jsonl"));
    }
    let plain: String = name.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect();
    let hash = hex::encode(&Sha256::digest(name)[..4]);
    folder.join(format!("{plain}.{hash}.jsonl"))
}

/// A new search, or one that goes on from its log.
fn job(header: LogHeader, path: Option<&Path>, name: &str) -> Result<Job, EvalError> {
    let Some(path) = path else { return Ok(Job::new(header.search(), None)) };
    let failed = |source: LogFileError| EvalError::Run { problem: name.to_owned(), source: source.into() };
    if !path.exists() {
        let file = LogFile::create(path, &header).map_err(failed)?;
        return Ok(Job::new(header.search(), Some(Box::new(file))));
    }
    let (file, log) = LogFile::resume(path).map_err(failed)?;
    if log.header != header {
        return Err(EvalError::ForeignLog { path: path.to_owned() });
    }
    Ok(Job::resume(file, &log))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn log_names_are_plain_and_distinct() {
        let names = ["imo_1964_p1_2", "a/../b", "a/..%b", "", "ℕ"];
        let paths: Vec<String> = names.iter().map(|n| log_path(Path::new("logs"), n).display().to_string()).collect();
        expect![[r#"
            logs/imo_1964_p1_2.jsonl
            logs/a____b.900ea8b7.jsonl
            logs/a____b.ae957fb0.jsonl
            logs/.e3b0c442.jsonl
            logs/_.8261ba12.jsonl"#]]
        .assert_eq(&paths.join("\n"));
    }
}

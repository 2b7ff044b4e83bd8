//! Evaluating a round's models: configurations over held-out problems, in alternation and at equal cost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_core::record::{ProblemRecord, Status, resume};
use stepwise_core::search::Search;
use stepwise_learn::comparison;
use stepwise_learn::run::{PassRate, StageCost};

use super::LearnError;
use crate::run::eval::{Eval, Step, Turn, run_turns};
use crate::run::results::ResultsFile;

/// A configuration under evaluation, and the file that has its results.
pub struct Candidate {
    pub name: String,
    /// What it searches with.
    pub eval: Eval,
    /// Where its records are written.
    pub results: PathBuf,
}

/// Pass rates by evaluation set and configuration, or by configuration.
pub type PassRates = BTreeMap<String, BTreeMap<String, PassRate>>;

/// What an evaluation came to.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// By the configuration's name.
    pub pass_rates: BTreeMap<String, PassRate>,
    /// What all of it cost.
    pub cost: StageCost,
    /// The caller stopped it.
    pub interrupted: bool,
}

/// Runs what is not recorded yet.
///
/// # Errors
/// A results file belongs to something else, or a search cannot run.
pub async fn evaluate(
    problems: &[Problem],
    candidates: Vec<Candidate>,
    seed: u64,
    show: Arc<dyn Fn(Step) + Send + Sync>,
) -> Result<Evaluated, LearnError> {
    let mut evals = Vec::new();
    let mut files = Vec::new();
    let mut to_do = std::collections::BTreeSet::new();
    for (eval_idx, Candidate { name, eval, results }) in candidates.into_iter().enumerate() {
        let opened = ResultsFile::open(&results).map_err(|source| LearnError::Io { path: results.clone(), source })?;
        let (file, recorded) =
            opened.map_err(|source| LearnError::Results { path: results.clone(), reason: source.to_string() })?;
        let resumption = resume(problems, recorded, &eval.run());
        if let Some(reason) = resumption.mismatches.into_iter().next() {
            return Err(LearnError::Results { path: results, reason });
        }
        to_do.extend(resumption.to_do.into_iter().map(|problem_idx| Turn { eval_idx, problem_idx }));
        let records: Vec<ProblemRecord> = resumption.done.into_iter().map(|(_, record)| record).collect();
        files.push((name, file, records));
        evals.push(eval);
    }
    let turns = comparison::turns(problems.len(), evals.len(), seed)
        .map(|(problem_idx, eval_idx)| Turn { eval_idx, problem_idx })
        .filter(|turn| to_do.contains(turn));
    let sink = |turn: Turn, record: ProblemRecord, _: &Search| {
        let (_, file, records) = &mut files[turn.eval_idx];
        file.append(&record)?;
        records.push(record);
        Ok(())
    };
    let interrupted = run_turns(&evals, problems, turns, sink, show).await?;
    let mut evaluated = Evaluated { interrupted, ..Evaluated::default() };
    let concurrency = evals.first().map_or(1, |eval| eval.concurrency.max(1));
    for (name, _, records) in files {
        let solved = records.iter().filter(|record| record.status == Status::Proved).count() as u64;
        evaluated.pass_rates.insert(name, PassRate { solved, total: records.len() as u64 });
        evaluated.cost += cost_of(&records, concurrency);
    }
    Ok(evaluated)
}

/// What searches cost. Their wall time is their own time by how many ran at once.
pub fn cost_of<'a>(records: impl IntoIterator<Item = &'a ProblemRecord>, concurrency: usize) -> StageCost {
    let mut cost = StageCost::default();
    for record in records {
        cost += StageCost {
            lean_cpu_s: record.ledger.lean_cpu_us as f64 / 1e6,
            device_s: record.ledger.device_us as f64 / 1e6,
            wall_s: record.seconds / concurrency as f64,
        };
    }
    cost
}

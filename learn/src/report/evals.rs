//! What evaluations say: pass rates per round, each held against a baseline, and proof lengths by kind of search.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ReportError;
use super::data::RunData;
use crate::comparison::{Against, Comparison, Results};
use stepwise_core::record::{ProblemRecord, Status};
use stepwise_core::stats::{self, Estimate};

/// All evaluations of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evals {
    /// The configuration that the others are held against; `None` where nothing was evaluated.
    pub baseline: Option<String>,
    /// One row per set, configuration and round, in this order; the baseline first in its set.
    pub rows: Vec<EvalRow>,
    /// Best-first and critic-guided searches held against each other in the last round that has both.
    pub lengths: Vec<LengthPair>,
}

/// One configuration on one set after one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalRow {
    pub set: String,
    pub configuration: String,
    pub round: u32,
    /// Problems solved.
    pub solved: u64,
    /// Problems that it has a result for.
    pub total: u64,
    /// `solved / total`, with Wilson's 95% interval.
    pub pass_rate: Estimate,
    /// Against the baseline on the same problems; `None` for the baseline itself.
    pub against_baseline: Option<Paired>,
    /// Against the same configuration in the first round that evaluated it; `None` for that round.
    pub against_first: Option<Paired>,
}

/// A difference over the same problems.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// The other side.
    pub configuration: String,
    /// The round of the other side. It is an earlier one where the baseline was not evaluated again.
    pub round: u32,
    /// The difference; `None` with a reason in [`problem`](Self::problem).
    pub against: Option<Against>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// Lengths of the proofs of a best-first and a critic-guided configuration, over all sets that both were tried on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LengthPair {
    pub round: u32,
    pub sets: Vec<String>,
    /// The best-first configuration.
    pub best_first: Lengths,
    /// The critic-guided one.
    pub critic_guided: Lengths,
    /// Problems that both solved.
    pub n_common: u64,
}

/// Proof lengths of one configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    pub configuration: String,
    /// Problems solved.
    pub solved: u64,
    /// Mean tactics of all its proofs.
    pub mean: Option<f64>,
    /// Mean tactics of its proofs of problems that both configurations solved.
    pub mean_of_common: Option<f64>,
    /// How many proofs have how many tactics.
    pub counts: BTreeMap<u64, u64>,
}

/// Records by set, configuration and round.
type Table<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<u32, &'a [ProblemRecord]>>;

impl Evals {
    /// Reads the evaluations. Without the name of a baseline, [`baseline_rank`] says which it is.
    pub(super) fn of(data: &RunData, baseline: Option<&str>) -> Result<Self, ReportError> {
        let mut table = Table::new();
        for (number, round) in &data.rounds {
            for (set, configurations) in &round.evals {
                for (configuration, records) in configurations.iter().filter(|(_, records)| !records.is_empty()) {
                    table.entry((set, configuration)).or_default().insert(*number, records);
                }
            }
        }
        let names: BTreeSet<&str> = table.keys().map(|(_, configuration)| *configuration).collect();
        let baseline = match baseline {
            Some(name) if !names.contains(name) => {
                let names = names.iter().map(|name| (*name).to_owned()).collect();
                return Err(ReportError::NoSuchBaseline { name: name.to_owned(), names });
            }
            Some(name) => Some(name),
            None => names.iter().copied().min_by_key(|name| baseline_rank(name)),
        };
        let mut rows = Vec::new();
        for ((set, configuration), by_round) in &table {
            for (round, records) in by_round {
                rows.push(row(&table, set, configuration, *round, records, baseline));
            }
        }
        // The baseline comes first in its set.
        rows.sort_by(|a: &EvalRow, b: &EvalRow| {
            let key = |row: &EvalRow| (row.set.clone(), Some(row.configuration.as_str()) != baseline);
            key(a).cmp(&key(b))
        });
        Ok(Self { baseline: baseline.map(str::to_owned), rows, lengths: length_pairs(data) })
    }

    /// The sets, by name.
    #[must_use]
    pub fn sets(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|row| row.set.as_str()).collect()
    }
}

/// The likeliest baseline has the least rank: what is called so, then what needs no trained model, then best-first.
fn baseline_rank(name: &str) -> usize {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let known = [&["baseline", "base"][..], &["portfolio"], &["bf", "best"]];
    let rank = known.iter().position(|known| words.iter().any(|word| known.contains(&word.as_str())));
    // The bare name goes before `portfolio-cg`.
    2 * rank.unwrap_or(known.len()) + usize::from(words.len() > 1)
}

fn row(
    table: &Table<'_>,
    set: &str,
    configuration: &str,
    round: u32,
    records: &[ProblemRecord],
    baseline: Option<&str>,
) -> EvalRow {
    // Of two records for one problem the later one counts, and one that says nothing does not count at all.
    let mut by_problem = BTreeMap::new();
    for record in records {
        by_problem.insert((&record.name, &record.statement_sha256), record.status);
    }
    by_problem.retain(|_, status| status.is_final());
    let solved = by_problem.values().filter(|status| **status == Status::Proved).count() as u64;
    let total = by_problem.len() as u64;
    let (low, high) = stats::wilson(solved, total);
    let value = if total == 0 { 0.0 } else { solved as f64 / total as f64 };
    // A baseline that learns nothing need not be evaluated in every round: its latest result counts.
    let latest = |other: &str| {
        let of_other = table.iter().find(|((its_set, its_name), _)| *its_set == set && *its_name == other);
        of_other
            .and_then(|(_, by_round)| by_round.range(..=round).next_back().map(|(round, records)| (*round, *records)))
    };
    let first = table.get(&(set, configuration)).and_then(|by_round| by_round.iter().next());
    EvalRow {
        set: set.to_owned(),
        configuration: configuration.to_owned(),
        round,
        solved,
        total,
        pass_rate: Estimate { value, low, high },
        against_baseline: baseline
            .filter(|baseline| *baseline != configuration)
            .and_then(|baseline| Some((baseline, latest(baseline)?)))
            .map(|(baseline, (its_round, there))| paired(records, baseline, its_round, there)),
        against_first: first
            .filter(|(its_round, _)| **its_round < round)
            .map(|(its_round, there)| paired(records, configuration, *its_round, there)),
    }
}

fn paired(here: &[ProblemRecord], configuration: &str, round: u32, there: &[ProblemRecord]) -> Paired {
    let results = |name: &str, records: &[ProblemRecord]| Results { name: name.to_owned(), records: records.to_vec() };
    let comparison = Comparison::of(&[results("the baseline", there), results("this", here)]);
    let (against, problem) = match comparison {
        Ok(mut comparison) => (comparison.configurations.pop().and_then(|this| this.against_baseline), None),
        Err(e) => (None, Some(e.to_string())),
    };
    Paired { configuration: configuration.to_owned(), round, against, problem }
}

/// What chooses the next state: the search's configuration says so, and leaves out best-first.
fn search_of(records: &[ProblemRecord]) -> Option<&str> {
    let config = &records.first()?.run.config;
    Some(config.get("search").and_then(|search| search.as_str()).unwrap_or("best_first"))
}

/// For every critic-guided configuration its best-first partner: the one with the same policy, if there is one.
fn length_pairs(data: &RunData) -> Vec<LengthPair> {
    for (number, round) in data.rounds.iter().rev() {
        let mut kinds: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for (configuration, records) in round.evals.values().flatten() {
            if let (Some(search), Some(first)) = (search_of(records), records.first()) {
                kinds.insert(configuration, (search, &first.run.policy));
            }
        }
        let of_kind = |kind: &'static str| kinds.iter().filter(move |(_, (search, _))| *search == kind);
        let pairs = of_kind("critic_guided").filter_map(|(guided, (_, policy))| {
            let (best_first, _) = of_kind("best_first").min_by_key(|(_, (_, its_policy))| its_policy != policy)?;
            Some(length_pair(*number, &round.evals, best_first, guided))
        });
        let pairs: Vec<LengthPair> = pairs.collect();
        if !pairs.is_empty() {
            return pairs;
        }
    }
    Vec::new()
}

fn length_pair(
    round: u32,
    evals: &BTreeMap<String, BTreeMap<String, Vec<ProblemRecord>>>,
    best_first: &str,
    critic_guided: &str,
) -> LengthPair {
    type Solved<'a> = BTreeMap<(&'a str, &'a str), u64>;
    let (mut sets, mut of_best_first, mut of_guided) = (Vec::new(), Solved::new(), Solved::new());
    for (set, configurations) in evals {
        let (Some(here), Some(there)) = (configurations.get(best_first), configurations.get(critic_guided)) else {
            continue;
        };
        sets.push(set.clone());
        for (records, solved) in [(here, &mut of_best_first), (there, &mut of_guided)] {
            for record in records.iter().filter(|record| record.status == Status::Proved) {
                let problem = (record.name.as_str(), record.statement_sha256.as_str());
                solved.extend(record.proof_length.map(|length| (problem, length)));
            }
        }
    }
    let lengths = |configuration: &str, here: &Solved<'_>, there: &Solved<'_>| Lengths {
        configuration: configuration.to_owned(),
        solved: here.len() as u64,
        mean: mean(here.values().copied()),
        mean_of_common: mean(here.iter().filter(|(problem, _)| there.contains_key(*problem)).map(|(_, n)| *n)),
        counts: stats::counts(here.values().copied()),
    };
    LengthPair {
        round,
        sets,
        n_common: of_best_first.keys().filter(|problem| of_guided.contains_key(*problem)).count() as u64,
        best_first: lengths(best_first, &of_best_first, &of_guided),
        critic_guided: lengths(critic_guided, &of_guided, &of_best_first),
    }
}

fn mean(values: impl Iterator<Item = u64>) -> Option<f64> {
    let (n, sum) = values.fold((0_u64, 0_u64), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum as f64 / n as f64)
}

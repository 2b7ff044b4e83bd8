//! Comparisons: what several configurations made of the same problems, each against the first, at equal cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plot::{Curve, StepPlot};
use stepwise_core::random::SplitMix64;
use stepwise_core::record::{ProblemRecord, Run, Status};
use stepwise_core::search::CostLedger;
use stepwise_core::stats::{self, Estimate, PairedCounts};

/// The version of the comparison's format.
pub const VERSION: u32 = 1;

/// Draws of the bootstrap: its own error is then a fiftieth of the interval's width.
const N_DRAWS: u32 = 10_000;

/// Seed of the bootstrap. One value for all, so that the same records give the same interval.
const BOOTSTRAP_SEED: u64 = 0;

/// The records of one configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The configuration's name.
    pub name: String,
    pub records: Vec<ProblemRecord>,
}

/// Several configurations, each compared with the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The format's version.
    pub stepwise_comparison: u32,
    /// Problems that every configuration has a result for; the plot counts these.
    pub n_common: u64,
    /// The configurations; the first one is the baseline.
    pub configurations: Vec<Configuration>,
}

/// What one configuration came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub name: String,
    /// What it ran with.
    pub run: Run,
    /// Problems proved.
    pub solved: u64,
    /// Problems that it has a result for.
    pub total: u64,
    /// `solved / total`, with Wilson's 95% interval.
    pub pass_rate: Estimate,
    /// What it spent on all of them.
    pub ledger: CostLedger,
    /// The same as one number, in seconds: [`cost_seconds`].
    pub cost_s: f64,
    /// The cost of each proof among the common problems, in seconds, rising.
    pub solved_costs_s: Vec<f64>,
    /// Against the baseline; `None` for the baseline itself.
    pub against_baseline: Option<Against>,
}

/// One configuration (here) against the baseline (there), over the problems that both have a result for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// Who solved what.
    pub counts: PairedCounts,
    /// Problems that only this configuration has a result for; they are left out.
    pub n_unpaired_here: u64,
    /// Problems that only the baseline has a result for; they are left out.
    pub n_unpaired_there: u64,
    /// Pass rate here minus the baseline's: [`PairedCounts::difference`].
    pub difference: Estimate,
    /// [`PairedCounts::mcnemar_p`].
    pub mcnemar_p: f64,
    /// Costs of the problems that both proved; `None` when there is none.
    pub cost: Option<PairedCost>,
}

/// Costs of the problems that both proved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedCost {
    /// Median here, in seconds.
    pub median_here_s: f64,
    /// Median of the baseline, in seconds.
    pub median_there_s: f64,
    /// Cost here divided by cost there, problem by problem: [`stats::mean_ratio`].
    pub ratio: Option<Estimate>,
}

/// Why there is no comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// One configuration, or none.
    #[error("there is nothing to compare with: give at least two configurations")]
    TooFew,
    /// Two of one name.
    #[error("two configurations are called {name}: give each its own name")]
    SameName { name: String },
    /// No record that counts.
    #[error("{name} has no result: run it to its end first")]
    Empty {
        /// The configuration.
        name: String,
    },
    /// Records of different runs under one name.
    #[error("{name} holds results of several configurations, policies or Leans: give each its own file")]
    Mixed {
        /// The configuration.
        name: String,
    },
    /// Nothing to pair.
    #[error("{name} has no problem in common with {}: give results of the same problems", .others.join(", "))]
    NothingInCommon {
        /// The configuration.
        name: String,
        /// Those before it.
        others: Vec<String>,
    },
}

/// What a search cost, in seconds of the machine's time: the CPU time of Lean and the device time of the models. Two
/// searches that spent the same are searches at equal cost, whatever they spent it on.
#[must_use]
pub fn cost_seconds(ledger: &CostLedger) -> f64 {
    ledger.cost_us() as f64 / 1e6
}

/// The order in which configurations take their turns, as pairs of a problem's index and a configuration's: problem by
/// problem, so that a busy machine hits all of them alike, and each configuration is first, second and so on equally
/// often. The seed says who begins.
pub fn turns(n_problems: usize, n_configurations: usize, seed: u64) -> impl Iterator<Item = (usize, usize)> {
    let mut order: Vec<usize> = (0..n_configurations).collect();
    SplitMix64::new(seed).shuffle(&mut order);
    (0..n_problems).flat_map(move |problem_idx| {
        let mut order = order.clone();
        order.rotate_left(problem_idx % n_configurations.max(1));
        order.into_iter().map(move |configuration_idx| (problem_idx, configuration_idx))
    })
}

/// Records by what they are about: a name alone does not tell a problem, for two files may use it for two statements.
type ByProblem<'a> = BTreeMap<(&'a str, &'a str), &'a ProblemRecord>;

impl Comparison {
    /// Compares the results of at least two configurations.
    ///
    /// A search that was cancelled, or whose Lean could not open the statement, is no result. Of two records for one
    /// problem the later one counts.
    ///
    /// # Errors
    /// When there is nothing to compare, or what there is does not belong together.
    pub fn of(results: &[Results]) -> Result<Self, ComparisonError> {
        check_names(results.iter().map(|results| results.name.as_str()))?;
        let by_problem: Vec<ByProblem<'_>> = results.iter().map(by_problem).collect::<Result<_, _>>()?;
        let common = common(results, &by_problem)?;
        let baseline = &by_problem[0];
        let configurations = results.iter().zip(&by_problem).enumerate().map(|(idx, (results, here))| {
            let against_baseline = (idx > 0).then(|| against(here, baseline));
            configuration(&results.name, here, &common, against_baseline)
        });
        Ok(Self {
            stepwise_comparison: VERSION,
            n_common: common.len() as u64,
            configurations: configurations.collect(),
        })
    }

    /// The plot of solved against cost, over the problems that all configurations have a result for.
    #[must_use]
    pub fn plot(&self) -> StepPlot {
        let n = self.n_common;
        let solved = |configuration: &Configuration| configuration.solved_costs_s.len();
        let in_words = self.configurations.iter().map(|configuration| {
            let half = stats::median(&configuration.solved_costs_s);
            let half =
                half.map(|median| format!(", half of these within {median:.2} seconds each")).unwrap_or_default();
            format!("{} proved {} of {n}{half}.", configuration.name, solved(configuration))
        });
        StepPlot {
            title: "Solved against cost".to_owned(),
            subtitle: "How many problems each configuration proves when no problem may cost more than this".to_owned(),
            description: in_words.collect::<Vec<_>>().join(" "),
            x_label: "cost of a problem in seconds of Lean's CPU time and models' device time, log scale".to_owned(),
            y_label: format!("problems proved, of {n}"),
            total: n,
            curves: self
                .configurations
                .iter()
                .map(|configuration| Curve {
                    name: configuration.name.clone(),
                    note: format!("{} of {n} proved", solved(configuration)),
                    values: configuration.solved_costs_s.clone(),
                })
                .collect(),
        }
    }
}

/// Says before anything runs whether configurations of these names can be compared.
///
/// # Errors
/// When there are fewer than two, or two have one name.
pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), ComparisonError> {
    let mut seen = std::collections::BTreeSet::new();
    if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
        return Err(ComparisonError::SameName { name: name.to_owned() });
    }
    if seen.len() < 2 { Err(ComparisonError::TooFew) } else { Ok(()) }
}

fn by_problem(results: &Results) -> Result<ByProblem<'_>, ComparisonError> {
    let mut by_problem = ByProblem::new();
    for record in &results.records {
        let problem = (record.name.as_str(), record.statement_sha256.as_str());
        if record.status.is_final() {
            by_problem.insert(problem, record);
        } else {
            by_problem.remove(&problem);
        }
    }
    let mut runs = by_problem.values().map(|record| &record.config_sha256);
    let Some(first) = runs.next() else { return Err(ComparisonError::Empty { name: results.name.clone() }) };
    if runs.any(|run| run != first) {
        return Err(ComparisonError::Mixed { name: results.name.clone() });
    }
    Ok(by_problem)
}

/// What all of them are about.
fn common<'a>(results: &[Results], by_problem: &[ByProblem<'a>]) -> Result<ByProblem<'a>, ComparisonError> {
    let mut common = by_problem[0].clone();
    for (idx, other) in by_problem.iter().enumerate() {
        common.retain(|problem, _| other.contains_key(problem));
        if common.is_empty() {
            let others = results[..idx].iter().map(|results| results.name.clone()).collect();
            return Err(ComparisonError::NothingInCommon { name: results[idx].name.clone(), others });
        }
    }
    Ok(common)
}

fn is_solved(record: &ProblemRecord) -> bool {
    record.status == Status::Proved
}

fn configuration(
    name: &str,
    records: &ByProblem<'_>,
    common: &ByProblem<'_>,
    against_baseline: Option<Against>,
) -> Configuration {
    let mut ledger = CostLedger::default();
    records.values().for_each(|record| ledger.add(&record.ledger));
    let solved = records.values().filter(|record| is_solved(record)).count() as u64;
    let total = records.len() as u64;
    let (low, high) = stats::wilson(solved, total);
    let mut solved_costs_s: Vec<f64> = records
        .iter()
        .filter(|(problem, record)| common.contains_key(*problem) && is_solved(record))
        .map(|(_, record)| cost_seconds(&record.ledger))
        .collect();
    solved_costs_s.sort_by(f64::total_cmp);
    let run = records.values().next().map(|record| record.run.clone());
    Configuration {
        name: name.to_owned(),
        run: run.expect("a configuration without records has been refused"),
        solved,
        total,
        pass_rate: Estimate { value: solved as f64 / total as f64, low, high },
        ledger,
        cost_s: cost_seconds(&ledger),
        solved_costs_s,
        against_baseline,
    }
}

fn against(here: &ByProblem<'_>, there: &ByProblem<'_>) -> Against {
    let mut counts = PairedCounts::default();
    let (mut costs_here, mut costs_there) = (Vec::new(), Vec::new());
    for (problem, record) in here {
        let Some(other) = there.get(problem) else { continue };
        counts.count(is_solved(record), is_solved(other));
        if is_solved(record) && is_solved(other) {
            costs_here.push(cost_seconds(&record.ledger));
            costs_there.push(cost_seconds(&other.ledger));
        }
    }
    let n_paired = counts.total();
    Against {
        counts,
        n_unpaired_here: here.len() as u64 - n_paired,
        n_unpaired_there: there.len() as u64 - n_paired,
        difference: counts.difference(),
        mcnemar_p: counts.mcnemar_p(),
        cost: paired_cost(&costs_here, &costs_there),
    }
}

fn paired_cost(here: &[f64], there: &[f64]) -> Option<PairedCost> {
    // The ledger counts in microseconds: less than one is a cost that it could not see.
    let ratios: Vec<f64> = here.iter().zip(there).map(|(here, there)| here.max(1e-6) / there.max(1e-6)).collect();
    Some(PairedCost {
        median_here_s: stats::median(here)?,
        median_there_s: stats::median(there)?,
        ratio: stats::mean_ratio(&ratios, N_DRAWS, BOOTSTRAP_SEED),
    })
}

#[cfg(test)]
mod tests;

//! What a run cost, by round and stage, and how much of it went into searches that succeeded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{RunData, SearchLine};
use crate::comparison::cost_seconds;
use crate::run::StageCost;
use stepwise_core::record::Status;
use stepwise_core::stats;

/// The stages in the order in which a round goes through them; others follow by name.
const STAGES: [&str; 6] = ["scan", "deep", "shorten", "train-policy", "train-critic", "evaluate"];

/// What a run cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// The stages that occur, in the order of a round.
    pub stages: Vec<String>,
    /// The finished rounds: each stage's cost.
    pub rounds: BTreeMap<u32, BTreeMap<String, StageCost>>,
    /// The searches of each round, the running one too.
    pub searches: BTreeMap<u32, SearchCosts>,
    /// The searches of all rounds.
    pub all_searches: SearchCosts,
}

/// What searches of training statements and their negations cost: Lean's CPU time and the models' device time together,
/// in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SearchCosts {
    pub n: u64,
    /// Searches that found a proof.
    pub n_succeeded: u64,
    pub cost_s: f64,
    /// Cost of those that found a proof.
    pub succeeded_cost_s: f64,
    /// Their share of the cost of all; `None` where nothing was spent.
    pub succeeded_share: Option<f64>,
    /// Median cost of a search that found a proof.
    pub median_success_s: Option<f64>,
    /// Median cost of one that did not.
    pub median_failure_s: Option<f64>,
}

impl Costs {
    pub(super) fn of(data: &RunData) -> Self {
        let finished = data.rounds.iter().filter_map(|(number, round)| Some((*number, round.finished.as_ref()?)));
        let rounds: BTreeMap<u32, BTreeMap<String, StageCost>> =
            finished.map(|(number, round)| (number, round.costs.clone())).collect();
        let mut stages: Vec<String> = rounds.values().flat_map(|costs| costs.keys().cloned()).collect();
        stages.sort_by_key(|stage| {
            (STAGES.iter().position(|known| known == stage).unwrap_or(STAGES.len()), stage.clone())
        });
        stages.dedup();
        let with_searches = data.rounds.iter().filter(|(_, round)| !round.searches.is_empty());
        Self {
            stages,
            rounds,
            searches: with_searches.map(|(number, round)| (*number, SearchCosts::of(&round.searches))).collect(),
            all_searches: SearchCosts::of(data.rounds.values().flat_map(|round| &round.searches)),
        }
    }

    /// The cost of one stage of a finished round; nothing where it has none.
    #[must_use]
    pub fn of_stage(&self, round: u32, stage: &str) -> StageCost {
        self.rounds.get(&round).and_then(|costs| costs.get(stage)).copied().unwrap_or_default()
    }

    /// The sum over all finished rounds and stages.
    #[must_use]
    pub fn total(&self) -> StageCost {
        sum(self.rounds.values().flat_map(BTreeMap::values))
    }
}

impl SearchCosts {
    fn of<'a>(searches: impl IntoIterator<Item = &'a SearchLine>) -> Self {
        let (mut successes, mut failures) = (Vec::new(), Vec::new());
        for search in searches {
            let costs = if search.record.status == Status::Proved { &mut successes } else { &mut failures };
            costs.push(cost_seconds(&search.record.ledger));
        }
        let succeeded_cost_s: f64 = successes.iter().sum();
        let cost_s = succeeded_cost_s + failures.iter().sum::<f64>();
        Self {
            n: (successes.len() + failures.len()) as u64,
            n_succeeded: successes.len() as u64,
            cost_s,
            succeeded_cost_s,
            succeeded_share: (cost_s > 0.0).then(|| succeeded_cost_s / cost_s),
            median_success_s: stats::median(&successes),
            median_failure_s: stats::median(&failures),
        }
    }
}

/// Costs added up.
pub(super) fn sum<'a>(costs: impl IntoIterator<Item = &'a StageCost>) -> StageCost {
    costs.into_iter().fold(StageCost::default(), |sum, cost| StageCost {
        lean_cpu_s: sum.lean_cpu_s + cost.lean_cpu_s,
        device_s: sum.device_s + cost.device_s,
        wall_s: sum.wall_s + cost.wall_s,
    })
}

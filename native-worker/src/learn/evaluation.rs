//! Evaluating a round's models: configurations over held-out problems, in alternation and at equal cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_core::record::{ProblemRecord, Status};
use stepwise_learn::comparison;
use stepwise_learn::layout;
use stepwise_learn::plan::{Configuration, Evaluate, Evaluation};
use stepwise_learn::run::{PassRate, Side, StageCost};
use stepwise_ledger::operations::{NewSearch, Purpose, RoundStage};

use super::stages::{Stage, counter, to_json};
use super::worker::{Setup, Worker};
use super::{Learn, LearnError};

impl Learn {
    /// Evaluates the round's models on every set; `None` when the caller stopped it.
    pub(super) async fn evaluate(
        &self,
        worker: &Worker,
        evaluate: &Evaluate,
    ) -> Result<Option<Evaluation>, LearnError> {
        let mut evaluation = Evaluation::default();
        let mut setups = None;
        for (set, first, problems) in self.problems.sets() {
            let Some(records) = self.on_set(worker, evaluate, &mut setups, (set, first, problems)).await? else {
                return Ok(None);
            };
            let mut rates = BTreeMap::new();
            for (configuration, records) in evaluate.configurations.iter().zip(&records) {
                let rate = pass_rate(records);
                self.reporter.say(&format!(
                    "round {}, {set}: {} solves {} of {}",
                    evaluate.round, configuration.name, rate.solved, rate.total
                ));
                rates.insert(configuration.name.to_owned(), rate);
                evaluation.cost += StageCost::of(records, self.options.plan.concurrency);
            }
            evaluation.pass_rates.insert(set.to_owned(), rates);
        }
        Ok(Some(evaluation))
    }

    /// Each configuration's records of a set; `None` when the caller stopped it. Models are opened when something is left
    /// to do.
    async fn on_set(
        &self,
        worker: &Worker,
        evaluate: &Evaluate,
        setups: &mut Option<Vec<Setup>>,
        (set, first, problems): (&str, u64, &[Problem]),
    ) -> Result<Option<Vec<Vec<ProblemRecord>>>, LearnError> {
        let Evaluate { round, configurations, seed, .. } = evaluate;
        let names: Vec<String> =
            configurations.iter().map(|configuration| layout::evaluation(set, configuration.name)).collect();
        let known = self.stages(*round).await?;
        if let Some(stages) =
            names.iter().map(|name| known.get(name).filter(|at| at.is_frozen)).collect::<Option<Vec<_>>>()
        {
            let mut records = Vec::new();
            for RoundStage { stage, .. } in stages {
                records.push(self.remains(*stage).await?);
            }
            return Ok(Some(records));
        }
        if setups.is_none() {
            let made = configurations.iter().map(|configuration| self.evaluated(evaluate, configuration));
            *setups = Some(made.collect::<Result<_, _>>()?);
        }
        self.reporter.say(&format!("round {round}, evaluating on {} problems of {set}", problems.len()));
        let mut turns: Vec<Vec<NewSearch>> = vec![Vec::new(); names.len()];
        for (priority, (problem, of)) in (0..).zip(comparison::turns(problems.len(), names.len(), *seed)) {
            let problem = first + problem as u64;
            turns[of].push(NewSearch { problem, side: Side::Statement, priority });
        }
        let mut stages = Vec::new();
        for ((name, setup), searches) in names.into_iter().zip(setups.iter().flatten()).zip(turns) {
            let stage = Stage { round: *round, name, purpose: Purpose::Evaluate, seed: *seed, searches };
            stages.push((self.seed(stage, setup).await?, setup.clone()));
        }
        let mut records = Vec::new();
        for (at, _) in &stages {
            records.push(self.remains::<ProblemRecord>(at.stage).await?);
        }
        let (count, show) = counter(&self.reporter, format!("round {round}, evaluating on {set}"));
        count.add(records.iter().map(Vec::len).sum::<usize>() as u64, 0);
        let of: BTreeMap<String, usize> =
            stages.iter().enumerate().map(|(idx, (at, _))| (at.recipe.clone(), idx)).collect();
        let setups = stages.iter().map(|(at, setup)| (at.recipe.clone(), setup.clone())).collect();
        let mut shift = worker.begin(setups, &self.resources, &*self.reporter, show);
        while let Some(ended) = shift.next().await? {
            if shift.conclude(&ended, to_json(&ended.record)?).await? {
                count.add(1, u64::from(ended.record.status == Status::Proved));
                if let Some(idx) = of.get(&ended.lease().recipe) {
                    records[*idx].push(ended.record);
                }
            }
        }
        for (at, _) in &stages {
            if shift.was_interrupted() || !self.close(worker, at.stage).await? {
                return Ok(None);
            }
        }
        Ok(Some(records))
    }

    /// What a configuration searches with.
    fn evaluated(&self, evaluate: &Evaluate, configuration: &Configuration) -> Result<Setup, LearnError> {
        let portfolio = Arc::clone(&self.resources.portfolio);
        let policy = match configuration.policy {
            None => portfolio,
            Some(origin) => self.evaluated_policy(origin, portfolio)?,
        };
        let critic = match configuration.critic {
            None => None,
            Some(origin) => self.critic(origin)?,
        };
        Ok(self.setup(evaluate.budget.clone(), evaluate.seed, policy, critic))
    }
}

/// Problems that the records say are solved. Of two records for one problem the later one counts.
fn pass_rate(records: &[ProblemRecord]) -> PassRate {
    let last: BTreeMap<&str, Status> = records.iter().map(|record| (record.name.as_str(), record.status)).collect();
    let solved = last.values().filter(|status| **status == Status::Proved).count() as u64;
    PassRate { solved, total: last.len() as u64 }
}

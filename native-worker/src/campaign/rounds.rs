//! Rounds as those who watch are told of them, put together from their stages and from what was written down when each ended.

use std::collections::BTreeMap;

use stepwise_core::wire::campaign::{Measured, Mode, ModelRole, RoundView, Rounds, SolvedBy, TrainedModel};
use stepwise_learn::layout;
use stepwise_learn::run::{Role, Round};
use stepwise_ledger::operations::{Purpose, StageProgress};

/// How the names of policies begin that have no model.
const PORTFOLIO: &str = "portfolio";

/// The rounds with stages, in their order. `finished` has what was written down of those that are over.
pub(super) fn view(stages: &[StageProgress], finished: &[(u64, serde_json::Value)]) -> Rounds {
    let mut rounds: BTreeMap<u64, RoundView> = BTreeMap::new();
    for stage in stages {
        let round =
            rounds.entry(stage.round).or_insert_with(|| RoundView { round: stage.round, ..RoundView::default() });
        round.lean_cpu_ms += stage.lean_cpu_ms;
        round.device_ms += stage.device_ms;
        match stage.purpose {
            Purpose::Solve => add_searches(round, stage),
            Purpose::Evaluate => add_measured(round, stage),
        }
    }
    for (number, body) in finished {
        if let Some(round) = rounds.get_mut(number) {
            round.is_over = true;
            // What another version wrote says less.
            if let Ok(body) = serde_json::from_value(body.clone()) {
                add_summary(round, &body);
            }
        }
    }
    Rounds { rounds: rounds.into_values().collect() }
}

fn add_searches(round: &mut RoundView, stage: &StageProgress) {
    round.searches += stage.searches;
    round.ended += stage.ended;
    let mode = match &stage.critic {
        Some(_) => Mode::Critic,
        None if is_portfolio(&stage.policy) => Mode::Portfolio,
        None => Mode::BestFirst,
    };
    let idx = round.solved.iter().position(|solved| solved.mode >= mode).unwrap_or(round.solved.len());
    if round.solved.get(idx).is_none_or(|solved| solved.mode != mode) {
        round.solved.insert(idx, SolvedBy { mode, proved: 0, disproved: 0 });
    }
    round.solved[idx].proved += stage.solved.proved;
    round.solved[idx].disproved += stage.solved.disproved;
}

fn add_measured(round: &mut RoundView, stage: &StageProgress) {
    if !is_portfolio(&stage.policy) {
        add_model(round, ModelRole::Policy, &stage.policy);
    }
    if let Some(critic) = &stage.critic {
        add_model(round, ModelRole::Critic, critic);
    }
    let name = stage.name.strip_prefix(layout::EVALS).and_then(|name| name.strip_prefix('/'));
    let (set, configuration) = name.and_then(|name| name.rsplit_once('/')).unwrap_or(("", &stage.name));
    round.measured.push(Measured {
        set: set.to_owned(),
        configuration: configuration.to_owned(),
        proved: stage.proved,
        tried: stage.tried,
        problems: stage.problems,
    });
}

fn add_model(round: &mut RoundView, role: ModelRole, name: &str) {
    if !round.models.iter().any(|model| model.role == role && model.name == name) {
        round.models.push(TrainedModel { role, name: name.to_owned(), kept: None });
        round.models.sort_by_key(|model| model.role);
    }
}

fn add_summary(round: &mut RoundView, summary: &Round) {
    for model in &mut round.models {
        model.kept = Some(match model.role {
            ModelRole::Policy => summary.policy_kept,
            ModelRole::Critic => summary.critic_kept,
        });
    }
    let costs = [Role::Policy, Role::Critic].map(|role| summary.costs.get(&format!("train-{}", role.name())));
    let seconds: f64 = costs.into_iter().flatten().map(|cost| cost.device_s).sum();
    round.training_ms = Some((seconds * 1000.0).round() as u64);
}

fn is_portfolio(policy: &str) -> bool {
    policy.starts_with(PORTFOLIO)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stepwise_core::wire::campaign::Solved;

    use super::*;

    fn stage(round: u64, name: &str, policy: &str, critic: Option<&str>) -> StageProgress {
        StageProgress {
            round,
            name: name.to_owned(),
            purpose: if name.starts_with("eval/") { Purpose::Evaluate } else { Purpose::Solve },
            is_frozen: true,
            policy: policy.to_owned(),
            critic: critic.map(str::to_owned),
            searches: 10,
            ended: 8,
            problems: 5,
            tried: 4,
            proved: 3,
            solved: Solved { proved: 2, disproved: 1 },
            lean_cpu_ms: 100,
            device_ms: 10,
        }
    }

    #[test]
    fn a_round_is_what_its_stages_came_to() {
        let stages = [
            stage(1, "scan", "portfolio 0.1.0", None),
            stage(1, "deep", "portfolio 0.1.0", None),
            stage(1, "eval/held-out/bf", "policy 5d0c", None),
            stage(1, "eval/held-out/bf+cg", "policy 5d0c", Some("critic 9b1f")),
            stage(1, "eval/a/b/portfolio", "portfolio 0.1.0", None),
            stage(2, "scan", "policy 5d0c + 0.5 of portfolio 0.1.0", None),
            stage(2, "deep", "policy 5d0c + 0.5 of portfolio 0.1.0", Some("critic 9b1f")),
        ];
        let written = json!({
            "round": 1, "open": 5, "proved": 4, "disproved": 2, "shortened": 0, "solved_so_far": 6, "statements": 9,
            "steps": 7, "preferences": 3, "policy_kept": true, "critic_kept": false, "critic_accuracy": null,
            "costs": {
                "train-policy": { "lean_cpu_s": 0.0, "device_s": 1.5, "wall_s": 2.0 },
                "train-critic": { "lean_cpu_s": 0.0, "device_s": 0.25, "wall_s": 1.0 }
            },
            "pass_rates": {}
        });
        let Rounds { rounds } = view(&stages, &[(1, written)]);
        let [first, second] = &rounds[..] else { panic!("{rounds:?}") };
        let solved = |mode, n| SolvedBy { mode, proved: 2 * n, disproved: n };
        assert_eq!((first.searches, first.ended, first.is_over), (20, 16, true));
        assert_eq!(first.solved, [solved(Mode::Portfolio, 2)]);
        let models: Vec<_> = first.models.iter().map(|model| (model.role, model.name.as_str(), model.kept)).collect();
        assert_eq!(
            models,
            [(ModelRole::Policy, "policy 5d0c", Some(true)), (ModelRole::Critic, "critic 9b1f", Some(false))]
        );
        let measured: Vec<_> =
            first.measured.iter().map(|one| (one.set.as_str(), one.configuration.as_str())).collect();
        assert_eq!(measured, [("held-out", "bf"), ("held-out", "bf+cg"), ("a/b", "portfolio")]);
        assert_eq!((first.measured[0].proved, first.measured[0].tried, first.measured[0].problems), (3, 4, 5));
        assert_eq!((first.lean_cpu_ms, first.device_ms, first.training_ms), (500, 50, Some(1750)));
        assert_eq!((second.is_over, second.training_ms), (false, None));
        assert_eq!(second.solved, [solved(Mode::BestFirst, 1), solved(Mode::Critic, 1)]);
    }

    #[test]
    fn what_another_version_wrote_of_a_round_is_left_out() {
        let Rounds { rounds } = view(&[stage(1, "scan", "m", None)], &[(1, json!({ "other": 1 })), (7, json!({}))]);
        assert_eq!(
            rounds.iter().map(|round| (round.round, round.is_over, round.training_ms)).collect::<Vec<_>>(),
            [(1, true, None)]
        );
    }
}

//! How policy and critic were trained, round by round.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{RoundData, RunData};
use crate::run::TrainingLine;

/// The training of both models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Training {
    /// The policy's, by round.
    pub policy: BTreeMap<u32, Course>,
    /// The critic's, by round.
    pub critic: BTreeMap<u32, Course>,
    /// The critic's share of held-out pairs in order, by round.
    pub critic_accuracy: BTreeMap<u32, f64>,
}

/// One model's training in one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// Whether the round kept the model; `None` while the round runs.
    pub kept: Option<bool>,
    /// Distinct examples: steps of proofs for the policy, preferences for the critic.
    pub examples: Option<u64>,
    /// What was written while it trained.
    pub lines: Vec<TrainingLine>,
}

impl Course {
    /// The last validation: loss, and accuracy where it was computed.
    #[must_use]
    pub fn last_validation(&self) -> Option<(f64, Option<f64>)> {
        self.lines.iter().rev().find_map(|line| Some((line.validation_loss?, line.validation_accuracy)))
    }
}

impl Training {
    pub(super) fn of(data: &RunData) -> Self {
        let courses = |lines: fn(&RoundData) -> &Vec<TrainingLine>,
                       kept: fn(&RoundData) -> (Option<bool>, Option<u64>)| {
            let trained = data.rounds.iter().filter(move |(_, round)| !lines(round).is_empty());
            let course = move |(number, round): (&u32, &RoundData)| {
                let (kept, examples) = kept(round);
                (*number, Course { kept, examples, lines: lines(round).clone() })
            };
            trained.map(course).collect::<BTreeMap<_, _>>()
        };
        let accuracy = |(number, round): (&u32, &RoundData)| Some((*number, round.finished.as_ref()?.critic_accuracy?));
        Self {
            policy: courses(
                |round| &round.policy_training,
                |round| round.finished.as_ref().map(|round| (round.policy_kept, round.steps)).unzip(),
            ),
            critic: courses(
                |round| &round.critic_training,
                |round| round.finished.as_ref().map(|round| (round.critic_kept, round.preferences)).unzip(),
            ),
            critic_accuracy: data.rounds.iter().filter_map(accuracy).collect(),
        }
    }
}

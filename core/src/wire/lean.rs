//! Goals, outcomes of tactics and what they cost, as JSON.

use serde::{Deserialize, Serialize};

use crate::facts::GoalFacts;
use crate::{cost, goal, outcome, policy};

/// One open goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// The `case` tag, when Lean prints one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The local context, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hypotheses: Vec<Hypothesis>,
    /// What is to be shown.
    pub target: String,
    /// Exactly what Lean printed.
    pub text: String,
    /// What Lean knows of it besides, where the server's Lean tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<GoalFacts>,
}

/// Hypotheses of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    pub names: Vec<String>,
    pub ty: String,
    /// The value of a `let` hypothesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What became of a tactic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No goal is left.
    Proved,
    Open(Vec<Goal>),
    Failed(String),
    /// It outran its time limit.
    Timeout,
    /// Lean's last words.
    Crashed(String),
    /// It outran the memory limit.
    OutOfMemory,
}

/// A proposed tactic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub tactic: String,
    /// Its log-probability; `null` where it is not a finite number.
    pub logprob: Option<f64>,
    /// Tokens generated for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_tokens: u32,
}

/// What Lean spent, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub cpu_us: u64,
    pub wall_us: u64,
}

/// What a model spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCost {
    pub prompt_tokens: u64,
    /// Tokens written.
    pub generated_tokens: u64,
    /// Time of its device, in microseconds.
    pub device_us: u64,
    /// Questions that brought nothing, because its server failed.
    #[serde(default, skip_serializing_if = "is_none_failed")]
    pub failed: u64,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_none_failed(n: &u64) -> bool {
    *n == 0
}

impl<S> From<&outcome::StepOutcome<S>> for Outcome {
    fn from(outcome: &outcome::StepOutcome<S>) -> Self {
        match outcome {
            outcome::StepOutcome::Proved => Self::Proved,
            outcome::StepOutcome::Open { goals, .. } => Self::Open(goals.iter().map(Goal::from).collect()),
            outcome::StepOutcome::Failed { message } => Self::Failed(message.clone()),
            outcome::StepOutcome::Timeout => Self::Timeout,
            outcome::StepOutcome::Crashed { detail } => Self::Crashed(detail.clone()),
            outcome::StepOutcome::OutOfMemory => Self::OutOfMemory,
        }
    }
}
impl From<Outcome> for outcome::StepOutcome<()> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Proved => Self::Proved,
            Outcome::Open(goals) => Self::Open { state: (), goals: goals.into_iter().map(Into::into).collect() },
            Outcome::Failed(message) => Self::Failed { message },
            Outcome::Timeout => Self::Timeout,
            Outcome::Crashed(detail) => Self::Crashed { detail },
            Outcome::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl From<&goal::Goal> for Goal {
    fn from(goal: &goal::Goal) -> Self {
        let hypothesis = |goal::Hypothesis { names, ty, value }: &goal::Hypothesis| Hypothesis {
            names: names.clone(),
            ty: ty.clone(),
            value: value.clone(),
        };
        Self {
            case: goal.case.clone(),
            hypotheses: goal.hypotheses.iter().map(hypothesis).collect(),
            target: goal.target.clone(),
            text: goal.text.clone(),
            facts: goal.facts.as_deref().cloned(),
        }
    }
}

impl From<Goal> for goal::Goal {
    fn from(goal: Goal) -> Self {
        let hypothesis = |Hypothesis { names, ty, value }| goal::Hypothesis { names, ty, value };
        Self {
            case: goal.case,
            hypotheses: goal.hypotheses.into_iter().map(hypothesis).collect(),
            target: goal.target,
            text: goal.text,
            facts: goal.facts.map(Into::into),
        }
    }
}

impl From<&policy::Candidate> for Candidate {
    fn from(candidate: &policy::Candidate) -> Self {
        Self {
            tactic: candidate.tactic.clone(),
            logprob: candidate.logprob.is_finite().then_some(candidate.logprob),
            n_tokens: candidate.n_tokens,
        }
    }
}

impl From<Candidate> for policy::Candidate {
    fn from(candidate: Candidate) -> Self {
        let Candidate { tactic, logprob, n_tokens } = candidate;
        Self { tactic, logprob: logprob.unwrap_or(f64::NAN), n_tokens }
    }
}

impl From<cost::LeanCost> for Cost {
    fn from(cost::LeanCost { cpu_us, wall_us }: cost::LeanCost) -> Self {
        Self { cpu_us, wall_us }
    }
}

impl From<Cost> for cost::LeanCost {
    fn from(Cost { cpu_us, wall_us }: Cost) -> Self {
        Self { cpu_us, wall_us }
    }
}

impl From<cost::ModelCost> for ModelCost {
    fn from(cost: cost::ModelCost) -> Self {
        let cost::ModelCost { prompt_tokens, generated_tokens, device_us, failed } = cost;
        Self { prompt_tokens, generated_tokens, device_us, failed }
    }
}

impl From<ModelCost> for cost::ModelCost {
    fn from(cost: ModelCost) -> Self {
        let ModelCost { prompt_tokens, generated_tokens, device_us, failed } = cost;
        Self { prompt_tokens, generated_tokens, device_us, failed }
    }
}

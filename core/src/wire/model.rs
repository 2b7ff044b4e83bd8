//! Questions to a policy and a critic and their answers, as JSON: how a page asks the models in its worker.

use serde::{Deserialize, Serialize};

use super::{Candidate, Goal, ModelCost};
use crate::facts::Declaration;
use crate::syntax::Withheld;
use crate::{critic, policy};

/// What a policy is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalRequest {
    pub theorem: String,
    /// The open goals.
    pub goals: Vec<Goal>,
    /// The tactics that led here, first one first.
    pub history: Vec<String>,
    /// How many candidates are wanted.
    pub samples: u32,
    /// The pass (0-based).
    pub pass: u32,
    /// The seed. More than JavaScript's numbers hold: whoever passes it on passes the text on.
    pub seed: u64,
    /// Library declarations that the proof may not rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Tactics that the search does without.
    #[serde(default, skip_serializing_if = "Withheld::is_empty")]
    pub withheld: Withheld,
    /// The file's own declarations before the statement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declarations: Vec<Declaration>,
    /// How often this state was expanded before because the search ran dry.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub widening: u32,
    /// The tactics that were run in this state already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A policy's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposals {
    /// The candidates, most promising first.
    pub candidates: Vec<Candidate>,
    pub cost: ModelCost,
}

/// States that a critic is to score together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRequest {
    /// The open goals of each.
    pub states: Vec<Vec<Goal>>,
}

/// A critic's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// One per state; `null` where it is not a finite number.
    pub scores: Vec<Option<f64>>,
    pub cost: ModelCost,
}

impl From<&policy::ProposalRequest> for ProposalRequest {
    fn from(request: &policy::ProposalRequest) -> Self {
        let policy::ProposalRequest {
            theorem,
            goals,
            history,
            samples,
            pass,
            seed,
            without,
            withheld,
            declarations,
            widening,
            tried,
        } = request;
        Self {
            theorem: theorem.clone(),
            goals: goals.iter().map(Goal::from).collect(),
            history: history.clone(),
            samples: *samples,
            pass: *pass,
            seed: *seed,
            without: without.clone(),
            withheld: withheld.clone(),
            declarations: declarations.to_vec(),
            widening: *widening,
            tried: tried.clone(),
        }
    }
}

impl From<ProposalRequest> for policy::ProposalRequest {
    fn from(request: ProposalRequest) -> Self {
        let ProposalRequest {
            theorem,
            goals,
            history,
            samples,
            pass,
            seed,
            without,
            withheld,
            declarations,
            widening,
            tried,
        } = request;
        let goals = goals.into_iter().map(Into::into).collect();
        let declarations = declarations.into();
        Self { theorem, goals, history, samples, pass, seed, without, withheld, declarations, widening, tried }
    }
}

impl From<&policy::Proposals> for Proposals {
    fn from(proposals: &policy::Proposals) -> Self {
        let candidates = proposals.candidates.iter().map(Candidate::from).collect();
        Self { candidates, cost: proposals.cost.into() }
    }
}

impl From<Proposals> for policy::Proposals {
    fn from(proposals: Proposals) -> Self {
        let candidates = proposals.candidates.into_iter().map(Into::into).collect();
        Self { candidates, cost: proposals.cost.into() }
    }
}

impl From<&critic::ScoreRequest> for ScoreRequest {
    fn from(request: &critic::ScoreRequest) -> Self {
        let state = |goals: &Vec<crate::goal::Goal>| goals.iter().map(Goal::from).collect();
        Self { states: request.states.iter().map(state).collect() }
    }
}

impl From<ScoreRequest> for critic::ScoreRequest {
    fn from(request: ScoreRequest) -> Self {
        let state = |goals: Vec<Goal>| goals.into_iter().map(Into::into).collect();
        Self { states: request.states.into_iter().map(state).collect() }
    }
}

impl From<&critic::Scores> for Scores {
    fn from(scores: &critic::Scores) -> Self {
        let finite = scores.scores.iter().map(|score| score.is_finite().then_some(*score));
        Self { scores: finite.collect(), cost: scores.cost.into() }
    }
}

impl From<Scores> for critic::Scores {
    fn from(scores: Scores) -> Self {
        let numbers = scores.scores.into_iter().map(|score| score.unwrap_or(f64::NAN));
        Self { scores: numbers.collect(), cost: scores.cost.into() }
    }
}

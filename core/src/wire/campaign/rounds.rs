//! What those who watch a campaign are told of its rounds of expert iteration.

use serde::{Deserialize, Serialize};

/// `GET /rounds`: the rounds so far, that under way too, oldest first; none of a campaign that has stages alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    pub rounds: Vec<RoundView>,
}

/// A round: searching, training on what was found, and measuring what was trained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundView {
    /// Its number, from 1.
    pub round: u64,
    /// Whether it has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
    /// Its searches for proofs, without those that nobody wants any more, and how many of them have ended.
    pub searches: u64,
    pub ended: u64,
    /// What it solved, by how it was searched for; every way that was gone is there.
    pub solved: Vec<SolvedBy>,
    /// The models that it trained, as far as they are being measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<TrainedModel>,
    /// What its models prove of problems that are measured with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Measured>,
    /// What its searches cost, those that measure too: CPU time of Lean and time of models' devices, in milliseconds.
    pub lean_cpu_ms: u64,
    pub device_ms: u64,
    /// What training cost: time of its device, in milliseconds; `None` before the round is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_ms: Option<u64>,
}

/// How a proof is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Best-first, with tactics of the portfolio alone.
    Portfolio,
    /// Best-first, with tactics of a model.
    BestFirst,
    /// A critic says which state comes next.
    Critic,
}

/// Problems that were solved in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SolvedBy {
    pub mode: Mode,
    pub proved: u64,
    pub disproved: u64,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// It proposes tactics.
    Policy,
    /// It scores states.
    Critic,
}

/// A model that a round trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedModel {
    pub role: ModelRole,
    /// Its name and hash, as recipes have it.
    pub name: String,
    /// Whether it is better than the one before, and the next round goes on with it; `None` before that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

/// A pass rate: what one configuration proves of a set of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The set's name, such as `held-out`.
    pub set: String,
    /// The configuration's name: `bf` is best-first, `bf+cg` has half of the budget led by the critic, and `portfolio` has no
    /// model.
    pub configuration: String,
    /// Problems that it proved, of those that it has tried, of all of the set.
    pub proved: u64,
    pub tried: u64,
    pub problems: u64,
}

//! The log's lines as JSON, converted by hand to and from the search's own types.

use serde::{Deserialize, Serialize};

use super::super::{self as search, Budget, LeanCost, NodeId, PriorityRule, SearchConfig, SearchRule, TimedEvent};
use crate::cost;
use crate::goal::{Goal, Hypothesis};
use crate::outcome::{StepOutcome, Verdict};
use crate::policy;
use crate::problem::Theorem;

/// One line, line feed included.
pub(super) fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("wire types have string keys and cannot fail to serialise");
    line.push('\n');
    line
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) stepwise_log: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    stepwise_log: u32,
    theorem: Theorem,
    config: Config,
    policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    critic: Option<String>,
    lean: String,
}

/// A search's configuration as JSON. Records keep and hash it: a new field is left out where it has the value that was
/// meant before there was a choice, so that old records stay the same configuration's.
#[derive(Serialize, Deserialize)]
pub(super) struct Config {
    #[serde(default, skip_serializing_if = "Guidance::is_best_first")]
    search: Guidance,
    rule: Rule,
    passes: u32,
    samples: u32,
    expansions: u32,
    wall_ms: Option<u64>,
    tactics: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    lean_cpu_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_ms: Option<u64>,
    in_flight: u32,
    seed: u64,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Guidance {
    #[default]
    BestFirst,
    CriticGuided,
    SharedTree,
    TwoTrees,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Sum,
    Average,
    LengthNormalised { alpha: f64 },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Event {
    at_ms: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    Started,
    Opened {
        outcome: Outcome,
        cost: Cost,
    },
    Proposed {
        node: u32,
        candidates: Vec<Candidate>,
        /// Left out where it is [`bare_cost`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<Model>,
    },
    Checked {
        node: u32,
        outcomes: Vec<Outcome>,
        cost: Cost,
    },
    Scored {
        node: u32,
        /// `null` where it is not a finite number; the search treats all of those alike.
        scores: Vec<Option<f64>>,
        cost: Model,
    },
    Rechecked {
        node: u32,
        verdict: Verdict,
        cost: Cost,
    },
    Tick,
    Cancelled,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Proved,
    Open(Vec<WireGoal>),
    Failed(String),
    Timeout,
    Crashed(String),
    OutOfMemory,
}

#[derive(Serialize, Deserialize)]
struct WireGoal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hypotheses: Vec<WireHypothesis>,
    target: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct WireHypothesis {
    names: Vec<String>,
    ty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Candidate {
    tactic: String,
    /// `null` where it is not a finite number; the search treats all of those alike.
    logprob: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    n_tokens: u32,
}

#[derive(Serialize, Deserialize)]
struct Cost {
    cpu_us: u64,
    wall_us: u64,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Model {
    prompt_tokens: u64,
    generated_tokens: u64,
    device_us: u64,
}

/// What a policy is taken to have cost that says no more than its candidates do.
fn bare_cost(candidates: &[Candidate]) -> Model {
    let generated_tokens = candidates.iter().map(|candidate| u64::from(candidate.n_tokens)).sum();
    Model { prompt_tokens: 0, generated_tokens, device_us: 0 }
}

impl Guidance {
    fn is_best_first(&self) -> bool {
        matches!(self, Self::BestFirst)
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl From<&super::LogHeader> for Header {
    fn from(header: &super::LogHeader) -> Self {
        Self {
            stepwise_log: super::VERSION,
            theorem: header.theorem.clone(),
            config: (&header.config).into(),
            policy: header.policy.clone(),
            critic: header.critic.clone(),
            lean: header.lean.clone(),
        }
    }
}

impl From<Header> for super::LogHeader {
    fn from(header: Header) -> Self {
        let Header { stepwise_log: _, theorem, config, policy, critic, lean } = header;
        Self { theorem, config: config.into(), policy, critic, lean }
    }
}

impl From<&SearchConfig> for Config {
    fn from(config: &SearchConfig) -> Self {
        let SearchConfig { search, rule, budget, in_flight, seed } = config;
        let Budget { passes, samples, expansions, wall_ms, tactics, tokens, lean_cpu_ms, cost_ms } = *budget;
        let search = match search {
            SearchRule::BestFirst => Guidance::BestFirst,
            SearchRule::CriticGuided => Guidance::CriticGuided,
            SearchRule::SharedTree => Guidance::SharedTree,
            SearchRule::TwoTrees => Guidance::TwoTrees,
        };
        let rule = match *rule {
            PriorityRule::Sum => Rule::Sum,
            PriorityRule::Average => Rule::Average,
            PriorityRule::LengthNormalised { alpha } => Rule::LengthNormalised { alpha },
        };
        let (in_flight, seed) = (*in_flight, *seed);
        Self {
            search,
            rule,
            passes,
            samples,
            expansions,
            wall_ms,
            tactics,
            tokens,
            lean_cpu_ms,
            cost_ms,
            in_flight,
            seed,
        }
    }
}

impl From<Config> for SearchConfig {
    fn from(config: Config) -> Self {
        let Config {
            search,
            rule,
            passes,
            samples,
            expansions,
            wall_ms,
            tactics,
            tokens,
            lean_cpu_ms,
            cost_ms,
            in_flight,
            seed,
        } = config;
        let search = match search {
            Guidance::BestFirst => SearchRule::BestFirst,
            Guidance::CriticGuided => SearchRule::CriticGuided,
            Guidance::SharedTree => SearchRule::SharedTree,
            Guidance::TwoTrees => SearchRule::TwoTrees,
        };
        let rule = match rule {
            Rule::Sum => PriorityRule::Sum,
            Rule::Average => PriorityRule::Average,
            Rule::LengthNormalised { alpha } => PriorityRule::LengthNormalised { alpha },
        };
        let budget = Budget { passes, samples, expansions, wall_ms, tactics, tokens, lean_cpu_ms, cost_ms };
        Self { search, rule, budget, in_flight, seed }
    }
}

impl From<&TimedEvent> for Event {
    fn from(event: &TimedEvent) -> Self {
        let what = match &event.event {
            search::Event::Started => What::Started,
            search::Event::Opened { outcome, cost } => What::Opened { outcome: outcome.into(), cost: (*cost).into() },
            search::Event::Proposed { node, candidates, cost } => {
                let candidates: Vec<_> = candidates.iter().map(Candidate::from).collect();
                let cost = Some(Model::from(*cost)).filter(|cost| *cost != bare_cost(&candidates));
                What::Proposed { node: node.0, candidates, cost }
            }
            search::Event::Checked { node, outcomes, cost } => What::Checked {
                node: node.0,
                outcomes: outcomes.iter().map(Outcome::from).collect(),
                cost: (*cost).into(),
            },
            search::Event::Scored { node, scores, cost } => What::Scored {
                node: node.0,
                scores: scores.iter().map(|score| score.is_finite().then_some(*score)).collect(),
                cost: (*cost).into(),
            },
            search::Event::Rechecked { node, verdict, cost } => {
                What::Rechecked { node: node.0, verdict: verdict.clone(), cost: (*cost).into() }
            }
            search::Event::Tick => What::Tick,
            search::Event::Cancelled => What::Cancelled,
        };
        Self { at_ms: event.at_ms, what }
    }
}

impl From<Event> for TimedEvent {
    fn from(event: Event) -> Self {
        let what = match event.what {
            What::Started => search::Event::Started,
            What::Opened { outcome, cost } => search::Event::Opened { outcome: outcome.into(), cost: cost.into() },
            What::Proposed { node, candidates, cost } => search::Event::Proposed {
                node: NodeId(node),
                cost: cost.unwrap_or_else(|| bare_cost(&candidates)).into(),
                candidates: candidates.into_iter().map(policy::Candidate::from).collect(),
            },
            What::Checked { node, outcomes, cost } => search::Event::Checked {
                node: NodeId(node),
                outcomes: outcomes.into_iter().map(StepOutcome::from).collect(),
                cost: cost.into(),
            },
            What::Scored { node, scores, cost } => search::Event::Scored {
                node: NodeId(node),
                scores: scores.into_iter().map(|score| score.unwrap_or(f64::NAN)).collect(),
                cost: cost.into(),
            },
            What::Rechecked { node, verdict, cost } => {
                search::Event::Rechecked { node: NodeId(node), verdict, cost: cost.into() }
            }
            What::Tick => search::Event::Tick,
            What::Cancelled => search::Event::Cancelled,
        };
        Self { at_ms: event.at_ms, event: what }
    }
}

impl From<&StepOutcome<()>> for Outcome {
    fn from(outcome: &StepOutcome<()>) -> Self {
        match outcome {
            StepOutcome::Proved => Self::Proved,
            StepOutcome::Open { state: (), goals } => Self::Open(goals.iter().map(WireGoal::from).collect()),
            StepOutcome::Failed { message } => Self::Failed(message.clone()),
            StepOutcome::Timeout => Self::Timeout,
            StepOutcome::Crashed { detail } => Self::Crashed(detail.clone()),
            StepOutcome::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl From<Outcome> for StepOutcome<()> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Proved => Self::Proved,
            Outcome::Open(goals) => Self::Open { state: (), goals: goals.into_iter().map(Goal::from).collect() },
            Outcome::Failed(message) => Self::Failed { message },
            Outcome::Timeout => Self::Timeout,
            Outcome::Crashed(detail) => Self::Crashed { detail },
            Outcome::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl From<&Goal> for WireGoal {
    fn from(goal: &Goal) -> Self {
        let hypothesis = |Hypothesis { names, ty, value }: &Hypothesis| WireHypothesis {
            names: names.clone(),
            ty: ty.clone(),
            value: value.clone(),
        };
        Self {
            case: goal.case.clone(),
            hypotheses: goal.hypotheses.iter().map(hypothesis).collect(),
            target: goal.target.clone(),
            text: goal.text.clone(),
        }
    }
}

impl From<WireGoal> for Goal {
    fn from(goal: WireGoal) -> Self {
        let hypothesis = |WireHypothesis { names, ty, value }| Hypothesis { names, ty, value };
        Self {
            case: goal.case,
            hypotheses: goal.hypotheses.into_iter().map(hypothesis).collect(),
            target: goal.target,
            text: goal.text,
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

impl From<LeanCost> for Cost {
    fn from(LeanCost { cpu_us, wall_us }: LeanCost) -> Self {
        Self { cpu_us, wall_us }
    }
}

impl From<Cost> for LeanCost {
    fn from(Cost { cpu_us, wall_us }: Cost) -> Self {
        Self { cpu_us, wall_us }
    }
}

impl From<cost::ModelCost> for Model {
    fn from(cost: cost::ModelCost) -> Self {
        let cost::ModelCost { prompt_tokens, generated_tokens, device_us } = cost;
        Self { prompt_tokens, generated_tokens, device_us }
    }
}

impl From<Model> for cost::ModelCost {
    fn from(cost: Model) -> Self {
        let Model { prompt_tokens, generated_tokens, device_us } = cost;
        Self { prompt_tokens, generated_tokens, device_us }
    }
}

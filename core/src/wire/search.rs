//! A search's header and events as JSON: the lines of a log, and what a server tells of a search that it runs.

use serde::{Deserialize, Serialize};

use super::log;
use super::{Candidate, Cost, ModelCost, Outcome};
use crate::facts::Declaration;
use crate::outcome::Verdict;
use crate::policy;
use crate::problem::Theorem;
use crate::search::{self, Budget, CostLedger, NodeId, SearchConfig, TimedEvent};
use crate::syntax::Withheld;

/// One line, line feed included.
pub(crate) fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("wire types have string keys and cannot fail to serialise");
    line.push('\n');
    line
}

#[derive(Deserialize)]
pub(crate) struct Version {
    pub(crate) stepwise_log: u32,
}

/// What a search is, as the first line of its log says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    stepwise_log: u32,
    theorem: Theorem,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefix: Vec<String>,
    config: Config,
    policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    critic: Option<String>,
    lean: String,
}

/// A search's configuration as JSON. Records keep and hash it: a new field is left out where it has the value that was
/// meant before there was a choice, so that old records stay the same configuration's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    #[serde(default, skip_serializing_if = "Order::is_best_first")]
    search: Order,
    rule: Priority,
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
    #[serde(default, skip_serializing_if = "is_false")]
    widen: bool,
    #[serde(default, skip_serializing_if = "Withheld::is_empty")]
    withhold: Withheld,
}

fn is_false(b: &bool) -> bool {
    !b
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    BestFirst,
    CriticGuided,
    SharedTree,
    TwoTrees,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Priority {
    Sum,
    Average,
    LengthNormalised { alpha: f64 },
}

/// What happened in a search, as a line of its log says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    at_ms: u64,
    #[serde(flatten)]
    what: What,
}

crate::tagged! { "event" of "What" in "snake_case";
    #[derive(Clone, Debug, PartialEq)]
    enum What {
        Started,
        Opened {
            outcome: Outcome,
            /// The file's own declarations before the statement, where Lean tells them.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            declarations: Vec<Declaration>,
            cost: Cost,
        },
        Proposed {
            node: u32,
            candidates: Vec<Candidate>,
            /// Left out where it is [`bare_cost`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            cost: Option<ModelCost>,
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
            cost: ModelCost,
        },
        Rechecked {
            node: u32,
            verdict: Verdict,
            cost: Cost,
        },
        Charged {
            spent: CostLedger,
        },
        Tick,
        Cancelled,
    }
}

/// What a policy is taken to have cost that says no more than its candidates do.
fn bare_cost(candidates: &[Candidate]) -> ModelCost {
    let generated_tokens = candidates.iter().map(|candidate| u64::from(candidate.n_tokens)).sum();
    ModelCost { prompt_tokens: 0, generated_tokens, device_us: 0, failed: 0 }
}

impl Order {
    fn is_best_first(&self) -> bool {
        matches!(self, Self::BestFirst)
    }
}

impl From<&log::LogHeader> for Header {
    fn from(header: &log::LogHeader) -> Self {
        Self {
            stepwise_log: log::VERSION,
            theorem: header.theorem.clone(),
            prefix: header.prefix.clone(),
            config: (&header.config).into(),
            policy: header.policy.clone(),
            critic: header.critic.clone(),
            lean: header.lean.clone(),
        }
    }
}

impl From<Header> for log::LogHeader {
    fn from(header: Header) -> Self {
        let Header { stepwise_log: _, theorem, prefix, config, policy, critic, lean } = header;
        Self { theorem, prefix, config: config.into(), policy, critic, lean }
    }
}

impl From<&SearchConfig> for Config {
    fn from(config: &SearchConfig) -> Self {
        let SearchConfig { order, priority, budget, in_flight, seed, widen, withhold } = config;
        let Budget { passes, samples, expansions, wall_ms, tactics, tokens, lean_cpu_ms, cost_ms } = *budget;
        let search = match order {
            search::Order::BestFirst => Order::BestFirst,
            search::Order::CriticGuided => Order::CriticGuided,
            search::Order::SharedTree => Order::SharedTree,
            search::Order::TwoTrees => Order::TwoTrees,
        };
        let rule = match *priority {
            search::Priority::Sum => Priority::Sum,
            search::Priority::Average => Priority::Average,
            search::Priority::LengthNormalised { alpha } => Priority::LengthNormalised { alpha },
        };
        let (in_flight, seed, widen) = (*in_flight, *seed, *widen);
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
            widen,
            withhold: withhold.clone(),
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
            widen,
            withhold,
        } = config;
        let order = match search {
            Order::BestFirst => search::Order::BestFirst,
            Order::CriticGuided => search::Order::CriticGuided,
            Order::SharedTree => search::Order::SharedTree,
            Order::TwoTrees => search::Order::TwoTrees,
        };
        let priority = match rule {
            Priority::Sum => search::Priority::Sum,
            Priority::Average => search::Priority::Average,
            Priority::LengthNormalised { alpha } => search::Priority::LengthNormalised { alpha },
        };
        let budget = Budget { passes, samples, expansions, wall_ms, tactics, tokens, lean_cpu_ms, cost_ms };
        Self { order, priority, budget, in_flight, seed, widen, withhold }
    }
}

impl From<&TimedEvent> for Event {
    fn from(event: &TimedEvent) -> Self {
        let what = match &event.event {
            search::Event::Started => What::Started,
            search::Event::Opened { outcome, declarations, cost } => {
                What::Opened { outcome: outcome.into(), declarations: declarations.to_vec(), cost: (*cost).into() }
            }
            search::Event::Proposed { node, candidates, cost } => {
                let candidates: Vec<_> = candidates.iter().map(Candidate::from).collect();
                let cost = Some(ModelCost::from(*cost)).filter(|cost| *cost != bare_cost(&candidates));
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
            search::Event::Charged { spent } => What::Charged { spent: *spent },
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
            What::Opened { outcome, declarations, cost } => {
                search::Event::Opened { outcome: outcome.into(), declarations: declarations.into(), cost: cost.into() }
            }
            What::Proposed { node, candidates, cost } => search::Event::Proposed {
                node: NodeId(node),
                cost: cost.unwrap_or_else(|| bare_cost(&candidates)).into(),
                candidates: candidates.into_iter().map(policy::Candidate::from).collect(),
            },
            What::Checked { node, outcomes, cost } => search::Event::Checked {
                node: NodeId(node),
                outcomes: outcomes.into_iter().map(Into::into).collect(),
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
            What::Charged { spent } => search::Event::Charged { spent },
            What::Tick => search::Event::Tick,
            What::Cancelled => search::Event::Cancelled,
        };
        Self { at_ms: event.at_ms, event: what }
    }
}

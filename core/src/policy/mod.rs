//! Policies propose tactics for a proof state. The portfolio needs no model and is the baseline for every one.

mod drafts;
pub mod mixture;
pub mod pointers;
pub mod portfolio;
pub mod premises;
pub mod searches;

use std::collections::HashMap;

use crate::cost::ModelCost;
use crate::facts::Declarations;
use crate::goal::Goal;
use crate::syntax::Withheld;

/// What a policy is told about the state that it is to propose tactics for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProposalRequest {
    /// The theorem's name, for prompts.
    pub theorem: String,
    /// The open goals, the one to work on first.
    pub goals: Vec<Goal>,
    /// The tactics that led here, root first.
    pub history: Vec<String>,
    /// How many candidates are wanted (S).
    pub samples: u32,
    /// The pass (0-based): a policy may explore differently in each.
    pub pass: u32,
    /// Seed for policies that sample; derived from the search's seed, the pass and the node.
    pub seed: u64,
    /// Full names of library declarations that the proof may not rest on directly
    /// ([`Theorem::without`](crate::problem::Theorem::without)).
    pub without: Vec<String>,
    /// Tactics that the search does without: what uses them is not run.
    pub withheld: Withheld,
    /// The file's own declarations before the statement, where Lean tells them.
    pub declarations: Declarations,
    /// How often this state was expanded before because the search ran dry: others than the tactics in `tried` are wanted.
    pub widening: u32,
    /// The tactics that were run in this state already.
    pub tried: Vec<String>,
}

/// One proposed tactic.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The tactic's text, one tactic or a sequence, without leading indentation.
    pub tactic: String,
    /// The policy's log-probability (natural log, at most 0): the mean or the sum over tokens for a language model, the
    /// normalised prior for the portfolio.
    pub logprob: f64,
    /// Tokens generated for it; 0 for the portfolio.
    pub n_tokens: u32,
}

/// A policy's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposals {
    /// The candidates, most promising first.
    pub candidates: Vec<Candidate>,
    pub cost: ModelCost,
}

/// Each tactic once, under the most probable of its candidates: the same text may come from other tokens. Most promising
/// first, of equals the earlier.
#[must_use]
pub fn merge(candidates: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
    let mut merged: Vec<Candidate> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for candidate in candidates {
        match places.get(&candidate.tactic) {
            Some(&idx) if merged[idx].logprob < candidate.logprob => merged[idx] = candidate,
            Some(_) => {}
            None => {
                places.insert(candidate.tactic.clone(), merged.len());
                merged.push(candidate);
            }
        }
    }
    merged.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    merged
}

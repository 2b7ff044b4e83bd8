//! Collects drafted tactics and turns them into ranked candidates with a normalised prior.

use super::view::View;
use crate::policy::{Candidate, ProposalRequest};
use crate::random::SplitMix64;

/// Tactics with weights, in the order in which they were drafted.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    items: Vec<Draft>,
}

#[derive(Clone, Debug)]
struct Draft {
    weight: f64,
    /// What the state that it leads to is worth, where that is not the weight: a tactic may be worth trying late and its
    /// success worth much.
    promise: Option<f64>,
    tactic: String,
}

/// A tactic that begins like this changes nothing or loops when it is run twice with the same text.
const ONCE: &[&str] = &[
    "have",
    "suffices",
    "by_cases",
    "exfalso",
    "false_or_by_contra",
    "symm",
    "specialize",
    "induction",
    "apply",
    "ext",
];

impl Drafts {
    /// Adds a tactic; a repeated one keeps the larger weight.
    pub(super) fn add(&mut self, weight: f64, tactic: impl Into<String>) {
        let tactic = without_empty_lists(tactic.into());
        match self.items.iter_mut().find(|item| item.tactic == tactic) {
            Some(item) => item.weight = item.weight.max(weight),
            None => self.items.push(Draft { weight, promise: None, tactic }),
        }
    }

    /// Adds a tactic that is tried by its weight and whose success counts as much as `promise`.
    pub(super) fn add_promising(&mut self, weight: f64, promise: f64, tactic: impl Into<String>) {
        let tactic = without_empty_lists(tactic.into());
        self.add(weight, tactic.clone());
        if let Some(item) = self.items.iter_mut().find(|item| item.tactic == tactic) {
            item.promise = Some(promise);
        }
    }

    /// Scales the weights of the tactics that `is_it` names.
    pub(super) fn scale_if(&mut self, is_it: impl Fn(&str) -> bool, factor: f64) {
        for item in self.items.iter_mut().filter(|item| is_it(&item.tactic)) {
            item.weight *= factor;
        }
    }

    /// The candidates: what the history rules out is dropped, the rest is ordered by weight and cut to the number
    /// asked for, and the weights that remain become probabilities.
    pub(super) fn rank(self, view: &View, request: &ProposalRequest) -> Vec<Candidate> {
        let mut items = self.items;
        items.retain(|item| item.weight > 0.0 && !(runs_once(&item.tactic) && view.history.contains(&item.tactic)));
        let towers: Vec<&str> = view.towers().map(|hyp| hyp.name.as_str()).collect();
        if !towers.is_empty() {
            items.retain(|item| !computes(&item.tactic, &towers));
        }
        if request.pass > 0 {
            for (idx, item) in items.iter_mut().enumerate() {
                item.weight *= jitter(request.seed, request.pass, idx);
            }
        }
        // The sort is stable: equal weights keep the order of drafting.
        items.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        items.retain(|item| !request.tried.contains(&item.tactic));
        items.truncate(usize::try_from(request.samples).unwrap_or(usize::MAX));
        let worth = |item: &Draft| item.promise.unwrap_or(item.weight);
        let total: f64 = items.iter().map(worth).sum();
        items
            .into_iter()
            .map(|item| Candidate { logprob: (worth(&item) / total).ln().min(0.0), tactic: item.tactic, n_tokens: 0 })
            .collect()
    }
}

/// The tactic would replace a variable by one of these values, or let a simplifier do it.
fn computes(tactic: &str, towers: &[&str]) -> bool {
    let simplifies = ["simp_all", "grind"].iter().any(|word| tactic.contains(word))
        || ["induction", "cases"].iter().any(|word| tactic.starts_with(word));
    simplifies || towers.iter().any(|name| tactic == format!("subst {name}") || tactic == format!("rw [{name}]"))
}

/// Where there is nothing to name, a list of names is left out.
fn without_empty_lists(tactic: String) -> String {
    ["simp", "simp_all", "grind"].iter().fold(tactic, |text, word| text.replace(&format!("{word} []"), word))
}

fn runs_once(tactic: &str) -> bool {
    let word = tactic.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    ONCE.contains(&word)
}

/// A factor between 1/3 and 3 that depends on nothing but its arguments (SplitMix64).
fn jitter(seed: u64, pass: u32, idx: usize) -> f64 {
    let place = (u64::from(pass) << 32) ^ (idx as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bits = SplitMix64::new(seed ^ place).next_u64();
    let unit = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    3.0_f64.powf(2.0 * unit - 1.0)
}

//! Drafted tactics, which become ranked candidates with a normalised prior.

use super::Candidate;

/// Tactics with weights, in the order in which they were drafted.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    items: Vec<Draft>,
}

/// A tactic with its weight.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) weight: f64,
    /// What the state that it leads to is worth, where that is not the weight: a tactic may be worth trying late and its
    /// success worth much.
    promise: Option<f64>,
    pub(super) tactic: String,
}

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

    /// Keeps those of which this holds.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Draft) -> bool) {
        self.items.retain(keep);
    }

    /// Scales each weight by what `factor` gives for its place.
    pub(super) fn vary(&mut self, mut factor: impl FnMut(usize) -> f64) {
        for (idx, item) in self.items.iter_mut().enumerate() {
            item.weight *= factor(idx);
        }
    }

    /// The candidates: what has any weight, ordered by it and cut to the number asked for; the weights that remain become
    /// probabilities.
    pub(super) fn rank(self, samples: u32) -> Vec<Candidate> {
        let mut items = self.items;
        items.retain(|item| item.weight > 0.0);
        // The sort is stable: equal weights keep the order of drafting.
        items.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        items.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
        let worth = |item: &Draft| item.promise.unwrap_or(item.weight);
        let total: f64 = items.iter().map(worth).sum();
        let candidate = |item: Draft| Candidate {
            logprob: libm::log(worth(&item) / total).min(0.0),
            tactic: item.tactic,
            n_tokens: 0,
        };
        items.into_iter().map(candidate).collect()
    }
}

/// Where there is nothing to name, a list of names is left out.
fn without_empty_lists(tactic: String) -> String {
    ["simp", "simp_all", "grind"].iter().fold(tactic, |text, word| text.replace(&format!("{word} []"), word))
}

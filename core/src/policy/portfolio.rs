//! The built-in tactic portfolio: ordered templates with prior weights that read the goal.
//!
//! It needs no model, so it is the baseline for every model and the seed of expert iteration. Each family of templates
//! looks at the first goal, the number of goals and the tactics so far, and drafts tactics with a weight; the drafts
//! are ranked, cut to the wanted number, and their weights normalised to a prior. Every template is triggered by a
//! goal's form; none knows a particular problem.

mod arith;
mod bounds;
mod closing;
pub mod counterexample;
mod equations;
mod induction;
mod numbers;
mod own;
mod residues;
mod rewriting;
mod structure;
mod view;

use self::view::View;
use super::drafts::Drafts;
use super::{Candidate, ProposalRequest};
use crate::random::SplitMix64;

/// What the portfolio may assume about the Lean that runs its tactics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Mathlib is imported, so that `ring`, `nlinarith`, `positivity`, `norm_num` and the like exist.
    pub mathlib: bool,
}

/// Proposes at most `request.samples` tactics for core Lean, most promising first, without repeats.
#[must_use]
pub fn propose(request: &ProposalRequest) -> Vec<Candidate> {
    propose_with(request, Options::default())
}

/// Proposes at most `request.samples` tactics, most promising first, without repeats.
///
/// Deterministic: pass 0 gives the plain order, later passes vary the weights by the pass and the seed.
#[must_use]
pub fn propose_with(request: &ProposalRequest, options: Options) -> Vec<Candidate> {
    let Some(goal) = request.goals.first() else {
        return Vec::new();
    };
    let view = View::new(goal, request);
    let mut drafts = Drafts::default();
    closing::draft(&view, options, &mut drafts);
    structure::draft(&view, &mut drafts);
    induction::draft(&view, &mut drafts);
    rewriting::draft(&view, &mut drafts);
    residues::draft(&view, &mut drafts);
    numbers::draft(&view, &mut drafts);
    equations::draft(&view, &mut drafts);
    counterexample::draft(&view, &mut drafts);
    own::draft(&view, &mut drafts);
    drafts.retain(|draft| draft.weight > 0.0 && !(runs_once(&draft.tactic) && view.history.contains(&draft.tactic)));
    let towers: Vec<&str> = view.towers().map(|hyp| hyp.name.as_str()).collect();
    drafts.retain(|draft| towers.is_empty() || !computes(&draft.tactic, &towers));
    if request.pass > 0 {
        drafts.vary(|idx| jitter(request.seed, request.pass, idx));
    }
    drafts.retain(|draft| !request.tried.contains(&draft.tactic) && !request.withheld.is_used_in(&draft.tactic));
    drafts.rank(request.samples)
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

/// The tactic would replace a variable by one of these values, or let a simplifier do it.
fn computes(tactic: &str, towers: &[&str]) -> bool {
    let simplifies = ["simp_all", "grind"].iter().any(|word| tactic.contains(word))
        || ["induction", "cases"].iter().any(|word| tactic.starts_with(word));
    simplifies || towers.iter().any(|name| tactic == format!("subst {name}") || tactic == format!("rw [{name}]"))
}

fn runs_once(tactic: &str) -> bool {
    let word = tactic.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    ONCE.contains(&word)
}

/// A factor between 1/3 and 3 that depends on nothing but its arguments (SplitMix64).
fn jitter(seed: u64, pass: u32, idx: usize) -> f64 {
    let place = (u64::from(pass) << 32) ^ (idx as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    libm::pow(3.0, 2.0 * SplitMix64::new(seed ^ place).unit() - 1.0)
}

#[cfg(test)]
mod tests;

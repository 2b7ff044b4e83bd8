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
mod draft;
mod equations;
mod induction;
mod numbers;
mod own;
mod residues;
mod rewriting;
mod structure;
mod view;

use self::draft::Drafts;
use self::view::View;
use super::{Candidate, ProposalRequest};

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
    drafts.rank(&view, request)
}

#[cfg(test)]
mod tests;

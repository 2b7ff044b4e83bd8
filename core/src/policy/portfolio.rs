//! The built-in tactic portfolio: ordered templates with prior weights that read the goal.

use super::{Candidate, ProposalRequest};

/// Proposes at most `request.samples` tactics, most promising first, without repeats.
#[must_use]
pub fn propose(_request: &ProposalRequest) -> Vec<Candidate> {
    todo!()
}

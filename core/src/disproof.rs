//! A disproof: the proof of a statement's negation, and the values that make the statement false where it has some.

use crate::outcome::Verdict;
use crate::policy::portfolio::counterexample::{Assignment, OwnTypes, in_words, propose};
use crate::problem::Theorem;
use crate::search::{Edge, EdgeOutcome, RecheckState, Search, SearchEnd};

/// That a statement is false.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Disproof {
    /// The name of the negation in the file.
    pub name: String,
    pub statement: String,
    /// Values of the statement's variables that make it false, where the proof uses such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Assignment>,
    /// The tactics that prove the negation.
    pub proof: Vec<String>,
    /// The recheck's judgement of that.
    pub verdict: Verdict,
    /// The Lean file that proves the negation.
    pub file: String,
}

impl Disproof {
    /// What the search of a negation has shown; `None` when it has not proved it.
    #[must_use]
    pub fn of(negation: &Search) -> Option<Self> {
        let Some(SearchEnd::Proved { proof, verdict }) = negation.end() else { return None };
        let theorem: &Theorem = negation.theorem();
        Some(Self {
            name: theorem.name.clone(),
            statement: theorem.statement.clone(),
            values: values_in(negation, &OwnTypes::of(&theorem.preamble)),
            proof: proof.clone(),
            verdict: verdict.clone(),
            file: theorem.file(proof),
        })
    }

    /// The negation with its proof, without what stands before it in the file.
    #[must_use]
    pub fn theorem(&self) -> String {
        Theorem { statement: self.statement.clone(), ..Theorem::default() }.file(&self.proof)
    }

    /// The outcome in words: `disproved: n := 2, m := 0 make it false`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.values.as_slice() {
            [] => "disproved: its negation is proved".to_owned(),
            [one] => format!("disproved: {} makes it false", in_words(std::slice::from_ref(one))),
            values => format!("disproved: {} make it false", in_words(values)),
        }
    }
}

/// The values by which the proof that a search has found refutes its statement; none when it refutes it otherwise.
fn values_in(search: &Search, own: &OwnTypes) -> Vec<Assignment> {
    let tree = search.tree();
    let is_accepted = |edge: &&Edge| matches!(edge.outcome, EdgeOutcome::Proved(RecheckState::Accepted));
    let mut at = tree.edges().iter().find(is_accepted);
    while let Some(edge) = at {
        let made = propose(search.goals(edge.parent), own);
        if let Some(found) = made.into_iter().find(|made| made.tactic == edge.tactic) {
            return found.values;
        }
        at = tree.node(edge.parent).and_then(|node| node.parent).and_then(|edge| tree.edge(edge));
    }
    Vec::new()
}

#[cfg(test)]
mod tests;

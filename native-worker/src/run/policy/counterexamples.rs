//! The policy of a negation's search: values that make the statement false come first, then whatever the statement's own
//! policy proposes.

use std::sync::Arc;

use async_trait::async_trait;
use stepwise_core::policy::portfolio::counterexample::{self, OwnTypes};
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};
use stepwise_core::problem::Theorem;

use super::{Policy, PolicyError};

/// Counterexamples before another policy's tactics.
pub struct Counterexamples {
    name: String,
    inner: Arc<dyn Policy>,
    own: OwnTypes,
    /// How many tactics the other policy is asked for.
    samples: u32,
}

impl Counterexamples {
    /// The policy for the search of this negation.
    #[must_use]
    pub fn new(inner: Arc<dyn Policy>, negation: &Theorem, samples: u32) -> Self {
        let name = format!("{}, after counterexamples", inner.name());
        Self { name, inner, own: OwnTypes::of(&negation.preamble), samples }
    }
}

#[async_trait]
impl Policy for Counterexamples {
    fn name(&self) -> &str {
        &self.name
    }

    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let inner = self.inner.for_imports(imports)?;
        Some(Arc::new(Self { name: self.name.clone(), inner, own: self.own.clone(), samples: self.samples }))
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        // Further on the same values would come again, with a hypothesis in the place of the goal.
        let values =
            if request.history.is_empty() { counterexample::propose(&request.goals, &self.own) } else { Vec::new() };
        let samples = self.samples.min(request.samples);
        let mut proposals = self.inner.propose(&ProposalRequest { samples, ..request.clone() }).await?;
        // They close the goal or fail, so that no state is ranked by their probability.
        let first = values.into_iter().map(|one| Candidate { tactic: one.tactic, logprob: -1.0, n_tokens: 0 });
        proposals.candidates = first.chain(proposals.candidates).collect();
        Ok(proposals)
    }
}

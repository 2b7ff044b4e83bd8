//! A policy with the portfolio beside it where a search has run dry: states that are expanded once more get tactics of
//! both, so that a model that repeats itself does not end the search.

use std::sync::Arc;

use async_trait::async_trait;
use stepwise_core::policy::mixture::WIDENING_SHARE;
use stepwise_core::policy::{ProposalRequest, Proposals};

use super::mixture::Mixture;
use super::{Policy, PolicyError};

/// A policy that is asked alone as long as states are new.
pub struct Widening {
    alone: Arc<dyn Policy>,
    together: Mixture,
}

impl Widening {
    /// `alone`, and `beside` it where a state is expanded once more.
    #[must_use]
    pub fn new(alone: Arc<dyn Policy>, beside: Arc<dyn Policy>) -> Self {
        Self { together: Mixture::new(Arc::clone(&alone), beside, WIDENING_SHARE), alone }
    }
}

#[async_trait]
impl Policy for Widening {
    fn name(&self) -> &str {
        self.alone.name()
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        if request.widening == 0 { self.alone.propose(request).await } else { self.together.propose(request).await }
    }
}

#[cfg(test)]
mod tests {
    use stepwise_core::cost::ModelCost;
    use stepwise_core::goal::Goal;
    use stepwise_core::policy::Candidate;

    use super::*;
    use crate::run::policy::Portfolio;

    /// Says the same whatever it is asked.
    struct Stubborn;

    #[async_trait]
    impl Policy for Stubborn {
        fn name(&self) -> &str {
            "stubborn"
        }

        async fn propose(&self, _: &ProposalRequest) -> Result<Proposals, PolicyError> {
            let candidate = Candidate { tactic: "skip".to_owned(), logprob: 0.0, n_tokens: 1 };
            Ok(Proposals { candidates: vec![candidate], cost: ModelCost::default() })
        }
    }

    #[tokio::test]
    async fn the_portfolio_joins_where_a_state_is_expanded_once_more() {
        let policy = Widening::new(Arc::new(Stubborn), Arc::new(Portfolio));
        let first = ProposalRequest {
            goals: vec![Goal::parse("n : Nat\n⊢ n + 0 = n")],
            samples: 8,
            ..ProposalRequest::default()
        };
        assert_eq!(policy.propose(&first).await.unwrap().candidates.len(), 1);
        let again = ProposalRequest { widening: 1, tried: vec!["skip".to_owned(), "simp".to_owned()], ..first };
        let candidates = policy.propose(&again).await.unwrap().candidates;
        let tactics: Vec<&str> = candidates.iter().map(|candidate| candidate.tactic.as_str()).collect();
        assert!(tactics.len() > 4 && !tactics.contains(&"simp"), "{tactics:?}");
        assert_eq!(policy.name(), "stubborn");
    }
}

//! A mixture of two policies, such as the portfolio and a model: both are asked, and their tactics become one list, as
//! [`stepwise_core::policy::mixture`] tells.

use std::sync::Arc;

use async_trait::async_trait;
use stepwise_core::policy::mixture::Shares;
use stepwise_core::policy::{ProposalRequest, Proposals};

use super::{Policy, PolicyError};

/// Two policies that share the samples.
pub struct Mixture {
    first: Arc<dyn Policy>,
    second: Arc<dyn Policy>,
    second_share: f64,
    name: String,
}

impl Mixture {
    /// A mixture in which `second` gets this share of the samples, from 0 to 1, and what `first` leaves of the rest.
    #[must_use]
    pub fn new(first: Arc<dyn Policy>, second: Arc<dyn Policy>, second_share: f64) -> Self {
        let second_share = if second_share.is_nan() { 0.5 } else { second_share.clamp(0.0, 1.0) };
        let name = format!("{} + {second_share} of {}", first.name(), second.name());
        Self { first, second, second_share, name }
    }
}

#[async_trait]
impl Policy for Mixture {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let shares = Shares::new(request.samples, self.second_share);
        let first = ask(&*self.first, request, shares.first()).await?;
        let second = ask(&*self.second, request, shares.second(first.candidates.len())).await?;
        let mut cost = first.cost;
        cost += second.cost;
        Ok(Proposals { candidates: shares.mix(first.candidates, second.candidates), cost })
    }

    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let (first, second) = (self.first.for_imports(imports), self.second.for_imports(imports));
        if first.is_none() && second.is_none() {
            return None;
        }
        Some(Arc::new(Self {
            first: first.unwrap_or_else(|| Arc::clone(&self.first)),
            second: second.unwrap_or_else(|| Arc::clone(&self.second)),
            second_share: self.second_share,
            name: self.name.clone(),
        }))
    }
}

/// Proposals of one policy for its share, which may be nothing.
async fn ask(policy: &dyn Policy, request: &ProposalRequest, samples: u32) -> Result<Proposals, PolicyError> {
    if samples == 0 {
        return Ok(Proposals::default());
    }
    policy.propose(&ProposalRequest { samples, ..request.clone() }).await
}

#[cfg(test)]
mod tests {
    use stepwise_core::cost::ModelCost;
    use stepwise_core::goal::Goal;

    use super::*;
    use crate::run::policy::Portfolio;

    #[tokio::test]
    async fn both_policies_are_asked_for_their_share() {
        let portfolio: Arc<dyn Policy> = Arc::new(Portfolio);
        let mixture = Mixture::new(Arc::clone(&portfolio), Arc::clone(&portfolio), 0.25);
        let request = ProposalRequest {
            theorem: "t".to_owned(),
            goals: vec![Goal::parse("n : Nat\n⊢ n + 0 = n")],
            history: Vec::new(),
            samples: 8,
            pass: 0,
            seed: 0,
            without: Vec::new(),
            ..ProposalRequest::default()
        };
        let proposals = mixture.propose(&request).await.unwrap();
        let alone = portfolio.propose(&ProposalRequest { samples: 6, ..request }).await.unwrap();
        // The second's two are among the first's six.
        let tactics = |proposals: &Proposals| proposals.candidates.iter().map(|c| c.tactic.clone()).collect::<Vec<_>>();
        assert_eq!(tactics(&proposals), tactics(&alone));
        assert_eq!(proposals.cost, ModelCost::default());
        assert_eq!(mixture.name(), format!("{0} + 0.25 of {0}", portfolio.name()));
    }
}

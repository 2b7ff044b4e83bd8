//! A policy that does not take the short way: proofs in more steps, from which a critic learns what lies between.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::syntax::{AUTOMATION, Withheld};

use super::{Policy, PolicyError};

/// How many times as many candidates are asked for, as most of them are left out.
const MORE: u32 = 4;

/// Another policy without its automation in the first one or two steps of a proof, drawn by the theorem.
pub struct Detail {
    policy: Arc<dyn Policy>,
    name: String,
    automation: Withheld,
}

impl Detail {
    /// That policy in detail.
    #[must_use]
    pub fn new(policy: Arc<dyn Policy>) -> Self {
        let name = format!("{} in detail", policy.name());
        Self { policy, name, automation: Withheld::of(&AUTOMATION) }
    }
}

#[async_trait]
impl Policy for Detail {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        if request.history.len() >= n_steps(&request.theorem) {
            return self.policy.propose(request).await;
        }
        let more = ProposalRequest { samples: request.samples.saturating_mul(MORE), ..request.clone() };
        let mut proposals = self.policy.propose(&more).await?;
        proposals.candidates.retain(|candidate| !self.automation.is_used_in(&candidate.tactic));
        proposals.candidates.truncate(request.samples as usize);
        Ok(proposals)
    }

    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let policy = self.policy.for_imports(imports)?;
        Some(Arc::new(Self { policy, name: self.name.clone(), automation: self.automation.clone() }))
    }
}

/// The steps of a proof that are made without automation: one or two.
fn n_steps(theorem: &str) -> usize {
    1 + usize::from(Sha256::digest(theorem)[0] % 2)
}

#[cfg(test)]
mod tests {
    use stepwise_core::goal::Goal;

    use super::super::Portfolio;
    use super::*;

    #[tokio::test]
    async fn the_first_steps_go_without_automation() {
        let detail = Detail::new(Arc::new(Portfolio));
        let theorem = (0..).map(|n| format!("t{n}")).find(|name| n_steps(name) == 1).unwrap();
        let mut request = ProposalRequest {
            theorem,
            goals: vec![Goal::parse("p q : Prop\n⊢ p ∧ q → q ∧ p")],
            history: Vec::new(),
            samples: 8,
            pass: 0,
            seed: 0,
            without: Vec::new(),
            ..ProposalRequest::default()
        };
        let first = detail.propose(&request).await.unwrap().candidates;
        assert!(!first.is_empty() && first.len() <= 8);
        assert!(first.iter().all(|candidate| !detail.automation.is_used_in(&candidate.tactic)));
        request.history.push("skip".to_owned());
        let later = detail.propose(&request).await.unwrap().candidates;
        assert!(later.iter().any(|candidate| detail.automation.is_used_in(&candidate.tactic)));
    }
}

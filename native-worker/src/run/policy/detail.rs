//! A policy that does not take the short way: proofs in more steps, from which a critic learns what lies between.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use stepwise_core::policy::{ProposalRequest, Proposals};

use super::{Policy, PolicyError};

/// Tactics that decide or search by themselves.
const AUTOMATION: [&str; 16] = [
    "aesop",
    "bv_decide",
    "decide",
    "exact?",
    "grind",
    "linarith",
    "native_decide",
    "nlinarith",
    "norm_num",
    "omega",
    "positivity",
    "rfl",
    "ring",
    "simp",
    "simp_all",
    "simp_arith",
];

/// How many times as many candidates are asked for, as most of them are left out.
const MORE: u32 = 4;

/// Another policy without its automation in the first one or two steps of a proof, drawn by the theorem.
pub struct Detail {
    policy: Arc<dyn Policy>,
    name: String,
}

impl Detail {
    /// That policy in detail.
    #[must_use]
    pub fn new(policy: Arc<dyn Policy>) -> Self {
        let name = format!("{} in detail", policy.name());
        Self { policy, name }
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
        proposals.candidates.retain(|candidate| !is_automatic(&candidate.tactic));
        proposals.candidates.truncate(request.samples as usize);
        Ok(proposals)
    }

    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let policy = self.policy.for_imports(imports)?;
        Some(Arc::new(Self { policy, name: self.name.clone() }))
    }
}

/// The steps of a proof that are made without automation: one or two.
fn n_steps(theorem: &str) -> usize {
    1 + usize::from(Sha256::digest(theorem)[0] % 2)
}

/// Whether a tactic uses automation anywhere.
fn is_automatic(tactic: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '?' | '.' | '\'');
    tactic.split(|c| !is_part(c)).any(|word| AUTOMATION.contains(&word))
}

#[cfg(test)]
mod tests {
    use stepwise_core::goal::Goal;

    use super::super::Portfolio;
    use super::*;

    #[test]
    fn automation_is_found_in_any_place() {
        for tactic in [
            "grind",
            "simp [Nat.add_comm]",
            "cases n <;> omega",
            "induction n with\n| zero => rfl\n| succ n ih => skip",
        ] {
            assert!(is_automatic(tactic), "{tactic}");
        }
        for tactic in ["intro h", "rw [Nat.add_comm]", "exact Foo.decide h", "apply grind_helper", "cases simpler"] {
            assert!(!is_automatic(tactic), "{tactic}");
        }
    }

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
        assert!(first.iter().all(|candidate| !is_automatic(&candidate.tactic)));
        request.history.push("skip".to_owned());
        let later = detail.propose(&request).await.unwrap().candidates;
        assert!(later.iter().any(|candidate| is_automatic(&candidate.tactic)));
    }
}

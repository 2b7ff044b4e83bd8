//! Who proposes tactics: the trait that every policy implements, and the built-in portfolio as its first provider.

pub mod counterexamples;
pub mod detail;
pub mod endpoint;
pub mod mixture;
pub mod premises;
pub mod widening;

use std::sync::Arc;

use async_trait::async_trait;
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{ProposalRequest, Proposals, portfolio};
use stepwise_inference::ModelError;

/// A policy could not answer. The search stops and its log stays resumable: an answer that never came is no evidence
/// about the theorem.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the policy {policy} did not answer: {message}")]
pub struct PolicyError {
    pub policy: String,
    /// What happened, and what to do about it where that is known here.
    pub message: String,
    /// Of a model in this process.
    #[source]
    pub cause: Option<ModelFailure>,
}

/// A model in this process did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelFailure {
    /// Its thread panicked; the panic's message is on standard error.
    #[error("its thread died, which its message on standard error explains")]
    Died,
    #[error(transparent)]
    Model(Arc<ModelError>),
}

impl ModelFailure {
    /// Whether the device may be to blame, so that the same question may be answered on another one.
    #[must_use]
    pub fn blames_device(&self) -> bool {
        match self {
            Self::Died => true,
            Self::Model(error) => error.blames_device(),
        }
    }
}

/// Proposes tactics. Shared by all searches of a run, so an implementation batches if batching pays.
#[async_trait]
pub trait Policy: Send + Sync {
    /// A stable name that goes into records, with whatever tells two versions apart.
    fn name(&self) -> &str;

    /// At most `request.samples` tactics, most promising first.
    ///
    /// # Errors
    /// When it cannot answer at all; no idea for a state is an empty list.
    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError>;

    /// The policy to ask about a theorem with these imports, where that is another one; its name is the same.
    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let _ = imports;
        None
    }
}

/// The policy to ask about a theorem with these imports.
#[must_use]
pub fn for_imports(policy: &Arc<dyn Policy>, imports: &[String]) -> Arc<dyn Policy> {
    policy.for_imports(imports).unwrap_or_else(|| Arc::clone(policy))
}

/// The built-in tactic portfolio: no model, no cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portfolio;

/// The portfolio for a project that has Mathlib, with Mathlib's tactics where a theorem imports it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MathlibPortfolio;

/// The portfolio for a Lean that has Mathlib, or has not.
#[must_use]
pub fn portfolio(options: portfolio::Options) -> Arc<dyn Policy> {
    if options.mathlib { Arc::new(MathlibPortfolio) } else { Arc::new(Portfolio) }
}

#[async_trait]
impl Policy for Portfolio {
    fn name(&self) -> &str {
        concat!("portfolio ", env!("CARGO_PKG_VERSION"))
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        Ok(Proposals { candidates: portfolio::propose(request), cost: ModelCost::default() })
    }
}

#[async_trait]
impl Policy for MathlibPortfolio {
    fn name(&self) -> &str {
        concat!("portfolio ", env!("CARGO_PKG_VERSION"), " with Mathlib")
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let candidates = portfolio::propose_with(request, portfolio::Options { mathlib: true });
        Ok(Proposals { candidates, cost: ModelCost::default() })
    }

    /// Without imports of its own a theorem has those of the host, which are the project's.
    fn for_imports(&self, imports: &[String]) -> Option<Arc<dyn Policy>> {
        let has_mathlib = |module: &String| module.split('.').next() == Some("Mathlib");
        if imports.is_empty() || imports.iter().any(has_mathlib) { None } else { Some(Arc::new(Portfolio)) }
    }
}

#[cfg(test)]
mod tests {
    use stepwise_core::goal::Goal;

    use super::mixture::Mixture;
    use super::*;

    #[tokio::test]
    async fn mathlibs_tactics_are_offered_where_a_theorem_imports_it() {
        let request = ProposalRequest {
            theorem: "t".to_owned(),
            goals: vec![Goal::parse("x y : Int\nh : 0 < x\n⊢ 2 * x * y ≤ x ^ 2 + y ^ 2")],
            history: Vec::new(),
            samples: 64,
            pass: 0,
            seed: 0,
            without: Vec::new(),
            withheld: Default::default(),
            declarations: Default::default(),
            widening: 0,
            tried: Vec::new(),
        };
        let plain = portfolio(portfolio::Options::default());
        let rich = portfolio(portfolio::Options { mathlib: true });
        assert_ne!(plain.name(), rich.name());
        let mixed: Arc<dyn Policy> = Arc::new(Mixture::new(Arc::clone(&plain), Arc::clone(&rich), 0.9));
        let imports = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (policy, imports, offers) in [
            (&plain, imports(&["Mathlib"]), false),
            (&rich, imports(&[]), true),
            (&rich, imports(&["Mathlib.Tactic.Linarith"]), true),
            (&rich, imports(&["Init.Omega"]), false),
            (&mixed, imports(&["Mathlib"]), true),
            (&mixed, imports(&["Std"]), false),
        ] {
            let policy = for_imports(policy, &imports);
            let candidates = policy.propose(&request).await.unwrap().candidates;
            let has = candidates.iter().any(|candidate| candidate.tactic.contains("nlinarith"));
            assert_eq!(has, offers, "{} with {imports:?}", policy.name());
        }
    }
}

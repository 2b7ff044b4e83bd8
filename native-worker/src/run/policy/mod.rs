//! Who proposes tactics: the trait that every policy implements, and the built-in portfolio as its first provider.

pub mod counterexamples;
pub mod detail;
pub mod endpoint;
pub mod mixture;
pub mod premises;

use async_trait::async_trait;
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{ProposalRequest, Proposals, portfolio};

/// A policy could not answer. The search stops and its log stays resumable: an answer that never came is no evidence
/// about the theorem.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the policy {policy} did not answer: {message}")]
pub struct PolicyError {
    /// Its name.
    pub policy: String,
    /// What to do about it.
    pub message: String,
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
}

/// The built-in tactic portfolio: no model, no cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portfolio;

#[async_trait]
impl Policy for Portfolio {
    fn name(&self) -> &str {
        concat!("portfolio ", env!("CARGO_PKG_VERSION"))
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        Ok(Proposals { candidates: portfolio::propose(request), cost: ModelCost::default() })
    }
}

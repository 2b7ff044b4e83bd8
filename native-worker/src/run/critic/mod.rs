//! Who scores states: the trait that every critic implements.

pub mod endpoint;

use async_trait::async_trait;
use stepwise_core::critic::{ScoreRequest, Scores};

use super::policy::ModelFailure;

/// A critic could not answer. The search stops and its log stays resumable.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the critic {critic} did not answer: {message}")]
pub struct CriticError {
    pub critic: String,
    /// What happened, and what to do about it where that is known here.
    pub message: String,
    /// Of a model in this process.
    #[source]
    pub cause: Option<ModelFailure>,
}

/// Scores proof states. Shared by all searches of a run.
#[async_trait]
pub trait Critic: Send + Sync {
    /// A stable name that goes into records, with whatever tells two versions apart.
    fn name(&self) -> &str;

    /// One score per state, in the order of the request.
    ///
    /// # Errors
    /// When it cannot answer at all.
    async fn score(&self, request: &ScoreRequest) -> Result<Scores, CriticError>;
}

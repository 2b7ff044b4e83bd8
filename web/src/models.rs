//! Stands in for the models in the browser until they are built: every question fails, and says why.

use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::policy::{ProposalRequest, Proposals};

const REASON: &str = "not built yet";

/// Where the models run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// On the server.
    Server,
    /// In the browser, on WebGPU.
    BrowserGpu,
    /// In the browser, on the CPU.
    BrowserCpu,
}

/// What the visitor is told about the models in the browser.
#[allow(dead_code, reason = "this placeholder only ever fails")]
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ModelStatus {
    /// Not started.
    Idle,
    /// Bytes that came, of how many.
    Loading { done: u64, total: u64 },
    /// The device is being held against the CPU.
    Testing,
    /// Questions are answered.
    Ready { device: String, self_test_error: f32 },
    /// They cannot be used.
    Failed { reason: String },
}

/// The worker with the models.
#[derive(Clone)]
pub(crate) struct BrowserModels;

impl BrowserModels {
    /// Starts the worker.
    pub(crate) fn start(
        _place: Place,
        on_status: impl Fn(ModelStatus) + 'static,
        _on_fallback: impl Fn(Place, String) + 'static,
    ) -> Self {
        leptos::prelude::set_timeout(
            move || on_status(ModelStatus::Failed { reason: REASON.into() }),
            std::time::Duration::ZERO,
        );
        Self
    }

    /// Asks the policy.
    pub(crate) async fn propose(&self, _request: &ProposalRequest) -> Result<Proposals, String> {
        Err(REASON.into())
    }

    /// Asks the critic.
    pub(crate) async fn score(&self, _request: &ScoreRequest) -> Result<Scores, String> {
        Err(REASON.into())
    }

    /// Ends the worker.
    pub(crate) fn stop(&self) {}
}

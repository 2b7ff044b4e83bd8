//! What the server's sessions share: Lean, policy, critic, and what a session may do.

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::problem::Defaults;
use stepwise_core::wire::{self, Limits};

use crate::lean::pool::{Pool, PoolError};
use crate::run::critic::Critic;
use crate::run::policy::Policy;

/// What the sessions share.
pub struct Service {
    pub pool: Pool,
    /// Who answers `suggest` and `search`.
    pub policy: Arc<dyn Policy>,
    /// Who scores states, if anybody does.
    pub critic: Option<Arc<dyn Critic>>,
    /// What a statement gets that brings no header of its own.
    pub defaults: Defaults,
    /// Expansions of a search at once.
    pub in_flight: u32,
    /// The name and version of the Lean that runs.
    pub lean: String,
    /// What a session may do.
    pub limits: Limits,
}

impl Service {
    /// Puts a service together, and starts a Lean process to learn its version.
    ///
    /// # Errors
    /// Lean cannot be started.
    pub async fn new(
        pool: Pool,
        policy: Arc<dyn Policy>,
        critic: Option<Arc<dyn Critic>>,
        defaults: Defaults,
        in_flight: u32,
        limits: Limits,
    ) -> Result<Self, PoolError> {
        let info = pool.info().await?;
        let lean = info.to_string();
        Ok(Self { pool, policy, critic, defaults, in_flight, lean, limits })
    }

    /// What the server says that it is.
    #[must_use]
    pub fn info(&self) -> wire::Info {
        wire::Info {
            protocol: wire::VERSION,
            server: concat!("stepwise ", env!("CARGO_PKG_VERSION")).to_owned(),
            lean: self.lean.clone(),
            policy: self.policy.name().to_owned(),
            critic: self.critic.as_ref().map(|critic| critic.name().to_owned()),
            limits: self.limits,
            campaign: None,
        }
    }
}

/// What a session may do unless the caller says otherwise.
#[must_use]
pub fn default_limits(step_limit: Duration) -> Limits {
    Limits {
        message_bytes: 1 << 20,
        requests: 32,
        tactics: 64,
        states: 20_000,
        step_ms: u64::try_from(step_limit.as_millis()).unwrap_or(u64::MAX),
        expansions: 10_000,
        search_ms: 3_600_000,
        keep_s: 1800,
    }
}

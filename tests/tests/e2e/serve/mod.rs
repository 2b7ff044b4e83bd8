//! `stepwise serve` with real Lean, spoken to in bytes: proofs step by step, searches, lost connections, killed hosts, and
//! what is refused.

mod access;
mod client;
mod hostile;
pub(crate) mod http;
mod proving;
mod trouble;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::problem::Defaults;
use stepwise_core::wire::Limits;
use stepwise_worker::lean::pool::Pool;
use stepwise_worker::run::critic::{Critic, CriticError};
use stepwise_worker::run::policy::Portfolio;
use stepwise_worker::serve::{self, Access, AccessOptions, Service};
use stepwise_worker::stop::{Stop, StopLevel};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::lean;

/// A critic that prefers few goals.
struct Fewest;

#[async_trait]
impl Critic for Fewest {
    fn name(&self) -> &str {
        "fewest goals"
    }

    async fn score(&self, request: &ScoreRequest) -> Result<Scores, CriticError> {
        let scores = request.states.iter().map(|goals| -(goals.len() as f64)).collect();
        Ok(Scores { scores, ..Scores::default() })
    }
}

/// A server on a free port; it stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pool: Pool,
    stop: watch::Sender<StopLevel>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(StopLevel::Abort);
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(AccessOptions::default(), |_| {}).await
    }

    pub(crate) async fn with(options: AccessOptions, limit: impl FnOnce(&mut Limits)) -> Self {
        Self::with_step_limit(Duration::from_secs(5), options, limit).await
    }

    pub(crate) async fn with_step_limit(
        step_limit: Duration,
        options: AccessOptions,
        limit: impl FnOnce(&mut Limits),
    ) -> Self {
        let pool = lean::pool(2, step_limit);
        let mut limits = serve::default_limits(step_limit);
        limit(&mut limits);
        let critic: Arc<dyn Critic> = Arc::new(Fewest);
        let service = Service::new(pool.clone(), Arc::new(Portfolio), Some(critic), Defaults::default(), 1, limits);
        let service = service.await.expect("Lean starts");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().unwrap();
        let (sender, stop) = Stop::channel();
        tokio::spawn(serve::run(listener, Arc::new(service), Arc::new(Access::new(address, options)), None, stop));
        Self { address, pool, stop: sender }
    }
}

//! The server behind `stepwise serve`: the page, and sessions in which it proves step by step on native Lean.
//!
//! `docs/protocol.md` in the repository is what it speaks. [`access`] decides who may connect and [`secret`] what only they know, [`sessions`] keeps the sessions,
//! [`session`] takes in requests and [`requests`] carries them out; [`socket`] and [`http`] are the two ways in, and
//! [`assets`] the files of the page. [`connections`] takes them all in. All sessions share one pool of Lean hosts, which serves
//! them in turn.

mod access;
mod assets;
mod connections;
mod http;
mod journal;
mod outbox;
mod problem;
mod requests;
mod secret;
mod session;
mod sessions;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use stepwise_core::problem::Defaults;
use stepwise_core::wire::{self, Limits};
use tokio::net::TcpListener;

pub use self::access::{Access, AccessOptions};
pub use self::assets::has_page;
pub use self::secret::new_token;
use self::sessions::Sessions;
use crate::lean::pool::{Pool, PoolError};
use crate::run::critic::Critic;
use crate::run::policy::Policy;
use crate::stop::{Stop, StopLevel};

/// Sessions at once; a new one beyond that takes the place of one that nobody is connected to, or is refused.
const MAX_SESSIONS: usize = 512;

/// How often sessions are looked over for idle ones.
const SWEEP: Duration = Duration::from_secs(10);

/// How long connections get to close when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

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

/// What every handler is given.
#[derive(Clone)]
struct App {
    sessions: Arc<Sessions>,
    access: Arc<Access>,
    stop: Stop,
}

/// Serves until `stop` is raised; connections are then told and closed.
pub async fn run(listener: TcpListener, service: Arc<Service>, access: Access, stop: Stop) {
    let app =
        App { sessions: Arc::new(Sessions::new(service, MAX_SESSIONS)), access: Arc::new(access), stop: stop.clone() };
    let sessions = Arc::clone(&app.sessions);
    let sweep = tokio::spawn(async move {
        let mut every = tokio::time::interval(SWEEP);
        loop {
            every.tick().await;
            sessions.sweep();
        }
    });
    let mut farewell = stop.clone();
    tokio::select! {
        () = connections::accept(listener, router(app.clone()), stop) => {}
        () = async {
            farewell.reached(StopLevel::Drain).await;
            tokio::time::sleep(FAREWELL).await;
        } => {}
    };
    sweep.abort();
    app.sessions.end_all();
}

fn router(app: App) -> Router {
    let api = Router::new()
        .route("/info", get(http::info))
        .route("/sessions", post(http::create))
        .route("/sessions/{name}", axum::routing::delete(http::end))
        .route("/sessions/{name}/requests", post(http::request))
        .route("/sessions/{name}/messages", get(http::messages))
        .route("/tickets", post(http::ticket))
        .route("/socket", any(socket::upgrade))
        .fallback(http::unknown)
        .method_not_allowed_fallback(http::other_method)
        .layer(from_fn_with_state(app.clone(), access::authorise));
    Router::new()
        .nest("/api/v1", api)
        .fallback(assets::serve)
        .layer(app.access.cors())
        .layer(from_fn_with_state(app.clone(), access::admit))
        .with_state(app)
}

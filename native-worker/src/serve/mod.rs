//! The server behind `stepwise serve`: the page, and sessions in which it proves step by step on native Lean.
//!
//! `docs/protocol.md` in the repository is what it speaks. [`access`] decides who may connect and [`secret`] what only they
//! know, [`sessions`] keeps the sessions, [`session`] what each has come to, and [`requests`] takes requests in and carries
//! them out; [`socket`] and [`http`] are the two ways in, and [`assets`] the files of the page. [`connections`] takes them
//! all in. All sessions share one pool of Lean hosts, which serves them in turn.

pub(crate) mod access;
mod app;
pub(crate) mod assets;
pub(crate) mod body;
pub(crate) mod connections;
mod http;
mod journal;
mod outbox;
pub(crate) mod problem;
mod requests;
mod secret;
mod service;
mod session;
mod sessions;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use stepwise_core::wire::campaign::CoordinatorInfo;
use tokio::net::TcpListener;

pub use self::access::{Access, AccessOptions};
use self::app::App;
pub use self::assets::has_page;
pub use self::connections::listen;
pub use self::secret::new_token;
pub use self::service::{Service, default_limits};
use self::sessions::Sessions;
use crate::stop::Stop;

/// Sessions at once; a new one beyond that takes the place of one that nobody is connected to, or is refused.
const MAX_SESSIONS: usize = 512;

/// Connections at once.
const MAX_CONNECTIONS: u32 = 640;

/// How often sessions are looked over for idle ones.
const SWEEP: Duration = Duration::from_secs(10);

/// A campaign that is served under the same address.
pub struct Beside {
    /// What the page is told of it.
    pub info: CoordinatorInfo,
    /// Its addresses.
    pub routes: Router,
}

/// Serves until `stop` is raised; connections are then told and closed.
pub async fn run(
    listener: TcpListener,
    service: Arc<Service>,
    access: Arc<Access>,
    beside: Option<Beside>,
    stop: Stop,
) {
    let (campaign, routes) = beside.map_or_else(Default::default, |Beside { info, routes }| (Some(info), routes));
    let sessions = Arc::new(Sessions::new(service, MAX_SESSIONS));
    let app = App { sessions, access, stop: stop.clone(), campaign };
    let sessions = Arc::clone(&app.sessions);
    let sweep = tokio::spawn(async move {
        let mut every = tokio::time::interval(SWEEP);
        loop {
            every.tick().await;
            sessions.sweep();
        }
    });
    connections::accept(listener, router(app.clone(), routes), MAX_CONNECTIONS, stop).await;
    sweep.abort();
    app.sessions.end_all();
}

/// `routes` are of the campaign that is served too; they ask for no token of this server.
fn router(app: App, routes: Router) -> Router {
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
        .with_state(app.clone())
        .merge(routes)
        .fallback(assets::serve)
        .layer(app.access.cors())
        .layer(from_fn_with_state(app, access::admit))
}

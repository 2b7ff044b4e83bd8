//! What runs while a campaign is served: the keeper, who takes back what was lost and opens stages, and the verifiers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use parking_lot::RwLock;
use stepwise_core::wire::campaign::State;
use stepwise_ledger::operations::{Advance, Advanced, ReadOverview, ReadPace, Reap, Timing};
use stepwise_ledger::{Ledger, LedgerError};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Tell, http, verifier};
use crate::lean::pool::Pool;
use crate::serve::access::{self, Access};
use crate::serve::{assets, connections};
use crate::stop::Stop;

/// How often the keeper looks.
const ROUND: Duration = Duration::from_secs(1);

/// How often it looks for what was lost, and at how long searches take.
const SLOW_ROUND: u32 = 5;

/// What a search is taken to last before any has ended.
const FIRST_PACE_MS: u64 = 30_000;

/// Nothing is given out while the oldest proof has waited for so long.
const BACKLOG_S: u64 = 1800;

/// What a coordinator is started with.
pub struct Options {
    /// How long what may take.
    pub timing: Timing,
    /// Where Lean verifies: a pool for each verifier.
    pub verifiers: Vec<Pool>,
    /// Told what became of each proof.
    pub judged: Arc<Tell>,
    /// Told once when the campaign is over.
    pub over: Arc<dyn Fn() + Send + Sync>,
}

/// What the handlers of requests share.
#[derive(Clone)]
pub(super) struct App {
    pub(super) ledger: Ledger,
    pub(super) timing: Timing,
    pub(super) access: Arc<Access>,
    pub(super) seen: Arc<RwLock<Seen>>,
    /// Wakes a verifier when a proof has come.
    pub(super) proofs: Arc<Notify>,
}

/// What the keeper has seen last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// How long a search takes, in milliseconds.
    pub(super) pace_ms: u64,
    /// Whether too many proofs wait to give out more searches.
    pub(super) is_behind: bool,
    /// Sessions that work, or could.
    pub(super) sessions: u64,
}

impl FromRef<App> for Arc<Access> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.access)
    }
}

/// Serves a campaign until `stop` is raised. What is under way elsewhere goes on, and is handed in to the next coordinator.
///
/// # Errors
/// The ledger cannot be read.
pub async fn run(
    listener: TcpListener,
    ledger: Ledger,
    access: Access,
    options: Options,
    stop: Stop,
) -> Result<(), LedgerError> {
    ledger.read(ReadOverview).await?;
    let seen = Seen { pace_ms: FIRST_PACE_MS, is_behind: false, sessions: 0 };
    let app = App {
        ledger: ledger.clone(),
        timing: options.timing,
        access: Arc::new(access),
        seen: Arc::new(RwLock::new(seen)),
        proofs: Arc::new(Notify::new()),
    };
    let mut tasks = JoinSet::new();
    for pool in options.verifiers {
        let woken = Arc::clone(&app.proofs);
        tasks.spawn(verifier::verify(ledger.clone(), pool, options.timing, woken, Arc::clone(&options.judged)));
    }
    tasks.spawn(keep(app.clone(), options.over));
    connections::accept(listener, router(app), stop).await;
    tasks.shutdown().await;
    Ok(())
}

fn router(app: App) -> Router {
    let api = Router::new()
        .route("/campaign", get(http::overview))
        .route("/join", post(http::join))
        .route("/sessions", post(http::enrol))
        .route("/claims", post(http::claim))
        .route("/heartbeats", post(http::beat))
        .route("/results", post(http::results))
        .route("/abandon", post(http::abandon))
        .fallback(http::unknown)
        .method_not_allowed_fallback(http::other_method)
        .layer(DefaultBodyLimit::max(http::MESSAGE_BYTES));
    Router::new()
        .nest("/api/v1/campaign", api)
        .fallback(assets::serve)
        .layer(from_fn_with_state(app.clone(), access::admit))
        .with_state(app)
}

/// Takes back what was lost, and opens one stage after the other.
async fn keep(app: App, over: Arc<dyn Fn() + Send + Sync>) {
    let mut every = tokio::time::interval(ROUND);
    let mut is_over = false;
    for round in 0_u32.. {
        every.tick().await;
        match look(&app, round.is_multiple_of(SLOW_ROUND)).await {
            Ok(true) if !is_over => {
                is_over = true;
                over();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("the ledger does not answer: {error}"),
        }
    }
}

/// One look; whether the campaign is over.
async fn look(app: &App, is_slow: bool) -> Result<bool, LedgerError> {
    if is_slow {
        app.ledger.run(Reap(app.timing)).await?;
        let overview = app.ledger.read(ReadOverview).await?;
        let pace = app.ledger.read(ReadPace).await?;
        *app.seen.write() = Seen {
            pace_ms: pace.unwrap_or(FIRST_PACE_MS).max(1),
            is_behind: overview.waiting_s > BACKLOG_S,
            sessions: overview.sessions,
        };
        if overview.state == State::Halted {
            return Ok(true);
        }
    }
    Ok(app.ledger.run(Advance).await? == Advanced::Done)
}

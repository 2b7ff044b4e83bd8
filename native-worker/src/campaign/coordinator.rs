//! What runs while a campaign is served: the keeper, who takes back what was lost and opens stages, and the verifiers; or,
//! where it is only looked at, nothing that changes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use parking_lot::RwLock;
use stepwise_core::wire::campaign::{CoordinatorInfo, VERSION};
use stepwise_ledger::operations::{Advance, Advanced, Manifest, ReadLastEvent, ReadManifest, Reap, Timing};
use stepwise_ledger::{Ledger, LedgerError};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch as watched};
use tokio::task::JoinSet;

use super::admission::Admission;
use super::hearing::Hearing;
use super::look::{Seen, look, look_back};
use super::{Tell, admission, blobs, files, http, verifier, watch};
use crate::blobs::Blobs;
use crate::lean::pool::Pool;
use crate::process;
use crate::serve::access::{self, Access};
use crate::serve::{assets, connections};
use crate::stop::Stop;

/// How often the keeper looks.
const ROUND: Duration = Duration::from_secs(1);

/// How often it looks for what was lost.
const SLOW_ROUND: u32 = 5;

/// Connections at once, and files beside them that it may have open. Who is not served soon is told so and gone.
const MAX_CONNECTIONS: u32 = 4096;
const FILES: u32 = 256;

/// How many of those who watch read the ledger at once.
const WATCHING: usize = 2;

/// How many of them may wait for something to happen.
const WAITING: usize = 128;

/// What a coordinator is started with.
pub struct Options {
    /// How long what may take.
    pub timing: Timing,
    /// Where Lean verifies: a pool for each verifier.
    pub verifiers: Vec<Pool>,
    /// How long a verifier elsewhere may take for a proof, in seconds.
    pub verify_s: u64,
    /// The files of the models that recipes name.
    pub blobs: Blobs,
    /// Told what became of each proof.
    pub judged: Arc<Tell>,
    /// Whether somebody else opens and freezes the stages, and ends the campaign.
    pub has_rounds: bool,
    /// Told once when the campaign is over.
    pub over: Arc<dyn Fn() + Send + Sync>,
}

/// What the handlers of requests share.
#[derive(Clone)]
pub(super) struct App {
    pub(super) ledger: Ledger,
    pub(super) timing: Timing,
    pub(super) verify_s: u64,
    has_rounds: bool,
    pub(super) blobs: Blobs,
    pub(super) access: Arc<Access>,
    /// Whether nothing here changes the campaign.
    pub(super) is_watch_only: bool,
    pub(super) admission: Arc<Admission>,
    /// What the campaign was made with.
    pub(super) made: Arc<Manifest>,
    pub(super) seen: Arc<RwLock<Seen>>,
    /// Wakes a verifier when a proof has come.
    pub(super) proofs: Arc<Notify>,
    /// The number of the event that happened last.
    pub(super) last_event: watched::Sender<u64>,
    /// Turns at the ledger for those who watch.
    pub(super) watching: Arc<Semaphore>,
    /// Places for those who wait for something to happen.
    pub(super) waiting: Arc<Semaphore>,
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
    Coordinator::begin(ledger, Arc::new(access), options).await?.serve(listener, stop).await;
    Ok(())
}

impl App {
    async fn new(ledger: Ledger, access: Arc<Access>, options: &Options) -> Result<Self, LedgerError> {
        let seen = Seen::first(&ledger).await?;
        let last_event = ledger.read(ReadLastEvent).await?;
        let made = ledger.read(ReadManifest).await?;
        Ok(Self {
            ledger,
            timing: options.timing,
            verify_s: options.verify_s,
            has_rounds: options.has_rounds,
            blobs: options.blobs.clone(),
            access,
            is_watch_only: false,
            admission: Arc::new(Admission::new()),
            made: Arc::new(made),
            seen: Arc::new(RwLock::new(seen)),
            proofs: Arc::new(Notify::new()),
            last_event: watched::Sender::new(last_event),
            watching: Arc::new(Semaphore::new(WATCHING)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        })
    }

    /// What a page is told of the campaign.
    pub(super) fn info(&self) -> CoordinatorInfo {
        CoordinatorInfo {
            protocol: VERSION,
            server: concat!("stepwise ", env!("CARGO_PKG_VERSION")).to_owned(),
            campaign: self.seen.read().overview.campaign.clone(),
            watch_only: self.is_watch_only,
        }
    }
}

/// A campaign that answers: its addresses, and what runs behind them as long as this is kept.
pub struct Coordinator {
    app: App,
    tasks: JoinSet<()>,
}

impl Coordinator {
    /// Begins to give searches out, to take them in and to have proofs verified.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn begin(ledger: Ledger, access: Arc<Access>, options: Options) -> Result<Self, LedgerError> {
        let app = App::new(ledger, access, &options).await?;
        let mut tasks = JoinSet::new();
        for pool in options.verifiers {
            let (ledger, woken) = (app.ledger.clone(), Arc::clone(&app.proofs));
            tasks.spawn(verifier::verify(ledger, pool, options.timing, woken, Arc::clone(&options.judged)));
        }
        tasks.spawn(keep(app.clone(), options.over));
        Ok(Self::of(app, tasks))
    }

    /// Shows a campaign that others work on, and changes nothing of it. `blobs` are the files of its models.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn watch(ledger: Ledger, access: Arc<Access>, blobs: Blobs) -> Result<Self, LedgerError> {
        let options = Options {
            timing: Timing::default(),
            verifiers: Vec::new(),
            verify_s: 0,
            blobs,
            judged: Arc::new(|_, _| {}),
            has_rounds: false,
            over: Arc::new(|| {}),
        };
        let app = App { is_watch_only: true, ..App::new(ledger, access, &options).await? };
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(app.clone()));
        Ok(Self::of(app, tasks))
    }

    fn of(app: App, mut tasks: JoinSet<()>) -> Self {
        tasks.spawn(look(app.clone()));
        tasks.spawn(look_back(app.clone()));
        Self { app, tasks }
    }

    /// Serves it with its page until `stop` is raised.
    pub async fn serve(mut self, listener: TcpListener, stop: Stop) {
        let router = Router::new()
            .merge(self.routes())
            .route("/api/v1/info", get(watch::info).with_state(self.app.clone()))
            .fallback(assets::serve)
            .layer(from_fn_with_state(self.app.clone(), access::admit));
        let files = process::open_files(u64::from(MAX_CONNECTIONS + FILES));
        let at_most = u32::try_from(files).unwrap_or(u32::MAX).saturating_sub(FILES).clamp(FILES, MAX_CONNECTIONS);
        connections::accept(listener, router, at_most, stop).await;
        self.tasks.shutdown().await;
    }

    /// What a page is told of it.
    #[must_use]
    pub fn info(&self) -> CoordinatorInfo {
        self.app.info()
    }

    /// Its addresses, which are to be put behind [`access::admit`].
    pub(crate) fn routes(&self) -> Router {
        let all = if self.app.is_watch_only { watching() } else { watching().merge(working(&self.app)) };
        let api = all
            .fallback(http::unknown)
            .method_not_allowed_fallback(http::other_method)
            .layer(DefaultBodyLimit::max(http::MESSAGE_BYTES));
        Router::new().nest("/api/v1/campaign", api).with_state(self.app.clone())
    }
}

/// What everybody may ask.
fn watching() -> Router<App> {
    Router::new()
        .route("/campaign", get(watch::overview))
        .route("/problems", get(watch::problems))
        .route("/problems/{id}", get(watch::problem_page))
        .route("/problems.csv", get(files::problems_csv))
        .route("/problems.json", get(files::problems_json))
        .route("/effort", get(watch::effort))
        .route("/effort.csv", get(files::effort_csv))
        .route("/effort.json", get(files::effort_json))
        .route("/rounds", get(watch::rounds))
        .route("/workers", get(watch::workers))
        .route("/events", get(watch::events))
}

/// What donors ask, and the operator.
fn working(app: &App) -> Router<App> {
    let beginning = Router::new()
        .route("/join", post(http::join))
        .route("/sessions", post(http::enrol))
        .route("/claims", post(http::claim))
        .route("/checks", post(http::check))
        .layer(from_fn_with_state(app.clone(), admission::beginning));
    let bringing = Router::new()
        .route("/heartbeats", post(http::beat))
        .route("/results", post(http::results))
        .route("/abandon", post(http::abandon))
        .route("/verdicts", post(http::checked))
        .layer(from_fn_with_state(app.clone(), admission::bringing));
    Router::new()
        .route("/me", get(watch::me))
        .route("/instructions", post(watch::instruct))
        .route("/invitations", post(watch::invite))
        .route("/blobs/{sha256}", get(blobs::blob))
        .merge(beginning)
        .merge(bringing)
}

/// Takes back what was lost, opens one stage after the other, and tells those who wait that something happened.
async fn keep(app: App, over: Arc<dyn Fn() + Send + Sync>) {
    let mut every = tokio::time::interval(ROUND);
    let mut is_over = false;
    let (lost, mut hearing) = (Duration::from_millis(app.timing.lost_ms), Hearing::from(SystemTime::now()));
    for round in 0_u32.. {
        every.tick().await;
        let hears = hearing.look(SystemTime::now(), lost);
        match keep_once(&app, hears && round.is_multiple_of(SLOW_ROUND)).await {
            Ok(true) if !is_over => {
                is_over = true;
                over();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("the ledger does not answer: {error}"),
        }
    }
}

/// One round; whether the campaign is over.
async fn keep_once(app: &App, takes_back: bool) -> Result<bool, LedgerError> {
    if takes_back {
        app.ledger.run(Reap(app.timing)).await?;
    }
    let is_over = !app.has_rounds && app.ledger.run(Advance).await? == Advanced::Done;
    tell_news(app).await?;
    Ok(is_over)
}

/// Tells those who wait that something happened, which others have written down.
async fn follow(app: App) {
    let mut every = tokio::time::interval(ROUND);
    loop {
        every.tick().await;
        if let Err(error) = tell_news(&app).await {
            tracing::warn!("the ledger does not answer: {error}");
        }
    }
}

async fn tell_news(app: &App) -> Result<(), LedgerError> {
    let last = app.ledger.read(ReadLastEvent).await?;
    app.last_event.send_if_modified(|before| std::mem::replace(before, last) != last);
    Ok(())
}

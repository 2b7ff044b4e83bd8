//! What the coordinator saw when it last looked at its campaign. Those who watch are answered from it, so that many of them
//! cost the ledger no more than one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{Curve, Overview, Rounds, Worker};
use stepwise_ledger::operations::{ReadCurve, ReadOverview, ReadPace, ReadProgress, ReadRounds, ReadSessions};
use stepwise_ledger::{Ledger, LedgerError};

use super::coordinator::App;
use super::rounds;
use super::workers::{Since, Surroundings};

/// What a search is taken to last before any has ended.
const FIRST_PACE_MS: u64 = 30_000;

/// Nothing is given out while the oldest proof has waited for so long.
const BACKLOG_S: u64 = 1800;

/// How often it looks how things stand, where that is quick.
const OFTEN: Duration = Duration::from_secs(5);

/// How often it looks at how things came about.
const SELDOM: Duration = Duration::from_secs(10);

/// A look that takes long is taken less often: its pause is at least so many times as long.
const REST: u32 = 20;

/// What was seen.
pub(super) struct Seen {
    /// How long a search takes, in milliseconds.
    pub(super) pace_ms: u64,
    /// Whether too many proofs wait to give out more searches.
    pub(super) is_behind: bool,
    /// Searches that can be given out.
    pub(super) ready: u64,
    /// Cores of the machines that are here.
    pub(super) cores: u64,
    pub(super) overview: Arc<Overview>,
    /// The workers, with all that is known of them.
    pub(super) workers: Arc<Vec<Worker>>,
    pub(super) curve: Arc<Curve>,
    pub(super) rounds: Arc<Rounds>,
    /// How often the operator told the campaign something: what was looked at before that is older.
    pub(super) n_instructions: u64,
}

impl Seen {
    /// Looks for the first time.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(super) async fn first(ledger: &Ledger) -> Result<Self, LedgerError> {
        let overview = ledger.read(ReadOverview).await?;
        Ok(Self {
            pace_ms: FIRST_PACE_MS,
            is_behind: false,
            ready: ready(&overview),
            cores: 0,
            overview: Arc::new(overview),
            workers: Arc::default(),
            curve: Arc::default(),
            rounds: Arc::default(),
            n_instructions: 0,
        })
    }

    /// How many searches may be given out for each core: half of what there is for it, so that nobody waits for a long
    /// bundle of another's at the end (guided self-scheduling, Polychronopoulos and Kuck 1987).
    pub(super) fn share(&self) -> u64 {
        self.ready.div_ceil(2 * self.cores.max(1))
    }
}

/// Searches of all stages that can be given out.
fn ready(overview: &Overview) -> u64 {
    overview.stages.iter().map(|stage| stage.ready).sum()
}

/// Looks how things stand, again and again.
pub(super) async fn look(app: App) {
    let mut since = Since::default();
    loop {
        let begun = Instant::now();
        if let Err(error) = look_once(&app, &mut since).await {
            tracing::warn!("the ledger does not answer: {error}");
        }
        rest(OFTEN, begun).await;
    }
}

async fn look_once(app: &App, since: &mut Since) -> Result<(), LedgerError> {
    let n_instructions = app.seen.read().n_instructions;
    let overview = app.ledger.read(ReadOverview).await?;
    let pace_ms = app.ledger.read(ReadPace).await?.unwrap_or(FIRST_PACE_MS).max(1);
    let sessions = app.ledger.read(ReadSessions).await?;
    let is_behind = overview.waiting_s > BACKLOG_S;
    let (is_alone, lost_ms) = (app.is_watch_only, app.timing.lost_ms);
    let around = Surroundings { state: overview.state, is_behind, is_alone, pace_ms, lost_ms };
    let workers = Arc::new(since.workers(&sessions, around, Instant::now()));
    let mut seen = app.seen.write();
    (seen.pace_ms, seen.is_behind, seen.workers) = (pace_ms, is_behind, workers);
    (seen.ready, seen.cores) = (ready(&overview), sessions.iter().map(|session| session.cores).sum());
    if seen.n_instructions == n_instructions {
        seen.overview = Arc::new(overview);
    }
    Ok(())
}

/// Looks how things came about, again and again.
pub(super) async fn look_back(app: App) {
    loop {
        let begun = Instant::now();
        if let Err(error) = look_back_once(&app).await {
            tracing::warn!("the ledger does not answer: {error}");
        }
        rest(SELDOM, begun).await;
    }
}

async fn look_back_once(app: &App) -> Result<(), LedgerError> {
    let curve = Arc::new(app.ledger.read(ReadCurve).await?);
    let stages = app.ledger.read(ReadProgress).await?;
    let finished = app.ledger.read(ReadRounds).await?;
    let rounds = Arc::new(rounds::view(&stages, &finished));
    let mut seen = app.seen.write();
    (seen.curve, seen.rounds) = (curve, rounds);
    Ok(())
}

/// Sleeps after a look that began then.
async fn rest(at_least: Duration, begun: Instant) {
    tokio::time::sleep(at_least.max(REST * begun.elapsed())).await;
}

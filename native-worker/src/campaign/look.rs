//! What the keeper saw when it last looked. Those who watch are answered from it, so that many of them cost the ledger no
//! more than one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{Curve, Overview, Worker};
use stepwise_ledger::operations::{ReadCurve, ReadOverview, ReadPace, ReadSessions, Timing};
use stepwise_ledger::{Ledger, LedgerError};

use super::workers::{Since, Surroundings};

/// What a search is taken to last before any has ended.
const FIRST_PACE_MS: u64 = 30_000;

/// Nothing is given out while the oldest proof has waited for so long.
const BACKLOG_S: u64 = 1800;

/// How often the keeper looks at everything, where that is quick.
const OFTEN: Duration = Duration::from_secs(5);

/// How often it looks at how things came about.
const SELDOM: Duration = Duration::from_secs(30);

/// A look that takes long is taken less often: its pause is at least so many times as long.
const REST: u32 = 20;

/// What was seen.
#[derive(Clone)]
pub(super) struct Seen {
    /// How long a search takes, in milliseconds.
    pub(super) pace_ms: u64,
    /// Whether too many proofs wait to give out more searches.
    pub(super) is_behind: bool,
    pub(super) overview: Arc<Overview>,
    /// The workers, with all that is known of them.
    pub(super) workers: Arc<Vec<Worker>>,
    pub(super) curve: Arc<Curve>,
}

/// The keeper's eyes.
pub(super) struct Looking {
    since: Since,
    all: Due,
    curve: Due,
}

/// When something is to be looked at again.
struct Due {
    every: Duration,
    at: Instant,
}

impl Due {
    fn every(every: Duration) -> Self {
        Self { every, at: Instant::now() }
    }

    /// Whether it is time.
    fn is_now(&self) -> bool {
        Instant::now() >= self.at
    }

    /// A look that began then is over.
    fn done(&mut self, begun: Instant) {
        let now = Instant::now();
        self.at = now + self.every.max(REST * now.duration_since(begun));
    }
}

impl Looking {
    /// Looks for the first time.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(super) async fn begin(ledger: &Ledger, timing: Timing) -> Result<(Self, Seen), LedgerError> {
        let mut looking = Self { since: Since::default(), all: Due::every(OFTEN), curve: Due::every(SELDOM) };
        let mut seen = Seen {
            pace_ms: FIRST_PACE_MS,
            is_behind: false,
            overview: Arc::new(ledger.read(ReadOverview).await?),
            workers: Arc::default(),
            curve: Arc::default(),
        };
        looking.look(ledger, timing, &mut seen).await?;
        Ok((looking, seen))
    }

    /// Looks at what it is time to look at; whether that was anything.
    ///
    /// # Errors
    /// The ledger cannot be read; what was seen before stays.
    pub(super) async fn look(&mut self, ledger: &Ledger, timing: Timing, seen: &mut Seen) -> Result<bool, LedgerError> {
        if !self.all.is_now() {
            return Ok(false);
        }
        let begun = Instant::now();
        let overview = ledger.read(ReadOverview).await?;
        seen.pace_ms = ledger.read(ReadPace).await?.unwrap_or(FIRST_PACE_MS).max(1);
        seen.is_behind = overview.waiting_s > BACKLOG_S;
        let sessions = ledger.read(ReadSessions).await?;
        let around = Surroundings {
            state: overview.state,
            is_behind: seen.is_behind,
            pace_ms: seen.pace_ms,
            lost_ms: timing.lost_ms,
        };
        seen.workers = Arc::new(self.since.workers(&sessions, around, Instant::now()));
        seen.overview = Arc::new(overview);
        self.all.done(begun);
        if self.curve.is_now() {
            let begun = Instant::now();
            seen.curve = Arc::new(ledger.read(ReadCurve).await?);
            self.curve.done(begun);
        }
        Ok(true)
    }
}

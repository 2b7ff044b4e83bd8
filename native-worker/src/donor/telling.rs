//! What a donor says of itself: a line for whoever watches, and a file for whoever asks.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::control::{State, Status, Under, Wish, in_ms, time_in_words};
use super::decide::{Asked, Kind};
use super::engine::{Donor, Lean};
use super::schedule::TimeOfDay;

/// How often the status is written where nothing else changes than its age.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// What was told already, so that it is not told again.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// What the operator said last.
    pub(super) message: Option<String>,
    /// Why searches were given back.
    pub(super) unfit: BTreeSet<String>,
    /// Why results cannot be kept on disk.
    pub(super) spool_is_full: Option<String>,
    written: Option<(Status, Instant)>,
    has_failed: bool,
}

/// What is done, why, and until when, in milliseconds since 1970.
struct Said {
    state: State,
    reason: Option<String>,
    until_ms: Option<u64>,
}

impl Donor {
    /// Says how it stands, where that is new.
    pub(super) fn tell(&mut self) {
        let status = self.status(self.said());
        self.teller.update(&line(&status));
        let is_new = |(written, at): &(Status, Instant)| {
            let is_same = written.state == status.state
                && written.reason == status.reason
                && written.unsent == status.unsent
                && written.done == status.done
                && written.searches.len() == status.searches.len();
            !is_same || at.elapsed() >= STATUS_EVERY
        };
        if self.telling.written.as_ref().is_none_or(is_new) {
            self.write(status);
        }
    }

    /// Says that it is over, and why.
    pub(super) fn tell_end(&mut self) {
        let reason = self.failure.as_ref().map(ToString::to_string);
        let mut status = self.status(Said { state: State::Ended, reason, until_ms: None });
        status.searches.clear();
        status.waiting = 0;
        self.write(status);
    }

    fn write(&mut self, status: Status) {
        match self.home.tell(&status) {
            Ok(()) => self.telling.has_failed = false,
            Err(error) if !self.telling.has_failed => {
                self.telling.has_failed = true;
                self.teller
                    .say(&format!("`stepwise donate status` will not know of this, it cannot be written: {error}"));
            }
            Err(_) => {}
        }
        self.telling.written = Some((status, Instant::now()));
    }

    fn status(&self, said: Said) -> Status {
        let searches = self.running.values().map(|running| Under {
            unit: running.order.lease.unit,
            theorem: running.order.theorem.name.clone(),
            side: running.order.lease.side,
            expansions: running.expansions.load(Ordering::Relaxed),
            seconds: running.since.elapsed().as_secs(),
        });
        let mut status = Status::new(&self.campaign, self.offer.cores, self.done);
        status.state = said.state;
        status.reason = said.reason;
        status.until_ms = said.until_ms;
        status.searches = searches.collect();
        status.waiting = self.waiting.len();
        status.unsent = self.spool.len() + self.unspooled.len();
        status
    }

    fn said(&self) -> Said {
        let plain = |state| Said { state, reason: None, until_ms: None };
        if self.asked() != Asked::Work {
            let reason = self.failure.as_ref().map(ToString::to_string).or_else(|| self.complaint().map(|it| it.0));
            return Said { state: State::Finishing, reason, until_ms: None };
        }
        if let Some(Wish::Pause { until_ms }) = self.wish {
            return Said { state: State::Paused, reason: Some("its owner paused it".to_owned()), until_ms };
        }
        if let Some(schedule) = self.offer.schedule.filter(|_| !self.may_run()) {
            let until_ms = Some(in_ms(schedule.until_change(TimeOfDay::now())));
            return Said { state: State::Paused, reason: Some(format!("it works {schedule} only")), until_ms };
        }
        let state = if self.running.is_empty() { State::Idle } else { State::Working };
        if let Some((reason, until_ms)) = self.complaint() {
            return Said { state, reason: Some(reason), until_ms };
        }
        match (&self.lean, &self.idle) {
            (Lean::Down | Lean::Starting, _) => plain(State::Starting),
            (_, Some((reason, until))) if self.running.is_empty() => {
                Said { state, reason: Some(reason.clone()), until_ms: Some(from_now(*until)) }
            }
            _ if self.running.is_empty() && !self.waiting.is_empty() => {
                Said { state: State::Idle, reason: self.models.arriving(), until_ms: None }
            }
            _ if self.running.is_empty() => {
                Said { state, reason: Some("asking the coordinator".to_owned()), until_ms: None }
            }
            _ => plain(state),
        }
    }

    /// What is wrong now, and until when nothing is done about it.
    fn complaint(&self) -> Option<(String, Option<u64>)> {
        if let Some(line) = &self.telling.spool_is_full
            && !self.has_room()
        {
            return Some((line.clone(), None));
        }
        let kinds = [Kind::Enrol, Kind::Claim, Kind::Send, Kind::Beat, Kind::Abandon];
        let trouble = kinds.into_iter().find_map(|kind| self.trouble(kind));
        let told = trouble.map(|trouble| (trouble.reason.clone(), Some(from_now(trouble.until))));
        let is_full = || ("finished work takes all the room that --disk allows".to_owned(), None);
        told.or_else(|| (!self.has_room()).then(is_full))
    }
}

fn from_now(until: Instant) -> u64 {
    in_ms(until.saturating_duration_since(Instant::now()))
}

/// The status as one line.
fn line(status: &Status) -> String {
    let why = status.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let until = status.until_ms.map_or(String::new(), |ms| format!(" (until {})", time_in_words(ms)));
    let unsent = match status.unsent {
        0 => String::new(),
        n => format!(", {n} to be sent"),
    };
    format!(
        "{}{why}{until}; {} of {} searches under way, {} done, {} proofs{unsent}",
        status.state.in_words(),
        status.searches.len(),
        status.cores,
        status.done.searches,
        status.done.proofs
    )
}

//! A search that can be shown as it stood after any of its events, whether it was recorded or is still running.

use std::sync::atomic::{AtomicU64, Ordering};

use stepwise_core::cost::LeanCost;
use stepwise_core::search::{EdgeId, Event, Search, TimedEvent};
use stepwise_core::wire::log::{Log, LogError, LogHeader, event_line, read};
use stepwise_core::words::count;

/// Copies of the machine that are kept at most: with eight, going back feeds an eighth of the events at worst, and a
/// copy of a large tree is large.
const MAX_COPIES: usize = 8;

/// Events between the first two copies; searches shorter than this are replayed at once.
const FIRST_SPACING: usize = 256;

/// Tells one search from another of the same statement, whatever their logs say.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

/// A log, and the machine as it stood after the first [`Replay::position`] events.
///
/// Ticks are no events here: they only tell the machine that time passed, there are several a second, and nobody wants
/// to step through them. Each is counted with the event before it.
#[derive(Clone, Debug)]
pub struct Replay {
    serial: u64,
    revision: u64,
    log: Log,
    /// `ends[position]` is how many lines of the log have happened at that position.
    ends: Vec<usize>,
    position: usize,
    /// How many lines of the log the machine has taken in.
    n_fed: usize,
    search: Search,
    /// The machine at earlier positions, in their order, a multiple of `spacing` each.
    copies: Vec<Copy>,
    spacing: usize,
    /// What each check cost, in the order of the edges that they made.
    checks: Vec<Check>,
    /// Whether events may still come.
    live: bool,
    following: bool,
    /// How many events there were when the visitor stopped following.
    n_seen: usize,
}

/// The machine as it stood.
#[derive(Clone, Debug)]
struct Copy {
    position: usize,
    n_fed: usize,
    search: Search,
}

/// When Lean ran the tactics of one state, and what that cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The first of the edges that it made.
    pub first: EdgeId,
    /// How many it made.
    pub n_tactics: usize,
    /// When Lean's answer came.
    pub at_ms: u64,
    /// What all of the tactics cost together.
    pub cost: LeanCost,
}

impl Replay {
    /// Reads a log and stands at its end.
    pub fn open(bytes: &[u8]) -> Result<Self, LogError> {
        let Log { header, events, good_bytes, torn } = read(bytes)?;
        let mut replay = Self::begin(header);
        for event in events {
            replay.push(event);
        }
        (replay.log.good_bytes, replay.log.torn) = (good_bytes, torn);
        (replay.live, replay.following) = (false, false);
        Ok(replay)
    }

    /// A search that has not started; the visitor follows it as events come in.
    #[must_use]
    pub fn begin(header: LogHeader) -> Self {
        let search = header.search();
        Self {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            revision: 0,
            log: Log { header, events: Vec::new(), good_bytes: 0, torn: false },
            ends: vec![0],
            position: 0,
            n_fed: 0,
            search,
            copies: Vec::new(),
            spacing: FIRST_SPACING,
            checks: Vec::new(),
            live: true,
            following: true,
            n_seen: 0,
        }
    }

    /// Appends what happened. The machine takes it in only where the visitor follows; otherwise the end moves away.
    pub fn push(&mut self, event: TimedEvent) {
        self.revision += 1;
        let is_tick = event.event == Event::Tick;
        self.log.events.push(event);
        let end = self.log.events.len();
        match self.ends.last_mut() {
            // It belongs to the event before it, and the machine may have taken that in already.
            Some(last) if is_tick => *last = end,
            _ => self.ends.push(end),
        }
        if self.following {
            self.advance_to(self.n_events());
        }
    }

    /// Goes to the state after the first `position` events; a number past the end means the end.
    ///
    /// Forwards only the events between are fed to the machine; backwards it starts from the last copy before. Whoever
    /// goes to the end of a running search follows it again, as with live television.
    pub fn go_to(&mut self, position: usize) {
        let position = position.min(self.n_events());
        if position < self.position {
            self.go_back_to(position);
        } else {
            self.advance_to(position);
        }
        if self.live && position == self.n_events() {
            self.following = true;
        } else {
            self.pause();
        }
    }

    /// Stays where it is while events come in.
    pub fn pause(&mut self) {
        self.revision += 1;
        if self.following {
            self.following = false;
            self.n_seen = self.n_events();
        }
    }

    /// Goes to the end and takes in events as they come.
    pub fn follow(&mut self) {
        self.go_to(usize::MAX);
    }

    /// Whether the machine takes in events as they come.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.following
    }

    /// Whether more events may come. A search whose end has not been looked at yet counts as running: only the machine
    /// knows that it is over.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Events that came in since the visitor stopped following.
    #[must_use]
    pub fn n_new(&self) -> usize {
        if self.live && !self.following { self.n_events() - self.n_seen } else { 0 }
    }

    /// The machine.
    #[must_use]
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log as `stepwise prove --log` writes it, to its end, wherever the visitor stands.
    #[must_use]
    pub fn to_log_bytes(&self) -> Vec<u8> {
        let mut bytes = self.log.header.to_line().into_bytes();
        for event in &self.log.events {
            bytes.extend(event_line(event).into_bytes());
        }
        bytes
    }

    /// How many events have happened.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many events there are.
    #[must_use]
    pub fn n_events(&self) -> usize {
        self.ends.len() - 1
    }

    /// Tells this search, and how far it has been changed, from every other: whoever has shown one version need not
    /// show it again.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.serial, self.revision)
    }

    /// The check that made an edge.
    #[must_use]
    pub fn check_of(&self, edge: EdgeId) -> Option<&Check> {
        let after = self.checks.partition_point(|check| check.first <= edge);
        after.checked_sub(1).and_then(|idx| self.checks.get(idx))
    }

    /// The last event that happened, in words, with its time.
    #[must_use]
    pub fn last_event(&self) -> String {
        let before = self.position.checked_sub(1);
        let Some(timed) = before.and_then(|before| self.log.events.get(self.ends[before])) else {
            return "before the first event".into();
        };
        let what = match &timed.event {
            Event::Started => "started".into(),
            Event::Opened { .. } => "Lean opened the statement".into(),
            Event::Proposed { node, candidates, .. } => {
                format!("policy proposed {} for state {}", count(candidates.len(), "tactic"), node.0)
            }
            Event::Checked { node, outcomes, .. } => {
                format!("Lean ran {} in state {}", count(outcomes.len(), "tactic"), node.0)
            }
            Event::Scored { node, scores, .. } => {
                format!("critic scored {} after state {}", count(scores.len(), "state"), node.0)
            }
            Event::Rechecked { verdict, .. } if verdict.accepted => "recheck accepted a proof".into(),
            Event::Rechecked { .. } => "recheck refused a proof".into(),
            Event::Charged { .. } => "the negation's search was charged".into(),
            Event::Tick => "time passed".into(),
            Event::Cancelled => "cancelled".into(),
        };
        format!("{what}, {}", seconds(timed.at_ms))
    }

    /// Goes to a position that is not after the present one.
    fn go_back_to(&mut self, position: usize) {
        let copy = self.copies.iter().rev().find(|copy| copy.position <= position).cloned();
        let copy = copy.unwrap_or_else(|| Copy { position: 0, n_fed: 0, search: self.log.header.search() });
        (self.position, self.n_fed, self.search) = (copy.position, copy.n_fed, copy.search);
        self.advance_to(position);
    }

    /// Feeds the events up to a position that is not before the present one.
    fn advance_to(&mut self, position: usize) {
        self.feed_to(self.ends[self.position]);
        while self.position < position {
            self.position += 1;
            self.feed_to(self.ends[self.position]);
            self.keep_copy();
        }
        self.live &= self.search.end().is_none() || self.position < self.n_events();
        self.following &= self.live;
    }

    fn feed_to(&mut self, n_lines: usize) {
        while self.n_fed < n_lines {
            self.feed(self.n_fed);
            self.n_fed += 1;
        }
    }

    fn feed(&mut self, line_idx: usize) {
        let timed = self.log.events[line_idx].clone();
        let (at_ms, first) = (timed.at_ms, self.search.tree().edges().len());
        let cost = if let Event::Checked { cost, .. } = &timed.event { Some(*cost) } else { None };
        self.search.handle(timed);
        let n_tactics = self.search.tree().edges().len() - first;
        let Some(first) = u32::try_from(first).ok().map(EdgeId) else { return };
        // Fed once more after going back, an event makes the same edges.
        let is_new = self.checks.last().is_none_or(|last| last.first < first);
        if let Some(cost) = cost.filter(|_| is_new && n_tactics > 0) {
            self.checks.push(Check { first, n_tactics, at_ms, cost });
        }
    }

    /// Keeps a copy of the machine now and then, ever more rarely as the search grows.
    fn keep_copy(&mut self) {
        let is_new = self.copies.last().is_none_or(|copy| copy.position < self.position);
        if !is_new || !self.position.is_multiple_of(self.spacing) {
            return;
        }
        if self.copies.len() == MAX_COPIES {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.copies.retain(|copy| copy.position.is_multiple_of(spacing));
            if !self.position.is_multiple_of(spacing) {
                return;
            }
        }
        self.copies.push(Copy { position: self.position, n_fed: self.n_fed, search: self.search.clone() });
    }
}

/// Milliseconds as seconds, to the millisecond below ten seconds.
#[must_use]
pub fn seconds(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    if ms < 10_000 { format!("{seconds:.3} s") } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests;

//! A recorded search that can be shown as it stood after any of its events.

use stepwise_core::search::log::{Log, LogError, read};
use stepwise_core::search::{Event, Search};

/// A log, and the machine as it stood after the first [`Replay::position`] events.
///
/// Ticks are no events here: they only tell the machine that time passed, there are several a second, and nobody wants
/// to step through them. Each is counted with the event before it.
#[derive(Clone, Debug)]
pub struct Replay {
    log: Log,
    /// `ends[position]` is how many lines of the log have happened at that position.
    ends: Vec<usize>,
    position: usize,
    search: Search,
}

impl Replay {
    /// Reads a log and stands at its end.
    pub fn open(bytes: &[u8]) -> Result<Self, LogError> {
        let log = read(bytes)?;
        let events = log.events.iter().enumerate();
        let mut ends: Vec<usize> =
            events.filter(|(_, timed)| timed.event != Event::Tick).map(|(line_idx, _)| line_idx).collect();
        ends.push(log.events.len());
        let search = log.replay();
        Ok(Self { position: ends.len() - 1, ends, search, log })
    }

    /// Goes to the state after the first `position` events; a number past the end means the end.
    ///
    /// Forwards only the events between are fed to the machine. Backwards it starts anew: keeping copies of the tree
    /// would cost more memory than a page should take, and a replay runs no Lean.
    pub fn go_to(&mut self, position: usize) {
        let position = position.min(self.n_events());
        let mut from = self.ends[self.position];
        if position < self.position {
            self.search = self.log.header.search();
            from = 0;
        }
        for event in &self.log.events[from..self.ends[position]] {
            self.search.handle(event.clone());
        }
        self.position = position;
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
            Event::Tick => "time passed".into(),
            Event::Cancelled => "cancelled".into(),
        };
        format!("{what}, {}", seconds(timed.at_ms))
    }
}

/// `1 tactic`, `2 tactics`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Milliseconds as seconds, to the millisecond below ten seconds.
#[must_use]
pub fn seconds(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    if ms < 10_000 { format!("{seconds:.3} s") } else { format!("{seconds:.1} s") }
}

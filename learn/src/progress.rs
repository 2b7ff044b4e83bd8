//! What a run knows about each statement: open, proved or disproved, and by how short a proof. Everything that decides
//! what is searched next is a function of the trials so far, so that a run that was killed goes on as if it had not been.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::run::{Side, Trial};
use stepwise_core::record::Status;

/// Where one statement stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tactics of its shortest proof.
    pub proved: Option<u64>,
    /// Tactics of the shortest proof of its negation.
    pub disproved: Option<u64>,
    /// Lean refuses the statement itself: it is not searched again.
    pub is_bad: bool,
}

impl Standing {
    /// Neither proved nor disproved, and it can be searched.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.proved.is_none() && self.disproved.is_none() && !self.is_bad
    }
}

/// Where all statements stand, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    standings: BTreeMap<String, Standing>,
    /// The root states of statements that were opened, as Lean prints them.
    roots: BTreeMap<String, String>,
}

impl Progress {
    /// Nothing is searched yet.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { standings: names.into_iter().map(|name| (name, Standing::default())).collect(), ..Self::default() }
    }

    /// Takes in a search that has ended.
    pub fn add(&mut self, trial: &Trial) {
        let record = &trial.record;
        let standing = self.standings.entry(record.name.clone()).or_default();
        let length = record.proof_length.filter(|_| record.status == Status::Proved);
        let best = match trial.side {
            Side::Statement => &mut standing.proved,
            Side::Negation => &mut standing.disproved,
        };
        *best = match (*best, length) {
            (Some(known), Some(length)) => Some(known.min(length)),
            (known, length) => known.or(length),
        };
        standing.is_bad |= record.status == Status::BadStatement && trial.side == Side::Statement;
        if let Some(root) = &trial.root {
            self.roots.insert(record.name.clone(), root.clone());
        }
    }

    /// Where a statement stands.
    #[must_use]
    pub fn standing(&self, name: &str) -> Standing {
        self.standings.get(name).cloned().unwrap_or_default()
    }

    /// The open statements, by name.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.standings.iter().filter(|(_, standing)| standing.is_open()).map(|(name, _)| name.as_str())
    }

    /// The statements that are proved by at least this many tactics, by name.
    pub fn proved_by_at_least(&self, n_tactics: u64) -> impl Iterator<Item = &str> {
        let is_long = move |standing: &Standing| standing.proved.is_some_and(|length| length >= n_tactics);
        self.standings.iter().filter(move |(_, standing)| is_long(standing)).map(|(name, _)| name.as_str())
    }

    /// The state that a statement opens with, if a search has seen it.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<&str> {
        self.roots.get(name).map(String::as_str)
    }

    /// Statements proved, and statements disproved.
    #[must_use]
    pub fn solved(&self) -> (u64, u64) {
        let count = |is: fn(&Standing) -> bool| self.standings.values().filter(|standing| is(standing)).count() as u64;
        (count(|standing| standing.proved.is_some()), count(|standing| standing.disproved.is_some()))
    }
}

/// The part of `names` with the highest scores, best first; `share` of them, rounded up. Equal scores keep their order,
/// and a name without a score comes last.
#[must_use]
pub fn best(names: Vec<String>, score: impl Fn(&str) -> Option<f64>, share: f64) -> Vec<String> {
    let n_kept = (names.len() as f64 * share).ceil() as usize;
    let mut scored: Vec<(f64, String)> =
        names.into_iter().map(|name| (score(&name).unwrap_or(f64::NEG_INFINITY), name)).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.truncate(n_kept);
    scored.into_iter().map(|(_, name)| name).collect()
}

//! Which statements are solved, by what effort and how long a proof; and the notes where the files disagree.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{RunData, SearchLine};
use crate::run::{Side, Stage};
use stepwise_core::record::Status;
use stepwise_core::stats::{self, Fit};

/// Rows of a table of proofs; the text says how many more there are.
const MAX_PROOFS: usize = 40;

/// The training statements that are proved or disproved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solved {
    /// Statements to solve, when any file says how many.
    pub statements: Option<u64>,
    /// Statements proved.
    pub proved: u64,
    /// Statements disproved: their negations are proved.
    pub disproved: u64,
    /// Lean's CPU time of all searches, in seconds.
    pub lean_cpu_s: f64,
    /// After each first solution: Lean's CPU seconds of all searches up to then, and statements solved.
    pub growth: Vec<(f64, u64)>,
    /// The growth as a power law of the CPU time.
    pub growth_fit: Option<Fit>,
    /// Where each round ended: its number, Lean's CPU seconds up to then, and statements solved.
    pub round_ends: Vec<(u32, f64, u64)>,
    /// Lean's CPU seconds of the search that first solved each statement, rising.
    pub cpu_each_s: Vec<f64>,
    /// The number of statements solved within a CPU time as a power law of that time.
    pub cpu_each_fit: Option<Fit>,
    /// How many shortest proofs (of statements or negations) have how many tactics.
    pub lengths: BTreeMap<u64, u64>,
    /// That number as a power law of the length, over the lengths that occur.
    pub lengths_fit: Option<Fit>,
    /// The statements whose shortest proofs are the longest, longest first.
    pub longest: Vec<Proof>,
    /// Disproved statements, in the order in which they were, as many as a page can hold.
    pub disproofs: Vec<Proof>,
}

/// The shortest proof of a statement or of its negation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// The statement's name.
    pub name: String,
    /// The statement, when the run's problems have it.
    pub statement: Option<String>,
    pub length: u64,
    /// Tactics of the first proof that was found.
    pub first_length: u64,
    /// The round that found it.
    pub round: u32,
    /// The stage that found it.
    pub stage: Stage,
    /// Lean's CPU seconds of the search that found it.
    pub lean_cpu_s: f64,
    /// The complete Lean file.
    pub file: Option<String>,
}

/// What is known about one side of a statement.
struct Found<'a> {
    /// Counts solutions.
    order: usize,
    first: &'a SearchLine,
    shortest: (u32, &'a SearchLine),
}

fn length(search: &SearchLine) -> u64 {
    search.record.proof_length.or(search.record.proof.as_ref().map(|proof| proof.len() as u64)).unwrap_or(0)
}

fn lean_cpu_s(search: &SearchLine) -> f64 {
    search.record.ledger.lean_cpu_us as f64 / 1e6
}

impl Solved {
    /// Looks through all searches, round by round. What does not agree is added to `notes`.
    pub(super) fn of(data: &RunData, notes: &mut Vec<String>) -> Self {
        let mut found: BTreeMap<(Side, &str), Found<'_>> = BTreeMap::new();
        let (mut growth, mut round_ends, mut cpu_each_s) = (Vec::new(), Vec::new(), Vec::new());
        let (mut cpu_us, mut n_solved) = (0_u64, 0_u64);
        for (number, round) in &data.rounds {
            for search in &round.searches {
                cpu_us = cpu_us.saturating_add(search.record.ledger.lean_cpu_us);
                if search.record.status != Status::Proved {
                    continue;
                }
                let name = search.record.name.as_str();
                let other = if search.side == Side::Statement { Side::Negation } else { Side::Statement };
                let is_solved_otherwise = found.contains_key(&(other, name));
                let order = found.len();
                let entry = found.entry((search.side, name)).or_insert_with(|| {
                    if is_solved_otherwise {
                        notes.push(format!("{name} is proved and disproved: one of the two verdicts is wrong"));
                    } else {
                        n_solved += 1;
                        growth.push((cpu_us as f64 / 1e6, n_solved));
                        cpu_each_s.push(lean_cpu_s(search));
                    }
                    Found { order, first: search, shortest: (*number, search) }
                });
                if length(search) < length(entry.shortest.1) {
                    entry.shortest = (*number, search);
                }
            }
            round_ends.push((*number, cpu_us as f64 / 1e6, n_solved));
            if let Some(round) = &round.finished
                && round.solved_so_far != n_solved
            {
                notes.push(format!(
                    "round {number} counts {} solved statements, and the trials up to its end {n_solved}: trials are \
                     missing, or two runs wrote into the folder",
                    round.solved_so_far
                ));
            }
        }
        cpu_each_s.sort_by(f64::total_cmp);
        let lengths = stats::counts(found.values().map(|found| length(found.shortest.1)));
        let texts: BTreeMap<&str, &str> =
            data.problems.iter().map(|problem| (problem.name.as_str(), problem.theorem.statement.as_str())).collect();
        let mut proofs: Vec<(Side, usize, Proof)> = found
            .iter()
            .map(|((side, name), found)| (*side, found.order, proof(name, found, texts.get(name).copied())))
            .collect();
        let count = |side| proofs.iter().filter(|proof| proof.0 == side).count() as u64;
        let (proved, disproved) = (count(Side::Statement), count(Side::Negation));
        proofs.sort_by_key(|(_, order, _)| *order);
        let (mut longest, mut disproofs) = (Vec::new(), Vec::new());
        for (side, _, proof) in proofs {
            if side == Side::Statement { longest.push(proof) } else { disproofs.push(proof) }
        }
        longest.sort_by_key(|proof| std::cmp::Reverse(proof.length));
        longest.truncate(MAX_PROOFS);
        disproofs.truncate(MAX_PROOFS);
        let as_floats = |points: &[(f64, u64)]| points.iter().map(|(x, n)| (*x, *n as f64)).collect::<Vec<_>>();
        let ranked: Vec<(f64, f64)> = cpu_each_s.iter().copied().zip((1..).map(f64::from)).collect();
        let by_length: Vec<(f64, f64)> = lengths.iter().map(|(length, n)| (*length as f64, *n as f64)).collect();
        Self {
            statements: statements(data),
            proved,
            disproved,
            lean_cpu_s: cpu_us as f64 / 1e6,
            growth_fit: stats::power_law(&as_floats(&growth)),
            growth,
            round_ends,
            cpu_each_fit: stats::power_law(&ranked),
            cpu_each_s,
            lengths_fit: stats::power_law(&by_length),
            lengths,
            longest,
            disproofs,
        }
    }

    /// Statements proved or disproved. One that is both counts once.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.growth.last().map_or(0, |(_, n)| *n)
    }
}

fn proof(name: &str, found: &Found<'_>, statement: Option<&str>) -> Proof {
    let (round, search) = found.shortest;
    Proof {
        name: name.to_owned(),
        statement: statement.map(str::to_owned),
        length: length(search),
        first_length: length(found.first),
        round,
        stage: search.stage,
        lean_cpu_s: lean_cpu_s(search),
        file: search.record.file.clone(),
    }
}

/// Training statements, as the last finished round, the manifest or the problems say.
fn statements(data: &RunData) -> Option<u64> {
    let mut finished = data.rounds.values().filter_map(|round| round.finished.as_ref());
    let of_split = || data.problems.iter().filter(|problem| problem.split.as_deref() == Some("train")).count() as u64;
    finished
        .next_back()
        .map(|round| round.statements)
        .or_else(|| data.manifest.splits.get("train").copied())
        .or_else(|| Some(of_split()).filter(|n| *n > 0))
}

//! The report on a run of expert iteration: its folder as numbers, the numbers as plots, and all of it as one page.
//!
//! What it shows follows arXiv 2410.15700: solved statements against Lean's CPU time and against proof length on
//! logarithmic axes with a fitted line, pass rates of best-first and critic-guided search, their proof lengths, and the
//! share of the cost that went into searches that succeeded.

mod costs;
mod data;
mod evals;
mod figures;
mod html;
mod page;
mod solved;
mod training;
mod words;

pub use costs::{Costs, SearchCosts};
pub use data::{Lines, LinesError, RoundData, RunData, SearchLine, read_lines, read_records, read_searches};
pub use evals::{EvalRow, Evals, LengthPair, Lengths, Paired};
pub use figures::Figure;
pub use solved::{Proof, Solved};
pub use training::{Course, Training};

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::{Manifest, Round};

/// The version of the report's JSON.
pub const VERSION: u32 = 1;

/// A report's numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The format's version.
    pub stepwise_report: u32,
    /// What the run was started with.
    pub manifest: Manifest,
    /// What is missing or does not agree, one line each.
    pub notes: Vec<String>,
    /// The finished rounds, by number.
    pub rounds: BTreeMap<u32, Round>,
    /// The rounds that are not finished.
    pub unfinished: Vec<u32>,
    /// Statements solved.
    pub solved: Solved,
    pub evals: Evals,
    /// The models' training.
    pub training: Training,
    /// What all of it cost.
    pub costs: Costs,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Nothing of this name to hold the others against.
    #[error("no configuration {name} was evaluated in this run; {}", known(.names))]
    NoSuchBaseline {
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing was evaluated yet".to_owned();
    }
    format!("name one of {}", names.join(", "))
}

impl Report {
    /// Makes the report. `baseline` names the configuration that the others are held against; without it the name
    /// decides: `baseline`, `portfolio`, best-first, or the first one.
    ///
    /// # Errors
    /// There is no such configuration.
    pub fn of(data: &RunData, baseline: Option<&str>) -> Result<Self, ReportError> {
        let mut notes = data.notes.clone();
        let last = data.rounds.keys().next_back().copied().unwrap_or(0);
        let missing: Vec<String> =
            (1..last).filter(|number| !data.rounds.contains_key(number)).map(|number| number.to_string()).collect();
        match missing.as_slice() {
            [] => {}
            [one] => notes.push(format!("round {one} has no folder")),
            many => notes.push(format!("rounds {} have no folders", many.join(", "))),
        }
        let is_finished = |number: &u32| data.rounds.get(number).is_some_and(|round| round.finished.is_some());
        let unfinished: Vec<u32> = data.rounds.keys().copied().filter(|number| !is_finished(number)).collect();
        for number in &unfinished {
            notes.push(format!(
                "round {number} has no round.json: it runs, or was killed, and is told as far as it got"
            ));
        }
        let solved = Solved::of(data, &mut notes);
        Ok(Self {
            stepwise_report: VERSION,
            manifest: data.manifest.clone(),
            rounds: data.rounds.iter().filter_map(|(number, round)| Some((*number, round.finished.clone()?))).collect(),
            unfinished,
            solved,
            evals: Evals::of(data, baseline)?,
            training: Training::of(data),
            costs: Costs::of(data),
            notes,
        })
    }

    /// The plots, in the order of the page.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        figures::of(self)
    }

    /// The page: one HTML file that needs nothing else.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::of(self)
    }
}

#[cfg(test)]
mod tests;

//! What a report is made from: a run's folder, read, without what a report does not need.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepwise_core::jsonl::{DamagedLine, WholeLines};

use crate::run::{Manifest, Round, Side, Stage, TrainingLine};
use stepwise_core::problem::Problem;
use stepwise_core::record::{self, ProblemRecord, RecordError};

/// A run's folder, read.
#[derive(Clone, Debug, PartialEq)]
pub struct RunData {
    /// What the run was started with.
    pub manifest: Manifest,
    /// The statements; empty where the file is missing.
    pub problems: Vec<Problem>,
    /// The rounds that have a folder, by number.
    pub rounds: BTreeMap<u32, RoundData>,
    /// What the reader missed, one line each.
    pub notes: Vec<String>,
}

/// A round's folder, read. Whatever is missing is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundData {
    /// `None` while the round runs, or when it was killed.
    pub finished: Option<Round>,
    /// Its searches, in the order in which they ended.
    pub searches: Vec<SearchLine>,
    pub policy_training: Vec<TrainingLine>,
    pub critic_training: Vec<TrainingLine>,
    /// The records of every evaluation set, per configuration.
    pub evals: BTreeMap<String, BTreeMap<String, Vec<ProblemRecord>>>,
}

/// A line of `trials.jsonl` without what the search taught, which is most of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchLine {
    /// Why it was made.
    pub stage: Stage,
    /// What was to be proved.
    pub side: Side,
    pub record: ProblemRecord,
}

/// JSON lines, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines<T> {
    /// The complete lines.
    pub lines: Vec<T>,
    /// True when a torn line follows them.
    pub torn: bool,
}

/// Why lines cannot be read. The caller knows the file's name and adds it.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    #[error("{0}; cut the file before this line to keep what precedes it")]
    Damaged(#[from] DamagedLine),
    /// A line has a record of another version.
    #[error(
        "line {line} has record version {found}, and this stepwise reads version {}: use the stepwise that wrote it",
        record::VERSION
    )]
    Version {
        /// 1-based.
        line: usize,
        found: u32,
    },
    /// A file of records.
    #[error(transparent)]
    Records(#[from] RecordError),
}

/// Reads JSON lines. A last line without its line feed is what a killed process left: it is not read.
///
/// # Errors
/// A complete line is something else.
pub fn read_lines<T: DeserializeOwned>(bytes: &[u8]) -> Result<Lines<T>, LinesError> {
    let whole = WholeLines::of(bytes);
    Ok(Lines { lines: whole.parse()?, torn: whole.is_torn })
}

/// Reads `trials.jsonl`, as [`read_lines`] does.
///
/// # Errors
/// A complete line is no trial, or its record is another version's.
pub fn read_searches(bytes: &[u8]) -> Result<Lines<SearchLine>, LinesError> {
    let searches: Lines<SearchLine> = read_lines(bytes)?;
    let versions = searches.lines.iter().map(|search| search.record.stepwise_record);
    match versions.enumerate().find(|(_, version)| *version != record::VERSION) {
        Some((idx, found)) => Err(LinesError::Version { line: idx + 1, found }),
        None => Ok(searches),
    }
}

/// Reads a file of an evaluation, as [`record::read`] does.
///
/// # Errors
/// A complete line is no record of this version.
pub fn read_records(bytes: &[u8]) -> Result<Lines<ProblemRecord>, LinesError> {
    let records = record::read(bytes)?;
    Ok(Lines { lines: records.records, torn: records.torn })
}

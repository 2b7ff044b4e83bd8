//! Reads a run's folder for a report, whatever state the run is in. Nothing is written and nothing is locked, so that a
//! run can be looked at while it goes on.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stepwise_core::problem::{self, Defaults, Problem};
use stepwise_learn::layout;
use stepwise_learn::report::{Lines, LinesError, RoundData, RunData, read_lines, read_records, read_searches};
use stepwise_learn::run::{FILES_VERSION, Manifest, VERSION};

use super::rounds;
use crate::learn::remains::RemainsError;

/// Why a folder cannot be reported on.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is something else.
    #[error("{} is no folder of a run: it has no manifest.json; name the folder that `stepwise learn` wrote", .0.display())]
    NoRun(PathBuf),
    /// Nothing is there.
    #[error("no folder {}; name the folder that `stepwise learn` wrote", .0.display())]
    Missing(PathBuf),
    /// The operating system refuses.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        source: io::Error,
    },
    /// A file of one JSON value is something else.
    #[error("{} is damaged: {source}; remove it to report on what the other files say", .path.display())]
    Damaged {
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// The manifest is none.
    #[error("{} is no manifest of a run: {source}; name the folder that `stepwise learn` wrote", .path.display())]
    NoManifest {
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// A file of lines is something else.
    #[error("{}: {source}", .path.display())]
    Lines {
        path: PathBuf,
        /// Which line, and what is wrong with it.
        source: LinesError,
    },
    /// Another version of the format.
    #[error(
        "{} has format version {found}, and this stepwise reads up to version {VERSION}: use the stepwise that wrote it",
        .path.display()
    )]
    Version { path: PathBuf, found: u32 },
    /// The run's ledger.
    #[error(transparent)]
    Ledger(#[from] RemainsError),
}

/// Reads a run's folder. What is missing because the run is not that far, or was cut off by a kill, is told in the notes.
///
/// # Errors
/// It is no run's folder, another version's, or a file of it is damaged.
pub async fn read(folder: &Path) -> Result<RunData, FolderError> {
    if !folder.exists() {
        return Err(FolderError::Missing(folder.to_owned()));
    }
    let manifest_path = folder.join(layout::MANIFEST);
    let Some(bytes) = read_if_there(&manifest_path)? else { return Err(FolderError::NoRun(folder.to_owned())) };
    let mut notes = Vec::new();
    let manifest: Manifest = read_manifest(&manifest_path, &bytes)?;
    let problems = read_problems(&folder.join(layout::PROBLEMS), &mut notes)?;
    let is_in_files = manifest.stepwise_learn == FILES_VERSION;
    let mut rounds = if is_in_files { BTreeMap::new() } else { rounds::read(folder).await? };
    for (name, path) in entries(&folder.join(layout::ROUNDS))? {
        match name.parse() {
            Ok(number) if path.is_dir() => {
                if is_in_files {
                    rounds.insert(number, read_round(number, &path, folder, &mut notes)?);
                }
                let round: &mut RoundData = rounds.entry(number).or_default();
                let mut reader = LineReader { run: folder, notes: &mut notes };
                let mut curve = |role| reader.read(&path.join(layout::curve(role)), read_lines);
                round.policy_training = curve("policy")?.unwrap_or_default();
                round.critic_training = curve("critic")?.unwrap_or_default();
            }
            _ => notes.push(format!("rounds/{name} is no folder of a round and is left out")),
        }
    }
    Ok(RunData { manifest, problems, rounds, notes })
}

fn read_manifest<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, FolderError> {
    #[derive(Deserialize)]
    struct Version {
        stepwise_learn: u32,
    }
    let no_manifest = |source| FolderError::NoManifest { path: path.to_owned(), source };
    // The version comes first: a later version's manifest may have other fields.
    let Version { stepwise_learn: found } = serde_json::from_slice(bytes).map_err(no_manifest)?;
    if ![FILES_VERSION, VERSION].contains(&found) {
        return Err(FolderError::Version { path: path.to_owned(), found });
    }
    serde_json::from_slice(bytes).map_err(no_manifest)
}

/// The statements are wanted for their texts only, so that a file which cannot be read costs no more than those.
fn read_problems(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Problem>, FolderError> {
    let Some(bytes) = read_if_there(path)? else {
        notes.push("there is no problems.jsonl: statements are named and not shown".to_owned());
        return Ok(Vec::new());
    };
    match problem::read_jsonl(layout::PROBLEMS, &String::from_utf8_lossy(&bytes), &Defaults::default()) {
        Ok(problems) => Ok(problems),
        Err(e) => {
            notes.push(format!("{e}; statements are named and not shown"));
            Ok(Vec::new())
        }
    }
}

/// A round of a run that has no ledger.
fn read_round(number: u32, path: &Path, run: &Path, notes: &mut Vec<String>) -> Result<RoundData, FolderError> {
    let finished_path = path.join(layout::FINISHED);
    let finished = match read_if_there(&finished_path)? {
        Some(bytes) => {
            let damaged = |source| FolderError::Damaged { path: finished_path.clone(), source };
            Some(serde_json::from_slice(&bytes).map_err(damaged)?)
        }
        None => None,
    };
    let mut reader = LineReader { run, notes };
    let searches = reader.read(&path.join(layout::TRIALS), read_searches)?;
    if searches.is_none() {
        reader.notes.push(format!("round {number} has no trials.jsonl"));
    }
    let mut evals: BTreeMap<String, BTreeMap<String, _>> = BTreeMap::new();
    for (set, set_path) in entries(&path.join(layout::EVALS))?.into_iter().filter(|(_, path)| path.is_dir()) {
        for (name, file) in entries(&set_path)? {
            let Some(configuration) = name.strip_suffix(".jsonl") else { continue };
            let records = reader.read(&file, read_records)?.unwrap_or_default();
            evals.entry(set.clone()).or_default().insert(configuration.to_owned(), records);
        }
    }
    Ok(RoundData { finished, searches: searches.unwrap_or_default(), evals, ..RoundData::default() })
}

/// Reads files of lines and notes those that end in a torn one.
struct LineReader<'a> {
    run: &'a Path,
    notes: &'a mut Vec<String>,
}

impl LineReader<'_> {
    /// `None` when there is no such file.
    fn read<T>(
        &mut self,
        path: &Path,
        read: impl FnOnce(&[u8]) -> Result<Lines<T>, LinesError>,
    ) -> Result<Option<Vec<T>>, FolderError> {
        let Some(bytes) = read_if_there(path)? else { return Ok(None) };
        let Lines { lines, torn } =
            read(&bytes).map_err(|source| FolderError::Lines { path: path.to_owned(), source })?;
        if torn {
            let name = path.strip_prefix(self.run).unwrap_or(path).display();
            self.notes.push(format!("{name} ends in a torn line, which is left out"));
        }
        Ok(Some(lines))
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // A path through a file has no files either.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(FolderError::Io { path: path.to_owned(), source }),
    }
}

/// What lies in a folder, by name, without hidden files; nothing when there is no such folder.
fn entries(folder: &Path) -> Result<BTreeMap<String, PathBuf>, FolderError> {
    let failed = |source| FolderError::Io { path: folder.to_owned(), source };
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut entries = BTreeMap::new();
    for entry in listed {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.insert(name, entry.path());
        }
    }
    Ok(entries)
}

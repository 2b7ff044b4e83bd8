//! A run's folder: where its files are, and how they are written so that a kill at any moment loses at most one line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwise_core::jsonl::{DamagedLine, WholeLines};
use stepwise_learn::layout;
use stepwise_learn::run::{FILES_VERSION, Manifest, VERSION};

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refuses.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} line {line} is damaged ({source}); put back a good copy of the file, or cut it before this line to keep what precedes it", .path.display())]
    Damaged {
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// Another version of the format.
    #[error("{} was written by another stepwise (format {found}, and this one reads {VERSION}); name another folder", .path.display())]
    Version { path: PathBuf, found: u32 },
    /// The format before there were ledgers.
    #[error(
        "{} was written before runs had a ledger, and cannot be gone on with; `stepwise export {} -o FOLDER` writes down what \
         it taught, and its models are folders to begin another run with",
        .0.display(), .0.display()
    )]
    Files(PathBuf),
    /// Two processes would write the same files.
    #[error("another stepwise works in {}", .0.display())]
    Busy(PathBuf),
}

/// The folder of a run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locked while this process works in the folder.
    _lock: File,
}

impl RunFolder {
    /// Makes or opens the folder, and keeps other processes out of it.
    ///
    /// # Errors
    /// It cannot be made, or another process works in it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let lock_path = path.join("lock");
        let failed = |source| FolderError::Io { path: lock_path.clone(), source };
        std::fs::create_dir_all(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(FolderError::Busy(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
        }
    }

    /// What the run was started with; `None` in a new folder.
    ///
    /// # Errors
    /// The manifest is damaged or another version's.
    pub fn manifest(&self) -> Result<Option<Manifest>, FolderError> {
        #[derive(serde::Deserialize)]
        struct Version {
            stepwise_learn: u32,
        }
        let path = self.manifest_path();
        match read_json::<Version>(&path)? {
            None => Ok(None),
            Some(Version { stepwise_learn: VERSION }) => read_json(&path),
            Some(Version { stepwise_learn: FILES_VERSION }) => Err(FolderError::Files(self.path.clone())),
            Some(Version { stepwise_learn: found }) => Err(FolderError::Version { path, found }),
        }
    }

    /// Where the manifest is.
    #[must_use]
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join(layout::MANIFEST)
    }

    /// Where the statements are, each with its split.
    #[must_use]
    pub fn problems_path(&self) -> PathBuf {
        self.path.join(layout::PROBLEMS)
    }

    /// Where the run's ledger is.
    #[must_use]
    pub fn ledger_path(&self) -> PathBuf {
        self.path.join(layout::LEDGER)
    }

    /// Where the tokenizer of the run's new models is.
    #[must_use]
    pub fn tokenizer_path(&self) -> PathBuf {
        self.path.join(layout::TOKENIZER)
    }

    /// A file or folder of a round, which is counted from 1. Its folder is made.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn of_round(&self, round: u32, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.round_path(round).join(name);
        make_parent(&path)?;
        Ok(path)
    }

    /// What the folder is called.
    #[must_use]
    pub fn name(&self) -> String {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        path.file_name().map_or("run".into(), |name| name.to_string_lossy()).into_owned()
    }

    fn round_path(&self, round: u32) -> PathBuf {
        self.path.join(layout::round(round))
    }
}

/// Reads a file of one JSON value; `None` when there is no such file.
///
/// # Errors
/// It cannot be read, or holds something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|source| FolderError::Damaged {
            path: path.to_owned(),
            line: source.line(),
            source,
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Io { path: path.to_owned(), source }),
    }
}

/// Writes a file as a whole: it has its old content or the new one, whenever the process is killed.
///
/// # Errors
/// The operating system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    make_parent(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|source| FolderError::Io { path: path.to_owned(), source })
}

/// As [`write_whole`], a value as indented JSON.
///
/// # Errors
/// As [`write_whole`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FolderError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| FolderError::Io { path: path.to_owned(), source: io::Error::other(e) })?;
    text.push('\n');
    write_whole(path, text.as_bytes())
}

fn make_parent(path: &Path) -> Result<(), FolderError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(parent).map_err(|source| FolderError::Io { path: parent.to_owned(), source })
}

/// A file of JSON lines that is appended to. Each line goes to the operating system as one write.
#[derive(Debug)]
pub struct Lines {
    file: File,
}

impl Lines {
    /// Opens or creates the file, reads its lines, and cuts off a torn last one.
    ///
    /// # Errors
    /// It cannot be opened, or a line is something else.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), FolderError> {
        let failed = |source| FolderError::Io { path: path.to_owned(), source };
        make_parent(path)?;
        // Every write goes to the file's end, wherever that is by then.
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (lines, end) = parsed(path, &bytes)?;
        file.set_len(end as u64).map_err(failed)?;
        Ok((Self { file }, lines))
    }

    /// Reads a file that another process may be writing, and changes nothing. A torn last line is left out, and a file that
    /// is not there has no lines.
    ///
    /// # Errors
    /// It cannot be read, or a line is something else.
    pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, FolderError> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(parsed(path, &bytes)?.0),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(FolderError::Io { path: path.to_owned(), source }),
        }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn append(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// The whole lines, and where they end.
fn parsed<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<(Vec<T>, usize), FolderError> {
    let lines = WholeLines::of(bytes);
    let damaged = |DamagedLine { line, source }| FolderError::Damaged { path: path.to_owned(), line, source };
    Ok((lines.parse().map_err(damaged)?, lines.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_cut_off_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lines.jsonl");
        let (mut lines, none) = Lines::open::<u32>(&path).unwrap();
        assert!(none.is_empty());
        lines.append(&1).unwrap();
        lines.append(&2).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"3").unwrap();
        // Whoever only reads must not cut off what a writer has not finished.
        assert_eq!(Lines::read::<u32>(&path).unwrap(), [1, 2]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3");
        let (mut lines, read) = Lines::open::<u32>(&path).unwrap();
        assert_eq!(read, [1, 2]);
        lines.append(&4).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n4\n");
        std::fs::write(&path, "1\nx\n3\n").unwrap();
        assert!(Lines::open::<u32>(&path).unwrap_err().to_string().contains("line 2 is damaged"));
    }

    #[test]
    fn a_folder_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunFolder::open(folder.path()).unwrap();
        assert!(matches!(RunFolder::open(folder.path()), Err(FolderError::Busy(_))));
        assert!(first.manifest().unwrap().is_none());
        write_json(&first.manifest_path(), &serde_json::json!({ "stepwise_learn": 99 })).unwrap();
        assert!(matches!(first.manifest(), Err(FolderError::Version { found: 99, .. })));
    }
}

//! A search's event log as a file: created once, appended line by line, gone on with after a kill.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use stepwise_core::search::TimedEvent;
use stepwise_core::wire::log::{self, Log, LogError, LogHeader};

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// A new log would overwrite something.
    #[error("{} exists already: add --resume to go on from it, or name another file", .path.display())]
    Exists { path: PathBuf },
    /// Another process holds it.
    #[error("{} is being written by another stepwise: wait for it, or name another file", .path.display())]
    Busy { path: PathBuf },
    /// The operating system refused.
    #[error("cannot {action} the log {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// It is the log of another negation.
    #[error("{} is the log of another negation, policy, critic or Lean: move it away, or name another file", .path.display())]
    Foreign { path: PathBuf },
    /// It is no log, or a damaged one.
    #[error("{}: {source}", .path.display())]
    Bad { path: PathBuf, source: LogError },
}

/// An open log. Each event goes to the operating system as one write, so that a killed process loses at most the line
/// that it was writing; a reader drops such a torn line. (A power cut may lose more: there is no sync to the disk.)
#[derive(Debug)]
pub struct LogFile {
    file: File,
    path: PathBuf,
}

impl LogFile {
    /// Starts a log with its header.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path, header: &LogHeader) -> Result<Self, LogFileError> {
        let file = match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                return Err(LogFileError::Exists { path: path.to_owned() });
            }
            Err(e) => return Err(io("create", path)(e)),
        };
        lock(&file, path)?;
        let mut log = Self { file, path: path.to_owned() };
        log.write(&header.to_line())?;
        Ok(log)
    }

    /// Opens an interrupted search's log to go on with it, and cuts off a torn last line.
    ///
    /// # Errors
    /// When it cannot be read or written, or is no log.
    pub fn resume(path: &Path) -> Result<(Self, Log), LogFileError> {
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open", path))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("read", path))?;
        let log = parse(&bytes, path)?;
        // A `u64` holds any length in memory.
        let end = log.good_bytes as u64;
        if log.torn {
            file.set_len(end).map_err(io("truncate", path))?;
        }
        file.seek(SeekFrom::Start(end)).map_err(io("seek in", path))?;
        Ok((Self { file, path: path.to_owned() }, log))
    }

    /// Writes one event, before the search acts on it.
    ///
    /// # Errors
    /// When the operating system refuses, for example on a full disk.
    pub fn append(&mut self, event: &TimedEvent) -> Result<(), LogFileError> {
        self.write(&log::event_line(event))
    }

    fn write(&mut self, line: &str) -> Result<(), LogFileError> {
        self.file.write_all(line.as_bytes()).map_err(io("write", &self.path))
    }
}

/// Reads a log without touching it.
///
/// # Errors
/// When it cannot be read or is no log.
pub fn read(path: &Path) -> Result<Log, LogFileError> {
    parse(&std::fs::read(path).map_err(io("read", path))?, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Log, LogFileError> {
    log::read(bytes).map_err(|source| LogFileError::Bad { path: path.to_owned(), source })
}

fn lock(file: &File, path: &Path) -> Result<(), LogFileError> {
    match file.try_lock() {
        // A file system without locks is no reason to refuse work: the lock only guards against a slip.
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LogFileError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LogFileError {
    let path = path.to_owned();
    move |source| LogFileError::Io { action, path, source }
}

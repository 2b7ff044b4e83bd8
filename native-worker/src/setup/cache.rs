//! The cache folder: where things lie, the lock, and folders that appear complete or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::SetupError;
use super::progress::{Phase, Progress, Step};
use crate::blobs::hash_file;

const MANIFEST: &str = "manifest.json";
/// A folder under construction, or one that is only needed meanwhile; what a killed run left is removed by the next.
const NEW: &str = ".new-";
/// A damaged folder on its way out.
const OLD: &str = ".old-";

/// The folder that all of stepwise's downloads live in.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    pub(super) root: PathBuf,
}

/// What a folder of the cache holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Everything that its manifest names, with the right sizes.
    Complete {
        /// Their sum, in bytes.
        bytes: u64,
    },
    /// It is not there.
    Missing,
    /// It is there, but not as it was made.
    Damaged { what: String },
}

/// What a finished folder consists of. It is written last: a folder without one is not finished.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    files: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    bytes: u64,
    sha256: String,
    /// When it was last written, in nanoseconds since 1970: one that has another time is read to see whether it has
    /// changed.
    modified: u64,
}

impl Entry {
    /// Enters a finished file.
    fn of(path: &str, file: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(file)?;
        let (bytes, modified) = (metadata.len(), modified(&metadata));
        Ok(Self { path: path.to_owned(), bytes, sha256: hash_file(file)?, modified })
    }
}

impl Cache {
    /// Where downloaded tarballs are kept.
    pub(super) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// A finished folder.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Compares a folder with its manifest. Files of the right size and time are believed; with `contents`, or where the
    /// time differs, every byte is read.
    pub(super) fn condition(&self, name: &str, contents: bool) -> Condition {
        let folder = self.folder(name);
        if !folder.exists() {
            return Condition::Missing;
        }
        let damaged = |what: String| Condition::Damaged { what };
        let manifest: Manifest = match fs::read(folder.join(MANIFEST)).map(|text| serde_json::from_slice(&text)) {
            Ok(Ok(manifest)) => manifest,
            Ok(Err(error)) => return damaged(format!("{MANIFEST} is unreadable: {error}")),
            Err(error) => return damaged(format!("{MANIFEST}: {error}")),
        };
        let mut bytes = 0;
        for entry in &manifest.files {
            let path = folder.join(&entry.path);
            let is_certain = match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() && metadata.len() == entry.bytes => {
                    !contents && modified(&metadata) == entry.modified
                }
                Ok(metadata) => {
                    let (found, wanted) = (metadata.len(), entry.bytes);
                    return damaged(format!("{} has {found} bytes instead of {wanted}", entry.path));
                }
                Err(error) => return damaged(format!("{}: {error}", entry.path)),
            };
            bytes += entry.bytes;
            if !is_certain {
                match hash_file(&path) {
                    Ok(hash) if hash == entry.sha256 => {}
                    Ok(_) => return damaged(format!("{} has changed", entry.path)),
                    Err(error) => return damaged(format!("{}: {error}", entry.path)),
                }
            }
        }
        Condition::Complete { bytes }
    }

    /// Waits until no other process or thread writes to this cache, and removes what killed ones left. The lock goes when the file is dropped, or its
    /// process ends in whatever way.
    pub(super) fn lock(&self, progress: &dyn Progress) -> Result<File, SetupError> {
        fs::create_dir_all(&self.root).map_err(|source| SetupError::io("create", &self.root, 0, source))?;
        let path = self.root.join("lock");
        let wrong = |source| SetupError::io("lock", &path, 0, source);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.report(&Step { phase: Phase::Waiting, package: String::new(), done: 0, total: 0 });
                file.lock().map_err(wrong)?;
            }
            Err(TryLockError::Error(source)) => return Err(wrong(source)),
        }
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(NEW) || name.starts_with(OLD)) {
                remove_tree(&entry.path())?;
            }
        }
        Ok(file)
    }

    /// Makes an empty folder that goes when it is dropped. The caller holds the lock, and makes one at a time.
    /// `needed` is an upper bound on its size, for the message when the disk is full.
    pub(super) fn scratch(&self, needed: u64) -> Result<Scratch, SetupError> {
        let path = self.root.join(format!("{NEW}scratch"));
        remove_tree(&path)?;
        fs::create_dir_all(&path).map_err(|source| SetupError::io("create", &path, needed, source))?;
        Ok(Scratch { path, needed })
    }

    /// Starts a folder that becomes visible under `name` when it is committed. The caller holds the lock.
    /// `needed` is an upper bound on its size, for the message when the disk is full.
    pub(super) fn stage(&self, name: &str, needed: u64) -> Result<Staging, SetupError> {
        let staging = Staging {
            temporary: self.root.join(format!("{NEW}{name}")),
            aside: self.root.join(format!("{OLD}{name}")),
            folder: self.folder(name),
            manifest: Manifest::default(),
            needed,
            committed: false,
        };
        for leftover in [&staging.temporary, &staging.aside] {
            remove_tree(leftover)?;
        }
        fs::create_dir_all(&staging.temporary).map_err(|source| staging.wrong(&staging.temporary, source))?;
        Ok(staging)
    }
}

/// A temporary folder.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) path: PathBuf,
    needed: u64,
}

impl Scratch {
    /// Copies everything from `source` into the file `path` (parts divided by `/`, all of them plain names).
    pub(super) fn copy(&self, path: &str, source: &mut dyn Read) -> Result<(), CopyError> {
        copy_to(&self.path.join(path), source, self.needed)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A folder under construction.
#[derive(Debug)]
pub(super) struct Staging {
    temporary: PathBuf,
    aside: PathBuf,
    folder: PathBuf,
    manifest: Manifest,
    needed: u64,
    committed: bool,
}

/// Why a file could not be copied into a staging folder.
pub(super) enum CopyError {
    /// The source could not be read.
    Source(io::Error),
    /// The file could not be written.
    Target(SetupError),
}

impl Staging {
    /// Where its files lie until the commit.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Enters everything that somebody else wrote into the folder.
    pub(super) fn adopt(&mut self) -> Result<(), SetupError> {
        let folder = self.temporary.clone();
        let wrong = |source| SetupError::io("read", &folder, 0, source);
        for entry in fs::read_dir(&folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name();
            self.manifest.files.push(Entry::of(&name.to_string_lossy(), &entry.path()).map_err(wrong)?);
        }
        self.manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(())
    }

    /// Makes the folder visible, in place of a damaged one if there is one.
    pub(super) fn commit(mut self) -> Result<PathBuf, SetupError> {
        let path = self.temporary.join(MANIFEST);
        let text = serde_json::to_vec(&self.manifest).map_err(|error| self.wrong(&path, error.into()))?;
        let mut file = File::create(&path).map_err(|source| self.wrong(&path, source))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(|source| self.wrong(&path, source))?;
        drop(file);
        if self.folder.exists() {
            fs::rename(&self.folder, &self.aside).map_err(|source| self.wrong(&self.folder, source))?;
        }
        fs::rename(&self.temporary, &self.folder).map_err(|source| self.wrong(&self.folder, source))?;
        self.committed = true;
        remove_tree(&self.aside)?;
        Ok(self.folder.clone())
    }

    fn wrong(&self, path: &Path, source: io::Error) -> SetupError {
        SetupError::io("write", path, self.needed, source)
    }
}

impl Drop for Staging {
    /// Gives the space of an abandoned folder back at once: the disk may be full because of it.
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

fn remove_tree(path: &Path) -> Result<(), SetupError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SetupError::io("remove", path, 0, source)),
        _ => Ok(()),
    }
}

/// Writes everything from `source` into a new file.
pub(super) fn copy_to(target: &Path, source: &mut dyn Read, needed: u64) -> Result<(), CopyError> {
    let wrong = |source| CopyError::Target(SetupError::io("write", target, needed, source));
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(wrong)?;
    }
    let mut file = File::create(target).map_err(wrong)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => file.write_all(&buffer[..n]).map_err(wrong)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Source(error)),
        }
    }
}

fn modified(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

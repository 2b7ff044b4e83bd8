//! A ledger in a file, put back from a copy.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use stepwise_ledger::operations::ReadManifest;
use stepwise_ledger::{Address, Ledger};

use super::folder::{CampaignFolder, FolderError};

/// SQLite's journal beside a ledger, which belongs to that very file and would change another.
const JOURNAL: &str = "-wal";

/// All that a ledger's file may have beside it.
const BESIDE: [&str; 2] = [JOURNAL, "-shm"];

/// Keeps [`restore`] from a ledger for as long as it lives.
#[derive(Debug)]
pub struct InUse {
    _lock: File,
}

impl CampaignFolder {
    /// Says that this program works with the ledger; several may.
    ///
    /// # Errors
    /// It is being restored, or the folder cannot be written.
    pub fn in_use(&self) -> Result<InUse, FolderError> {
        let path = self.lock_path();
        let lock = open_lock(&path)?;
        match lock.try_lock_shared() {
            Ok(()) => Ok(InUse { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Restoring(self.path().to_owned())),
            Err(TryLockError::Error(source)) => Err(FolderError::Io { path, source }),
        }
    }

    /// Puts a copy in the place of the ledger; gives where the one before is now, if there was one. The copy is read as a
    /// whole first, and stays as it is.
    ///
    /// # Errors
    /// The ledger is in no file, somebody works with it, or the copy is none of a campaign's ledger.
    pub async fn restore(&self, copy: &Path) -> Result<Option<PathBuf>, FolderError> {
        let Address::File(ledger) = self.address() else {
            return Err(FolderError::NoFile);
        };
        let lock_path = self.lock_path();
        let lock = open_lock(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(self.path().to_owned())),
            Err(TryLockError::Error(source)) => return Err(FolderError::Io { path: lock_path, source }),
        }
        let (read, whole) = (self.path().join("restoring.db"), self.path().join("restored.db"));
        for leftover in [&read, &whole] {
            remove_all(leftover)?;
        }
        let copied = self.check(copy, &read, &whole).await;
        remove_all(&read)?;
        if let Err(error) = copied {
            remove_all(&whole)?;
            return Err(error);
        }
        let before = set_aside(&ledger, self.path())?;
        std::fs::rename(&whole, &ledger).map_err(|source| FolderError::Io { path: ledger, source })?;
        Ok(before)
    }

    /// Copies a copy, reads it as any ledger is read, and writes down all that it holds.
    async fn check(&self, copy: &Path, read: &Path, whole: &Path) -> Result<(), FolderError> {
        std::fs::copy(copy, read).map_err(|source| FolderError::Io { path: copy.to_owned(), source })?;
        // A ledger that was set aside has what it had in its journal.
        let journal = with(copy, JOURNAL);
        if journal.exists() {
            std::fs::copy(&journal, with(read, JOURNAL)).map_err(|source| FolderError::Io { path: journal, source })?;
        }
        let none = |error| FolderError::NoCopy { path: copy.to_owned(), error };
        let ledger = Ledger::open(&Address::File(read.to_owned())).await.map_err(none)?;
        ledger.read(ReadManifest).await.map_err(none)?;
        ledger.copy_to(whole).await.map_err(none)?;
        let synced = File::open(whole).and_then(|file| file.sync_all());
        synced.map_err(|source| FolderError::Io { path: whole.to_owned(), source })
    }

    fn lock_path(&self) -> PathBuf {
        self.path().join("lock")
    }
}

fn open_lock(path: &Path) -> Result<File, FolderError> {
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    lock.map_err(|source| FolderError::Io { path: path.to_owned(), source })
}

/// Moves a ledger with its journal to a name that is free, from which it can be brought back.
fn set_aside(ledger: &Path, folder: &Path) -> Result<Option<PathBuf>, FolderError> {
    if !ledger.exists() {
        // A journal without its file is worth nothing.
        return remove_all(ledger).map(|()| None);
    }
    let names = (1_u32..).map(|n| folder.join(format!("replaced-{n}.db")));
    let Some(aside) = names.into_iter().find(|name| !name.exists()) else { return Ok(None) };
    for end in BESIDE.into_iter().chain([""]) {
        match std::fs::rename(with(ledger, end), with(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FolderError::Io { path: with(ledger, end), source: error });
            }
            _ => {}
        }
    }
    Ok(Some(aside))
}

fn remove_all(file: &Path) -> Result<(), FolderError> {
    for end in BESIDE.into_iter().chain([""]) {
        let path = with(file, end);
        crate::small_file::remove(&path).map_err(|source| FolderError::Io { path, source })?;
    }
    Ok(())
}

/// A file's name with this behind it.
fn with(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use stepwise_core::wire::campaign::State;
    use stepwise_ledger::operations::{Canaries, Create, ReadOverview, SetState};

    use super::*;

    async fn made(path: &Path) -> (CampaignFolder, Ledger) {
        let folder = CampaignFolder::create(path, None, None).unwrap();
        folder.save().unwrap();
        let ledger = folder.new_ledger().await.unwrap();
        let create = Create {
            name: "c".to_owned(),
            manifest: serde_json::json!({}),
            lean: String::new(),
            seed: 0,
            problems: Vec::new(),
            stages: Vec::new(),
            canaries: Canaries::NONE,
        };
        ledger.run(create).await.unwrap();
        (folder, ledger)
    }

    async fn state(folder: &CampaignFolder) -> State {
        folder.ledger().await.unwrap().read(ReadOverview).await.unwrap().state
    }

    #[tokio::test]
    async fn a_copy_takes_the_place_of_a_ledger_whose_journal_is_there_still() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, ledger) = made(&dir.path().join("campaign")).await;
        let copy = dir.path().join("copy.db");
        ledger.copy_to(&copy).await.unwrap();
        ledger.run(SetState(State::Paused, String::new())).await.unwrap();
        // As a kill leaves it: the ledger's file, and a journal with what is not in it yet.
        let killed = dir.path().join("killed");
        std::fs::create_dir(&killed).unwrap();
        for name in ["campaign.json", "ledger.db", "ledger.db-wal"] {
            std::fs::copy(folder.path().join(name), killed.join(name)).unwrap();
        }
        let folder = CampaignFolder::open(&killed).unwrap();
        let before = folder.restore(&copy).await.unwrap().unwrap();
        assert_eq!(state(&folder).await, State::Running);
        assert_eq!(before, killed.join("replaced-1.db"));
        // And back again.
        assert_eq!(folder.restore(&before).await.unwrap(), Some(killed.join("replaced-2.db")));
    }

    #[tokio::test]
    async fn what_is_no_copy_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, ledger) = made(&dir.path().join("campaign")).await;
        let copy = dir.path().join("copy.db");
        ledger.copy_to(&copy).await.unwrap();
        ledger.run(SetState(State::Paused, String::new())).await.unwrap();
        let whole = std::fs::read(&copy).unwrap();
        std::fs::write(dir.path().join("half.db"), &whole[..whole.len() / 2]).unwrap();
        std::fs::write(dir.path().join("text.db"), "a text of more than a hundred bytes, ".repeat(9)).unwrap();
        Ledger::open(&Address::File(dir.path().join("empty.db"))).await.unwrap();
        for name in ["half.db", "text.db", "empty.db"] {
            let told = folder.restore(&dir.path().join(name)).await.unwrap_err().to_string();
            assert!(told.contains(name) && told.contains("is no whole copy of a campaign's ledger"), "{told}");
        }
        let in_use = folder.in_use().unwrap();
        let told = folder.restore(&copy).await.unwrap_err().to_string();
        assert!(told.ends_with("is being served; stop its coordinator first"), "{told}");
        drop(in_use);
        assert_eq!(state(&folder).await, State::Paused);
        let mut there: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        there.retain(|name| !name.to_string_lossy().starts_with("ledger.db"));
        there.sort();
        assert_eq!(there, ["campaign.json", "lock"]);
    }
}

//! Finished work on disk: results that no receipt has come for, the oldest first.
//!
//! Each is a file of its own, named by when it was written and by its submission. A result leaves only when the
//! coordinator has answered for it, so that neither an outage nor a crash costs one.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stepwise_core::wire::campaign::SearchResult;

use super::account::Home;
use crate::small_file;

/// The version of the files that this code writes, and the only one that it reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Line<R> {
    stepwise_result: u32,
    result: R,
}

/// The results of a campaign that wait to be sent.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    damaged: PathBuf,
    /// What the files may take together, in bytes.
    limit: u64,
    /// Their sizes in bytes, by name.
    files: BTreeMap<String, u64>,
    /// When the last was written, in milliseconds since 1970; no two have the same time.
    last_ms: u64,
}

/// Why a result cannot be kept on disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    /// Its owner does not want it to take more.
    #[error(
        "{} holds {} of finished work that cannot be sent, which is all that --disk allows; nothing more is searched until \
         there is room",
        folder.display(),
        megabytes(*bytes)
    )]
    Full { folder: PathBuf, bytes: u64 },
    /// The disk is full, or refuses otherwise.
    #[error("cannot keep finished work in {} ({source}); nothing more is searched until it can be", folder.display())]
    Io { folder: PathBuf, source: io::Error },
}

/// A file that holds no result, moved out of the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    /// Where it is now.
    pub(super) path: PathBuf,
    /// What is wrong with it.
    pub(super) detail: String,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a finished search cannot be sent and is put aside as {}: {}", self.path.display(), self.detail)
    }
}

impl Spool {
    /// Opens a campaign's spool, which may take so many bytes. What a crash left half written is removed.
    ///
    /// # Errors
    /// Its folder cannot be made or read.
    pub(super) fn open(home: &Home, limit: u64) -> io::Result<Self> {
        let (folder, damaged) = (home.folder().join("spool"), home.folder().join("damaged"));
        std::fs::create_dir_all(&folder)?;
        let mut spool = Self { folder, damaged, limit, files: BTreeMap::new(), last_ms: 0 };
        for entry in std::fs::read_dir(&spool.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(small_file::UNFINISHED) {
                small_file::remove(&entry.path())?;
            } else if name.ends_with(".json") {
                let written = name.split('-').next().and_then(|time| time.parse().ok()).unwrap_or(0);
                spool.last_ms = spool.last_ms.max(written);
                spool.files.insert(name, entry.metadata()?.len());
            }
        }
        Ok(spool)
    }

    /// How many results wait.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// What they take, in bytes.
    fn bytes(&self) -> u64 {
        self.files.values().sum()
    }

    /// Whether any more may be written.
    pub(super) fn has_room(&self) -> bool {
        self.bytes() < self.limit
    }

    /// Keeps a result until [`Spool::remove`].
    ///
    /// # Errors
    /// There is no room for it, or it cannot be written.
    pub(super) fn store(&mut self, result: &SearchResult) -> Result<(), SpoolError> {
        let failed = |source| SpoolError::Io { folder: self.folder.clone(), source };
        let bytes = serde_json::to_vec(&Line { stepwise_result: VERSION, result }).map_err(|e| failed(e.into()))?;
        let size = bytes.len() as u64;
        if self.bytes().saturating_add(size) > self.limit {
            return Err(SpoolError::Full { folder: self.folder.clone(), bytes: self.bytes() });
        }
        self.last_ms = super::unix_ms().max(self.last_ms + 1);
        let name = format!("{:015}-{}.json", self.last_ms, result.submission);
        small_file::write_bytes(&self.folder.join(&name), &bytes).map_err(failed)?;
        self.files.insert(name, size);
        Ok(())
    }

    /// The names and the sizes in bytes of those that wait, the oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), *bytes))
    }

    /// Reads one that waits. One that is damaged does not wait any more.
    pub(super) fn read(&mut self, name: &str) -> Result<SearchResult, Damaged> {
        let detail = match small_file::read::<Line<serde_json::Value>>(&self.folder.join(name)) {
            Ok(Some(Line { stepwise_result: VERSION, result })) => match serde_json::from_value(result) {
                Ok(result) => return Ok(result),
                Err(error) => error.to_string(),
            },
            Ok(Some(Line { stepwise_result: found, .. })) => {
                format!("it has format version {found}, and this stepwise reads version {VERSION}")
            }
            Ok(None) => "it is gone".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(self.put_aside(name, detail))
    }

    /// Moves one out of the way that will never be taken, for its owner to look at.
    pub(super) fn put_aside(&mut self, name: &str, detail: String) -> Damaged {
        self.files.remove(name);
        let (from, to) = (self.folder.join(name), self.damaged.join(name));
        let moved = std::fs::create_dir_all(&self.damaged).and_then(|()| std::fs::rename(&from, &to));
        Damaged { path: if moved.is_ok() { to } else { from }, detail }
    }

    /// Forgets one that the coordinator has answered for.
    ///
    /// # Errors
    /// Its file cannot be removed; it will be sent again after the next start, which does no harm.
    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.files.remove(name);
        small_file::remove(&self.folder.join(name))
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use stepwise_core::search::CostLedger;
    use stepwise_core::wire::campaign::Ending;

    use super::super::account::{Account, Accounts};
    use super::super::link::Base;
    use super::*;

    fn home(folder: &std::path::Path) -> Home {
        let base = Base::parse("https://a.example").unwrap();
        let account = Account::new("c".to_owned(), base, 1, "t".to_owned());
        Accounts::open(Some(folder.to_owned())).unwrap().save(&account).unwrap()
    }

    fn result(submission: &str) -> SearchResult {
        SearchResult {
            submission: submission.to_owned(),
            unit: 3,
            attempt: 1,
            claim: "c".to_owned(),
            ending: Ending::Proof,
            detail: None,
            searched: None,
            proof: Some(vec!["simp".to_owned()]),
            cost: CostLedger::default(),
        }
    }

    fn submissions(spool: &mut Spool) -> Vec<String> {
        let names: Vec<String> = spool.waiting().map(|(name, _)| name.to_owned()).collect();
        names.iter().map(|name| spool.read(name).unwrap().submission).collect()
    }

    #[test]
    fn results_outlive_the_program_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut spool = Spool::open(&home, 1 << 20).unwrap();
        for submission in ["z", "a", "m"] {
            spool.store(&result(submission)).unwrap();
        }
        std::fs::write(spool.folder.join("000000000000001-x.json.part"), "{").unwrap();
        let mut spool = Spool::open(&home, 1 << 20).unwrap();
        spool.store(&result("b")).unwrap();
        assert_eq!(submissions(&mut spool), ["z", "a", "m", "b"]);
        let first = spool.waiting().next().unwrap().0.to_owned();
        assert_eq!(spool.read(&first).unwrap(), result("z"));
        spool.remove(&first).unwrap();
        let mut spool = Spool::open(&home, 1 << 20).unwrap();
        assert_eq!(submissions(&mut spool), ["a", "m", "b"]);
        assert_eq!(std::fs::read_dir(&spool.folder).unwrap().count(), 3);
    }

    #[test]
    fn a_damaged_file_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut spool = Spool::open(&home, 1 << 20).unwrap();
        spool.store(&result("a")).unwrap();
        std::fs::write(spool.folder.join("000000000000001-x.json"), "{\"stepwise_result\":1,").unwrap();
        std::fs::write(spool.folder.join("000000000000002-y.json"), "{\"stepwise_result\":2,\"result\":7}").unwrap();
        let mut spool = Spool::open(&home, 1 << 20).unwrap();
        assert_eq!(spool.len(), 3);
        let damaged = spool.read("000000000000001-x.json").unwrap_err();
        assert_eq!(damaged.path, home.folder().join("damaged/000000000000001-x.json"));
        assert!(damaged.path.exists() && damaged.detail.starts_with("EOF"), "{damaged}");
        assert!(spool.read("000000000000002-y.json").unwrap_err().detail.starts_with("it has format version 2"));
        assert_eq!(submissions(&mut spool), ["a"]);
    }

    #[test]
    fn a_full_spool_takes_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&home(folder.path()), 500).unwrap();
        spool.store(&result("a")).unwrap();
        let told = loop {
            match spool.store(&result("b")) {
                Ok(()) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(told.contains("which is all that --disk allows"), "{told}");
        let n = spool.len();
        let first = spool.waiting().next().unwrap().0.to_owned();
        spool.remove(&first).unwrap();
        assert!(spool.has_room());
        spool.store(&result("c")).unwrap();
        assert_eq!(spool.len(), n);
    }
}

//! A campaign's folder: which ledger it has, and where it can be reached.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stepwise_ledger::{Address, Ledger, LedgerError};

use crate::blobs::Blobs;
use crate::small_file;

/// The version of the file that this code writes, and the only one that it reads.
const VERSION: u32 = 1;

/// The file that makes a folder a campaign's.
const FILE: &str = "campaign.json";

/// The ledger of a campaign without a database server.
const LEDGER: &str = "ledger.db";

/// The files of its models.
const BLOBS: &str = "blobs";

/// What a campaign's folder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The file's version.
    pub stepwise_campaign: u32,
    /// `postgres://...`; without it the ledger is a file in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The address under which donors reach the coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

/// Why a campaign's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is none.
    #[error("{} is no campaign's folder; `stepwise campaign init {} FILE.jsonl` makes one", .0.display(), .0.display())]
    None(PathBuf),
    /// There is one already.
    #[error("{} has a campaign already; name another folder", .0.display())]
    Taken(PathBuf),
    /// It is one, without its ledger.
    #[error("{} is not there; put a copy in its place with `stepwise campaign restore DIR COPY`", .0.display())]
    NoLedger(PathBuf),
    /// Its ledger is none, or half of one.
    #[error(
        "{} is no whole ledger ({error}); put a copy in its place with `stepwise campaign restore DIR COPY`",
        .path.display()
    )]
    BadLedger { path: PathBuf, error: LedgerError },
    /// Its file cannot be read.
    #[error("{} cannot be read: {reason}", .path.display())]
    Damaged { path: PathBuf, reason: String },
    /// Its ledger is in PostgreSQL.
    #[error("the ledger is in PostgreSQL: restore it with `psql`, from what `pg_dump` wrote")]
    NoFile,
    /// A coordinator works with it.
    #[error("{} is being served; stop its coordinator first", .0.display())]
    InUse(PathBuf),
    /// Somebody puts an older copy in the ledger's place.
    #[error("{} is being restored; try again when that is done", .0.display())]
    Restoring(PathBuf),
    /// A copy cannot be restored.
    #[error("{} is no whole copy of a campaign's ledger ({error}); name a file that `campaign backup` wrote", .path.display())]
    NoCopy { path: PathBuf, error: LedgerError },
    /// A file cannot be used.
    #[error("cannot use {} ({source}); is it there, and may you read and write it?", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A campaign's folder.
#[derive(Clone, Debug)]
pub struct CampaignFolder {
    path: PathBuf,
    pub settings: Settings,
}

impl CampaignFolder {
    /// Makes a folder for a campaign that is to be.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn create(path: &Path, database: Option<String>, public_url: Option<String>) -> Result<Self, FolderError> {
        if path.join(FILE).exists() {
            return Err(FolderError::Taken(path.to_owned()));
        }
        std::fs::create_dir_all(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        let settings = Settings { stepwise_campaign: VERSION, database, public_url };
        Ok(Self { path: path.to_owned(), settings })
    }

    /// Writes the file that makes it a campaign's. Its owner alone may read it: a database's address has a password.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> Result<(), FolderError> {
        let path = self.path.join(FILE);
        small_file::write(&path, &self.settings).map_err(|source| FolderError::Io { path, source })
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// It is none of a campaign, or of another version.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(FILE);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(FolderError::None(path.to_owned())),
            Err(source) => return Err(FolderError::Io { path: file, source }),
        };
        let damaged = |reason: String| FolderError::Damaged { path: file.clone(), reason };
        let settings: Settings = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if settings.stepwise_campaign != VERSION {
            let found = settings.stepwise_campaign;
            return Err(damaged(format!("it has version {found}, and this stepwise reads version {VERSION}")));
        }
        Ok(Self { path: path.to_owned(), settings })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its ledger is.
    #[must_use]
    pub fn address(&self) -> Address {
        match &self.settings.database {
            Some(database) => Address::Server(database.clone()),
            None => Address::File(self.path.join(LEDGER)),
        }
    }

    /// Where the files of its models are.
    #[must_use]
    pub fn blobs(&self) -> Blobs {
        Blobs::at(self.path.join(BLOBS))
    }

    /// Opens its ledger.
    ///
    /// # Errors
    /// It is not there or damaged, cannot be reached, or a later version wrote it.
    pub async fn ledger(&self) -> Result<Ledger, FolderError> {
        match self.address() {
            Address::File(path) if !path.exists() => Err(FolderError::NoLedger(path)),
            _ => self.new_ledger().await,
        }
    }

    /// As [`CampaignFolder::ledger`], which is made where it is not there.
    ///
    /// # Errors
    /// As [`CampaignFolder::ledger`].
    pub async fn new_ledger(&self) -> Result<Ledger, FolderError> {
        let address = self.address();
        Ledger::open(&address).await.map_err(|error| match (address, error) {
            (Address::File(path), error @ (LedgerError::Database(_) | LedgerError::Migration(_))) => {
                FolderError::BadLedger { path, error }
            }
            (_, error) => FolderError::Ledger(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_found_again_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/campaign");
        assert!(matches!(CampaignFolder::open(&path), Err(FolderError::None(_))));
        let made = CampaignFolder::create(&path, None, Some("https://example.org".to_owned())).unwrap();
        made.save().unwrap();
        assert_eq!(CampaignFolder::open(&path).unwrap().settings, made.settings);
        assert!(matches!(CampaignFolder::create(&path, None, None), Err(FolderError::Taken(_))));
        assert_eq!(made.address(), Address::File(path.join("ledger.db")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path.join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(path.join(FILE), "{\"stepwise_campaign\":9}").unwrap();
        let error = CampaignFolder::open(&path).unwrap_err().to_string();
        assert!(error.ends_with("it has version 9, and this stepwise reads version 1"), "{error}");
    }
}

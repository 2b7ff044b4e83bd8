//! The campaigns that this user has joined, each in a folder of its own with its account and all that belongs to it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::link::Base;
use crate::small_file;

/// The version of the account's file that this code writes, and the only one that it reads.
const VERSION: u32 = 1;

/// An account with a campaign's coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    stepwise_account: u32,
    /// The campaign's name.
    pub campaign: String,
    /// Where its coordinator is.
    pub base: Base,
    /// The account's number.
    pub account: u64,
    /// What requests carry.
    pub(super) token: Token,
}

impl Account {
    /// The address of the coordinator's page that shows this account's own numbers. Whoever has it has the account.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}/#/campaign?token={}", self.base.to_string().trim_end_matches('/'), self.token.0)
    }

    /// The same account where its coordinator is now.
    #[must_use]
    pub fn at(self, base: Base) -> Self {
        Self { base, ..self }
    }

    /// What a ledger has of its token.
    #[must_use]
    pub fn token_sha(&self) -> String {
        stepwise_ledger::hash_of(&self.token.0)
    }
}

/// What only its owner may know; it never shows itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Token(pub(super) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Where the folders of joined campaigns are.
#[derive(Clone, Debug)]
pub struct Accounts {
    folder: PathBuf,
}

/// A joined campaign's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
}

/// Why an account cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The user has no data folder (no HOME, for example).
    #[error("cannot find this user's data folder; name one with --folder, or set STEPWISE_DONATE_DIR")]
    NoFolder,
    /// No campaign was joined.
    #[error("no campaign is joined: ask whoever runs one for a link, then `stepwise donate join LINK`")]
    NoneJoined,
    /// It is not clear which campaign is meant.
    #[error("several campaigns are joined ({}): name one with --campaign", .0.join(", "))]
    Several(Vec<String>),
    /// No such campaign was joined.
    #[error("no campaign {name} is joined; there are: {}", there.join(", "))]
    Unknown {
        name: String,
        /// Those that are.
        there: Vec<String>,
    },
    /// The account's file is not what was written.
    #[error("{} is damaged ({detail}): join the campaign again with a new link", path.display())]
    Damaged { path: PathBuf, detail: String },
    /// A later stepwise wrote the account's file.
    #[error("{} has format version {found}, and this stepwise reads version {VERSION}: update stepwise", path.display())]
    Version { path: PathBuf, found: u32 },
    /// Another program works with this account here.
    #[error("another `stepwise donate` works for this campaign already; `stepwise donate status` says what it does")]
    Busy,
    /// A file cannot be used.
    #[error("cannot use {} ({source}); check its permissions, or name another folder with --folder", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Account {
    pub(super) fn new(campaign: String, base: Base, account: u64, token: String) -> Self {
        Self { stepwise_account: VERSION, campaign, base, account, token: Token(token) }
    }
}

impl Accounts {
    /// Those in this folder, or in the user's own.
    ///
    /// # Errors
    /// No folder is named, and the user has none.
    pub fn open(folder: Option<PathBuf>) -> Result<Self, AccountError> {
        let own = || dirs::data_dir().map(|folder| folder.join("stepwise").join("donate"));
        Ok(Self { folder: folder.or_else(own).ok_or(AccountError::NoFolder)? })
    }

    /// Makes sure that an account could be kept, before an invitation is used up for one.
    ///
    /// # Errors
    /// The folder cannot be made, or written into.
    pub fn prepare(&self) -> Result<(), AccountError> {
        let probe = self.folder.join(".probe");
        let written = std::fs::create_dir_all(&self.folder).and_then(|()| small_file::write_bytes(&probe, b"probe"));
        let written = written.and_then(|()| small_file::remove(&probe));
        written.map_err(|source| AccountError::Io { path: self.folder.clone(), source })
    }

    /// Keeps an account. One with the same campaign is replaced; what else its folder holds stays.
    ///
    /// # Errors
    /// Its folder or its file cannot be written.
    pub fn save(&self, account: &Account) -> Result<Home, AccountError> {
        let plain = plain_name(&account.campaign);
        // Coordinators do not know of each other, and may give their campaigns the same name.
        let names = std::iter::once(plain.clone()).chain((2..).map(|n| format!("{plain}-{n}")));
        for home in names.map(|name| Home { folder: self.folder.join(name) }) {
            let is_ours = match home.account() {
                Ok(None) | Err(AccountError::Damaged { .. }) => true,
                Ok(Some(there)) => there.campaign == account.campaign && there.base == account.base,
                Err(error @ AccountError::Io { .. }) => return Err(error),
                Err(_) => false,
            };
            if is_ours {
                home.keep(account)?;
                return Ok(home);
            }
        }
        Err(AccountError::NoFolder)
    }

    /// All joined campaigns, in the order of their folders' names.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> Result<Vec<Home>, AccountError> {
        let failed = |source| AccountError::Io { path: self.folder.clone(), source };
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut homes = Vec::new();
        for entry in entries {
            let home = Home { folder: entry.map_err(failed)?.path() };
            if home.account_path().exists() {
                homes.push(home);
            }
        }
        homes.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(homes)
    }

    /// The joined campaigns of this name, or all of them; there is one at least. A folder's name goes first, because it
    /// tells two coordinators' campaigns apart.
    ///
    /// # Errors
    /// There is none, or the folder cannot be read.
    pub fn named(&self, campaign: Option<&str>) -> Result<Vec<Home>, AccountError> {
        let all = self.all()?;
        if all.is_empty() {
            return Err(AccountError::NoneJoined);
        }
        let Some(name) = campaign else { return Ok(all) };
        if let Some(home) = all.iter().find(|home| home.name() == name) {
            return Ok(vec![home.clone()]);
        }
        let is_named = |home: &&Home| home.account().ok().flatten().is_some_and(|account| account.campaign == name);
        let named: Vec<Home> = all.iter().filter(is_named).cloned().collect();
        if named.is_empty() {
            return Err(AccountError::Unknown { name: name.to_owned(), there: names(&all) });
        }
        Ok(named)
    }

    /// The one joined campaign of this name, or the only one.
    ///
    /// # Errors
    /// As [`Accounts::named`], and where there are several.
    pub fn one(&self, campaign: Option<&str>) -> Result<Home, AccountError> {
        let mut named = self.named(campaign)?;
        match named.len() {
            1 => Ok(named.remove(0)),
            _ => Err(AccountError::Several(names(&named))),
        }
    }
}

fn names(homes: &[Home]) -> Vec<String> {
    homes.iter().map(Home::name).collect()
}

impl Home {
    /// The folder's name, which is the campaign's where that is plain.
    #[must_use]
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its account; `None` where there is none.
    ///
    /// # Errors
    /// Its file cannot be read, or is none.
    pub fn account(&self) -> Result<Option<Account>, AccountError> {
        #[derive(Deserialize)]
        struct Version {
            stepwise_account: u32,
        }
        let path = self.account_path();
        let wrong = |source: io::Error| match source.kind() {
            io::ErrorKind::InvalidData => AccountError::Damaged { path: path.clone(), detail: source.to_string() },
            _ => self.io(&path, source),
        };
        // The version comes first: a later version's file may have other fields.
        match small_file::read::<Version>(&path).map_err(wrong)? {
            None => Ok(None),
            Some(Version { stepwise_account: VERSION }) => small_file::read(&path).map_err(wrong),
            Some(Version { stepwise_account: found }) => Err(AccountError::Version { path, found }),
        }
    }

    /// Writes its account down.
    ///
    /// # Errors
    /// Its folder or its file cannot be written.
    pub fn keep(&self, account: &Account) -> Result<(), AccountError> {
        std::fs::create_dir_all(&self.folder).map_err(|source| self.io(&self.folder, source))?;
        let path = self.account_path();
        small_file::write(&path, account).map_err(|source| self.io(&path, source))
    }

    /// Keeps other programs out of the folder for as long as the answer lives.
    ///
    /// # Errors
    /// One is in it, or it cannot be locked.
    pub(super) fn lock(&self) -> Result<File, AccountError> {
        let path = self.folder.join("lock");
        let failed = |source| self.io(&path, source);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(AccountError::Busy),
            Err(TryLockError::Error(source)) => Err(failed(source)),
            Ok(()) => Ok(lock),
        }
    }

    pub(super) fn io(&self, path: &Path, source: io::Error) -> AccountError {
        AccountError::Io { path: path.to_owned(), source }
    }

    fn account_path(&self) -> PathBuf {
        self.folder.join("account.json")
    }
}

/// A folder's name for a campaign's. Names come from outside, so only plain characters pass; a hash keeps two names
/// apart that differ in the others only.
fn plain_name(campaign: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !campaign.is_empty() && campaign.len() <= 80 && campaign.chars().all(is_plain) {
        return campaign.to_owned();
    }
    let plain: String = campaign.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{plain}_{}", hex::encode(&Sha256::digest(campaign)[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(campaign: &str, base: &str) -> Account {
        Account::new(campaign.to_owned(), Base::parse(base).unwrap(), 7, "t0ken".to_owned())
    }

    #[test]
    fn an_account_is_read_as_it_was_written_and_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(Some(folder.path().join("donate"))).unwrap();
        assert!(matches!(accounts.one(None), Err(AccountError::NoneJoined)));
        let account = account("round-1", "https://a.example/x");
        let home = accounts.save(&account).unwrap();
        assert_eq!(accounts.one(None).unwrap(), home);
        assert_eq!(accounts.one(Some("round-1")).unwrap(), home);
        assert_eq!(home.account().unwrap().unwrap(), account);
        assert!(!format!("{account:?}").contains("t0ken"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(home.account_path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn joining_again_replaces_the_account_and_another_coordinators_campaign_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(Some(folder.path().to_owned())).unwrap();
        let first = accounts.save(&account("c", "https://a.example")).unwrap();
        assert_eq!(accounts.save(&account("c", "https://a.example")).unwrap(), first);
        let second = accounts.save(&account("c", "https://b.example")).unwrap();
        let third = accounts.save(&account("über ../c", "https://a.example")).unwrap();
        assert_eq!((first.name().as_str(), second.name().as_str()), ("c", "c-2"));
        assert_eq!(third.folder().parent(), Some(folder.path()));
        assert_eq!(accounts.one(Some("über ../c")).unwrap(), third);
        assert_eq!(accounts.one(Some("c-2")).unwrap(), second);
        assert_eq!(accounts.one(Some("c")).unwrap(), first);
        let third = third.name();
        let several = accounts.one(None).unwrap_err().to_string();
        assert_eq!(several, format!("several campaigns are joined ({third}, c, c-2): name one with --campaign"));
        let unknown = accounts.one(Some("d")).unwrap_err().to_string();
        assert_eq!(unknown, format!("no campaign d is joined; there are: {third}, c, c-2"));
    }

    #[test]
    fn a_damaged_account_says_how_to_get_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(Some(folder.path().to_owned())).unwrap();
        let home = accounts.save(&account("c", "https://a.example")).unwrap();
        std::fs::write(home.account_path(), "{\"stepwise_account\":1,").unwrap();
        let told = home.account().unwrap_err().to_string();
        assert!(told.contains("account.json is damaged (EOF") && told.ends_with("with a new link"), "{told}");
        std::fs::write(home.account_path(), "{\"stepwise_account\":2}").unwrap();
        assert!(home.account().unwrap_err().to_string().ends_with("update stepwise"));
        std::fs::write(home.account_path(), "{}").unwrap();
        assert_eq!(accounts.save(&account("c", "https://a.example")).unwrap(), home);
    }

    #[test]
    fn one_program_at_a_time_works_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(Some(folder.path().to_owned())).unwrap();
        let home = accounts.save(&account("c", "https://a.example")).unwrap();
        let lock = home.lock().unwrap();
        assert!(matches!(home.lock(), Err(AccountError::Busy)));
        drop(lock);
        assert!(home.lock().is_ok());
    }
}

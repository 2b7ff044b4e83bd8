//! The ledger of a campaign: who works on what, what came of it, and what was verified.
//!
//! A [`Ledger`] is a database, SQLite in a file or PostgreSQL on a server, and an [`Operation`] what is done to it in one
//! transaction. [`operations`] has them all, each written once for both databases; only the database's clock decides. What
//! must hold of them: a unit has one lease, of its current attempt; a problem is solved only by an accepted verdict;
//! effort counts once an attempt; a proof that arrived is looked at, however late; verdicts that contradict each other
//! halt the campaign; a frozen stage never changes; a unit is dead only after three crashes at two accounts; every lease
//! ends.

mod engine;
mod error;
mod migrations;
pub mod operations;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sha2::{Digest, Sha256};

pub use self::engine::{Operation, Transaction};
use self::engine::{Postgres, Sqlite};
pub use self::error::LedgerError;

/// Where a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL: `postgres://USER@HOST/NAME`.
    Server(String),
}

/// An open ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    engine: Arc<Engine>,
    ahead_ms: Arc<AtomicI64>,
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Ledger {
    /// Opens a ledger and brings its schema up to this version's.
    ///
    /// # Errors
    /// The database cannot be reached, or a later version wrote it.
    pub async fn open(address: &Address) -> Result<Self, LedgerError> {
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let engine = match address {
            Address::File(path) => Engine::Sqlite(Sqlite::open(path, Arc::clone(&ahead_ms)).await?),
            Address::Server(address) => Engine::Postgres(Postgres::open(address, Arc::clone(&ahead_ms)).await?),
        };
        Ok(Self { engine: Arc::new(engine), ahead_ms })
    }

    /// Does something.
    ///
    /// # Errors
    /// As the operation; nothing of it stays then.
    pub async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        match &*self.engine {
            Engine::Sqlite(engine) => engine.write(operation).await,
            Engine::Postgres(engine) => engine.run(operation).await,
        }
    }

    /// Looks something up, which waits for nobody who writes.
    ///
    /// # Errors
    /// As the operation, which must change nothing.
    pub async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        match &*self.engine {
            Engine::Sqlite(engine) => engine.read(operation).await,
            Engine::Postgres(engine) => engine.read(operation).await,
        }
    }

    /// Copies a ledger in a file to another file, while others go on writing.
    ///
    /// # Errors
    /// It is in no file, or the copy cannot be written.
    pub async fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        match &*self.engine {
            Engine::Sqlite(engine) => engine.copy_to(path).await,
            Engine::Postgres(_) => Err(LedgerError::Refused("PostgreSQL is copied by `pg_dump`".to_owned())),
        }
    }

    /// Puts this handle's clock ahead of the database's, so that tests need not wait for leases to end.
    pub fn put_ahead(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// What a ledger keeps of a secret: its SHA-256 in hexadecimal.
#[must_use]
pub fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

//! SQLite in a file: one task writes, and takes together what waits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{Operation, Transaction};
use crate::LedgerError;

/// Operations that one transaction of the database may hold.
const BATCH: usize = 64;

/// Operations that may wait for the writer.
const WAITING: usize = 256;

/// Connections that read.
const READERS: u32 = 4;

/// Statements whose plans a connection keeps.
const STATEMENTS: usize = 256;

/// A ledger in a file.
pub(crate) struct Sqlite {
    writes: mpsc::Sender<Box<dyn Write>>,
    reads: SqlitePool,
    ahead_ms: Arc<AtomicI64>,
}

impl Sqlite {
    /// Opens a file, which is made where it is not there, and brings its schema up to date.
    pub(crate) async fn open(path: &Path, ahead_ms: Arc<AtomicI64>) -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was answered survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .statement_cache_capacity(STATEMENTS)
            .busy_timeout(Duration::from_secs(10));
        let mut connection = options.connect().await?;
        crate::migrations::run(&sqlx::migrate!("migrations/sqlite"), &mut connection).await?;
        let reads = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options.read_only(true));
        let (writes, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write(connection, waiting, Arc::clone(&ahead_ms)));
        Ok(Self { writes, reads, ahead_ms })
    }

    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let pending: Box<dyn Write> = Box::new(Pending { operation, output: None, reply });
        self.writes.try_send(pending).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => LedgerError::Busy,
            mpsc::error::TrySendError::Closed(_) => LedgerError::Closed,
        })?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    pub(crate) async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let mut transaction = self.reads.begin().await?;
        operation.run(&mut Transaction::sqlite(&mut transaction, self.ahead_ms.load(Ordering::Relaxed))).await
    }

    pub(crate) async fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let path = path.to_str().ok_or_else(|| LedgerError::Refused("the copy's name is no text".to_owned()))?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&self.reads).await?;
        Ok(())
    }
}

/// An operation that waits for the writer, and whoever waits for its answer.
struct Pending<O: Operation> {
    operation: O,
    output: Option<Result<O::Output, LedgerError>>,
    reply: oneshot::Sender<Result<O::Output, LedgerError>>,
}

#[async_trait]
trait Write: Send {
    /// Runs it; whether it is to stay.
    async fn run(&mut self, ledger: &mut Transaction<'_>) -> bool;

    /// Answers, once it is known whether the transaction stays.
    fn answer(self: Box<Self>, is_committed: bool);
}

#[async_trait]
impl<O: Operation> Write for Pending<O> {
    async fn run(&mut self, ledger: &mut Transaction<'_>) -> bool {
        let output = self.operation.run(ledger).await;
        let stays = output.is_ok();
        self.output = Some(output);
        stays
    }

    fn answer(self: Box<Self>, is_committed: bool) {
        let lost = || Err(LedgerError::Database(sqlx::Error::Protocol("the transaction was not committed".to_owned())));
        let answer = match self.output {
            Some(Ok(_)) if !is_committed => lost(),
            Some(output) => output,
            None => lost(),
        };
        // Whoever asked may be gone.
        let _ = self.reply.send(answer);
    }
}

/// Carries out what waits, until nobody is left who could ask.
async fn write(
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<Box<dyn Write>>,
    ahead_ms: Arc<AtomicI64>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let is_committed = match commit(&mut connection, &mut batch, ahead_ms.load(Ordering::Relaxed)).await {
            Ok(()) => true,
            Err(_) => {
                // A transaction that could not be ended would hold up the next.
                let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
                false
            }
        };
        for write in batch.drain(..) {
            write.answer(is_committed);
        }
    }
    let _ = connection.close().await;
}

/// Runs all of them in one transaction, each of which may fail alone.
async fn commit(connection: &mut SqliteConnection, batch: &mut [Box<dyn Write>], ahead_ms: i64) -> sqlx::Result<()> {
    // Before anything is read: a transaction that begins to write later can find that it may not.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for write in batch {
        sqlx::query("SAVEPOINT operation").execute(&mut *connection).await?;
        let end = match write.run(&mut Transaction::sqlite(connection, ahead_ms)).await {
            true => "RELEASE operation",
            false => "ROLLBACK TO operation",
        };
        sqlx::query(end).execute(&mut *connection).await?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

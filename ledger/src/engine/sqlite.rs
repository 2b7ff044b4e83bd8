//! SQLite in a file: one task writes, and takes together what waits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{Operation, Transaction};
use crate::LedgerError;

/// Operations that one transaction of the database may hold.
const BATCH: usize = 64;

/// How long what waits for the writer may take it, by how long operations took of late. Whoever would wait for longer is
/// told so at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an operation is taken to last before any was measured.
const FIRST_GUESS: Duration = Duration::from_millis(1);

/// Connections that read.
const READERS: u32 = 4;

/// Statements whose plans a connection keeps.
const STATEMENTS: usize = 256;

/// A ledger in a file.
pub(crate) struct Sqlite {
    writes: mpsc::UnboundedSender<Box<dyn Write>>,
    load: Arc<Load>,
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
        // A connection to a file does not break while nobody looks.
        let reads = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let reads = reads.connect_lazy_with(options.read_only(true));
        let (writes, waiting) = mpsc::unbounded_channel();
        let load = Arc::new(Load::default());
        tokio::spawn(write(connection, waiting, Arc::clone(&load), Arc::clone(&ahead_ms)));
        Ok(Self { writes, load, reads, ahead_ms })
    }

    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let pending: Box<dyn Write> = Box::new(Pending { operation, output: None, reply });
        if self.load.backlog() > PATIENCE {
            return Err(LedgerError::Busy);
        }
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.writes.send(pending).map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    pub(crate) async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        if O::IS_ONE_QUESTION {
            let mut connection = self.reads.acquire().await?;
            return operation.run(&mut Transaction::sqlite(&mut connection, ahead_ms)).await;
        }
        let mut transaction = self.reads.begin().await?;
        operation.run(&mut Transaction::sqlite(&mut transaction, ahead_ms)).await
    }

    pub(crate) async fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let path = path.to_str().ok_or_else(|| LedgerError::Refused("the copy's name is no text".to_owned()))?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&self.reads).await?;
        Ok(())
    }
}

/// What waits for the writer, and how fast it is.
struct Load {
    waiting: AtomicU64,
    /// How long an operation takes, in nanoseconds.
    each_ns: AtomicU64,
}

impl Default for Load {
    fn default() -> Self {
        Self { waiting: AtomicU64::new(0), each_ns: AtomicU64::new(nanos(FIRST_GUESS)) }
    }
}

impl Load {
    /// How long what waits will take.
    fn backlog(&self) -> Duration {
        let waiting = self.waiting.load(Ordering::Relaxed);
        Duration::from_nanos(waiting.saturating_mul(self.each_ns.load(Ordering::Relaxed)))
    }

    /// So many operations took so long together.
    fn served(&self, n: u64, took: Duration) {
        self.waiting.fetch_sub(n, Ordering::Relaxed);
        let each_ns = self.each_ns.load(Ordering::Relaxed);
        self.each_ns.store((7 * each_ns + nanos(took) / n.max(1)) / 8, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 8)
}

/// An operation that waits for the writer, and whoever waits for its answer.
struct Pending<O: Operation> {
    operation: O,
    output: Option<Result<O::Output, LedgerError>>,
    reply: oneshot::Sender<Result<O::Output, LedgerError>>,
}

#[async_trait]
trait Write: Send {
    /// Runs it, once more where it was run before; whether what it changed is to stay.
    async fn run(&mut self, ledger: &mut Transaction<'_>) -> bool;

    /// Answers, once it is known whether the transaction stays.
    fn answer(self: Box<Self>, is_committed: bool);
}

#[async_trait]
impl<O: Operation> Write for Pending<O> {
    async fn run(&mut self, ledger: &mut Transaction<'_>) -> bool {
        let output = self.operation.run(ledger).await;
        let stays = match &output {
            Ok(_) => true,
            // The database itself may have undone more than this.
            Err(LedgerError::Database(_)) => false,
            Err(_) => !ledger.has_written,
        };
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
    mut waiting: mpsc::UnboundedReceiver<Box<dyn Write>>,
    load: Arc<Load>,
    ahead_ms: Arc<AtomicI64>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let begun = Instant::now();
        let is_committed = match commit(&mut connection, &mut batch, ahead_ms.load(Ordering::Relaxed)).await {
            Ok(()) => true,
            Err(_) => {
                // A transaction that could not be ended would hold up the next.
                let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
                false
            }
        };
        load.served(batch.len() as u64, begun.elapsed());
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
    if run_all(connection, batch, ahead_ms).await {
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        return Ok(());
    }
    // That is seldom, and so the others do not pay for it each time: all run again, each apart.
    sqlx::query("ROLLBACK").execute(&mut *connection).await?;
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

/// Runs them one after the other, until one has changed what is not to stay; whether none has.
async fn run_all(connection: &mut SqliteConnection, batch: &mut [Box<dyn Write>], ahead_ms: i64) -> bool {
    for write in batch {
        if !write.run(&mut Transaction::sqlite(connection, ahead_ms)).await {
            return false;
        }
    }
    true
}

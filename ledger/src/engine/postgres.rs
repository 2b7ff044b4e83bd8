//! PostgreSQL, version 15 or later: a pool of connections, each operation a transaction of its own.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::task::JoinSet;

use super::{Operation, Transaction};
use crate::LedgerError;

/// Connections of one coordinator.
const CONNECTIONS: u32 = 16;

/// For how long an operation waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an operation is tried that two transactions were in each other's way of.
const TRIES: u32 = 6;

/// Statements whose plans a connection keeps.
const STATEMENTS: usize = 256;

/// How often it is looked whether the searches are to be vacuumed, and from how many dead rows on they are.
const LOOK: Duration = Duration::from_secs(2);
const DEAD_ROWS: i64 = 5_000;

/// A ledger on a server.
pub(crate) struct Postgres {
    pool: PgPool,
    ahead_ms: Arc<AtomicI64>,
    /// Ends with it.
    _cleaner: JoinSet<()>,
}

impl Postgres {
    /// Connects to the database that an address names, and brings its schema up to date.
    pub(crate) async fn open(address: &str, ahead_ms: Arc<AtomicI64>) -> Result<Self, LedgerError> {
        let options = PgConnectOptions::from_str(address)
            .map_err(LedgerError::Unreachable)?
            .application_name("stepwise")
            .statement_cache_capacity(STATEMENTS)
            .options([("lock_timeout", "10s"), ("statement_timeout", "60s")]);
        // A pool would try until its patience is over, and not say why.
        let mut connection = options.connect().await.map_err(LedgerError::Unreachable)?;
        crate::migrations::run(&sqlx::migrate!("migrations/postgres"), &mut connection).await?;
        let pool =
            PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE).connect_lazy_with(options);
        let mut cleaner = JoinSet::new();
        cleaner.spawn(clean(pool.clone()));
        Ok(Self { pool, ahead_ms, _cleaner: cleaner })
    }

    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(&operation).await {
                Err(LedgerError::Database(error)) if is_conflict(&error) && tries < TRIES => {}
                done => return done,
            }
        }
    }

    pub(crate) async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, LedgerError> {
        if !O::IS_ONE_QUESTION {
            return self.run(operation).await;
        }
        let mut connection = self.pool.acquire().await?;
        operation.run(&mut Transaction::postgres(&mut connection, self.ahead_ms.load(Ordering::Relaxed))).await
    }

    async fn once<O: Operation>(&self, operation: &O) -> Result<O::Output, LedgerError> {
        let mut transaction = self.pool.begin().await?;
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let output = operation.run(&mut Transaction::postgres(&mut transaction, ahead_ms)).await?;
        transaction.commit().await?;
        Ok(output)
    }
}

/// Vacuums the searches while many are given out: a claim walks over those that were given out before it, for which the
/// database's own cleaner comes once a minute. What fails here is no harm, and is tried again.
async fn clean(pool: PgPool) {
    let dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'unit' AND schemaname = current_schema";
    loop {
        tokio::time::sleep(LOOK).await;
        let dead: sqlx::Result<Option<i64>> = sqlx::query_scalar(dead).fetch_optional(&pool).await;
        if matches!(dead, Ok(Some(n)) if n >= DEAD_ROWS) {
            // Another coordinator may be at it.
            let _ = sqlx::query("VACUUM (SKIP_LOCKED, TRUNCATE FALSE) unit").execute(&pool).await;
        }
    }
}

/// Whether the database gave one of two transactions up for the other: as a deadlock, or because both wrote a row that may
/// be there once.
fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("40001" | "40P01" | "23505"))
}

//! Two databases, of which operations see one [`Transaction`].
//!
//! Statements are written once, in what SQLite and PostgreSQL share. `{now}` in them is the database's clock in
//! milliseconds, `{random}` a number from 0 to 999, `{lock}` skips the rows that another transaction works on, and `{hold}` waits for them (`{hold s}` for
//! those of the table `s` alone), but lets others refer to them; in SQLite only one transaction writes, so that there is
//! nothing to skip or to wait for.

mod postgres;
mod row;
mod sqlite;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

pub(crate) use self::postgres::Postgres;
pub(crate) use self::row::{Row, Value};
pub(crate) use self::sqlite::Sqlite;
use crate::LedgerError;

/// What is done to a ledger in one transaction, wholly or not at all. It may be run more than once before it succeeds.
#[async_trait]
pub trait Operation: Send + Sync + 'static {
    /// Whether it asks one thing only, which needs no transaction where it changes nothing.
    const IS_ONE_QUESTION: bool = false;

    /// What it gives.
    type Output: Send + 'static;

    /// Does it.
    ///
    /// # Errors
    /// The database fails, or it may not be done; nothing of it stays then.
    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError>;
}

/// A transaction that an [`Operation`] runs in.
pub struct Transaction<'c> {
    connection: Connection<'c>,
    /// By how much the ledger's clock is ahead of the database's, in milliseconds; other than 0 in tests only.
    ahead_ms: i64,
    /// Whether something was changed in it.
    has_written: bool,
}

enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl<'c> Transaction<'c> {
    fn sqlite(connection: &'c mut SqliteConnection, ahead_ms: i64) -> Self {
        Self { connection: Connection::Sqlite(connection), ahead_ms, has_written: false }
    }

    fn postgres(connection: &'c mut PgConnection, ahead_ms: i64) -> Self {
        Self { connection: Connection::Postgres(connection), ahead_ms, has_written: false }
    }

    /// Runs a statement, and gives the number of rows that it changed.
    pub(crate) async fn run(&mut self, statement: &str, values: &[Value]) -> Result<u64, LedgerError> {
        let sql = AssertSqlSafe(self.spell(statement));
        let n = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match value {
                    Value::Int(n) => query.bind(*n),
                    Value::Text(text) => query.bind(text.clone()),
                });
                query.execute(&mut **connection).await?.rows_affected()
            }
            Connection::Postgres(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match value {
                    Value::Int(n) => query.bind(*n),
                    Value::Text(text) => query.bind(text.clone()),
                });
                query.execute(&mut **connection).await?.rows_affected()
            }
        };
        self.has_written |= n > 0;
        Ok(n)
    }

    /// Runs a statement, and gives its rows.
    pub(crate) async fn rows(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, LedgerError> {
        let sql = AssertSqlSafe(self.spell(statement));
        let rows: Vec<Row> = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match value {
                    Value::Int(n) => query.bind(*n),
                    Value::Text(text) => query.bind(text.clone()),
                });
                query.fetch_all(&mut **connection).await?.iter().map(Row::of).collect::<Result<_, _>>()?
            }
            Connection::Postgres(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match value {
                    Value::Int(n) => query.bind(*n),
                    Value::Text(text) => query.bind(text.clone()),
                });
                query.fetch_all(&mut **connection).await?.iter().map(Row::of).collect::<Result<_, _>>()?
            }
        };
        self.has_written |= !rows.is_empty() && !statement.starts_with("SELECT");
        Ok(rows)
    }

    /// Runs a statement, and gives its first row.
    pub(crate) async fn row(&mut self, statement: &str, values: &[Value]) -> Result<Option<Row>, LedgerError> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// The same statement as this database spells it.
    fn spell(&self, statement: &str) -> String {
        let (now, random, lock, hold) = match self.connection {
            Connection::Sqlite(_) => ("CAST(unixepoch('subsec') * 1000 AS INTEGER)", "abs(random() % 1000)", "", ""),
            Connection::Postgres(_) => (
                "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
                "CAST(floor(random() * 1000) AS BIGINT)",
                "FOR UPDATE SKIP LOCKED",
                "FOR NO KEY UPDATE",
            ),
        };
        let now = if self.ahead_ms == 0 { now.to_owned() } else { format!("({now} + {})", self.ahead_ms) };
        let hold_session = if hold.is_empty() { "" } else { "FOR NO KEY UPDATE OF s" };
        let statement = statement.replace("{now}", &now).replace("{random}", random).replace("{lock}", lock);
        statement.replace("{hold}", hold).replace("{hold s}", hold_session)
    }
}

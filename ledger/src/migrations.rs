//! The schema, which every version brings up to its own.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::LedgerError;

/// Runs what a ledger lacks.
///
/// # Errors
/// A later version wrote it, or the database fails.
pub(crate) async fn run<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<(), LedgerError> {
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    migrator.run_direct(None, connection, false).await.map_err(|e| match e {
        MigrateError::VersionMissing(found) => LedgerError::Newer { found, known },
        other => LedgerError::Migration(other),
    })
}

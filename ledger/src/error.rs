//! What can go wrong with a ledger.

/// Why an operation did not take place. Nothing of it is in the ledger then.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed, or cannot be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// It could not be reached to begin with.
    #[error("the database cannot be reached ({0}); is its address right, does it run, and does it let you in?")]
    Unreachable(sqlx::Error),
    /// A later version wrote this ledger.
    #[error(
        "the ledger has schema {found}, and this stepwise knows up to {known}; use the version that wrote it, or a later one"
    )]
    Newer { found: i64, known: i64 },
    /// The schema could not be made.
    #[error("the ledger's schema cannot be made: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// There is no campaign in it.
    #[error(
        "there is no campaign in this ledger; `stepwise campaign init` makes one, and a copy of one can be restored"
    )]
    Empty,
    /// There is one already.
    #[error("this ledger has the campaign `{0}` already; name another folder or database")]
    Taken(String),
    /// More operations wait than can be done soon.
    #[error("the ledger has more to write than it can; try again in a few seconds")]
    Busy,
    /// The writer is gone, because the program ends.
    #[error("the ledger is closed")]
    Closed,
    /// What is asked for does not exist.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It may not be done; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The ledger holds what this code never wrote.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

impl LedgerError {
    /// Whether the same operation may succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Busy)
    }
}

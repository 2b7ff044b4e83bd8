//! What the searches of a run left in its ledger.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use stepwise_learn::layout;
use stepwise_learn::run::Trial;
use stepwise_ledger::operations::{Purpose, ReadRemains, ReadStages};
use stepwise_ledger::{Address, Ledger, LedgerError};

/// Why it cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RemainsError {
    /// The run has no ledger.
    #[error("{} is missing, which has what the run came to; put it back, or begin a run in another folder", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger has something else.
    #[error("what a search left in the run's ledger cannot be read: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// Opens the ledger of a run that has one.
///
/// # Errors
/// There is none, or it is another version's.
pub async fn open(run: &Path) -> Result<Ledger, RemainsError> {
    let path = run.join(layout::LEDGER);
    if !path.is_file() {
        return Err(RemainsError::Missing(path));
    }
    Ok(Ledger::open(&Address::File(path)).await?)
}

/// What the counted searches of a stage left behind, in the order in which they ended.
///
/// # Errors
/// The ledger fails, or they left something else.
pub async fn of_stage<T: DeserializeOwned>(ledger: &Ledger, stage: u64) -> Result<Vec<T>, RemainsError> {
    let remains = ledger.read(ReadRemains { stage }).await?;
    Ok(remains.iter().map(|remains| serde_json::from_str(&remains.text)).collect::<Result<_, _>>()?)
}

/// All searches that were learnt from, round by round.
///
/// # Errors
/// As [`of_stage`].
pub async fn trials(ledger: &Ledger) -> Result<Vec<Trial>, RemainsError> {
    let mut trials = Vec::new();
    for stage in ledger.read(ReadStages).await? {
        if stage.purpose == Purpose::Solve {
            trials.extend(of_stage::<Trial>(ledger, stage.stage).await?);
        }
    }
    Ok(trials)
}

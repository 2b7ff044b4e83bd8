//! The rounds of a run as its ledger has them.

use std::collections::BTreeMap;
use std::path::Path;

use stepwise_learn::layout;
use stepwise_learn::report::RoundData;
use stepwise_ledger::operations::{ReadRounds, ReadStages};

use crate::learn::remains::{self, RemainsError};

/// Reads what the rounds came to, without the courses of their trainings, which are files.
///
/// # Errors
/// There is no ledger, or it has something else.
pub(super) async fn read(run: &Path) -> Result<BTreeMap<u32, RoundData>, RemainsError> {
    let ledger = remains::open(run).await?;
    let number = |round: u64| u32::try_from(round).unwrap_or(u32::MAX);
    let mut rounds: BTreeMap<u32, RoundData> = BTreeMap::new();
    for stage in ledger.read(ReadStages).await? {
        let round = rounds.entry(number(stage.round)).or_default();
        match stage.name.strip_prefix(layout::EVALS).and_then(|name| name.strip_prefix('/')?.rsplit_once('/')) {
            Some((set, configuration)) => {
                let records = remains::of_stage(&ledger, stage.stage).await?;
                round.evals.entry(set.to_owned()).or_default().insert(configuration.to_owned(), records);
            }
            None => round.searches.extend(remains::of_stage(&ledger, stage.stage).await?),
        }
    }
    for (round, body) in ledger.read(ReadRounds).await? {
        rounds.entry(number(round)).or_default().finished = Some(serde_json::from_value(body)?);
    }
    Ok(rounds)
}

//! Which problems are searched first.

use async_trait::async_trait;

use super::campaign::{note, state_of};
use super::stages::RANK;
use crate::{LedgerError, Operation, Transaction};

/// The rank of problems that nobody put before others.
const LAST: u64 = 1_000_000;

/// Puts the searches of these problems before all others, in this order, in this stage and those to come. What was put
/// first before is so no longer.
#[derive(Clone, Debug)]
pub struct Rerank {
    /// Names of problems.
    pub names: Vec<String>,
}

#[async_trait]
impl Operation for Rerank {
    /// How many searches that wait or are under way have another place now.
    type Output = u64;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<u64, LedgerError> {
        state_of(ledger).await?;
        if self.names.len() as u64 >= LAST {
            return Err(LedgerError::Refused(format!("fewer than {LAST} problems can be put before others")));
        }
        ledger.run("UPDATE problem SET rank = $1 WHERE rank <> $1", &[LAST.into()]).await?;
        for (rank, name) in (0_u64..).zip(&self.names) {
            // The first mention counts.
            let known = "UPDATE problem SET rank = CASE WHEN rank < $1 THEN rank ELSE $1 END WHERE name = $2";
            if ledger.run(known, &[rank.into(), name.into()]).await? == 0 {
                return Err(LedgerError::Refused(format!("there is no problem `{name}` in this campaign")));
            }
        }
        let n = ledger
            .run(
                "UPDATE unit SET priority = priority % $1 + $1 * (SELECT rank FROM problem p WHERE p.id = unit.problem)
                 WHERE state IN ('ready', 'leased')
                 AND priority / $1 <> (SELECT rank FROM problem p WHERE p.id = unit.problem)",
                &[RANK.into()],
            )
            .await?;
        note(ledger, "reranked", &serde_json::json!({ "problems": self.names.len(), "searches": n })).await?;
        Ok(n)
    }
}

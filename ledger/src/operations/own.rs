//! An account's own numbers.

use async_trait::async_trait;
use stepwise_core::wire::campaign::Effort;

use super::effort::efforts;
use crate::{LedgerError, Operation, Transaction};

/// What an account has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its proofs that were accepted.
    pub accepted: u64,
    /// Its proofs that were refused.
    pub refused: u64,
    /// Its proofs that wait for a verifier.
    pub waiting: u64,
    /// What its searches came to that counted, or seemed to.
    pub cost: Effort,
    /// The same of the last 24 hours.
    pub day: Effort,
}

/// Reads how many proofs of the account of this number wait for a verifier.
#[derive(Clone, Copy, Debug)]
pub struct ReadWaiting(pub u64);

#[async_trait]
impl Operation for ReadWaiting {
    const IS_ONE_QUESTION: bool = true;

    type Output = u64;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<u64, LedgerError> {
        let waiting = "SELECT count(*) FROM candidate WHERE account = $1 AND state IN ('waiting', 'checking')";
        ledger.row(waiting, &[self.0.into()]).await?.ok_or(LedgerError::Unknown("account"))?.count(0)
    }
}

/// Reads what the account of this number has done.
#[derive(Clone, Copy, Debug)]
pub struct ReadOwn(pub u64);

#[async_trait]
impl Operation for ReadOwn {
    type Output = Own;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Own, LedgerError> {
        let id = [self.0.into()];
        let row = ledger
            .row(
                "SELECT n_valid, n_invalid, (SELECT count(*) FROM candidate c WHERE c.account = a.id
                   AND c.state IN ('waiting', 'checking')) FROM account a WHERE a.id = $1",
                &id,
            )
            .await?
            .ok_or(LedgerError::Unknown("account"))?;
        let efforts = efforts(ledger, "account = $1 AND (is_counted = 1 OR is_canary = 1)", &id).await?;
        Ok(Own {
            accepted: row.count(0)?,
            refused: row.count(1)?,
            waiting: row.count(2)?,
            cost: efforts.all,
            day: efforts.day,
        })
    }
}

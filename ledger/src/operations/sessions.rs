//! Programs that work: they enrol, beat, and are lost when they no longer do.

use std::collections::BTreeSet;

use async_trait::async_trait;
use stepwise_core::wire::campaign::{self, Beaten, Enrolment, State};

use super::campaign::{note, state_of};
use super::canaries;
use crate::words::word;
use crate::{LedgerError, Operation, Transaction};

/// How long what may take, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A session is lost when it has not been heard of for so long.
    pub lost_ms: u64,
    /// A search goes to somebody else after this, whatever its session says.
    pub lease_ms: u64,
    /// A search that broke down is not given out again before this.
    pub rest_ms: u64,
    /// A verifier that has not answered after this is given up.
    pub check_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { lost_ms: 120_000, lease_ms: 6 * 3_600_000, rest_ms: 30_000, check_ms: 300_000 }
    }
}

/// What was heard of later than this after now was heard of when the clock was wrong: two transactions of a server that has
/// one clock may differ by less.
const CLOCKS_DIFFER_MS: u64 = 1000;

/// Begins a session of an account, and gives its number.
#[derive(Clone, Debug)]
pub struct Enrol {
    pub account: u64,
    pub enrolment: Enrolment,
}

#[async_trait]
impl Operation for Enrol {
    type Output = u64;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<u64, LedgerError> {
        let Enrolment { client, label, cores, memory_mb, .. } = &self.enrolment;
        let row = ledger
            .row(
                "INSERT INTO session (account, label, client, cores, memory_mb, began, seen, progressed)
                 VALUES ($1, $2, $3, $4, $5, {now}, {now}, {now}) RETURNING id",
                &[self.account.into(), label.into(), client.into(), (*cores).into(), (*memory_mb).into()],
            )
            .await?;
        row.ok_or(LedgerError::Unknown("session"))?.count(0)
    }
}

/// A session is there.
#[derive(Clone, Debug)]
pub struct Beat {
    pub account: u64,
    pub beat: campaign::Beat,
}

#[async_trait]
impl Operation for Beat {
    type Output = Beaten;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Beaten, LedgerError> {
        let campaign::Beat { session, doing, held } = &self.beat;
        let n = ledger
            .run(
                "UPDATE session SET seen = {now}, doing = $3 WHERE id = $1 AND account = $2 AND is_over = 0",
                &[(*session).into(), self.account.into(), word(doing)?.into()],
            )
            .await?;
        if n == 0 {
            return Err(LedgerError::Unknown("session"));
        }
        let mut own = BTreeSet::new();
        let held_by = "SELECT id, attempt FROM unit WHERE session = $1 AND state = 'leased'
            UNION ALL SELECT unit, attempt FROM canary WHERE session = $1 AND state = 'given'";
        for row in ledger.rows(held_by, &[(*session).into()]).await? {
            own.insert((row.count(0)?, row.count(1)?));
        }
        let revoked = held.iter().filter(|held| !own.contains(&(held.unit, held.attempt))).map(|held| held.unit);
        let revoked = revoked.collect();
        let drain = matches!(state_of(ledger).await?.0, State::Done);
        Ok(Beaten { revoked, drain, message: None })
    }
}

/// Takes from lost sessions what they held, and from all what they held for too long.
#[derive(Clone, Copy, Debug)]
pub struct Reap(pub Timing);

/// What was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    pub sessions: u64,
    pub units: u64,
    /// Proofs whose verifiers gave no answer.
    pub candidates: u64,
}

#[async_trait]
impl Operation for Reap {
    type Output = Reaped;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Reaped, LedgerError> {
        self.put_right(ledger).await?;
        let lost = [self.0.lost_ms.into()];
        let sessions =
            ledger.run("UPDATE session SET is_over = 1 WHERE is_over = 0 AND seen < {now} - $1", &lost).await?;
        let mut units = ledger
            .run(
                "UPDATE unit SET state = 'ready', session = 0, claim = '' WHERE state = 'leased'
                 AND (lease_ends < {now} OR session IN (SELECT id FROM session WHERE is_over = 1))",
                &[],
            )
            .await?;
        let ended = "(ends < {now} OR session IN (SELECT id FROM session WHERE is_over = 1))";
        units += canaries::take_back(ledger, ended, &[]).await?;
        let candidates = ledger
            .run("UPDATE candidate SET state = 'waiting' WHERE state = 'checking' AND checked_until < {now}", &[])
            .await?;
        if sessions > 0 {
            note(ledger, "lost", &serde_json::json!({ "sessions": sessions, "units": units })).await?;
        }
        Ok(Reaped { sessions, units, candidates })
    }
}

impl Reap {
    /// Where the clock was set back, what was to end while it was wrong would not end before it is as late again: it ends
    /// when it would had it begun just now.
    async fn put_right(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        let heard = "UPDATE session SET seen = {now} WHERE seen > {now} + $1";
        if ledger.run(heard, &[CLOCKS_DIFFER_MS.into()]).await? == 0 {
            return Ok(());
        }
        let Timing { lease_ms, rest_ms, check_ms, .. } = self.0;
        for (table, ends, within_ms) in [
            ("unit", "lease_ends", lease_ms),
            ("unit", "not_before", rest_ms),
            ("canary", "ends", lease_ms),
            ("candidate", "checked_until", check_ms),
            ("stage", "drained", 0),
        ] {
            let statement = format!("UPDATE {table} SET {ends} = {{now}} + $1 WHERE {ends} > {{now}} + $1");
            ledger.run(&statement, &[within_ms.into()]).await?;
        }
        Ok(())
    }
}

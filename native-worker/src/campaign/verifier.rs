//! Who decides: each verifier takes the proof that has waited longest, and has a Lean elaborate it that nothing else has
//! used, in a process that runs no search, has no file of this machine, and knows no token and no database.

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::Side;
use stepwise_ledger::operations::{Candidate, Judge, Judged, NextCandidate, Timing};
use stepwise_ledger::{Ledger, LedgerError};
use tokio::sync::Notify;

use super::Tell;
use crate::lean::host::Costed;
use crate::lean::pool::{Pool, PoolError};
use crate::run::sides::disagreement;

/// How long a verifier sleeps when nothing waits, unless it is woken.
const NAP: Duration = Duration::from_secs(5);

/// How long it waits after trouble with the ledger.
const REST: Duration = Duration::from_secs(2);

/// Verifies for ever.
pub(super) async fn verify(ledger: Ledger, pool: Pool, timing: Timing, woken: Arc<Notify>, tell: Arc<Tell>) {
    loop {
        match next(&ledger, &pool, timing).await {
            Ok(Some((candidate, judged))) => {
                tell(&candidate, judged);
                // There may be more, for the others too.
                woken.notify_one();
            }
            Ok(None) => {
                // Either way it looks again.
                let _ = tokio::time::timeout(NAP, woken.notified()).await;
            }
            Err(error) => {
                tracing::warn!("a verifier waits: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn next(ledger: &Ledger, pool: &Pool, timing: Timing) -> Result<Option<(Candidate, Judged)>, LedgerError> {
    let Some(candidate) = ledger.run(NextCandidate(timing)).await? else { return Ok(None) };
    let Candidate { theorem, side, proof, .. } = &candidate;
    let verdict = match judge(pool, theorem, *side, proof).await {
        Ok(verdict) => Some(verdict),
        Err(error) => {
            tracing::warn!("`{}` could not be verified: {error}", candidate.name);
            None
        }
    };
    let judged = ledger.run(Judge { candidate: candidate.id, verdict }).await?;
    Ok(Some((candidate, judged)))
}

/// What Lean says of a proof. It proves the statement as the ledger has it, whatever its sender took it for.
///
/// # Errors
/// Lean cannot be started.
pub async fn judge(pool: &Pool, theorem: &Theorem, side: Side, proof: &[String]) -> Result<Verdict, PoolError> {
    if side == Side::Statement {
        return Ok(pool.recheck(theorem, proof).await?.value);
    }
    let Some(negation) = theorem.disproof() else {
        return refused(pool, "the statement has no negation that could be stated".to_owned()).await;
    };
    let Costed { value: verdict, .. } = pool.recheck(&negation, proof).await?;
    if !verdict.accepted {
        return Ok(verdict);
    }
    // The negation is text that was made of the statement's: Lean itself is to say that they contradict each other.
    match disagreement(pool, theorem).await?.value {
        None => Ok(verdict),
        Some(why) => refused(pool, format!("Lean does not take it for the statement's negation: {why}")).await,
    }
}

async fn refused(pool: &Pool, reason: String) -> Result<Verdict, PoolError> {
    let info = pool.info().await?;
    Ok(Verdict {
        accepted: false,
        reasons: vec![reason],
        checker: info.to_string(),
        lean_version: info.to_string(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    })
}

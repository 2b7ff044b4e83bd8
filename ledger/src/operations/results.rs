//! Taking in what searches came to.

use async_trait::async_trait;
use stepwise_core::digest::sha256_of_parts;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{Ending, Receipt, SearchResult, Searched};

use super::accounts::Trust;
use super::canaries;
use super::sessions::Timing;
use super::verdicts;
use crate::engine::Row;
use crate::words::{json, value, word};
use crate::{LedgerError, Operation, Transaction};

/// Bytes that a proof may have, and a result's detail.
pub const LARGEST_PROOF: usize = 256 << 10;

/// By how much clocks, and what is counted as a search's, may differ, in milliseconds.
const SLACK_MS: u64 = 60_000;

/// Breakdowns after which a search is given up, where two accounts saw them.
const CRASHES: i64 = 3;

/// Takes in what an account's searches came to, and gives a receipt for each.
#[derive(Clone, Debug)]
pub struct HandIn {
    pub account: u64,
    pub results: Vec<SearchResult>,
    pub timing: Timing,
}

#[async_trait]
impl Operation for HandIn {
    type Output = Vec<Receipt>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<Receipt>, LedgerError> {
        let mut receipts = Vec::with_capacity(self.results.len());
        for result in &self.results {
            receipts.push(match problem_with(result) {
                Some(reason) => Receipt::Refused { reason },
                None => self.take(ledger, result).await?,
            });
        }
        Ok(receipts)
    }
}

/// Whether a claim's or a submission's name is long enough to be a secret that was drawn, and plain.
#[must_use]
pub fn is_random_name(name: &str) -> bool {
    (22..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// What cannot be right about a result, whatever the ledger has.
fn problem_with(result: &SearchResult) -> Option<String> {
    let has_proof = result.proof.as_ref().is_some_and(|proof| !proof.is_empty());
    if has_proof != (result.ending == Ending::Proof) {
        return Some("a result has a proof exactly when its search ended with one".to_owned());
    }
    let n_bytes: usize = result.proof.iter().flatten().map(|tactic| tactic.len() + 1).sum();
    if n_bytes > LARGEST_PROOF || result.detail.as_ref().is_some_and(|detail| detail.len() > LARGEST_PROOF) {
        return Some(format!("a proof, and a detail, has at most {LARGEST_PROOF} bytes"));
    }
    (!is_random_name(&result.submission)).then(|| "a submission is named by 22 to 128 random characters".to_owned())
}

/// Why a search cannot have cost this, which was given out so many milliseconds ago to a session with so many cores.
fn implausible(cost: &CostLedger, given_ms: i64, cores: u64) -> Option<&'static str> {
    let at_most = u64::try_from(given_ms).unwrap_or(0) + SLACK_MS;
    if cost.wall_ms > at_most {
        return Some("the search would have taken longer than since it was given out");
    }
    // One process more than cores rechecks.
    let is_beyond = cost.lean_cpu_us / 1000 > at_most.saturating_mul(cores + 1);
    is_beyond.then_some("the search would have used more CPU time than the session has cores for")
}

impl HandIn {
    /// Takes a proof whose search the ledger does not know, or knows as another's, for what it says that it proves: the
    /// ledger was restored from a copy that is older than the search. It stands with a search of the same that is known.
    async fn take_unknown(&self, ledger: &mut Transaction<'_>, result: &SearchResult) -> Result<Receipt, LedgerError> {
        let refused = |reason: &str| Ok(Receipt::Refused { reason: reason.to_owned() });
        let (Some(Searched { statement, side }), Some(_)) = (&result.searched, &result.proof) else {
            return refused("there is no such search in this campaign");
        };
        let known = ledger
            .row(
                "SELECT u.id, p.id FROM problem p JOIN unit u ON u.problem = p.id
                 WHERE p.statement_sha = $1 AND u.side = $2
                 ORDER BY CASE WHEN p.standing = 'open' THEN 0 ELSE 1 END, u.id DESC LIMIT 1",
                &[statement.into(), word(side)?.into()],
            )
            .await?;
        let Some(known) = known else { return refused("there is no such problem in this campaign") };
        // Nobody was given this attempt, so that nothing counts but the proof.
        let stands = SearchResult { unit: known.count(0)?, attempt: 0, ..result.clone() };
        let proof_sha = self.keep(ledger, &stands, false, false).await?;
        self.consider(ledger, &stands, known.count(1)?, &word(side)?, &proof_sha).await?;
        Ok(Receipt::Late)
    }

    async fn take(&self, ledger: &mut Transaction<'_>, result: &SearchResult) -> Result<Receipt, LedgerError> {
        let refused = |reason: &str| Ok(Receipt::Refused { reason: reason.to_owned() });
        let account = i64::try_from(self.account).unwrap_or(i64::MAX);
        let known = ledger
            .row("SELECT account FROM result WHERE submission = $1", &[result.submission.as_str().into()])
            .await?;
        if let Some(known) = known {
            return match known.int(0)? == account {
                true => Ok(Receipt::Duplicate),
                false => refused("this submission's name is somebody else's"),
            };
        }
        // Held first: whatever else happens to the unit happens before or after.
        let unit = ledger
            .row(
                "SELECT state, attempt, claim, problem, side, crashes, crashed_by,
                   (SELECT statement_sha FROM problem p WHERE p.id = unit.problem) FROM unit WHERE id = $1 {hold}",
                &[result.unit.into()],
            )
            .await?;
        let is_it = |unit: &Row| -> Result<bool, LedgerError> {
            let Some(Searched { statement, side }) = &result.searched else { return Ok(true) };
            Ok(unit.text(7)? == statement && unit.text(4)? == word(side)?)
        };
        let unit = match unit {
            Some(unit) if is_it(&unit)? => unit,
            _ => return self.take_unknown(ledger, result).await,
        };
        let lease = ledger
            .row(
                "SELECT s.account, l.claim, {now} - l.given, s.cores, a.trust FROM lease l
                 JOIN session s ON s.id = l.session JOIN account a ON a.id = s.account
                 WHERE l.unit = $1 AND l.attempt = $2",
                &[result.unit.into(), result.attempt.into()],
            )
            .await?;
        let is_own = match &lease {
            Some(lease) => lease.int(0)? == account && lease.text(1)? == result.claim,
            None => false,
        };
        // A ledger that was restored from a backup does not know its last leases. A proof needs no lease to be true.
        if !is_own && result.proof.is_none() {
            return refused("this account was not given this search under this claim");
        }
        let is_current = is_own && unit.text(0)? == "leased" && unit.count(1)? == result.attempt;
        let is_canary = is_own && !is_current && canaries::is_given(ledger, result.unit, result.attempt).await?;
        // A proof is true whatever it is said to have cost; what else such a machine says is worth nothing.
        if let Some(lease) = lease.filter(|_| result.proof.is_none())
            && value::<Trust>(lease.text(4)?)? == Trust::Donor
            && let Some(reason) = implausible(&result.cost, lease.int(2)?, lease.count(3)?)
        {
            if is_current {
                let back = "UPDATE unit SET state = 'ready', session = 0, claim = '' WHERE id = $1";
                ledger.run(back, &[result.unit.into()]).await?;
            }
            if is_canary {
                let canary = [result.unit.into(), result.attempt.into()];
                canaries::take_back(ledger, "unit = $1 AND attempt = $2", &canary).await?;
            }
            return refused(reason);
        }
        let proof_sha = self.keep(ledger, result, is_current, is_canary).await?;
        let is_known_wrong =
            !proof_sha.is_empty() && self.consider(ledger, result, unit.count(3)?, unit.text(4)?, &proof_sha).await?;
        if is_current && is_known_wrong {
            verdicts::answers_for(ledger, self.account).await?;
        }
        if is_canary {
            canaries::answer(ledger, self.account, result, &proof_sha).await?;
        } else if !is_current {
            return Ok(Receipt::Late);
        } else if result.ending == Ending::Crashed || is_known_wrong {
            // A proof that was refused before ends no search: whoever sends it once more has broken down.
            let crashes = unit.int(5)? + 1;
            let others_saw = !matches!(unit.int(6)?, 0) && unit.int(6)? != account;
            let state = if crashes >= CRASHES && others_saw { "dead" } else { "ready" };
            ledger
                .run(
                    "UPDATE unit SET state = $2, crashes = $3, crashed_by = $4, not_before = {now} + $5, session = 0,
                       claim = '' WHERE id = $1",
                    &[result.unit.into(), state.into(), crashes.into(), account.into(), self.timing.rest_ms.into()],
                )
                .await?;
        } else {
            ledger
                .run("UPDATE unit SET state = 'done', session = 0, claim = '' WHERE id = $1", &[result.unit.into()])
                .await?;
        }
        ledger
            .run(
                "UPDATE session SET progressed = {now} WHERE id = (SELECT session FROM lease WHERE unit = $1
                 AND attempt = $2)",
                &[result.unit.into(), result.attempt.into()],
            )
            .await?;
        Ok(Receipt::Stored)
    }

    /// Writes a result down; gives the hash of its proof, or nothing where it has none.
    async fn keep(
        &self,
        ledger: &mut Transaction<'_>,
        result: &SearchResult,
        is_counted: bool,
        is_canary: bool,
    ) -> Result<String, LedgerError> {
        let proof = result.proof.as_deref().unwrap_or_default();
        let proof_sha =
            if proof.is_empty() { String::new() } else { sha256_of_parts(proof.iter().map(String::as_str)) };
        ledger
            .run(
                "INSERT INTO result (unit, attempt, submission, account, ending, detail, proof_sha, cost, lean_cpu_ms,
                   device_ms, wall_ms, received, is_counted, is_canary)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {now}, $12, $13)",
                &[
                    result.unit.into(),
                    result.attempt.into(),
                    result.submission.as_str().into(),
                    self.account.into(),
                    word(&result.ending)?.into(),
                    result.detail.as_deref().unwrap_or_default().into(),
                    proof_sha.as_str().into(),
                    json(&result.cost)?.into(),
                    (result.cost.lean_cpu_us / 1000).into(),
                    (result.cost.device_us / 1000).into(),
                    result.cost.wall_ms.into(),
                    is_counted.into(),
                    is_canary.into(),
                ],
            )
            .await?;
        Ok(proof_sha)
    }

    /// A proof is to be verified, unless the same text is known; gives whether it is known to be wrong.
    async fn consider(
        &self,
        ledger: &mut Transaction<'_>,
        result: &SearchResult,
        problem: u64,
        side: &str,
        proof_sha: &str,
    ) -> Result<bool, LedgerError> {
        let proof = result.proof.as_deref().unwrap_or_default();
        let n_new = ledger
            .run(
                "INSERT INTO candidate (problem, side, proof_sha, proof, length, unit, account, received)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, {now}) ON CONFLICT DO NOTHING",
                &[
                    problem.into(),
                    side.into(),
                    proof_sha.into(),
                    json(&proof)?.into(),
                    (proof.len() as u64).into(),
                    result.unit.into(),
                    self.account.into(),
                ],
            )
            .await?;
        if n_new > 0 {
            return Ok(false);
        }
        // Held, so that a verdict on it comes before this, or opens the search again that this ends.
        let known = "SELECT state FROM candidate WHERE problem = $1 AND side = $2 AND proof_sha = $3 {hold}";
        let known = ledger.row(known, &[problem.into(), side.into(), proof_sha.into()]).await?;
        Ok(known.ok_or(LedgerError::Unknown("proof"))?.text(0)? == "refused")
    }
}

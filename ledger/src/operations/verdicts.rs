//! Proofs that wait for a verifier, and what verifiers say.

use async_trait::async_trait;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::{Side, State};

use super::accounts::{Trust, block};
use super::campaign::{note, set_state};
use super::canaries;
use super::rounds::Purpose;
use super::sessions::Timing;
use crate::words::{json, of_json, value};
use crate::{LedgerError, Operation, Transaction};

/// How often a proof is given to verifiers that come back with nothing.
const TRIES: i64 = 3;

/// Refused proofs after which an account is blocked, unless many more were accepted.
const REFUSED: i64 = 5;

/// A proof to be verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub id: u64,
    pub problem: u64,
    /// The problem's name.
    pub name: String,
    pub theorem: Theorem,
    pub side: Side,
    pub proof: Vec<String>,
}

/// What a proof `c` of a problem `p` still has to say: a second proof of what is proved says nothing new, one of the
/// contrary would.
pub(super) const IS_NEWS: &str = "NOT (c.side = 'statement' AND p.standing = 'proved')
    AND NOT (c.side = 'negation' AND p.standing = 'disproved')";

/// Whether a proof `c` is a canary's, of which only a verifier knows whether it is one.
const IS_CANARY: &str = "EXISTS (SELECT 1 FROM canary k WHERE k.candidate = c.id AND k.state = 'answered')";

/// How many proofs a verifier has still to look at, and for how many milliseconds the oldest has waited. Those of accounts
/// that are blocked are looked at when no others wait, and nobody waits for them.
pub(super) async fn waiting(ledger: &mut Transaction<'_>) -> Result<(u64, u64), LedgerError> {
    let row = ledger
        .row(
            &format!(
                "SELECT count(*), CAST(coalesce({{now}} - min(c.received), 0) AS BIGINT)
                 FROM candidate c JOIN problem p ON p.id = c.problem JOIN account a ON a.id = c.account
                 WHERE c.state IN ('waiting', 'checking') AND a.state = 'active' AND {IS_NEWS}"
            ),
            &[],
        )
        .await?
        .ok_or(LedgerError::Unknown("proof"))?;
    // A clock that was set back makes what has just come later than now.
    Ok((row.count(0)?, u64::try_from(row.int(1)?).unwrap_or(0)))
}

/// Takes the proof that has waited longest, for as long as a verifier may take.
#[derive(Clone, Copy, Debug)]
pub struct NextCandidate(pub Timing);

#[async_trait]
impl Operation for NextCandidate {
    type Output = Option<Candidate>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Option<Candidate>, LedgerError> {
        loop {
            let chosen = match next(ledger, "a.state = 'active'").await? {
                None => next(ledger, "a.state <> 'active'").await?,
                chosen => chosen,
            };
            let Some(candidate) = chosen else { return Ok(None) };
            let n = ledger
                .run(
                    "UPDATE candidate SET state = 'checking', tries = tries + 1, checked_until = {now} + $2
                     WHERE id = $1 AND state = 'waiting'",
                    &[candidate.id.into(), self.0.check_ms.into()],
                )
                .await?;
            // Unless another verifier was faster: then the next one.
            if n > 0 {
                return Ok(Some(candidate));
            }
        }
    }
}

/// The proof that has waited longest of those whose account `a` is as `whose` says.
async fn next(ledger: &mut Transaction<'_>, whose: &str) -> Result<Option<Candidate>, LedgerError> {
    let next = format!(
        "SELECT c.id, c.problem, p.name, p.theorem, c.side, c.proof
         FROM candidate c JOIN problem p ON p.id = c.problem JOIN account a ON a.id = c.account
         WHERE c.state = 'waiting' AND {whose} AND (({IS_NEWS}) OR {IS_CANARY}) ORDER BY c.received, c.id LIMIT 1"
    );
    let Some(row) = ledger.row(&next, &[]).await? else { return Ok(None) };
    Ok(Some(Candidate {
        id: row.count(0)?,
        problem: row.count(1)?,
        name: row.text(2)?.to_owned(),
        theorem: of_json(row.text(3)?)?,
        side: value(row.text(4)?)?,
        proof: of_json(row.text(5)?)?,
    }))
}

/// Writes down what a verifier says of a proof.
#[derive(Clone, Debug)]
pub struct Judge {
    pub candidate: u64,
    /// The verdict; `None` where the verifier could not come to one.
    pub verdict: Option<Verdict>,
}

/// What became of a judged proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It solves its problem.
    Solved,
    /// It is right, and the problem was solved already.
    Known,
    /// It is wrong.
    Refused,
    /// It waits for another verifier, or was given up after several.
    Undecided,
    /// It is right, and so is a proof of the contrary: the campaign is halted.
    Contradiction,
}

#[async_trait]
impl Operation for Judge {
    type Output = Judged;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Judged, LedgerError> {
        let id = self.candidate;
        // Verdicts come one after the other, and none while a stage is frozen or opened: they open searches and end them.
        ledger.row("SELECT id FROM campaign WHERE id = 1 {hold}", &[]).await?;
        let row = ledger
            .row(
                "SELECT problem, side, unit, account, state, tries, proof_sha,
                   (SELECT s.purpose FROM unit u JOIN stage s ON s.number = u.stage WHERE u.id = candidate.unit),
                   EXISTS (SELECT 1 FROM unit u JOIN stage s ON s.number = u.stage WHERE u.id = candidate.unit
                     AND u.state = 'done' AND s.state IN ('open', 'draining') AND s.round = 0)
                 FROM candidate WHERE id = $1 {hold}",
                &[id.into()],
            )
            .await?;
        let row = row.ok_or(LedgerError::Unknown("proof"))?;
        let (problem, side, account) = (row.count(0)?, row.text(1)?, row.count(3)?);
        if matches!(row.text(4)?, "accepted" | "refused") {
            return Ok(if row.text(4)? == "accepted" { Judged::Known } else { Judged::Refused });
        }
        let Some(verdict) = &self.verdict else {
            let state = if row.int(5)? >= TRIES { "undecided" } else { "waiting" };
            ledger.run("UPDATE candidate SET state = $2 WHERE id = $1", &[id.into(), state.into()]).await?;
            if state == "undecided" {
                note(ledger, "undecided", &serde_json::json!({ "proof": id, "problem": problem })).await?;
            }
            return Ok(Judged::Undecided);
        };
        let state = if verdict.accepted { "accepted" } else { "refused" };
        ledger.run("UPDATE candidate SET state = $2 WHERE id = $1", &[id.into(), state.into()]).await?;
        ledger
            .run(
                "INSERT INTO verdict (candidate, is_accepted, checker, body, given) VALUES ($1, $2, $3, $4, {now})",
                &[id.into(), verdict.accepted.into(), verdict.checker.as_str().into(), json(verdict)?.into()],
            )
            .await?;
        canaries::judged(ledger, id, verdict.accepted).await?;
        if !verdict.accepted {
            reopen(ledger, problem, side, row.text(6)?).await?;
            answers_for(ledger, account).await?;
            return Ok(Judged::Refused);
        }
        ledger.run("UPDATE account SET n_valid = n_valid + 1 WHERE id = $1", &[account.into()]).await?;
        if value::<Purpose>(row.text(7)?)? == Purpose::Evaluate {
            return Ok(Judged::Known);
        }
        let shown = if side == "statement" { "proved" } else { "disproved" };
        let standing = ledger.row("SELECT standing, name FROM problem WHERE id = $1 {hold}", &[problem.into()]).await?;
        let standing = standing.ok_or(LedgerError::Unknown("problem"))?;
        match standing.text(0)? {
            "open" => {
                ledger
                    .run(
                        "UPDATE problem SET standing = $2, solved = {now}, candidate = $3 WHERE id = $1",
                        &[problem.into(), shown.into(), id.into()],
                    )
                    .await?;
                let kept_back = "UPDATE problem SET is_kept_back = 1 WHERE id = $1
                    AND (SELECT {random}) < (SELECT kept_back FROM campaign)";
                let is_kept_back = row.is(8)? && ledger.run(kept_back, &[problem.into()]).await? > 0;
                // Those who work on it hear so with their next beat.
                ledger
                    .run(
                        "UPDATE unit SET state = 'cancelled', session = 0, claim = '' WHERE problem = $1
                         AND state IN ('ready', 'leased')",
                        &[problem.into()],
                    )
                    .await?;
                if !is_kept_back {
                    let body = serde_json::json!({ "problem": problem, "name": standing.text(1)?, "standing": shown });
                    note(ledger, "solved", &body).await?;
                }
                Ok(Judged::Solved)
            }
            known if known == shown => Ok(Judged::Known),
            _ => {
                let reason = format!(
                    "`{}` is both proved and disproved: its statement and its negation have accepted proofs",
                    standing.text(1)?
                );
                set_state(ledger, State::Halted, &reason).await?;
                Ok(Judged::Contradiction)
            }
        }
    }
}

/// A proof was wrong: no search that ended with it is done.
async fn reopen(ledger: &mut Transaction<'_>, problem: u64, side: &str, proof_sha: &str) -> Result<(), LedgerError> {
    let reopen = "UPDATE unit SET state = 'ready' WHERE problem = $1 AND side = $2 AND state = 'done'
         AND problem IN (SELECT id FROM problem WHERE standing = 'open')
         AND stage IN (SELECT number FROM stage WHERE state IN ('open', 'draining'))
         AND EXISTS (SELECT 1 FROM result r WHERE r.unit = unit.id AND r.attempt = unit.attempt
           AND r.is_counted = 1 AND r.proof_sha = $3)";
    ledger.run(reopen, &[problem.into(), side.into(), proof_sha.into()]).await?;
    Ok(())
}

/// An account answers for a proof of its machines that was refused.
pub(super) async fn answers_for(ledger: &mut Transaction<'_>, account: u64) -> Result<(), LedgerError> {
    let row = ledger
        .row(
            "UPDATE account SET n_invalid = n_invalid + 1 WHERE id = $1
             RETURNING n_valid, n_invalid, trust, state",
            &[account.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (n_valid, n_invalid) = (row.int(0)?, row.int(1)?);
    let is_donor = value::<Trust>(row.text(2)?)? == Trust::Donor;
    if is_donor && row.text(3)? == "active" && n_invalid >= REFUSED && n_invalid * 10 > n_valid {
        let message = format!(
            "{n_invalid} proofs from your machines were refused, and {n_valid} accepted; tell the operator, who can let \
             you in again"
        );
        block(ledger, account, &message).await?;
    }
    Ok(())
}

//! Canaries: searches that have been done and found a proof, given out once more among others.
//!
//! That a search found nothing is somebody's word. So a few problems that are solved are kept back: nobody is told that they
//! are until their stage is over, and until then the search that solved one may be given to others, who cannot tell it from
//! any that came back. Whoever searches finds its proof, as the one before did, from the same seed under the same recipe.
//! Of the search itself, its stage and its problem nothing changes, and no effort is counted.
//!
//! What an account came to is weighed as Page's sequential test weighs it ("Continuous inspection schemes", Biometrika 41,
//! 1954): each canary multiplies the odds that its machines miss one in two instead of as many as those of others, and
//! odds in its favour are not saved up. By Lorden's bound (Annals of Mathematical Statistics 42, 1971) odds of a thousand
//! are seen at a donor who is like the others once in a thousand canaries at the most on average, and odds of a million once
//! in a million, however often one looks.

use async_trait::async_trait;
use serde::Serialize;
use stepwise_core::wire::campaign::{Ending, SearchResult};

use super::campaign::note;
use super::claims::lease_of;
use super::sessions::Timing;
use crate::engine::{Row, Value};
use crate::words::word;
use crate::{LedgerError, Operation, Transaction};

/// The doubt, in thousandths of a power of ten, at which an account is shown to the operator.
const SHOWN: i64 = 3_000;

/// The doubt at which a donor is given canaries only.
pub(super) const RESTRICTED: i64 = 6_000;

/// The share of canaries that somebody misses who does not search, or not well.
const MISSED_BY_OTHERS_THAN_SEARCHERS: f64 = 0.5;

/// The smallest share that searchers are taken to miss: machines are slow at times.
const LEAST_MISSED: f64 = 0.05;

/// Kept back problems among which one is looked for: those that were solved last, whose searches are next to those that are
/// given out now.
const LATEST: u64 = 64;

/// How many canaries there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canaries {
    /// Of a thousand problems that are solved, so many are kept back until their stage is over.
    pub kept_back: u64,
    /// Of a thousand searches that are given out, so many are canaries.
    pub given: u64,
}

impl Default for Canaries {
    fn default() -> Self {
        Self { kept_back: 100, given: 15 }
    }
}

impl Canaries {
    /// None at all.
    pub const NONE: Self = Self { kept_back: 0, given: 0 };
}

/// Whoever is given a canary.
pub(super) struct Whom<'a> {
    pub(super) account: u64,
    pub(super) session: u64,
    pub(super) claim: &'a str,
}

/// Gives a canary of the open stage to an account that knows nothing of its problem, where there is one; whether there was.
pub(super) async fn give(ledger: &mut Transaction<'_>, whom: &Whom<'_>, timing: Timing) -> Result<bool, LedgerError> {
    let chosen = format!(
        "INSERT INTO canary (unit, attempt, account, session, claim, ends)
         SELECT u.id, (SELECT max(l.attempt) + 1 FROM lease l WHERE l.unit = u.id), CAST($1 AS BIGINT),
           CAST($2 AS BIGINT), CAST($3 AS TEXT), {{now}} + $4
         FROM (SELECT id, candidate FROM problem WHERE is_kept_back = 1 ORDER BY candidate DESC LIMIT {LATEST}) AS p
         JOIN candidate c ON c.id = p.candidate JOIN unit u ON u.id = c.unit JOIN stage s ON s.number = u.stage
         WHERE u.state = 'done' AND s.state IN ('open', 'draining') AND NOT EXISTS
           (SELECT 1 FROM unit o JOIN lease l ON l.unit = o.id JOIN session t ON t.id = l.session
            WHERE o.problem = p.id AND t.account = $1)
         ORDER BY p.candidate DESC LIMIT 1"
    );
    let Whom { account, session, claim } = *whom;
    let values = [account.into(), session.into(), claim.into(), timing.lease_ms.into()];
    if ledger.run(&chosen, &values).await? == 0 {
        return Ok(false);
    }
    ledger
        .run(
            "INSERT INTO lease (unit, attempt, session, claim, given)
             SELECT unit, attempt, session, claim, {now} FROM canary WHERE session = $1 AND claim = $2",
            &[session.into(), claim.into()],
        )
        .await?;
    Ok(true)
}

/// The canaries that a session holds under a claim, as rows of leases.
pub(super) async fn held(ledger: &mut Transaction<'_>, session: u64, claim: &str) -> Result<Vec<Row>, LedgerError> {
    let columns = lease_of("k.attempt", "k.ends");
    let held = format!(
        "SELECT {columns} FROM canary k JOIN unit ON unit.id = k.unit
         WHERE k.session = $1 AND k.claim = $2 AND k.state = 'given'"
    );
    ledger.rows(&held, &[session.into(), claim.into()]).await
}

/// Takes back the canaries that are given and of which `which` is true, a condition whose values are `values`; how many.
pub(super) async fn take_back(ledger: &mut Transaction<'_>, which: &str, values: &[Value]) -> Result<u64, LedgerError> {
    let back = format!("UPDATE canary SET state = 'back' WHERE state = 'given' AND {which}");
    ledger.run(&back, values).await
}

/// Whether this attempt of a search is a canary that nobody has answered or taken back.
pub(super) async fn is_given(ledger: &mut Transaction<'_>, unit: u64, attempt: u64) -> Result<bool, LedgerError> {
    let given = "SELECT unit FROM canary WHERE unit = $1 AND attempt = $2 AND state = 'given' {hold}";
    Ok(ledger.row(given, &[unit.into(), attempt.into()]).await?.is_some())
}

/// What a canary came to that [`is_given`]. Its proof, where it has one, is known as a candidate by then.
pub(super) async fn answer(
    ledger: &mut Transaction<'_>,
    account: u64,
    result: &SearchResult,
    proof_sha: &str,
) -> Result<(), LedgerError> {
    let canary = [result.unit.into(), result.attempt.into()];
    if result.ending == Ending::Crashed {
        take_back(ledger, "unit = $1 AND attempt = $2", &canary).await?;
        return Ok(());
    }
    let candidate = ledger
        .row(
            "SELECT c.id, c.state FROM candidate c JOIN unit u ON u.problem = c.problem AND u.side = c.side
             WHERE u.id = $1 AND c.proof_sha = $2",
            &[result.unit.into(), proof_sha.into()],
        )
        .await?;
    let (candidate, state) = match &candidate {
        None => (0, "missed"),
        Some(row) if row.text(1)? == "accepted" => (row.count(0)?, "found"),
        Some(row) if row.text(1)? == "refused" => (row.count(0)?, "missed"),
        Some(row) => (row.count(0)?, "answered"),
    };
    let [unit, attempt] = canary;
    ledger
        .run(
            "UPDATE canary SET state = $3, candidate = $4 WHERE unit = $1 AND attempt = $2",
            &[unit, attempt, state.into(), candidate.into()],
        )
        .await?;
    if state == "answered" { Ok(()) } else { weigh(ledger, account, state == "found").await }
}

/// A verifier has judged a proof that may have been a canary's.
pub(super) async fn judged(ledger: &mut Transaction<'_>, candidate: u64, is_accepted: bool) -> Result<(), LedgerError> {
    let state = if is_accepted { "found" } else { "missed" };
    let settled = "UPDATE canary SET state = $2 WHERE candidate = $1 AND state = 'answered' RETURNING account";
    for row in ledger.rows(settled, &[candidate.into(), state.into()]).await? {
        weigh(ledger, row.count(0)?, is_accepted).await?;
    }
    Ok(())
}

/// Weighs one more canary of an account.
async fn weigh(ledger: &mut Transaction<'_>, account: u64, is_found: bool) -> Result<(), LedgerError> {
    let row = ledger
        .row(
            "SELECT CAST(coalesce(sum(CASE WHEN state = 'missed' THEN 1 ELSE 0 END), 0) AS BIGINT), count(*)
             FROM canary WHERE state IN ('found', 'missed') AND account <> $1",
            &[account.into()],
        )
        .await?
        .ok_or(LedgerError::Unknown("account"))?;
    let step = evidence(is_found, row.count(0)?, row.count(1)?);
    ledger
        .run(
            "UPDATE account SET doubt = CASE WHEN doubt + $2 < 0 THEN 0 ELSE doubt + $2 END WHERE id = $1",
            &[account.into(), step.into()],
        )
        .await?;
    Ok(())
}

/// By how much a canary moves the doubt, where the machines of others missed so many of so many.
fn evidence(is_found: bool, missed: u64, of: u64) -> i64 {
    // Before others have been seen nobody knows what is usual.
    let usual = ((missed + 1) as f64 / (of + 2) as f64).clamp(LEAST_MISSED, MISSED_BY_OTHERS_THAN_SEARCHERS);
    let odds = match is_found {
        true => (1.0 - MISSED_BY_OTHERS_THAN_SEARCHERS) / (1.0 - usual),
        false => MISSED_BY_OTHERS_THAN_SEARCHERS / usual,
    };
    (odds.log10() * 1000.0).round() as i64
}

/// Tells of the problems of a stage that were kept back, or of all stages.
pub(super) async fn tell(ledger: &mut Transaction<'_>, stage: Option<u64>) -> Result<(), LedgerError> {
    let solved = ledger
        .rows(
            "SELECT p.id, p.name, p.standing FROM problem p JOIN candidate c ON c.id = p.candidate
             JOIN unit u ON u.id = c.unit WHERE p.is_kept_back = 1 AND ($1 = 0 OR u.stage = $1) ORDER BY p.id",
            &[stage.unwrap_or(0).into()],
        )
        .await?;
    for row in solved {
        let problem = row.count(0)?;
        ledger.run("UPDATE problem SET is_kept_back = 0 WHERE id = $1", &[problem.into()]).await?;
        let body = serde_json::json!({ "problem": problem, "name": row.text(1)?, "standing": row.text(2)? });
        note(ledger, "solved", &body).await?;
    }
    Ok(())
}

/// An account whose machines do not find what others find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubted {
    pub account: u64,
    /// Its pseudonym.
    pub name: String,
    /// Canaries that it has answered.
    pub canaries: u64,
    /// Those of them that it did not find.
    pub missed: u64,
    /// Whether it gets nothing else any more.
    pub is_restricted: bool,
}

/// Reads whom the operator is to look at.
#[derive(Clone, Copy, Debug)]
pub struct ReadDoubted;

#[async_trait]
impl Operation for ReadDoubted {
    type Output = Vec<Doubted>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<Doubted>, LedgerError> {
        let donor = word(&super::accounts::Trust::Donor)?;
        let rows = ledger
            .rows(
                "SELECT a.id, a.name, CAST(coalesce(sum(CASE WHEN k.state IN ('found', 'missed') THEN 1 ELSE 0 END), 0)
                   AS BIGINT), CAST(coalesce(sum(CASE WHEN k.state = 'missed' THEN 1 ELSE 0 END), 0) AS BIGINT),
                   CASE WHEN a.doubt >= $2 AND a.trust = $3 THEN 1 ELSE 0 END
                 FROM account a LEFT JOIN canary k ON k.account = a.id WHERE a.doubt >= $1
                 GROUP BY a.id, a.name, a.doubt, a.trust ORDER BY a.doubt DESC, a.id",
                &[SHOWN.into(), RESTRICTED.into(), donor.into()],
            )
            .await?;
        let doubted = |row: &Row| {
            Ok(Doubted {
                account: row.count(0)?,
                name: row.text(1)?.to_owned(),
                canaries: row.count(2)?,
                missed: row.count(3)?,
                is_restricted: row.is(4)?,
            })
        };
        rows.iter().map(doubted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The doubt after canaries that were found (`+`) or missed (`-`), where others missed so many of so many.
    fn doubt(canaries: &str, missed: u64, of: u64) -> i64 {
        canaries.chars().fold(0, |doubt, canary| (doubt + evidence(canary == '+', missed, of)).max(0))
    }

    #[test]
    fn who_misses_again_and_again_what_others_find_is_restricted() {
        assert_eq!(doubt("---", 0, 1000), SHOWN);
        assert_eq!(doubt("------", 0, 1000), RESTRICTED);
        // One in three says as much, later.
        assert!(doubt(&"--+".repeat(4), 0, 1000) > RESTRICTED);
        assert!(doubt("-++++-", 0, 1000) < SHOWN);
    }

    #[test]
    fn what_is_usual_says_nothing() {
        assert_eq!(doubt("----------", 0, 0), 0, "nobody else has been seen");
        assert_eq!(doubt("----------", 60, 100), 0, "others miss them too");
        assert!(doubt(&"-++++".repeat(200), 20, 100) < SHOWN);
        // What was found before is not saved up.
        assert_eq!(doubt(&("+".repeat(1000) + "---"), 0, 1000), SHOWN);
    }
}

//! Stages: one after the other, each frozen when all of it has ended, or all but a few that nobody waits for any more.

use async_trait::async_trait;
use stepwise_core::digest::sha256_of_parts;
use stepwise_core::wire::campaign::{Side, StageState, State};

use super::campaign::{note, set_state};
use super::canaries;
use super::claims::ELSEWHERE;
use super::verdicts::waiting;
use crate::words::{of_json, value, word};
use crate::{LedgerError, Operation, Transaction};

/// What a problem's rank counts for in the priority of its searches: more than which try of which side they are.
pub(super) const RANK: u64 = 1 << 20;

/// One search in so many may be left out when a stage is frozen.
const FEW: u64 = 100;

/// Of results, one in so many takes longer than what counts as slow.
const EVERY: i64 = 20;

/// So many times as long as a slow search takes those that are left are waited for.
const PATIENCE: i64 = 3;

/// Results by which it is told what is slow.
const LATEST: u64 = 1000;

/// Looks whether the open stage has ended, freezes it then, and opens the next.
#[derive(Clone, Copy, Debug)]
pub struct Advance;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// There is still work.
    Working,
    /// No search is left to give out; some are under way, or their proofs wait.
    Draining,
    /// The next stage is open.
    Opened(String),
    /// The campaign is over.
    Done,
}

#[async_trait]
impl Operation for Advance {
    type Output = Advanced;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Advanced, LedgerError> {
        let campaign = ledger.row("SELECT state, seed FROM campaign WHERE id = 1 {hold}", &[]).await?;
        let campaign = campaign.ok_or(LedgerError::Empty)?;
        let (state, seed) = (value::<State>(campaign.text(0)?)?, campaign.count(1)?);
        if matches!(state, State::Done | State::Halted) {
            return Ok(Advanced::Done);
        }
        let stage = ledger.row("SELECT number, state FROM stage WHERE state IN ('open', 'draining')", &[]).await?;
        let Some(stage) = stage else {
            set_state(ledger, State::Done, "").await?;
            return Ok(Advanced::Done);
        };
        let number = stage.count(0)?;
        let is_closing = state == State::Finishing;
        let mut busy = under_way(ledger, number, is_closing).await?;
        if busy.is_none() {
            // On PostgreSQL a search may have gone back, or out, between two looks. Now none moves any more.
            ledger.rows(HOLD, &[number.into()]).await?;
            busy = under_way(ledger, number, is_closing).await?;
        }
        match busy {
            // A refused proof opens its search again.
            Some(Advanced::Working) => set_stage(ledger, number, StageState::Open).await?,
            Some(_) => set_stage(ledger, number, StageState::Draining).await?,
            None => {}
        }
        if let Some(busy) = busy {
            return Ok(busy);
        }
        freeze(ledger, number).await?;
        if !is_closing && let Some(name) = open_next(ledger, seed).await? {
            return Ok(Advanced::Opened(name));
        }
        set_state(ledger, State::Done, "").await?;
        Ok(Advanced::Done)
    }
}

/// Keeps the searches of a stage that could move from doing so, while the transaction lasts; only a verdict opens one that
/// is done, and verdicts hold the campaign.
pub(super) const HOLD: &str = "SELECT id FROM unit WHERE stage = $1 AND state IN ('ready', 'leased') {hold}";

/// What keeps a stage from being frozen: searches to give out, or some that are under way, or their proofs.
async fn under_way(
    ledger: &mut Transaction<'_>,
    number: u64,
    is_closing: bool,
) -> Result<Option<Advanced>, LedgerError> {
    // What broke down too often waits for another account only while there is one.
    let is_ready = format!(
        "state = 'ready' AND (crashes < {ELSEWHERE} OR EXISTS (SELECT 1 FROM session s WHERE s.is_over = 0
         AND s.account <> unit.crashed_by))"
    );
    if !is_closing && any(ledger, number, &is_ready).await? {
        return Ok(Some(Advanced::Working));
    }
    let has_leased = any(ledger, number, "state = 'leased'").await?;
    let drains = (has_leased && !is_enough(ledger, number).await?) || waiting(ledger).await?.0 > 0;
    Ok(drains.then_some(Advanced::Draining))
}

/// Whether nobody waits any more for the searches of a stage that are under way: one in a hundred at most, and since the
/// last was given out three times as long as nearly all take from there to their result.
pub(super) async fn is_enough(ledger: &mut Transaction<'_>, number: u64) -> Result<bool, LedgerError> {
    let stage = "SELECT {now} - drained FROM stage WHERE number = $1 AND drained > 0";
    let Some(stage) = ledger.row(stage, &[number.into()]).await? else { return Ok(false) };
    // Of those that ended last, which are the slow ones rather than the quick: every twentieth took longer.
    let slow = format!(
        "SELECT took FROM (SELECT r.received - l.given AS took FROM result r JOIN unit u ON u.id = r.unit
           JOIN lease l ON l.unit = r.unit AND l.attempt = r.attempt WHERE u.stage = $1 AND r.is_counted = 1
           ORDER BY r.id DESC LIMIT {LATEST}) AS ended ORDER BY took DESC LIMIT 1
         OFFSET (SELECT count(*) / {EVERY} FROM (SELECT r.id FROM result r JOIN unit u ON u.id = r.unit
           WHERE u.stage = $1 AND r.is_counted = 1 ORDER BY r.id DESC LIMIT {LATEST}) AS latest)"
    );
    let Some(slow) = ledger.row(&slow, &[number.into()]).await? else { return Ok(false) };
    if stage.int(0)? <= slow.int(0)?.saturating_mul(PATIENCE) {
        return Ok(false);
    }
    let left = "SELECT count(*) FROM unit WHERE stage = $1 AND state = 'leased'";
    let left = ledger.row(left, &[number.into()]).await?.ok_or(LedgerError::Unknown("stage"))?.count(0)?;
    // Of a large stage no more are counted than are enough.
    let all = "SELECT count(*) FROM (SELECT id FROM unit WHERE stage = $1 AND state <> 'cancelled' LIMIT $2) AS u";
    let all = ledger.row(all, &[number.into(), (left * FEW).into()]).await?.ok_or(LedgerError::Unknown("stage"))?;
    Ok(all.count(0)? >= left * FEW)
}

/// Whether any unit of a stage is so.
pub(super) async fn any(ledger: &mut Transaction<'_>, number: u64, what: &str) -> Result<bool, LedgerError> {
    // One is enough to know, and indexes have those that are ready or leased.
    let statement = format!("SELECT id FROM unit WHERE stage = $1 AND {what} LIMIT 1");
    Ok(ledger.row(&statement, &[number.into()]).await?.is_some())
}

async fn set_stage(ledger: &mut Transaction<'_>, number: u64, state: StageState) -> Result<(), LedgerError> {
    let drained = if state == StageState::Draining { "{now}" } else { "0" };
    let set = format!("UPDATE stage SET state = $2, drained = {drained} WHERE number = $1 AND state <> $2");
    ledger.run(&set, &[number.into(), word(&state)?.into()]).await?;
    Ok(())
}

/// Closes a stage for good, under the hash of what counted in it.
pub(super) async fn freeze(ledger: &mut Transaction<'_>, number: u64) -> Result<(), LedgerError> {
    // Whoever works on one that is left hears it with the next beat. Its proof is verified if it comes, and counts in the
    // stages after this.
    let rest = "UPDATE unit SET state = 'cancelled', session = 0, claim = '' WHERE stage = $1
        AND state IN ('ready', 'leased')";
    ledger.run(rest, &[number.into()]).await?;
    let rows = ledger
        .rows(
            "SELECT u.id, r.attempt, r.ending, r.proof_sha FROM unit u JOIN result r ON r.unit = u.id
             WHERE u.stage = $1 AND r.is_counted = 1 ORDER BY u.id, r.attempt",
            &[number.into()],
        )
        .await?;
    let mut parts = Vec::with_capacity(4 * rows.len());
    for row in &rows {
        parts.extend([row.int(0)?.to_string(), row.int(1)?.to_string()]);
        parts.extend([row.text(2)?.to_owned(), row.text(3)?.to_owned()]);
    }
    let sha = sha256_of_parts(parts.iter().map(String::as_str));
    ledger
        .run(
            "UPDATE stage SET state = $2, frozen = {now}, results_sha = $3 WHERE number = $1",
            &[number.into(), word(&StageState::Frozen)?.into(), sha.as_str().into()],
        )
        .await?;
    canaries::tell(ledger, Some(number)).await?;
    note(ledger, "frozen", &serde_json::json!({ "stage": number, "results": rows.len(), "sha256": sha })).await
}

/// Opens the first planned stage, and gives its name; `None` when there is none, or nothing is open that it could search.
pub(super) async fn open_next(ledger: &mut Transaction<'_>, seed: u64) -> Result<Option<String>, LedgerError> {
    let row = ledger
        .row("SELECT number, name, sides, tries FROM stage WHERE state = 'planned' ORDER BY number LIMIT 1", &[])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (number, name) = (row.count(0)?, row.text(1)?.to_owned());
    let (sides, tries): (Vec<Side>, u64) = (of_json(row.text(2)?)?, row.count(3)?);
    // Where there are canaries attempts count from anywhere, so that nobody can tell what was given out before.
    let canaries = ledger.row("SELECT canaries FROM campaign", &[]).await?.ok_or(LedgerError::Empty)?;
    let attempt = if canaries.int(0)? > 0 { "{random}" } else { "0" };
    let mut n_units = 0;
    for turn in 0..tries {
        for (place, side) in (0_u64..).zip(&sides) {
            // Below 2^53, so that no reader of JSON rounds it.
            let first = (seed.wrapping_mul(1_000_003).wrapping_add(number * 65_537 + turn * 257)) % (1 << 52);
            n_units += ledger
                .run(
                    &format!(
                        "INSERT INTO unit (stage, problem, side, seed, priority, attempt)
                         SELECT $1, id, $2, $3 + id, rank * $5 + $4, {attempt} FROM problem
                         WHERE standing = 'open' ORDER BY id"
                    ),
                    &[
                        number.into(),
                        word(side)?.into(),
                        first.into(),
                        (turn * sides.len() as u64 + place).into(),
                        RANK.into(),
                    ],
                )
                .await?;
        }
    }
    set_stage(ledger, number, StageState::Open).await?;
    ledger.run("UPDATE stage SET opened = {now} WHERE number = $1", &[number.into()]).await?;
    note(ledger, "opened", &serde_json::json!({ "stage": number, "name": name, "searches": n_units })).await?;
    Ok(Some(name))
}

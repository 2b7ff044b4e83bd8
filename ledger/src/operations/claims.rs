//! Giving searches out, and taking them back.

use std::collections::btree_map::Entry;

use async_trait::async_trait;
use stepwise_core::wire::campaign::{self, Bundle, Lease, State};

use super::accounts::Trust;
use super::canaries::{self, RESTRICTED, Whom};
use super::sessions::Timing;
use crate::engine::Row;
use crate::words::{of_json, value};
use crate::{LedgerError, Operation, Transaction};

/// Gives a session searches under a claim: the same ones when it asks again under the same.
#[derive(Clone, Debug)]
pub struct Claim {
    pub account: u64,
    pub claim: campaign::Claim,
    /// How long a search takes by experience, in milliseconds.
    pub pace_ms: u64,
    /// Searches for each of its cores at most, so that others get some too; one for each core it gets all the same.
    pub share: u64,
    /// Whether anything new is given out: where not, it is told so as if there were nothing.
    pub gives: bool,
    /// Whether searches that measure are among what it is given: what they cost is compared, so that one machine does all.
    pub measures: bool,
    pub timing: Timing,
}

/// Searches that a bundle may have.
const LARGEST_BUNDLE: u64 = 64;

/// Results that a donor has to hand in before bundles become large: who is new may be gone in a minute.
const KNOWN_AFTER: i64 = 10;

/// Breakdowns after which another account's machine is to try.
pub(super) const ELSEWHERE: u64 = 2;

/// What came of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Granted {
    Bundle(Bundle),
    /// The campaign gives out nothing just now, for a reason that it may have been given.
    Closed(State, String),
    /// Everything is being worked on, or done.
    Nothing,
    /// The account's machines do not find what others do, and there is nothing for them by which to show otherwise.
    Doubted,
}

#[async_trait]
impl Operation for Claim {
    type Output = Granted;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Granted, LedgerError> {
        let campaign::Claim { session, claim, number, .. } = &self.claim;
        let row = ledger
            .row(
                "UPDATE session SET seen = {now}, claimed = $4 WHERE id = $1 AND account = $2 AND is_over = 0
                 AND claimed < $4
                 RETURNING EXISTS (SELECT 1 FROM lease l WHERE l.session = session.id AND l.claim = $3), cores,
                   (SELECT trust FROM account a WHERE a.id = session.account),
                   (SELECT state FROM campaign), (SELECT reason FROM campaign),
                   (SELECT doubt FROM account a WHERE a.id = session.account), {random},
                   (SELECT canaries FROM campaign)",
                &[(*session).into(), self.account.into(), claim.into(), (*number).into()],
            )
            .await?;
        let Some(row) = row else { return self.again(ledger).await };
        if row.is(0)? {
            return self.held(ledger).await;
        }
        if !self.gives {
            return Ok(Granted::Nothing);
        }
        let state: State = value(row.text(3)?)?;
        if state != State::Running {
            return Ok(Granted::Closed(state, row.text(4)?.to_owned()));
        }
        let trust = value(row.text(2)?)?;
        let is_doubted = trust == Trust::Donor && row.int(5)? >= RESTRICTED;
        let at_most = if is_doubted { 1 } else { self.at_most(ledger, trust, row.count(1)?).await? };
        let is_drawn = row.count(6)? < at_most * row.count(7)?;
        let whom = Whom { account: self.account, session: *session, claim };
        let has_canary = (is_doubted || is_drawn) && canaries::give(ledger, &whom, self.timing).await?;
        let mut rows = if has_canary { canaries::held(ledger, *session, claim).await? } else { Vec::new() };
        if is_doubted {
            return if has_canary { bundle(rows).map(Granted::Bundle) } else { Ok(Granted::Doubted) };
        }
        rows.extend(self.take(ledger, at_most - u64::from(has_canary)).await?);
        if rows.is_empty() { Ok(Granted::Nothing) } else { bundle(rows).map(Granted::Bundle) }
    }
}

impl Claim {
    /// A claim that was answered before, or that a later one has overtaken. However old it is, it is known: a message may
    /// arrive once more after others that were sent later.
    async fn again(&self, ledger: &mut Transaction<'_>) -> Result<Granted, LedgerError> {
        let campaign::Claim { session, claim, .. } = &self.claim;
        let row = ledger
            .row(
                "UPDATE session SET seen = {now} WHERE id = $1 AND account = $2 AND is_over = 0
                 RETURNING EXISTS (SELECT 1 FROM lease l WHERE l.session = session.id AND l.claim = $3)",
                &[(*session).into(), self.account.into(), claim.into()],
            )
            .await?;
        match row.ok_or(LedgerError::Unknown("session"))?.is(0)? {
            true => self.held(ledger).await,
            false => Ok(Granted::Nothing),
        }
    }

    /// What was given under this claim and is still its session's.
    async fn held(&self, ledger: &mut Transaction<'_>) -> Result<Granted, LedgerError> {
        let campaign::Claim { session, claim, .. } = &self.claim;
        let columns = lease_of("unit.attempt", "unit.lease_ends");
        let held = format!("SELECT {columns} FROM unit WHERE session = $1 AND claim = $2 AND state = 'leased'");
        let mut rows = ledger.rows(&held, &[(*session).into(), claim.into()]).await?;
        rows.extend(canaries::held(ledger, *session, claim).await?);
        bundle(rows).map(Granted::Bundle)
    }

    /// Takes so many searches that are ready, or fewer where there are fewer.
    async fn take(&self, ledger: &mut Transaction<'_>, at_most: u64) -> Result<Vec<Row>, LedgerError> {
        let campaign::Claim { session, claim, .. } = &self.claim;
        let columns = lease_of("unit.attempt", "unit.lease_ends");
        let take = format!(
            "WITH chosen AS MATERIALIZED (
               SELECT id FROM unit WHERE state = 'ready' AND not_before <= {{now}}
               AND (crashes < $6 OR crashed_by <> $1) AND ($7 = 1 OR NOT EXISTS
                 (SELECT 1 FROM stage s WHERE s.number = unit.stage AND s.purpose = 'evaluate'))
               ORDER BY priority, id LIMIT $2 {{lock}}
             )
             UPDATE unit SET state = 'leased', attempt = attempt + 1, session = $3, claim = $4,
               lease_ends = {{now}} + $5
             FROM chosen WHERE unit.id = chosen.id RETURNING {columns}"
        );
        let taken = ledger
            .rows(
                &take,
                &[
                    self.account.into(),
                    at_most.into(),
                    (*session).into(),
                    claim.into(),
                    self.timing.lease_ms.into(),
                    ELSEWHERE.into(),
                    self.measures.into(),
                ],
            )
            .await?;
        if taken.is_empty() {
            return Ok(taken);
        }
        ledger
            .run(
                "INSERT INTO lease (unit, attempt, session, claim, given)
                 SELECT id, attempt, session, claim, {now} FROM unit
                 WHERE session = $1 AND claim = $2 AND state = 'leased'",
                &[(*session).into(), claim.into()],
            )
            .await?;
        Ok(taken)
    }

    /// How many searches keep so many cores busy for as long as the session wants.
    async fn at_most(&self, ledger: &mut Transaction<'_>, trust: Trust, cores: u64) -> Result<u64, LedgerError> {
        let cores = cores.clamp(1, LARGEST_BUNDLE);
        if trust == Trust::Donor {
            let known = "SELECT count(*) FROM (SELECT 1 FROM result WHERE account = $1 LIMIT $2) AS handed_in";
            let known = ledger.row(known, &[self.account.into(), KNOWN_AFTER.into()]).await?;
            if known.ok_or(LedgerError::Unknown("account"))?.int(0)? < KNOWN_AFTER {
                return Ok(cores);
            }
        }
        let wanted = self.claim.want_s.saturating_mul(1000).saturating_mul(cores) / self.pace_ms.max(1);
        Ok(wanted.min(self.share.saturating_mul(cores)).clamp(cores, LARGEST_BUNDLE))
    }
}

/// What a donor is told of a unit, as [`bundle`] reads it, where these columns have the attempt and when its lease ends. The
/// tables beside it are asked one value at a time, because a statement that changes rows may give only those.
pub(super) fn lease_of(attempt: &str, ends: &str) -> String {
    format!(
        "unit.id, {attempt}, unit.problem, unit.side, unit.seed, (SELECT recipe FROM stage WHERE number = unit.stage),
         {ends} - {{now}}, (SELECT theorem FROM problem WHERE problem.id = unit.problem),
         (SELECT statement_sha FROM problem WHERE problem.id = unit.problem),
         (SELECT body FROM recipe JOIN stage ON stage.recipe = recipe.sha WHERE stage.number = unit.stage),
         unit.priority"
    )
}

/// The searches of these rows, in the order in which they are to be done.
fn bundle(mut rows: Vec<Row>) -> Result<Bundle, LedgerError> {
    rows.sort_by_key(|row| (row.int(10).unwrap_or(0), row.int(0).unwrap_or(0)));
    let mut bundle = Bundle::default();
    for row in rows {
        let lease = Lease {
            unit: row.count(0)?,
            attempt: row.count(1)?,
            problem: row.count(2)?,
            statement: row.text(8)?.to_owned(),
            side: value(row.text(3)?)?,
            seed: row.count(4)?,
            recipe: row.text(5)?.to_owned(),
            ends_s: u64::try_from(row.int(6)? / 1000).unwrap_or(0),
        };
        if let Entry::Vacant(theorem) = bundle.theorems.entry(lease.statement.clone()) {
            theorem.insert(of_json(row.text(7)?)?);
        }
        if let Entry::Vacant(recipe) = bundle.recipes.entry(lease.recipe.clone()) {
            recipe.insert(of_json(row.text(9)?)?);
        }
        bundle.leases.push(lease);
    }
    Ok(bundle)
}

/// Takes searches back that a session does not want; gives how many.
#[derive(Clone, Debug)]
pub struct Abandon {
    pub account: u64,
    pub abandon: campaign::Abandon,
}

#[async_trait]
impl Operation for Abandon {
    type Output = u64;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<u64, LedgerError> {
        let campaign::Abandon { session, units, leave } = &self.abandon;
        let known = ledger
            .run(
                "UPDATE session SET seen = {now} WHERE id = $1 AND account = $2",
                &[(*session).into(), self.account.into()],
            )
            .await?;
        if known == 0 {
            return Err(LedgerError::Unknown("session"));
        }
        let mut n = 0;
        if units.is_empty() {
            n += ledger
                .run(
                    "UPDATE unit SET state = 'ready', session = 0, claim = '' WHERE session = $1 AND state = 'leased'",
                    &[(*session).into()],
                )
                .await?;
            n += canaries::take_back(ledger, "session = $1", &[(*session).into()]).await?;
        }
        for unit in units {
            n += ledger
                .run(
                    "UPDATE unit SET state = 'ready', session = 0, claim = ''
                     WHERE session = $1 AND state = 'leased' AND id = $2",
                    &[(*session).into(), (*unit).into()],
                )
                .await?;
            n +=
                canaries::take_back(ledger, "session = $1 AND unit = $2", &[(*session).into(), (*unit).into()]).await?;
        }
        if *leave {
            ledger.run("UPDATE session SET is_over = 1, doing = 'leaving' WHERE id = $1", &[(*session).into()]).await?;
        }
        Ok(n)
    }
}

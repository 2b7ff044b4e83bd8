//! Looking at a campaign.

use async_trait::async_trait;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::{Doing, Effort, Ending, Overview, Problems, Side, StageView, VERSION};

use super::campaign::state_of;
use super::verdicts::waiting;
use crate::words::{of_json, value};
use crate::{LedgerError, Operation, Transaction};

/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Reads how the campaign stands.
#[derive(Clone, Copy, Debug)]
pub struct ReadOverview;

#[async_trait]
impl Operation for ReadOverview {
    type Output = Overview;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Overview, LedgerError> {
        let (state, reason) = state_of(ledger).await?;
        let campaign = ledger.row("SELECT name, lean FROM campaign", &[]).await?.ok_or(LedgerError::Empty)?;
        let mut problems = Problems::default();
        for row in ledger.rows("SELECT standing, count(*) FROM problem GROUP BY standing", &[]).await? {
            match row.text(0)? {
                "proved" => problems.proved = row.count(1)?,
                "disproved" => problems.disproved = row.count(1)?,
                _ => problems.open = row.count(1)?,
            }
        }
        let (waiting, waiting_ms) = waiting(ledger).await?;
        let alive = ledger
            .row("SELECT count(*), CAST(coalesce(sum(cores), 0) AS BIGINT) FROM session WHERE is_over = 0", &[])
            .await?
            .ok_or(LedgerError::Empty)?;
        Ok(Overview {
            protocol: VERSION,
            campaign: campaign.text(0)?.to_owned(),
            state,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            lean: campaign.text(1)?.to_owned(),
            problems,
            stages: stages(ledger).await?,
            waiting,
            waiting_s: waiting_ms / 1000,
            sessions: alive.count(0)?,
            cores: alive.count(1)?,
            cost: effort(ledger, None).await?,
            day: effort(ledger, Some(DAY)).await?,
        })
    }
}

async fn stages(ledger: &mut Transaction<'_>) -> Result<Vec<StageView>, LedgerError> {
    let mut stages = Vec::new();
    for row in ledger.rows("SELECT number, name, state, round FROM stage ORDER BY number", &[]).await? {
        let name = match row.count(3)? {
            0 => row.text(1)?.to_owned(),
            round => format!("round {round}: {}", row.text(1)?),
        };
        stages.push(StageView {
            number: row.count(0)?,
            name,
            state: value(row.text(2)?)?,
            ready: 0,
            leased: 0,
            done: 0,
            cancelled: 0,
            dead: 0,
        });
    }
    for row in ledger.rows("SELECT stage, state, count(*) FROM unit GROUP BY stage, state", &[]).await? {
        let number = row.count(0)?;
        let Some(stage) = stages.iter_mut().find(|stage| stage.number == number) else { continue };
        let n = row.count(2)?;
        match row.text(1)? {
            "ready" => stage.ready = n,
            "leased" => stage.leased = n,
            "done" => stage.done = n,
            "cancelled" => stage.cancelled = n,
            _ => stage.dead = n,
        }
    }
    Ok(stages)
}

/// What counted searches cost: all, or those of the last so many milliseconds.
async fn effort(ledger: &mut Transaction<'_>, within: Option<u64>) -> Result<Effort, LedgerError> {
    let since = if within.is_some() { "AND received > {now} - $1" } else { "AND $1 = $1" };
    let rows = ledger
        .rows(
            &format!(
                "SELECT ending, count(*), CAST(sum(lean_cpu_ms) AS BIGINT), CAST(sum(device_ms) AS BIGINT)
                 FROM result WHERE is_counted = 1 {since} GROUP BY ending"
            ),
            &[within.unwrap_or(0).into()],
        )
        .await?;
    let mut effort = Effort::default();
    for row in rows {
        let n = row.count(1)?;
        effort.searches += n;
        effort.lean_cpu_ms += row.count(2)?;
        effort.device_ms += row.count(3)?;
        *match value::<Ending>(row.text(0)?)? {
            Ending::Proof => &mut effort.proofs,
            Ending::Exhausted => &mut effort.exhausted,
            Ending::OutOfBudget => &mut effort.out_of_budget,
            Ending::TimedOut => &mut effort.timed_out,
            Ending::BadStatement => &mut effort.bad_statement,
            Ending::Crashed => &mut effort.crashed,
        } = n;
    }
    Ok(effort)
}

/// Reads how long a search takes, in milliseconds, by those that ended last; `None` before any has.
#[derive(Clone, Copy, Debug)]
pub struct ReadPace;

#[async_trait]
impl Operation for ReadPace {
    type Output = Option<u64>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Option<u64>, LedgerError> {
        let row = ledger
            .row(
                "SELECT count(*), CAST(coalesce(sum(wall_ms), 0) AS BIGINT) FROM
                   (SELECT wall_ms FROM result WHERE is_counted = 1 ORDER BY id DESC LIMIT 200) AS recent",
                &[],
            )
            .await?
            .ok_or(LedgerError::Empty)?;
        Ok(row.count(1)?.checked_div(row.count(0)?))
    }
}

/// A session, for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    pub id: u64,
    pub account: u64,
    /// The account's pseudonym.
    pub name: String,
    pub label: String,
    pub cores: u64,
    pub doing: Doing,
    /// Searches that it holds.
    pub held: u64,
    /// When it was last heard of, in seconds ago.
    pub seen_s: u64,
    /// When it last handed something in, in seconds ago.
    pub progressed_s: u64,
}

/// Reads who works.
#[derive(Clone, Copy, Debug)]
pub struct ReadSessions;

#[async_trait]
impl Operation for ReadSessions {
    type Output = Vec<SessionView>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let rows = ledger
            .rows(
                "SELECT s.id, s.account, a.name, s.label, s.cores, s.doing,
                   (SELECT count(*) FROM unit u WHERE u.session = s.id AND u.state = 'leased'),
                   CAST({now} - s.seen AS BIGINT), CAST({now} - s.progressed AS BIGINT)
                 FROM session s JOIN account a ON a.id = s.account WHERE s.is_over = 0 ORDER BY s.id",
                &[],
            )
            .await?;
        let ago = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
        let view = |row: &crate::engine::Row| {
            Ok(SessionView {
                id: row.count(0)?,
                account: row.count(1)?,
                name: row.text(2)?.to_owned(),
                label: row.text(3)?.to_owned(),
                cores: row.count(4)?,
                doing: value(row.text(5)?)?,
                held: row.count(6)?,
                seen_s: ago(row.int(7)?),
                progressed_s: ago(row.int(8)?),
            })
        };
        rows.iter().map(view).collect()
    }
}

/// A solved problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    pub name: String,
    pub theorem: Theorem,
    pub side: Side,
    pub proof: Vec<String>,
    pub verdict: Verdict,
}

/// Reads the solved problems, in their order, after the problem of this number, at most so many.
#[derive(Clone, Copy, Debug)]
pub struct ReadProofs {
    pub after: u64,
    pub at_most: u64,
}

#[async_trait]
impl Operation for ReadProofs {
    type Output = Vec<(u64, Solved)>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let rows = ledger
            .rows(
                "SELECT p.id, p.name, p.theorem, c.side, c.proof, v.body FROM problem p
                 JOIN candidate c ON c.id = p.candidate JOIN verdict v ON v.candidate = c.id
                 WHERE p.id > $1 ORDER BY p.id LIMIT $2",
                &[self.after.into(), self.at_most.into()],
            )
            .await?;
        let solved = |row: &crate::engine::Row| {
            Ok((
                row.count(0)?,
                Solved {
                    name: row.text(1)?.to_owned(),
                    theorem: of_json(row.text(2)?)?,
                    side: value(row.text(3)?)?,
                    proof: of_json(row.text(4)?)?,
                    verdict: of_json(row.text(5)?)?,
                },
            ))
        };
        rows.iter().map(solved).collect()
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: u64,
    /// When, in milliseconds since 1970 by the database's clock.
    pub at_ms: u64,
    pub kind: String,
    pub body: serde_json::Value,
}

/// Reads what happened after the event of this number, at most so many.
#[derive(Clone, Copy, Debug)]
pub struct ReadEvents {
    pub after: u64,
    pub at_most: u64,
}

#[async_trait]
impl Operation for ReadEvents {
    type Output = Vec<Event>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<Event>, LedgerError> {
        let values = [self.after.into(), self.at_most.into()];
        let rows = ledger.rows("SELECT seq, at, kind, body FROM event WHERE seq > $1 ORDER BY seq LIMIT $2", &values);
        let event = |row: &crate::engine::Row| {
            let body = of_json(row.text(3)?)?;
            Ok(Event { seq: row.count(0)?, at_ms: row.count(1)?, kind: row.text(2)?.to_owned(), body })
        };
        rows.await?.iter().map(event).collect()
    }
}

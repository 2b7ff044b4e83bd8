//! Looking at a campaign.

use async_trait::async_trait;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::{
    Doing, Overview, Problems, Side, Solved as SolvedCount, StageState, StageView, State, TimeLeft, VERSION,
};

use super::campaign::state_of;
use super::effort::{DAY, Efforts, HOUR, WEEK, efforts};
use super::forecast::{Pace, time_left};
use super::verdicts::waiting;
use crate::engine::{Row, Value};
use crate::words::{of_json, value};
use crate::{LedgerError, Operation, Transaction};

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
        // Those of other parts measure what was learnt, and are as open as before whatever is proved.
        let to_solve = "SELECT standing, count(*) FROM problem
            WHERE split = (SELECT split FROM problem ORDER BY id LIMIT 1) GROUP BY standing";
        for row in ledger.rows(to_solve, &[]).await? {
            match row.text(0)? {
                "proved" => problems.proved = row.count(1)?,
                "disproved" => problems.disproved = row.count(1)?,
                _ => problems.open = row.count(1)?,
            }
        }
        let (solved_week, solved_day) = (solved(ledger, WEEK).await?, solved(ledger, DAY).await?);
        let (waiting, waiting_ms) = waiting(ledger).await?;
        let alive = ledger
            .row("SELECT count(*), CAST(coalesce(sum(cores), 0) AS BIGINT) FROM session WHERE is_over = 0", &[])
            .await?
            .ok_or(LedgerError::Empty)?;
        let stages = stages(ledger, "1 = 1", &[]).await?;
        let Efforts { all, week, day, hour } = efforts(ledger, "is_counted = 1", &[]).await?;
        let (queued_s, left) = rest(ledger, state, &stages).await?;
        Ok(Overview {
            protocol: VERSION,
            campaign: campaign.text(0)?.to_owned(),
            state,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            lean: campaign.text(1)?.to_owned(),
            problems,
            stages,
            waiting,
            waiting_s: waiting_ms / 1000,
            sessions: alive.count(0)?,
            cores: alive.count(1)?,
            queued_s,
            left,
            cost: all,
            week,
            day,
            hour,
            solved_week,
            solved_day,
        })
    }
}

/// Problems that were solved in the last so many milliseconds.
async fn solved(ledger: &mut Transaction<'_>, within_ms: u64) -> Result<SolvedCount, LedgerError> {
    let rows = ledger
        .rows(
            "SELECT standing, count(*) FROM problem WHERE standing <> 'open' AND solved > {now} - $1 GROUP BY standing",
            &[within_ms.into()],
        )
        .await?;
    let mut solved = SolvedCount::default();
    for row in rows {
        match row.text(0)? {
            "proved" => solved.proved = row.count(1)?,
            _ => solved.disproved = row.count(1)?,
        }
    }
    Ok(solved)
}

/// For how long the open stage's searches have waited to be given out, in seconds, and how long the stage may still take.
async fn rest(
    ledger: &mut Transaction<'_>,
    state: State,
    stages: &[StageView],
) -> Result<(Option<u64>, Option<TimeLeft>), LedgerError> {
    let open = stages.iter().find(|stage| matches!(stage.state, StageState::Open | StageState::Draining));
    let Some(open) = open else { return Ok((None, None)) };
    let age = ledger.row("SELECT {now} - opened FROM stage WHERE number = $1", &[open.number.into()]).await?;
    let age_ms = u64::try_from(age.ok_or(LedgerError::Unknown("stage"))?.int(0)?).unwrap_or(0);
    let queued_s = (open.ready > 0).then_some(age_ms / 1000);
    let searches = match state {
        State::Running => open.ready + open.leased,
        State::Finishing => open.leased,
        // Nobody knows when it goes on.
        State::Paused | State::Halted | State::Done => return Ok((queued_s, None)),
    };
    // Only of what this stage has seen: the one before had another budget.
    let mut paces = Vec::new();
    for span in [HOUR, DAY] {
        let within_ms = span.min(age_ms);
        let recent = "SELECT count(*) FROM result WHERE is_counted = 1 AND received > {now} - $1";
        let ended = ledger.row(recent, &[within_ms.into()]).await?.ok_or(LedgerError::Empty)?.count(0)?;
        paces.push(Pace { searches: ended, within_ms });
    }
    Ok((queued_s, time_left(searches, &paces)))
}

/// The stages, with those of their units of which `which` is true, a condition on `unit` whose values are `values`.
pub(super) async fn stages(
    ledger: &mut Transaction<'_>,
    which: &str,
    values: &[Value],
) -> Result<Vec<StageView>, LedgerError> {
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
    let counts = format!("SELECT stage, state, count(*) FROM unit WHERE {which} GROUP BY stage, state");
    for row in ledger.rows(&counts, values).await? {
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
    /// When it was last given something that it still holds, in seconds ago.
    pub given_s: Option<u64>,
    /// What keeps its account from working, in the operator's words, where something does.
    pub blocked: Option<String>,
}

/// Reads who works, and of each blocked account the session that was its last.
#[derive(Clone, Copy, Debug)]
pub struct ReadSessions;

#[async_trait]
impl Operation for ReadSessions {
    type Output = Vec<SessionView>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let rows = ledger
            .rows(
                "SELECT s.id, s.account, a.name, s.label, s.cores, s.doing, coalesce(h.n, 0),
                   CAST({now} - s.seen AS BIGINT), CAST({now} - s.progressed AS BIGINT),
                   CAST(coalesce({now} - h.given, -1) AS BIGINT), a.state, a.message
                 FROM session s JOIN account a ON a.id = s.account LEFT JOIN
                   (SELECT l.session, count(*) AS n, max(l.given) AS given FROM
                      (SELECT id, attempt FROM unit WHERE state = 'leased'
                       UNION ALL SELECT unit, attempt FROM canary WHERE state = 'given') AS u
                    JOIN lease l ON l.unit = u.id AND l.attempt = u.attempt GROUP BY l.session) AS h
                   ON h.session = s.id
                 WHERE s.is_over = 0 OR (a.state = 'blocked' AND s.id IN
                   (SELECT max(id) FROM session GROUP BY account)) ORDER BY s.id",
                &[],
            )
            .await?;
        let ago = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
        let view = |row: &Row| {
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
                given_s: u64::try_from(row.int(9)?).ok().map(|ms| ms / 1000),
                blocked: (row.text(10)? == "blocked").then(|| row.text(11).map(str::to_owned)).transpose()?,
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
        let solved = |row: &Row| {
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
        let event = |row: &Row| {
            let body = of_json(row.text(3)?)?;
            Ok(Event { seq: row.count(0)?, at_ms: row.count(1)?, kind: row.text(2)?.to_owned(), body })
        };
        rows.await?.iter().map(event).collect()
    }
}

/// Reads the number of the event that happened last; 0 before any has.
#[derive(Clone, Copy, Debug)]
pub struct ReadLastEvent;

#[async_trait]
impl Operation for ReadLastEvent {
    type Output = u64;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<u64, LedgerError> {
        let row = ledger.row("SELECT coalesce(max(seq), 0) FROM event", &[]).await?;
        row.ok_or(LedgerError::Empty)?.count(0)
    }
}

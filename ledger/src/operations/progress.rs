//! How far the stages of rounds have come, and what came of each.

use std::collections::BTreeMap;

use async_trait::async_trait;
use stepwise_core::wire::campaign::{Recipe, Solved, StageState};

use super::rounds::Purpose;
use crate::words::{of_json, value};
use crate::{LedgerError, Operation, Transaction};

/// A stage of a round, and what came of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageProgress {
    /// From 1.
    pub round: u64,
    pub name: String,
    pub purpose: Purpose,
    pub is_frozen: bool,
    /// Who proposes, as its recipe names it.
    pub policy: String,
    /// Who scores, where somebody does.
    pub critic: Option<String>,
    /// Its searches, without those that nobody wants any more, and how many of them have ended.
    pub searches: u64,
    pub ended: u64,
    /// Problems that it searches, those of which a search has ended, and those with an accepted proof of the statement.
    pub problems: u64,
    pub tried: u64,
    pub proved: u64,
    /// Problems that were solved by a proof that was found here first.
    pub solved: Solved,
    /// What its counted searches cost: CPU time of Lean and time of models' devices, in milliseconds.
    pub lean_cpu_ms: u64,
    pub device_ms: u64,
}

/// Reads how far the stages of rounds have come, in the order in which they were opened; none of a campaign without rounds.
#[derive(Clone, Copy, Debug)]
pub struct ReadProgress;

#[async_trait]
impl Operation for ReadProgress {
    type Output = Vec<StageProgress>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let mut stages = BTreeMap::new();
        let named = "SELECT s.number, s.round, s.name, s.purpose, s.state, r.body FROM stage s
                     JOIN recipe r ON r.sha = s.recipe WHERE s.round > 0";
        for row in ledger.rows(named, &[]).await? {
            let Recipe { policy, critic, .. } = of_json(row.text(5)?)?;
            let stage = StageProgress {
                round: row.count(1)?,
                name: row.text(2)?.to_owned(),
                purpose: value(row.text(3)?)?,
                is_frozen: value::<StageState>(row.text(4)?)? == StageState::Frozen,
                policy,
                critic,
                searches: 0,
                ended: 0,
                problems: 0,
                tried: 0,
                proved: 0,
                solved: Solved::default(),
                lean_cpu_ms: 0,
                device_ms: 0,
            };
            stages.insert(row.count(0)?, stage);
        }
        if !stages.is_empty() {
            count_searches(ledger, &mut stages).await?;
            count_results(ledger, &mut stages).await?;
            count_solved(ledger, &mut stages).await?;
        }
        Ok(stages.into_values().collect())
    }
}

/// Stages by their numbers.
type Stages = BTreeMap<u64, StageProgress>;

async fn count_searches(ledger: &mut Transaction<'_>, stages: &mut Stages) -> Result<(), LedgerError> {
    let counts = "SELECT stage, CAST(sum(CASE WHEN state = 'cancelled' THEN 0 ELSE 1 END) AS BIGINT),
                    CAST(sum(CASE WHEN state IN ('done', 'dead') THEN 1 ELSE 0 END) AS BIGINT), count(DISTINCT problem)
                  FROM unit GROUP BY stage";
    for row in ledger.rows(counts, &[]).await? {
        if let Some(stage) = stages.get_mut(&row.count(0)?) {
            (stage.searches, stage.ended, stage.problems) = (row.count(1)?, row.count(2)?, row.count(3)?);
        }
    }
    Ok(())
}

/// What counted results say. A proof is one when it was accepted, whoever found it.
async fn count_results(ledger: &mut Transaction<'_>, stages: &mut Stages) -> Result<(), LedgerError> {
    let counts = "SELECT u.stage, count(DISTINCT u.problem),
                    count(DISTINCT CASE WHEN v.is_accepted = 1 AND u.side = 'statement' THEN u.problem END),
                    CAST(sum(r.lean_cpu_ms) AS BIGINT), CAST(sum(r.device_ms) AS BIGINT)
                  FROM result r JOIN unit u ON u.id = r.unit
                  LEFT JOIN candidate c ON r.proof_sha <> '' AND c.problem = u.problem AND c.side = u.side
                    AND c.proof_sha = r.proof_sha
                  LEFT JOIN verdict v ON v.candidate = c.id
                  WHERE r.is_counted = 1 GROUP BY u.stage";
    for row in ledger.rows(counts, &[]).await? {
        if let Some(stage) = stages.get_mut(&row.count(0)?) {
            (stage.tried, stage.proved) = (row.count(1)?, row.count(2)?);
            (stage.lean_cpu_ms, stage.device_ms) = (row.count(3)?, row.count(4)?);
        }
    }
    Ok(())
}

async fn count_solved(ledger: &mut Transaction<'_>, stages: &mut Stages) -> Result<(), LedgerError> {
    let counts = "SELECT u.stage, p.standing, count(*) FROM problem p JOIN candidate c ON c.id = p.candidate
                  JOIN unit u ON u.id = c.unit WHERE p.standing <> 'open' GROUP BY u.stage, p.standing";
    for row in ledger.rows(counts, &[]).await? {
        if let Some(stage) = stages.get_mut(&row.count(0)?) {
            match row.text(1)? {
                "proved" => stage.solved.proved = row.count(2)?,
                _ => stage.solved.disproved = row.count(2)?,
            }
        }
    }
    Ok(())
}

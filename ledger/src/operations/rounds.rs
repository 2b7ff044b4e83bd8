//! Rounds of expert iteration: stages that are made as the rounds go, searched by the campaign's own machine, whose word
//! counts and whose searches leave behind what is learnt from.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwise_core::outcome::Verdict;
use stepwise_core::wire::campaign::{Ending, Enrolment, Receipt, Recipe, SearchResult, Side, StageState, State};

use super::accounts::{Trust, end_sessions};
use super::campaign::{keep_recipe, note, set_state, state_of};
use super::claims::ELSEWHERE;
use super::lessons::is_untaught;
use super::results::HandIn;
use super::sessions::{Enrol, Timing};
use super::stages::{HOLD, any, freeze, is_enough};
use super::verdicts::Judge;
use crate::engine::Row;
use crate::words::{of_json, value, word};
use crate::{LedgerError, Operation, Transaction};

/// What the account of the campaign's own machine has instead of a token's hash, so that no token is its.
const NO_TOKEN: &str = "none";

/// What a stage is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Its proofs solve their problems.
    Solve,
    /// It measures: what is proved in it is as open as before.
    Evaluate,
}

/// Begins to work with the campaign's own machine. What it held when it was here last is ready again.
#[derive(Clone, Debug)]
pub struct Employ(pub Enrolment);

/// The campaign's own machine at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Employed {
    pub account: u64,
    pub session: u64,
}

#[async_trait]
impl Operation for Employ {
    type Output = Employed;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Employed, LedgerError> {
        ledger
            .run(
                "INSERT INTO account (name, trust, token_sha, joined) VALUES ('', $1, $2, {now})
                 ON CONFLICT (token_sha) DO NOTHING",
                &[word(&Trust::Operator)?.into(), NO_TOKEN.into()],
            )
            .await?;
        let account = ledger.row("SELECT id FROM account WHERE token_sha = $1", &[NO_TOKEN.into()]).await?;
        let account = account.ok_or(LedgerError::Unknown("account"))?.count(0)?;
        end_sessions(ledger, account).await?;
        let session = Enrol { account, enrolment: self.0.clone() }.run(ledger).await?;
        Ok(Employed { account, session })
    }
}

/// Opens a stage of a round, with its searches. A stage that is there already stays as it is.
#[derive(Clone, Debug)]
pub struct Seed {
    /// From 1.
    pub round: u64,
    /// Its name, which no other of the round has.
    pub name: String,
    pub purpose: Purpose,
    pub recipe: Recipe,
    /// What every search of it draws from.
    pub seed: u64,
    pub searches: Vec<NewSearch>,
}

/// A search of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewSearch {
    /// The problem's number, from 1 in the order in which the campaign was given them.
    pub problem: u64,
    pub side: Side,
    /// Those with the smallest are given out first, whatever their stage.
    pub priority: u64,
}

/// A stage as it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    pub stage: u64,
    /// The hash of its recipe.
    pub recipe: String,
    pub is_frozen: bool,
}

#[async_trait]
impl Operation for Seed {
    type Output = Seeded;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Seeded, LedgerError> {
        let recipe = keep_recipe(ledger, &self.recipe).await?;
        let known = "SELECT number, recipe, state FROM stage WHERE round = $1 AND name = $2";
        if let Some(row) = ledger.row(known, &[self.round.into(), self.name.as_str().into()]).await? {
            let (stage, is_frozen) = (row.count(0)?, value::<StageState>(row.text(2)?)? == StageState::Frozen);
            if is_frozen || row.text(1)? == recipe {
                return Ok(Seeded { stage, recipe: row.text(1)?.to_owned(), is_frozen });
            }
            let begun = ledger.row("SELECT body FROM recipe WHERE sha = $1", &[row.text(1)?.into()]).await?;
            let begun: Recipe = of_json(begun.ok_or(LedgerError::Unknown("recipe"))?.text(0)?)?;
            if !begun.makes_the_same_searches(&self.recipe) {
                return Err(LedgerError::Refused(format!(
                    "round {} has begun its stage `{}` with other settings or models; go on with those, or begin anew",
                    self.round, self.name
                )));
            }
            // It is another only in where the files of its models are.
            let statement = "UPDATE stage SET recipe = $2 WHERE number = $1";
            ledger.run(statement, &[stage.into(), recipe.as_str().into()]).await?;
            return Ok(Seeded { stage, recipe, is_frozen });
        }
        if is_at_rest(ledger).await? {
            set_state(ledger, State::Running, "").await?;
        }
        let last = ledger.row("SELECT coalesce(max(number), 0) FROM stage", &[]).await?;
        let stage = last.ok_or(LedgerError::Empty)?.count(0)? + 1;
        ledger
            .run(
                "INSERT INTO stage (number, round, name, purpose, recipe, sides, tries, state, opened)
                 VALUES ($1, $2, $3, $4, $5, '[]', 1, $6, {now})",
                &[
                    stage.into(),
                    self.round.into(),
                    self.name.as_str().into(),
                    word(&self.purpose)?.into(),
                    recipe.as_str().into(),
                    word(&StageState::Open)?.into(),
                ],
            )
            .await?;
        for NewSearch { problem, side, priority } in &self.searches {
            ledger
                .run(
                    "INSERT INTO unit (stage, problem, side, seed, priority) VALUES ($1, $2, $3, $4, $5)",
                    &[stage.into(), (*problem).into(), word(side)?.into(), self.seed.into(), (*priority).into()],
                )
                .await?;
        }
        let opened = serde_json::json!({
            "stage": stage, "round": self.round, "name": self.name, "searches": self.searches.len(),
        });
        note(ledger, "opened", &opened).await?;
        Ok(Seeded { stage, recipe, is_frozen: false })
    }
}

/// Writes down how a search of the campaign's own machine ended. Its verdict counts, because the machine is the one that
/// would verify it: a Lean that nothing else has used has accepted the proof.
#[derive(Clone, Debug)]
pub struct Conclude {
    pub account: u64,
    pub result: SearchResult,
    /// What Lean said of the proof, where there is one.
    pub verdict: Option<Verdict>,
    /// What the search leaves behind, for [`ReadRemains`].
    pub remains: String,
    pub timing: Timing,
}

#[async_trait]
impl Operation for Conclude {
    type Output = Receipt;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Receipt, LedgerError> {
        let hand_in = HandIn { account: self.account, results: vec![self.result.clone()], timing: self.timing };
        let receipt = hand_in.run(ledger).await?.pop().ok_or(LedgerError::Unknown("search"))?;
        if receipt != Receipt::Stored {
            return Ok(receipt);
        }
        let unit = self.result.unit.into();
        ledger
            .run(
                "UPDATE result SET remains = $2 WHERE submission = $1",
                &[self.result.submission.as_str().into(), self.remains.as_str().into()],
            )
            .await?;
        if let Some(verdict) = &self.verdict {
            let candidate = ledger
                .row(
                    "SELECT c.id FROM candidate c JOIN unit u ON u.problem = c.problem AND u.side = c.side
                     JOIN result r ON r.unit = u.id AND r.proof_sha = c.proof_sha
                     WHERE u.id = $1 AND r.submission = $2",
                    &[unit, self.result.submission.as_str().into()],
                )
                .await?;
            let candidate = candidate.ok_or(LedgerError::Unknown("proof"))?.count(0)?;
            Judge { candidate, verdict: Some(verdict.clone()) }.run(ledger).await?;
        } else if self.result.ending == Ending::BadStatement {
            // Lean refuses the statement, and so whatever else is asked of it.
            ledger
                .run(
                    "UPDATE unit SET state = 'cancelled', session = 0, claim = '' WHERE state IN ('ready', 'leased')
                     AND problem = (SELECT problem FROM unit WHERE id = $1 AND side = 'statement')
                     AND stage = (SELECT u.stage FROM unit u JOIN stage s ON s.number = u.stage
                       WHERE u.id = $1 AND s.purpose = 'solve')",
                    &[unit],
                )
                .await?;
        }
        Ok(receipt)
    }
}

/// Freezes a stage that this account can do nothing more for; gives whether it is frozen. Searches that broke this account
/// down again and again are given up.
#[derive(Clone, Copy, Debug)]
pub struct Close {
    pub stage: u64,
    pub account: u64,
}

#[async_trait]
impl Operation for Close {
    type Output = bool;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<bool, LedgerError> {
        let row = ledger.row("SELECT state FROM stage WHERE number = $1 {hold}", &[self.stage.into()]).await?;
        if value::<StageState>(row.ok_or(LedgerError::Unknown("stage"))?.text(0)?)? == StageState::Frozen {
            return Ok(true);
        }
        ledger.rows(HOLD, &[self.stage.into()]).await?;
        let is_own = format!("crashes < {ELSEWHERE} OR crashed_by <> {}", self.account);
        let is_ready = any(ledger, self.stage, &format!("state = 'ready' AND ({is_own})")).await?;
        // While some are ready it has not been drained.
        let (from, to) = if is_ready { ("drained > 0", "0") } else { ("drained = 0", "{now}") };
        let drained = format!("UPDATE stage SET drained = {to} WHERE number = $1 AND {from}");
        ledger.run(&drained, &[self.stage.into()]).await?;
        let sessions = format!("SELECT id FROM session WHERE account = {}", self.account);
        let has_own = any(ledger, self.stage, &format!("state = 'leased' AND session IN ({sessions})")).await?;
        // Others may leave stragglers behind, and this one works on what it has.
        let others = any(ledger, self.stage, "state = 'leased'").await? && !is_enough(ledger, self.stage).await?;
        if is_ready || has_own || others || is_untaught(ledger, self.stage).await? {
            return Ok(false);
        }
        freeze(ledger, self.stage).await?;
        Ok(true)
    }
}

/// What a stage's counted searches left behind, in the order in which they ended. A search whose proof was refused leaves
/// nothing behind.
#[derive(Clone, Copy, Debug)]
pub struct ReadRemains {
    pub stage: u64,
}

/// What a search left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The result's number.
    pub result: u64,
    /// The account whose machine made the search.
    pub account: u64,
    pub text: String,
}

#[async_trait]
impl Operation for ReadRemains {
    type Output = Vec<Remains>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<Remains>, LedgerError> {
        let rows = ledger
            .rows(
                "SELECT r.id, r.account, r.remains FROM result r JOIN unit u ON u.id = r.unit
                 WHERE u.stage = $1 AND r.is_counted = 1 AND r.remains <> '' ORDER BY r.id",
                &[self.stage.into()],
            )
            .await?;
        let remains =
            |row: &Row| Ok(Remains { result: row.count(0)?, account: row.count(1)?, text: row.text(2)?.to_owned() });
        rows.iter().map(remains).collect()
    }
}

/// A stage of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundStage {
    pub stage: u64,
    pub round: u64,
    pub name: String,
    pub purpose: Purpose,
    pub is_frozen: bool,
}

/// Reads which stages there are, in the order in which they were opened.
#[derive(Clone, Copy, Debug)]
pub struct ReadStages;

#[async_trait]
impl Operation for ReadStages {
    type Output = Vec<RoundStage>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<RoundStage>, LedgerError> {
        let rows = ledger.rows("SELECT number, round, name, purpose, state FROM stage ORDER BY number", &[]).await?;
        let stage = |row: &Row| {
            Ok(RoundStage {
                stage: row.count(0)?,
                round: row.count(1)?,
                name: row.text(2)?.to_owned(),
                purpose: value(row.text(3)?)?,
                is_frozen: value::<StageState>(row.text(4)?)? == StageState::Frozen,
            })
        };
        rows.iter().map(stage).collect()
    }
}

/// Reads which problems the campaign was given, in that order: each one's part, name and statement's hash.
#[derive(Clone, Copy, Debug)]
pub struct ReadStatements;

#[async_trait]
impl Operation for ReadStatements {
    type Output = Vec<(String, String, String)>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let rows = ledger.rows("SELECT split, name, statement_sha FROM problem ORDER BY id", &[]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.text(2)?.to_owned()))).collect()
    }
}

/// Writes down what a round came to, and gives what is written: a round that is there already stays as it is.
#[derive(Clone, Debug)]
pub struct FinishRound {
    /// From 1.
    pub round: u64,
    pub body: serde_json::Value,
}

#[async_trait]
impl Operation for FinishRound {
    type Output = serde_json::Value;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let n = ledger
            .run(
                "INSERT INTO round (number, body, finished) VALUES ($1, $2, {now}) ON CONFLICT (number) DO NOTHING",
                &[self.round.into(), self.body.to_string().into()],
            )
            .await?;
        if n > 0 {
            note(ledger, "round", &serde_json::json!({ "round": self.round })).await?;
        }
        let row = ledger.row("SELECT body FROM round WHERE number = $1", &[self.round.into()]).await?;
        of_json(row.ok_or(LedgerError::Unknown("round"))?.text(0)?)
    }
}

/// Why a campaign is over whose rounds have all been run: a stage of one more round opens it again.
pub(super) const ROUNDS_ARE_OVER: &str = "its rounds are over; `stepwise learn RUN --rounds N` runs more";

/// All rounds that were asked for are over: so is the campaign, until another round begins.
#[derive(Clone, Copy, Debug)]
pub struct Rest;

#[async_trait]
impl Operation for Rest {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        if matches!(state_of(ledger).await?.0, State::Running | State::Finishing) {
            set_state(ledger, State::Done, ROUNDS_ARE_OVER).await?;
        }
        Ok(())
    }
}

async fn is_at_rest(ledger: &mut Transaction<'_>) -> Result<bool, LedgerError> {
    let (state, reason) = state_of(ledger).await?;
    Ok(state == State::Done && reason == ROUNDS_ARE_OVER)
}

/// Reads what the rounds that are over came to, by number.
#[derive(Clone, Copy, Debug)]
pub struct ReadRounds;

#[async_trait]
impl Operation for ReadRounds {
    type Output = Vec<(u64, serde_json::Value)>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let rows = ledger.rows("SELECT number, body FROM round ORDER BY number", &[]).await?;
        rows.iter().map(|row| Ok((row.count(0)?, of_json(row.text(1)?)?))).collect()
    }
}

//! The campaign itself: what it is made of, and its state.

use async_trait::async_trait;
use stepwise_core::digest::sha256_of_parts;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::{Recipe, Side, State};

use super::canaries::{self, Canaries};
use super::rounds::ROUNDS_ARE_OVER;
use crate::words::{json, of_json, value, word};
use crate::{LedgerError, Operation, Transaction};

/// Makes the campaign of an empty ledger; its first stage is open then.
#[derive(Clone, Debug)]
pub struct Create {
    pub name: String,
    /// What it was made with, for those who look it up.
    pub manifest: serde_json::Value,
    /// The Lean that searches run with, as records name it.
    pub lean: String,
    /// The seed of everything that is drawn.
    pub seed: u64,
    pub problems: Vec<NewProblem>,
    /// What is done one after the other, each time for the problems that are still open.
    pub stages: Vec<NewStage>,
    /// How many searches are given out whose proof is known.
    pub canaries: Canaries,
}

/// A problem of a campaign.
#[derive(Clone, Debug)]
pub struct NewProblem {
    /// The part of the campaign's problems that it belongs to; empty where there is one part only. Those of the first
    /// problem's part are to be solved, and others measure.
    pub split: String,
    /// Its name, which no other of its part has.
    pub name: String,
    pub theorem: Theorem,
}

/// A stage of a campaign: every open problem is searched under one recipe.
#[derive(Clone, Debug)]
pub struct NewStage {
    pub name: String,
    pub recipe: Recipe,
    pub sides: Vec<Side>,
    /// Searches of each side, each from a seed of its own.
    pub tries: u64,
}

#[async_trait]
impl Operation for Create {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        if let Some(row) = ledger.row("SELECT name FROM campaign", &[]).await? {
            return Err(LedgerError::Taken(row.text(0)?.to_owned()));
        }
        ledger
            .run(
                "INSERT INTO campaign (id, name, manifest, lean, seed, state, created, kept_back, canaries)
                 VALUES (1, $1, $2, $3, $4, $5, {now}, $6, $7)",
                &[
                    self.name.as_str().into(),
                    self.manifest.to_string().into(),
                    self.lean.as_str().into(),
                    self.seed.into(),
                    word(&State::Running)?.into(),
                    self.canaries.kept_back.into(),
                    self.canaries.given.into(),
                ],
            )
            .await?;
        for (id, NewProblem { split, name, theorem }) in (1_u64..).zip(&self.problems) {
            ledger
                .run(
                    "INSERT INTO problem (id, split, name, statement_sha, theorem) VALUES ($1, $2, $3, $4, $5)",
                    &[id.into(), split.into(), name.into(), theorem.hash().into(), json(theorem)?.into()],
                )
                .await?;
        }
        for (number, stage) in (1_u64..).zip(&self.stages) {
            let sha = keep_recipe(ledger, &stage.recipe).await?;
            ledger
                .run(
                    "INSERT INTO stage (number, name, recipe, sides, tries) VALUES ($1, $2, $3, $4, $5)",
                    &[
                        number.into(),
                        stage.name.as_str().into(),
                        sha.into(),
                        json(&stage.sides)?.into(),
                        stage.tries.into(),
                    ],
                )
                .await?;
        }
        note(ledger, "created", &serde_json::json!({ "problems": self.problems.len() })).await?;
        super::stages::open_next(ledger, self.seed).await?;
        Ok(())
    }
}

/// Writes a recipe down, once, and gives its hash.
pub(super) async fn keep_recipe(ledger: &mut Transaction<'_>, recipe: &Recipe) -> Result<String, LedgerError> {
    let body = json(recipe)?;
    let sha = sha256_of_parts([body.as_str()]);
    let values = [sha.as_str().into(), body.into()];
    ledger.run("INSERT INTO recipe (sha, body) VALUES ($1, $2) ON CONFLICT DO NOTHING", &values).await?;
    Ok(sha)
}

/// Puts the campaign into a state, for a reason or none.
#[derive(Clone, Debug)]
pub struct SetState(pub State, pub String);

#[async_trait]
impl Operation for SetState {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        let Self(state, reason) = self;
        let row = ledger.row("SELECT state, reason FROM campaign WHERE id = 1 {hold}", &[]).await?;
        let row = row.ok_or(LedgerError::Empty)?;
        let now: State = value(row.text(0)?)?;
        if now == State::Done && *state != State::Done {
            let why = match row.text(1)? {
                ROUNDS_ARE_OVER => format!("the campaign is over: {ROUNDS_ARE_OVER}"),
                _ => "the campaign is over; begin another one".to_owned(),
            };
            return Err(LedgerError::Refused(why));
        }
        set_state(ledger, *state, reason).await
    }
}

/// Puts the campaign into a state, and says so among its events.
pub(super) async fn set_state(ledger: &mut Transaction<'_>, state: State, reason: &str) -> Result<(), LedgerError> {
    ledger.run("UPDATE campaign SET state = $1, reason = $2", &[word(&state)?.into(), reason.into()]).await?;
    if state == State::Done {
        // Whoever still works on one hears it with the next beat.
        ledger.run("UPDATE unit SET state = 'cancelled' WHERE state IN ('ready', 'leased')", &[]).await?;
        canaries::take_back(ledger, "1 = 1", &[]).await?;
        canaries::tell(ledger, None).await?;
    }
    note(ledger, "state", &serde_json::json!({ "state": state, "reason": reason })).await
}

/// The campaign's state and its reason.
///
/// # Errors
/// There is no campaign, or the database fails.
pub(super) async fn state_of(ledger: &mut Transaction<'_>) -> Result<(State, String), LedgerError> {
    let row = ledger.row("SELECT state, reason FROM campaign", &[]).await?.ok_or(LedgerError::Empty)?;
    Ok((value(row.text(0)?)?, row.text(1)?.to_owned()))
}

/// What a campaign was made with.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The campaign's name.
    pub name: String,
    /// The Lean that searches run with.
    pub lean: String,
    /// What [`Create`] was given for those who look it up.
    pub settings: serde_json::Value,
}

/// Reads what the campaign was made with.
#[derive(Clone, Copy, Debug)]
pub struct ReadManifest;

#[async_trait]
impl Operation for ReadManifest {
    type Output = Manifest;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let row = ledger.row("SELECT name, lean, manifest FROM campaign", &[]).await?.ok_or(LedgerError::Empty)?;
        Ok(Manifest { name: row.text(0)?.to_owned(), lean: row.text(1)?.to_owned(), settings: of_json(row.text(2)?)? })
    }
}

/// Adds an event to the campaign's history.
pub(super) async fn note(
    ledger: &mut Transaction<'_>,
    kind: &str,
    body: &serde_json::Value,
) -> Result<(), LedgerError> {
    let values = [kind.into(), body.to_string().into()];
    ledger.run("INSERT INTO event (at, kind, body) VALUES ({now}, $1, $2)", &values).await?;
    Ok(())
}

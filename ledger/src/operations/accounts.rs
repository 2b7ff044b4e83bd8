//! Who takes part: invitations, and the accounts that they become.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwise_core::wire::campaign::State;

use super::campaign::{note, state_of};
use super::canaries;
use crate::words::{value, word};
use crate::{LedgerError, Operation, Transaction};

/// How far an account is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Somebody who lends a machine.
    Donor,
    /// The campaign's own people.
    Operator,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: u64,
    /// Its pseudonym.
    pub name: String,
    pub trust: Trust,
    /// What keeps it from working, in the operator's words, where something does.
    pub blocked: Option<String>,
}

/// Lets somebody join: `uses` accounts may come of it until it expires.
#[derive(Clone, Debug)]
pub struct Invite {
    pub secret_sha: String,
    pub trust: Trust,
    pub uses: u64,
    /// For how long, in milliseconds.
    pub lives_ms: u64,
}

#[async_trait]
impl Operation for Invite {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        state_of(ledger).await?;
        ledger
            .run(
                "INSERT INTO invitation (secret_sha, trust, uses_left, expires) VALUES ($1, $2, $3, {now} + $4)",
                &[self.secret_sha.as_str().into(), word(&self.trust)?.into(), self.uses.into(), self.lives_ms.into()],
            )
            .await?;
        Ok(())
    }
}

/// Makes an account of an invitation, and gives its number and the campaign's name.
#[derive(Clone, Debug)]
pub struct Join {
    pub secret_sha: String,
    pub token_sha: String,
    pub name: Option<String>,
}

/// Characters that a pseudonym may have.
const LONGEST_NAME: usize = 40;

#[async_trait]
impl Operation for Join {
    type Output = (u64, String);

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Self::Output, LedgerError> {
        let campaign = ledger.row("SELECT name, state FROM campaign", &[]).await?.ok_or(LedgerError::Empty)?;
        if value::<State>(campaign.text(1)?)? == State::Done {
            return Err(LedgerError::Refused("the campaign is over".to_owned()));
        }
        let name = self.name.as_deref().unwrap_or_default().trim();
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(LedgerError::Refused(format!("a name has at most {LONGEST_NAME} characters, none of control")));
        }
        let invitation = ledger
            .row(
                "SELECT trust, uses_left, expires <= {now} FROM invitation WHERE secret_sha = $1 {hold}",
                &[self.secret_sha.as_str().into()],
            )
            .await?;
        let refused = |why: &str| LedgerError::Refused(format!("the invitation {why}; ask for a new one"));
        let invitation = invitation.ok_or_else(|| refused("is not known here"))?;
        if invitation.int(1)? == 0 {
            return Err(refused("is used up"));
        }
        if invitation.is(2)? {
            return Err(refused("has expired"));
        }
        ledger
            .run(
                "UPDATE invitation SET uses_left = uses_left - 1 WHERE secret_sha = $1",
                &[self.secret_sha.as_str().into()],
            )
            .await?;
        let row = ledger
            .row(
                "INSERT INTO account (name, trust, token_sha, joined) VALUES ($1, $2, $3, {now}) RETURNING id",
                &[name.into(), invitation.text(0)?.into(), self.token_sha.as_str().into()],
            )
            .await?;
        let id = row.ok_or(LedgerError::Unknown("account"))?.count(0)?;
        note(ledger, "joined", &serde_json::json!({ "account": id, "name": name })).await?;
        Ok((id, campaign.text(0)?.to_owned()))
    }
}

/// Whose token this is.
#[derive(Clone, Debug)]
pub struct Authenticate {
    pub token_sha: String,
}

#[async_trait]
impl Operation for Authenticate {
    const IS_ONE_QUESTION: bool = true;

    type Output = Option<Account>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Option<Account>, LedgerError> {
        let row = ledger
            .row(
                "SELECT id, name, trust, state, message FROM account WHERE token_sha = $1 AND state <> 'revoked'",
                &[self.token_sha.as_str().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let blocked = (row.text(3)? == "blocked").then(|| row.text(4).map(str::to_owned)).transpose()?;
        Ok(Some(Account { id: row.count(0)?, name: row.text(1)?.to_owned(), trust: value(row.text(2)?)?, blocked }))
    }
}

/// Keeps an account from working, and says why; what it holds goes back.
#[derive(Clone, Debug)]
pub struct Block {
    pub account: u64,
    pub message: String,
}

#[async_trait]
impl Operation for Block {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        block(ledger, self.account, &self.message).await
    }
}

/// Keeps an account from working, and says why; what it holds goes back, and what it ended with proofs that nobody has
/// verified yet. Those wait until no others do.
pub(super) async fn block(ledger: &mut Transaction<'_>, account: u64, message: &str) -> Result<(), LedgerError> {
    let values = [account.into(), message.into()];
    let n = ledger.run("UPDATE account SET state = 'blocked', message = $2 WHERE id = $1", &values).await?;
    if n == 0 {
        return Err(LedgerError::Unknown("account"));
    }
    end_sessions(ledger, account).await?;
    // Nobody waits for what it says it has proved: others search it.
    let doubtful = "UPDATE unit SET state = 'ready' WHERE state = 'done'
        AND id IN (SELECT unit FROM candidate WHERE account = $1 AND state IN ('waiting', 'checking'))
        AND stage IN (SELECT number FROM stage WHERE state IN ('open', 'draining'))
        AND problem IN (SELECT id FROM problem WHERE standing = 'open')
        AND EXISTS (SELECT 1 FROM result r JOIN candidate c ON c.unit = r.unit AND c.proof_sha = r.proof_sha
          WHERE r.unit = unit.id AND r.attempt = unit.attempt AND r.is_counted = 1 AND c.account = $1
          AND c.state IN ('waiting', 'checking'))";
    ledger.run(doubtful, &[account.into()]).await?;
    note(ledger, "blocked", &serde_json::json!({ "account": account, "message": message })).await
}

/// Lets an account work again that is blocked, or given canaries only; what it did wrong before counts no more.
#[derive(Clone, Debug)]
pub struct Unblock {
    pub account: u64,
}

#[async_trait]
impl Operation for Unblock {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        let row = ledger.row("SELECT state, doubt FROM account WHERE id = $1 {hold}", &[self.account.into()]).await?;
        let row = row.ok_or(LedgerError::Unknown("account"))?;
        if row.text(0)? != "blocked" && (row.text(0)? != "active" || row.int(1)? == 0) {
            return Err(LedgerError::Refused("the account is not blocked".to_owned()));
        }
        ledger
            .run(
                "UPDATE account SET state = 'active', message = '', n_invalid = 0, doubt = 0 WHERE id = $1",
                &[self.account.into()],
            )
            .await?;
        note(ledger, "unblocked", &serde_json::json!({ "account": self.account })).await
    }
}

/// Makes an account's token worthless; what it holds goes back.
#[derive(Clone, Debug)]
pub struct Revoke {
    pub account: u64,
}

#[async_trait]
impl Operation for Revoke {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        if ledger.run("UPDATE account SET state = 'revoked' WHERE id = $1", &[self.account.into()]).await? == 0 {
            return Err(LedgerError::Unknown("account"));
        }
        end_sessions(ledger, self.account).await?;
        note(ledger, "revoked", &serde_json::json!({ "account": self.account })).await
    }
}

/// Ends what an account is at; what it holds goes back.
pub(super) async fn end_sessions(ledger: &mut Transaction<'_>, account: u64) -> Result<(), LedgerError> {
    ledger
        .run(
            "UPDATE unit SET state = 'ready', session = 0, claim = '' WHERE state = 'leased'
             AND session IN (SELECT id FROM session WHERE account = $1)",
            &[account.into()],
        )
        .await?;
    canaries::take_back(ledger, "account = $1", &[account.into()]).await?;
    ledger.run("UPDATE session SET is_over = 1 WHERE account = $1 AND is_over = 0", &[account.into()]).await?;
    Ok(())
}

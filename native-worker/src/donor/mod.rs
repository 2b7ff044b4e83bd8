//! Lending a machine to a campaign: searches are claimed from its coordinator, run here, and handed in.
//!
//! [`link`] reads an invitation and [`account`] keeps what it is exchanged for; [`client`] speaks with the coordinator.
//! [`decide`] says what a donor does next, [`engine`] does it, [`answers`] takes in what comes back, and [`telling`] says
//! what it does and why. [`work`] runs one search, [`models`] gets the models that it needs, [`spool`] keeps what it found
//! until there is a receipt, [`schedule`] and [`control`] say when searches may run, and [`retry`] when the coordinator is
//! asked again. [`verify`] is for machines of the campaign's own, which look at what others found.

mod account;
mod answers;
mod client;
mod control;
mod decide;
mod engine;
mod link;
mod models;
mod retry;
mod schedule;
mod spool;
mod telling;
mod verify;
mod work;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stepwise_core::wire::campaign::{Joining, VERSION};

pub use self::account::{Account, AccountError, Accounts, Home};
pub use self::client::ClientError;
pub use self::control::{Done, State, Status, Under, Wish, in_ms, time_in_words};
pub use self::engine::{LeanOffer, Teller, donate};
pub use self::link::{Base, Invitation, LinkError};
pub use self::models::ModelOffer;
pub use self::schedule::Schedule;
pub use self::verify::{Verifiers, verify};

/// What a donor lends.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Searches at once.
    pub cores: usize,
    /// What Lean may use, in MB.
    pub memory_mb: u64,
    /// What finished work may take on disk, in bytes.
    pub spool_bytes: u64,
    /// What models may have.
    pub models: ModelOffer,
    /// When searches may run; always, where there is none.
    pub schedule: Option<Schedule>,
    /// What its owner calls the machine.
    pub label: String,
    /// Whether it ends after one bundle.
    pub once: bool,
}

/// How a donor ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// What was under way is finished.
    Finished,
    /// It was stopped, and gave back what was under way.
    HandedBack,
}

/// Why a donor cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DonorError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The spool's folder cannot be used.
    #[error("cannot use {} ({source}); check its permissions, or name another folder with --folder", folder.display())]
    Spool { folder: std::path::PathBuf, source: std::io::Error },
    /// Lean does not run on this machine.
    #[error("Lean does not run here: {0}")]
    NoLean(String),
    /// There was to be one bundle, and there is none.
    #[error("the campaign {campaign} has nothing to search now: {reason}")]
    NothingToDo { campaign: String, reason: String },
}

/// Exchanges an invitation for an account.
///
/// # Errors
/// The coordinator cannot be reached, or does not take the invitation.
pub async fn join(invitation: Invitation, name: Option<String>) -> Result<Account, ClientError> {
    let Invitation { base, secret } = invitation;
    let joining = Joining { protocol: VERSION, invitation: secret, name };
    let joined = client::Client::new(base.clone()).join(&joining).await?;
    Ok(Account::new(joined.campaign, base, joined.account, joined.token))
}

/// Now, in milliseconds since 1970.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

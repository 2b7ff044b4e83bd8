//! `stepwise serve --campaign`: a campaign under the address of a server that proves, for the machine that both run on.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use stepwise_ledger::operations::{Authenticate, ReadManifest};
use stepwise_ledger::{Ledger, hash_of};

use super::args::CoordinatorArgs;
use super::campaign::operator;
use super::coordinator::{check_lean, modules_of, options, verifying};
use super::lean;
use super::progress::Progress;
use crate::campaign::InUse;
use crate::campaign::coordinator::Coordinator;
use crate::campaign::folder::CampaignFolder;
use crate::lean::pool::Pool;
use crate::lean::wasm::Sandbox;
use crate::learn::ROUNDS;
use crate::serve::Access;
use crate::small_file;

/// What its coordinator runs with.
const ARGS: CoordinatorArgs = CoordinatorArgs { public_url: None, verifiers: 1, verify_timeout: 60, no_sandbox: false };

/// The file of a campaign's folder that has the token of whoever serves it here.
const OPERATOR: &str = "operator.json";

/// The campaign that is served.
pub(super) struct Campaign {
    pub(super) coordinator: Coordinator,
    verifiers: Vec<Pool>,
    _in_use: InUse,
    /// An operator's token, for whoever started the server; none where nobody works for the campaign here.
    pub(super) token: Option<String>,
}

/// What the file of an operator's token has.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
}

impl Campaign {
    /// Opens the campaign of a folder. One that another program works on, as `stepwise learn` does, can be looked at.
    pub(super) async fn open(folder: &Path, access: Arc<Access>, progress: &Progress) -> anyhow::Result<Self> {
        let home = CampaignFolder::open(folder)?;
        let in_use = home.in_use()?;
        let ledger = home.ledger().await?;
        let made = ledger.read(ReadManifest).await?;
        if made.settings[ROUNDS] == true {
            let coordinator = Coordinator::watch(ledger, access, home.blobs()).await?;
            return Ok(Self { coordinator, verifiers: Vec::new(), _in_use: in_use, token: None });
        }
        let launch = lean::built_in(modules_of(&made), Sandbox::Needed).await?;
        let verifiers = vec![verifying(&launch, &ARGS)];
        check_lean(&verifiers, &made.lean).await?;
        let token = token(folder, &ledger).await?;
        let options = options(&ARGS, verifiers.clone(), &home, progress);
        let coordinator = Coordinator::begin(ledger, access, options).await?;
        Ok(Self { coordinator, verifiers, _in_use: in_use, token: Some(token) })
    }

    /// Ends what runs for it.
    pub(super) async fn close(self) {
        drop(self.coordinator);
        for pool in self.verifiers {
            pool.shutdown().await;
        }
    }
}

/// The token of whoever serves the campaign, which is made once.
async fn token(folder: &Path, ledger: &Ledger) -> anyhow::Result<String> {
    let path = folder.join(OPERATOR);
    let kept: Option<Kept> = small_file::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if let Some(Kept { token }) = kept
        && ledger.read(Authenticate { token_sha: hash_of(&token) }).await?.is_some()
    {
        return Ok(token);
    }
    let token = operator(ledger, "operator").await?;
    small_file::write(&path, &Kept { token: token.clone() })
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(token)
}

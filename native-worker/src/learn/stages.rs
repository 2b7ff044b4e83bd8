//! Stages of a run in its ledger: opened once, and frozen when all of them has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwise_core::record::Run;
use stepwise_core::wire::campaign::Recipe;
use stepwise_ledger::operations::{Close, NewSearch, Purpose, ReadStages, RoundStage, Seed, Seeded};

use super::remains::{self, RemainsError};
use super::worker::{Setup, Worker};
use super::{Learn, LearnError, Reporter};

/// A stage that is to be.
pub(super) struct Stage {
    pub(super) round: u32,
    pub(super) name: String,
    pub(super) purpose: Purpose,
    pub(super) seed: u64,
    pub(super) searches: Vec<NewSearch>,
}

impl Learn {
    /// The stages of a round that are in the ledger, by name.
    pub(super) async fn stages(&self, round: u32) -> Result<BTreeMap<String, RoundStage>, LearnError> {
        let stages = self.ledger.read(ReadStages).await?.into_iter();
        let of_round = stages.filter(|stage| stage.round == u64::from(round));
        Ok(of_round.map(|stage| (stage.name.clone(), stage)).collect())
    }

    /// What the searches of a stage left behind.
    pub(super) async fn remains<T: DeserializeOwned>(&self, stage: u64) -> Result<Vec<T>, LearnError> {
        Ok(remains::of_stage(&self.ledger, stage).await?)
    }

    /// Has a stage in the ledger.
    pub(super) async fn seed(&self, stage: Stage, setup: &Setup) -> Result<Seeded, LearnError> {
        let Run { config, policy, critic, lean, .. } = setup.run.clone();
        let Stage { round, name, purpose, seed, searches } = stage;
        let (proposer, scorer) = setup.said.clone();
        // Where nobody else searches, nobody asks.
        let recipe = Recipe { config, policy, critic, lean, proposer: proposer.unwrap_or_default(), scorer };
        Ok(self.ledger.run(Seed { round: round.into(), name, purpose, recipe, seed, searches }).await?)
    }

    /// Freezes a stage; false where something is left to do.
    pub(super) async fn close(&self, worker: &Worker, stage: u64) -> Result<bool, LearnError> {
        Ok(self.ledger.run(Close { stage, account: worker.account() }).await?)
    }
}

/// What a search leaves behind, as the ledger keeps it.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, LearnError> {
    Ok(serde_json::to_string(value).map_err(RemainsError::from)?)
}

/// The same read again.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, LearnError> {
    Ok(serde_json::from_str(text).map_err(RemainsError::from)?)
}

/// Searches that ended, and proofs among them.
#[derive(Clone, Default)]
pub(super) struct Count {
    ended: Arc<AtomicU64>,
    proved: Arc<AtomicU64>,
}

impl Count {
    pub(super) fn add(&self, ended: u64, proved: u64) {
        self.ended.fetch_add(ended, Ordering::Relaxed);
        self.proved.fetch_add(proved, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> (u64, u64) {
        (self.ended.load(Ordering::Relaxed), self.proved.load(Ordering::Relaxed))
    }
}

/// A count, and what shows it.
pub(super) fn counter(reporter: &Arc<dyn Reporter>, what: String) -> (Count, Arc<dyn Fn() + Send + Sync>) {
    let count = Count::default();
    let (shown, reporter) = (count.clone(), Arc::clone(reporter));
    let show = move || {
        reporter.update(&|| {
            let (ended, proved) = shown.read();
            format!("{what}: {ended} searches ended, {proved} proofs")
        });
    };
    (count, Arc::new(show))
}

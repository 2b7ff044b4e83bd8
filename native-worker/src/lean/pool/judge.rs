//! The recheck process: it runs no search, and judges whole files one at a time.

use std::sync::Arc;

use stepwise_core::lexer;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::search::LeanCost;
use tokio::sync::Mutex;

use super::worker::start;
use super::{PoolConfig, PoolError, cannot_start};
use crate::lean::host::{Costed, FileVerdict, HostDown, Launch, LeanHost, StepLimits};

/// How often the process may be killed from outside during one recheck.
const MAX_KILLS: u32 = 50;

/// Judges proofs; clones share the process.
#[derive(Clone)]
pub(super) struct Judge {
    launch: Arc<dyn Launch>,
    limits: StepLimits,
    memory: u64,
    host: Arc<Mutex<Option<Box<dyn LeanHost>>>>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Judge {
    pub(super) fn new(launch: Arc<dyn Launch>, config: &PoolConfig) -> Self {
        let limits = StepLimits { wall: config.recheck_limit };
        Self { launch, limits, memory: config.host_memory, host: Arc::default() }
    }

    pub(super) async fn recheck(&self, theorem: &Theorem, proof: &[String]) -> Result<Costed<Verdict>, PoolError> {
        let refused: Vec<String> =
            proof.iter().flat_map(|tactic| lexer::forbidden(tactic)).map(|f| f.to_string()).collect();
        if !refused.is_empty() {
            return Ok(Costed { value: refuse(refused), cost: LeanCost::default() });
        }
        let (judge, theorem, proof) = (self.clone(), theorem.clone(), proof.to_vec());
        // A task of its own: a caller that goes away must not leave a half-read answer in the process's pipe.
        let task = tokio::spawn(async move {
            for _ in 0..MAX_KILLS {
                let mut slot = judge.host.lock().await;
                match running(&mut slot, judge.launch.as_ref()).await?.recheck(&theorem, &proof, judge.limits).await {
                    Ok(verdict) => {
                        judge.tidy(&mut slot).await;
                        return Ok(verdict);
                    }
                    Err(HostDown::Killed) => *slot = None,
                    Err(down) => {
                        *slot = None;
                        let verdict = refuse(vec![format!("the whole file is too much for Lean: {down}")]);
                        return Ok(Costed { value: verdict, cost: LeanCost::default() });
                    }
                }
            }
            Err(cannot_start(&HostDown::Killed))
        });
        task.await.map_err(|_| PoolError::Closed)?
    }

    pub(super) async fn check_file(&self, imports: &[String], text: &str) -> Result<Costed<FileVerdict>, PoolError> {
        let (judge, imports, text) = (self.clone(), imports.to_vec(), text.to_owned());
        let task = tokio::spawn(async move {
            for _ in 0..MAX_KILLS {
                let mut slot = judge.host.lock().await;
                match running(&mut slot, judge.launch.as_ref()).await?.check_file(&imports, &text, judge.limits).await {
                    Ok(verdict) => {
                        judge.tidy(&mut slot).await;
                        return Ok(verdict);
                    }
                    Err(HostDown::Killed) => *slot = None,
                    Err(down) => {
                        *slot = None;
                        let errors = vec![format!("the file is too much for Lean: {down}")];
                        let value = FileVerdict { errors, theorems: Vec::new() };
                        return Ok(Costed { value, cost: LeanCost::default() });
                    }
                }
            }
            Err(cannot_start(&HostDown::Killed))
        });
        task.await.map_err(|_| PoolError::Closed)?
    }

    /// The process that runs now, if it is idle enough to be asked.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.host.try_lock().ok()?.as_ref()?.info().pid
    }

    pub(super) async fn shutdown(&self) {
        if let Some(mut host) = self.host.lock().await.take() {
            host.shutdown().await;
        }
    }

    async fn tidy(&self, slot: &mut Option<Box<dyn LeanHost>>) {
        let large = slot.as_ref().is_some_and(|host| host.memory().is_some_and(|m| m > self.memory));
        if large && let Some(mut host) = slot.take() {
            host.shutdown().await;
        }
    }
}

async fn running<'a>(
    slot: &'a mut Option<Box<dyn LeanHost>>,
    launch: &dyn Launch,
) -> Result<&'a mut Box<dyn LeanHost>, PoolError> {
    if slot.is_none() {
        *slot = Some(start(launch).await?);
    }
    slot.as_mut().ok_or(PoolError::Closed)
}

/// A refusal that Lean was not asked for, or could not finish.
fn refuse(reasons: Vec<String>) -> Verdict {
    Verdict {
        accepted: false,
        reasons,
        checker: "stepwise".to_owned(),
        lean_version: String::new(),
        axioms: Vec::new(),
    }
}

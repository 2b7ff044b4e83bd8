//! The recheck process: it runs no search, and judges whole files one at a time.

use std::pin::Pin;
use std::sync::Arc;

use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::syntax;
use tokio::sync::{Mutex, oneshot, watch};

use super::schedule::Reply;
use super::worker::{answer, start};
use super::{PoolConfig, PoolError, cannot_start};
use crate::lean::host::{Costed, FileVerdict, HostDown, Judge, Launch, StepLimits};

/// How often the process may be killed from outside during one recheck.
const MAX_KILLS: u32 = 50;

/// What a host is about to answer.
type Answer<'h, T> = Pin<Box<dyn Future<Output = Result<Costed<T>, HostDown>> + Send + 'h>>;

/// Judges proofs; clones share the process.
#[derive(Clone)]
pub(super) struct Rechecks {
    launch: Arc<dyn Launch>,
    limits: StepLimits,
    memory: u64,
    /// Questions wait for it in the order in which they came.
    host: Arc<Mutex<Option<Box<dyn Judge>>>>,
    is_closed: watch::Sender<bool>,
}

impl std::fmt::Debug for Rechecks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rechecks").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Rechecks {
    pub(super) fn new(launch: Arc<dyn Launch>, config: &PoolConfig) -> Self {
        let limits = StepLimits { wall: config.recheck_limit };
        Self { launch, limits, memory: config.host_memory, host: Arc::default(), is_closed: watch::Sender::new(false) }
    }

    /// Starts the process beside other work, if that costs little and nobody has. What fails here will fail where somebody
    /// waits for it.
    pub(super) fn start_early(&self) {
        let Ok(slot) = Arc::clone(&self.host).try_lock_owned() else { return };
        if slot.is_some() || !self.launch.is_quick() || *self.is_closed.borrow() {
            return;
        }
        let (mut slot, launch) = (slot, Arc::clone(&self.launch));
        tokio::spawn(async move {
            let _ = running(&mut slot, launch.as_ref()).await;
        });
    }

    pub(super) async fn recheck(&self, theorem: &Theorem, proof: &[String]) -> Result<Costed<Verdict>, PoolError> {
        let refused = syntax::refusals(proof);
        if !refused.is_empty() {
            return Ok(Costed { value: refuse(refused), cost: LeanCost::default() });
        }
        let (theorem, proof) = (theorem.clone(), proof.to_vec());
        self.ask(
            move |host, limits| {
                let (theorem, proof) = (theorem.clone(), proof.clone());
                Box::pin(async move { host.recheck(&theorem, &proof, limits).await })
            },
            |down| refuse(vec![format!("the whole file is too much for Lean: {down}")]),
        )
        .await
    }

    pub(super) async fn check_file(&self, imports: &[String], text: &str) -> Result<Costed<FileVerdict>, PoolError> {
        let (imports, text) = (imports.to_vec(), text.to_owned());
        self.ask(
            move |host, limits| {
                let (imports, text) = (imports.clone(), text.clone());
                Box::pin(async move { host.check_file(&imports, &text, limits).await })
            },
            |down| FileVerdict {
                errors: vec![format!("the file is too much for Lean: {down}")],
                ..FileVerdict::default()
            },
        )
        .await
    }

    /// Asks the process, once more in another one as often as somebody else kills it. `too_much` is the answer when the
    /// question itself brings the process down. Dropping the future withdraws the question.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'h> Fn(&'h mut Box<dyn Judge>, StepLimits) -> Answer<'h, T> + Send + Sync + 'static,
        too_much: impl Fn(&HostDown) -> T + Send + Sync + 'static,
    ) -> Result<Costed<T>, PoolError> {
        let (reply, answered) = oneshot::channel();
        let judge = self.clone();
        // A task of its own: a caller that goes away must not leave a half-read answer in the process's pipe.
        tokio::spawn(async move {
            let mut is_closed = judge.is_closed.subscribe();
            tokio::select! {
                () = judge.answer(reply, question, too_much) => {}
                _ = is_closed.wait_for(|is_closed| *is_closed) => {}
            }
        });
        answered.await.map_err(|_| PoolError::Closed)?
    }

    async fn answer<T>(
        &self,
        reply: Reply<Costed<T>>,
        question: impl for<'h> Fn(&'h mut Box<dyn Judge>, StepLimits) -> Answer<'h, T>,
        too_much: impl Fn(&HostDown) -> T,
    ) {
        let mut slot = self.host.lock().await;
        if reply.is_closed() {
            return;
        }
        let work = async {
            for _ in 0..MAX_KILLS {
                match question(running(&mut slot, self.launch.as_ref()).await?, self.limits).await {
                    Ok(answer) => {
                        self.tidy(&mut slot).await;
                        return Ok(answer);
                    }
                    Err(HostDown::Killed) => *slot = None,
                    Err(down) => {
                        if slot.as_ref().is_some_and(|judge| !judge.is_alive()) {
                            *slot = None;
                        }
                        return Ok(Costed { value: too_much(&down), cost: LeanCost::default() });
                    }
                }
            }
            Err(cannot_start(&HostDown::Killed))
        };
        if !answer(reply, work).await
            && let Some(judge) = slot.as_mut()
            && judge.withdraw().await.is_err()
            && !judge.is_alive()
        {
            judge.shutdown().await;
            *slot = None;
        }
    }

    /// The process that runs now, if it is idle enough to be asked.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.host.try_lock().ok()?.as_ref()?.info().pid
    }

    /// Ends the process; questions that are asked or wait get [`PoolError::Closed`].
    pub(super) async fn shutdown(&self) {
        self.is_closed.send_replace(true);
        if let Some(mut host) = self.host.lock().await.take() {
            host.shutdown().await;
        }
    }

    async fn tidy(&self, slot: &mut Option<Box<dyn Judge>>) {
        let large = slot.as_ref().is_some_and(|host| host.memory().is_some_and(|m| m > self.memory));
        if large && let Some(mut host) = slot.take() {
            host.shutdown().await;
        }
    }
}

async fn running<'a>(
    slot: &'a mut Option<Box<dyn Judge>>,
    launch: &dyn Launch,
) -> Result<&'a mut Box<dyn Judge>, PoolError> {
    if slot.is_none() {
        *slot = Some(start(|| launch.judge()).await?);
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
        unopened: 0,
        notes: Vec::new(),
    }
}

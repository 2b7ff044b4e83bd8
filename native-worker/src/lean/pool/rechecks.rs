//! The recheck processes: they run no search, and each judges whole files one at a time.

use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::syntax;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::schedule::Reply;
use super::worker::{answer, start};
use super::{PoolConfig, PoolError, cannot_start};
use crate::lean::host::{Costed, FileVerdict, HostDown, Judge, Launch, StepLimits};

/// How often the process may be killed from outside during one recheck.
const MAX_KILLS: u32 = 50;

/// What a host is about to answer.
type Answer<'h, T> = Pin<Box<dyn Future<Output = Result<Costed<T>, HostDown>> + Send + 'h>>;

/// Judges proofs; clones share the processes.
#[derive(Clone)]
pub(super) struct Rechecks {
    launch: Arc<dyn Launch>,
    limits: StepLimits,
    memory: u64,
    bench: Arc<Bench>,
    is_closed: watch::Sender<bool>,
}

/// The processes that nobody asks just now. One that waits is asked before another is started, so that there are as many as
/// were ever needed at once.
struct Bench {
    n_judges: u32,
    /// One for each question at a time; questions wait for it in the order in which they came.
    turns: Arc<Semaphore>,
    waiting: Mutex<Vec<Box<dyn Judge>>>,
    /// Held while one is started, which whoever comes meanwhile may find waiting then.
    starting: tokio::sync::Mutex<()>,
}

/// A turn, and the process that answers: none before it is started, or after it went down.
struct Seat {
    judge: Option<Box<dyn Judge>>,
    bench: Arc<Bench>,
    _turn: OwnedSemaphorePermit,
}

impl Bench {
    fn seat(self: &Arc<Self>, turn: OwnedSemaphorePermit) -> Seat {
        Seat { judge: self.waiting.lock().pop(), bench: Arc::clone(self), _turn: turn }
    }
}

impl Seat {
    /// The process, started if there is none.
    async fn running(&mut self, launch: &dyn Launch) -> Result<&mut Box<dyn Judge>, PoolError> {
        if self.judge.is_none() {
            let _starting = self.bench.starting.lock().await;
            self.judge = self.bench.waiting.lock().pop();
            if self.judge.is_none() {
                self.judge = Some(start(|| launch.judge()).await?);
            }
        }
        self.judge.as_mut().ok_or(PoolError::Closed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.bench.waiting.lock().extend(self.judge.take());
    }
}

impl std::fmt::Debug for Rechecks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rechecks").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Rechecks {
    pub(super) fn new(launch: Arc<dyn Launch>, config: &PoolConfig) -> Self {
        let limits = StepLimits { wall: config.recheck_limit };
        // Tidying asks for one recheck after the other, so that one process for all searches would hold them up. Where
        // a process takes gigabytes and a minute to start, one has to do.
        let n_judges = if launch.is_quick() { u32::try_from(config.hosts.max(1)).unwrap_or(1) } else { 1 };
        let turns = Arc::new(Semaphore::new(n_judges as usize));
        let bench =
            Arc::new(Bench { n_judges, turns, waiting: Mutex::default(), starting: tokio::sync::Mutex::default() });
        Self { launch, limits, memory: config.host_memory, bench, is_closed: watch::Sender::new(false) }
    }

    /// Starts a process beside other work, if that costs little and there is none. What fails here will fail where somebody
    /// waits for it.
    pub(super) fn start_early(&self) {
        let Ok(turn) = Arc::clone(&self.bench.turns).try_acquire_owned() else { return };
        let is_running = !self.bench.waiting.lock().is_empty();
        if is_running || !self.launch.is_quick() || *self.is_closed.borrow() {
            return;
        }
        let (bench, launch) = (Arc::clone(&self.bench), Arc::clone(&self.launch));
        tokio::spawn(async move {
            let _starting = bench.starting.lock().await;
            let judge = start(|| launch.judge()).await;
            bench.waiting.lock().extend(judge.ok());
            drop(turn);
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

    /// Asks a process, once more in another one as often as somebody else kills it. `too_much` is the answer when the
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
        let Ok(turn) = Arc::clone(&self.bench.turns).acquire_owned().await else { return };
        if reply.is_closed() {
            return;
        }
        let mut seat = self.bench.seat(turn);
        let work = async {
            for _ in 0..MAX_KILLS {
                match question(seat.running(self.launch.as_ref()).await?, self.limits).await {
                    Ok(answer) => {
                        self.tidy(&mut seat.judge).await;
                        return Ok(answer);
                    }
                    Err(HostDown::Killed) => seat.judge = None,
                    Err(down) => {
                        if seat.judge.as_ref().is_some_and(|judge| !judge.is_alive()) {
                            seat.judge = None;
                        }
                        return Ok(Costed { value: too_much(&down), cost: LeanCost::default() });
                    }
                }
            }
            Err(cannot_start(&HostDown::Killed))
        };
        if !answer(reply, work).await
            && let Some(judge) = seat.judge.as_mut()
            && judge.withdraw().await.is_err()
            && !judge.is_alive()
        {
            judge.shutdown().await;
            seat.judge = None;
        }
    }

    /// The processes that run now and are idle enough to be asked.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.bench.waiting.lock().iter().filter_map(|judge| judge.info().pid).collect()
    }

    /// Ends the processes; questions that are asked or wait get [`PoolError::Closed`].
    pub(super) async fn shutdown(&self) {
        self.is_closed.send_replace(true);
        // With all turns taken nobody asks any of them.
        let _turns = self.bench.turns.acquire_many(self.bench.n_judges).await;
        let judges = std::mem::take(&mut *self.bench.waiting.lock());
        for mut judge in judges {
            judge.shutdown().await;
        }
    }

    async fn tidy(&self, slot: &mut Option<Box<dyn Judge>>) {
        let large = slot.as_ref().is_some_and(|host| host.memory().is_some_and(|m| m > self.memory));
        if large && let Some(mut host) = slot.take() {
            host.shutdown().await;
        }
    }
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

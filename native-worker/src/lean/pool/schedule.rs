//! Who works on what: the queues of all sessions, and which worker holds which live states.
//!
//! Workers take the request of the session that was served longest ago, among those whose state they hold live or that
//! nobody holds; a request whose holder is busy goes to any worker once it has waited [`PATIENCE`], at the price of a
//! replay. One mutex guards everything and is never held across an await.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::Theorem;
use tokio::sync::{Notify, oneshot};

use super::{PoolError, PoolStats, StateId};
use crate::lean::host::{Costed, HostInfo, HostState};

/// How long a request waits for the worker that has its state live.
const PATIENCE: Duration = Duration::from_millis(30);

/// A session's number; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionId(u64);

/// The reply channel of a request.
pub(super) type Reply<T> = oneshot::Sender<Result<T, PoolError>>;

/// What opening a session's statement gave.
#[derive(Debug)]
pub(super) enum RootOutcome {
    Open { goals: Vec<Goal>, notes: Vec<String>, declarations: Declarations },
    Rejected(String),
    Failed(String),
}

/// A request.
#[derive(Debug)]
pub(super) enum Job {
    Open {
        reply: Reply<Costed<RootOutcome>>,
    },
    Apply {
        state: StateId,
        tactics: Vec<String>,
        /// Less than the pool's own limit for a tactic, where the caller has less time.
        limit: Option<Duration>,
        reply: Reply<Costed<Vec<StepOutcome<StateId>>>>,
    },
    Info {
        reply: Reply<HostInfo>,
    },
}

impl Job {
    /// Nobody waits for the answer any more.
    fn withdrawn(&self) -> bool {
        match self {
            Self::Open { reply } => reply.is_closed(),
            Self::Apply { reply, .. } => reply.is_closed(),
            Self::Info { reply } => reply.is_closed(),
        }
    }

    fn state(&self) -> StateId {
        match self {
            Self::Apply { state, .. } => *state,
            Self::Open { .. } | Self::Info { .. } => StateId::ROOT,
        }
    }
}

/// How a state was reached.
#[derive(Clone, Debug)]
struct Step {
    parent: StateId,
    tactic: String,
}

#[derive(Debug)]
struct SessionState {
    theorem: Theorem,
    /// Step `i` leads to state `i + 1`.
    steps: Vec<Step>,
    /// Bytes of the tactics, and of the goals that they opened.
    n_bytes: usize,
    queue: VecDeque<(Instant, Job)>,
    served: u64,
    /// Live states by worker.
    live: Vec<HashMap<StateId, Live>>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    host: HostState,
    used: u64,
}

#[derive(Debug, Default)]
struct Inner {
    // Ordered, so that ties are broken the same way in every run.
    sessions: BTreeMap<SessionId, SessionState>,
    anywhere: VecDeque<Job>,
    /// Host states that nobody needs any more, by worker.
    garbage: Vec<Vec<HostState>>,
    n_live: Vec<usize>,
    pids: Vec<Option<u32>>,
    /// Workers that wait for work.
    waits: Vec<bool>,
    next_session: u64,
    clock: u64,
    closed: bool,
    n_workers: usize,
    stats: PoolStats,
}

impl Inner {
    /// Has the workers free what a session holds live.
    fn release(&mut self, id: SessionId) {
        for worker in 0..self.garbage.len() {
            self.release_from(worker, id);
        }
    }

    /// Has one worker free what a session holds live in it.
    fn release_from(&mut self, worker: usize, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let live = &mut session.live[worker];
        self.n_live[worker] -= live.len();
        self.garbage[worker].extend(live.drain().map(|(_, live)| live.host));
    }

    /// What worker `index` is to do next.
    fn pick(&mut self, index: usize) -> Pick {
        if self.closed {
            return Pick::Task(Task::Closed);
        }
        while let Some(job) = self.anywhere.pop_front() {
            if !job.withdrawn() {
                return Pick::Task(Task::Work(None, job));
            }
        }
        let mut best: Option<(u64, SessionId)> = None;
        let mut wait = None;
        let patience = if self.has_idle_process_besides(index) { PATIENCE } else { Duration::ZERO };
        for (&id, session) in &mut self.sessions {
            session.queue.retain(|(_, job)| !job.withdrawn());
            let Some((since, job)) = session.queue.front() else { continue };
            let state = job.state();
            let mine = session.live[index].contains_key(&state);
            let held_elsewhere = !mine && session.live.iter().any(|live| live.contains_key(&state));
            let waited = since.elapsed();
            let patience = if held_elsewhere { PATIENCE } else { patience };
            if waited < patience {
                let left = patience - waited;
                wait = Some(wait.map_or(left, |w: Duration| w.min(left)));
                continue;
            }
            if best.is_none_or(|(served, _)| session.served < served) {
                best = Some((session.served, id));
            }
        }
        let Some((_, id)) = best else {
            if !self.garbage[index].is_empty() {
                return Pick::Task(Task::Tidy);
            }
            return wait.map_or(Pick::Nothing, Pick::NotYet);
        };
        self.clock += 1;
        let clock = self.clock;
        let Some(session) = self.sessions.get_mut(&id) else { return Pick::Nothing };
        session.served = clock;
        match session.queue.pop_front() {
            Some((_, job)) => Pick::Task(Task::Work(Some(id), job)),
            None => Pick::Nothing,
        }
    }

    /// Whether worker `index` would have to start a process while another one has an idle one.
    fn has_idle_process_besides(&self, index: usize) -> bool {
        self.pids[index].is_none() && self.pids.iter().zip(&self.waits).any(|(pid, waits)| pid.is_some() && *waits)
    }
}

/// What a worker is to do.
#[derive(Debug)]
pub(super) enum Task {
    Work(Option<SessionId>, Job),
    /// Nothing waits, and there are states to free: better now than in the way of the next request.
    Tidy,
    Closed,
}

/// The path to a state that is to be rebuilt: the nearest live ancestor, and the tactics from there.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) from: Start,
    /// What to run, and which state each gives.
    pub(super) steps: Vec<(String, StateId)>,
}

/// Where a route starts.
#[derive(Debug)]
pub(super) enum Start {
    Live(HostState),
    /// The theorem has to be opened.
    Closed(Theorem),
}

/// The shared bookkeeping.
#[derive(Debug)]
pub(super) struct Schedule {
    inner: Mutex<Inner>,
    work: Notify,
    gone: Notify,
}

impl Schedule {
    pub(super) fn new(n_workers: usize) -> Self {
        let inner = Inner {
            garbage: vec![Vec::new(); n_workers],
            n_live: vec![0; n_workers],
            pids: vec![None; n_workers],
            waits: vec![false; n_workers],
            n_workers,
            ..Inner::default()
        };
        Self { inner: Mutex::new(inner), work: Notify::new(), gone: Notify::new() }
    }

    pub(super) fn n_workers(&self) -> usize {
        self.inner.lock().garbage.len()
    }

    pub(super) fn add_session(&self, theorem: Theorem) -> SessionId {
        let mut inner = self.inner.lock();
        let id = SessionId(inner.next_session);
        inner.next_session += 1;
        let live = vec![HashMap::new(); inner.garbage.len()];
        // As if it had just been served: whoever opens one statement after another is not to go before all others.
        let served = inner.clock;
        let session = SessionState { theorem, steps: Vec::new(), n_bytes: 0, queue: VecDeque::new(), served, live };
        inner.sessions.insert(id, session);
        id
    }

    pub(super) fn remove_session(&self, id: SessionId) {
        let mut inner = self.inner.lock();
        inner.release(id);
        inner.sessions.remove(&id);
        drop(inner);
        self.work.notify_waiters();
    }

    pub(super) fn submit(&self, id: SessionId, job: Job) {
        let mut inner = self.inner.lock();
        if inner.closed {
            return; // dropping the job closes its reply
        }
        if let Some(session) = inner.sessions.get_mut(&id) {
            session.queue.push_back((Instant::now(), job));
        }
        drop(inner);
        self.work.notify_waiters();
    }

    pub(super) fn submit_any(&self, job: Job) {
        let mut inner = self.inner.lock();
        if inner.closed {
            return;
        }
        inner.anywhere.push_back(job);
        drop(inner);
        self.work.notify_waiters();
    }

    pub(super) fn forget(&self, id: SessionId, states: &[StateId]) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let Some(session) = inner.sessions.get_mut(&id) else { return };
        for (worker, live) in session.live.iter_mut().enumerate() {
            for state in states {
                if let Some(l) = live.remove(state) {
                    inner.garbage[worker].push(l.host);
                    inner.n_live[worker] -= 1;
                }
            }
        }
        drop(guard);
        self.work.notify_waiters();
    }

    /// Frees all live states of a session, which stays.
    pub(super) fn park(&self, id: SessionId) {
        self.inner.lock().release(id);
        self.work.notify_waiters();
    }

    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.anywhere.clear();
        for session in inner.sessions.values_mut() {
            session.queue.clear();
        }
        drop(inner);
        self.work.notify_waiters();
    }

    pub(super) fn stats(&self) -> PoolStats {
        self.inner.lock().stats
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut PoolStats)) {
        change(&mut self.inner.lock().stats);
    }

    /// Waits for the next task of worker `index`.
    pub(super) async fn next(&self, index: usize) -> Task {
        loop {
            let notified = self.work.notified();
            tokio::pin!(notified);
            notified.as_mut().enable(); // from here on no submission is missed
            let patience = match self.pick(index) {
                Pick::Task(task) => return task,
                Pick::Nothing => None,
                Pick::NotYet(patience) => Some(patience),
            };
            match patience {
                None => notified.await,
                Some(patience) => {
                    let _ = tokio::time::timeout(patience, notified).await;
                }
            }
        }
    }

    fn pick(&self, index: usize) -> Pick {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let picked = inner.pick(index);
        inner.waits[index] = !matches!(picked, Pick::Task(_));
        picked
    }

    /// How worker `index` gets to `state`; `None` when the session is gone.
    pub(super) fn route(&self, index: usize, id: SessionId, state: StateId) -> Option<Route> {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let session = inner.sessions.get_mut(&id)?;
        let mut steps = Vec::new();
        let mut at = state;
        let from = loop {
            if let Some(live) = session.live[index].get_mut(&at) {
                live.used = clock;
                break Start::Live(live.host);
            }
            if at == StateId::ROOT {
                break Start::Closed(session.theorem.clone());
            }
            let step = &session.steps[at.0 as usize - 1];
            steps.push((step.tactic.clone(), at));
            at = step.parent;
        };
        steps.reverse();
        Some(Route { from, steps })
    }

    /// The theorem of a session, if the session still exists.
    pub(super) fn theorem(&self, id: SessionId) -> Option<Theorem> {
        self.inner.lock().sessions.get(&id).map(|session| session.theorem.clone())
    }

    /// Records that `state` is live in worker `index`.
    pub(super) fn made_live(&self, index: usize, id: SessionId, state: StateId, host: HostState) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        inner.clock += 1;
        match inner.sessions.get_mut(&id) {
            Some(session) => {
                if let Some(old) = session.live[index].insert(state, Live { host, used: inner.clock }) {
                    inner.garbage[index].push(old.host);
                } else {
                    inner.n_live[index] += 1;
                }
            }
            None => inner.garbage[index].push(host), // the session ended while the worker was at it
        }
    }

    /// How many states a session has, and the bytes of their tactics and goals.
    pub(super) fn size(&self, id: SessionId) -> (usize, usize) {
        self.inner.lock().sessions.get(&id).map_or((0, 0), |session| (1 + session.steps.len(), session.n_bytes))
    }

    /// Gives the state that `tactic` leads to from `parent` a number.
    pub(super) fn new_state(&self, id: SessionId, parent: StateId, tactic: &str, goals: &[Goal]) -> StateId {
        let mut inner = self.inner.lock();
        let Some(session) = inner.sessions.get_mut(&id) else { return StateId::ROOT };
        session.n_bytes += tactic.len() + goals.iter().map(|goal| goal.text.len()).sum::<usize>();
        session.steps.push(Step { parent, tactic: tactic.to_owned() });
        StateId(u32::try_from(session.steps.len()).unwrap_or(u32::MAX))
    }

    /// Worker `index` has started a process.
    pub(super) fn started(&self, index: usize, pid: Option<u32>) {
        let mut inner = self.inner.lock();
        inner.stats.started += 1;
        inner.pids[index] = pid;
    }

    /// The processes that run now.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.inner.lock().pids.iter().copied().flatten().collect()
    }

    /// The process of worker `index` is gone, and every live state in it.
    pub(super) fn lost(&self, index: usize) {
        let mut inner = self.inner.lock();
        inner.pids[index] = None;
        inner.garbage[index].clear();
        inner.n_live[index] = 0;
        for session in inner.sessions.values_mut() {
            session.live[index].clear();
        }
    }

    /// Lean went down under a request of this session, in a process that lives on: what the session has live there is gone,
    /// or may as well go.
    pub(super) fn lost_session(&self, index: usize, id: SessionId) {
        self.inner.lock().release_from(index, id);
    }

    /// Lets go what the session has live in worker `index` that has not been used there for longest, unless it is the only
    /// one.
    pub(super) fn shed(&self, index: usize) -> bool {
        let mut inner = self.inner.lock();
        let used = |session: &SessionState| session.live[index].values().map(|live| live.used).max();
        let mut lives: Vec<_> = inner.sessions.iter().filter_map(|(id, session)| Some((used(session)?, *id))).collect();
        if lives.len() < 2 {
            return false;
        }
        lives.sort_unstable();
        inner.release_from(index, lives[0].1);
        true
    }

    /// Host states that worker `index` is to free: what nobody needs, and the least recently used above `keep`.
    pub(super) fn collect(&self, index: usize, keep: usize) -> Vec<HostState> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        if inner.n_live[index] > keep {
            // A quarter more than necessary goes, so that this sort is rare.
            let target = keep - keep / 4;
            let mut all: Vec<(u64, SessionId, StateId)> = inner
                .sessions
                .iter()
                .flat_map(|(&id, s)| s.live[index].iter().map(move |(&state, live)| (live.used, id, state)))
                .collect();
            all.sort_unstable();
            for (_, id, state) in all.into_iter().take(inner.n_live[index] - target) {
                if let Some(live) = inner.sessions.get_mut(&id).and_then(|s| s.live[index].remove(&state)) {
                    inner.garbage[index].push(live.host);
                    inner.n_live[index] -= 1;
                }
            }
        }
        std::mem::take(&mut inner.garbage[index])
    }

    pub(super) fn worker_gone(&self) {
        self.inner.lock().n_workers -= 1;
        self.gone.notify_waiters();
    }

    pub(super) async fn all_workers_gone(&self) {
        loop {
            let notified = self.gone.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.inner.lock().n_workers == 0 {
                return;
            }
            notified.await;
        }
    }
}

enum Pick {
    Task(Task),
    /// Requests wait for another worker; look again after this long.
    NotYet(Duration),
    Nothing,
}

//! One worker of the pool: the actor that owns one Lean process, and brings it back with its states when it dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::syntax;

use super::schedule::{Job, Reply, RootOutcome, Route, Schedule, SessionId, Start, Task};
use super::{PoolConfig, PoolError, StateId, cannot_start};
use crate::lean::host::{Costed, HostDown, HostState, Launch, LeanHost, Opened, StepLimits};

/// How often a process may be killed from outside during one request before the request is given up.
const MAX_KILLS: u32 = 50;
/// How often rebuilding a state may bring its process down before the state is given up.
const MAX_REBUILDS: u32 = 2;
/// How old the last look at a process's size may be.
const MEMORY_PERIOD: Duration = Duration::from_millis(100);
/// How long a request goes on that nobody waits for any more. Most end within it by themselves.
const ABANDONED: Duration = Duration::from_millis(50);
/// Attempts to start a process.
const MAX_STARTS: u32 = 3;
/// A replay may take this many times the limit that its tactics met the first time, because the machine may be busier.
const REPLAY_PATIENCE: u32 = 3;

/// Where a route has led.
enum Reached {
    Live(HostState),
    /// Nowhere: the state cannot be had again.
    Lost(String),
    /// To the end of what it led through.
    Down(HostDown),
}

/// Serves requests until the schedule closes.
pub(super) async fn run(index: usize, launch: Arc<dyn Launch>, config: PoolConfig, schedule: Arc<Schedule>) {
    let schedule_of_worker = Arc::clone(&schedule);
    let mut worker = Worker {
        index,
        launch,
        config,
        schedule: schedule_of_worker,
        host: None,
        served: 0,
        memory: Memory::default(),
    };
    loop {
        worker.tidy().await;
        match schedule.next(index).await {
            Task::Closed => break,
            Task::Tidy => {}
            Task::Work(id, job) => worker.serve(id, job).await,
        }
    }
    worker.drop_host().await;
    schedule.worker_gone();
}

struct Worker {
    index: usize,
    launch: Arc<dyn Launch>,
    config: PoolConfig,
    schedule: Arc<Schedule>,
    host: Option<Box<dyn LeanHost>>,
    /// Requests that this process has served.
    served: u64,
    memory: Memory,
}

/// The process's resident size, looked at now and then: reading it costs as much as a tenth of a small step.
#[derive(Default)]
struct Memory {
    bytes: u64,
    read: Option<Instant>,
}

impl Worker {
    /// Between two requests: frees what nobody needs, what has not been used for long in a process that is too large, and
    /// replaces a process that is too old, or that this does not help.
    async fn tidy(&mut self) {
        let Some(host) = self.host.as_mut() else {
            self.schedule.collect(self.index, self.config.live_states);
            return;
        };
        if self.memory.read.is_none_or(|read| read.elapsed() > MEMORY_PERIOD) {
            self.memory = Memory { bytes: host.memory().unwrap_or(0), read: Some(Instant::now()) };
        }
        let is_full = self.memory.bytes > self.config.host_memory;
        let is_shed = is_full && self.schedule.shed(self.index);
        let garbage = self.schedule.collect(self.index, self.config.live_states);
        if self.served >= self.config.recycle_after || is_full && !is_shed {
            self.schedule.count(|s| s.recycled += 1);
            self.drop_host().await;
        } else if !garbage.is_empty() && host.free(&garbage).await.is_err() {
            self.lose_host().await;
        }
    }

    async fn serve(&mut self, id: Option<SessionId>, job: Job) {
        self.served += 1;
        match (job, id) {
            (Job::Info { reply }, _) => {
                let info = self.host().await.map(|host| host.info());
                let _ = reply.send(info);
            }
            (Job::Open { reply }, Some(id)) => {
                if !answer(reply, self.open(id)).await {
                    self.withdraw(id).await;
                }
            }
            (Job::Apply { state, tactics, limit, reply }, Some(id)) => {
                if !answer(reply, self.apply(id, state, &tactics, limit)).await {
                    self.withdraw(id).await;
                }
            }
            (Job::Open { .. } | Job::Apply { .. }, None) => {}
        }
    }

    /// The process, started if there is none.
    async fn host(&mut self) -> Result<&mut Box<dyn LeanHost>, PoolError> {
        if self.host.is_none() {
            let host = start(|| self.launch.host()).await?;
            self.schedule.started(self.index, host.info().pid);
            self.served = 0;
            self.memory = Memory::default();
            self.host = Some(host);
        }
        self.host.as_mut().ok_or(PoolError::Closed)
    }

    async fn drop_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            host.shutdown().await;
        }
        self.schedule.lost(self.index);
    }

    /// A request of this session was dropped in the middle.
    async fn withdraw(&mut self, id: SessionId) {
        if let Some(host) = self.host.as_mut()
            && host.withdraw().await.is_err()
        {
            self.lose(id).await;
        }
    }

    /// Lean went down under a request of this session: with its states only, or with the whole process.
    async fn lose(&mut self, id: SessionId) {
        if self.host.as_ref().is_some_and(|host| host.is_alive()) {
            self.schedule.count(|s| s.lost += 1);
            self.schedule.lost_session(self.index, id);
        } else {
            self.lose_host().await;
        }
    }

    /// The process went down.
    async fn lose_host(&mut self) {
        self.schedule.count(|s| s.lost += 1);
        self.drop_host().await;
    }

    fn limits(&self, asked: Option<Duration>) -> StepLimits {
        let own = self.config.step_limit;
        StepLimits { wall: asked.map_or(own, |asked| asked.min(own)) }
    }

    async fn open(&mut self, id: SessionId) -> Result<Costed<RootOutcome>, PoolError> {
        let Some(theorem) = self.schedule.theorem(id) else { return Err(PoolError::Closed) };
        let limits = StepLimits { wall: self.config.open_limit };
        for _ in 0..MAX_KILLS {
            let opened = self.host().await?.open(&theorem, limits).await;
            match opened {
                Ok(Costed { value, cost }) => {
                    let value = match value {
                        Opened::Root { state, goals, notes, declarations } => {
                            self.schedule.made_live(self.index, id, StateId::ROOT, state);
                            RootOutcome::Open { goals, notes, declarations }
                        }
                        Opened::Rejected { message } => RootOutcome::Rejected(message),
                        Opened::Timeout => RootOutcome::Failed("the statement takes too long to elaborate".to_owned()),
                    };
                    return Ok(Costed { value, cost });
                }
                Err(down) => {
                    self.lose(id).await;
                    if down != HostDown::Killed {
                        let value = RootOutcome::Failed(down.to_string());
                        return Ok(Costed { value, cost: LeanCost::default() });
                    }
                }
            }
        }
        let value = RootOutcome::Failed(HostDown::Killed.to_string());
        Ok(Costed { value, cost: LeanCost::default() })
    }

    async fn apply(
        &mut self,
        id: SessionId,
        state: StateId,
        tactics: &[String],
        limit: Option<Duration>,
    ) -> Result<Costed<Vec<StepOutcome<StateId>>>, PoolError> {
        let mut outcomes: Vec<StepOutcome<StateId>> = Vec::with_capacity(tactics.len());
        let mut cost = LeanCost::default();
        let (mut kills, mut crowded_out) = (0, false);
        while outcomes.len() < tactics.len() {
            let next = &tactics[outcomes.len()];
            if let Some(reason) = refusal(next) {
                outcomes.push(StepOutcome::Failed { message: reason });
                continue;
            }
            let at = match self.make_live(id, state, &mut cost).await? {
                Ok(at) => at,
                Err(detail) => {
                    outcomes.resize(tactics.len(), StepOutcome::Crashed { detail });
                    break;
                }
            };
            // A run of permitted tactics goes to Lean in one call.
            let run = tactics[outcomes.len()..].iter().take_while(|t| refusal(t).is_none()).count();
            let run = &tactics[outcomes.len()..outcomes.len() + run];
            let limits = self.limits(limit);
            let crowded = self.memory.bytes > self.config.host_memory / 2;
            let applied = self.host().await?.apply(at, run, limits).await;
            cost += applied.cost;
            for (tactic, outcome) in run.iter().zip(applied.outcomes) {
                outcomes.push(self.adopt(id, state, tactic, outcome, applied.down.is_none()));
            }
            let Some(down) = applied.down else { continue };
            self.lose(id).await;
            match down {
                // Nobody's fault: the same tactic again.
                HostDown::Killed if kills < MAX_KILLS => kills += 1,
                HostDown::Killed => {
                    outcomes.push(StepOutcome::Crashed { detail: HostDown::Killed.to_string() });
                }
                HostDown::Timeout => outcomes.push(StepOutcome::Timeout),
                // The states of other searches may have filled the process: once more in an empty one.
                HostDown::OutOfMemory if crowded && !crowded_out => crowded_out = true,
                HostDown::OutOfMemory => outcomes.push(StepOutcome::OutOfMemory),
                HostDown::Crashed { detail } => outcomes.push(StepOutcome::Crashed { detail }),
                HostDown::CannotStart { message } => return Err(PoolError::CannotStart(message)),
            }
        }
        Ok(Costed { value: outcomes, cost })
    }

    /// Names the state that an outcome opens; it is live only if its process is.
    fn adopt(
        &self,
        id: SessionId,
        parent: StateId,
        tactic: &str,
        outcome: StepOutcome<HostState>,
        alive: bool,
    ) -> StepOutcome<StateId> {
        outcome.map(|host, goals| {
            let state = self.schedule.new_state(id, parent, tactic, goals);
            if alive {
                self.schedule.made_live(self.index, id, state, host);
            }
            state
        })
    }

    /// The host state of `state`, rebuilt if need be; or why it cannot be.
    async fn make_live(
        &mut self,
        id: SessionId,
        state: StateId,
        cost: &mut LeanCost,
    ) -> Result<Result<HostState, String>, PoolError> {
        let (mut kills, mut rebuilds) = (0, 0);
        loop {
            let Some(route) = self.schedule.route(self.index, id, state) else { return Err(PoolError::Closed) };
            let down = match self.travel(id, route, cost).await? {
                Reached::Live(state) => return Ok(Ok(state)),
                Reached::Lost(reason) => return Ok(Err(reason)),
                Reached::Down(down) => down,
            };
            self.lose(id).await;
            match down {
                HostDown::CannotStart { message } => return Err(PoolError::CannotStart(message)),
                HostDown::Killed if kills < MAX_KILLS => kills += 1,
                down if rebuilds + 1 >= MAX_REBUILDS => {
                    return Ok(Err(format!("the state could not be rebuilt: {down}")));
                }
                _ => rebuilds += 1,
            }
        }
    }

    /// Walks a route.
    async fn travel(&mut self, id: SessionId, route: Route, cost: &mut LeanCost) -> Result<Reached, PoolError> {
        let index = self.index;
        let open_limits = StepLimits { wall: self.config.open_limit };
        let limits = StepLimits { wall: self.config.step_limit * REPLAY_PATIENCE };
        let schedule = Arc::clone(&self.schedule);
        let host = self.host().await?;
        let mut at = match route.from {
            Start::Live(live) => live,
            Start::Closed(theorem) => match host.open(&theorem, open_limits).await {
                Err(down) => return Ok(Reached::Down(down)),
                Ok(Costed { value: Opened::Root { state, .. }, cost: spent }) => {
                    *cost += spent;
                    schedule.made_live(index, id, StateId::ROOT, state);
                    state
                }
                Ok(_) => return Ok(Reached::Lost("the statement does not elaborate a second time".to_owned())),
            },
        };
        for (tactic, state) in route.steps {
            let mut applied = host.apply(at, std::slice::from_ref(&tactic), limits).await;
            *cost += applied.cost;
            schedule.count(|s| s.replayed += 1);
            if let Some(down) = applied.down {
                return Ok(Reached::Down(down));
            }
            match applied.outcomes.pop() {
                Some(StepOutcome::Open { state: host_state, .. }) => {
                    schedule.made_live(index, id, state, host_state);
                    at = host_state;
                }
                other => return Ok(Reached::Lost(format!("`{tactic}` gave {other:?} when it was run again"))),
            }
        }
        Ok(Reached::Live(at))
    }
}

/// Starts a process, trying again when it dies on the way.
pub(super) async fn start<P, F: Future<Output = Result<P, HostDown>>>(launch: impl Fn() -> F) -> Result<P, PoolError> {
    let (mut tries, mut kills) = (0, 0);
    loop {
        match launch().await {
            Ok(process) => return Ok(process),
            Err(HostDown::CannotStart { message }) => return Err(PoolError::CannotStart(message)),
            Err(HostDown::Killed) if kills < MAX_KILLS => kills += 1,
            Err(down) if tries + 1 >= MAX_STARTS => return Err(cannot_start(&down)),
            Err(_) => tries += 1,
        }
    }
}

/// Works an answer out and gives it. False if whoever asked went away and the work did not end soon after, so that it
/// has to be withdrawn.
pub(super) async fn answer<T>(mut reply: Reply<T>, work: impl Future<Output = Result<T, PoolError>>) -> bool {
    let worked_out = {
        let abandoned = async {
            reply.closed().await;
            tokio::time::sleep(ABANDONED).await;
        };
        tokio::select! {
            answer = work => Some(answer),
            () = abandoned => None,
        }
    };
    let Some(answer) = worked_out else { return false };
    // A reply that nobody waits for any more is not an error.
    let _ = reply.send(answer);
    true
}

/// Why a tactic is not run at all, in Lean's place: it would do more than prove.
fn refusal(tactic: &str) -> Option<String> {
    syntax::first_forbidden(tactic).map(|f| format!("stepwise does not run this: {f}"))
}

//! The cost of hosting Lean on this machine: time to ready, memory, and steps, each as a median with its spread.
//!
//! What is compared is measured in turn, call by call, so that a machine that gets slower gets slower for both sides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::Theorem;

use super::host::{HostState, Launch, LeanHost, LeanProcess, Opened, StepLimits};
use super::pool::{Pool, PoolConfig, Session, SessionStart, StateId};
use crate::measured::Row;

/// Runs of a step before it is measured: caches fill, and Lean's lazy initialisation happens.
const WARM_UP: u32 = 20;
/// How deep the deep rows go.
const DEPTH: usize = 10;
/// Starting a process and waiting for what does not end take long, so these rows are repeated less.
const MAX_STARTS: u32 = 5;
/// Statements that are open at once.
const MANY: u32 = 64;
/// A whole text takes longer than a step, so it is repeated less.
const MAX_FRESH: u32 = 20;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Measured runs of each row.
    pub runs: u32,
    /// Only rows whose name contains this.
    pub only: Option<String>,
    /// The pool's configuration.
    pub pool: PoolConfig,
}

/// Measures, and tells `say` which row is under way.
///
/// # Errors
/// When Lean cannot be started or answers something else than it should; the message says which.
pub async fn run(launch: Arc<dyn Launch>, plan: &Plan, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Vec<Row>> {
    let mut bench = Bench { plan, say, rows: Vec::new() };
    bench.starts(launch.as_ref()).await?;
    bench.statements(launch.as_ref()).await?;
    bench.abandoned(&launch).await?;
    bench.pool_against_host(&launch).await?;
    bench.depths(launch.as_ref()).await?;
    bench.live_against_fresh(launch.as_ref()).await?;
    Ok(bench.rows)
}

/// A structural step and the goal that it works on.
struct Structural {
    tactic: &'static str,
    goal: &'static str,
}

const STRUCTURAL: [Structural; 3] = [
    Structural { tactic: "constructor", goal: "p ∧ q" },
    Structural { tactic: "intro x", goal: "p → p ∧ q" },
    Structural { tactic: "exact h", goal: "p ∧ q" },
];

impl Structural {
    fn theorem(&self) -> Theorem {
        theorem(&format!("theorem bench (p q : Prop) (h : p ∧ q) (a b : Nat) (k : a ≤ b) : {}", self.goal))
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    say: &'a (dyn Fn(&str) + Sync),
    rows: Vec<Row>,
}

impl Bench<'_> {
    fn wants(&self, name: &str) -> bool {
        let wanted = self.plan.only.as_deref().is_none_or(|only| name.contains(only));
        if wanted {
            (self.say)(name);
        }
        wanted
    }

    fn limits(&self) -> StepLimits {
        StepLimits { wall: self.plan.pool.step_limit }
    }

    fn row(&mut self, name: &str, unit: &'static str, warm_up: u32, values: &[f64]) {
        self.rows.push(Row::new(name, unit, warm_up, values));
    }

    /// Two sides measured in turn, and the quotient of each pair.
    fn pair(&mut self, name: &str, first: (&str, &[f64]), second: (&str, &[f64])) {
        let quotients: Vec<f64> = first.1.iter().zip(second.1).map(|(a, b)| a / b).collect();
        self.row(&format!("{name}: {}", first.0), "ms", WARM_UP, first.1);
        self.row(&format!("{name}: {}", second.0), "ms", WARM_UP, second.1);
        self.row(&format!("{name}: {} / {}", first.0, second.0), "x", WARM_UP, &quotients);
    }

    async fn starts(&mut self, launch: &dyn Launch) -> anyhow::Result<()> {
        const READY: &str = "host ready";
        const MEMORY: &str = "host memory when ready";
        if !self.wants(READY) && !self.wants(MEMORY) {
            return Ok(());
        }
        let (mut ready, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.runs.min(MAX_STARTS) {
            let begun = Instant::now();
            let mut host = launch.host().await?;
            ready.push(begun.elapsed().as_secs_f64());
            memory.extend(mebibytes(host.as_ref()));
            host.shutdown().await;
        }
        self.row(READY, "s", 0, &ready);
        self.row(MEMORY, "MiB", 0, &memory);
        Ok(())
    }

    /// Opening a statement and letting it go, and what one more that is open and worked on takes.
    async fn statements(&mut self, launch: &dyn Launch) -> anyhow::Result<()> {
        const OPENED: &str = "statement opened";
        const MEMORY: &str = "memory of an open statement";
        if !self.wants(OPENED) && !self.wants(MEMORY) {
            return Ok(());
        }
        let statement = STRUCTURAL[0].theorem();
        let mut host = launch.host().await?;
        let mut opened = Vec::new();
        for run in 0..WARM_UP + self.plan.runs {
            let begun = Instant::now();
            let root = host_open(host.as_mut(), &statement, self.limits()).await?;
            if run >= WARM_UP {
                opened.push(ms(begun.elapsed()));
            }
            host.free(&[root]).await?;
        }
        let mut memory = Vec::new();
        let mut before = mebibytes(host.as_ref());
        for _ in 0..MANY {
            let root = host_open(host.as_mut(), &statement, self.limits()).await?;
            host_step(host.as_mut(), root, "simp_all", self.limits()).await?;
            let now = mebibytes(host.as_ref());
            memory.extend(now.iter().zip(&before).map(|(now, before)| now - before));
            before = now;
        }
        host.shutdown().await;
        self.row(OPENED, "ms", WARM_UP, &opened);
        self.row(MEMORY, "MiB", 0, &memory);
        Ok(())
    }

    /// How long after its caller has gone a tactic without end keeps the process from others.
    async fn abandoned(&mut self, launch: &Arc<dyn Launch>) -> anyhow::Result<()> {
        const TACTICS: [&str; 2] = ["repeat' (first | skip | done)", "sleep 1700000"];
        let pool = Pool::start(Arc::clone(launch), PoolConfig { hosts: 1, ..self.plan.pool.clone() });
        for tactic in TACTICS {
            let name = format!("given up: `{tactic}`");
            if !self.wants(&name) {
                continue;
            }
            let calm = pool_open(&pool, STRUCTURAL[2].theorem()).await?;
            let mut waited = Vec::new();
            for _ in 0..self.plan.runs.min(MAX_STARTS) {
                let restless = pool_open(&pool, STRUCTURAL[0].theorem()).await?;
                let tactics = [tactic.to_owned()];
                let work = restless.apply_within(StateId::ROOT, &tactics, Some(Duration::from_secs(60)));
                if tokio::time::timeout(Duration::from_millis(200), work).await.is_ok() {
                    bail!("`{tactic}` has ended");
                }
                waited.push(pool_step(&calm, STRUCTURAL[2].tactic).await?);
            }
            self.row(&name, "ms", 0, &waited);
        }
        pool.shutdown().await;
        Ok(())
    }

    /// What queueing, bookkeeping and crash safety cost on top of the process itself.
    async fn pool_against_host(&mut self, launch: &Arc<dyn Launch>) -> anyhow::Result<()> {
        let pool = Pool::start(Arc::clone(launch), PoolConfig { hosts: 1, ..self.plan.pool.clone() });
        let mut host = launch.host().await?;
        for step in &STRUCTURAL {
            let name = format!("`{}`", step.tactic);
            if !self.wants(&name) {
                continue;
            }
            let session = pool_open(&pool, step.theorem()).await?;
            let root = host_open(host.as_mut(), &step.theorem(), self.limits()).await?;
            let (mut pooled, mut bare) = (Vec::new(), Vec::new());
            for run in 0..WARM_UP + self.plan.runs {
                let through_pool = pool_step(&session, step.tactic).await?;
                let (new, direct) = host_step(host.as_mut(), root, step.tactic, self.limits()).await?;
                host.free(&new.into_iter().collect::<Vec<_>>()).await?;
                if run >= WARM_UP {
                    pooled.push(through_pool);
                    bare.push(direct);
                }
            }
            self.pair(&name, ("pool", &pooled), ("bare host", &bare));
        }
        self.row("host memory after these steps", "MiB", 0, &mebibytes(host.as_ref()));
        host.shutdown().await;
        pool.shutdown().await;
        Ok(())
    }

    /// The same step as the first of a proof and as its tenth: after nine steps that leave the goal as it was, which is
    /// what depth alone costs, and after nine that each leave a hypothesis, which Lean has to print as well.
    async fn depths(&mut self, launch: &dyn Launch) -> anyhow::Result<()> {
        type Tactic = fn(usize) -> String;
        const WAYS: [(&str, Tactic); 2] = [
            ("depth 10", |_| "revert k\nintro k".to_owned()),
            ("depth 10 with 9 more hypotheses", |i| format!("have e{i} : a + {i} ≤ b + {i} := by omega")),
        ];
        let mut host = launch.host().await?;
        for step in &STRUCTURAL {
            let name = format!("`{}`", step.tactic);
            if !self.wants(&name) {
                continue;
            }
            for (way, tactic) in WAYS {
                let root = host_open(host.as_mut(), &step.theorem(), self.limits()).await?;
                let mut deep = root;
                for tactic in (1..DEPTH).map(tactic) {
                    let (Some(next), _) = host_step(host.as_mut(), deep, &tactic, self.limits()).await? else {
                        bail!("`{tactic}` leaves no goal")
                    };
                    deep = next;
                }
                let (mut tenth, mut first) = (Vec::new(), Vec::new());
                for run in 0..WARM_UP + self.plan.runs {
                    for (state, millis) in [(deep, &mut tenth), (root, &mut first)] {
                        let (new, took) = host_step(host.as_mut(), state, step.tactic, self.limits()).await?;
                        host.free(&new.into_iter().collect::<Vec<_>>()).await?;
                        if run >= WARM_UP {
                            millis.push(took);
                        }
                    }
                }
                self.pair(&name, (way, &tenth), ("depth 1", &first));
            }
        }
        host.shutdown().await;
        Ok(())
    }

    /// One more step on a kept state, and the whole text with that step from nothing.
    async fn live_against_fresh(&mut self, launch: &dyn Launch) -> anyhow::Result<()> {
        const NAME: &str = "`have := by grind` at depth 10";
        if !self.wants(NAME) {
            return Ok(());
        }
        let tactic = |i: usize| format!("have e{i} : (a + b + {i}) * c = c * (b + a + {i}) := by grind");
        let theorem = theorem("theorem bench (a b c : Nat) (h : a ≤ b) : a + c ≤ b + c");
        let mut host = launch.host().await?;
        let mut judge = launch.judge().await?;
        let mut at = host_open(host.as_mut(), &theorem, self.limits()).await?;
        let mut whole = Vec::new();
        for i in 1..DEPTH {
            let (Some(next), _) = host_step(host.as_mut(), at, &tactic(i), self.limits()).await? else {
                bail!("`{}` leaves no goal", tactic(i))
            };
            at = next;
            whole.push(tactic(i));
        }
        whole.push(tactic(DEPTH));
        let (mut fresh, mut live) = (Vec::new(), Vec::new());
        for run in 0..WARM_UP + self.plan.runs.min(MAX_FRESH) {
            let (new, took) = host_step(host.as_mut(), at, &tactic(DEPTH), self.limits()).await?;
            host.free(&new.into_iter().collect::<Vec<_>>()).await?;
            let begun = Instant::now();
            let errors = judge.elaborate(&theorem, &whole, self.limits()).await?.value;
            let took_fresh = ms(begun.elapsed());
            if !matches!(errors.as_slice(), [only] if only.contains("unsolved goals")) {
                bail!("the whole text gave {errors:?}");
            }
            if run >= WARM_UP {
                live.push(took);
                fresh.push(took_fresh);
            }
        }
        host.shutdown().await;
        judge.shutdown().await;
        self.pair(NAME, ("fresh", &fresh), ("live", &live));
        Ok(())
    }
}

async fn pool_open(pool: &Pool, theorem: Theorem) -> anyhow::Result<Session> {
    match pool.open(theorem).await?.value {
        SessionStart::Open { session, .. } => Ok(session),
        other => bail!("the pool does not open the bench's theorem: {other:?}"),
    }
}

async fn host_open(host: &mut dyn LeanHost, theorem: &Theorem, limits: StepLimits) -> anyhow::Result<HostState> {
    match host.open(theorem, limits).await?.value {
        Opened::Root { state, .. } => Ok(state),
        other => bail!("the host does not open the bench's theorem: {other:?}"),
    }
}

/// Milliseconds of one step through the pool.
async fn pool_step(session: &Session, tactic: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let outcomes = session.apply(StateId::ROOT, &[tactic.to_owned()]).await?.value;
    let took = ms(begun.elapsed());
    match outcomes.as_slice() {
        [StepOutcome::Open { state, .. }] => session.forget(&[*state]),
        [StepOutcome::Proved] => {}
        other => bail!("{tactic} gave {other:?}"),
    }
    Ok(took)
}

/// The state that one step of a bare host opens, if any, and its milliseconds.
async fn host_step(
    host: &mut dyn LeanHost,
    state: HostState,
    tactic: &str,
    limits: StepLimits,
) -> anyhow::Result<(Option<HostState>, f64)> {
    let begun = Instant::now();
    let applied = host.apply(state, &[tactic.to_owned()], limits).await;
    let took = ms(begun.elapsed());
    match applied.outcomes.as_slice() {
        [StepOutcome::Open { state, .. }] => Ok((Some(*state), took)),
        [StepOutcome::Proved] => Ok((None, took)),
        other => bail!("{tactic} gave {other:?} ({:?})", applied.down),
    }
}

fn mebibytes(host: &(impl LeanProcess + ?Sized)) -> Vec<f64> {
    host.memory().map(|bytes| bytes as f64 / f64::from(1 << 20)).into_iter().collect()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn theorem(statement: &str) -> Theorem {
    Theorem { name: "bench".to_owned(), statement: statement.to_owned(), ..Theorem::default() }
}

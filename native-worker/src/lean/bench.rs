//! The cost of hosting Lean on this machine: time to ready, memory, and steps, each as a median with its spread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::Theorem;

use super::host::{HostState, Launch, LeanHost, Opened, StepLimits};
use super::pool::{Pool, PoolConfig, SessionStart, StateId};

/// Runs of a step before it is measured: caches fill, and Lean's lazy initialisation happens.
const WARM_UP: u32 = 3;
/// How deep the deep rows go.
const DEPTH: usize = 10;
/// Starting a process takes seconds, so these rows are repeated less.
const MAX_STARTS: u32 = 5;

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

/// One row of the report.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The unit of the numbers.
    pub unit: &'static str,
    /// The median.
    pub median: f64,
    /// The 10% quantile.
    pub low: f64,
    /// The 90% quantile.
    pub high: f64,
    /// Measured runs.
    pub n: usize,
    /// Runs before them that do not count.
    pub warm_up: u32,
}

/// Measures, and tells `say` which row is under way.
///
/// # Errors
/// When Lean cannot be started or answers something else than it should; the message says which.
pub async fn run(launch: Arc<dyn Launch>, plan: &Plan, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Vec<Row>> {
    let mut bench = Bench { plan, say, rows: Vec::new() };
    bench.starts(launch.as_ref()).await?;
    bench.host_steps(launch.as_ref()).await?;
    bench.pool_steps(launch).await?;
    Ok(bench.rows)
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

    fn row(&mut self, name: &str, unit: &'static str, warm_up: u32, values: &[f64]) {
        let quantile = |q| stepwise_core::stats::quantile(values, q).unwrap_or(f64::NAN);
        self.rows.push(Row {
            name: name.to_owned(),
            unit,
            median: quantile(0.5),
            low: quantile(0.1),
            high: quantile(0.9),
            n: values.len(),
            warm_up,
        });
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
            let mut host = launch.launch().await?;
            ready.push(begun.elapsed().as_secs_f64());
            memory.extend(host.memory().map(|bytes| bytes as f64 / f64::from(1 << 20)));
            host.shutdown().await;
        }
        self.row(READY, "s", 0, &ready);
        if !memory.is_empty() {
            self.row(MEMORY, "MiB", 0, &memory);
        }
        Ok(())
    }

    /// The bare host: no pool in between.
    async fn host_steps(&mut self, launch: &dyn Launch) -> anyhow::Result<()> {
        let deep = conjunctions(DEPTH + 1);
        let names = [1, DEPTH].map(|depth| format!("host: constructor at depth {depth}"));
        if !names.iter().any(|name| self.wants(name)) {
            return Ok(());
        }
        let mut host = launch.launch().await?;
        let limits = StepLimits { wall: self.plan.pool.step_limit };
        let opened = host.open(&deep, StepLimits { wall: self.plan.pool.open_limit }).await?;
        let Opened::Root { state, .. } = opened.value else {
            anyhow::bail!("the host does not open the bench's theorem: {:?}", opened.value);
        };
        let mut states = vec![state];
        for _ in 1..DEPTH {
            let at = states[states.len() - 1];
            let next = host_step(host.as_mut(), at, "refine ⟨trivial, ?_⟩", limits).await?;
            states.push(next);
        }
        for (name, depth) in names.iter().zip([1, DEPTH]) {
            let mut millis = Vec::new();
            for run in 0..WARM_UP + self.plan.runs {
                let begun = Instant::now();
                let new = host_step(host.as_mut(), states[depth - 1], "constructor", limits).await?;
                if run >= WARM_UP {
                    millis.push(ms(begun.elapsed()));
                }
                host.free(&[new]).await?;
            }
            self.row(name, "ms", WARM_UP, &millis);
        }
        if let Some(bytes) = host.memory() {
            self.row("host memory after these steps", "MiB", 0, &[bytes as f64 / f64::from(1 << 20)]);
        }
        host.shutdown().await;
        Ok(())
    }

    async fn pool_steps(&mut self, launch: Arc<dyn Launch>) -> anyhow::Result<()> {
        const STEPS: [(&str, &str); 5] = [
            ("pool: constructor", "constructor"),
            ("pool: intro", "intro h"),
            ("pool: exact", "exact ⟨hp, trivial⟩"),
            ("pool: omega", "omega"),
            ("pool: grind", "grind"),
        ];
        let theorems = [
            theorem("theorem bench (p : Prop) (hp : p) : p ∧ True"),
            theorem("theorem bench (p : Prop) : p → p ∧ True"),
            theorem("theorem bench (p : Prop) (hp : p) : p ∧ True"),
            theorem("theorem bench (a b : Nat) (h : a < b) : 2 * a + 1 < 2 * b"),
            theorem("theorem bench (p q : Prop) (h : p ∧ q) : q ∧ p"),
        ];
        let pool = Pool::start(launch, PoolConfig { hosts: 1, ..self.plan.pool.clone() });
        for ((name, tactic), theorem) in STEPS.into_iter().zip(theorems) {
            if !self.wants(name) {
                continue;
            }
            let SessionStart::Open { session, .. } = pool.open(theorem).await?.value else {
                anyhow::bail!("the pool does not open the theorem of the row {name}");
            };
            let mut millis = Vec::new();
            for run in 0..WARM_UP + self.plan.runs {
                let begun = Instant::now();
                let outcomes = session.apply(StateId(0), &[tactic.to_owned()]).await?.value;
                if run >= WARM_UP {
                    millis.push(ms(begun.elapsed()));
                }
                match outcomes.as_slice() {
                    [StepOutcome::Open { state, .. }] => session.forget(&[*state]),
                    [StepOutcome::Proved] => {}
                    other => anyhow::bail!("{tactic} gave {other:?} in the row {name}"),
                }
            }
            self.row(name, "ms", WARM_UP, &millis);
        }
        pool.shutdown().await;
        Ok(())
    }
}

async fn host_step(
    host: &mut dyn LeanHost,
    state: HostState,
    tactic: &str,
    limits: StepLimits,
) -> anyhow::Result<HostState> {
    let applied = host.apply(state, &[tactic.to_owned()], limits).await;
    match applied.outcomes.as_slice() {
        [StepOutcome::Open { state, .. }] => Ok(*state),
        other => anyhow::bail!("{tactic} gave {other:?} ({:?})", applied.down),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn theorem(statement: &str) -> Theorem {
    Theorem { name: "bench".to_owned(), imports: Vec::new(), preamble: String::new(), statement: statement.to_owned() }
}

/// `True ∧ .. ∧ True ∧ True`, `n` conjunctions deep.
fn conjunctions(n: usize) -> Theorem {
    theorem(&format!("theorem bench : {}True", "True ∧ ".repeat(n)))
}

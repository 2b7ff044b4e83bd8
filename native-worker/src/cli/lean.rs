//! From the settings to a running pool: which Lean, how many processes, which limits.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};

use super::args::{LeanArgs, Modules};
use super::input;
use super::progress::{Progress, SetupProgress};
use crate::lean::host::Launch;
use crate::lean::pool::{Pool, PoolConfig};
use crate::lean::repl::ReplLauncher;
use crate::lean::wasm::{Completion, Sandbox, WasmLauncher, WasmSettings};
use crate::setup::{self, SetupError};
use crate::stop::{Stop, StopLevel};

/// Memory that one statement's Lean may have: this stops a tactic that eats memory while it runs.
const WASM_MEMORY_LIMIT: u64 = 1536 << 20;

/// Resident memory past which a native host is replaced: Mathlib takes most of a gigabyte, and `repl` never frees a state.
const NATIVE_HOST_MEMORY: u64 = 4 << 30;

/// A search has time for this many tactics, however long each of them takes: one that loops must not eat it all.
const TACTICS_AT_LEAST: u32 = 8;

/// A tactic gets this long however little time a search has.
const SHORTEST_STEP: Duration = Duration::from_secs(1);

/// Starts the pool that the settings ask for, and sets up the built-in Lean first if it is not there yet.
///
/// # Errors
/// When set-up fails or the settings contradict each other.
pub(super) async fn start_pool(args: &LeanArgs) -> anyhow::Result<Pool> {
    start_pool_for(args, |_| {}).await
}

/// As [`start_pool`], for a command that sets more than [`LeanArgs`] can.
///
/// # Errors
/// As [`start_pool`].
pub(super) async fn start_pool_for(args: &LeanArgs, set: impl FnOnce(&mut PoolConfig)) -> anyhow::Result<Pool> {
    let launch = launcher(args).await?;
    let mut config = pool_config(args);
    set(&mut config);
    Ok(Pool::start(launch, config))
}

/// Starts a pool for searches that may each take so long: no tactic gets more than its share of that.
///
/// # Errors
/// As [`start_pool`].
pub(super) async fn start_pool_within(args: &LeanArgs, timeout: Option<Duration>) -> anyhow::Result<Pool> {
    let launch = launcher(args).await?;
    let mut config = pool_config(args);
    if let Some(timeout) = timeout {
        config.step_limit = config.step_limit.min((timeout / TACTICS_AT_LEAST).max(SHORTEST_STEP));
    }
    Ok(Pool::start(launch, config))
}

/// How many Lean processes run.
pub(super) fn n_hosts(args: &LeanArgs) -> usize {
    args.hosts.count()
}

pub(super) fn pool_config(args: &LeanArgs) -> PoolConfig {
    let mut config = PoolConfig { hosts: n_hosts(args), step_limit: args.step_timeout, ..PoolConfig::default() };
    if args.lean_project.is_some() {
        config.host_memory = NATIVE_HOST_MEMORY;
    }
    config
}

/// What starts the hosts.
pub(super) async fn launcher(args: &LeanArgs) -> anyhow::Result<Arc<dyn Launch>> {
    match &args.lean_project {
        Some(project) => native(project, args),
        None => built_in(args.modules, Sandbox::Wanted).await,
    }
}

/// What starts the built-in Lean, in this sandbox.
pub(super) async fn built_in(modules: Modules, sandbox: Sandbox) -> anyhow::Result<Arc<dyn Launch>> {
    let installed = ensure_setup(setup::Options { modules: modules.choice(), ..setup::Options::from_env() }).await?;
    let program = std::env::current_exe().context("cannot find this program's own file, which runs Lean")?;
    let completion = if installed.is_complete {
        Completion::idle(true)
    } else {
        COMPLETION.get_or_init(|| Completion::start(&program)).clone()
    };
    let settings = WasmSettings::new(program, &installed, WASM_MEMORY_LIMIT);
    Ok(Arc::new(WasmLauncher::new(WasmSettings { sandbox, completion, ..settings })))
}

/// What this command compiles beside its work.
static COMPLETION: OnceLock<Completion> = OnceLock::new();

/// Once a command has done what it was asked to: gives what it compiles beside its work the time to end, until it is
/// stopped. What is left then is compiled beside the next command.
pub(super) async fn complete_setup(verbose: u8, mut stop: Stop) {
    let is_under_way = |completion: &&Completion| completion.is_under_way();
    let Some(completion) = COMPLETION.get().filter(is_under_way) else { return };
    let progress = Progress::new(verbose);
    progress.say("compiling the rest of Lean for the next times; this may be interrupted");
    progress.update(|| "compiling".to_owned());
    tokio::select! {
        _ = completion.end() => {}
        () = stop.reached(StopLevel::Drain) => {}
    }
    progress.finish();
}

/// Brings what is missing before Lean can be used, with a progress bar; a few milliseconds when nothing is.
pub(super) async fn ensure_setup(options: setup::Options) -> anyhow::Result<setup::Installed> {
    set_up(move |progress| setup::ensure(progress, &options)).await
}

/// Does a part of set-up with a progress bar.
pub(super) async fn set_up<T: Send + 'static>(
    work: impl FnOnce(&SetupProgress) -> Result<T, SetupError> + Send + 'static,
) -> anyhow::Result<T> {
    let work = tokio::task::spawn_blocking(move || {
        let progress = SetupProgress::new();
        let done = work(&progress);
        progress.finish();
        done
    });
    Ok(work.await.context("set-up died")??)
}

fn native(project: &Path, args: &LeanArgs) -> anyhow::Result<Arc<dyn Launch>> {
    if !project.is_dir() {
        bail!("no folder {}: --lean-project takes the folder of a Lake project", project.display());
    }
    let launcher = ReplLauncher::in_project(project, args.repl.clone());
    Ok(Arc::new(launcher.imports(input::defaults(args)?.imports)))
}

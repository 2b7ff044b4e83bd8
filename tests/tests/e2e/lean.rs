//! Real Lean for the tests: the zero-install host, as `stepwise setup` lays it down.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use stepwise_core::problem::Theorem;
use stepwise_worker::lean::host::Launch;
use stepwise_worker::lean::pool::{Pool, PoolConfig, Session, SessionStart};
use stepwise_worker::lean::wasm::{WasmLauncher, WasmSettings};
use stepwise_worker::setup::{self, Installed, Options, Silent};

use crate::cli::binary;

/// What set-up has laid down.
pub(crate) fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| setup::complete(&Silent, &Options::from_env()).unwrap_or_else(|error| panic!("{error}")))
}

/// A launcher for hosts whose processes may use `memory_limit` bytes.
pub(crate) fn launcher(memory_limit: u64) -> Arc<dyn Launch> {
    Arc::new(WasmLauncher::new(WasmSettings::new(binary().to_owned(), installed(), memory_limit)))
}

/// A pool of `hosts` processes with this limit per tactic.
pub(crate) fn pool(hosts: usize, step_limit: Duration) -> Pool {
    Pool::start(launcher(1536 << 20), PoolConfig { hosts, step_limit, ..PoolConfig::default() })
}

/// `statement` without a preamble.
pub(crate) fn theorem(statement: &str) -> Theorem {
    let name = statement.split_whitespace().nth(1).unwrap_or_default().to_owned();
    Theorem { name, statement: statement.to_owned(), ..Theorem::default() }
}

/// Opens a statement that is known to be good.
pub(crate) async fn open(pool: &Pool, statement: &str) -> Session {
    match pool.open(theorem(statement)).await.expect("Lean runs").value {
        SessionStart::Open { session, .. } => session,
        other => panic!("{}: {other:?}", statement.chars().take(200).collect::<String>()),
    }
}

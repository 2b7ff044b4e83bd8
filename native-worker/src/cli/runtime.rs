//! The threads on which a command waits for Lean, models and the network.

use anyhow::Context;

use super::outcome::Outcome;

/// Runs a command on threads of its own.
pub(super) fn block_on(work: impl Future<Output = anyhow::Result<Outcome>>) -> anyhow::Result<Outcome> {
    block_on_value(work)?
}

/// Waits for `work` on threads of its own.
pub(super) fn block_on_value<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let outcome = runtime.block_on(work);
    // Without waiting: a blocked thread must not keep an interrupted command alive. Child processes die with their
    // owners, which are dropped here.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(outcome)
}

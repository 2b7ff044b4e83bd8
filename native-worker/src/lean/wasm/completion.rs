//! The rest of Lean's code on its way: set-up lets the first theorem be proved before all of Lean is compiled, and a
//! process of its own compiles what is left.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::process::{Finished, Spec, run_to_end};

/// How long compiling may take, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(3600);

/// How far it is; clones share it.
#[derive(Clone, Debug)]
pub struct Completion(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Set when a process called what is not compiled yet.
    is_needed: AtomicBool,
    end: watch::Receiver<Option<Result<(), String>>>,
    work: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    /// The process ends with whoever waits for it.
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

impl Completion {
    /// Nobody compiles: there is nothing left, or set-up was left half-way.
    #[must_use]
    pub fn idle(is_complete: bool) -> Self {
        let end = if is_complete { Ok(()) } else { Err("set-up has not compiled all of Lean".to_owned()) };
        let end = watch::Sender::new(Some(end)).subscribe();
        Self(Arc::new(Shared { is_needed: AtomicBool::new(false), end, work: None }))
    }

    /// Has `program`, which is `stepwise`, compile what is left while nobody else wants the processor. Needs a Tokio
    /// runtime.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let spec = Spec { args: ["setup", "--idle"].map(OsString::from).to_vec(), ..Spec::new(program) };
        let (sender, end) = watch::channel(None);
        let work = tokio::spawn(async move {
            let end = match run_to_end(&spec, Instant::now() + LIMIT).await {
                Ok(Finished { status, .. }) if status.success() => Ok(()),
                Ok(Finished { last_words, .. }) => Err(last_words),
                Err(error) => Err(error.to_string()),
            };
            sender.send_replace(Some(end));
        });
        Self(Arc::new(Shared { is_needed: AtomicBool::new(false), end, work: Some(work) }))
    }

    /// Whether something is being compiled.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.0.end.borrow().is_none()
    }

    /// Something called what is not compiled yet.
    pub(super) fn need(&self) {
        self.0.is_needed.store(true, Ordering::Relaxed);
    }

    /// Waits for the end, if something has called what is not compiled yet.
    ///
    /// # Errors
    ///
    /// What kept Lean from being compiled.
    pub(super) async fn when_needed(&self) -> Result<(), String> {
        if self.0.is_needed.load(Ordering::Relaxed) { self.end().await } else { Ok(()) }
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// What kept Lean from being compiled.
    pub async fn end(&self) -> Result<(), String> {
        let mut end = self.0.end.clone();
        let told = end.wait_for(Option::is_some).await.map(|end| end.clone());
        told.ok().flatten().unwrap_or_else(|| Err("it was broken off".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_waited_for_only_when_it_is_needed() {
        let left = Completion::idle(false);
        assert_eq!(left.when_needed().await, Ok(()));
        left.need();
        assert!(left.when_needed().await.is_err());
        let complete = Completion::idle(true);
        complete.need();
        assert_eq!(complete.when_needed().await, Ok(()));
        assert!(!complete.is_under_way());
    }

    #[tokio::test]
    async fn what_keeps_it_from_being_compiled_is_told() {
        let failing = Completion::start(Path::new("/nonexistent"));
        let error = failing.end().await.unwrap_err();
        assert!(error.starts_with("cannot start /nonexistent"), "{error}");
    }
}

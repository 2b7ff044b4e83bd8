//! The signal that ends searches early: drain, then abort.

use tokio::sync::watch;

/// How far the caller wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Nothing was asked.
    Run,
    /// Finish what Lean is doing, write it to the log, begin nothing new.
    Drain,
    /// Stop at once; what Lean is doing is lost and done again after a resume.
    Abort,
}

/// A watch on the caller's wish; clones share it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<StopLevel>);

impl Stop {
    /// A signal and the end that raises it.
    #[must_use]
    pub fn channel() -> (watch::Sender<StopLevel>, Self) {
        let (sender, receiver) = watch::channel(StopLevel::Run);
        (sender, Self(receiver))
    }

    /// What is asked now.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        *self.0.borrow()
    }

    /// Waits until at least `level` is asked; for ever when nobody is left who could ask.
    pub async fn reached(&mut self, level: StopLevel) {
        if self.0.wait_for(|asked| *asked >= level).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

//! Ctrl-C: the first drains, the second stops at once, the third leaves without cleaning up.

use anyhow::Context;

use super::progress::Progress;
use crate::stop::{Stop, StopLevel};

/// What the user is told when the first Ctrl-C drains, and when the second, or SIGTERM, stops at once.
pub(super) struct Lines {
    pub(super) draining: &'static str,
    pub(super) stopping: &'static str,
}

/// Listens for Ctrl-C and SIGTERM for the rest of the process, and gives the signal that searches watch.
///
/// # Errors
/// When the operating system refuses the handlers.
pub(super) fn listen(progress: &Progress) -> anyhow::Result<Stop> {
    let lines = Lines {
        draining: "finishing the tactics that are running; press Ctrl-C again to stop at once",
        stopping: "stopping at once",
    };
    listen_saying(progress, lines)
}

/// As [`listen`], for a command to which draining and stopping mean something else.
///
/// # Errors
/// As [`listen`].
pub(super) fn listen_saying(progress: &Progress, lines: Lines) -> anyhow::Result<Stop> {
    let (sender, stop) = Stop::channel();
    let mut signals = Signals::new().context("cannot listen for Ctrl-C")?;
    let progress = progress.clone();
    tokio::spawn(async move {
        loop {
            let asked = signals.next().await;
            // Read first: a borrow that lived through the match would lock out the send.
            let level = *sender.borrow();
            // SIGTERM means now: whoever sends it waits a few seconds at most, and logs are resumable at any moment.
            match (asked, level) {
                (Asked::Interrupt, StopLevel::Run) => {
                    progress.say(lines.draining);
                    sender.send_replace(StopLevel::Drain);
                }
                (_, StopLevel::Run | StopLevel::Drain) => {
                    progress.say(lines.stopping);
                    sender.send_replace(StopLevel::Abort);
                }
                (_, StopLevel::Abort) => std::process::exit(130),
            }
        }
    });
    Ok(stop)
}

enum Asked {
    Interrupt,
    Terminate,
}

/// The handlers stay installed between two signals, so that none is lost.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC, tokio::signal::windows::CtrlBreak);

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?, tokio::signal::windows::ctrl_break()?))
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.0.recv() => Asked::Interrupt,
            _ = self.1.recv() => Asked::Terminate,
        }
    }
}

//! How set-up tells its caller how far it is.

use std::fmt;

/// What set-up is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Another process is setting up the same folder.
    Waiting,
    /// Bytes come from the registry.
    Downloading,
    /// A downloaded file is compared with its pinned hash.
    Verifying,
    /// An archive is unpacked.
    Unpacking,
    /// Lean's module is made into one that starts quickly. This phase and those after it are not counted.
    Rewriting,
    /// It is compiled for this machine, which takes a minute or two.
    Compiling,
    /// Lean imports its library.
    Importing,
    /// A few theorems are proved with what was made.
    Testing,
    /// All of it is compressed for browsers.
    Packing,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being done.
    pub phase: Phase,
    /// To which package, with its version; empty while waiting.
    pub package: String,
    /// Bytes done, what an earlier run left included.
    pub done: u64,
    /// Bytes altogether; 0 for a phase that is not counted.
    pub total: u64,
}

/// Receives reports, a few hundred per phase at most, on the thread that called [`super::ensure`].
pub trait Progress {
    /// Called at the start and the end of a phase and now and then in between.
    fn report(&self, step: &Step);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: &Step) {}
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting for another stepwise that is setting up",
            Self::Downloading => "downloading",
            Self::Verifying => "verifying",
            Self::Unpacking => "unpacking",
            Self::Rewriting => "rewriting",
            Self::Compiling => "compiling for this machine",
            Self::Importing => "importing the library of",
            Self::Testing => "testing",
            Self::Packing => "packing for browsers",
        })
    }
}

/// Counts the bytes of one phase, and reports once per half percent.
pub(super) struct Meter<'a> {
    progress: &'a dyn Progress,
    step: Step,
    reported: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn start(progress: &'a dyn Progress, phase: Phase, package: String, done: u64, total: u64) -> Self {
        let step = Step { phase, package, done, total };
        progress.report(&step);
        Self { progress, step, reported: done }
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.step.done += bytes;
        if self.step.done - self.reported >= (self.step.total / 200).max(1) || self.step.done == self.step.total {
            self.reported = self.step.done;
            self.progress.report(&self.step);
        }
    }
}

//! How a command ends, and the exit code that says so.

use std::process::ExitCode;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Proved, or whatever else was asked for is done.
    Proved,
    /// It ran, and what was asked for does not hold: not proved, not accepted, something is missing.
    NotProved,
    /// The user stopped it.
    Interrupted,
    /// The command line was wrong, and the user was told.
    Usage,
    /// What was to be proved does not elaborate, and the user was told.
    BadInput,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Proved => Self::SUCCESS,
            Outcome::NotProved => Self::from(1),
            Outcome::Usage | Outcome::BadInput => Self::from(2),
            Outcome::Interrupted => Self::from(130),
        }
    }
}

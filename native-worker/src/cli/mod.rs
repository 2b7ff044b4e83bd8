//! The command line `stepwise`: its definition, its settings, and one file per command.

pub mod args;
pub mod config;
mod docs;
mod interrupt;
mod output;
mod replay;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Proved, or whatever else was asked for is done.
    Proved,
    /// It ran, and what was asked for does not hold: not proved, not accepted, something is missing.
    NotProved,
    /// The user stopped it.
    Interrupted,
    /// The command line itself was wrong; the user was told.
    Usage,
}

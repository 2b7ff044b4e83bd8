//! Corpora: where problems to learn from come from, and how sets of them are kept apart.
//!
//! Everything here is a pure function of its inputs; what needs Lean (the statements of its library, and whether a
//! statement elaborates) is in the worker.

pub mod contamination;
mod definitions;
pub mod developments;
mod dice;
pub mod library;
pub mod normalise;
pub mod split;
pub mod synthetic;

use stepwise_core::problem::Problem;

/// The source of problems that are theorems of Lean's own library.
pub const LIBRARY: &str = "library";

/// Whether a problem is known to be true because Lean's library has proved it: its negation need not be searched. What a
/// generator believes of its statements is not trusted.
#[must_use]
pub fn is_known_to_hold(problem: &Problem) -> bool {
    problem.source.as_deref() == Some(LIBRARY) && problem.holds == Some(true)
}

//! The native backend: leanprover-community/repl in the user's own Lake project, so that Mathlib works.
//!
//! Pickles of environments are in the protocol but not used by the host: reading one imports its modules again (the
//! very cost that a pickle should save) and loses notation and simp sets, which preambles consist of.

mod conversation;
mod declared;
mod host;
mod launch;
pub mod protocol;
pub mod reading;
mod recheck;

pub use host::ReplHost;
pub use launch::{REPL_VARIABLE, ReplLauncher};

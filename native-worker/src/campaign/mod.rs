//! Shared campaigns, the coordinator's side: it gives searches out, takes in what came of them, and has every proof
//! verified by a Lean of its own before a problem counts as solved.
//!
//! [`folder`] is where a campaign lives, [`coordinator`] what runs, [`http`] what it is asked, and [`verifier`] who decides.
//! All that is known stands in the ledger, so that a coordinator may be killed at any moment.

pub mod coordinator;
pub mod folder;
mod http;
mod verifier;

use stepwise_ledger::operations::{Candidate, Judged};

/// Whoever is told what became of each proof.
pub type Tell = dyn Fn(&Candidate, Judged) + Send + Sync;

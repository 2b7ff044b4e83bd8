//! Shared campaigns, the coordinator's side: it gives searches out, takes in what came of them, and has every proof
//! verified by a Lean of its own before a problem counts as solved.
//!
//! [`folder`] is where a campaign lives, [`restore`] puts an older copy in its place, [`coordinator`] is what runs, [`hearing`]
//! tells whether who was not heard of is lost, [`http`] is what donors ask, [`admission`] when each of them is served,
//! and [`verifier`] who decides.
//! [`watch`] answers those who look at it, mostly from what [`look`] saw last: [`workers`] tells what each worker does, [`news`]
//! has events in words, [`rounds`] says what rounds came to, and [`files`] makes what can be kept.
//! All that is known stands in the ledger, so that a coordinator may be killed at any moment.

mod admission;
mod blobs;
pub mod coordinator;
mod files;
pub mod folder;
mod hearing;
mod http;
mod look;
mod news;
mod restore;
mod rounds;
mod verifier;
mod watch;
mod workers;

use stepwise_ledger::operations::{Candidate, Judged};

pub use self::restore::InUse;
pub use self::verifier::judge;

/// Whoever is told what became of each proof.
pub type Tell = dyn Fn(&Candidate, Judged) + Send + Sync;

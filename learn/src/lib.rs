//! Learning from proofs, without processes, clocks and files: where problems come from, what searches teach, how runs are
//! held against each other, and the report of a run.
//!
//! Expert iteration is arXiv 2410.15700's. The worker's `learn` drives its rounds; here is what they read and write.

pub mod comparison;
pub mod corpus;
pub mod layout;
pub mod lessons;
pub mod mining;
pub mod plan;
pub mod plot;
pub mod progress;
pub mod report;
pub mod run;

//! Expert iteration (arXiv 2410.15700): what is learnt from searches, and what a run of it leaves in its folder.
//!
//! The worker's `learn` drives the rounds; here is what needs no process, clock or file.

pub mod lessons;
pub mod mining;
pub mod progress;
pub mod report;
pub mod run;

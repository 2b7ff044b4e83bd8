//! The pure core of stepwise: everything that needs no process, clock, thread or file.
//!
//! The same code runs natively and in the browser (wasm32). Lean is never called from here: the search machine
//! asks for work with [`search::Command`] values and is told what happened with [`search::Event`] values.

pub mod cost;
pub mod critic;
pub mod digest;
pub mod disproof;
pub mod facts;
pub mod goal;
pub mod jsonl;
pub mod markup;
pub mod outcome;
pub mod policy;
pub mod problem;
pub mod prompt;
pub mod random;
pub mod record;
pub mod search;
pub mod stats;
pub mod syntax;
pub mod tidy;
pub mod wire;
pub mod words;

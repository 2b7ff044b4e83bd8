//! The one integration binary: a module per subject.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod abandoned;
mod bench_gpu;
mod campaign;
mod cli;
mod compare;
mod developments;
mod disprove;
mod endpoint;
mod guided;
mod inputs;
mod isolation;
mod kills;
mod lean;
mod learn;
mod library;
mod live_states;
mod models;
mod nasty;
mod own_definitions;
mod repl_host;
mod repl_live;
mod repl_transcripts;
mod report;
mod serve;
mod synthetic;
mod tidy;
mod verdicts;

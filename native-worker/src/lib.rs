//! Native side of stepwise: hosts that run Lean, the pool over them, the executor that carries out a search's commands,
//! set-up, and the command line.

// That a future with a GPU in it may move between threads follows from more types than the compiler looks at by itself.
#![recursion_limit = "256"]

pub mod blobs;
pub mod campaign;
pub mod cli;
pub mod donor;
pub mod lean;
pub mod learn;
pub mod measured;
pub mod models;
pub mod process;
pub mod report;
pub mod run;
pub mod serve;
pub mod setup;
mod small_file;
pub mod stop;

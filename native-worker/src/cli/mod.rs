//! The command line `stepwise`: its definition, its settings, and one file per command.

pub mod args;
pub mod config;
mod interrupt;

//! Hosting Lean: one trait, two backends, a pool.

pub mod bench;
pub mod developments;
pub mod host;
pub mod library;
pub mod pool;
pub mod repl;
pub mod wasm;

//! The zero-install backend: Lean compiled to WebAssembly, which this very program runs in processes of its own.

pub mod child;
mod completion;
mod host;
mod imports;
mod sandbox;

pub use completion::Completion;
pub use host::{WasmLauncher, WasmSettings};
pub use sandbox::Sandbox;

//! The zero-install backend: Lean compiled to WebAssembly, one Node process per host.
//!
//! `driver/` holds the JavaScript that runs inside the process, for Node and for a Web Worker alike.

pub(crate) mod driver;
mod host;
mod imports;
mod node;
mod protocol;

pub use host::{WasmLauncher, WasmSettings};
pub(crate) use node::node_with_deep_stack;

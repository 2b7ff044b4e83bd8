//! The zero-install backend: Lean compiled to WebAssembly, one Node process per host.
//!
//! `driver/` holds the JavaScript that runs inside the process, for Node and for a Web Worker alike.

mod driver;
mod host;
mod protocol;

pub use driver::install_driver;
pub use host::{WasmLauncher, WasmSettings};

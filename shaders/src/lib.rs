//! WGSL kernels for what burn does not have, each with its CPU reference and its test beside it.
//!
//! A kernel is a folder: `kernel.wgsl`, `mod.rs` (the call and the reference), `tests.rs` and a README with the
//! mathematics. Everything stays inside WebGPU's default limits, so that a kernel that runs here runs in a browser.

pub mod gpu;
pub mod log_softmax;

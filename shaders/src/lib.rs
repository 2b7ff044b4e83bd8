//! WGSL kernels for what burn does not have, each with its CPU reference and its test beside it.
//!
//! A kernel is a folder: `kernel.wgsl`, `mod.rs` (the call, the reference and the cost), `tests.rs` and a README with
//! the mathematics. Everything stays inside WebGPU's default limits, so that a kernel that runs here runs in a browser.

pub mod cost;
mod dispatch;
pub mod gpu;
pub mod weights;

pub mod attention;
pub mod copy;
pub mod dot;
pub mod embedding;
pub mod engine;
pub mod fill;
pub mod fma;
pub mod log_softmax;
pub mod matmul;
pub mod matvec;
pub mod product;
pub mod rotary;
pub mod sampling;

#[cfg(test)]
mod testing;

pub use dispatch::{Recording, Step};

/// Every kernel and every format by its name, with its source.
#[must_use]
pub fn sources() -> Vec<(&'static str, &'static str)> {
    let mut sources = vec![
        ("attention", attention::SOURCE),
        ("attention, merged", attention::MERGE_SOURCE),
        ("copy", copy::SOURCE),
        ("dot", dot::SOURCE),
        ("embedding", embedding::SOURCE),
        ("fill", fill::SOURCE),
        ("fma", fma::SOURCE),
        ("log_softmax", log_softmax::SOURCE),
        ("matmul", matmul::SOURCE),
        ("matvec", matvec::SOURCE),
        ("product", product::SOURCE),
        ("rotary", rotary::SOURCE),
        ("rotary, normed", rotary::NORMED_SOURCE),
        ("rotary, plain", rotary::PLAIN_SOURCE),
        ("sampling", sampling::SOURCE),
    ];
    sources.extend(product::PIECES);
    sources.extend(weights::Format::ALL.map(|format| (format.name(), format.source())));
    sources
}

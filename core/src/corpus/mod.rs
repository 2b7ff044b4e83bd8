//! Corpora: where problems to learn from come from, and how sets of them are kept apart.
//!
//! Everything here is a pure function of its inputs; what needs Lean (the statements of its library, and whether a
//! statement elaborates) is in the worker.

pub mod synthetic;

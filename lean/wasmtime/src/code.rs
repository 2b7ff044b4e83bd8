//! Compiled code: made once, mapped by every process.
#![allow(unsafe_code)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use wasmtime::{Engine, Module, OptLevel, RegallocAlgorithm};

use crate::engine::config;

/// Code that cannot be compiled, or cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CodeError(String);

impl From<wasmtime::Error> for CodeError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// How much a piece of code is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It runs once: what counts is that it is there soon.
    Once,
    /// It runs for years.
    Always,
}

/// Compiles a module for this machine, with at most `threads` threads. Each megabyte takes 1.4 seconds of CPU, or half of
/// that if it runs once, and 25 MB of memory.
///
/// # Errors
///
/// A module that is none.
pub(crate) fn compile(module: &[u8], worth: Worth, threads: usize) -> Result<Vec<u8>, CodeError> {
    let mut config = config();
    if worth == Worth::Once {
        config.cranelift_opt_level(OptLevel::None).cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    let engine = Engine::new(&config)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| CodeError(error.to_string()))?;
    Ok(pool.install(|| engine.precompile_module(module))?)
}

/// What code depends on besides the module: wasmtime's version and configuration, this CPU.
///
/// # Errors
///
/// A CPU for which nothing can be compiled.
pub fn compatibility() -> Result<u64, CodeError> {
    let engine = Engine::new(&config())?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Ok(hasher.finish())
}

/// Maps code that [`compile`] made.
pub(crate) fn load(engine: &Engine, file: &Path) -> Result<Module, CodeError> {
    // SAFETY: wasmtime runs what this file holds. It lies in the user's own cache folder, where this program wrote it, and
    // whoever can change it there can change this program too. wasmtime itself refuses code of another version, another
    // configuration, or for another CPU. Nothing of Lean's, whose text nobody has vetted, can write a file.
    Ok(unsafe { Module::deserialize_file(engine, file) }?)
}

//! Lean 4, compiled to WebAssembly, as a library: statements are opened, tactics run from kept states, proofs judged.
//!
//! The crate does no I/O and starts no thread. It drives a [`Machine`](machine::Machine), which whoever uses it brings: the
//! native program over wasmtime, a page over its browser. README.md of this folder tells how a live state is held.

pub mod answers;
pub mod boot;
pub mod driver;
pub mod hooks;
pub mod hosts;
pub mod imports;
pub mod machine;
pub mod module;
pub mod object;
pub mod packed;
pub mod protocol;
pub mod selftest;
pub mod serve;
pub mod signatures;
pub mod snapshot;
pub mod symbols;

/// The sources of all that shapes the rewritten module: whoever keeps it keeps a hash of these beside it, and makes it
/// anew when they change.
pub const MODULE_RECIPE: [&str; 13] = [
    include_str!("hooks.rs"),
    include_str!("module/code.rs"),
    include_str!("module/divide.rs"),
    include_str!("module/merge.rs"),
    include_str!("module/mod.rs"),
    include_str!("module/parse.rs"),
    include_str!("module/patch.rs"),
    include_str!("module/profile.rs"),
    include_str!("module/profile.txt"),
    include_str!("module/slots.rs"),
    include_str!("module/throwing.rs"),
    include_str!("module/verify.rs"),
    include_str!("symbols.rs"),
];

/// The same for the memory that Leans begin with, beside the module.
pub const MEMORY_RECIPE: [&str; 9] = [
    include_str!("boot.rs"),
    include_str!("driver/commands.rs"),
    include_str!("driver/mod.rs"),
    include_str!("imports/exceptions.rs"),
    include_str!("imports/mod.rs"),
    include_str!("imports/system.rs"),
    include_str!("object.rs"),
    include_str!("selftest.rs"),
    include_str!("snapshot.rs"),
];

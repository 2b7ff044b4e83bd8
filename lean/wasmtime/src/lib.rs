//! Lean in this process: the module of [`stepwise_lean`], compiled ahead of time and run by wasmtime.
//!
//! A [`Runtime`] is what all instances share: compiled code and the snapshot, both mapped from files. An [`Instance`] has
//! a memory of its own, mapped copy-on-write from the snapshot, and costs next to nothing until Lean writes to it.

mod clock;
mod code;
mod engine;
mod folder;
mod host;
mod image;
mod instance;
mod mapped;
mod pieces;
mod sources;

pub use code::{CodeError, compatibility};
pub use engine::{Runtime, on_deep_stack};
pub use folder::{FolderError, Part, Stage, compile, compile_watched, import, open};
pub use host::serve;
pub use instance::{Instance, Limits};
pub use mapped::SnapshotFile;
pub use pieces::{Folders, Watched};

/// The source of how the memory is made that Leans begin with: part of what [`stepwise_lean::MEMORY_RECIPE`] is for.
pub const MEMORY_RECIPE: &str = include_str!("folder.rs");

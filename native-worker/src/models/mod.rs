//! Model folders on disk; the models themselves are the core's.

pub mod bench;
pub mod folder;

pub use folder::{FolderError, ModelFolder};

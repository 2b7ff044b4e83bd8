//! Model folders on disk; the models themselves are the core's.

pub mod folder;

pub use folder::{FolderError, ModelFolder};

//! The page of stepwise: it replays a recorded search, with the search machine itself compiled to WebAssembly.
//!
//! [`replay`] feeds the events to the machine, [`tree`] shows its tree as outline and drawing, [`status`] names states
//! for eye and ear, and `app` (on wasm32 only) is the page around them.

#[cfg(target_arch = "wasm32")]
mod app;
pub mod replay;
pub mod status;
pub mod tree;

#[cfg(target_arch = "wasm32")]
pub use app::mount;

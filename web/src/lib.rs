//! The page of stepwise: it replays a recorded search, with the search machine itself compiled to WebAssembly.
//!
//! [`replay`] feeds the recorded events to the machine, [`outline`] turns its tree into rows and answers the keyboard,
//! [`status`] names states for eye and ear, [`detail`] says all about one item, and `app` (on wasm32 only) draws them.

#[cfg(target_arch = "wasm32")]
mod app;
pub mod detail;
pub mod outline;
pub mod replay;
pub mod status;

#[cfg(target_arch = "wasm32")]
pub use app::mount;

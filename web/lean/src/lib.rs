//! Lean in the visitor's browser.
//!
//! Workers of the page share this module. One is a [`server::Server`]: it speaks the page's protocol, keeps the statement
//! with its states, and is always there to answer. The others are [hosts](stepwise_lean::protocol) that run Lean, one for the
//! statement and one for a proof that is judged, and hear of nothing meanwhile: whatever does not end in time, crashes or is
//! given up is ended with its worker, and the server rebuilds the states that went with it in the next.

#[cfg(target_arch = "wasm32")]
mod exported;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
mod machine;
pub mod server;
#[cfg(target_arch = "wasm32")]
mod unpack;

#[cfg(target_arch = "wasm32")]
pub use self::exported::Server;
#[cfg(target_arch = "wasm32")]
pub use self::host::Host;
#[cfg(target_arch = "wasm32")]
pub use self::machine::{Instance, Pieces, answer, lack};
#[cfg(target_arch = "wasm32")]
pub use self::unpack::{unpack, unpack_memory};

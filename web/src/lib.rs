//! The page of stepwise: proving tactic by tactic with a server's Lean, looking at searches, whose machine is the one that
//! ran them, compiled to WebAssembly, and watching a campaign.
//!
//! What is computed is tested natively: [`client`] keeps a session over connections that break, [`proof`] the script,
//! [`driver`] runs the search machine in the page, [`suggestions`], [`goals`], [`history`], [`unicode`], [`link`] and
//! [`examples`] are what the Prove page shows; [`replay`] feeds events to the machine, [`tree`] shows its tree as outline and
//! drawing, [`status`] names states for eye and ear. [`campaign`] makes HTML of what a coordinator tells, and
//! [`benchmark`] is what is said between the page and the worker that measures.
//! `view` puts it on the screen, on wasm32 only.

pub mod benchmark;
pub mod campaign;
pub mod client;
pub mod driver;
pub mod examples;
pub mod goals;
pub mod history;
pub mod json;
pub mod lean;
pub mod link;
pub mod models;
pub mod proof;
pub mod replay;
pub mod status;
pub mod suggestions;
pub mod tree;
pub mod unicode;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use view::mount;

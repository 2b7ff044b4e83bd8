//! What is on the screen: the shell, the pages and their panes, and what only a browser can do. It exists on wasm32 only;
//! what it shows is computed by the modules beside it, which are tested natively.

mod app;
mod benchmark;
mod browser;
mod campaign;
mod field;
mod lean;
mod live;
mod models;
mod prove;
mod session;
mod socket;
mod tree;
mod worker;

pub use app::mount;

//! Language models on burn: the policy that writes tactics and the critic that scores states.
//!
//! This folder is the only place that names burn. Everything that waits for a device is async, because in a browser
//! nothing may block; files are read by the caller.

pub mod chat;
pub mod config;
pub mod device;
pub mod network;
mod sampling;
pub mod tokenizer;
pub mod weights;

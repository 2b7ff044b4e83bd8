//! Language models on burn: the policy that writes tactics and the critic that scores states.
//!
//! This folder is the only place that names burn. Everything that waits for a device is async, because in a browser
//! nothing may block; files are read by the caller.

pub mod benchmark;
pub mod chat;
pub mod config;
pub mod device;
pub mod engine;
mod error;
mod exp;
pub mod generate;
pub mod known;
pub mod language_model;
pub mod network;
mod prefixes;
pub mod reader;
pub mod reward_model;
pub mod sampling;
mod scoring;
pub mod settings;
pub mod tokenizer;
#[cfg(not(target_arch = "wasm32"))]
pub mod train;
pub mod weights;

pub use error::ModelError;
pub use known::Known;
pub use language_model::{LanguageModel, PolicyOptions};
pub use reader::{Reader, ReaderError};
pub use reward_model::RewardModel;
pub use sampling::{Decoding, Draw, Sampling};
pub use scoring::Scoring;
pub use settings::{Settings, SettingsError};

//! Running searches: the executor that carries out a search's commands, its log, and the runner of whole problem sets.

pub mod critic;
pub mod eval;
pub mod executor;
pub mod log_file;
pub mod model_server;
pub mod policy;
pub mod results;
mod searches;
pub mod sides;
mod states;
pub mod tidy;

pub use executor::{Job, Journal, MissingCritic, Ran, RunError, critic_for, is_asked_for, run_search};
pub use sides::{Both, Negation, Tried, negation_log, run_both};

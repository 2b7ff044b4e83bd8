//! Expert iteration (arXiv 2410.15700): rounds of searching, learning from what was found, and evaluating.
//!
//! A round is a row of stages, each of which leaves files in the run's folder and finds out from them what is left to do:
//! whenever the process is killed, the same command goes on.

pub mod evaluation;
pub mod folder;
pub mod revision;
mod rounds;
pub mod searches;
pub mod training;

use std::path::PathBuf;
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_core::search::Budget;
use stepwise_inference::Sampling;
use stepwise_inference::train::TrainConfig;

pub use self::rounds::Learn;
use crate::lean::pool::Pool;
use crate::models::{LocalError, ModelDevice};
use crate::run::critic::CriticError;
use crate::run::eval::EvalError;
use crate::run::policy::Policy;
use crate::stop::Stop;
use folder::FolderError;
use training::{Shape, TrainingError};

/// What rounds are run with.
pub struct LearnOptions {
    /// How many rounds.
    pub rounds: u32,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// What the quick scan may spend on each statement and on each negation.
    pub scan: Budget,
    /// What the longer search may spend on each in the first round.
    pub deep: Budget,
    /// What the longer search may spend grows by this factor from round to round.
    pub ramp: f64,
    /// The share of the open statements that goes on to the longer search, those that the critic puts first.
    pub deep_share: f64,
    /// The share of the proofs of at least two tactics that are searched again for a shorter one.
    pub shorten_share: f64,
    /// The share of the proved statements that is searched again for a proof in more steps, for the critic.
    pub detail_share: f64,
    /// The share of the samples that is left to exploration beside the trained policy.
    pub explore: f64,
    /// The share of the samples that the portfolio gives beside the trained policy in evaluations.
    pub eval_mix: f64,
    /// What an evaluation may spend on each problem.
    pub eval: Budget,
    /// How the policies draw.
    pub sampling: Sampling,
    /// A policy's and a critic's folder to begin with, or the shape of a new one.
    pub policy: Beginning,
    /// The same for the critic.
    pub critic: Beginning,
    /// The lemmas that a new policy learns to point at: lemmas.jsonl.gz of its folder.
    pub lemmas: Option<Arc<Vec<u8>>>,
    /// Tokens of a new tokenizer.
    pub vocab_size: usize,
    /// How the policy learns.
    pub train_policy: TrainConfig,
    /// How the critic learns.
    pub train_critic: TrainConfig,
    /// Searches at once.
    pub concurrency: usize,
}

/// What a model begins as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    New(Shape),
    /// The model of this folder.
    Folder(PathBuf),
}

/// Problems that are never trained on.
#[derive(Clone, Debug)]
pub struct EvalSet {
    /// Its name, which is also a folder's.
    pub name: String,
    pub problems: Vec<Problem>,
}

/// What a run works with.
pub struct Resources {
    /// The Lean hosts.
    pub pool: Pool,
    /// The Lean, as records name it.
    pub lean: String,
    /// Where models run.
    pub device: ModelDevice,
    /// The portfolio for this Lean.
    pub portfolio: Arc<dyn Policy>,
    /// Who proposes without a trained policy, and explores beside one.
    pub explorer: Arc<dyn Policy>,
    /// The caller's wish to stop.
    pub stop: Stop,
}

/// What a run tells while it works.
pub trait Reporter: Send + Sync {
    /// A line that stays.
    fn say(&self, line: &str);
    /// How far the work is; `line` is made only when it is shown.
    fn update(&self, line: &dyn Fn() -> String);
}

/// Why a run stopped. What its folder has stays good.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The run's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Search(#[from] EvalError),
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A trained model that cannot be opened.
    #[error(transparent)]
    Model(#[from] LocalError),
    /// The critic could not rank the statements.
    #[error(transparent)]
    Critic(#[from] CriticError),
    /// The tokenizer could not be made.
    #[error("cannot make a tokenizer: {0}")]
    Tokenizer(#[from] stepwise_inference::tokenizer::TokenizerError),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// A results file that belongs to something else.
    #[error("{} does not belong to this run ({reason}); move it away", .path.display())]
    Results { path: PathBuf, reason: String },
    /// A part of this program died; its message is on standard error.
    #[error("a part of the run died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

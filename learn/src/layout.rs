//! Where things lie in a run's folder: paths from the folder, with forward slashes.

/// What the run was started with.
pub const MANIFEST: &str = "manifest.json";
/// The statements, each with its split.
pub const PROBLEMS: &str = "problems.jsonl";
/// The tokenizer of the run's new models.
pub const TOKENIZER: &str = "tokenizer.json";
/// The rounds' folders.
pub const ROUNDS: &str = "rounds";

/// A round's folder; rounds are counted from 1.
#[must_use]
pub fn round(number: u32) -> String {
    format!("{ROUNDS}/{number:02}")
}

/// In a round's folder: what it came to, once it is finished.
pub const FINISHED: &str = "round.json";
/// In a round's folder: every search, and what it taught.
pub const TRIALS: &str = "trials.jsonl";
/// In a round's folder: what is searched deeply.
pub const DEEP: &str = "deep.json";
/// In a round's folder: the sets of problems that it was evaluated on.
pub const EVALS: &str = "eval";

/// In a round's folder: a configuration's records on a set of problems.
#[must_use]
pub fn results(set: &str, configuration: &str) -> String {
    format!("{EVALS}/{set}/{configuration}.jsonl")
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

//! The wire format of leanprover-community/repl: its requests, its answers, and how they are framed.
//!
//! A message is a JSON object ended by a blank line, both ways. The source of truth is the program's own `REPL/JSON.lean`
//! and `REPL/Main.lean`: it joins the lines of a request after trimming their ends, and takes the first of its request
//! types whose required fields are there, ignoring all others. Lists that are empty are left out of its answers.

use serde::{Deserialize, Serialize};

/// Options that commands and files share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandOptions {
    /// The environment to run in; a fresh one (where `import` is allowed) when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<u64>,
    /// List every tactic with its goals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_tactics: Option<bool>,
    /// List the goal of every `by` block as a sorry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_goals: Option<bool>,
    /// `full`, `tactics`, `original` or `substantive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infotree: Option<String>,
}

/// What is asked of the program. The order of the variants is the order in which it tries them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// Run one tactic.
    #[serde(rename_all = "camelCase")]
    Step {
        proof_state: u64,
        /// The tactic: one of Lean's category `tactic`, not a sequence.
        tactic: String,
    },
    /// Write an environment to a file.
    #[serde(rename_all = "camelCase")]
    PickleEnv { env: u64, pickle_to: String },
    /// Read an environment from a file. Its imports are loaded again and its constants replayed; other state that
    /// commands leave behind (notation, simp sets) is not in the file.
    #[serde(rename_all = "camelCase")]
    UnpickleEnv { unpickle_env_from: String },
    /// Write a proof state to a file.
    #[serde(rename_all = "camelCase")]
    PickleState { proof_state: u64, pickle_to: String },
    /// Read a proof state from a file.
    #[serde(rename_all = "camelCase")]
    UnpickleState {
        unpickle_proof_state_from: String,
        /// An environment that already has the imports.
        #[serde(skip_serializing_if = "Option::is_none")]
        env: Option<u64>,
    },
    /// Elaborate commands.
    Command {
        cmd: String,
        #[serde(flatten)]
        options: CommandOptions,
    },
    /// Elaborate a file.
    File {
        path: String,
        #[serde(flatten)]
        options: CommandOptions,
    },
}

impl Request {
    /// `cmd` in `env`, without options.
    #[must_use]
    pub fn command(cmd: impl Into<String>, env: Option<u64>) -> Self {
        Self::Command { cmd: cmd.into(), options: CommandOptions { env, ..CommandOptions::default() } }
    }

    /// The request as one line of JSON; the blank line that ends it is the sender's to add.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Numbers, strings and maps with string keys cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A place in the text, lines from 1 and columns from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pos {
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// How bad a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Trace,
    /// What a command like `#check` says.
    Info,
    Warning,
    /// The text is not accepted.
    Error,
}

/// A message of Lean's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub severity: Severity,
    /// Where it begins.
    pub pos: Pos,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_pos: Option<Pos>,
    /// The text, trimmed.
    pub data: String,
}

/// A `sorry` and the proof state at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sorry {
    /// The state, for tactic mode.
    pub proof_state: Option<u64>,
    /// Where it begins; left out in tactic mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pos: Option<Pos>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_pos: Option<Pos>,
    /// The goal as Lean prints it.
    pub goal: String,
}

/// A tactic and the state before it, when all tactics were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TacticInfo {
    pub tactic: String,
    /// The goals before it, as one text.
    pub goals: String,
    /// The state before it.
    pub proof_state: Option<u64>,
    /// Where it begins.
    pub pos: Pos,
    pub end_pos: Pos,
    /// Constants in the terms that it made; older versions leave them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_constants: Option<Vec<String>>,
}

/// The answer to a command, a file or an environment's pickle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResponse {
    /// The environment after it.
    pub env: u64,
    /// What Lean said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sorries: Vec<Sorry>,
    /// The tactics, when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<TacticInfo>,
    /// The info trees, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infotree: Option<serde_json::Value>,
}

/// The answer to a tactic or a proof state's pickle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResponse {
    /// The state after it.
    pub proof_state: u64,
    /// Its goals as Lean prints them.
    pub goals: Vec<String>,
    /// What Lean said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// Sorries in the tactic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sorries: Vec<Sorry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<String>,
    /// What the program thinks of the proof so far: `Completed`, `Incomplete: ...`, `Error: ...`, `Not verified: ...`.
    pub proof_status: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    Step(StepResponse),
    Command(CommandResponse),
    /// To a request that could not be carried out.
    Error {
        message: String,
    },
}

/// Why an answer is not one.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// Not JSON at all, or cut off.
    #[error("the answer is not JSON ({source}): {}", head(text))]
    NotJson {
        text: String,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
    /// A step's answer without its status.
    #[error("the answer has no proofStatus: this repl is too old, update it to the project's Lean version")]
    TooOld,
    /// JSON of another shape.
    #[error("the answer has an unknown shape ({source}): {}", head(text))]
    UnknownShape { text: String, source: serde_json::Error },
}

/// Enough of a wrong answer to recognise it.
fn head(text: &str) -> String {
    let head: String = text.chars().take(200).collect();
    if head.len() < text.len() { format!("{head}...") } else { head }
}

impl Response {
    /// Reads an answer, without the blank line that ends it. The kind is told by the fields, as the program's own
    /// answers carry no tag.
    pub fn parse(text: &str) -> Result<Self, ProtocolError> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|source| ProtocolError::NotJson { text: text.to_owned(), source })?;
        let has = |field: &str| value.get(field).is_some();
        let parsed = if has("proofStatus") {
            StepResponse::deserialize(&value).map(Self::Step)
        } else if has("goals") && has("proofState") {
            return Err(ProtocolError::TooOld);
        } else if has("env") {
            CommandResponse::deserialize(&value).map(Self::Command)
        } else {
            ErrorResponse::deserialize(&value).map(|error| Self::Error { message: error.message })
        };
        parsed.map_err(|source| ProtocolError::UnknownShape { text: text.to_owned(), source })
    }
}

#[derive(Deserialize)]
struct ErrorResponse {
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_whatever_is_in_it() {
        let step = Request::Step { proof_state: 3, tactic: "intro\nx\r\u{0} ∀".into() };
        assert_eq!(step.to_line(), r#"{"proofState":3,"tactic":"intro\nx\r\u0000 ∀"}"#);
        assert_eq!(Request::command("#check 1", None).to_line(), r##"{"cmd":"#check 1"}"##);
    }

    #[test]
    fn the_first_kind_that_fits_wins_and_unknown_fields_are_ignored() {
        let both: Request =
            serde_json::from_str(r#"{"cmd": "x", "tactic": "rfl", "proofState": 1, "pickleTo": "f", "y": 2}"#).unwrap();
        assert_eq!(both, Request::Step { proof_state: 1, tactic: "rfl".into() });
    }

    #[test]
    fn wrong_answers_say_what_is_wrong() {
        let error = |text| Response::parse(text).unwrap_err().to_string();
        assert!(error("uncaught exception").starts_with("the answer is not JSON"));
        assert!(error(r#"{"env": 1"#).starts_with("the answer is not JSON"));
        assert!(error("[1]").starts_with("the answer has an unknown shape"));
        assert!(error(r#"{"proofState": 1, "goals": []}"#).contains("too old"));
    }
}

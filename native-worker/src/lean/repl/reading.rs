//! What the answers of the repl mean to a search: outcomes of tactics, opened statements, accepted commands.
//!
//! The program's own judgement is taken only where it says no. `Completed` is the one status that closes a proof, and
//! even then an error among the messages or a `sorry` in the tactic makes the step a failure: in a whole file the
//! same text would not be accepted.

use super::protocol::{CommandResponse, Message, Response, Severity};

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No goal is left, and the program checked the term.
    Proved,
    Open {
        /// The program's number of the new state.
        state: u64,
        /// The goals' texts.
        goals: Vec<String>,
    },
    /// The tactic is refused.
    Failed {
        /// Lean's message, or the program's status.
        message: String,
    },
    /// The program does not know the state, or gave an answer to something else: it can no longer be trusted.
    Confused { detail: String },
}

/// What a declaration with `sorry` for its proof came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    Open {
        /// The program's number of the state.
        state: u64,
        /// The goal's text.
        goal: String,
    },
    /// It is refused, or has no single goal.
    Rejected { message: String },
    /// As [`Step::Confused`].
    Confused { detail: String },
}

/// Reads the answer to a tactic.
#[must_use]
pub fn step(response: Response) -> Step {
    let answer = match response {
        Response::Step(answer) => answer,
        Response::Error { message } => {
            return match message.strip_prefix("Lean error:\n") {
                Some(message) => Step::Failed { message: message.to_owned() },
                None if message.starts_with("Unknown ") => Step::Confused { detail: message },
                None => Step::Failed { message },
            };
        }
        Response::Command(_) => return Step::Confused { detail: "it answered a tactic as a command".into() },
    };
    let errors = errors(&answer.messages);
    if !errors.is_empty() {
        return Step::Failed { message: errors.join("\n") };
    }
    if !answer.sorries.is_empty() {
        return Step::Failed { message: "the tactic uses `sorry`".into() };
    }
    match answer.proof_status.as_str() {
        "Completed" if answer.goals.is_empty() => Step::Proved,
        "Incomplete: open goals remain" if !answer.goals.is_empty() => {
            Step::Open { state: answer.proof_state, goals: answer.goals }
        }
        status => Step::Failed { message: status.strip_prefix("Error: ").unwrap_or(status).to_owned() },
    }
}

/// Reads the answer to a declaration with `by sorry` for its proof.
#[must_use]
pub fn root(response: Response) -> Root {
    let answer = match command(response) {
        Ok(answer) => answer,
        Err(CommandFailure::Rejected { message }) => return Root::Rejected { message },
        Err(CommandFailure::Confused { detail }) => return Root::Confused { detail },
    };
    match answer.sorries.as_slice() {
        [only] => match only.proof_state {
            Some(state) => Root::Open { state, goal: only.goal.clone() },
            None => Root::Rejected { message: "the statement's goal has no proof state".into() },
        },
        [] => Root::Rejected { message: "the statement leaves nothing to prove".into() },
        many => Root::Rejected {
            message: format!(
                "the statement has {} places with `sorry`; it may have none besides its proof",
                many.len()
            ),
        },
    }
}

/// Why a command's answer cannot be built upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandFailure {
    Rejected {
        message: String,
    },
    /// As [`Step::Confused`].
    Confused {
        detail: String,
    },
}

/// Reads the answer to a command: accepted when no message is an error. Sorries are the caller's to judge.
pub fn command(response: Response) -> Result<CommandResponse, CommandFailure> {
    match response {
        Response::Command(answer) => {
            let errors = errors(&answer.messages);
            if errors.is_empty() { Ok(answer) } else { Err(CommandFailure::Rejected { message: errors.join("\n") }) }
        }
        Response::Error { message } if message.starts_with("Unknown environment") => {
            Err(CommandFailure::Confused { detail: message })
        }
        Response::Error { message } => Err(CommandFailure::Rejected { message }),
        Response::Step(_) => Err(CommandFailure::Confused { detail: "it answered a command as a tactic".into() }),
    }
}

/// The texts of all that Lean said about a tactic.
pub fn said(response: &Response) -> Vec<&str> {
    match response {
        Response::Step(step) => step.messages.iter().map(|message| message.data.as_str()).collect(),
        Response::Command(_) | Response::Error { .. } => Vec::new(),
    }
}

/// The texts of the errors among messages.
#[must_use]
pub fn errors(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter(|message| message.severity == Severity::Error).map(|message| message.data.as_str()).collect()
}

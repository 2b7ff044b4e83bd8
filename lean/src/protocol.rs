//! What passes between a host and whoever asks it: one JSON object a line.

use serde::{Deserialize, Serialize};
use stepwise_core::facts::{Declaration, GoalFacts};

use crate::machine::Fault;

/// A request, answered under its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Elaborates a statement after a preamble and keeps its root state.
    Open {
        /// The request's number.
        id: u64,
        /// The commands before the statement.
        preamble: String,
        /// The statement, up to before `:=`.
        statement: String,
        /// Names that a proof may not rest on.
        without: Vec<String>,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
    /// Runs sibling tactics in a state.
    Apply {
        /// The request's number.
        id: u64,
        state: u64,
        /// Tactic sequences, each run from `state`.
        tactics: Vec<String>,
        /// Wall clock for each, in milliseconds.
        limit_ms: u64,
    },
    /// Lets states go. It is not answered.
    Free {
        /// The states; unknown ones are ignored.
        states: Vec<u64>,
    },
    /// Nobody waits for the answer to a request any more: it ends soon, whatever it says. It is not answered itself.
    Stop {
        /// The request that is meant, whether it runs or waits.
        id: u64,
    },
    /// Judges a statement with this proof.
    Recheck {
        /// The request's number.
        id: u64,
        /// The commands before the statement.
        preamble: String,
        /// The statement, up to before `:=`.
        statement: String,
        /// Names that the proof may not rest on.
        without: Vec<String>,
        /// The lines behind `by`.
        body: String,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
    /// Elaborates a statement with this proof and gives the errors.
    Elaborate {
        /// The request's number.
        id: u64,
        /// The commands before the statement.
        preamble: String,
        /// The statement, up to before `:=`.
        statement: String,
        /// The lines behind `by`.
        body: String,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
    /// Judges every declaration of a whole file.
    CheckFile {
        /// The request's number.
        id: u64,
        /// The file behind its imports.
        text: String,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
    /// Lists the library's theorems.
    Library {
        /// The request's number.
        id: u64,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
    /// States a theorem of the library anew.
    State {
        /// The request's number.
        id: u64,
        /// Its place in the list.
        index: usize,
        /// The name that it is given.
        flat_name: String,
        /// Lemmas that tactics are not to find by themselves.
        without: Vec<String>,
        /// Wall clock, in milliseconds.
        limit_ms: u64,
    },
}

impl Request {
    /// The number under which it is answered, if it is answered.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        match self {
            Self::Free { .. } | Self::Stop { .. } => None,
            Self::Open { id, .. }
            | Self::Apply { id, .. }
            | Self::Recheck { id, .. }
            | Self::Elaborate { id, .. }
            | Self::CheckFile { id, .. }
            | Self::Library { id, .. }
            | Self::State { id, .. } => Some(*id),
        }
    }
}

/// The first line of a host: it is ready, or never will be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Lean's version.
    pub version: Option<String>,
    /// The names of all modules that are imported, directly or not.
    pub modules: Vec<String>,
    /// Why it never will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatal: Option<String>,
}

/// What every answer carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope<T> {
    /// The request's number.
    pub id: u64,
    /// What it cost, in microseconds of CPU.
    pub cpu_us: u64,
    /// What it cost, in microseconds of wall clock.
    pub wall_us: u64,
    /// Lean was cut off: the states of the statement that was asked about are lost, and no further line answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatal: Option<Fatal>,
    /// The limit passed and Lean stopped by itself.
    pub timeout: bool,
    #[serde(flatten)]
    pub answer: T,
}

/// How Lean was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fatal {
    /// Of which kind it was.
    pub cause: Cause,
    pub detail: String,
}

/// Kinds of [`Fatal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It did not stop when it was told to.
    Timeout,
    /// It trapped, exited, or was not what it should be.
    Crashed,
    /// What it called is not compiled yet: a process that starts when it is will answer.
    Incomplete,
}

impl From<Fault> for Fatal {
    fn from(fault: Fault) -> Self {
        let cause = match fault {
            Fault::OutOfMemory { .. } => Cause::OutOfMemory,
            Fault::Stopped => Cause::Timeout,
            Fault::Incomplete => Cause::Incomplete,
            Fault::StackExhausted | Fault::Crashed(_) | Fault::OutOfBounds(_) | Fault::Unfit(_) => Cause::Crashed,
        };
        Self { cause, detail: fault.to_string() }
    }
}

/// What opening a statement gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenAnswer {
    /// The root state.
    pub state: Option<u64>,
    /// Its goals, as Lean prints them.
    pub goals: Vec<String>,
    /// What the user should know about the statement, one line each.
    pub notes: Vec<String>,
    /// What Lean knows of the first goals beyond their text.
    pub facts: Vec<Option<GoalFacts>>,
    /// The preamble's own declarations.
    pub declarations: Vec<Declaration>,
    /// Why it was not opened.
    pub rejected: Option<String>,
}

/// What became of one tactic; or the line that ends them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplyAnswer {
    /// No goal is left, and the proof has no flaw.
    pub proved: bool,
    /// The state that it led to.
    pub open: Option<u64>,
    /// Its goals, as Lean prints them.
    pub goals: Vec<String>,
    /// What Lean knows of the first goals beyond their text.
    pub facts: Vec<Option<GoalFacts>>,
    /// Lean's message, where it failed.
    pub failed: Option<String>,
    /// What a tactic that may only search said.
    pub tried: Vec<String>,
    /// The state is not known here.
    pub lost: bool,
    /// All tactics have run.
    pub done: bool,
}

/// A judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JudgeAnswer {
    /// Whether it is a proof.
    pub accepted: bool,
    pub reasons: Vec<String>,
    /// The axioms that it rests on, as far as they can be seen.
    pub axioms: Vec<String>,
    /// How many constants of the library could not be opened.
    pub unopened: u64,
    /// What the user should know about the statement, one line each.
    pub notes: Vec<String>,
}

/// The judgement of a whole file; for `elaborate`, its errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileAnswer {
    pub errors: Vec<String>,
    /// What this build of Lean left out.
    pub notes: Vec<String>,
    /// Theorems and examples, and what else is not proved.
    pub theorems: Vec<FileTheorem>,
}

/// The judgement of one declaration of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTheorem {
    pub name: String,
    /// What it is: `theorem`, `example`, `definition` and the like.
    pub kind: String,
    /// The 1-based line at which it begins.
    pub line: Option<u32>,
    #[serde(flatten)]
    pub judge: JudgeAnswer,
}

/// The library's theorems.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LibraryAnswer {
    pub modules: Vec<String>,
    /// Its theorems, in its order.
    pub theorems: Vec<LibraryRow>,
}

/// A theorem's name, the index of its module, its shape and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryRow(pub String, pub usize, pub Option<u32>, pub u32);

/// A theorem of the library, stated anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateAnswer {
    pub statement: Option<String>,
    /// Commands before it.
    pub header: String,
    /// Why it could not be stated.
    pub unstated: Option<String>,
}

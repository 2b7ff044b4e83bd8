//! What passes between a host and its Node process: one JSON object a line (`driver/host.cjs` is the twin).

use serde::{Deserialize, Serialize};
use stepwise_core::facts::{Declaration, GoalFacts};

/// A request.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Request<'a> {
    Open { id: u64, preamble: &'a str, statement: &'a str, without: &'a [String], limit_ms: u64 },
    Apply { id: u64, state: u64, tactics: &'a [String], limit_ms: u64 },
    Free { states: &'a [u64] },
    Recheck { id: u64, preamble: &'a str, statement: &'a str, without: &'a [String], body: &'a str, limit_ms: u64 },
    Elaborate { id: u64, preamble: &'a str, statement: &'a str, body: &'a str, limit_ms: u64 },
    CheckFile { id: u64, text: &'a str, limit_ms: u64 },
    Library { id: u64, limit_ms: u64 },
    State { id: u64, index: usize, flat_name: &'a str, without: &'a [String], limit_ms: u64 },
}

/// The first line of a process: it is ready, or never will be.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) version: Option<String>,
    /// The names of all modules that are imported, directly or not.
    #[serde(default)]
    pub(super) modules: Vec<String>,
    pub(super) fatal: Option<String>,
}

/// What every answer carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Envelope<T> {
    pub(super) id: u64,
    pub(super) cpu_us: u64,
    pub(super) wall_us: u64,
    /// The process trapped and ends.
    pub(super) fatal: Option<String>,
    /// The limit passed and Lean stopped by itself.
    pub(super) timeout: bool,
    #[serde(flatten)]
    pub(super) answer: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OpenAnswer {
    pub(super) state: Option<u64>,
    pub(super) goals: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) facts: Vec<Option<GoalFacts>>,
    pub(super) declarations: Vec<Declaration>,
    pub(super) rejected: Option<String>,
}

/// One tactic's line, or the line that ends them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ApplyAnswer {
    pub(super) proved: bool,
    pub(super) open: Option<u64>,
    pub(super) goals: Vec<String>,
    /// Of the first goals.
    pub(super) facts: Vec<Option<GoalFacts>>,
    pub(super) failed: Option<String>,
    /// What a tactic that may only search said.
    pub(super) tried: Vec<String>,
    pub(super) lost: bool,
    pub(super) done: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JudgeAnswer {
    pub(super) accepted: bool,
    pub(super) reasons: Vec<String>,
    pub(super) axioms: Vec<String>,
    pub(super) unopened: u64,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FileAnswer {
    pub(super) errors: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) theorems: Vec<FileTheorem>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileTheorem {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) line: Option<u32>,
    #[serde(flatten)]
    pub(super) judge: JudgeAnswer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LibraryAnswer {
    pub(super) modules: Vec<String>,
    pub(super) theorems: Vec<LibraryRow>,
}

/// A theorem's name, the index of its module, its shape and its size.
#[derive(Debug, Deserialize)]
pub(super) struct LibraryRow(pub(super) String, pub(super) usize, pub(super) Option<u32>, pub(super) u32);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateAnswer {
    pub(super) statement: Option<String>,
    pub(super) header: String,
    pub(super) unstated: Option<String>,
}

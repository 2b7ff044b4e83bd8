//! Problems: theorems to be proved, read from JSON files (miniF2F, ProofNet, PutnamBench, Lean-Workbook), plain
//! statements, and `.lean` files with `sorry`.

mod dataset;
mod dataset_shape;
mod file_header;
mod lean_file;
mod lemma;
mod negation;
mod statement;

pub use dataset::{Dataset, DatasetError, Place, Problem, Renamed, read_dataset, read_jsonl};
pub use file_header::{HeaderError, SplitFile, split_file};
pub use lean_file::{LeanFileError, OpenKind, OpenPlace, Sorries, Task, fill, split_sorries};
pub use lemma::{Plain, knows_lemma, lemmas_as_theorems};
pub use statement::{Defaults, StatementError, breaks_off, parse_statement};

/// Notation that Mathlib's statements use and core Lean lacks: `ℕ`, `ℤ` and `ℚ`. A preamble for hosts without Mathlib.
pub const CORE_NOTATION: &str = "local notation \"ℕ\" => Nat\nlocal notation \"ℤ\" => Int\nlocal notation \"ℚ\" => Rat";

/// The name of a theorem whose statement came as a bare proposition.
pub const BARE_NAME: &str = "stepwise_goal";

/// A theorem to be proved, split into what we own and what the proof fills in.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Theorem {
    /// The name as written in the statement; `example` for an `example`.
    pub name: String,
    /// Modules that the header imports, in order; empty means what the host has loaded.
    pub imports: Vec<String>,
    /// Commands before the statement: notation, `open`, `namespace`, `variable`, earlier declarations.
    pub preamble: String,
    /// The statement, from its keyword (`theorem`, `lemma`, `example`, `def`) to before `:=`. What belongs to the same
    /// command and precedes the keyword is part of it: `open Nat in`, `@[simp]`, `private`.
    pub statement: String,
    /// Full names of library declarations that the proof may not rest on directly: for a theorem of the library itself,
    /// its own name and those of its restatements. A recheck refuses a proof that names one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

impl Theorem {
    /// The whole file with these tactics (without indentation) as the proof, ready for Lean.
    ///
    /// Every line of a tactic is indented by two spaces; blank lines stay blank. Without tactics the body is `skip`,
    /// so that Lean reports the goals instead of a syntax error.
    #[must_use]
    pub fn file(&self, tactics: &[String]) -> String {
        let mut file = String::new();
        for module in &self.imports {
            file.push_str(&format!("import {module}\n"));
        }
        if !self.imports.is_empty() {
            file.push('\n');
        }
        let preamble = self.preamble.trim_matches('\n');
        if !preamble.trim().is_empty() {
            file.push_str(preamble);
            file.push_str("\n\n");
        }
        file.push_str(self.statement.trim_end());
        file.push_str(" := by\n");
        file.push_str(&self.proof_body(tactics));
        file
    }

    /// The lines below `by`: every line of every tactic, indented by two spaces and ended.
    #[must_use]
    pub fn proof_body(&self, tactics: &[String]) -> String {
        if tactics.is_empty() {
            return "  skip\n".to_owned();
        }
        let mut body = String::new();
        for line in tactics.iter().flat_map(|tactic| tactic.lines()) {
            if !line.trim().is_empty() {
                body.push_str("  ");
                body.push_str(line);
            }
            body.push('\n');
        }
        body
    }

    /// SHA-256 of imports, preamble, statement and what the proof does without, in hexadecimal: what tells two problems of
    /// one name apart.
    #[must_use]
    pub fn hash(&self) -> String {
        let parts = self.imports.iter().chain([&self.preamble, &self.statement]).chain(&self.without);
        crate::digest::sha256_of_parts(parts.map(String::as_str))
    }
}

#[cfg(test)]
mod tests;

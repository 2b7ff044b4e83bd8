//! Problems: theorems to be proved, read from JSON lines (miniF2F, ProofNet, PutnamBench, Lean-Workbook), plain
//! statements, and `.lean` files with `sorry`.

/// A theorem to be proved, split into what we own and what the proof fills in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Theorem {
    /// The name as written in the statement.
    pub name: String,
    /// Modules that the header imports, in order; empty means what the host has loaded.
    pub imports: Vec<String>,
    /// Commands before the statement: notation, `open`, `namespace`, `variable`, earlier declarations.
    pub preamble: String,
    /// The statement, from its keyword (`theorem`, `lemma`, `example`, `def`) to before `:=`.
    pub statement: String,
}

impl Theorem {
    /// The whole file with `body` (tactic lines without indentation) as the proof, ready for Lean.
    #[must_use]
    pub fn proof_body(&self, t: &[String]) -> String { t.iter().map(|t| format!("  {}", t.replace("\n", "\n  "))).collect::<Vec<_>>().join("\n") }
    /// x
    #[must_use]
    pub fn file(&self, _tactics: &[String]) -> String {
        todo!()
    }
}

//! The negation of a theorem: what disproves it when it is proved.

use super::Theorem;
use super::statement::Source;

impl Theorem {
    /// `theorem t (n : Nat) (h : P n) : Q n` becomes `theorem t_negation : ¬ ∀ (n : Nat) (h : P n), Q n`. `None` where it
    /// cannot be stated on the text alone: for a `def`, and for a statement without a colon.
    #[must_use]
    pub fn negation(&self) -> Option<Self> {
        let source = Source::new(&self.statement).ok()?;
        let n_tokens = source.tokens.len();
        let keyword = (0..n_tokens).find(|idx| matches!(source.text(*idx), "theorem" | "lemma" | "example"))?;
        let mut depth = 0_i32;
        let colon = (keyword + 1..n_tokens).find(|idx| {
            match source.text(*idx) {
                "(" | "[" | "{" | "⟨" | "⦃" => depth += 1,
                ")" | "]" | "}" | "⟩" | "⦄" => depth -= 1,
                ":" if depth == 0 => return true,
                _ => {}
            }
            false
        })?;
        let name_tokens = usize::from(source.text(keyword) != "example");
        let binders = &self.statement[source.start_of(keyword + 1 + name_tokens)..source.start_of(colon)];
        let conclusion = self.statement[source.start_of(colon + 1)..].trim();
        let name = format!("{}_negation", self.name.replace(['«', '»'], ""));
        let statement = match binders.trim() {
            "" => format!("theorem {name} : ¬ ({conclusion})"),
            binders => format!("theorem {name} : ¬ (∀ {binders}, {conclusion})"),
        };
        Some(Self { name, statement, ..self.clone() })
    }
}

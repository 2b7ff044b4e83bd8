//! A statement's normal form: equal for statements that differ only in how they are written down.

use super::definitions::{Anonymous, anonymous};
use stepwise_core::digest::sha256_of_parts;
use stepwise_core::problem::Theorem;
use stepwise_core::syntax::bound::{Part, Scope};
use stepwise_core::syntax::signature::Signature;

/// The text under which statements are compared.
///
/// It begins behind keyword and name, so that `theorem`, `lemma` and `example` are alike. Comments and universes are
/// gone, lexemes are one space apart, and ASCII and Unicode spellings are one (`ℕ` is `Nat`, `->` is `→`). Leading
/// quantifiers and implications of the conclusion become binders, each binder stands alone in round brackets, and
/// bound names (the statement's own, and no others) are `v1`, `v2`, .. in the order in which they are introduced.
///
/// Equal texts mean the same to Lean, apart from how arguments are given, as long as what the preamble declares is the
/// same; the converse does not hold.
#[must_use]
pub fn normalise(theorem: &Theorem) -> String {
    let signature = Signature::read(&theorem.statement);
    let mut scope = Scope::default();
    let mut words: Vec<String> = Vec::new();
    for binder in &signature.binders {
        let ty = scope.read(&binder.ty);
        let number = scope.introduce(binder.name.as_deref().unwrap_or_default());
        words.push("(".into());
        words.push(variable(number, ""));
        if !ty.is_empty() {
            words.push(":".into());
            words.extend(ty.iter().map(word));
        }
        words.push(")".into());
    }
    words.push(":".into());
    words.extend(scope.read(&signature.conclusion).iter().map(word));
    words.join(" ")
}

/// SHA-256 of the normal form, in hexadecimal; of a theorem about its own definitions that of both, with own names gone.
#[must_use]
pub fn statement_key(theorem: &Theorem) -> String {
    match anonymous(theorem) {
        None => sha256_of_parts([normalise(theorem).as_str()]),
        Some(Anonymous { statement, declarations }) => {
            let theorem = Theorem { statement, ..Theorem::default() };
            let declarations = declarations.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join("\n");
            sha256_of_parts([normalise(&theorem).as_str(), &declarations])
        }
    }
}

/// The shape of a theorem about its own definitions: its normal form with own names numbered, whatever they stand for.
/// What is about no own definitions has its normal form for its shape.
#[must_use]
pub fn shape(theorem: &Theorem) -> String {
    match anonymous(theorem) {
        None => normalise(theorem),
        Some(Anonymous { statement, .. }) => normalise(&Theorem { statement, ..Theorem::default() }),
    }
}

fn word(part: &Part) -> String {
    match part {
        Part::Bound { number, fields } => variable(*number, fields),
        Part::Free(lexeme) => lexeme.text.clone(),
    }
}

fn variable(number: usize, fields: &str) -> String {
    format!("v{}{fields}", number + 1)
}

#[cfg(test)]
mod tests;

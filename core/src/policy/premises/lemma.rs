//! A lemma as the policy knows it: what its conclusion is, and what a tactic can do with that.

use super::symbols::Symbols;
use super::{HYPOTHESIS, Premise};
use crate::corpus::bound::{Part, Scope};
use crate::corpus::lexeme::{Lexeme, find_top_level};
use crate::corpus::signature::{BinderKind, Signature};

/// A lemma, read.
#[derive(Clone, Debug)]
pub(super) struct Lemma {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// It has explicit hypotheses, which a tactic must find or leave as goals.
    pub(super) is_conditional: bool,
    /// The relation of the conclusion, when it is one: `=`, `≤`, `∈`.
    pub(super) relation: Option<String>,
}

/// What a lemma concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Equation,
    Iff,
    Other,
}

/// A lemma's symbols: of all of it, and of the sides of its equation or equivalence.
#[derive(Clone, Debug, Default)]
pub(super) struct LemmaSymbols {
    pub(super) all: Symbols,
    pub(super) left: Symbols,
    pub(super) right: Symbols,
}

impl Lemma {
    pub(super) fn read(premise: Premise) -> (Self, LemmaSymbols) {
        let Signature { binders, conclusion } = Signature::read(&premise.statement);
        let mut scope = Scope::default();
        let mut symbols = LemmaSymbols::default();
        let mut is_conditional = false;
        for binder in &binders {
            let ty = scope.read(&binder.ty);
            symbols.all.add(&ty, HYPOTHESIS);
            is_conditional |= binder.kind == BinderKind::Explicit && is_proposition(&ty);
            scope.introduce(binder.name.as_deref().unwrap_or_default());
        }
        let parts = scope.read(&conclusion);
        symbols.all.add(&parts, 1.0);
        let (relation, place) = match relation_of(&conclusion) {
            Some((relation, place)) => (Some(relation), place),
            None => (None, conclusion.len()),
        };
        let shape = match relation.as_deref() {
            Some("=") => Shape::Equation,
            Some("↔") => Shape::Iff,
            _ => Shape::Other,
        };
        if shape != Shape::Other {
            symbols.left.add(&parts[..place], 1.0);
            symbols.right.add(&parts[place + 1..], 1.0);
        }
        (Self { name: premise.name, shape, is_conditional, relation }, symbols)
    }
}

/// Relations from the loosest on.
const RELATIONS: [&str; 25] = [
    "↔", "∨", "∧", "=", "≠", "<", "≤", ">", "≥", "∣", "∈", "∉", "⊆", "⊂", "~", "<+", "<+:", "<:+", "<:+:", "==", "!=",
    "≈", "≍", "∃", "¬",
];

/// The relation that a proposition is, and where its sign stands.
pub(super) fn relation_of(proposition: &[Lexeme]) -> Option<(String, usize)> {
    let first = proposition.first()?;
    if matches!(first.text.as_str(), "∃" | "∀") {
        return Some((first.text.clone(), 0));
    }
    RELATIONS.iter().find_map(|relation| {
        find_top_level(proposition, |lexeme| lexeme.is(relation)).map(|place| ((*relation).to_owned(), place))
    })
}

/// Whether a binder's type is a proposition, as far as its text tells.
fn is_proposition(ty: &[Part]) -> bool {
    let mut parts = ty.iter();
    let sign = |part: &Part| matches!(part, Part::Free(lexeme) if RELATIONS.contains(&lexeme.text.as_str()));
    // `p x` with a variable `p` in front is a proposition unless it is a type, which is a capital's job.
    let predicate = matches!(ty.first(), Some(Part::Bound { fields, .. }) if ty.len() > 1 || !fields.is_empty());
    predicate || parts.any(sign)
}

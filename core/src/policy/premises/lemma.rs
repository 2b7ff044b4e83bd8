//! A lemma as the policy knows it: what its conclusion is, and what a tactic can do with that.

use super::symbols::Symbols;
use super::{HYPOTHESIS, Premise};
use crate::syntax::bound::{Part, Scope};
use crate::syntax::lexeme::{Lexeme, find_top_level};
use crate::syntax::signature::{BinderKind, Signature};

/// A lemma, read.
#[derive(Clone, Debug)]
pub(super) struct Lemma {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// It has explicit hypotheses, which a tactic must find or leave as goals.
    pub(super) is_conditional: bool,
    /// The relation of the conclusion, when it is one: `=`, `≤`, `∈`.
    pub(super) relation: Option<String>,
    /// The types of its variables that a goal shows where it has them: `Int`, `List`. Natural numbers may be there unnamed.
    pub(super) types: Vec<String>,
    pub(super) bridge: Option<Bridge>,
}

/// An equivalence that says what a relation between any two values of a type is elsewhere, such as
/// `a.toNat = b.toNat ↔ a = b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bridge {
    /// The relation between the two values.
    pub(super) relation: String,
    /// The side of the equivalence on which it stands: 0 or 1.
    pub(super) side: usize,
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
        let mut types = Vec::new();
        let mut variables = Vec::new();
        for binder in &binders {
            let ty = scope.read(&binder.ty);
            symbols.all.add(&ty, HYPOTHESIS);
            is_conditional |= binder.kind == BinderKind::Explicit && is_proposition(&ty);
            if let Some(head) = binder.ty.first().filter(|head| is_telling_type(head)) {
                types.push(head.text.clone());
            }
            let number = scope.introduce(binder.name.as_deref().unwrap_or_default());
            variables.push((number, &binder.ty));
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
        let mut bridge = None;
        if shape != Shape::Other {
            let sides = [&parts[..place], &parts[place + 1..]];
            symbols.left.add(sides[0], 1.0);
            symbols.right.add(sides[1], 1.0);
            // Arithmetic decides what natural numbers can be carried over to.
            let has_values = types.iter().any(|ty: &String| ty != "Nat");
            if shape == Shape::Iff && !is_conditional && has_values {
                bridge = (0..2).find_map(|side| Bridge::read(side, sides[side], sides[1 - side], &variables));
            }
        }
        (Self { name: premise.name, shape, is_conditional, relation, types, bridge }, symbols)
    }
}

impl Bridge {
    /// Reads an equivalence with `here` on this side. The relation must be between two variables of one type, and what it
    /// is equivalent to (`there`) must be about what is made of these two, and of nothing else: `-a = -b ↔ a = b` leads
    /// nowhere, and `a + c = b + c ↔ a = b` leaves `c` to be guessed.
    fn read(side: usize, here: &[Part], there: &[Part], variables: &[(usize, &Vec<Lexeme>)]) -> Option<Self> {
        let [Part::Bound { number: a, fields }, Part::Free(sign), Part::Bound { number: b, fields: b_fields }] = here
        else {
            return None;
        };
        let ty = |number: &usize| variables.iter().find(|(known, _)| known == number).map(|(_, ty)| *ty);
        let is_made_of = |wanted: &usize| {
            there.iter().enumerate().any(|(idx, part)| {
                let is_cast = idx > 0 && matches!(&there[idx - 1], Part::Free(sign) if sign.is("↑"));
                matches!(part, Part::Bound { number, fields } if number == wanted && (is_cast || !fields.is_empty()))
            })
        };
        let is_other = |part: &Part| matches!(part, Part::Bound { number, .. } if number != a && number != b && ty(number).is_some());
        let is_bridge = a != b
            && fields.is_empty()
            && b_fields.is_empty()
            && ty(a) == ty(b)
            && is_made_of(a)
            && is_made_of(b)
            && !there.iter().any(is_other);
        is_bridge.then(|| Self { relation: sign.text.clone(), side })
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

fn is_telling_type(head: &Lexeme) -> bool {
    head.text.starts_with(|c: char| c.is_ascii_uppercase())
        && !matches!(head.text.as_str(), "Bool" | "Prop" | "Type" | "Sort")
}

/// Whether a binder's type is a proposition, as far as its text tells.
fn is_proposition(ty: &[Part]) -> bool {
    let mut parts = ty.iter();
    let sign = |part: &Part| matches!(part, Part::Free(lexeme) if RELATIONS.contains(&lexeme.text.as_str()));
    // `p x` with a variable `p` in front is a proposition unless it is a type, which is a capital's job.
    let predicate = matches!(ty.first(), Some(Part::Bound { fields, .. }) if ty.len() > 1 || !fields.is_empty());
    predicate || parts.any(sign)
}

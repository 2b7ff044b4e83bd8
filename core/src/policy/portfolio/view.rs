//! What the templates know about a proof state: hypotheses by kind, the target taken apart, names that are free.

use super::arith::{Op, Prop, Rel, Term};
use crate::facts::{Declaration, GoalFacts};
use crate::goal::Goal;
use crate::policy::ProposalRequest;
use crate::syntax::printed::{fold, mentions};

/// What a hypothesis is, as far as its printed type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nat,
    Int,
    Rat,
    Bool,
    List,
    Option,
    Pair,
    /// A proposition as a variable: `p : Prop`.
    Proposition,
    Function,
    /// A proof: the type is a proposition.
    Proof,
    Other,
}

/// One named hypothesis.
#[derive(Clone, Debug)]
pub(super) struct Hyp {
    pub(super) name: String,
    /// The type with white space folded.
    pub(super) ty: String,
    pub(super) kind: Kind,
    /// The type read as arithmetic, for proofs.
    pub(super) prop: Option<Prop>,
    /// False for names with a dagger, which no tactic can mention.
    pub(super) accessible: bool,
}

/// The first goal, read.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) hyps: Vec<Hyp>,
    /// The target with white space folded.
    pub(super) target: String,
    pub(super) target_prop: Option<Prop>,
    pub(super) n_goals: usize,
    pub(super) history: &'a [String],
    /// What Lean knows of the goal, where it tells that.
    pub(super) facts: Option<&'a GoalFacts>,
    /// The file's own declarations.
    pub(super) declarations: &'a [Declaration],
}

impl<'a> View<'a> {
    pub(super) fn new(goal: &'a Goal, request: &'a ProposalRequest) -> Self {
        let mut hyps: Vec<Hyp> = Vec::new();
        for hypothesis in &goal.hypotheses {
            let ty = fold(&hypothesis.ty);
            for name in &hypothesis.names {
                let kind = kind_of(&ty, &hyps);
                let prop = (kind == Kind::Proof).then(|| Prop::parse(&ty)).flatten();
                let accessible = !name.contains('✝');
                hyps.push(Hyp { name: name.clone(), ty: ty.clone(), kind, prop, accessible });
            }
        }
        // A later hypothesis of the same name shadows the earlier one, which Lean then prints with a dagger.
        let target = fold(&goal.target);
        let target_prop = Prop::parse(&target);
        Self {
            hyps,
            target,
            target_prop,
            n_goals: request.goals.len(),
            history: &request.history,
            facts: goal.facts.as_deref(),
            declarations: &request.declarations,
        }
    }

    /// Whether the target distinguishes cases as it stands.
    pub(super) fn has_branches(&self) -> bool {
        self.facts.is_some_and(|facts| facts.branches) || self.target.contains("if ") || self.target.contains("match ")
    }

    /// Accessible proofs, newest first: what was introduced last is what the goal is about.
    pub(super) fn proofs(&self) -> impl Iterator<Item = &Hyp> {
        self.hyps.iter().rev().filter(|hyp| hyp.kind == Kind::Proof && hyp.accessible)
    }

    /// Accessible variables of one kind, in order.
    pub(super) fn vars(&self, kind: Kind) -> impl Iterator<Item = &Hyp> {
        self.hyps.iter().filter(move |hyp| hyp.kind == kind && hyp.accessible)
    }

    /// The hypothesis of this name.
    pub(super) fn hyp(&self, name: &str) -> Option<&Hyp> {
        self.hyps.iter().rev().find(|hyp| hyp.name == name)
    }

    /// True when `name` stands in the target as a whole word.
    pub(super) fn in_target(&self, name: &str) -> bool {
        mentions(&self.target, name)
    }

    /// True when no hypothesis stands in the target.
    pub(super) fn target_is_closed(&self) -> bool {
        !self.hyps.iter().any(|hyp| self.in_target(&hyp.name))
    }

    /// True when the target or a proof speaks of natural numbers or integers, so that `omega` may know something.
    pub(super) fn is_arithmetic(&self) -> bool {
        let arithmetic = |prop: &Option<Prop>| {
            let mut found = false;
            if let Some(prop) = prop {
                prop.visit_relations(&mut |_, _, _| found = true);
            }
            found
        };
        arithmetic(&self.target_prop) || self.hyps.iter().any(|hyp| arithmetic(&hyp.prop))
    }

    /// A name that no hypothesis has and that was not handed out before: `base`, `base1`, `base2`, ...
    pub(super) fn fresh(&self, base: &str, taken: &[String]) -> String {
        let is_free =
            |name: &str| self.hyps.iter().all(|hyp| hyp.name != name) && taken.iter().all(|other| other != name);
        if is_free(base) {
            return base.to_owned();
        }
        let mut idx = 1_usize;
        loop {
            let name = format!("{base}{idx}");
            if is_free(&name) {
                return name;
            }
            idx += 1;
        }
    }

    /// Proofs `k = closed term` whose value has too many digits to be computed: replacing `k` by it can cost minutes,
    /// and an exponent that large makes Lean panic.
    pub(super) fn towers(&self) -> impl Iterator<Item = &Hyp> {
        self.hyps.iter().filter(|hyp| {
            let Some(Prop::Rel(Rel::Eq, Term::Atom(_), value)) = &hyp.prop else { return false };
            let mut large = false;
            value.visit(&mut |term| {
                if let Term::Bin(Op::Pow, _, exponent) = term {
                    large |= exponent.numeral().is_none_or(|exponent| exponent > 256);
                }
            });
            large && value.is_closed()
        })
    }

    /// How many tactics of the history begin with `word`.
    pub(super) fn n_used(&self, word: &str) -> usize {
        self.history.iter().filter(|tactic| tactic.starts_with(word)).count()
    }

    /// Everything known that reads as arithmetic: conjuncts of the proofs.
    pub(super) fn facts(&self) -> Vec<&Prop> {
        self.hyps.iter().filter_map(|hyp| hyp.prop.as_ref()).flat_map(Prop::conjuncts).collect()
    }

    /// All terms of target and proofs, outermost first.
    pub(super) fn terms(&self) -> Vec<&Term> {
        let mut out = Vec::new();
        if let Some(prop) = &self.target_prop {
            prop.visit_terms(&mut |term| out.push(term));
        }
        for hyp in &self.hyps {
            if let Some(prop) = &hyp.prop {
                prop.visit_terms(&mut |term| out.push(term));
            }
        }
        out
    }

    /// The target's relation, when it is one.
    pub(super) fn target_relation(&self) -> Option<(Rel, &Term, &Term)> {
        match &self.target_prop {
            Some(Prop::Rel(rel, left, right)) => Some((*rel, left, right)),
            _ => None,
        }
    }
}

/// Symbols that make a type a proposition wherever they stand.
const PROPOSITIONAL: &[&str] = &[
    " = ", " ≠ ", " < ", " ≤ ", " > ", " ≥ ", " ∣ ", " ∧ ", " ∨ ", "¬", " ↔ ", "∃", " ∈ ", " ∉ ", " ⊆ ", "∀", " ~ ",
    " <+",
];

fn kind_of(ty: &str, earlier: &[Hyp]) -> Kind {
    match ty {
        "ℕ" | "Nat" => return Kind::Nat,
        "ℤ" | "Int" => return Kind::Int,
        "ℚ" | "Rat" => return Kind::Rat,
        "Bool" => return Kind::Bool,
        "Prop" => return Kind::Proposition,
        "True" | "False" => return Kind::Proof,
        _ => {}
    }
    if PROPOSITIONAL.iter().any(|symbol| ty.contains(symbol)) {
        return Kind::Proof;
    }
    // `p`, `p → q` and `P x` are proofs when the last head is a proposition or a predicate.
    let conclusion = ty.rsplit(" → ").next().unwrap_or(ty).trim_start_matches('(');
    let head = conclusion.split_whitespace().next().unwrap_or("").trim_end_matches(')');
    if let Some(owner) = earlier.iter().rev().find(|hyp| hyp.name == head)
        && (owner.kind == Kind::Proposition || owner.ty.ends_with("→ Prop"))
    {
        return Kind::Proof;
    }
    if ty.contains(" → ") {
        return Kind::Function;
    }
    if ty.starts_with("List ") || ty.starts_with("Array ") {
        return if ty.starts_with("List ") { Kind::List } else { Kind::Other };
    }
    if ty.starts_with("Option ") {
        return Kind::Option;
    }
    if ty.contains(" × ") {
        return Kind::Pair;
    }
    // `Even n`, `l.Nodup`, `Nat.Coprime m n`: an application to a variable in scope is nearly always a proposition.
    let applied = head.contains('.') || earlier.iter().any(|hyp| hyp.kind != Kind::Other && mentions(ty, &hyp.name));
    if applied && !ty.starts_with("Fin ") && !ty.starts_with("BitVec ") && !ty.starts_with("Vector ") {
        return Kind::Proof;
    }
    Kind::Other
}

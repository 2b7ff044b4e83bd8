//! Equations and universal statements among the hypotheses, put to use: rewrite, substitute, instantiate.

use super::arith::{Prop, Rel, Term};
use super::view::{Hyp, Kind, View};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::{Binder, find_connective, mentions, telescope};

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    let mut n_equations = 0;
    for hyp in view.proofs() {
        let (binders, conclusion) = telescope(&hyp.ty);
        if let Some(at) = find_connective(conclusion, " = ")
            && [" ∧ ", " ∨ ", " ↔ "].iter().all(|symbol| find_connective(conclusion, symbol).is_none())
            && !conclusion.starts_with('¬')
        {
            let sides = (conclusion[..at].trim(), conclusion[at + 3..].trim());
            equation(view, hyp, &binders, sides, n_equations, drafts);
            n_equations += 1;
        } else if binders.is_empty() && find_connective(&hyp.ty, " ↔ ").is_some() {
            drafts.add(2.0, format!("rw [{}]", hyp.name));
            drafts.add(1.5, format!("simp [{}]", hyp.name));
        }
        if !binders.is_empty() {
            instantiate(view, hyp, &binders, drafts);
        }
    }
    definitions(view, drafts);
    cast_goal(view, drafts);
}

fn equation(view: &View, hyp: &Hyp, binders: &[Binder], (left, right): (&str, &str), nth: usize, drafts: &mut Drafts) {
    let name = &hyp.name;
    let fade = if nth < 3 { 1.0 } else { 0.4 };
    if binders.is_empty() {
        let variable = |side: &str, other: &str| {
            view.hyp(side).is_some_and(|owner| owner.kind != Kind::Proof && owner.accessible) && !mentions(other, side)
        };
        if variable(left, right) || variable(right, left) {
            drafts.add(3.5 * fade, format!("subst {name}"));
        }
        if contains_term(&view.target, left) {
            drafts.add(3.0 * fade, format!("rw [{name}]"));
        }
        if right.parse::<i128>().is_err() && contains_term(&view.target, right) {
            drafts.add(2.0 * fade, format!("rw [← {name}]"));
        }
    } else {
        let head = left.split([' ', '(']).find(|word| !word.is_empty()).unwrap_or("");
        if view.hyp(head).is_some() && view.in_target(head) {
            drafts.add(2.5 * fade, format!("simp [{name}]"));
            drafts.add(1.5 * fade, format!("rw [{name}]"));
        }
    }
}

/// `term` stands in `text`: a name as a whole word, anything else as a substring.
fn contains_term(text: &str, term: &str) -> bool {
    if term.contains(' ') { text.contains(term) } else { mentions(text, term) }
}

/// Universal hypotheses over numbers, at small numerals and at the variables in scope.
fn instantiate(view: &View, hyp: &Hyp, binders: &[Binder], drafts: &mut Drafts) {
    let Some(first) = binders.first() else { return };
    if first.name.is_none() {
        // An implication whose premise is at hand.
        if let Some(premise) = view.proofs().find(|other| other.ty == first.ty) {
            drafts.add(3.0, format!("have {} := {} {}", view.fresh("h", &[]), hyp.name, premise.name));
        }
        return;
    }
    let numeric = matches!(first.ty.as_str(), "" | "ℕ" | "ℤ" | "Nat" | "Int");
    let n_named = binders.iter().filter(|binder| binder.name.is_some()).count();
    if numeric && n_named == 1 && binders.len() <= 2 {
        let guard = if binders.len() == 2 { " (by omega)" } else { "" };
        let mut facts = Vec::new();
        for numeral in numerals(view).into_iter().take(4) {
            facts.push(format!("have hi{numeral} := {} {numeral}{guard}", hyp.name));
        }
        if guard.is_empty() {
            drafts.add(1.5, format!("{}\ngrind", facts.join("\n")));
            drafts.add(1.0, format!("{}\nsimp_all", facts.join("\n")));
        }
    }
    if numeric && n_named == 2 && binders.len() == 2 {
        // A functional equation: its values at 0 and 1 settle most of what is asked about it.
        let facts: Vec<String> = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .iter()
            .map(|(a, b)| format!("have hi{a}{b} := {} {a} {b}", hyp.name))
            .collect();
        drafts.add(3.0, format!("{}\ngrind", facts.join("\n")));
        drafts.add(1.5, facts[0].clone());
        for var in view.vars(Kind::Nat).filter(|var| view.in_target(&var.name)).take(1) {
            let n = &var.name;
            let ih = view.fresh("ih", &[]);
            drafts.add(
                3.0,
                format!(
                    "{}\ninduction {n} with\n| zero => grind\n| succ {n} {ih} => have hs := {} {n} 1; grind",
                    facts[0], hyp.name
                ),
            );
        }
    }
    let mut n_terms = 0;
    for var in view.hyps.iter().rev().filter(|var| var.accessible && !matches!(var.kind, Kind::Proof)) {
        if n_named == 1 && (first.ty == var.ty || (first.ty.is_empty() && matches!(var.kind, Kind::Nat | Kind::Int))) {
            n_terms += 1;
            drafts.add(1.6, format!("have {} := {} {}", view.fresh("h", &[]), hyp.name, var.name));
        }
        if n_terms == 2 {
            break;
        }
    }
}

/// Small numerals, the ones that the goal mentions first.
fn numerals(view: &View) -> Vec<i128> {
    let mut out: Vec<i128> = vec![0, 1, 2];
    if let Some(prop) = &view.target_prop {
        prop.visit_terms(&mut |term| {
            if let Term::Num(n) = term
                && (3..=12).contains(n)
                && !out.contains(n)
            {
                out.push(*n);
            }
        });
    }
    out
}

/// Names in the target that nothing in the context explains are definitions of the preamble: unfold them.
fn definitions(view: &View, drafts: &mut Drafts) {
    // Lean knows better where it tells.
    if view.facts.is_some_and(|facts| !facts.constants.is_empty()) {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for word in view.target.split(|c: char| !crate::syntax::name::is_name_part(c)) {
        let plain = word.len() > 1 && word.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        let known =
            view.hyps.iter().any(|hyp| mentions(word, &hyp.name)) || word.contains('.') || KEYWORDS.contains(&word);
        let bound = view.target.contains(&format!("∀ {word}")) || view.target.contains(&format!("∃ {word}"));
        if plain && !known && !bound && !names.contains(&word) {
            names.push(word);
        }
    }
    for name in names.iter().take(2) {
        drafts.add(3.0, format!("simp [{name}]"));
        drafts.add(2.0, format!("unfold {name}"));
        drafts.add(1.5, format!("grind [{name}]"));
    }
}

const KEYWORDS: &[&str] = &[
    "fun", "if", "then", "else", "let", "have", "match", "with", "true", "false", "at", "in", "do", "some", "none",
    "max", "min", "not", "and", "or", "xor", "id",
];

/// A goal over naturals whose hypotheses live in a bigger number system: prove it there, and cast back.
fn cast_goal(view: &View, drafts: &mut Drafts) {
    let Some((rel @ (Rel::Eq | Rel::Le | Rel::Lt), left, right)) = view.target_relation() else { return };
    let over_naturals = |term: &Term| {
        let mut natural = true;
        term.visit(&mut |part| match part {
            Term::Atom(atom) => natural &= view.hyp(atom).is_some_and(|hyp| hyp.kind == Kind::Nat),
            Term::Num(_) | Term::Bin(super::arith::Op::Add | super::arith::Op::Mul, ..) => {}
            _ => natural = false,
        });
        natural
    };
    if !over_naturals(left) || !over_naturals(right) || (left.is_closed() && right.is_closed()) {
        return;
    }
    let casts = view.hyps.iter().filter_map(|hyp| hyp.prop.as_ref()).any(|prop: &Prop| {
        let mut found = false;
        prop.visit_terms(&mut |term| found |= matches!(term, Term::Cast(_)));
        found
    });
    if !casts {
        return;
    }
    let symbol = match rel {
        Rel::Eq => "=",
        Rel::Le => "≤",
        _ => "<",
    };
    for (system, weight) in [("Rat", 3.0), ("Int", 2.0)] {
        // The cast is pushed to the atoms, where the hypotheses have it.
        let (left, right) = (cast_atoms(left, system), cast_atoms(right, system));
        let name = view.fresh("h", &[]);
        drafts.add(
            weight,
            format!("have {name} : {left} {symbol} ({right} : {system}) := by grind\nexact_mod_cast {name}"),
        );
    }
}

fn cast_atoms(term: &Term, system: &str) -> String {
    fn cast(term: &Term, system: &str) -> Term {
        match term {
            Term::Atom(atom) => Term::Atom(format!("({atom} : {system})")),
            Term::Bin(op, a, b) => Term::Bin(*op, Box::new(cast(a, system)), Box::new(cast(b, system))),
            other => other.clone(),
        }
    }
    // The atom text holds spaces inside its own brackets, which the printer would bracket again; that is harmless.
    cast(term, system).show()
}

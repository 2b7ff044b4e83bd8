//! Structural steps: introduce binders, split connectives in target and hypotheses, offer witnesses, split `if`s.

use super::arith::{Op, Prop, Rel, Term};
use super::view::{Hyp, Kind, View};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::{find_connective, find_top_level, split_exists, telescope};

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    introduce(view, drafts);
    split_target(view, drafts);
    witnesses(view, drafts);
    take_apart(view, drafts);
    conditionals(view, drafts);
    propositions(view, drafts);
    extensionality(view, drafts);
}

fn introduce(view: &View, drafts: &mut Drafts) {
    let (binders, rest) = telescope(&view.target);
    let mut names: Vec<String> = Vec::new();
    for binder in &binders {
        let base = match &binder.name {
            Some(name) if !name.contains('✝') && name != "_" => name.clone(),
            _ => "h".to_owned(),
        };
        let name = view.fresh(&base, &names);
        names.push(name);
    }
    let negated = rest
        .strip_prefix('¬')
        .filter(|_| [" ∧ ", " ∨ ", " ↔ "].into_iter().all(|symbol| find_connective(rest, symbol).is_none()));
    let is_negation = negated.is_some() || matches!(Prop::parse(rest), Some(Prop::Rel(Rel::Ne, _, _)));
    if !names.is_empty() {
        drafts.add(16.0, format!("intro {}", names.join(" ")));
        // A premise that is a conjunction or an existential can be taken apart on the way in.
        let patterns: Vec<String> =
            binders.iter().zip(&names).map(|(binder, name)| pattern(view, &binder.ty, name)).collect();
        if patterns != names {
            drafts.add(5.0, format!("rintro {}", patterns.join(" ")));
        }
    }
    if is_negation {
        let name = view.fresh("h", &names);
        let pattern = negated.map_or_else(|| name.clone(), |inner| pattern(view, inner, &name));
        if pattern != name {
            drafts.add(5.0, format!("rintro {}", [names.as_slice(), &[pattern]].concat().join(" ")));
        }
        names.push(name);
        drafts.add(if binders.is_empty() { 9.0 } else { 6.0 }, format!("intro {}", names.join(" ")));
    }
}

/// An `rintro` pattern for a premise: a bracket for `∧` and `∃`, the name for everything else.
fn pattern(view: &View, ty: &str, name: &str) -> String {
    let bracketed = ty.starts_with('(') && find_top_level(ty, ") ").is_none() && ty.ends_with(')');
    let ty = if bracketed { &ty[1..ty.len() - 1] } else { ty };
    if let Some((binders, body)) = split_exists(ty) {
        let mut parts: Vec<String> = Vec::new();
        for binder in &binders {
            parts.push(view.fresh(binder.name.as_deref().unwrap_or("x"), &parts));
        }
        let inner = pattern(view, body, &format!("{name}x"));
        let unbracketed = inner.strip_prefix('⟨').and_then(|parts| parts.strip_suffix('⟩'));
        parts.push(unbracketed.unwrap_or(&inner).to_owned());
        return format!("⟨{}⟩", parts.join(", "));
    }
    let n_parts = conjuncts(ty);
    if n_parts > 1 {
        let parts: Vec<String> = (0..n_parts).map(|idx| view.fresh(&format!("{name}{}", letter(idx)), &[])).collect();
        return format!("⟨{}⟩", parts.join(", "));
    }
    name.to_owned()
}

fn letter(idx: usize) -> char {
    char::from(b'a' + u8::try_from(idx % 26).unwrap_or(0))
}

/// How many conjuncts stand side by side at the top of a type; 1 when another connective is on top.
fn conjuncts(ty: &str) -> usize {
    if [" → ", " ↔ ", " ∨ "].into_iter().any(|symbol| find_connective(ty, symbol).is_some()) {
        return 1;
    }
    let (mut n, mut rest) = (1, ty);
    while let Some(at) = find_connective(rest, " ∧ ") {
        n += 1;
        rest = &rest[at + " ∧ ".len()..];
    }
    n
}

fn split_target(view: &View, drafts: &mut Drafts) {
    let target = view.target.as_str();
    if target.starts_with(['∀', '∃']) || find_top_level(target, " → ").is_some_and(|_| !telescope(target).0.is_empty())
    {
        return;
    }
    if find_connective(target, " ↔ ").is_some() {
        let name = view.fresh("h", &[]);
        drafts.add(8.0, format!("constructor <;> intro {name}"));
        drafts.add(5.0, "constructor");
    } else if find_connective(target, " ∨ ").is_some() {
        drafts.add(3.0, "left");
        drafts.add(3.0, "right");
        if let Some(Prop::Or(first, _)) = &view.target_prop
            && matches!(**first, Prop::Rel(..) | Prop::Not(_))
        {
            let at = find_connective(target, " ∨ ").unwrap_or(0);
            let name = view.fresh("h", &[]);
            drafts.add(2.0, format!("by_cases {name} : {}", &target[..at]));
        }
    } else if find_connective(target, " ∧ ").is_some() {
        drafts.add(11.0, "constructor");
        drafts.add(3.0, "refine ⟨?_, ?_⟩ <;> simp_all");
    } else if let Some((Rel::Eq, ..)) = view.target_relation() {
        drafts.add(0.2, "symm");
    } else if target != "False" && view.target_relation().is_some() && view.n_used("false_or_by_contra") == 0 {
        drafts.add(0.5, "false_or_by_contra");
    }
}

fn witnesses(view: &View, drafts: &mut Drafts) {
    let Some((binders, body)) = split_exists(&view.target) else { return };
    let Some(first) = binders.first() else { return };
    let name = first.name.clone().unwrap_or_default();
    for term in solved_witnesses(&name, body) {
        drafts.add(8.0, format!("exact ⟨{term}, by omega⟩"));
        drafts.add(5.0, format!("exact ⟨{term}, by grind⟩"));
        drafts.add(4.0, format!("refine ⟨{term}, ?_⟩"));
    }
    let mut seen = 0;
    for hyp in view.hyps.iter().rev().filter(|hyp| hyp.accessible) {
        let fits = match hyp.kind {
            Kind::Proof | Kind::Proposition | Kind::Function => false,
            _ => first.ty.is_empty() || hyp.ty == first.ty,
        };
        if fits && seen < 3 {
            seen += 1;
            drafts.add(5.0, format!("refine ⟨{}, ?_⟩", hyp.name));
            if matches!(hyp.kind, Kind::Nat | Kind::Int) && body.contains(['<', '≤', '>', '≥']) {
                drafts.add(3.0, format!("refine ⟨{} + 1, ?_⟩", hyp.name));
            }
        }
    }
    if matches!(first.ty.as_str(), "" | "ℕ" | "ℤ" | "ℚ" | "Nat" | "Int" | "Rat") {
        for numeral in 0..3 {
            drafts.add(3.0 - f64::from(numeral) * 0.5, format!("exact ⟨{numeral}, by simp_all⟩"));
            drafts.add(1.2, format!("refine ⟨{numeral}, ?_⟩"));
        }
    }
    if first.ty.split_once(" → ").is_some_and(|(_, range)| !range.contains(" → ")) {
        drafts.add(4.0, "refine ⟨fun x => x, ?_⟩");
        drafts.add(2.0, "refine ⟨fun _ => 0, ?_⟩");
        drafts.add(1.5, "refine ⟨fun x => x + 1, ?_⟩");
    }
    drafts.add(3.0, "refine ⟨_, rfl⟩");
    for hyp in view.proofs().take(4) {
        drafts.add(2.0, format!("exact ⟨_, {}⟩", hyp.name));
    }
}

/// Terms that solve an equation of the body for the bound name: `c * x = t` gives `t / c`, `t = x + c` gives `t - c`.
fn solved_witnesses(name: &str, body: &str) -> Vec<String> {
    let mut out = Vec::new();
    let Some(prop) = Prop::parse(body) else { return out };
    for conjunct in prop.conjuncts() {
        let Prop::Rel(Rel::Eq, left, right) = conjunct else { continue };
        for (side, other) in [(left, right), (right, left)] {
            let mut other_has_it = false;
            other.visit(&mut |term| other_has_it |= matches!(term, Term::Atom(atom) if atom == name));
            if other_has_it {
                continue;
            }
            if let Some(term) = solve(name, side, other.clone())
                && !out.contains(&term.show())
            {
                out.push(term.show());
            }
        }
    }
    out.truncate(2);
    out
}

/// Turns `side = other` into `name = ..` by undoing the operations around the name.
fn solve(name: &str, side: &Term, other: Term) -> Option<Term> {
    let has = |term: &Term| {
        let mut found = false;
        term.visit(&mut |part| found |= matches!(part, Term::Atom(atom) if atom == name));
        found
    };
    match side {
        Term::Atom(atom) if atom == name => Some(other),
        Term::Bin(Op::Add, a, b) if has(a) && !has(b) => solve(name, a, bin(Op::Sub, other, (**b).clone())),
        Term::Bin(Op::Add, a, b) if has(b) && !has(a) => solve(name, b, bin(Op::Sub, other, (**a).clone())),
        Term::Bin(Op::Sub, a, b) if has(a) && !has(b) => solve(name, a, bin(Op::Add, other, (**b).clone())),
        Term::Bin(Op::Mul, a, b) if has(a) && !has(b) => solve(name, a, bin(Op::Div, other, (**b).clone())),
        Term::Bin(Op::Mul, a, b) if has(b) && !has(a) => solve(name, b, bin(Op::Div, other, (**a).clone())),
        _ => None,
    }
}

fn bin(op: Op, left: Term, right: Term) -> Term {
    Term::Bin(op, Box::new(left), Box::new(right))
}

/// Existentials, conjunctions, disjunctions and pairs among the hypotheses.
fn take_apart(view: &View, drafts: &mut Drafts) {
    for hyp in view.proofs() {
        let name = &hyp.name;
        if let Some((binders, _)) = split_exists(&hyp.ty) {
            let mut parts: Vec<String> = Vec::new();
            for binder in &binders {
                parts.push(view.fresh(binder.name.as_deref().unwrap_or("x"), &parts));
            }
            drafts.add(11.0, format!("obtain ⟨{}, {name}⟩ := {name}", parts.join(", ")));
            continue;
        }
        if hyp.ty.starts_with('∀') || !telescope(&hyp.ty).0.is_empty() {
            continue;
        }
        let n_parts = conjuncts(&hyp.ty);
        if n_parts > 1 {
            let parts: Vec<String> =
                (0..n_parts).map(|idx| view.fresh(&format!("{name}{}", letter(idx)), &[])).collect();
            drafts.add(2.5, format!("obtain ⟨{}⟩ := {name}", parts.join(", ")));
        } else if find_connective(&hyp.ty, " ↔ ").is_some() {
            drafts.add(0.8, format!("rw [{name}]"));
        } else if find_connective(&hyp.ty, " ∨ ").is_some() {
            drafts.add(5.0, format!("rcases {name} with {name} | {name}"));
        } else if let Some(Prop::Rel(Rel::Dvd, left, right)) = &hyp.prop {
            // A divisor gives a cofactor; a variable on the right can then be replaced everywhere.
            let k = view.fresh("k", &[]);
            let variable = matches!(right, Term::Atom(atom) if view.hyp(atom).is_some());
            let inner = if variable { "rfl".to_owned() } else { name.clone() };
            let numeral_modulus = left.numeral().is_some();
            drafts.add(if numeral_modulus { 1.5 } else { 4.0 }, format!("obtain ⟨{k}, {inner}⟩ := {name}"));
        }
    }
    for hyp in view.vars(Kind::Pair).filter(|hyp| view.in_target(&hyp.name)).take(2) {
        let parts = [view.fresh("a", &[]), view.fresh("b", &[])];
        let taken = [parts[0].clone()];
        let second = view.fresh("b", &taken);
        drafts.add(6.0, format!("obtain ⟨{}, {second}⟩ := {}", parts[0], hyp.name));
    }
}

fn conditionals(view: &View, drafts: &mut Drafts) {
    let branches = |text: &str| text.contains("if ") || text.contains("match ");
    if branches(&view.target) {
        drafts.add(7.0, "split");
        drafts.add(4.0, "split <;> simp_all");
        drafts.add(3.0, "split <;> omega");
    }
    for hyp in view.proofs().filter(|hyp| branches(&hyp.ty)).take(2) {
        drafts.add(4.0, format!("split at {}", hyp.name));
    }
}

/// Propositional variables: classical case distinctions.
fn propositions(view: &View, drafts: &mut Drafts) {
    let mut used: Vec<&Hyp> = view.vars(Kind::Proposition).collect();
    used.retain(|hyp| view.in_target(&hyp.name) || view.hyps.iter().any(|other| other.ty.contains(&hyp.name)));
    // A proposition that is already known, either way, is not worth a case distinction.
    used.retain(|hyp| !view.hyps.iter().any(|other| other.ty == hyp.name || other.ty == format!("¬{}", hyp.name)));
    let splits: Vec<String> = used.iter().map(|hyp| format!("by_cases h{0} : {0}", hyp.name)).collect();
    for split in splits.iter().take(3) {
        drafts.add(1.5, format!("{split} <;> simp_all"));
    }
    if splits.len() > 1 && splits.len() <= 4 {
        drafts.add(3.0, format!("{} <;> simp_all", splits.join(" <;> ")));
    }
    if !used.is_empty() && view.target != "False" {
        drafts.add(0.8, "exfalso");
    }
}

/// Equality of functions, lists and propositions.
fn extensionality(view: &View, drafts: &mut Drafts) {
    let target = view.target.as_str();
    let Some(equals) = find_connective(target, " = ") else { return };
    if target.starts_with('¬') {
        return;
    }
    let sides = [target[..equals].trim(), target[equals + 3..].trim()];
    let is_function = sides.iter().any(|side| {
        side.starts_with("fun ")
            || side.starts_with("(fun ")
            || side.contains(" ∘ ")
            || view.hyp(side).is_some_and(|hyp| hyp.kind == Kind::Function)
    });
    let is_proposition = sides.iter().any(|side| {
        view.hyp(side).is_some_and(|hyp| hyp.kind == Kind::Proposition)
            || side.starts_with("(¬")
            || side.contains(" ∧ ")
            || *side == "True"
            || *side == "False"
    });
    if is_function {
        drafts.add(8.0, format!("funext {}", view.fresh("x", &[])));
        drafts.add(3.0, format!("funext {} <;> simp", view.fresh("x", &[])));
    } else if is_proposition {
        drafts.add(5.0, "apply propext");
    } else if view.vars(Kind::List).any(|hyp| view.in_target(&hyp.name)) {
        drafts.add(0.7, "apply List.ext_getElem?");
    } else if view.vars(Kind::Option).any(|hyp| view.in_target(&hyp.name)) {
        drafts.add(0.5, "ext x");
    }
}

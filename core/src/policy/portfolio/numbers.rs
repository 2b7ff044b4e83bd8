//! Natural numbers and integers beyond `omega`: finite ranges, divisors, common divisors, truncated subtraction.

use super::arith::{Op, Prop, Rel, Term};
use super::bounds::{Bounds, Range};
use super::view::{Hyp, Kind, View};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::mentions;

/// The most values of a variable that are tried one by one.
const MAX_CASES: i128 = 48;
/// The most combinations that the kernel is asked to decide: about a millisecond each.
const MAX_DECIDE: i128 = 6000;
/// The largest bound of one quantifier: the kernel recurses once per value, and its stack under WebAssembly is small.
const MAX_DEPTH: i128 = 120;

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    finite_ranges(view, drafts);
    divisors(view, drafts);
    common_divisors(view, drafts);
    truncated_subtraction(view, drafts);
    products(view, drafts);
    divisibility_witness(view, drafts);
}

/// A variable with the values that it can have.
struct Ranged<'a> {
    hyp: &'a Hyp,
    /// What `omega` can prove.
    linear: Range,
    /// The least number that it stays below, products of hypotheses taken into account.
    limit: Option<i128>,
}

impl Ranged<'_> {
    /// `omega` alone proves the limit.
    fn is_linear(&self) -> bool {
        matches!((self.linear.hi, self.limit), (Some(hi), Some(limit)) if hi < limit)
    }

    /// How many values lie between the lower end and the limit.
    fn n_values(&self) -> Option<i128> {
        Some(self.limit? - self.linear.lo?)
    }
}

fn finite_ranges(view: &View, drafts: &mut Drafts) {
    let bounds = Bounds::new(view, true, false);
    let variables = ranged(view, &bounds, false);
    case_splits(view, &variables, &bounds, drafts);
    for variable in &variables {
        upper_bound(view, variable, &bounds, drafts);
    }
    decide_all(view, &variables, &bounds, false, drafts);
    // By contradiction: the negated target may bound what the hypotheses do not.
    let bounded_by_target = matches!(view.target_relation(), Some((Rel::Le | Rel::Lt | Rel::Ne, ..)))
        || matches!(view.target_prop, Some(Prop::Not(_)));
    if bounded_by_target {
        let bounds = Bounds::new(view, true, true);
        decide_all(view, &ranged(view, &bounds, true), &bounds, true, drafts);
    }
}

fn ranged<'a>(view: &'a View, linear: &Bounds, negate_target: bool) -> Vec<Ranged<'a>> {
    let full = Bounds::new(view, false, negate_target);
    view.hyps
        .iter()
        .filter(|hyp| hyp.accessible && matches!(hyp.kind, Kind::Nat | Kind::Int))
        .filter(|hyp| used(view, hyp))
        .map(|hyp| {
            let name = &hyp.name;
            let limits =
                [linear.of(name).hi.map(|hi| hi + 1), full.of(name).hi.map(|hi| hi + 1), linear.ceiling(name, 1000)];
            Ranged { hyp, linear: linear.of(name), limit: limits.into_iter().flatten().min() }
        })
        .collect()
}

/// The variable stands in the target or in a proof.
fn used(view: &View, hyp: &Hyp) -> bool {
    view.in_target(&hyp.name)
        || view.hyps.iter().any(|other| other.kind == Kind::Proof && mentions(&other.ty, &hyp.name))
}

/// All values of a variable, one by one.
fn case_splits(view: &View, variables: &[Ranged], bounds: &Bounds, drafts: &mut Drafts) {
    let mut sized: Vec<(i128, &Ranged)> =
        variables.iter().filter_map(|variable| Some((variable.n_values()?, variable))).collect();
    sized.retain(|(size, _)| (2..=MAX_CASES).contains(size));
    sized.sort_by_key(|(size, _)| *size);
    // Where everything is linear, `omega` has no need of cases.
    let weight = if is_nonlinear(view) { 1.0 } else { 0.4 };
    for (nth, (size, variable)) in sized.iter().take(2).enumerate() {
        let weight = weight * if nth == 0 { 1.0 } else { 0.6 };
        let name = &variable.hyp.name;
        let (Some(lo), Some(limit)) = (variable.linear.lo, variable.limit) else { continue };
        let Some(bound) = bound_script(view, variable, bounds) else { continue };
        let cases: Vec<String> = (lo..limit).map(|value| format!("{name} = {value}")).collect();
        let fact = view.fresh("hc", &[]);
        let script = format!(
            "{bound}have {fact} : {} := by omega\nrcases {fact} with {}",
            cases.join(" ∨ "),
            vec!["rfl"; cases.len()].join(" | ")
        );
        drafts.add(6.0 * weight, format!("{script} <;> omega"));
        drafts.add(4.0 * weight, format!("{script} <;> simp_all <;> omega"));
        if *size <= 20 {
            drafts.add(3.0 * weight, format!("{script} <;> first | omega | grind"));
            drafts.add(1.5 * weight, format!("{script} <;> try omega"));
        }
    }
}

/// `have : x < limit := ..` and a line end, or nothing where `omega` sees the bound by itself.
fn bound_script(view: &View, variable: &Ranged, bounds: &Bounds) -> Option<String> {
    if variable.is_linear() {
        return Some(String::new());
    }
    let limit = variable.limit?;
    let proof = bound_proof(view, variable.hyp, limit, bounds)?;
    Some(format!("have hlt_{0} : {0} < {limit} := by\n{proof}\n", variable.hyp.name))
}

/// A product or power of variables stands somewhere.
fn is_nonlinear(view: &View) -> bool {
    view.terms().iter().any(|term| match term {
        Term::Bin(Op::Mul, a, b) => !a.is_closed() && !b.is_closed(),
        Term::Bin(Op::Pow, base, exponent) => !(base.is_closed() && exponent.is_closed()),
        Term::Bin(Op::Mod | Op::Div, _, b) => !b.is_closed(),
        Term::Atom(text) => text.contains(' '),
        _ => false,
    })
}

/// `have : x < limit` where products bound `x` and `omega` alone does not see it.
fn upper_bound(view: &View, variable: &Ranged, bounds: &Bounds, drafts: &mut Drafts) {
    if let Some(script) = bound_script(view, variable, bounds).filter(|script| !script.is_empty()) {
        let small = variable.n_values().is_some_and(|n| n <= MAX_CASES);
        drafts.add(if small { 3.0 } else { 2.0 }, script.trim_end());
    }
}

/// The script, indented by two, that proves `x < limit` by contradiction: lower bounds of all products that `x` is in.
fn bound_proof(view: &View, hyp: &Hyp, limit: i128, bounds: &Bounds) -> Option<String> {
    let (negation, substitution) = match hyp.kind {
        Kind::Nat => ("Nat.lt_of_not_le", true),
        Kind::Int => ("Int.lt_of_not_ge", false),
        _ => return None,
    };
    let bounds = &bounds.assuming(&hyp.name, limit);
    let mut facts = String::new();
    let mut seen: Vec<String> = Vec::new();
    for term in view.facts().iter().flat_map(|fact| nonlinear_terms(fact)) {
        let text = term.show();
        if seen.contains(&text) || !mentions(&text, &hyp.name) {
            continue;
        }
        if let Some(proof) = product_bound(view, term, bounds) {
            seen.push(text);
            facts.push_str(&format!("  have hb{} := {proof}\n", seen.len()));
        }
    }
    let fallback = if substitution {
        "first | omega | grind | (obtain ⟨k, rfl⟩ := Nat.exists_eq_add_of_le hge; grind)".to_owned()
    } else {
        "first | omega | grind".to_owned()
    };
    Some(format!("  refine {negation} fun hge => ?_\n{facts}  {fallback}"))
}

/// The outermost products and powers of variables in a fact.
fn nonlinear_terms(fact: &Prop) -> Vec<&Term> {
    fn collect<'a>(term: &'a Term, out: &mut Vec<&'a Term>) {
        match term {
            Term::Bin(Op::Mul, a, b) if a.is_closed() => collect(b, out),
            Term::Bin(Op::Mul, a, b) if b.is_closed() => collect(a, out),
            Term::Bin(Op::Mul | Op::Pow, ..) if !term.is_closed() => out.push(term),
            Term::Bin(_, a, b) => {
                collect(a, out);
                collect(b, out);
            }
            Term::Cast(inner) | Term::Neg(inner) => collect(inner, out),
            Term::Num(_) | Term::Atom(_) => {}
        }
    }
    let mut out = Vec::new();
    if let Prop::Rel(_, left, right) = fact {
        collect(left, &mut out);
        collect(right, &mut out);
    }
    out
}

/// A proof term of `L ≤ term`, built along the term; leaves are `omega`'s.
fn product_bound(view: &View, term: &Term, bounds: &Bounds) -> Option<String> {
    let integers = speaks_of_integers(view, term);
    match term {
        Term::Bin(Op::Mul, a, b) => {
            let (left, right) = (product_bound(view, a, bounds)?, product_bound(view, b, bounds)?);
            Some(if integers {
                format!("(Int.mul_le_mul {left} {right} (by decide) (Int.le_trans (by decide) {left}))")
            } else {
                format!("(Nat.mul_le_mul {left} {right})")
            })
        }
        Term::Bin(Op::Pow, base, exponent) if !integers => match (base.numeral(), exponent.numeral()) {
            (_, Some(exponent)) => {
                Some(format!("(Nat.pow_le_pow_left {} {exponent})", product_bound(view, base, bounds)?))
            }
            (Some(base), None) if base > 0 => Some(format!(
                "(Nat.pow_le_pow_right (n := {base}) (by decide) {})",
                product_bound(view, exponent, bounds)?
            )),
            _ => None,
        },
        _ => {
            let least = bounds.lower(term).filter(|least| *least >= 0)?;
            Some(format!("(by omega : {least} ≤ {})", with_typed_casts(term).show()))
        }
    }
}

/// `↑n` alone does not say where the cast goes to, and nothing around a leaf does.
fn with_typed_casts(term: &Term) -> Term {
    match term {
        Term::Cast(inner) => Term::Atom(format!("({}:Int)", inner.show().replace(' ', ""))),
        Term::Bin(op, a, b) => Term::Bin(*op, Box::new(with_typed_casts(a)), Box::new(with_typed_casts(b))),
        other => other.clone(),
    }
}

pub(super) fn speaks_of_integers(view: &View, term: &Term) -> bool {
    let mut found = false;
    term.visit(&mut |part| match part {
        Term::Cast(_) => found = true,
        Term::Atom(atom) => found |= view.hyp(atom).is_some_and(|hyp| hyp.kind == Kind::Int),
        _ => {}
    });
    found
}

/// Finitely many combinations of all natural variables: let the kernel try them all.
fn decide_all(view: &View, variables: &[Ranged], bounds: &Bounds, negated: bool, drafts: &mut Drafts) {
    if view.hyps.iter().any(|hyp| !matches!(hyp.kind, Kind::Nat | Kind::Proof)) || variables.is_empty() {
        return;
    }
    let mut script = String::new();
    let mut combinations = 1_i128;
    for variable in variables {
        let Some(limit) = variable.limit.filter(|limit| (0..=MAX_DEPTH).contains(limit)) else { return };
        combinations = combinations.saturating_mul(limit);
        if combinations > MAX_DECIDE {
            return;
        }
        let name = &variable.hyp.name;
        let proof = if variable.is_linear() {
            " omega".to_owned()
        } else {
            let Some(proof) = bound_proof(view, variable.hyp, limit, bounds) else { return };
            format!("\n{proof}")
        };
        script.push_str(&format!("have hlt_{name} : {name} < {limit} := by{proof}\n"));
    }
    // Only proofs over the bounded variables in decidable words can be carried along.
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    for hyp in view.hyps.iter().filter(|hyp| hyp.kind == Kind::Proof) {
        if !hyp.accessible {
            return;
        }
        if hyp.prop.is_some() { kept.push(hyp.name.as_str()) } else { dropped.push(hyp.name.as_str()) }
    }
    let mut names: Vec<&str> = variables.iter().map(|variable| variable.hyp.name.as_str()).collect();
    names.reverse();
    let mut all = String::new();
    if negated {
        all.push_str("refine Decidable.byContradiction fun hneg => ?_\n");
        kept.push("hneg");
    }
    all.push_str(&script);
    if !dropped.is_empty() {
        all.push_str(&format!("clear {}\n", dropped.join(" ")));
    }
    if !kept.is_empty() {
        all.push_str(&format!("revert {}\n", kept.join(" ")));
    }
    for name in names {
        all.push_str(&format!("revert {name}\n"));
    }
    all.push_str("set_option synthInstance.maxSize 2000 in decide +kernel");
    let weight = if combinations <= 1500 { 6.0 } else { 3.0 };
    drafts.add(if is_nonlinear(view) { weight } else { weight * 0.3 }, all);
}

/// `a * b = N`: `a` is one of the divisors of `N`.
fn divisors(view: &View, drafts: &mut Drafts) {
    for hyp in view.proofs() {
        let Some(Prop::Rel(Rel::Eq, left, right)) = &hyp.prop else { continue };
        for (product, value) in [(left, right), (right, left)] {
            let (Term::Bin(Op::Mul, a, b), Some(n)) = (product, value.numeral()) else { continue };
            if !(1..=2000).contains(&n) {
                continue;
            }
            for (factor, cofactor, flip) in [(a, b, false), (b, a, true)] {
                let Term::Atom(name) = factor.as_ref() else { continue };
                if view.hyp(name).is_none_or(|hyp| hyp.kind != Kind::Nat) || cofactor.is_closed() {
                    continue;
                }
                let cases: Vec<String> = (1..=n).filter(|d| n % d == 0).map(|d| d.to_string()).collect();
                let list = cases.join(", ");
                let fact = view.fresh("hd", &[]);
                let equation = if product == left { hyp.name.clone() } else { format!("{}.symm", hyp.name) };
                let divides = if flip {
                    format!("⟨{}, by rw [Nat.mul_comm]; exact {equation}.symm⟩", cofactor.show())
                } else {
                    format!("⟨{}, {equation}.symm⟩", cofactor.show())
                };
                let divides = divides.replace(".symm.symm", "");
                // The list of candidates is checked as a Boolean: the kernel evaluates it without deep recursion.
                drafts.add(
                    5.0,
                    format!(
                        "have {fact} : {name} ∣ {n} := {divides}\n\
                         have {fact} : {name} ∈ [{list}] := by\n  \
                         have hall : (List.range {}).all (fun d => !decide (d ∣ {n}) || decide (d ∈ [{list}])) = true := by decide +kernel\n  \
                         have hlt : {name} < {} := Nat.lt_succ_of_le (Nat.le_of_dvd (by decide) {fact})\n  \
                         simpa [{fact}] using List.all_eq_true.mp hall {name} (List.mem_range.mpr hlt)\n\
                         simp only [List.mem_cons, List.not_mem_nil, or_false] at {fact}\n\
                         rcases {fact} with {} <;> omega",
                        n + 1,
                        n + 1,
                        vec!["rfl"; cases.len()].join(" | ")
                    ),
                );
            }
        }
    }
}

/// `Nat.gcd s t` of linear terms in one variable divides the number that is left when the variable is eliminated.
fn common_divisors(view: &View, drafts: &mut Drafts) {
    let mut seen: Vec<String> = Vec::new();
    let mut offer = |text: &str| {
        let Some(arguments) = arguments_of("gcd", text) else { return };
        if seen.iter().any(|known| known == text) {
            return;
        }
        seen.push(text.to_owned());
        let [s, t] = arguments;
        let (left, right) = (view.fresh("hg", &[]), view.fresh("hg'", &[]));
        let facts = format!("have {left} := Nat.gcd_dvd_left {s} {t}\nhave {right} := Nat.gcd_dvd_right {s} {t}");
        drafts.add(1.5, facts.clone());
        let (Some((a, b)), Some((c, d))) = (linear(&s), linear(&t)) else { return };
        if a == 0 || c == 0 {
            return;
        }
        // c * s - a * t has no variable left; the larger side goes first, because naturals truncate.
        let (first, second, f, g) = if c * b >= a * d { (&left, &right, c, a) } else { (&right, &left, a, c) };
        let rest = (c * b - a * d).abs();
        if rest == 0 {
            return;
        }
        let (x, y) = if c * b >= a * d { (&s, &t) } else { (&t, &s) };
        let diff = view.fresh("hs", &[]);
        let script = format!(
            "{facts}\nhave {diff} := Nat.dvd_sub (Nat.dvd_mul_left_of_dvd {first} {f}) (Nat.dvd_mul_left_of_dvd {second} {g})\n\
             rw [show {f} * {x} - {g} * {y} = {rest} by omega] at {diff}"
        );
        drafts.add(6.0, format!("{script}\nexact Nat.le_trans (Nat.le_of_dvd (by decide) {diff}) (by omega)"));
        drafts.add(3.0, script);
    };
    for term in view.terms() {
        if let Term::Atom(text) = term {
            offer(text);
        }
    }
}

/// The arguments of a function of two naturals, as in `s.gcd t` or `Nat.gcd s t`, bracketed where they need it.
pub(super) fn arguments_of(function: &str, text: &str) -> Option<[String; 2]> {
    if let Some(rest) = text.strip_prefix(&format!("Nat.{function} ")) {
        let arguments = split_arguments(rest);
        return arguments.try_into().ok();
    }
    let (receiver, rest) = text.split_once(&format!(".{function} "))?;
    let mut arguments = vec![receiver.to_owned()];
    arguments.extend(split_arguments(rest));
    arguments.try_into().ok()
}

fn split_arguments(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut depth, mut current) = (0_i32, String::new());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            if !current.is_empty() {
                out.push(std::mem::take(&mut current));
            }
        } else {
            current.push(c);
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}

/// `a * x + b` from the text of a term in one variable with natural coefficients.
fn linear(text: &str) -> Option<(i128, i128)> {
    fn read(term: &Term, variable: &mut Option<String>) -> Option<(i128, i128)> {
        match term {
            Term::Num(n) => Some((0, *n)),
            Term::Atom(name) => {
                if variable.get_or_insert_with(|| name.clone()) != name {
                    return None;
                }
                Some((1, 0))
            }
            Term::Bin(Op::Add, a, b) => {
                let (a, b) = (read(a, variable)?, read(b, variable)?);
                Some((a.0.checked_add(b.0)?, a.1.checked_add(b.1)?))
            }
            Term::Bin(Op::Mul, a, b) => {
                let (a, b) = (read(a, variable)?, read(b, variable)?);
                match (a.0, b.0) {
                    (0, _) => Some((a.1.checked_mul(b.0)?, a.1.checked_mul(b.1)?)),
                    (_, 0) => Some((b.1.checked_mul(a.0)?, b.1.checked_mul(a.1)?)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    read(&Term::parse(inner)?, &mut None)
}

/// `s = t - u` over naturals hides an addition: show `s + u = t` instead, by induction where there is one to do.
fn truncated_subtraction(view: &View, drafts: &mut Drafts) {
    let Some((Rel::Eq, left, right)) = view.target_relation() else { return };
    for (side, other) in [(right, left), (left, right)] {
        let Term::Bin(Op::Sub, minuend, subtrahend) = side else { continue };
        if speaks_of_integers(view, side) || speaks_of_integers(view, other) {
            continue;
        }
        let sum = Term::Bin(Op::Add, Box::new(other.clone()), subtrahend.clone());
        let name = view.fresh("hs", &[]);
        let statement = format!("suffices {name} : {} = {} by omega", sum.show(), minuend.show());
        drafts.add(6.0, statement.clone());
        for hyp in view.vars(Kind::Nat).filter(|hyp| view.in_target(&hyp.name)).take(2) {
            let n = &hyp.name;
            let ih = view.fresh("ih", &[]);
            drafts.add(5.0, format!("{statement}\ninduction {n} with\n| zero => simp_all\n| succ {n} {ih} => grind"));
        }
    }
}

/// A little of what `nlinarith` does: products of known inequalities, for the ring solver's linear arithmetic.
fn products(view: &View, drafts: &mut Drafts) {
    let integers = view.vars(Kind::Int).any(|hyp| used(view, hyp));
    if !integers || !is_nonlinear(view) {
        return;
    }
    // Each inequality as a proof of `0 ≤ difference`.
    let mut proofs: Vec<String> = Vec::new();
    for hyp in view.proofs() {
        match &hyp.prop {
            Some(Prop::Rel(Rel::Le, ..)) => proofs.push(format!("(Int.sub_nonneg_of_le {})", hyp.name)),
            Some(Prop::Rel(Rel::Lt, ..)) => proofs.push(format!("(Int.sub_nonneg_of_le (Int.le_of_lt {}))", hyp.name)),
            _ => {}
        }
    }
    proofs.truncate(4);
    let mut facts: Vec<String> = Vec::new();
    for (idx, a) in proofs.iter().enumerate() {
        for b in &proofs[idx..] {
            facts.push(format!("have hm{} := Int.mul_nonneg {a} {b}", facts.len() + 1));
        }
    }
    let variables: Vec<&str> =
        view.vars(Kind::Int).filter(|hyp| used(view, hyp)).map(|hyp| hyp.name.as_str()).collect();
    let mut squares: Vec<String> = Vec::new();
    for (idx, x) in variables.iter().take(3).enumerate() {
        for y in variables.iter().take(3).skip(idx + 1) {
            squares.push(square(&format!("{x} - {y}"), squares.len() + 1));
        }
        squares.push(square(x, squares.len() + 1));
    }
    let order = matches!(view.target_relation(), Some((Rel::Le | Rel::Lt, ..))) || view.target == "False";
    if !facts.is_empty() {
        drafts.add(if order { 4.0 } else { 1.5 }, format!("{}\ngrind", facts.join("\n")));
    }
    if order && !squares.is_empty() {
        drafts.add(3.0, format!("{}\ngrind", squares.join("\n")));
    }
}

/// `have : 0 ≤ t * t`; core Lean has no name for it.
fn square(term: &str, nth: usize) -> String {
    format!(
        "have hq{nth} : 0 ≤ ({term}) * ({term}) := by\n  rcases Int.le_total 0 ({term}) with h | h\n  \
         · exact Int.mul_nonneg h h\n  · exact Int.mul_nonneg_of_nonpos_of_nonpos h h"
    )
}

/// `a ∣ t` over a ring: cofactors that the goal's own terms suggest.
fn divisibility_witness(view: &View, drafts: &mut Drafts) {
    let Some((Rel::Dvd, _, right)) = view.target_relation() else { return };
    if let Term::Bin(Op::Mul, a, b) = right {
        for cofactor in [a, b] {
            drafts.add(1.5, format!("exact ⟨{}, by grind⟩", cofactor.show()));
        }
    }
    for hyp in view.proofs() {
        if let Some(Prop::Rel(Rel::Dvd, ..)) = &hyp.prop {
            drafts.add(1.0, format!("exact Nat.dvd_trans {} (by grind)", hyp.name));
        }
    }
}

//! Residues: powers modulo a number, case distinctions on `x % m`, values of large closed terms modulo a number.

use super::arith::{Op, Prop, Rel, Term};
use super::view::{Kind, View};
use crate::policy::drafts::Drafts;

/// Larger moduli give case distinctions that cost more than they help.
const MAX_SPLIT: i128 = 16;
/// The longest cycle of powers that is written out.
const MAX_ORBIT: usize = 16;

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    let moduli = moduli(view);
    if moduli.is_empty() {
        return;
    }
    residue_facts(view, drafts);
    large_values(view, &moduli, drafts);
    powers(view, &moduli, drafts);
    splits(view, &moduli, drafts);
}

/// Numerals that something is divided by with a remainder: those of the target first, then those of the proofs.
fn moduli(view: &View) -> Vec<i128> {
    let mut out = Vec::new();
    let props = view.target_prop.iter().chain(view.hyps.iter().filter_map(|hyp| hyp.prop.as_ref()));
    for prop in props {
        prop.visit_terms(&mut |term| {
            if let Term::Bin(Op::Mod, _, modulus) = term
                && let Some(n) = modulus.numeral()
            {
                push(&mut out, n);
            }
        });
        prop.visit_relations(&mut |rel, left, _| {
            if rel == Rel::Dvd
                && let Some(n) = left.numeral()
            {
                push(&mut out, n);
            }
        });
    }
    out
}

fn push(moduli: &mut Vec<i128>, n: i128) {
    if n > 1 && !moduli.contains(&n) {
        moduli.push(n);
    }
}

fn speaks_of_integers(view: &View) -> bool {
    view.target.contains('↑') || view.vars(Kind::Int).any(|hyp| view.in_target(&hyp.name))
}

/// The lemmas that push a remainder inwards.
fn push_lemmas(integers: bool) -> &'static str {
    if integers {
        "Int.dvd_iff_emod_eq_zero, Int.pow_succ, Int.mul_emod, Int.add_emod, Int.sub_emod"
    } else {
        "Nat.dvd_iff_mod_eq_zero, Nat.pow_mod, Nat.mul_mod, Nat.add_mod"
    }
}

/// Names of the proofs that say what something leaves.
fn known_residues<'a>(view: &'a View) -> Vec<&'a str> {
    let says = |fact: &Prop| matches!(fact, Prop::Rel(Rel::Eq, Term::Bin(Op::Mod, ..), Term::Num(_)));
    view.proofs()
        .filter(|hyp| hyp.prop.as_ref().is_some_and(|prop| prop.conjuncts().into_iter().any(says)))
        .map(|hyp| hyp.name.as_str())
        .collect()
}

/// Known residues, pushed into the target.
fn residue_facts(view: &View, drafts: &mut Drafts) {
    let known = known_residues(view);
    if known.is_empty() || !(view.target.contains('%') || view.target.contains('∣')) {
        return;
    }
    let lemmas = push_lemmas(speaks_of_integers(view));
    drafts.add(5.5, format!("simp [{lemmas}, {}]", known.join(", ")));
}

/// `k = closed term`, too large to compute with: its residues are facts that the kernel decides.
fn large_values(view: &View, moduli: &[i128], drafts: &mut Drafts) {
    for hyp in view.proofs() {
        let Some(Prop::Rel(Rel::Eq, Term::Atom(name), value)) = &hyp.prop else { continue };
        let has_operation = matches!(value, Term::Bin(..));
        if !value.is_closed() || !has_operation || !view.in_target(name) || residue_is_known(view, name) {
            continue;
        }
        let mut wanted: Vec<i128> = Vec::new();
        for &modulus in moduli.iter().take(2) {
            wanted.push(modulus);
            for base in bases_with_exponent(view, name) {
                if let Some(orbit) = Orbit::new(base, modulus) {
                    wanted.push(i128::try_from(orbit.period).unwrap_or(1));
                }
            }
        }
        wanted.retain(|modulus| *modulus > 1);
        wanted.sort_unstable();
        wanted.dedup();
        let text = value.show();
        let facts: Option<Vec<String>> =
            wanted.iter().map(|modulus| Some(format!("({text}) % {modulus} = {}", value.residue(*modulus)?))).collect();
        let Some(facts) = facts else { continue };
        let fact = view.fresh("e", &[]);
        drafts.add(
            7.0,
            format!(
                "have {fact} : {} ∧ 16 ≤ {text} := by decide +kernel\nrw [← {}] at {fact}",
                facts.join(" ∧ "),
                hyp.name
            ),
        );
    }
}

/// Some proof already says what `name` leaves modulo something.
fn residue_is_known(view: &View, name: &str) -> bool {
    view.facts().iter().any(|fact| {
        matches!(fact, Prop::Rel(Rel::Eq, Term::Bin(Op::Mod, a, _), Term::Num(_)) if **a == Term::Atom(name.to_owned()))
    })
}

/// Numerals `b` for which `b ^ e` stands somewhere with `name` in `e`.
fn bases_with_exponent(view: &View, name: &str) -> Vec<i128> {
    let mut out = Vec::new();
    for term in view.terms() {
        if let Term::Bin(Op::Pow, base, exponent) = term
            && let Some(base) = base.numeral()
        {
            let mut found = false;
            exponent.visit(&mut |part| found |= matches!(part, Term::Atom(atom) if atom == name));
            if found && !out.contains(&base) {
                out.push(base);
            }
        }
    }
    out
}

/// The residues of `base ^ 0, base ^ 1, ..`: a tail, then a cycle.
struct Orbit {
    /// All residues before the first repetition.
    residues: Vec<i128>,
    /// Length of the part that does not repeat.
    tail: usize,
    /// Length of the part that repeats.
    period: usize,
}

impl Orbit {
    /// `None` when tail and cycle are too long to write out.
    fn new(base: i128, modulus: i128) -> Option<Self> {
        if base < 2 || !(2..=1_000_000_000).contains(&modulus) {
            return None;
        }
        let mut residues = vec![1 % modulus];
        loop {
            let last = residues.last()?;
            let next = last * (base % modulus) % modulus;
            if let Some(tail) = residues.iter().position(|residue| *residue == next) {
                let period = residues.len() - tail;
                return Some(Self { residues, tail, period });
            }
            residues.push(next);
            if residues.len() > MAX_ORBIT {
                return None;
            }
        }
    }

    /// The proposition that describes `k` and `base ^ k % modulus` in step number `idx` of the orbit.
    fn case(&self, idx: usize, base: i128, modulus: i128) -> String {
        let power = format!("{base} ^ k % {modulus} = {}", self.residues[idx]);
        if idx < self.tail {
            return format!("k = {idx} ∧ {power}");
        }
        let guard = if self.tail > 0 { format!("{} ≤ k ∧ ", self.tail) } else { String::new() };
        if self.period == 1 {
            return format!("{guard}{power}");
        }
        format!("{guard}k % {} = {} ∧ {power}", self.period, idx % self.period)
    }

    /// The lemma `∀ k, 0 < base ^ k ∧ (case 0 ∨ case 1 ∨ ..)` with its proof by induction.
    fn lemma(&self, name: &str, base: i128, modulus: i128) -> String {
        let n = self.residues.len();
        let cases: Vec<String> = (0..n).map(|idx| self.case(idx, base, modulus)).collect();
        let statement = if n == 1 { cases[0].clone() } else { format!("({})", cases.join(" ∨ ")) };
        let mut out = format!(
            "have {name} : ∀ k : Nat, 0 < {base} ^ k ∧ {statement} := by\n  intro k\n  induction k with\n  \
             | zero => decide\n  | succ k ih =>\n    obtain ⟨hp, ih⟩ := ih\n    rw [Nat.pow_succ]\n    \
             refine ⟨by omega, ?_⟩"
        );
        if n == 1 {
            out.push_str("\n    omega");
            return out;
        }
        out.push_str(&format!("\n    rcases ih with {}", vec!["ih"; n].join(" | ")));
        for idx in 0..n {
            let next = if idx + 1 < n { idx + 1 } else { self.tail };
            let mut term = if next + 1 == n { "by omega".to_owned() } else { ".inl (by omega)".to_owned() };
            for _ in 0..next {
                term = format!(".inr ({term})");
            }
            out.push_str(&format!("\n    · exact {term}"));
        }
        out
    }
}

/// Powers of a numeral with a variable exponent modulo a numeral: the cycle of residues, proved by induction.
fn powers(view: &View, moduli: &[i128], drafts: &mut Drafts) {
    let mut bases: Vec<(i128, Vec<String>)> = Vec::new();
    for term in view.terms() {
        let Term::Bin(Op::Pow, base, exponent) = term else { continue };
        let Some(base) = base.numeral() else { continue };
        if base < 2 || exponent.is_closed() {
            continue;
        }
        let exponent = exponent.show();
        match bases.iter_mut().find(|(known, _)| *known == base) {
            Some((_, exponents)) if !exponents.contains(&exponent) => exponents.push(exponent),
            Some(_) => {}
            None => bases.push((base, vec![exponent])),
        }
    }
    for (nth, &modulus) in moduli.iter().take(2).enumerate() {
        let mut script = String::new();
        let mut closing = String::new();
        let mut taken: Vec<String> = Vec::new();
        // What is known besides, so that `simp` can push it through the products that `omega` does not read.
        let mut facts: Vec<String> = known_residues(view).into_iter().map(str::to_owned).collect();
        let mut n_facts = 0;
        for (base, exponents) in bases.iter().take(3) {
            let Some(orbit) = Orbit::new(*base, modulus) else { continue };
            let name = view.fresh("key", &taken);
            taken.push(name.clone());
            script.push_str(&orbit.lemma(&name, *base, modulus));
            script.push('\n');
            for exponent in exponents.iter().take(3) {
                let fact = view.fresh("hk", &taken);
                taken.push(fact.clone());
                facts.push(fact.clone());
                n_facts += 1;
                script.push_str(&format!("have {fact} := {name} ({exponent})\n"));
                let alternatives = vec![fact.clone(); orbit.residues.len()].join(" | ");
                let hole = view.fresh("hp", &taken);
                taken.push(hole.clone());
                let step = if closing.is_empty() { "" } else { " <;> " };
                closing.push_str(&format!("{step}rcases {fact} with ⟨{hole}, {alternatives}⟩"));
            }
            script.push_str(&format!("clear {name}\n"));
        }
        if n_facts == 0 {
            continue;
        }
        // A power whose residue is already known has been here before.
        let weight = if known_power(view) { 0.1 } else { 1.0 } * if nth == 0 { 1.0 } else { 0.8 };
        drafts.add(9.0 * weight, format!("{script}omega"));
        if n_facts <= 2 {
            let simp = format!("simp [{}, {}]; done", push_lemmas(speaks_of_integers(view)), facts.join(", "));
            drafts.add(5.0 * weight, format!("{script}{closing} <;> try first | omega | ({simp})"));
        }
    }
}

/// Some proof already gives the residue of a power.
fn known_power(view: &View) -> bool {
    view.facts().iter().any(|fact| {
        matches!(fact, Prop::Rel(Rel::Eq, Term::Bin(Op::Mod, a, _), Term::Num(_)) if matches!(**a, Term::Bin(Op::Pow, ..)))
    })
}

/// `x % m = 0 ∨ x % m = 1 ∨ ..` for the variables at hand.
fn splits(view: &View, moduli: &[i128], drafts: &mut Drafts) {
    let integers = speaks_of_integers(view);
    let lemmas = push_lemmas(integers);
    // A variable whose residue is known needs no split.
    let settled = |name: &str, modulus: i128| {
        view.facts().iter().any(|fact| {
            matches!(fact, Prop::Rel(Rel::Eq, Term::Bin(Op::Mod, a, m), Term::Num(_))
                if **a == Term::Atom(name.to_owned()) && m.numeral() == Some(modulus))
        })
    };
    // Where every term is linear `omega` needs no help.
    let nonlinear = view.terms().iter().any(|term| match term {
        Term::Bin(Op::Mul, a, b) => a.numeral().is_none() && b.numeral().is_none(),
        Term::Bin(Op::Pow, base, exponent) => !(base.is_closed() && exponent.is_closed()),
        _ => false,
    });
    let weight = if nonlinear { 1.0 } else { 0.2 };
    for modulus in moduli.iter().copied().filter(|modulus| *modulus <= MAX_SPLIT).take(2) {
        let names: Vec<&str> = view
            .hyps
            .iter()
            .filter(|hyp| hyp.accessible && matches!(hyp.kind, Kind::Nat | Kind::Int) && view.in_target(&hyp.name))
            .map(|hyp| hyp.name.as_str())
            .filter(|name| !settled(name, modulus))
            .take(3)
            .collect();
        let fact = view.fresh("hr", &[]);
        for name in names.iter().take(2) {
            let (have, rcases) = split(name, modulus, &fact);
            drafts.add(6.0 * weight, format!("{have}\n{rcases} <;> simp [{fact}, {lemmas}]"));
            drafts.add(2.0 * weight, format!("{have}\n{rcases} <;> simp_all [{lemmas}]"));
            drafts.add(1.5 * weight, format!("{have}\n{rcases} <;> grind"));
            if modulus <= 4 {
                drafts.add(1.0 * weight, format!("{have}\n{rcases}"));
            }
        }
        if let [x, y] = names.as_slice()
            && modulus * modulus <= 64
        {
            let other = format!("{fact}'");
            let (have_x, cases_x) = split(x, modulus, &fact);
            let (have_y, cases_y) = split(y, modulus, &other);
            drafts.add(
                3.0 * weight,
                format!("{have_x}\n{have_y}\n{cases_x} <;> {cases_y} <;> simp [{fact}, {other}, {lemmas}]"),
            );
            drafts.add(2.0 * weight, format!("{have_x}\n{have_y}\n{cases_x} <;> {cases_y} <;> simp_all [{lemmas}]"));
        }
    }
}

fn split(name: &str, modulus: i128, fact: &str) -> (String, String) {
    let cases: Vec<String> = (0..modulus).map(|residue| format!("{name} % {modulus} = {residue}")).collect();
    let alternatives = vec![fact; cases.len()].join(" | ");
    (format!("have {fact} : {} := by omega", cases.join(" ∨ ")), format!("rcases {fact} with {alternatives}"))
}

//! Interval arithmetic over the hypotheses: which variables can take only finitely many values, and why.
//!
//! The result only suggests numerals; the tactics that use them prove them to Lean.

use std::collections::BTreeMap;

use super::arith::{Op, Prop, Rel, Term};
use super::view::{Kind, View};

/// Larger values are not worth bounding by, and keep the arithmetic far from overflow.
const LIMIT: i128 = 1_000_000_000_000_000_000;

/// What is known about the integers that a variable can be: both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) lo: Option<i128>,
    pub(super) hi: Option<i128>,
}

/// Ranges of the atoms of a goal.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    atoms: Vec<Atom>,
    constraints: Vec<Poly>,
    /// The relations as they stand, for bounds of products that are not multiplied out.
    relations: Vec<(Rel, Term, Term)>,
}

#[derive(Clone, Debug)]
struct Atom {
    term: Term,
    range: Range,
}

/// A product of atoms with exponents, sorted by atom.
type Monomial = Vec<(usize, u32)>;
/// A polynomial that is at least 0.
type Poly = BTreeMap<Monomial, i128>;

impl Bounds {
    /// Ranges that follow from the proofs and, by contradiction, from the target when `negate_target` is set.
    ///
    /// With `linear`, products of variables count as opaque, as they do for `omega`: then the ranges of the
    /// variables are what `omega` can be expected to prove.
    pub(super) fn new(view: &View, linear: bool, negate_target: bool) -> Self {
        let mut this = Self::default();
        let mut constraints: Vec<Poly> = Vec::new();
        for fact in view.facts() {
            this.add_fact(view, fact, false, &mut constraints);
        }
        if negate_target && let Some(target) = &view.target_prop {
            this.add_fact(view, target, true, &mut constraints);
        }
        this.constraints = constraints;
        this.intern_exponents();
        this.settle(linear);
        this
    }

    /// Propagates until nothing changes, or for a few rounds.
    fn settle(&mut self, linear: bool) {
        let constraints = std::mem::take(&mut self.constraints);
        for _ in 0..12 {
            let before: Vec<Range> = self.atoms.iter().map(|atom| atom.range).collect();
            for constraint in &constraints {
                self.propagate(constraint, linear);
            }
            self.link_powers(linear);
            if before.iter().eq(self.atoms.iter().map(|atom| &atom.range)) {
                break;
            }
        }
        self.constraints = constraints;
    }

    /// These bounds with `name ≥ least` added, propagated as `omega` would.
    pub(super) fn assuming(&self, name: &str, least: i128) -> Self {
        let mut out = self.clone();
        if let Some(atom) = out.atoms.iter_mut().find(|atom| matches!(&atom.term, Term::Atom(text) if text == name)) {
            atom.range.lo = Some(atom.range.lo.map_or(least, |lo| lo.max(least)));
        }
        out.settle(true);
        out
    }

    /// The least `limit` up to `most` for which lower bounds of products contradict `name ≥ limit`.
    ///
    /// `self` has to be linear: these are the bounds that `omega` can prove about the factors.
    pub(super) fn ceiling(&self, name: &str, most: i128) -> Option<i128> {
        let lo = self.of(name).lo.unwrap_or(0).max(0);
        let mut high = lo + 1;
        while !self.assuming(name, high).is_contradictory() {
            high = high.checked_mul(2).filter(|high| *high <= 2 * most)?;
        }
        let mut low = lo;
        while low + 1 < high {
            let middle = i128::midpoint(low, high);
            if self.assuming(name, middle).is_contradictory() { high = middle } else { low = middle }
        }
        (high <= most).then_some(high)
    }

    /// Some range is empty, or some relation fails for all values in the ranges.
    fn is_contradictory(&self) -> bool {
        let empty = |range: Range| matches!((range.lo, range.hi), (Some(lo), Some(hi)) if lo > hi);
        let above = |a: &Term, b: &Term, slack: i128| matches!((self.lower(a), self.upper(b)), (Some(lo), Some(hi)) if lo > hi - slack);
        self.atoms.iter().any(|atom| empty(atom.range))
            || self.constraints.iter().any(|poly| self.most(poly).is_some_and(|most| most < 0))
            || self.relations.iter().any(|(rel, left, right)| match rel {
                Rel::Eq => above(left, right, 0) || above(right, left, 0),
                Rel::Le => above(left, right, 0),
                Rel::Lt => above(left, right, 1),
                Rel::Ne | Rel::Dvd => false,
            })
    }

    /// The largest value of a polynomial, products bounded by their factors.
    fn most(&self, poly: &Poly) -> Option<i128> {
        let mut sum = 0_i128;
        for (monomial, c) in poly {
            let range = self.monomial(monomial, false);
            let value = c.checked_mul(if *c > 0 { range.hi } else { range.lo }?)?;
            sum = sum.checked_add(value).filter(|sum| sum.abs() < LIMIT)?;
        }
        Some(sum)
    }

    /// The range of a variable.
    pub(super) fn of(&self, name: &str) -> Range {
        self.atoms
            .iter()
            .find(|atom| matches!(&atom.term, Term::Atom(text) if text == name))
            .map_or_else(Range::default, |atom| atom.range)
    }

    /// The least value of a term, by interval arithmetic along the term.
    pub(super) fn lower(&self, term: &Term) -> Option<i128> {
        let value = match term {
            Term::Num(n) => *n,
            Term::Atom(atom) => self.of(atom).lo?,
            Term::Cast(inner) => self.lower(inner)?,
            Term::Bin(Op::Add, a, b) => self.lower(a)? + self.lower(b)?,
            Term::Bin(Op::Sub, a, b) => self.lower(a)? - self.upper(b)?,
            Term::Bin(Op::Mul, a, b) => {
                let (a, b) = (self.lower(a)?, self.lower(b)?);
                if a < 0 || b < 0 {
                    return None;
                }
                a.checked_mul(b)?
            }
            Term::Bin(Op::Pow, a, b) => {
                let (a, b) = (self.lower(a)?, self.lower(b)?);
                if a < 0 {
                    return None;
                }
                a.checked_pow(u32::try_from(b).ok()?)?
            }
            _ => return None,
        };
        (value.abs() < LIMIT).then_some(value)
    }

    /// The largest value of a term, where that is plain.
    fn upper(&self, term: &Term) -> Option<i128> {
        let value = match term {
            Term::Num(n) => *n,
            Term::Atom(atom) => self.of(atom).hi?,
            Term::Cast(inner) => self.upper(inner)?,
            Term::Bin(Op::Add, a, b) => self.upper(a)? + self.upper(b)?,
            Term::Bin(Op::Pow, a, b) => a.numeral()?.checked_pow(u32::try_from(b.numeral()?).ok()?)?,
            _ => return None,
        };
        (value.abs() < LIMIT).then_some(value)
    }

    fn add_fact(&mut self, view: &View, fact: &Prop, negated: bool, out: &mut Vec<Poly>) {
        match fact {
            Prop::Not(inner) => self.add_fact(view, inner, !negated, out),
            Prop::And(a, b) if !negated => {
                self.add_fact(view, a, false, out);
                self.add_fact(view, b, false, out);
            }
            Prop::Or(a, b) | Prop::Imp(a, b) if negated => {
                self.add_fact(view, a, matches!(fact, Prop::Or(..)), out);
                self.add_fact(view, b, true, out);
            }
            Prop::Rel(rel, left, right) => {
                if !negated {
                    self.relations.push((*rel, left.clone(), right.clone()));
                }
                let (Some(left), Some(right)) = (self.poly(view, left), self.poly(view, right)) else { return };
                match (rel, negated) {
                    (Rel::Eq, false) | (Rel::Ne, true) => {
                        out.push(minus(&left, &right, 0));
                        out.push(minus(&right, &left, 0));
                    }
                    (Rel::Le, false) => out.push(minus(&right, &left, 0)),
                    (Rel::Lt, false) => out.push(minus(&right, &left, -1)),
                    (Rel::Le, true) => out.push(minus(&left, &right, -1)),
                    (Rel::Lt, true) => out.push(minus(&left, &right, 0)),
                    // A divisor is no larger than a positive multiple.
                    (Rel::Dvd, false) => {
                        let positive = right.len() == 1 && right.get(&Vec::new()).is_some_and(|n| *n > 0);
                        if positive {
                            out.push(minus(&right, &left, 0));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The polynomial of a term; `None` for what integer polynomials cannot say (rational division, truncated
    /// subtraction of naturals, rational variables).
    fn poly(&mut self, view: &View, term: &Term) -> Option<Poly> {
        let out = match term {
            Term::Num(n) => constant(*n),
            Term::Atom(text) => {
                let kind = view.hyp(text).map(|hyp| hyp.kind);
                match kind {
                    Some(Kind::Nat) => self.atom(term, Some(0)),
                    Some(Kind::Int) => self.atom(term, None),
                    Some(_) => return None,
                    // An application, `f 3` or `Nat.gcd a b`; its type is unknown, so it has no bounds of its own.
                    None => self.atom(term, None),
                }
            }
            Term::Cast(inner) => self.poly(view, inner)?,
            Term::Neg(inner) => scale(&self.poly(view, inner)?, -1)?,
            Term::Bin(Op::Add, a, b) => plus(&self.poly(view, a)?, &self.poly(view, b)?)?,
            Term::Bin(Op::Sub, a, b) => {
                if !is_integer(view, a) && !is_integer(view, b) {
                    return None;
                }
                plus(&self.poly(view, a)?, &scale(&self.poly(view, b)?, -1)?)?
            }
            Term::Bin(Op::Mul, a, b) => times(&self.poly(view, a)?, &self.poly(view, b)?)?,
            Term::Bin(Op::Mod, _, modulus) => {
                let modulus = modulus.numeral().filter(|n| *n > 0)?;
                let idx = self.intern(term, Some(0));
                self.atoms[idx].range.hi = Some(modulus - 1);
                BTreeMap::from([(vec![(idx, 1)], 1)])
            }
            Term::Bin(Op::Pow, base, exponent) => match (base.numeral(), exponent.numeral()) {
                (Some(base), Some(exponent)) => constant(base.checked_pow(u32::try_from(exponent).ok()?)?),
                (None, Some(exponent)) => {
                    let base = self.poly(view, base)?;
                    let mut out = constant(1);
                    for _ in 0..u32::try_from(exponent).ok().filter(|n| *n <= 8)? {
                        out = times(&out, &base)?;
                    }
                    out
                }
                (Some(_), None) => self.atom(term, Some(1)),
                (None, None) => return None,
            },
            Term::Bin(Op::Div, ..) => return None,
        };
        (out.len() <= 60 && out.values().all(|value| value.abs() < LIMIT)).then_some(out)
    }

    fn atom(&mut self, term: &Term, lo: Option<i128>) -> Poly {
        BTreeMap::from([(vec![(self.intern(term, lo), 1)], 1)])
    }

    fn intern(&mut self, term: &Term, lo: Option<i128>) -> usize {
        if let Some(idx) = self.atoms.iter().position(|atom| atom.term == *term) {
            return idx;
        }
        self.atoms.push(Atom { term: term.clone(), range: Range { lo, hi: None } });
        self.atoms.len() - 1
    }

    /// Tightens ranges by one constraint `poly ≥ 0`.
    fn propagate(&mut self, poly: &Poly, linear: bool) {
        for (monomial, coefficient) in poly {
            if monomial.is_empty() {
                continue;
            }
            let mut rest = 0_i128;
            let mut known = true;
            for (other, c) in poly.iter().filter(|(other, _)| *other != monomial) {
                let range = self.monomial(other, linear);
                let most = if *c > 0 { range.hi } else { range.lo };
                match most.and_then(|most| c.checked_mul(most)) {
                    Some(value) if value.abs() < LIMIT => rest += value,
                    _ => known = false,
                }
            }
            if !known {
                continue;
            }
            if *coefficient < 0 {
                self.cap(monomial, rest.div_euclid(-coefficient), linear);
            } else {
                // c * m ≥ -rest
                let least = -rest.div_euclid(*coefficient);
                self.raise(monomial, least, linear);
            }
        }
    }

    /// The range of a monomial.
    fn monomial(&self, monomial: &Monomial, linear: bool) -> Range {
        if monomial.is_empty() {
            return Range { lo: Some(1), hi: Some(1) };
        }
        if let [(idx, 1)] = monomial.as_slice() {
            return self.atoms[*idx].range;
        }
        let nonnegative = monomial.iter().all(|(idx, _)| self.atoms[*idx].range.lo.is_some_and(|lo| lo >= 0));
        if linear {
            return Range { lo: nonnegative.then_some(0), hi: None };
        }
        if nonnegative {
            let product = |end: fn(Range) -> Option<i128>| {
                monomial.iter().try_fold(1_i128, |product, (idx, exponent)| {
                    product.checked_mul(end(self.atoms[*idx].range)?.checked_pow(*exponent)?)
                })
            };
            return Range { lo: product(|range| range.lo), hi: product(|range| range.hi).filter(|hi| *hi < LIMIT) };
        }
        if monomial.iter().all(|(_, exponent)| exponent % 2 == 0) {
            return Range { lo: Some(0), hi: None };
        }
        Range::default()
    }

    /// Uses `monomial ≤ most`.
    fn cap(&mut self, monomial: &Monomial, most: i128, linear: bool) {
        if most.abs() >= LIMIT {
            return;
        }
        if let [(idx, 1)] = monomial.as_slice() {
            let range = &mut self.atoms[*idx].range;
            range.hi = Some(range.hi.map_or(most, |hi| hi.min(most)));
            return;
        }
        if linear || most < 0 {
            return;
        }
        if let [(idx, exponent)] = monomial.as_slice()
            && exponent % 2 == 0
        {
            let root = root(most, *exponent);
            let range = &mut self.atoms[*idx].range;
            range.hi = Some(range.hi.map_or(root, |hi| hi.min(root)));
            range.lo = Some(range.lo.map_or(-root, |lo| lo.max(-root)));
            return;
        }
        for (idx, exponent) in monomial {
            let others = monomial.iter().filter(|(other, _)| other != idx).try_fold(1_i128, |product, (other, e)| {
                let lo = self.atoms[*other].range.lo.filter(|lo| *lo >= 1)?;
                product.checked_mul(lo.checked_pow(*e)?)
            });
            let nonnegative = self.atoms[*idx].range.lo.is_some_and(|lo| lo >= 0);
            if let Some(others) = others
                && nonnegative
            {
                let root = root(most / others, *exponent);
                let range = &mut self.atoms[*idx].range;
                range.hi = Some(range.hi.map_or(root, |hi| hi.min(root)));
            }
        }
    }

    /// Uses `monomial ≥ least`.
    fn raise(&mut self, monomial: &Monomial, least: i128, linear: bool) {
        if least.abs() >= LIMIT {
            return;
        }
        if let [(idx, 1)] = monomial.as_slice() {
            let range = &mut self.atoms[*idx].range;
            range.lo = Some(range.lo.map_or(least, |lo| lo.max(least)));
            return;
        }
        if linear || least < 1 {
            return;
        }
        // A positive product of nonnegative factors has positive factors.
        if monomial.iter().all(|(idx, _)| self.atoms[*idx].range.lo.is_some_and(|lo| lo >= 0)) {
            for (idx, _) in monomial {
                let range = &mut self.atoms[*idx].range;
                range.lo = Some(range.lo.map_or(1, |lo| lo.max(1)));
            }
        }
    }

    /// Exponents that stand nowhere else still deserve a range: they are natural numbers.
    fn intern_exponents(&mut self) {
        let exponents: Vec<Term> = self
            .atoms
            .iter()
            .filter_map(|atom| match &atom.term {
                Term::Bin(Op::Pow, base, exponent) if base.numeral().is_some() => Some((**exponent).clone()),
                _ => None,
            })
            .filter(|exponent| matches!(exponent, Term::Atom(_)))
            .collect();
        for exponent in exponents {
            self.intern(&exponent, Some(0));
        }
    }

    /// Bounds of `b ^ x` are bounds of `x`.
    fn link_powers(&mut self, linear: bool) {
        if linear {
            return;
        }
        for idx in 0..self.atoms.len() {
            let Term::Bin(Op::Pow, base, exponent) = &self.atoms[idx].term else { continue };
            let (Some(base), Term::Atom(_)) = (base.numeral().filter(|base| *base >= 2), exponent.as_ref()) else {
                continue;
            };
            let Some(hi) = self.atoms[idx].range.hi else { continue };
            let Some(target) = self.atoms.iter().position(|atom| atom.term == **exponent) else {
                continue;
            };
            let (mut power, mut most) = (1_i128, -1_i128);
            while power <= hi {
                power *= base;
                most += 1;
            }
            let range = &mut self.atoms[target].range;
            range.hi = Some(range.hi.map_or(most, |old| old.min(most)));
        }
    }
}

/// An integer term, so that subtraction does not truncate.
fn is_integer(view: &View, term: &Term) -> bool {
    let mut found = false;
    term.visit(&mut |part| match part {
        Term::Cast(_) | Term::Neg(_) => found = true,
        Term::Atom(atom) => found |= view.hyp(atom).is_some_and(|hyp| hyp.kind == Kind::Int),
        _ => {}
    });
    found
}

fn constant(n: i128) -> Poly {
    if n == 0 { Poly::new() } else { BTreeMap::from([(Monomial::new(), n)]) }
}

fn plus(a: &Poly, b: &Poly) -> Option<Poly> {
    let mut out = a.clone();
    for (monomial, c) in b {
        let entry = out.entry(monomial.clone()).or_insert(0);
        *entry = entry.checked_add(*c)?;
        if *entry == 0 {
            out.remove(monomial);
        }
    }
    Some(out)
}

fn scale(a: &Poly, factor: i128) -> Option<Poly> {
    a.iter().map(|(monomial, c)| Some((monomial.clone(), c.checked_mul(factor)?))).collect()
}

/// `a - b + slack`.
fn minus(a: &Poly, b: &Poly, slack: i128) -> Poly {
    scale(b, -1).and_then(|b| plus(a, &b)).and_then(|out| plus(&out, &constant(slack))).unwrap_or_default()
}

fn times(a: &Poly, b: &Poly) -> Option<Poly> {
    if a.len() * b.len() > 400 {
        return None;
    }
    let mut out = Poly::new();
    for (left, c) in a {
        for (right, d) in b {
            let mut product: BTreeMap<usize, u32> = left.iter().copied().collect();
            for (idx, exponent) in right {
                *product.entry(*idx).or_insert(0) += exponent;
            }
            let term = BTreeMap::from([(product.into_iter().collect::<Monomial>(), c.checked_mul(*d)?)]);
            out = plus(&out, &term)?;
        }
    }
    Some(out)
}

/// The largest `r` with `r ^ exponent ≤ n`, for `n ≥ 0`.
fn root(n: i128, exponent: u32) -> i128 {
    let (mut low, mut high) = (0_i128, 1_i128);
    while high.checked_pow(exponent).is_some_and(|power| power <= n) {
        high *= 2;
    }
    while low + 1 < high {
        let middle = i128::midpoint(low, high);
        if middle.checked_pow(exponent).is_some_and(|power| power <= n) { low = middle } else { high = middle }
    }
    low
}

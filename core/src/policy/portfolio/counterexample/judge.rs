//! Computes whether values refute a statement, as far as it is arithmetic and logic over its variables.
//!
//! Numbers are Lean's: subtraction of naturals stops at 0, division of integers rounds as `Int.ediv` does, and dividing by
//! 0 gives 0. What is not understood is unknown, and what is computed wrongly costs a tactic and nothing else.

use std::collections::BTreeMap;

use super::super::arith::{Op, Prop, Rel, Term};
use super::Assignment;
use super::quantified::{Form, Quantified};

/// What is known of a proposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Nat,
    Int,
    Rat,
}

/// A statement that is read once and judged often.
pub(super) struct Judge {
    /// What must hold, where it can be read.
    premises: Vec<Option<Prop>>,
    conclusion: Option<Prop>,
    /// Whether the conclusion is to hold.
    wants: Truth,
    kinds: BTreeMap<String, Kind>,
}

type Env<'a> = BTreeMap<&'a str, &'a str>;

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    n: i128,
    d: i128,
}

impl Judge {
    pub(super) fn new(quantified: &Quantified) -> Self {
        let kinds = quantified.variables().filter_map(|variable| Some((variable.name.clone(), kind(&variable.ty)?)));
        Self {
            premises: quantified.premises().map(Prop::parse).collect(),
            conclusion: Prop::parse(&quantified.conclusion),
            wants: if quantified.form == Form::Exists { Truth::True } else { Truth::False },
            kinds: kinds.collect(),
        }
    }

    /// Whether these values do what they are meant to.
    pub(super) fn refutes(&self, values: &[Assignment]) -> Truth {
        let env: Env<'_> = values.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        let mut all = Truth::True;
        for premise in &self.premises {
            match premise.as_ref().map_or(Truth::Unknown, |premise| self.prop(premise, &env)) {
                Truth::False => return Truth::False,
                Truth::Unknown => all = Truth::Unknown,
                Truth::True => {}
            }
        }
        match self.conclusion.as_ref().map_or(Truth::Unknown, |conclusion| self.prop(conclusion, &env)) {
            Truth::Unknown => Truth::Unknown,
            found if found == self.wants => all,
            _ => Truth::False,
        }
    }

    fn prop(&self, prop: &Prop, env: &Env<'_>) -> Truth {
        match prop {
            Prop::Rel(rel, left, right) => self.relation(*rel, left, right, env).map_or(Truth::Unknown, Truth::of),
            Prop::And(left, right) => self.prop(left, env).and(self.prop(right, env)),
            Prop::Or(left, right) => self.prop(left, env).not().and(self.prop(right, env).not()).not(),
            Prop::Imp(left, right) => self.prop(left, env).and(self.prop(right, env).not()).not(),
            Prop::Iff(left, right) => match (self.prop(left, env), self.prop(right, env)) {
                (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
                (left, right) => Truth::of(left == right),
            },
            Prop::Not(inner) => self.prop(inner, env).not(),
            Prop::Atom(name) => match env.get(name.as_str()).copied().unwrap_or(name) {
                "True" => Truth::True,
                "False" => Truth::False,
                _ => Truth::Unknown,
            },
        }
    }

    fn relation(&self, rel: Rel, left: &Term, right: &Term, env: &Env<'_>) -> Option<bool> {
        if let (Rel::Eq | Rel::Ne, Some(left), Some(right)) = (rel, self.plain(left, env), self.plain(right, env)) {
            return Some((left == right) == (rel == Rel::Eq));
        }
        let kind = match self.kind_of(left).or_else(|| self.kind_of(right)) {
            Some(kind) => kind,
            None if has_cast(left) || has_cast(right) => return None,
            None => Kind::Nat,
        };
        let (a, b) = (self.number(left, kind, env)?, self.number(right, kind, env)?);
        let order = a.n.checked_mul(b.d)?.cmp(&b.n.checked_mul(a.d)?);
        Some(match rel {
            Rel::Eq => order.is_eq(),
            Rel::Ne => order.is_ne(),
            Rel::Lt => order.is_lt(),
            Rel::Le => order.is_le(),
            Rel::Dvd if kind == Kind::Rat => return None,
            Rel::Dvd if a.n == 0 => b.n == 0,
            Rel::Dvd => b.n.checked_rem(a.n)? == 0,
        })
    }

    /// A value that is no number, and equal to another if it is written as it: a constructor, a truth value.
    fn plain<'a>(&self, term: &'a Term, env: &Env<'a>) -> Option<&'a str> {
        let Term::Atom(name) = term else { return None };
        if matches!(name.as_str(), "true" | "false" | "True" | "False") {
            return Some(name);
        }
        let value = env.get(name.as_str()).filter(|_| !self.kinds.contains_key(name))?;
        (!value.contains("fun ")).then_some(value)
    }

    fn kind_of(&self, term: &Term) -> Option<Kind> {
        match term {
            Term::Num(_) | Term::Cast(_) => None,
            Term::Atom(name) => self.kinds.get(name).copied(),
            Term::Neg(inner) => Some(self.kind_of(inner).unwrap_or(Kind::Int)),
            Term::Bin(Op::Pow, base, _) => self.kind_of(base),
            Term::Bin(_, left, right) => self.kind_of(left).or_else(|| self.kind_of(right)),
        }
    }

    fn number(&self, term: &Term, kind: Kind, env: &Env<'_>) -> Option<Number> {
        match term {
            Term::Num(n) => Some(Number::whole(*n)),
            Term::Atom(name) => {
                (self.kinds.get(name) == Some(&kind)).then(|| env.get(name.as_str()).and_then(|text| read(text)))?
            }
            Term::Cast(inner) => {
                let from = self.kind_of(inner).unwrap_or(Kind::Nat);
                (from <= kind).then(|| self.number(inner, from, env))?
            }
            Term::Neg(inner) => Number::whole(0).minus(self.number(inner, kind, env)?),
            Term::Bin(Op::Pow, base, exponent) => {
                let exponent = self.number(exponent, Kind::Nat, env)?.n;
                let base = self.number(base, kind, env)?;
                let power = u32::try_from(exponent).ok()?;
                Some(Number { n: base.n.checked_pow(power)?, d: base.d.checked_pow(power)? })
            }
            Term::Bin(op, left, right) => {
                let (a, b) = (self.number(left, kind, env)?, self.number(right, kind, env)?);
                match (op, kind) {
                    (Op::Add, _) => a.minus(Number { n: b.n.checked_neg()?, d: b.d }),
                    (Op::Sub, Kind::Nat) => Some(Number::whole((a.n - b.n).max(0))),
                    (Op::Sub, _) => a.minus(b),
                    (Op::Mul, _) => Number::fraction(a.n.checked_mul(b.n)?, a.d.checked_mul(b.d)?),
                    (Op::Div, Kind::Rat) if b.n == 0 => Some(Number::whole(0)),
                    (Op::Div, Kind::Rat) => Number::fraction(a.n.checked_mul(b.d)?, a.d.checked_mul(b.n)?),
                    (Op::Div, _) => Some(Number::whole(if b.n == 0 { 0 } else { a.n.checked_div_euclid(b.n)? })),
                    (Op::Mod, Kind::Rat) => None,
                    (Op::Mod, _) => Some(Number::whole(if b.n == 0 { a.n } else { a.n.checked_rem_euclid(b.n)? })),
                    (Op::Pow, _) => None,
                }
            }
        }
    }
}

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Number {
    fn whole(n: i128) -> Self {
        Self { n, d: 1 }
    }

    fn fraction(n: i128, d: i128) -> Option<Self> {
        let (mut a, mut b) = (n.checked_abs()?, d.checked_abs()?);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = if d < 0 { -a.max(1) } else { a.max(1) };
        Some(Self { n: n / divisor, d: d / divisor })
    }

    fn minus(self, other: Self) -> Option<Self> {
        let n = self.n.checked_mul(other.d)?.checked_sub(other.n.checked_mul(self.d)?)?;
        Self::fraction(n, self.d.checked_mul(other.d)?)
    }
}

fn kind(ty: &str) -> Option<Kind> {
    match ty {
        "ℕ" | "Nat" => Some(Kind::Nat),
        "ℤ" | "Int" => Some(Kind::Int),
        "ℚ" | "Rat" => Some(Kind::Rat),
        _ => None,
    }
}

/// A value as the choices write it: `2`, `(-1)`, `(3/2)`.
fn read(text: &str) -> Option<Number> {
    let text = text.trim_start_matches('(').trim_end_matches(')');
    match text.split_once('/') {
        Some((n, d)) => Number::fraction(n.parse().ok()?, d.parse().ok()?),
        None => text.parse().ok().map(Number::whole),
    }
}

fn has_cast(term: &Term) -> bool {
    let mut found = false;
    term.visit(&mut |term| found |= matches!(term, Term::Cast(_)));
    found
}

//! Terms and propositions of arithmetic that can be written in Lean's syntax and evaluated by Lean's rules.

use std::fmt;

/// Which numbers the variables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Nat,
    Int,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nat => "Nat",
            Self::Int => "Int",
        })
    }
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Gcd,
    Lcm,
    Min,
    Max,
}

/// A term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Num(i64),
    Var(String),
    Op(Op, Box<Term>, Box<Term>),
}

/// A relation of two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rel {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Dvd,
}

/// A proposition. Quantifiers run over the numbers below a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prop {
    Rel(Rel, Term, Term),
    Not(Box<Prop>),
    And(Box<Prop>, Box<Prop>),
    Or(Box<Prop>, Box<Prop>),
    Imp(Box<Prop>, Box<Prop>),
    Iff(Box<Prop>, Box<Prop>),
    All(String, i64, Box<Prop>),
    Exists(String, i64, Box<Prop>),
}

/// What the variables stand for.
#[derive(Clone, Debug)]
pub(super) struct Env {
    pub(super) sort: Sort,
    pub(super) values: Vec<(String, i128)>,
}

pub(super) fn num(value: i64) -> Term {
    Term::Num(value)
}

pub(super) fn var(name: &str) -> Term {
    Term::Var(name.to_owned())
}

impl Term {
    pub(super) fn op(op: Op, left: impl Into<Term>, right: impl Into<Term>) -> Self {
        Self::Op(op, Box::new(left.into()), Box::new(right.into()))
    }

    pub(super) fn pow(self, exponent: impl Into<Term>) -> Self {
        Self::op(Op::Pow, self, exponent)
    }

    /// The term for 1, and else its product with the factor.
    pub(super) fn times(self, factor: i64) -> Self {
        if factor == 1 { self } else { num(factor) * self }
    }

    /// `Σ coefficient * variable`, with `x` for `1 * x` and with `- 2 * y` for `+ -2 * y`; 0 when all are 0.
    pub(super) fn linear(coefficients: &[i64], names: &[String]) -> Self {
        let mut sum: Option<Term> = None;
        for (coefficient, name) in coefficients.iter().zip(names) {
            if *coefficient == 0 {
                continue;
            }
            let size = var(name).times(coefficient.abs());
            sum = Some(match sum {
                None if *coefficient < 0 => num(*coefficient) * var(name),
                None => size,
                Some(sum) if *coefficient < 0 => sum - size,
                Some(sum) => sum + size,
            });
        }
        sum.unwrap_or(num(0))
    }

    /// The term plus a constant, written without a sign of its own.
    pub(super) fn plus(self, constant: i64) -> Self {
        match constant {
            0 => self,
            1.. => self + num(constant),
            _ => self - num(-constant),
        }
    }

    /// Its value; `None` when it is too large for us to compute, or when a variable stands for nothing.
    pub(super) fn eval(&self, env: &Env) -> Option<i128> {
        match self {
            Self::Num(value) => Some(i128::from(*value)),
            Self::Var(name) => env.values.iter().rev().find(|(other, _)| other == name).map(|(_, value)| *value),
            Self::Op(op, left, right) => apply(*op, left.eval(env)?, right.eval(env)?, env.sort),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, outer: u32) -> fmt::Result {
        match self {
            // In the first place of a sum or a product the sign can stand without brackets.
            Self::Num(value) if *value < 0 && !matches!(outer, 0 | 65 | 70) => write!(f, "({value})"),
            Self::Num(value) => write!(f, "{value}"),
            Self::Var(name) => f.write_str(name),
            Self::Op(op, left, right) => {
                let (symbol, level, left_level, right_level) = match op {
                    Op::Add => ("+", 65, 65, 66),
                    Op::Sub => ("-", 65, 65, 66),
                    Op::Mul => ("*", 70, 70, 71),
                    Op::Div => ("/", 70, 70, 71),
                    Op::Mod => ("%", 70, 70, 71),
                    Op::Pow => ("^", 75, 76, 75),
                    Op::Gcd => ("Nat.gcd", 100, 101, 101),
                    Op::Lcm => ("Nat.lcm", 100, 101, 101),
                    Op::Min => ("min", 100, 101, 101),
                    Op::Max => ("max", 100, 101, 101),
                };
                if outer > level {
                    f.write_str("(")?;
                }
                if level == 100 {
                    write!(f, "{symbol} ")?;
                }
                left.write(f, left_level)?;
                if level == 100 { f.write_str(" ") } else { write!(f, " {symbol} ") }?;
                right.write(f, right_level)?;
                if outer > level {
                    f.write_str(")")?;
                }
                Ok(())
            }
        }
    }
}

/// Lean's rules: subtraction of natural numbers stops at 0, division by 0 is 0, `x % 0` is `x`, and division of
/// integers rounds so that the remainder is not negative.
fn apply(op: Op, left: i128, right: i128, sort: Sort) -> Option<i128> {
    match op {
        Op::Add => left.checked_add(right),
        Op::Sub if sort == Sort::Nat => Some((left - right).max(0)),
        Op::Sub => left.checked_sub(right),
        Op::Mul => left.checked_mul(right),
        Op::Div if right == 0 => Some(0),
        Op::Div => left.checked_div_euclid(right),
        Op::Mod if right == 0 => Some(left),
        Op::Mod => left.checked_rem_euclid(right),
        Op::Pow => left.checked_pow(u32::try_from(right).ok()?),
        Op::Gcd => Some(gcd(left, right)),
        Op::Lcm if left == 0 || right == 0 => Some(0),
        Op::Lcm => (left / gcd(left, right)).checked_mul(right),
        Op::Min => Some(left.min(right)),
        Op::Max => Some(left.max(right)),
    }
}

pub(super) fn gcd(left: i128, right: i128) -> i128 {
    if right == 0 { left.abs() } else { gcd(right, left % right) }
}

impl Prop {
    pub(super) fn rel(rel: Rel, left: impl Into<Term>, right: impl Into<Term>) -> Self {
        Self::Rel(rel, left.into(), right.into())
    }

    pub(super) fn eq(left: impl Into<Term>, right: impl Into<Term>) -> Self {
        Self::rel(Rel::Eq, left, right)
    }

    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub(super) fn implies(self, other: Self) -> Self {
        Self::Imp(Box::new(self), Box::new(other))
    }

    pub(super) fn iff(self, other: Self) -> Self {
        Self::Iff(Box::new(self), Box::new(other))
    }

    /// Whether it is true; `None` when that takes too large numbers.
    pub(super) fn eval(&self, env: &Env) -> Option<bool> {
        match self {
            Self::Rel(rel, left, right) => {
                let (left, right) = (left.eval(env)?, right.eval(env)?);
                Some(match rel {
                    Rel::Eq => left == right,
                    Rel::Ne => left != right,
                    Rel::Lt => left < right,
                    Rel::Le => left <= right,
                    Rel::Gt => left > right,
                    Rel::Ge => left >= right,
                    Rel::Dvd if left == 0 => right == 0,
                    Rel::Dvd => right % left == 0,
                })
            }
            Self::Not(inner) => Some(!inner.eval(env)?),
            Self::And(left, right) => Some(left.eval(env)? & right.eval(env)?),
            Self::Or(left, right) => Some(left.eval(env)? | right.eval(env)?),
            Self::Imp(left, right) => Some(!left.eval(env)? | right.eval(env)?),
            Self::Iff(left, right) => Some(left.eval(env)? == right.eval(env)?),
            Self::All(name, bound, body) => each(env, name, *bound, body).map(|all| !all.contains(&false)),
            Self::Exists(name, bound, body) => each(env, name, *bound, body).map(|all| all.contains(&true)),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, outer: u32) -> fmt::Result {
        let level = match self {
            Self::Rel(..) => 50,
            Self::Not(_) => 100,
            Self::And(..) => 35,
            Self::Or(..) => 30,
            Self::Imp(..) => 25,
            Self::Iff(..) => 20,
            Self::All(..) | Self::Exists(..) => 1,
        };
        if outer > level {
            f.write_str("(")?;
        }
        match self {
            Self::Rel(rel, left, right) => {
                left.write(f, if *rel == Rel::Dvd { 51 } else { 0 })?;
                let symbol = match rel {
                    Rel::Eq => "=",
                    Rel::Ne => "≠",
                    Rel::Lt => "<",
                    Rel::Le => "≤",
                    Rel::Gt => ">",
                    Rel::Ge => "≥",
                    Rel::Dvd => "∣",
                };
                write!(f, " {symbol} ")?;
                right.write(f, 0)?;
            }
            Self::Not(inner) => {
                f.write_str("¬")?;
                inner.write(f, 40)?;
            }
            Self::And(left, right) => both(f, left, 36, "∧", right, 35)?,
            Self::Or(left, right) => both(f, left, 31, "∨", right, 30)?,
            Self::Imp(left, right) => both(f, left, 26, "→", right, 25)?,
            Self::Iff(left, right) => both(f, left, 21, "↔", right, 21)?,
            Self::All(name, bound, body) => {
                write!(f, "∀ {name} : Nat, {name} < {bound} → ")?;
                body.write(f, 25)?;
            }
            Self::Exists(name, bound, body) => {
                write!(f, "∃ {name} : Nat, {name} < {bound} ∧ ")?;
                body.write(f, 35)?;
            }
        }
        if outer > level {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn both(
    f: &mut fmt::Formatter<'_>,
    left: &Prop,
    left_level: u32,
    symbol: &str,
    right: &Prop,
    right_level: u32,
) -> fmt::Result {
    left.write(f, left_level)?;
    write!(f, " {symbol} ")?;
    // A quantifier at the end reaches as far as it can, so it needs no brackets there.
    right.write(f, if matches!(right, Prop::All(..) | Prop::Exists(..)) { 0 } else { right_level })
}

/// The body's truth for each number below the bound.
fn each(env: &Env, name: &str, bound: i64, body: &Prop) -> Option<Vec<bool>> {
    let mut inner = env.clone();
    inner.values.push((name.to_owned(), 0));
    let last = inner.values.len() - 1;
    let mut all = Vec::new();
    for value in 0..i128::from(bound) {
        inner.values[last].1 = value;
        all.push(body.eval(&inner)?);
    }
    Some(all)
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl fmt::Display for Prop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl From<i64> for Term {
    fn from(value: i64) -> Self {
        Self::Num(value)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Into<Term>> std::ops::$trait<T> for Term {
            type Output = Term;

            fn $method(self, other: T) -> Term {
                Term::op(Op::$trait, self, other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<T: Into<Term>> std::ops::Rem<T> for Term {
    type Output = Term;

    fn rem(self, other: T) -> Term {
        Term::op(Op::Mod, self, other)
    }
}

//! Rational numbers: closed fractions, linear equations and systems, factors, functions.

use super::dice::Dice;
use super::draft::Draft;
use super::term::{Op, Rel, Term, gcd, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 => closed(dice, 1, holds),
        2 => match dice.int(0, 2) {
            0 => closed(dice, 2, holds),
            1 => linear(dice, holds),
            _ => value(dice, holds),
        },
        3 => match dice.int(0, 2) {
            0 => system(dice, holds),
            1 => identity(dice, holds),
            _ => inequality(dice, holds),
        },
        4 => match dice.int(0, 2) {
            0 => factors(dice, holds),
            1 => quotient(dice, holds),
            _ => identity(dice, holds),
        },
        _ => match dice.int(0, 2) {
            0 => factors(dice, holds),
            1 => quotient(dice, holds),
            _ => sequence(dice, holds),
        },
    }
}

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio {
    top: i128,
    bottom: i128,
}

impl Ratio {
    fn new(top: i128, bottom: i128) -> Option<Self> {
        let common = gcd(top, bottom) * bottom.signum();
        (bottom != 0).then(|| Self { top: top / common, bottom: bottom / common })
    }

    fn whole(value: i64) -> Self {
        Self { top: value.into(), bottom: 1 }
    }

    fn add(self, other: Self) -> Option<Self> {
        Self::new(self.top * other.bottom + other.top * self.bottom, self.bottom * other.bottom)
    }

    fn mul(self, other: Self) -> Option<Self> {
        Self::new(self.top * other.top, self.bottom * other.bottom)
    }

    fn term(self) -> Option<Term> {
        let (top, bottom) = (i64::try_from(self.top).ok()?, i64::try_from(self.bottom).ok()?);
        Some(match (top, bottom) {
            (top, 1) => num(top),
            (top, bottom) => num(top) / num(bottom),
        })
    }

    fn less(self, other: Self) -> bool {
        self.top * other.bottom < other.top * self.bottom
    }
}

fn eval(term: &Term, values: &[(String, Ratio)]) -> Option<Ratio> {
    let (op, left, right) = match term {
        Term::Num(value) => return Some(Ratio::whole(*value)),
        Term::Var(name) => return values.iter().find(|(other, _)| other == name).map(|(_, value)| *value),
        Term::Op(op, left, right) => (op, eval(left, values)?, eval(right, values)?),
    };
    match op {
        Op::Add => left.add(right),
        Op::Sub => left.add(Ratio { top: -right.top, ..right }),
        Op::Mul => left.mul(right),
        // Division by 0 is not drawn.
        Op::Div => Ratio::new(left.top * right.bottom, left.bottom * right.top),
        Op::Pow => (0..right.top).try_fold(Ratio::whole(1), |power, _| power.mul(left)),
        _ => None,
    }
}

fn ratio(dice: &mut Dice, largest: i64) -> Option<Ratio> {
    Ratio::new(dice.nonzero(-largest, largest).into(), dice.int(1, largest.min(9)).into())
}

fn slip(dice: &mut Dice, value: Ratio, holds: bool) -> Option<Ratio> {
    if holds { Some(value) } else { value.add(ratio(dice, 3)?) }
}

fn variables(dice: &mut Dice, n: usize) -> Vec<String> {
    let set = dice.pick(&[["x", "y"], ["a", "b"], ["r", "s"]]);
    set[..n].iter().map(|name| (*name).to_owned()).collect()
}

fn given(names: &[String]) -> Draft {
    names.iter().fold(Draft::default(), |draft, name| draft.var(name, "Rat"))
}

fn claim(draft: Draft, goal: String, level: u32, holds: bool) -> Draft {
    Draft { goal, level, holds, ..draft }
}

/// An expression of numerals and its value.
fn closed(dice: &mut Dice, depth: u32, holds: bool) -> Option<Draft> {
    let term = expression(dice, depth + 1)?;
    let value = eval(&term, &[])?;
    let claimed = slip(dice, value, holds)?.term()?;
    let size = value.top.abs().max(value.bottom);
    (size < 100_000).then(|| Draft::closed(format!("({term} : Rat) = {claimed}"), depth, holds))
}

fn expression(dice: &mut Dice, depth: u32) -> Option<Term> {
    if depth == 0 {
        let value = Ratio::new(dice.int(1, 20).into(), dice.int(1, 12).into())?;
        return value.term();
    }
    let (left, right) = (expression(dice, depth - 1)?, expression(dice, depth - 1)?);
    Some(match dice.weighted(&[4, 3, 3, 1]) {
        0 => left + right,
        1 => left - right,
        2 => left * right,
        _ => left / right,
    })
}

/// `a * x + b = c` with fractions.
fn linear(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 1);
    let solution = ratio(dice, 12)?;
    let x = || var(&names[0]);
    let (a, b, c) = (dice.int(2, 9), dice.int(2, 9), dice.int(1, 20));
    let left = match dice.int(0, 3) {
        0 => (num(a) * x()).plus(c),
        1 => (x() / num(a)).plus(-c),
        2 => x() / num(a) + x() / num(b),
        _ => num(a) * (x() - num(c)) / num(b),
    };
    let right = eval(&left, &[(names[0].clone(), solution)])?.term()?;
    let claimed = slip(dice, solution, holds)?.term()?;
    let draft = given(&names).given(format!("{left} = {right}"));
    Some(claim(draft, format!("{} = {claimed}", names[0]), 2, holds))
}

/// Two equations with one solution.
fn system(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 2);
    let (first, second) = (ratio(dice, 9)?, ratio(dice, 9)?);
    let values = [(names[0].clone(), first), (names[1].clone(), second)];
    let row = |dice: &mut Dice| [dice.nonzero(-6, 8), dice.nonzero(-6, 8)];
    let (top, bottom) = (row(dice), row(dice));
    if top[0] * bottom[1] == top[1] * bottom[0] {
        return None;
    }
    let mut draft = given(&names);
    for row in [top, bottom] {
        let left = Term::linear(&row, &names);
        draft = draft.given(format!("{left} = {}", eval(&left, &values)?.term()?));
    }
    let goal = match dice.int(0, 2) {
        0 => format!("{} = {}", names[0], slip(dice, first, holds)?.term()?),
        1 => format!("{} + {} = {}", names[0], names[1], slip(dice, first.add(second)?, holds)?.term()?),
        _ => format!("{} = {} ∧ {} = {}", names[0], first.term()?, names[1], slip(dice, second, holds)?.term()?),
    };
    Some(claim(draft, goal, 2, holds))
}

/// The product of two linear forms, multiplied out.
fn identity(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 2);
    let (x, y) = (|| var(&names[0]), || var(&names[1]));
    let [a, b, c, d] = [dice.int(1, 6), dice.nonzero(-6, 6), dice.int(1, 6), dice.nonzero(-6, 6)];
    let form = |a: i64, b: i64| Term::linear(&[a, b], &names);
    let square = dice.percent(40);
    let (c, d) = if square { (a, b) } else { (c, d) };
    let left = if square { form(a, b).pow(2) } else { form(a, b) * form(c, d) };
    let middle = a * d + b * c + i64::from(!holds);
    let times = |factor: i64, first: Term, rest: Option<Term>| {
        let first = first.times(factor);
        rest.into_iter().fold(first, |product, term| product * term)
    };
    let with = |sum: Term, factor: i64, first: Term, rest: Option<Term>| match factor {
        0 => sum,
        1.. => sum + times(factor, first, rest),
        _ => sum - times(-factor, first, rest),
    };
    let right = with(times(a * c, x().pow(2), None), middle, x(), Some(y()));
    let right = with(right, b * d, y().pow(2), None);
    // A false one is refuted where both are 1: only the middle terms differ.
    Some(claim(given(&names), format!("{left} = {right}"), 2, holds))
}

/// A bound on a linear form gives one on the variable.
fn inequality(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 1);
    let x = || var(&names[0]);
    let (a, b, edge) = (dice.int(2, 9), dice.int(1, 15), ratio(dice, 10)?);
    let left = if dice.percent(50) { (x() / num(a)).plus(b) } else { (num(a) * x()).plus(-b) };
    let right = eval(&left, &[(names[0].clone(), edge)])?.term()?;
    let rel = dice.pick(&[Rel::Lt, Rel::Le]);
    let symbol = if rel == Rel::Lt { "<" } else { "≤" };
    let slack = Ratio::new(dice.int(1, 5).into(), dice.int(1, 4).into())?;
    let claimed = if holds { edge } else { edge.add(Ratio { top: -slack.top, ..slack })? };
    // Between the claimed edge and the true one lies a counterexample.
    let draft = given(&names).given(format!("{left} {symbol} {right}"));
    let (left, right) = (x(), claimed.term()?);
    (holds || claimed.less(edge)).then(|| claim(draft, format!("{left} {symbol} {right}"), 3, holds))
}

/// A product is 0 when a factor is.
fn factors(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 1);
    let x = || var(&names[0]);
    let (r, s) = (ratio(dice, 7)?, dice.nonzero(-9, 9));
    if r == Ratio::whole(s) {
        return None;
    }
    let (top, bottom) = (i64::try_from(r.top).ok()?, i64::try_from(r.bottom).ok()?);
    let first = x().times(bottom).plus(-top);
    let mut draft = given(&names).given(format!("{first} = 0").replacen(
        &first.to_string(),
        &format!("({first}) * ({})", x().plus(-s)),
        1,
    ));
    let claimed = slip(dice, r, holds)?;
    let goal = if dice.percent(50) {
        draft = draft.given(format!("{} ≠ {s}", names[0]));
        format!("{} = {}", names[0], claimed.term()?)
    } else {
        if claimed == Ratio::whole(s) {
            return None;
        }
        format!("{} = {} ∨ {} = {s}", names[0], claimed.term()?, names[0])
    };
    Some(claim(draft, goal, 4, holds))
}

/// Something other than 0 is cancelled.
fn quotient(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = variables(dice, 2);
    let (x, y) = (names[0].as_str(), names[1].as_str());
    let (a, b) = (dice.int(2, 12), dice.int(2, 12));
    let wrong = if holds { 0 } else { dice.int(1, 3) };
    let claimed = a + wrong;
    let draft = given(&names).given(format!("{x} ≠ 0"));
    let (draft, goal) = match dice.int(0, 4) {
        0 => (draft, format!("{a} * {x} / {x} = {claimed}")),
        1 => (draft, format!("({a} * {x} + {b} * {x} * {y}) / {x} = {claimed} + {b} * {y}")),
        2 => (draft.given(format!("{y} = {a} * {x}")), format!("{y} / {x} = {claimed}")),
        3 => (draft, format!("{a} / {x} + {b} / {x} = {} / {x}", a + b + wrong)),
        _ => (draft.given(format!("{y} / {x} = {a}")), format!("{y} = {claimed} * {x}")),
    };
    // Where x and y are 1, or as the hypothesis says, a wrong factor shows.
    let uses_y = goal.contains(y) || draft.hypotheses.len() > 1;
    let mut draft = draft;
    if !uses_y {
        draft.variables.pop();
    }
    Some(claim(draft, goal, 4, holds))
}

/// A function given by an equation.
fn value(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (a, b) = (ratio(dice, 6)?, dice.int(1, 9));
    let at = dice.int(-5, 12);
    let body = (var("x") * a.term()?).plus(b);
    let apply = |value: Ratio| eval(&body, &[("x".to_owned(), value)]);
    let twice = dice.percent(50);
    let once = apply(Ratio::whole(at))?;
    let value = if twice { apply(once)? } else { once };
    let claimed = slip(dice, value, holds)?.term()?;
    let argument = if at < 0 { format!("({at})") } else { at.to_string() };
    let goal = if twice { format!("f (f {argument}) = {claimed}") } else { format!("f {argument} = {claimed}") };
    let draft = Draft::default().var("f", "Rat → Rat").given(format!("∀ x, f x = {body}"));
    Some(claim(draft, goal, 2, holds))
}

/// A sequence, as far as its third or fourth value.
fn sequence(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let name = dice.pick(&["a", "u", "t"]);
    let (first, factor, extra) = (ratio(dice, 6)?, ratio(dice, 4)?, dice.int(1, 5));
    let n = dice.int(2, 4);
    let step = (factor.term()? * var("v")).plus(extra);
    let mut value = first;
    for _ in 0..n {
        value = eval(&step, &[("v".to_owned(), value)])?;
    }
    let claimed = slip(dice, value, holds)?.term()?;
    let draft = Draft::default()
        .var(name, "Nat → Rat")
        .given(format!("{name} 0 = {}", first.term()?))
        .given(format!("∀ n, {name} (n + 1) = {}", step.to_string().replace('v', &format!("{name} n"))));
    Some(claim(draft, format!("{name} {n} = {claimed}"), 3, holds))
}

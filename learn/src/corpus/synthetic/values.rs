//! Small facts about `Bool` and `Option`, by truth tables and laws.

use super::dice::Dice;
use super::draft::{Draft, plus, times};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    if dice.percent(50) { booleans(dice, level, holds) } else { options(dice, holds) }
}

/// An expression over the variables `a`, `b`, `c`.
#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Var(usize),
    Truth(bool),
    Not(Box<Expression>),
    Op(&'static str, Box<Expression>, Box<Expression>),
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Expression {
    fn random(dice: &mut Dice, n: usize, depth: u32) -> Self {
        if depth == 0 || dice.percent(15) {
            return if dice.percent(8) { Self::Truth(dice.percent(50)) } else { Self::Var(dice.weighted(&vec![1; n])) };
        }
        if dice.percent(20) {
            return Self::Not(Box::new(Self::random(dice, n, depth - 1)));
        }
        let symbol = dice.pick(&["&&", "||", "^^", "=="]);
        Self::Op(symbol, Box::new(Self::random(dice, n, depth - 1)), Box::new(Self::random(dice, n, depth - 1)))
    }

    fn at(&self, row: u32) -> bool {
        match self {
            Self::Var(idx) => row >> idx & 1 == 1,
            Self::Truth(truth) => *truth,
            Self::Not(inner) => !inner.at(row),
            Self::Op(symbol, left, right) => {
                let (left, right) = (left.at(row), right.at(row));
                match *symbol {
                    "&&" => left && right,
                    "||" => left || right,
                    "^^" => left != right,
                    _ => left == right,
                }
            }
        }
    }

    fn text(&self, is_part: bool) -> String {
        match self {
            Self::Var(idx) => NAMES[*idx].to_owned(),
            Self::Truth(truth) => truth.to_string(),
            Self::Not(inner) => format!("!{}", inner.text(true)),
            Self::Op(symbol, left, right) => {
                let left = if *symbol == "==" { left.left_of_equality() } else { left.text(true) };
                let text = format!("{left} {symbol} {}", right.text(true));
                if is_part { format!("({text})") } else { text }
            }
        }
    }

    /// Lean's `!` reaches over `=` and `==`, so that it needs brackets before them.
    fn left_of_equality(&self) -> String {
        if matches!(self, Self::Not(_)) { format!("({})", self.text(true)) } else { self.text(true) }
    }

    fn mark(&self, used: &mut [bool; 4]) {
        match self {
            Self::Var(idx) => used[*idx] = true,
            Self::Truth(_) => {}
            Self::Not(inner) => inner.mark(used),
            Self::Op(_, left, right) => {
                left.mark(used);
                right.mark(used);
            }
        }
    }
}

/// Two expressions that agree in every row, or an expression that some hypotheses make true.
fn booleans(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n = if level <= 2 { 2 } else { dice.pick(&[3, 4]) };
    let depth = if level <= 1 { 1 } else { 2 };
    let first = Expression::random(dice, n, depth);
    let rows = || 0..1_u32 << n;
    let with_hypothesis = dice.percent(35);
    for _ in 0..200 {
        let second = Expression::random(dice, n, depth);
        let truth = if with_hypothesis {
            rows().all(|row| !first.at(row) || second.at(row)) && rows().any(|row| first.at(row))
        } else {
            rows().all(|row| first.at(row) == second.at(row))
        };
        let small = |expression: &Expression| !matches!(expression, Expression::Op(..) | Expression::Not(_));
        if truth != holds || first == second || small(&first) {
            continue;
        }
        let mut used = [false; 4];
        first.mark(&mut used);
        second.mark(&mut used);
        let draft = (0..4).filter(|idx| used[*idx]).fold(Draft::default(), |draft, idx| draft.var(NAMES[idx], "Bool"));
        if draft.variables.len() < 2 {
            continue;
        }
        let (draft, goal) = if with_hypothesis {
            (
                draft.given(format!("{} = true", first.left_of_equality())),
                format!("{} = true", second.left_of_equality()),
            )
        } else {
            (draft, format!("{} = {}", first.left_of_equality(), second.text(true)))
        };
        return Some(Draft { goal, level: if draft.variables.len() > 2 { 2 } else { 1 }, holds, ..draft });
    }
    None
}

/// Laws of `Option` for functions and numbers that are drawn.
fn options(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (scale, shift) = (dice.int(1, 4), dice.int(1, 6));
    let (other_scale, other_shift) = (dice.int(2, 4), dice.int(0, 6));
    let line = |scale: i64, shift: i64, x: &str| plus(&times(scale, x), shift);
    let f = format!("(fun x => {})", line(scale, shift, "x"));
    let g = format!("(fun x => {})", line(other_scale, other_shift, "x"));
    let both = format!("(fun x => {})", line(scale * other_scale, other_scale * shift + other_shift, "x"));
    let (k, l) = (dice.int(0, 9), dice.int(1, 9));
    let f_k = scale * k + shift;
    let known: Vec<(&str, String, String, u32)> = if holds {
        vec![
            ("o", String::new(), format!("(o.map {f}).isSome = o.isSome"), 1),
            (
                "o",
                String::new(),
                format!("(o.map {f}).getD {f_k} = {} ", line(scale, shift, &format!("o.getD {k}"))),
                3,
            ),
            ("o", String::new(), format!("(o.map {f}).map {g} = o.map {both}"), 4),
            ("o", format!("o = some {k}"), format!("o.map {f} = some {f_k}"), 1),
            ("o", format!("o.map {f} = some {f_k}"), format!("o = some {k}"), 3),
            ("o", "o.isSome = true".to_owned(), format!("∃ x, o.map {f} = some x"), 3),
            ("o p", String::new(), format!("(o.or p).map {f} = (o.map {f}).or (p.map {f})"), 2),
            ("o p q", String::new(), format!("((o.or p).or q).getD {k} = (o.or (p.or q)).getD {k}"), 2),
            ("o p", format!("o = some {k}"), format!("o.or p = some {k}"), 1),
            ("o p", "o = none".to_owned(), format!("(o.or p).getD {l} = p.getD {l}"), 1),
            ("o p", "(o.or p).isSome = false".to_owned(), format!("o.getD {k} = {k} ∧ p = none"), 3),
            (
                "o",
                String::new(),
                format!("o = none ∨ ∃ x, o = some x ∧ o.map {f} = some ({})", line(scale, shift, "x")),
                3,
            ),
            ("o", format!("o.getD {k} = {}", k + l), format!("o = some {}", k + l), 3),
            (
                "o",
                String::new(),
                format!("o.bind (fun x => if x < {l} then some x else none) = o.filter (fun x => x < {l})"),
                4,
            ),
            ("o", format!("o.filter (fun x => x < {l}) = some {k}"), format!("{k} < {l}"), 3),
            ("o", format!("o.any (fun x => x < {l}) = true"), format!("∃ x, o = some x ∧ x < {}", l + shift), 4),
            ("o", format!("o.all (fun x => x < {l}) = true"), format!("o.getD 0 < {l}"), 3),
            ("o", "∀ x, o ≠ some x".to_owned(), format!("o.map {f} = none"), 3),
        ]
    } else {
        vec![
            // Refuted by none, by some 0, or by one of each.
            ("o", String::new(), format!("(o.map {f}).isSome = true"), 2),
            ("o", String::new(), format!("(o.map {f}).getD {k} = {}", line(scale, shift, &format!("o.getD {k}"))), 2),
            ("o", String::new(), format!("o.map {f} = o"), 2),
            ("o p", String::new(), format!("(o.or p).getD {k} = (p.or o).getD {k}"), 2),
            ("o p", format!("o = some {k}"), format!("p.or o = some {k}"), 2),
            ("o", format!("o.getD {k} = {k}"), "o = none".to_owned(), 2),
            ("o", format!("o.getD {k} = {k}"), format!("o = some {k}"), 2),
            ("o", format!("o.all (fun x => x < {l}) = true"), "o.isSome = true".to_owned(), 2),
        ]
    };
    let (names, hypothesis, goal, level) = dice.pick(&known);
    // `f k` differs from `k`, which the second mistake needs, as the shift is at least 1. Of the facts, the one about
    // the filter needs a number that passes it.
    if holds && goal == format!("{k} < {l}") && k >= l {
        return None;
    }
    let draft = names.split(' ').fold(Draft::default(), |draft, name| draft.var(name, "Option Nat"));
    let draft = if hypothesis.is_empty() { draft } else { draft.given(hypothesis) };
    Some(Draft { goal: goal.trim().to_owned(), level, holds, ..draft })
}

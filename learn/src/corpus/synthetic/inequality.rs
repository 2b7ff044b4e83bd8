//! Inequalities that are not linear: products, squares, growth of powers.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Prop, Rel, Sort, Term, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => monotone(dice, level, holds),
        3 => {
            if dice.percent(50) {
                monotone(dice, level, holds)
            } else {
                squares(dice, 1, holds)
            }
        }
        4 => {
            if dice.percent(50) {
                squares(dice, 1, holds)
            } else {
                growth(dice, holds)
            }
        }
        _ => {
            if dice.percent(60) {
                squares(dice, 2, holds)
            } else {
                growth(dice, holds)
            }
        }
    }
}

fn le(left: impl Into<Term>, right: impl Into<Term>) -> Prop {
    Prop::rel(Rel::Le, left, right)
}

fn lt(left: impl Into<Term>, right: impl Into<Term>) -> Prop {
    Prop::rel(Rel::Lt, left, right)
}

/// Sums, products and powers grow with their parts.
fn monotone(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let (a, b, c, d) = (|| var("a"), || var("b"), || var("c"), || var("d"));
    let (k, l) = (dice.int(2, 9), dice.int(1, 9));
    let easy = level == 1;
    let shapes: Vec<(usize, Sort, Vec<Prop>, Prop, Prop)> = if easy {
        vec![
            (
                4,
                Sort::Int,
                vec![le(a(), b()), le(c(), d())],
                le(num(k) * a() + c(), num(k) * b() + d()),
                le(num(k) * a() + d(), num(k) * b() + c()),
            ),
            (
                3,
                Sort::Nat,
                vec![lt(a(), b()), le(b(), c())],
                lt(num(k) * a(), num(k) * c() + num(l)),
                lt(num(k) * c(), num(k) * a() + num(l)),
            ),
            (
                2,
                Sort::Nat,
                vec![lt(a(), b())],
                le(num(k) * a() + num(k), num(k) * b()),
                le(num(k) * a() + num(k + l), num(k) * b()),
            ),
        ]
    } else {
        vec![
            (4, Sort::Nat, vec![le(a(), b()), le(c(), d())], le(a() * c(), b() * d()), le(b() * c(), a() * d())),
            (
                3,
                Sort::Nat,
                vec![le(a(), b())],
                le(a() * c() + num(l) * a(), b() * c() + num(l) * b()),
                lt(a() * c(), b() * c()),
            ),
            (
                2,
                Sort::Nat,
                vec![lt(a(), b())],
                lt(a().pow(2).plus(l), b().pow(2).plus(l)),
                lt(a().pow(2).plus(l), b().pow(2)),
            ),
            (
                2,
                Sort::Nat,
                vec![le(a(), b())],
                le(num(l) * a().pow(3), num(l) * b().pow(3)),
                le(num(l + 1) * a().pow(3), num(l) * b().pow(3)),
            ),
            (
                2,
                Sort::Int,
                vec![lt(num(0), a()), lt(num(0), b())],
                lt(num(0), num(l) * a() * b()),
                lt(num(k * l), num(l) * a() * b()),
            ),
            (
                2,
                Sort::Int,
                vec![le(num(0), a()), le(a(), b())],
                le(num(l) * (a() * a()), num(l) * (b() * b())),
                le(num(l) * (b() * b()), num(l) * (a() * a())),
            ),
            (3, Sort::Int, vec![le(a(), b()), le(num(0), c())], le(a() * c(), b() * c()), le(b() * c(), a() * c())),
            (2, Sort::Nat, vec![le(k, a()), le(l, b())], le(num(k * l), a() * b()), le(num(k * l + 1), a() * b())),
            (2, Sort::Nat, vec![lt(a(), k), lt(b(), k)], lt(a() * b(), k * k), lt(a() * b(), (k - 1) * (k - 1))),
            (2, Sort::Int, vec![lt(a(), 0), lt(b(), 0)], lt(num(0), a() * b()), lt(a() * b(), num(0))),
            (2, Sort::Nat, vec![lt(num(0), b())], le(a(), num(l) * (a() * b())), lt(a(), num(l) * (a() * b()))),
        ]
    };
    let (n, sort, hypotheses, truth, error) = dice.pick(&shapes);
    let level = if easy { 1 } else { 2 + u32::from(sort == Sort::Int) };
    Claim::new(sort, &names[..n], hypotheses, if holds { truth } else { error }).draft(level, holds, dice)
}

/// A quadratic form that is a sum of `n` squares of linear forms, split over the two sides: true of all integers.
fn squares(dice: &mut Dice, n: usize, holds: bool) -> Option<Draft> {
    let names = if n == 1 { dice.names(2) } else { dice.names(3) };
    let n_vars = names.len();
    // Coefficients of the products of variables idx ≤ other.
    let mut form = vec![vec![0_i64; n_vars]; n_vars];
    for _ in 0..n {
        let row: Vec<i64> = (0..n_vars).map(|_| dice.int(-3, 3)).collect();
        for idx in 0..n_vars {
            for other in idx..n_vars {
                form[idx][other] += row[idx] * row[other] * if idx == other { 1 } else { 2 };
            }
        }
    }
    if holds && dice.percent(40) {
        form[0][0] += dice.int(1, 3);
    }
    if !holds {
        let idx = usize::try_from(dice.int(0, n_vars as i64 - 1)).ok()?;
        form[idx][idx] -= 1;
    }
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for idx in 0..n_vars {
        for other in idx..n_vars {
            let product = || if idx == other { var(&names[idx]).pow(2) } else { var(&names[idx]) * var(&names[other]) };
            let size = form[idx][other].abs();
            let term = match size {
                0 => continue,
                1 => product(),
                _ if idx == other => num(size) * product(),
                _ => num(size) * var(&names[idx]) * var(&names[other]),
            };
            if form[idx][other] > 0 { &mut large } else { &mut small }.push(term);
        }
    }
    let sum = |terms: Vec<Term>| terms.into_iter().reduce(|sum, term| sum + term);
    let (small, large) = (sum(small), sum(large)?);
    if n_vars > 1 && small.is_none() {
        return None;
    }
    let small = small.unwrap_or(num(0));
    let goal = match dice.weighted(&[6, 3, 1]) {
        0 => le(small, large),
        1 => Prop::rel(Rel::Ge, large, small),
        _ => Prop::rel(Rel::Gt, large.plus(1), small),
    };
    let sort = if n == 1 && dice.percent(30) { Sort::Nat } else { Sort::Int };
    Claim::new(sort, &names, Vec::new(), goal).draft(if n == 1 { 4 } else { 5 }, holds, dice)
}

/// `c * n + d < b ^ n` from some number on.
fn growth(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let n = || var(&names[0]);
    let (base, slope, constant) = (dice.int(2, 6), dice.int(1, 9), dice.int(0, 12));
    let below = |at: i64| slope * at + constant < base.pow(u32::try_from(at).unwrap_or(0));
    // From here on each step multiplies the right side by the base, and adds at most `(base - 1)` times itself to the
    // left one.
    let start = (0..12).find(|at| below(*at) && slope <= (base - 1) * (slope * at + constant))?;
    let line = || n().times(slope).plus(constant);
    let goal = lt(line(), num(base).pow(n()));
    if holds {
        let goal = if dice.percent(30) { le(line(), num(base).pow(n())) } else { goal };
        let level = if start == 0 { 4 } else { 5 };
        let draft = Draft::closed(goal, level, true).var(&names[0], Sort::Nat);
        return Some(if start == 0 { draft } else { draft.given(le(start, n())) });
    }
    let first_failure = (0..start).rev().find(|at| !below(*at))?;
    let hypotheses = if first_failure == 0 { Vec::new() } else { vec![le(first_failure, n())] };
    Claim::new(Sort::Nat, &names, hypotheses, goal).draft_refuted_by(&[first_failure.into()], 3)
}

//! Small finite facts that evaluation decides: bounded quantifiers, counts and sums over ranges.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Op, Prop, Rel, Term, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match dice.weighted(&[4, 3, 2]) {
        0 => quantified(dice, level, holds),
        1 => listed(dice, level, holds),
        _ => fin(dice, level, holds),
    }
}

/// One or two bounded quantifiers before a condition.
fn quantified(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let two = level >= 3;
    let names: &[&str] = if two { &["x", "y"] } else { &["x"] };
    let largest = [12, 30, 12, 20, 30][level as usize - 1];
    let body = condition(dice, names);
    let mut prop = body;
    for name in names.iter().rev() {
        let bound = dice.int(4, largest);
        prop = match dice.percent(50) {
            true => Prop::All((*name).to_owned(), bound, Box::new(prop)),
            false => Prop::Exists((*name).to_owned(), bound, Box::new(prop)),
        };
    }
    Claim::closed(prop).draft(if two { 2 } else { 1 }, holds, dice)
}

/// A condition on these numbers that is neither always true nor always false too often.
fn condition(dice: &mut Dice, names: &[&str]) -> Prop {
    let modulus = dice.int(2, 9);
    let x = || var(names[0]);
    let y = || var(names[names.len() - 1]);
    let atom = |dice: &mut Dice| {
        let term = value(dice, names);
        match dice.int(0, 5) {
            0 => Prop::eq(term % modulus, dice.int(0, modulus - 1)),
            1 => Prop::rel(Rel::Ne, term % modulus, dice.int(0, modulus - 1)),
            2 => Prop::rel(Rel::Lt, term, value(dice, names).plus(dice.int(1, 20))),
            3 => Prop::rel(Rel::Dvd, modulus, term),
            4 => Prop::eq(term, dice.int(5, 60)),
            _ => Prop::rel(Rel::Le, term, num(dice.int(10, 200))),
        }
    };
    match dice.int(0, 4) {
        0 => atom(dice).implies(atom(dice)),
        1 => atom(dice).or(atom(dice)),
        2 => atom(dice).and(atom(dice)),
        3 => Prop::eq(x() % modulus, dice.int(0, modulus - 1))
            .implies(Prop::eq(value(dice, &[names[0]]) % modulus, dice.int(0, modulus - 1))),
        _ => Prop::rel(Rel::Lt, x(), y().plus(dice.int(0, 3))).implies(atom(dice)),
    }
}

fn value(dice: &mut Dice, names: &[&str]) -> Term {
    let x = var(names[0]);
    let y = var(names[names.len() - 1]);
    let k = dice.int(1, 5);
    match dice.int(0, 5) {
        0 => x * y,
        1 => x.pow(2) + y,
        2 => num(k + 1) * x + y,
        3 => x.pow(2).plus(k),
        4 => x * num(k + 2) + num(k) * y,
        _ => Term::op(Op::Gcd, x.plus(k), num(12)) + y,
    }
}

/// Sums and counts over `List.range`.
fn listed(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n = dice.int(3, [8, 12, 20, 40, 60][level as usize - 1]);
    let (k, modulus) = (dice.int(1, 6), dice.int(2, 7));
    let residue = dice.int(0, modulus - 1);
    let degree = dice.int(1, 3);
    let slip = if holds { 0 } else { dice.nonzero(-3, 3) };
    let range = || 0..n;
    let power = |x: i64| (0..degree).fold(1, |power, _| power * x);
    let (left, value) = match dice.int(0, 4) {
        0 => (
            format!("((List.range {n}).map (fun x => {k} * x ^ {degree})).sum"),
            range().map(|x| k * power(x)).sum::<i64>(),
        ),
        1 => (
            format!("((List.range {n}).filter (fun x => x % {modulus} = {residue})).length"),
            range().filter(|x| x % modulus == residue).count() as i64,
        ),
        2 => (
            format!("(List.range {n}).foldl (fun s x => s + x ^ {degree} + {k}) 0"),
            range().map(|x| power(x) + k).sum(),
        ),
        3 => (
            format!("((List.range {n}).filter (fun x => x ^ 2 % {modulus} = {residue})).sum"),
            range().filter(|x| x * x % modulus == residue).sum(),
        ),
        _ => (
            format!("(List.range {n}).foldr (fun x s => ({k} * s + x) % {}) 0", modulus + 10),
            range().rev().fold(0, |s, x| (k * s + x) % (modulus + 10)),
        ),
    };
    let claimed = value + slip;
    (claimed >= 0).then(|| Draft::closed(format!("{left} = {claimed}"), if n > 12 { 2 } else { 1 }, holds))
}

/// Arithmetic in `Fin n`, which wraps around.
fn fin(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let size = dice.int(2, [4, 6, 8, 10, 12][level as usize - 1]);
    let (k, target) = (dice.int(1, size), dice.int(0, size - 1));
    let wrap = |value: i64| value.rem_euclid(size);
    let k_in = wrap(k);
    let (text, truth) = match dice.int(0, 5) {
        0 => (format!("∃ x : Fin {size}, x * x = {target}"), (0..size).any(|x| wrap(x * x) == target)),
        1 => (
            format!("∀ x : Fin {size}, x + {k_in} ≠ {target} ∨ x = {}", wrap(target - k)),
            (0..size).all(|x| wrap(x + k) != target || x == wrap(target - k)),
        ),
        2 => (
            format!("∀ x y : Fin {size}, {k_in} * x = {k_in} * y → x = y"),
            (0..size).all(|x| (0..size).all(|y| wrap(k * x) != wrap(k * y) || x == y)),
        ),
        3 => (format!("∀ x : Fin {size}, ∃ y : Fin {size}, x + y = {target}"), true),
        4 => (
            format!("∀ x : Fin {size}, x * x * x + {k_in} * x = {target} → x ≤ {k_in}"),
            (0..size).all(|x| wrap(x * x * x + k * x) != target || x <= k_in),
        ),
        _ => (
            format!("∃ x y : Fin {size}, x < y ∧ x * y = {target}"),
            (0..size).any(|x| (x + 1..size).any(|y| wrap(x * y) == target)),
        ),
    };
    (truth == holds).then(|| Draft::closed(text, if size > 6 { 2 } else { 1 }, holds))
}

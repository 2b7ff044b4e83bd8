//! Equations with whole solutions that are not linear: products, squares, digits.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Prop, Rel, Sort, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => {
            if dice.percent(50) {
                digits(dice, holds)
            } else {
                square(dice, holds)
            }
        }
        3 => {
            if dice.percent(50) {
                square(dice, holds)
            } else {
                factors(dice, holds)
            }
        }
        4 => {
            if dice.percent(50) {
                factors(dice, holds)
            } else {
                quadratic(dice, holds)
            }
        }
        _ => {
            if dice.percent(60) {
                quadratic(dice, holds)
            } else {
                pair(dice, holds)
            }
        }
    }
}

fn slip(dice: &mut Dice, holds: bool) -> i64 {
    if holds { 0 } else { dice.nonzero(-2, 2) }
}

/// A number of two digits that satisfies a linear equation.
fn digits(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = ["a", "b"].map(str::to_owned);
    let (tens, ones) = (dice.int(1, 9), dice.int(0, 9));
    let (a, b) = (|| var("a"), || var("b"));
    let range = Prop::rel(Rel::Le, 1, a()).and(Prop::rel(Rel::Le, a(), 9)).and(Prop::rel(Rel::Le, b(), 9));
    let extra = dice.int(1, 3);
    let sum = Prop::eq(a() + b().times(extra), tens + extra * ones);
    let number = num(10) * a() + b();
    let condition = match dice.int(0, 2) {
        0 => Prop::eq(number.clone() % (extra + 8), (10 * tens + ones) % (extra + 8)),
        1 => Prop::eq(a() * b(), tens * ones),
        _ => Prop::eq(num(10) * b() + a(), 10 * ones + tens),
    };
    let claim = Claim::new(
        Sort::Nat,
        &names,
        vec![range, sum, condition],
        Prop::eq(number, 10 * tens + ones + slip(dice, holds)),
    );
    let level = 2;
    if holds { claim.draft(level, true, dice) } else { claim.draft_refuted_by(&[tens.into(), ones.into()], level) }
}

/// `n ^ 2 = 49 → n = 7`, also of a linear form and of higher powers.
fn square(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let x = || var(&names[0]);
    let sort = dice.pick(&[Sort::Nat, Sort::Nat, Sort::Int]);
    let degree = dice.pick(&[2, 2, 3, 4]);
    let (scale, shift) = (dice.int(1, 3), dice.int(0, 5));
    let value = dice.int(1, if degree == 2 { 20 } else { 8 });
    let form = x().times(scale).plus(shift);
    let right = (scale * value + shift).pow(u32::try_from(degree).ok()?);
    let mut hypotheses = vec![Prop::eq(form.pow(degree), right)];
    if sort == Sort::Int && degree % 2 == 0 {
        hypotheses.insert(0, Prop::rel(Rel::Lt, 0, x()));
    }
    let claim = Claim::new(sort, &names, hypotheses, Prop::eq(x(), value + slip(dice, holds)));
    if holds { claim.draft(3, true, dice) } else { claim.draft_refuted_by(&[value.into()], 3) }
}

/// `(x - r) * (x - s) = 0`, as a product or multiplied out.
fn quadratic(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let x = || var(&names[0]);
    let (r, s) = (dice.int(-9, 12), dice.int(-9, 12));
    if r == s || r == 0 || s == 0 {
        return None;
    }
    let product = dice.percent(35);
    let equation = if product {
        Prop::eq(x().plus(-r) * x().plus(-s), 0)
    } else {
        let middle = r + s;
        let left = match middle {
            0 => x().pow(2),
            1.. => x().pow(2) - num(middle) * x(),
            _ => x().pow(2) + num(-middle) * x(),
        };
        if dice.percent(50) { Prop::eq(left.plus(r * s), 0) } else { Prop::eq(left, -r * s) }
    };
    let mut hypotheses = vec![equation];
    let wrong = slip(dice, holds);
    let goal = if r * s < 0 && dice.percent(50) {
        hypotheses.push(Prop::rel(Rel::Lt, 0, x()));
        Prop::eq(x(), r.max(s) + wrong)
    } else {
        Prop::eq(x(), r).or(Prop::eq(x(), s + wrong))
    };
    let claim = Claim::new(Sort::Int, &names, hypotheses, goal);
    claim.draft(if product { 3 } else { 5 }, holds, dice)
}

/// Two natural numbers with a given product, and one more fact.
fn factors(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(2);
    let (x, y) = (|| var(&names[0]), || var(&names[1]));
    let (small, large) = (dice.int(1, 9), dice.int(2, 14));
    let product = Prop::eq(x() * y(), small * large);
    let wrong = slip(dice, holds);
    let (extra, goal) = match dice.int(0, 2) {
        0 => (
            Prop::eq(x() + y(), small + large),
            Prop::eq(x().pow(2) + y().pow(2), small * small + large * large + wrong),
        ),
        1 => (Prop::eq(y(), x().plus(large - small)), Prop::eq(x(), small + wrong)),
        _ => {
            let other = dice.int(1, 6);
            (Prop::eq(x().plus(other) * y(), (small + other) * large), Prop::eq(y(), large + wrong))
        }
    };
    let claim = Claim::new(Sort::Nat, &names, vec![product, extra], goal);
    if holds { claim.draft(4, true, dice) } else { claim.draft_refuted_by(&[small.into(), large.into()], 3) }
}

/// Two symmetric equations with few solutions among the small numbers.
fn pair(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(2);
    let (x, y) = (|| var(&names[0]), || var(&names[1]));
    let (a, b) = (dice.int(1, 7), dice.int(1, 9));
    if a >= b {
        return None;
    }
    let order = Prop::rel(Rel::Lt, x(), y());
    let (first, second) = match dice.int(0, 2) {
        0 => (Prop::eq(x() + y(), a + b), Prop::eq(x() * y(), a * b)),
        1 => (Prop::eq(x() + y() + x() * y(), a + b + a * b), Prop::eq(x().pow(2) + y().pow(2), a * a + b * b)),
        _ => (Prop::eq(x().pow(2) + y().pow(2), a * a + b * b), Prop::eq(x() + y(), a + b)),
    };
    let goal = Prop::eq(x(), a).and(Prop::eq(y(), b + slip(dice, holds)));
    let claim = Claim::new(Sort::Nat, &names, vec![order, first, second], goal);
    if holds { claim.draft(5, true, dice) } else { claim.draft_refuted_by(&[a.into(), b.into()], 4) }
}

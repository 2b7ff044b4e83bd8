//! Functions given by an equation: values, compositions, fixed points and preimages.

use super::dice::Dice;
use super::draft::Draft;
use super::term::{Env, Sort, Term, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => value(dice, level, holds),
        3 => {
            if dice.percent(50) {
                value(dice, level, holds)
            } else {
                preimage(dice, holds)
            }
        }
        4 => {
            if dice.percent(50) {
                preimage(dice, holds)
            } else {
                equation(dice, holds)
            }
        }
        _ => {
            if dice.percent(50) {
                equation(dice, holds)
            } else {
                shape(dice, holds)
            }
        }
    }
}

fn polynomial(dice: &mut Dice, degree: i64) -> Term {
    let x = || var("x");
    let (lead, constant) = (dice.int(2, 7), dice.int(0, 12));
    match degree {
        1 => (num(lead) * x()).plus(constant),
        2 => (x().pow(2) + num(lead) * x()).plus(constant),
        _ => (x().pow(3) + num(lead) * x()).plus(constant),
    }
}

fn at(term: &Term, value: i64) -> Option<i64> {
    let env = Env { sort: Sort::Int, values: vec![("x".to_owned(), value.into())] };
    i64::try_from(term.eval(&env)?).ok()
}

fn with(dice: &mut Dice, f: &str, term: &Term) -> Draft {
    let sort = dice.pick(&["Nat", "Int"]);
    Draft::default().var(f, format!("{sort} → {sort}")).given(format!("∀ x, {f} x = {term}"))
}

/// A value, a sum of values, or a value of a composition.
fn value(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let f = polynomial(dice, dice_degree(level));
    let g = polynomial(dice, 1);
    let (x, y) = (dice.int(0, 6), dice.int(1, 9));
    let mut draft = with(dice, "f", &f);
    let wrong = if holds { 0 } else { dice.nonzero(-3, 3) };
    let (left, right) = match if level == 1 { 0 } else { dice.int(1, 3) } {
        0 => (format!("f {y}"), at(&f, y)?),
        1 => (format!("f {x} + f {y}"), at(&f, x)? + at(&f, y)?),
        2 => (format!("f (f {x})"), at(&f, at(&f, x)?)?),
        _ => {
            let ty = draft.variables[0].1.clone();
            draft = draft.var("g", ty).given(format!("∀ x, g x = {g}"));
            (format!("f (g {x})"), at(&f, at(&g, x)?)?)
        }
    };
    draft.goal = format!("{left} = {}", right + wrong);
    (draft.level, draft.holds) = (if level == 1 { 1 } else { 2 }, holds);
    Some(draft)
}

fn dice_degree(level: u32) -> i64 {
    if level <= 1 { 1 } else { 2 }
}

/// Some number has this value: the number must be found.
fn preimage(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let degree = dice.int(1, 3);
    let f = polynomial(dice, degree);
    let hidden = dice.int(1, 12);
    let value = at(&f, hidden)? + if holds { 0 } else { 1 };
    let mut draft = Draft::default().var("f", "Nat → Nat").given(format!("∀ x, f x = {f}"));
    // The polynomials grow, so that a value between two values is none.
    if !holds && (0..40).any(|x| at(&f, x) == Some(value)) {
        return None;
    }
    draft.goal =
        if dice.percent(70) { format!("∃ x, f x = {value}") } else { format!("∃ x, 0 < x ∧ f x = {value}") };
    (draft.level, draft.holds) = (3, holds);
    Some(draft)
}

/// `f x = c` has one solution.
fn equation(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let degree = dice.int(1, 2);
    let f = polynomial(dice, degree);
    let solution = dice.int(1, 15);
    let value = at(&f, solution)?;
    let claimed = solution + if holds { 0 } else { dice.int(1, 3) };
    let draft = Draft::default().var("f", "Nat → Nat").given(format!("∀ x, f x = {f}")).var("a", "Nat");
    let draft = draft.given(format!("f a = {value}"));
    Some(Draft { goal: format!("a = {claimed}"), level: if degree == 1 { 2 } else { 4 }, holds, ..draft })
}

/// What the values have in common, or how they grow.
fn shape(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let degree = dice.int(1, 3);
    let f = polynomial(dice, degree);
    let draft = Draft::default().var("f", "Nat → Nat").given(format!("∀ x, f x = {f}"));
    let (goal, level) = match (dice.int(0, 2), holds) {
        (0, true) => ("∀ x y, f x = f y → x = y", 4 + u32::from(degree > 1)),
        (0, false) => ("∀ y, ∃ x, f x = y", 3),
        (1, true) => ("∀ x y, x < y → f x < f y", 3 + u32::from(degree > 1)),
        (1, false) => ("∀ x y, f (x + y) = f x + f y", 3),
        (_, true) => ("∀ x, x ≤ f x", 3),
        (_, false) => ("∃ x, f x < x", 3),
    };
    // `f x = 0 * x` and the like do not occur: the lead is at least 2.
    if !holds && goal.contains("f (x + y)") && degree == 1 && at(&f, 0) == Some(0) {
        return None;
    }
    Some(Draft { goal: goal.to_owned(), level, holds, ..draft })
}

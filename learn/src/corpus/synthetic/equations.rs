//! Functional equations: what a law of all values says of some of them, or of all.
//!
//! Each false statement fails for the function by which its hypotheses were drawn.

use super::dice::Dice;
use super::draft::{Draft, times};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => shifted(dice, holds),
        3 => mirrored(dice, holds),
        4 => additive(dice, 4, holds),
        _ => match dice.int(0, 2) {
            0 => additive(dice, 5, holds),
            1 => multiplicative(dice, holds),
            _ => twice(dice, holds),
        },
    }
}

/// `f (x + c) = f x + d`: a value some steps on.
fn shifted(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (step, gain, start, value) = (dice.int(1, 5), dice.int(1, 9), dice.int(0, 4), dice.int(0, 20));
    let n = dice.int(2, 6);
    let claimed = value + n * gain + if holds { 0 } else { dice.int(1, 4) };
    let draft = Draft::default().var("f", "Nat → Nat").given(format!("∀ x, f (x + {step}) = f x + {gain}"));
    let draft = draft.given(format!("f {start} = {value}"));
    Some(Draft { goal: format!("f {} = {claimed}", start + n * step), level: 2, holds, ..draft })
}

/// `f x + a * f (-x)` is known: two values give one.
fn mirrored(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (factor, scale, shift) = (dice.int(2, 5), dice.nonzero(-6, 6), dice.nonzero(-9, 9));
    let at = dice.int(1, 9);
    // Of f x = scale * x + shift.
    let (odd, even) = (scale * (1 - factor), shift * (1 + factor));
    let claimed = scale * at + shift + if holds { 0 } else { dice.nonzero(-3, 3) };
    let draft = Draft::default().var("f", "Int → Int");
    let law = format!("∀ x, f x + {factor} * f (-x) = {odd} * x + {even}").replace("+ -", "- ");
    Some(Draft { goal: format!("f {at} = {claimed}"), level: 3, holds, ..draft.given(law) })
}

/// `f (x + y) = f x + f y`.
fn additive(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let scale = dice.int(2, 12);
    let known = dice.pick(&[1, 1, 1, 2, 3]);
    let wrong = if holds { 0 } else { dice.int(1, 3) };
    let draft = Draft::default().var("f", "Nat → Nat").given("∀ x y, f (x + y) = f x + f y");
    let draft = draft.given(format!("f {known} = {}", scale * known));
    let goal = match (level, dice.int(0, 2)) {
        (4, 0) => format!("f 0 = {wrong}"),
        (4, _) => {
            let n = known * dice.int(2, 4);
            format!("f {n} = {}", n * scale + wrong)
        }
        (_, 0) => format!("∀ n, f ({}) = {} * n", times(known, "n"), (scale + wrong) * known).replace("f (n)", "f n"),
        (_, 1) => format!("∀ n, f (n + {known}) = f n + {}", scale * known + wrong),
        _ => format!("∀ n, f (2 * n) = {} * f n", 2 + wrong),
    };
    Some(Draft { goal, level, holds, ..draft })
}

/// `f (x + y) = f x * f y`.
fn multiplicative(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let base = dice.int(2, 5);
    let draft = Draft::default().var("f", "Nat → Nat").given("∀ x y, f (x + y) = f x * f y");
    let draft = draft.given(format!("f 1 = {base}"));
    let n = dice.int(2, 4);
    let power = (0..n).fold(1, |power, _| power * base);
    let wrong = if holds { 0 } else { dice.int(1, 3) };
    let (goal, level) = match dice.int(0, 2) {
        0 => (format!("f {n} = {}", power + wrong), 4),
        1 => (format!("f 0 = {}", 1 + wrong), 5),
        _ => (format!("∀ n, f (n + 1) = {} * f n", base + wrong), 4),
    };
    Some(Draft { goal, level, holds, ..draft })
}

/// A function that undoes itself, or does not.
fn twice(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let sort = dice.pick(&["Nat", "Int"]);
    let draft = Draft::default().var("f", format!("{sort} → {sort}")).given("∀ x, f (f x) = x");
    let goal = match (dice.int(0, 2), holds) {
        (0, true) => "∀ x y, f x = f y → x = y",
        (1, true) => "∀ y, ∃ x, f x = y",
        (_, true) => "∀ x, f (f (f x)) = f x",
        // What changes 0 and 1 round undoes itself.
        (0, false) => "∀ x, f x = x",
        (1, false) => "f 0 = 0",
        (_, false) => "∀ x y, x ≤ y → f x ≤ f y",
    };
    Some(Draft { goal: goal.to_owned(), level: 4, holds, ..draft })
}

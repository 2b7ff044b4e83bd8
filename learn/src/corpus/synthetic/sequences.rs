//! Sequences that a law of all members determines: with a period, with equal steps, with equal factors.

use super::dice::Dice;
use super::draft::Draft;

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => stepped(dice, holds),
        3 => periodic(dice, holds),
        _ => everywhere(dice, holds),
    }
}

/// A member of an arithmetic sequence, from one or two others.
fn stepped(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (first, step) = (dice.int(-20, 30), dice.nonzero(-9, 12));
    let at = |n: i64| first + step * n;
    let (known, asked) = (dice.int(0, 4), dice.int(0, 9));
    if known == asked {
        return None;
    }
    let claimed = at(asked) + if holds { 0 } else { dice.nonzero(-3, 3) };
    let draft = Draft::default().var("a", "Nat → Int");
    let draft = if dice.percent(60) {
        draft.given(format!("∀ n, a (n + 1) - a n = {step}")).given(format!("a {known} = {}", at(known)))
    } else {
        let other = known + dice.int(1, 4);
        let draft = draft.given("∀ n, a (n + 2) - a (n + 1) = a (n + 1) - a n");
        draft.given(format!("a {known} = {}", at(known))).given(format!("a {other} = {}", at(other)))
    };
    Some(Draft { goal: format!("a {asked} = {claimed}"), level: 2, holds, ..draft })
}

/// A far member of a sequence with a period.
fn periodic(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let period = dice.int(2, 6);
    let values: Vec<i64> = (0..period).map(|_| dice.int(0, 30)).collect();
    let rest = dice.int(0, period - 1);
    let far = rest + period * dice.int(2, 12);
    let value = *values.get(usize::try_from(rest).ok()?)?;
    let draft = Draft::default().var("a", "Nat → Nat").given(format!("∀ n, a (n + {period}) = a n"));
    let draft = (0..period).zip(&values).fold(draft, |draft, (n, value)| match dice.percent(50) || n == rest {
        true => draft.given(format!("a {n} = {value}")),
        false => draft,
    });
    let claimed = value + if holds { 0 } else { dice.int(1, 5) };
    Some(Draft { goal: format!("a {far} = {claimed}"), level: 3, holds, ..draft })
}

/// What all members are or have in common.
fn everywhere(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (first, step, factor) = (dice.int(0, 9), dice.int(1, 9), dice.int(2, 5));
    let wrong = if holds { 0 } else { dice.int(1, 4) };
    let draft = Draft::default().var("a", "Nat → Nat").given(format!("a 0 = {first}"));
    let (draft, goal, level) = match dice.int(0, 3) {
        0 => {
            let draft = draft.given(format!("∀ n, a (n + 1) = a n + {step}"));
            (draft, format!("∀ n, a n = {} * n + {first}", step + wrong), 4)
        }
        1 => {
            // a n + c is multiplied at each step.
            let draft = draft.given(format!("∀ n, a (n + 1) = {factor} * a n + {}", step * (factor - 1)));
            (draft, format!("∀ n, a n + {step} = {} * {factor} ^ n", first + step + wrong), 5)
        }
        2 => {
            let modulus = dice.int(2, 9);
            let draft = draft.given(format!("∀ n, a (n + 1) = a n + {} * n", modulus * step));
            (draft, format!("∀ n, a n % {modulus} = {}", (first + wrong.min(modulus - 1)) % modulus), 5)
        }
        _ => {
            let draft = draft.given(format!("∀ n, a (n + 1) = a n + 2 * {step} * n + {step}"));
            (draft, format!("∀ n, a n = {} * n * n + {first}", step + wrong), 5)
        }
    };
    Some(Draft { goal, level, holds, ..draft })
}

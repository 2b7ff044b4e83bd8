//! Products: of numbers that follow each other, of ranges, and those that recursions build up.

use super::dice::Dice;
use super::draft::{Draft, plus};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => built_up(dice, 2, holds),
        3 => divided(dice, holds),
        4 => built_up(dice, 4, holds),
        _ => ranged(dice, holds),
    }
}

/// Whether a number divides a product of linear terms whatever they are about: told by all remainders.
fn divided(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let n_factors = dice.int(2, 3);
    let modulus = dice.int(2, 6);
    let factors: Vec<(i64, i64)> = (0..n_factors).map(|_| (dice.pick(&[1, 1, 2, 3]), dice.int(0, 5))).collect();
    let product = |n: i64| factors.iter().map(|(scale, shift)| scale * n + shift).product::<i64>();
    let always = (0..modulus).all(|n| product(n) % modulus == 0);
    if always != holds {
        return None;
    }
    let factor = |(scale, shift): &(i64, i64)| match (scale, shift) {
        (1, 0) => "n".to_owned(),
        (scale, shift) => format!("({})", plus(&super::draft::times(*scale, "n"), *shift)),
    };
    let text = factors.iter().map(factor).collect::<Vec<_>>().join(" * ");
    let goal = if dice.percent(50) { format!("{modulus} ∣ {text}") } else { format!("{text} % {modulus} = 0") };
    Some(Draft { goal, level: 3, holds, ..Draft::default().var("n", "Nat") })
}

/// `p 0 = a` and `p (n + 1) = (n + k) * p n`: values, signs and divisors.
fn built_up(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let (start, shift) = (dice.int(1, 4), dice.int(1, 3));
    let name = dice.pick(&["f", "p", "g"]);
    let at = |n: i64| (0..n).fold(start, |product, n| product * (n + shift));
    let next = format!("{name} (n + 1) = (n + {shift}) * {name} n");
    let draft = Draft::default().var(name, "Nat → Nat");
    let draft = draft.given(format!("{name} 0 = {start}")).given(format!("∀ n, {next}"));
    let (goal, level) = if level == 2 {
        let n = dice.int(2, 6);
        (format!("{name} {n} = {}", at(n) + if holds { 0 } else { dice.int(1, 9) }), 2)
    } else {
        match (dice.int(0, 3), holds) {
            (0, true) => (format!("∀ n, 0 < {name} n"), 4),
            (1, true) => (format!("∀ n, {name} n ∣ {name} (n + 1)"), 3),
            (2, true) => (format!("∀ n, {start} ∣ {name} n"), 4),
            (_, true) => (format!("∀ n, {name} n ≤ {name} (n + 1)"), 3),
            (0, false) => (format!("∀ n, {name} n < {}", at(3)), 3),
            // At n = 1 the factor is shift + 1, at least 2, and does not divide what it is multiplied with.
            (1, false) => (format!("∀ n, {name} (n + 1) ∣ {name} n"), 3),
            (2, false) => (format!("∀ n, {} ∣ {name} n", start + 1), 3),
            (_, false) => (format!("∀ n, {name} (n + 1) = {} * {name} n", shift), 3),
        }
    };
    Some(Draft { goal, level, holds, ..draft })
}

/// A product over a range: of one number, or of one that cancels.
fn ranged(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (base, start) = (dice.int(2, 9), dice.int(1, 5));
    let n = dice.pick(&["n", "k", "m"]);
    let wrong = if holds { 0 } else { dice.int(1, 2) };
    let folded = format!("(List.range {n}).foldl (fun p _ => {base} * p) {start}");
    let right = match start + wrong {
        1 => format!("{base} ^ {n}"),
        start => format!("{start} * {base} ^ {n}"),
    };
    Some(Draft { goal: format!("{folded} = {right}"), level: 5, holds, ..Draft::default().var(n, "Nat") })
}

//! Digits: numbers that their digits give, remainders that sums of digits have, last digits of powers.

use super::dice::Dice;
use super::draft::{Draft, plus, times};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 => last(dice, holds),
        2 => swapped(dice, holds),
        3 => given_by(dice, holds),
        _ => remainder(dice, holds),
    }
}

/// The last digits of a power.
fn last(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (base, exponent) = (dice.int(2, 19), dice.int(5, 40));
    let modulus = dice.pick(&[10, 10, 100]);
    let value = (0..exponent).fold(1, |power, _| power * base % modulus);
    let claimed = if holds { value } else { (value + dice.int(1, modulus - 1)) % modulus };
    Some(Draft::closed(format!("{base} ^ {exponent} % {modulus} = {claimed}"), 1, holds))
}

/// A number and the one with its digits changed round.
fn swapped(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let base = dice.pick(&[10, 10, 10, 8, 12, 16]);
    let wrong = if holds { 0 } else { dice.nonzero(-1, 1) };
    let draft = Draft { level: 2, holds, ..Draft::default().var("a", "Nat").var("b", "Nat") };
    let (number, swapped) = (format!("{base} * a + b"), format!("{base} * b + a"));
    // Each is a multiple plus what the other lacks of it.
    Some(if dice.percent(50) {
        Draft { goal: format!("{number} + ({swapped}) = {} * (a + b)", base + 1 + wrong), ..draft }
    } else {
        let draft = draft.given("b ≤ a");
        Draft { goal: format!("{number} - ({swapped}) = {} * (a - b)", base - 1 + wrong), ..draft }
    })
}

/// The one number below a bound whose digits satisfy two conditions.
fn given_by(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let hidden = dice.int(10, 99);
    let (tens, ones) = (hidden / 10, hidden % 10);
    let (p, q) = (dice.int(1, 3), dice.int(1, 3));
    let modulus = dice.int(3, 12);
    let fits = |n: i64| p * (n / 10) + q * (n % 10) == p * tens + q * ones && n % modulus == hidden % modulus;
    if (10..100).filter(|n| fits(*n)).count() != 1 {
        return None;
    }
    let claimed = hidden + if holds { 0 } else { dice.nonzero(-9, 9) };
    let digit =
        |factor: i64, digit: &str| if factor == 1 { digit.to_owned() } else { times(factor, &format!("({digit})")) };
    let sum = format!("{} + {} = {}", digit(p, "n / 10"), digit(q, "n % 10"), p * tens + q * ones);
    let draft = Draft::default().var("n", "Nat").given("10 ≤ n").given("n < 100").given(sum);
    let draft = draft.given(format!("n % {modulus} = {}", hidden % modulus));
    Some(Draft { goal: format!("n = {claimed}"), level: 3, holds, ..draft })
}

/// A number of three digits leaves the remainder that some sum of its digits leaves.
fn remainder(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let base = dice.pick(&[10, 10, 10, 6, 8, 16, 100]);
    let modulus = dice.int(3, 13);
    let reduced = [base * base % modulus, base % modulus, 1];
    let mut factors = reduced;
    if !holds {
        let at = usize::try_from(dice.int(0, 2)).ok()?;
        factors[at] = (factors[at] + dice.int(1, modulus - 1)) % modulus;
    }
    let number = format!("{} * a + {base} * b + c", base * base);
    let terms = ["a", "b", "c"].iter().zip(factors).filter(|(_, factor)| *factor > 0);
    let sum: Vec<String> = terms.map(|(digit, factor)| times(factor, digit)).collect();
    let sum = if sum.is_empty() { "0".to_owned() } else { sum.join(" + ") };
    let shift = dice.int(0, 3);
    let (left, right) = (plus(&number, shift), plus(&sum, shift));
    let right = if right.contains(' ') { format!("({right})") } else { right };
    let draft = ["a", "b", "c"].iter().fold(Draft::default(), |draft, digit| draft.var(digit, "Nat"));
    Some(Draft { goal: format!("({left}) % {modulus} = {right} % {modulus}"), level: 4, holds, ..draft })
}

//! Induction over `Nat`: functions given by recursion equations, evaluated, bounded, or put into closed form.

use super::dice::Dice;
use super::draft::{Draft, plus, times};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => evaluate(dice, level, holds),
        3 => match dice.int(0, 2) {
            0 => evaluate(dice, level, holds),
            1 => sum(dice, 1, holds),
            _ => invariant(dice, holds),
        },
        4 => match dice.int(0, 3) {
            0 => affine(dice, holds),
            1 => invariant(dice, holds),
            2 => sum(dice, 1, holds),
            _ => bound(dice, holds),
        },
        _ => match dice.int(0, 3) {
            0 => affine(dice, holds),
            1 => sum(dice, 2, holds),
            2 => two_steps(dice, holds),
            _ => same(dice, holds),
        },
    }
}

fn slip(dice: &mut Dice, holds: bool) -> i64 {
    if holds { 0 } else { dice.int(1, 4) }
}

fn name(dice: &mut Dice) -> &'static str {
    dice.pick(&["f", "f", "u", "a", "g", "s"])
}

/// A function with its first value and its step.
fn function(f: &str, ty: &str, first: i64, step: &str) -> Draft {
    Draft::default()
        .var(f, format!("Nat → {ty}"))
        .given(format!("{f} 0 = {first}"))
        .given(format!("∀ n, {f} (n + 1) = {step}"))
}

/// The value at a small number, of one or two steps of recursion.
fn evaluate(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let (a, b, first) = (dice.int(1, 3), dice.int(0, 5), dice.int(0, 4));
    let at = dice.int(2, 2 + 2 * i64::from(level));
    let linear = dice.int(0, 2);
    let mut draft;
    let mut value = first;
    if dice.percent(60) {
        let step = match linear {
            0 => plus(&times(a, &format!("{f} n")), b),
            _ => plus(&format!("{} + {}", times(a, &format!("{f} n")), times(linear, "n")), b),
        };
        draft = function(f, "Nat", first, &step);
        for n in 0..at {
            value = a * value + linear * n + b;
        }
    } else {
        let second = dice.int(1, 5);
        draft = Draft::default()
            .var(f, "Nat → Nat")
            .given(format!("{f} 0 = {first}"))
            .given(format!("{f} 1 = {second}"))
            .given(format!(
                "∀ n, {f} (n + 2) = {}",
                plus(&format!("{} + {f} n", times(a, &format!("{f} (n + 1)"))), b)
            ));
        let mut next = second;
        for _ in 0..at {
            (value, next) = (next, a * next + value + b);
        }
    }
    draft.goal = format!("{f} {at} = {}", value + slip(dice, holds));
    draft.level = if at <= 4 { 1 } else { 2 };
    draft.holds = holds;
    Some(draft)
}

/// A sum of a polynomial of this degree, times a constant, is a polynomial.
fn sum(dice: &mut Dice, degree: u32, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let (p, q, first) = (dice.int(1, 5), dice.int(0, 5), dice.int(0, 3));
    let n = dice.pick(&["n", "n", "k", "m"]);
    let step = if degree == 1 { plus(&times(p, "n"), q) } else { plus(&times(p, "n ^ 2"), q) };
    let wrong = slip(dice, holds);
    // 2 Σ (p i + q) = p n (n - 1) + 2 q n, and 6 Σ (p i² + q) = p n (n - 1) (2 n - 1) + 6 q n: without subtractions,
    // which natural numbers lack, the lower terms stand on the left.
    let (left, right) = if degree == 1 {
        let claimed = 2 * first + wrong;
        let left = format!("2 * {f} {n} + {}", times(p, n));
        (left, format!("{} + {} + {claimed}", times(p, &format!("{n} ^ 2")), times(2 * q, n)))
    } else {
        let claimed = 6 * first + wrong;
        let left = format!("6 * {f} {n} + {}", times(3 * p, &format!("{n} ^ 2")));
        (left, format!("{} + {} + {claimed}", times(2 * p, &format!("{n} ^ 3")), times(p + 6 * q, n)))
    };
    let tidy = |text: String| text.replace(" + 0 * n +", " +").replace(" + 0 * k +", " +").replace(" + 0 * m +", " +");
    let mut draft = function(f, "Nat", first, &format!("{f} n + ({step})")).var(n, "Nat");
    draft.goal = tidy(format!("{left} = {}", right.trim_end_matches(" + 0")));
    draft.level = if degree == 1 { 3 } else { 4 };
    draft.holds = holds;
    Some(draft)
}

/// `f (n + 1) = a * f n + b` in closed form.
fn affine(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let a = dice.int(2, 7);
    let fixed = dice.int(0, 6);
    // f + fixed is multiplied by a in each step.
    let (b, first) = (fixed * (a - 1), dice.int(0, 5));
    let scale = first + fixed;
    if scale == 0 {
        return None;
    }
    let wrong = slip(dice, holds);
    let mut draft = function(f, "Nat", first, &plus(&times(a, &format!("{f} n")), b)).var("n", "Nat");
    let power = times(scale, &format!("{a} ^ n"));
    draft.goal = match dice.int(0, 1) {
        0 if fixed > 0 => format!("{f} n = {power} - {}", fixed + wrong),
        _ => format!("{} = {}", plus(&format!("{f} n"), fixed), plus(&power, wrong)),
    };
    // Subtraction stops at 0, so that the wrong form could be right at n = 0; it is not at n = 4.
    draft.level = 4;
    draft.holds = holds;
    Some(draft)
}

/// A remainder that every value leaves.
fn invariant(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let (modulus, a) = (dice.int(2, 9), dice.int(1, 9));
    let (b, c, first) = (dice.int(0, 12), dice.int(0, 3), dice.int(0, 9));
    let residue = first % modulus;
    // The step must keep the residue whatever n is.
    let kept = (a * residue + b) % modulus == residue && c * modulus % modulus == 0;
    let step = match c {
        0 => plus(&times(a, &format!("{f} n")), b),
        _ => plus(&format!("{} + {}", times(a, &format!("{f} n")), times(c * modulus, "n")), b),
    };
    if kept != holds || (a == 1 && b == 0) {
        return None;
    }
    let mut draft = function(f, "Nat", first, &step).var("n", "Nat");
    draft.goal = match residue {
        0 => format!("{modulus} ∣ {f} n"),
        _ => format!("{f} n % {modulus} = {residue}"),
    };
    // A false one already fails at n = 1.
    draft.level = 3;
    draft.holds = holds;
    Some(draft)
}

/// A bound from below, or growth.
fn bound(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let (a, b, first) = (dice.int(1, 4), dice.int(1, 5), dice.int(0, 3));
    let mut draft = function(f, "Nat", first, &plus(&times(a, &format!("{f} n")), b)).var("n", "Nat");
    let (goal, truth) = match dice.int(0, 3) {
        0 => (format!("{f} n < {f} (n + 1)"), true),
        1 => {
            let slope = dice.int(1, 7);
            // With a = 1 the values are first + b * n exactly.
            (format!("{} ≤ {f} n", times(slope, "n")), slope <= b)
        }
        // One more than a value is at least multiplied by a.
        2 if a >= 2 && b + 1 >= a => (format!("{a} ^ n ≤ {f} n + 1"), true),
        _ => (format!("{f} n ≤ {f} (n + {})", dice.int(2, 4)), true),
    };
    if truth != holds || !holds && a > 1 {
        return None;
    }
    draft.goal = goal;
    draft.level = 4;
    draft.holds = holds;
    // A slope above b overtakes first + b * n.
    Some(draft)
}

/// `f (n + 2) = (r + s) * f (n + 1) - r * s * f n` over the integers: a sum of two powers.
fn two_steps(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let f = name(dice);
    let (r, s) = (dice.int(1, 4), dice.int(2, 5));
    if r >= s {
        return None;
    }
    let (p, q) = (dice.int(1, 3), dice.int(1, 3));
    let power = |base: i64| if base == 1 { String::new() } else { format!("{base} ^ n") };
    let term = |factor: i64, base: i64| if base == 1 { factor.to_string() } else { times(factor, &power(base)) };
    let wrong = if holds { 0 } else { 1 };
    let mut draft = Draft::default()
        .var(f, "Nat → Int")
        .given(format!("{f} 0 = {}", p + q))
        .given(format!("{f} 1 = {}", p * r + q * s))
        .given(format!("∀ n, {f} (n + 2) = {} * {f} (n + 1) - {}", r + s, times(r * s, &format!("{f} n"))))
        .var("n", "Nat");
    draft.goal = format!("{f} n = {} + {}", term(q + wrong, s), term(p, r));
    draft.level = 5;
    draft.holds = holds;
    Some(draft)
}

/// Two functions with recursions that look different.
fn same(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (a, b) = (dice.int(1, 4), dice.int(1, 6));
    let (first, factor) = (dice.int(0, 4), dice.int(2, 5));
    let wrong = slip(dice, holds);
    // g is factor * f, and follows the same step with the constant multiplied.
    let draft = Draft::default()
        .var("f", "Nat → Nat")
        .var("g", "Nat → Nat")
        .given(format!("f 0 = {first}"))
        .given(format!("∀ n, f (n + 1) = {}", plus(&times(a, "f n"), b)))
        .given(format!("g 0 = {}", factor * first))
        .given(format!("∀ n, g (n + 1) = {}", plus(&times(a, "g n"), factor * b + wrong)))
        .var("n", "Nat");
    Some(Draft { goal: format!("g n = {factor} * f n"), level: 4, holds, ..draft })
}

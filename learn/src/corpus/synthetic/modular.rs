//! Remainders: closed powers, residues of polynomials, inverses, simultaneous congruences.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Prop, Rel, Sort, Term, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 => {
            if dice.percent(60) {
                closed_power(dice, 1, holds)
            } else {
                linear_residue(dice, holds)
            }
        }
        2 => match dice.int(0, 3) {
            0 => closed_power(dice, 2, holds),
            1 => linear_residue(dice, holds),
            2 => inverse(dice, holds),
            _ => simultaneous(dice, holds),
        },
        3 => match dice.int(0, 3) {
            0 => inverse(dice, holds),
            1 => closed_power(dice, 3, holds),
            _ => polynomial_residue(dice, 1, holds),
        },
        _ => match dice.int(0, 5) {
            0 => polynomial_residue(dice, 1, holds),
            1 => polynomial_residue(dice, 2, holds),
            2 => possible_residues(dice, 2, holds),
            3 => equivalence(dice, holds),
            _ => possible_residues(dice, 1, holds),
        },
    }
}

/// `a ^ k % m = r` and sums of such, by fast exponentiation.
fn closed_power(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let modulus = dice.int(3, [12, 40, 100][level as usize - 1]);
    let (largest_base, largest_exponent) = [(60, 8), (400, 60), (3000, 2500)][level as usize - 1];
    let n = if level == 1 { 1 } else { dice.pick(&[1, 1, 2, 3]) };
    let mut sum: Option<Term> = None;
    let mut total: i128 = 0;
    for _ in 0..n {
        let (base, exponent) = (dice.int(2, largest_base), dice.int(2, largest_exponent));
        let power = num(base).pow(exponent);
        sum = Some(sum.map_or(power.clone(), |sum| sum + power));
        total += power_mod(base.into(), exponent.into(), modulus.into());
    }
    let residue = i64::try_from(total % i128::from(modulus)).ok()?;
    let claimed = if holds { residue } else { other_residue(dice, modulus, residue) };
    Some(Draft::closed(Prop::eq(sum? % modulus, claimed), level, holds))
}

fn power_mod(mut base: i128, mut exponent: i128, modulus: i128) -> i128 {
    let mut power = 1 % modulus;
    while exponent > 0 {
        if exponent % 2 == 1 {
            power = power * base % modulus;
        }
        base = base * base % modulus;
        exponent /= 2;
    }
    power
}

fn other_residue(dice: &mut Dice, modulus: i64, residue: i64) -> i64 {
    (residue + dice.int(1, modulus - 1)).rem_euclid(modulus)
}

fn sort(dice: &mut Dice) -> Sort {
    dice.pick(&[Sort::Nat, Sort::Nat, Sort::Int])
}

/// `n % m = r → (a * n + b) % d = s` with `d` a divisor of `m` times what `a` shares with it.
fn linear_residue(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let (divisor, factor) = (dice.int(2, 12), dice.int(1, 5));
    let modulus = divisor * factor;
    let residue = dice.int(0, modulus - 1);
    let (a, b) = (dice.int(1, 12), dice.int(0, 20));
    let n = || var(&names[0]);
    let term = n().times(a).plus(b);
    let value = (a * residue + b).rem_euclid(divisor);
    let claimed = if holds { value } else { other_residue(dice, divisor, value) };
    let hypothesis = Prop::eq(n() % modulus, residue);
    Claim::new(sort(dice), &names, vec![hypothesis], Prop::eq(term % divisor, claimed)).draft(1, holds, dice)
}

/// `a * n % m = r → n % m = s`, or `n = s` for an `n` below `m`.
fn inverse(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let modulus = dice.int(5, 400);
    let (a, solution) = (dice.int(2, modulus - 1), dice.int(0, modulus - 1));
    if super::term::gcd(a.into(), modulus.into()) != 1 {
        return None;
    }
    let n = || var(&names[0]);
    let mut hypotheses = vec![Prop::eq(num(a) * n() % modulus, (a * solution).rem_euclid(modulus))];
    let claimed = if holds { solution } else { other_residue(dice, modulus, solution) };
    let goal = if dice.percent(50) {
        hypotheses.insert(0, Prop::rel(Rel::Lt, n(), modulus));
        Prop::eq(n(), claimed)
    } else {
        Prop::eq(n() % modulus, claimed)
    };
    Claim::new(Sort::Nat, &names, hypotheses, goal).draft(2, holds, dice)
}

/// `n % a = r → n % b = s → n % (a * b) = t` with `a` and `b` coprime.
fn simultaneous(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let (a, b) = (dice.int(2, 12), dice.int(3, 17));
    if super::term::gcd(a.into(), b.into()) != 1 {
        return None;
    }
    let solution = dice.int(0, a * b - 1);
    let n = || var(&names[0]);
    let hypotheses = vec![Prop::eq(n() % a, solution % a), Prop::eq(n() % b, solution % b)];
    let claimed = if holds { solution } else { other_residue(dice, a * b, solution) };
    Claim::new(sort(dice), &names, hypotheses, Prop::eq(n() % (a * b), claimed)).draft(2, holds, dice)
}

/// The remainder of a polynomial, or a product of powers of two variables, whose residues are given.
fn polynomial_residue(dice: &mut Dice, n: usize, holds: bool) -> Option<Draft> {
    let names = dice.names(n);
    let modulus = dice.int(3, 19);
    let residues: Vec<i64> = (0..n).map(|_| dice.int(0, modulus - 1)).collect();
    let hypotheses =
        names.iter().zip(&residues).map(|(name, residue)| Prop::eq(var(name) % modulus, *residue)).collect();
    let term = if n == 1 {
        let x = || var(&names[0]);
        let (lead, middle, degree) = (dice.int(1, 4), dice.int(0, 6), dice.int(2, 4));
        let lead = x().pow(degree).times(lead);
        let middle = if middle == 0 { lead } else { lead + x().times(middle) };
        middle.plus(dice.int(0, 12))
    } else {
        let factor = |dice: &mut Dice, name: &String| {
            let inner = var(name).plus(dice.int(0, 6));
            let exponent = dice.int(1, 3);
            if exponent == 1 { inner } else { inner.pow(exponent) }
        };
        let (left, right) = (factor(dice, &names[0]), factor(dice, &names[1]));
        if dice.percent(60) { left * right } else { left + right }
    };
    let at: Vec<i128> = residues.iter().map(|residue| i128::from(*residue)).collect();
    let value = value_at(&term, &names, &at)?.rem_euclid(modulus.into());
    let value = i64::try_from(value).ok()?;
    let claimed = if holds { value } else { other_residue(dice, modulus, value) };
    let level = if n == 1 { 3 } else { 4 };
    let claim = Claim::new(Sort::Nat, &names, hypotheses, Prop::eq(term % modulus, claimed));
    if holds { claim.draft(level, true, dice) } else { claim.draft_refuted_by(&at, level) }
}

/// Which residues have a power or a multiple with a given remainder: `n ^ 2 % 5 = 4 ↔ n % 5 = 2 ∨ n % 5 = 3`.
fn equivalence(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let n = || var(&names[0]);
    let modulus = dice.int(3, 13);
    let term = n().pow(dice.int(2, 3)).plus(dice.int(0, 4));
    let target = dice.int(0, modulus - 1);
    let mut roots: Vec<i64> = Vec::new();
    for residue in 0..modulus {
        if value_at(&term, &names, &[residue.into()])?.rem_euclid(modulus.into()) == target.into() {
            roots.push(residue);
        }
    }
    if !holds {
        roots.pop();
    }
    let mut cases = roots.iter().rev().map(|residue| Prop::eq(n() % modulus, *residue));
    let last = cases.next()?;
    let goal = Prop::eq(term % modulus, target).iff(cases.fold(last, |rest, case| case.or(rest)));
    Claim::new(dice.pick(&[Sort::Nat, Sort::Int]), &names, Vec::new(), goal).draft(4, holds, dice)
}

fn value_at(term: &Term, names: &[String], values: &[i128]) -> Option<i128> {
    let values = names.iter().cloned().zip(values.iter().copied()).collect();
    term.eval(&super::term::Env { sort: Sort::Int, values })
}

/// The residues that a power, or a sum of two, can leave: `n ^ 2 % 4 = 0 ∨ n ^ 2 % 4 = 1`. All residues are tried.
fn possible_residues(dice: &mut Dice, n: usize, holds: bool) -> Option<Draft> {
    let names = dice.names(n);
    let sort = sort(dice);
    let modulus = dice.int(3, if n == 1 { 16 } else { 9 });
    let (degree, extra) = (dice.pick(&[2, 2, 3, 4]), dice.int(0, 4));
    let power = |name: &String| var(name).pow(degree);
    let term = match n {
        1 if extra > 0 => power(&names[0]) + var(&names[0]).times(extra),
        1 => power(&names[0]),
        _ => power(&names[0]) + power(&names[1]),
    };
    let mut seen: Vec<i64> = Vec::new();
    let mut all = vec![vec![]];
    for _ in 0..n {
        all = all.iter().flat_map(|head: &Vec<i128>| (0..modulus).map(|v| [&head[..], &[v.into()]].concat())).collect();
    }
    for values in &all {
        let residue = i64::try_from(value_at(&term, &names, values)?.rem_euclid(modulus.into())).ok()?;
        if !seen.contains(&residue) {
            seen.push(residue);
        }
    }
    seen.sort_unstable();
    let missing: Vec<i64> = (0..modulus).filter(|residue| !seen.contains(residue)).collect();
    if missing.is_empty() {
        return None;
    }
    let remainder = || term.clone() % modulus;
    let goal = if seen.len() <= 4 && dice.percent(60) {
        if !holds {
            if seen.len() < 2 {
                return None;
            }
            let left_out = dice.int(0, seen.len() as i64 - 1);
            seen.remove(usize::try_from(left_out).ok()?);
        }
        let mut cases = seen.iter().rev().map(|residue| Prop::eq(remainder(), *residue));
        let last = cases.next()?;
        cases.fold(last, |rest, case| case.or(rest))
    } else {
        let denied = if holds { dice.pick(&missing) } else { dice.pick(&seen) };
        Prop::rel(Rel::Ne, remainder(), denied)
    };
    Claim::new(sort, &names, Vec::new(), goal).draft(if n == 1 && degree == 2 { 3 } else { 4 }, holds, dice)
}

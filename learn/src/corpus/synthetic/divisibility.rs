//! Divisors: closed gcds, divisors of sums, of polynomials and of exponentials.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Op, Prop, Rel, Sort, Term, gcd, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 => {
            if dice.percent(50) {
                closed(dice, holds)
            } else {
                multiples(dice, holds)
            }
        }
        2 => match dice.int(0, 2) {
            0 => closed(dice, holds),
            1 => multiples(dice, holds),
            _ => combination(dice, holds),
        },
        3 => {
            if dice.percent(50) {
                combination(dice, holds)
            } else {
                polynomial(dice, 3, holds)
            }
        }
        4 => {
            if dice.percent(50) {
                polynomial(dice, 4, holds)
            } else {
                exponential(dice, holds)
            }
        }
        _ => {
            if dice.percent(70) {
                exponential(dice, holds)
            } else {
                common(dice, holds)
            }
        }
    }
}

/// Closed gcds, lcms and divisors.
fn closed(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let factor = dice.int(1, 40);
    let (a, b) = (factor * dice.int(2, 200), factor * dice.int(2, 60));
    let divisor = i64::try_from(gcd(a.into(), b.into())).ok()?;
    let slip = if holds { 0 } else { dice.int(1, 4) };
    let goal = match dice.int(0, 3) {
        0 => Prop::eq(Term::op(Op::Gcd, num(a), num(b)), divisor + slip),
        1 => Prop::eq(Term::op(Op::Lcm, num(a), num(b)), a / divisor * b + slip),
        2 => {
            let extra = dice.int(2, 50);
            Prop::eq(Term::op(Op::Gcd, num(a), num(b)).plus(extra), divisor + extra + slip)
        }
        _ => Prop::rel(Rel::Dvd, b, a * b + slip),
    };
    Claim::closed(goal).draft(1, holds, dice)
}

/// `a ∣ n → b ∣ c * n + d` for numerals, which is linear arithmetic.
fn multiples(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let n = || var(&names[0]);
    let (divisor, factor, scale) = (dice.int(2, 9), dice.int(1, 4), dice.int(1, 6));
    let given = Prop::rel(Rel::Dvd, divisor * factor, n());
    let constant = divisor * dice.int(0, 6) + if holds { 0 } else { dice.int(1, divisor - 1) };
    let term = n().times(scale).plus(constant);
    let sort = dice.pick(&[Sort::Nat, Sort::Int]);
    Claim::new(sort, &names, vec![given], Prop::rel(Rel::Dvd, divisor, term)).draft(1, holds, dice)
}

/// `d ∣ a → d ∣ b → d ∣ s * a + t * b` and its relatives, where the divisor is a variable.
fn combination(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names: Vec<String> = ["d", "a", "b", "c"].map(str::to_owned).to_vec();
    let (d, a, b, c) = (|| var("d"), || var("a"), || var("b"), || var("c"));
    let dvd = |left: Term, right: Term| Prop::rel(Rel::Dvd, left, right);
    let (s, t) = (dice.int(2, 9), dice.int(2, 9));
    let shapes: [(usize, Vec<Prop>, Prop, Prop); 8] = [
        (3, vec![dvd(d(), a()), dvd(d(), b())], dvd(d(), num(s) * a() + num(t) * b()), dvd(d(), num(s) * a() + num(t))),
        (4, vec![dvd(d(), a()), dvd(a(), b())], dvd(d(), b() * c()), dvd(d(), b() + num(s) * c())),
        (3, vec![dvd(d(), a() + b()), dvd(d(), a())], dvd(d(), num(s) * b()), dvd(num(s) * d(), b())),
        (3, vec![dvd(d() * num(s), a())], dvd(d(), a() * b()), dvd(d() * num(s + 1), a() * b())),
        (3, vec![dvd(d(), a())], dvd(num(s) * d(), num(s) * a() * b()), dvd(num(s) * d(), num(t) * a() + b())),
        (2, vec![dvd(d(), a())], dvd(d().pow(2), num(s) * a().pow(2)), dvd(d().pow(3), num(s) * a().pow(2))),
        (4, vec![dvd(d(), a()), dvd(b(), c())], dvd(d() * b(), num(s) * a() * c()), dvd(d() * c(), num(s) * a() * b())),
        (2, vec![dvd(d(), num(s) * a()), dvd(d(), num(s + 1) * a())], dvd(d(), a()), dvd(num(t) * d(), a())),
    ];
    let (n, hypotheses, truth, error) = dice.pick(&shapes);
    let sort = dice.pick(&[Sort::Nat, Sort::Int]);
    Claim::new(sort, &names[..n], hypotheses, if holds { truth } else { error }).draft(3, holds, dice)
}

/// A divisor of every value of a polynomial; all residues are tried, which decides it.
fn polynomial(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let n = || var(&names[0]);
    let divisors: &[i64] = if level <= 3 { &[2, 3, 4] } else { &[3, 5, 6, 7, 8, 12, 24, 30] };
    let divisor = dice.pick(divisors);
    let term = match dice.int(0, 3) {
        0 => {
            let consecutive = dice.int(2, 4);
            let product = (1..consecutive).fold(n(), |product, shift| product * n().plus(shift));
            if dice.percent(40) { product * num(dice.int(2, 9)) } else { product }
        }
        1 => {
            let degree = dice.pick(&[2, 3, 5, 7]);
            n().pow(degree) + num(dice.int(1, 3 * divisor)) * n()
        }
        2 => (num(dice.int(1, 6)) * n() * n().plus(dice.int(1, 7))).plus(divisor * dice.int(0, 3)),
        _ => num(dice.int(1, 9)) * n().pow(3) + num(dice.int(1, 9)) * n().pow(2) + num(dice.int(1, 9)) * n(),
    };
    let goal = if dice.percent(50) { Prop::rel(Rel::Dvd, divisor, term) } else { Prop::eq(term % divisor, 0) };
    let sort = dice.pick(&[Sort::Nat, Sort::Nat, Sort::Int]);
    // The values up to 400 contain every residue.
    Claim::new(sort, &names, Vec::new(), goal).draft(level, holds, dice)
}

/// A divisor of every `a ^ (s * n + t) + c * n + d`, or of none.
///
/// The residues repeat from `n = 64` on at the latest with a period below `m * m`, so that the first few hundred values
/// decide it for the moduli here.
fn exponential(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let name = dice.pick(&["n", "n", "k", "m"]).to_owned();
    let names = [name];
    let n = || var(&names[0]);
    let modulus = dice.int(3, 16);
    let (base, step, shift) = (dice.int(2, 12), dice.int(1, 3), dice.int(0, 2));
    let linear = if dice.percent(35) { dice.int(1, modulus - 1) } else { 0 };
    let exponent = n().times(step).plus(shift);
    let at = |value: i64| {
        let power = (0..step * value + shift).fold(1 % modulus, |power, _| power * base % modulus);
        (power + linear * value).rem_euclid(modulus)
    };
    let residues: Vec<i64> = (0..modulus * modulus + 8).map(at).collect();
    let constant = (modulus - residues[0]).rem_euclid(modulus);
    let all = residues.iter().all(|residue| *residue == residues[0]);
    let power = num(base).pow(exponent);
    let sum = if linear == 0 { power } else { power + n().times(linear) };
    let never = residues.iter().all(|residue| *residue != 0);
    let (goal, truth) = match dice.int(0, 3) {
        0 if linear == 0 && residues[0] > 0 => (Prop::eq(sum % modulus, residues[0]), all),
        1 => (Prop::rel(Rel::Dvd, modulus, sum).not(), never),
        _ => (Prop::rel(Rel::Dvd, modulus, sum.plus(constant)), all),
    };
    if truth != holds || base % modulus == 0 {
        return None;
    }
    let level = if linear == 0 && step * shift <= 1 { 4 } else { 5 };
    if holds {
        return Some(Draft::closed(goal, level, true).var(&names[0], Sort::Nat));
    }
    // A false one must be refuted where the powers can still be computed.
    let claim = Claim::new(Sort::Nat, &names, Vec::new(), goal);
    (0..12).find_map(|value| claim.draft_refuted_by(&[value], level))
}

/// The gcd of two linear forms divides the determinant of their coefficients.
fn common(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let names = dice.names(1);
    let n = || var(&names[0]);
    let (a, b, c, d) = (dice.int(1, 4), dice.int(0, 9), dice.int(1, 5), dice.int(0, 13));
    let determinant = (a * d - b * c).abs();
    if determinant == 0 || a == c && b == d {
        return None;
    }
    let form = |scale: i64, constant: i64| n().times(scale).plus(constant);
    let common = Term::op(Op::Gcd, form(a, b), form(c, d));
    let goal = match determinant {
        1 => Prop::eq(common, if holds { 1 } else { 2 }),
        _ if holds && dice.percent(50) => Prop::rel(Rel::Dvd, common, determinant),
        _ => Prop::rel(Rel::Le, common, if holds { determinant } else { dice.int(1, determinant - 1) }),
    };
    Claim::new(Sort::Nat, &names, Vec::new(), goal).draft(5, holds, dice)
}

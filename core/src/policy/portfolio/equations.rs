//! Equations that are solved by what they factor into: quadratics in one variable, equal powers, and what a greatest common
//! divisor and a least common multiple have to do with each other; and divisors of sums.

use super::arith::{Op, Prop, Rel, Term};
use super::numbers::{arguments_of, speaks_of_integers};
use super::view::{Hyp, Kind, View};
use crate::policy::drafts::Drafts;

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    for hyp in view.proofs() {
        quadratic(view, hyp, drafts);
        equal_powers(view, hyp, drafts);
    }
    multiples(view, drafts);
    divisors_of_sums(view, drafts);
}

/// The coefficients of `1`, `x` and `x^2`.
type Quadratic = [i128; 3];

/// The polynomial in `name` that a term is, if its degree is at most 2.
fn polynomial(term: &Term, name: &str) -> Option<Quadratic> {
    match term {
        Term::Num(n) => Some([*n, 0, 0]),
        Term::Atom(atom) => (atom == name).then_some([0, 1, 0]),
        Term::Neg(inner) => minus([0; 3], polynomial(inner, name)?),
        Term::Bin(Op::Add, a, b) => minus(polynomial(a, name)?, minus([0; 3], polynomial(b, name)?)?),
        Term::Bin(Op::Sub, a, b) => minus(polynomial(a, name)?, polynomial(b, name)?),
        Term::Bin(Op::Mul, a, b) => times(polynomial(a, name)?, polynomial(b, name)?),
        Term::Bin(Op::Pow, base, exponent) => match exponent.numeral()? {
            0 => Some([1, 0, 0]),
            1 => polynomial(base, name),
            2 => times(polynomial(base, name)?, polynomial(base, name)?),
            _ => None,
        },
        _ => None,
    }
}

fn minus(a: Quadratic, b: Quadratic) -> Option<Quadratic> {
    Some([a[0].checked_sub(b[0])?, a[1].checked_sub(b[1])?, a[2].checked_sub(b[2])?])
}

fn times(a: Quadratic, b: Quadratic) -> Option<Quadratic> {
    let mut product: Quadratic = [0; 3];
    for (i, x) in a.into_iter().enumerate() {
        for (j, y) in b.into_iter().enumerate().filter(|(_, y)| x != 0 && *y != 0) {
            let at = product.get_mut(i + j)?;
            *at = at.checked_add(x.checked_mul(y)?)?;
        }
    }
    Some(product)
}

/// The linear factors `p * x + q` of a quadratic, each with the greatest common divisor of its coefficients taken out;
/// `None` where its roots are not rational.
fn factors([c, b, a]: Quadratic) -> Option<[(i128, i128); 2]> {
    let discriminant = b.checked_mul(b)?.checked_sub(a.checked_mul(c)?.checked_mul(4)?)?;
    let root = u128::try_from(discriminant).ok()?.isqrt().cast_signed();
    if a == 0 || root.checked_mul(root)? != discriminant {
        return None;
    }
    let reduced = |p: i128, q: i128| {
        let mut divisor = (p.unsigned_abs(), q.unsigned_abs());
        while divisor.1 != 0 {
            divisor = (divisor.1, divisor.0 % divisor.1);
        }
        let divisor = divisor.0.cast_signed() * p.signum();
        (p / divisor, q / divisor)
    };
    let twice = a.checked_mul(2)?;
    Some([reduced(twice, b.checked_sub(root)?), reduced(twice, b.checked_add(root)?)])
}

/// `x^2 - 5 * x + 6 = 0` says that one of two factors is 0.
fn quadratic(view: &View, hyp: &Hyp, drafts: &mut Drafts) {
    let Some(Prop::Rel(Rel::Eq, left, right)) = &hyp.prop else { return };
    for (kind, ring) in [(Kind::Int, "Int"), (Kind::Rat, "Rat")] {
        for variable in view.vars(kind) {
            let x = &variable.name;
            let difference = || minus(polynomial(left, x)?, polynomial(right, x)?);
            let Some(factors) = difference().and_then(factors) else { continue };
            let shown = factors.map(|(p, q)| {
                let first = if p == 1 { x.clone() } else { format!("{p} * {x}") };
                let sign = if q < 0 { "-" } else { "+" };
                format!("({first} {sign} {})", q.unsigned_abs())
            });
            let (product, case) = (view.fresh("hq", &[]), view.fresh("h", &[]));
            let script = format!(
                "have {product} : {} = 0 := by grind\nrcases {ring}.mul_eq_zero.mp {product} with {case} | {case}",
                shown.join(" * ")
            );
            drafts.add(9.0, format!("{script} <;> first | omega | grind"));
            drafts.add(3.0, script);
        }
    }
}

/// `a ^ k = b ^ k` over naturals says `a = b`.
fn equal_powers(view: &View, hyp: &Hyp, drafts: &mut Drafts) {
    let Some(Prop::Rel(Rel::Eq, Term::Bin(Op::Pow, a, k), Term::Bin(Op::Pow, b, l))) = &hyp.prop else { return };
    if k != l || k.numeral().is_none_or(|k| k == 0) || speaks_of_integers(view, a) || speaks_of_integers(view, b) {
        return;
    }
    let same = format!("(Nat.pow_left_inj (by decide)).mp {}", hyp.name);
    drafts.add(6.0, format!("exact {same}"));
    drafts.add(3.0, format!("have {} := {same}", view.fresh("h", &[])));
}

/// The product of two numbers is that of their greatest common divisor and their least common multiple.
fn multiples(view: &View, drafts: &mut Drafts) {
    let mut facts: Vec<String> = Vec::new();
    for term in view.terms() {
        let Term::Atom(text) = term else { continue };
        let Some([s, t]) = arguments_of("lcm", text) else { continue };
        let fact = format!("Nat.gcd_mul_lcm {s} {t}");
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    for fact in facts.iter().take(2) {
        let name = view.fresh("hgl", &[]);
        drafts.add(8.0, format!("have {name} := {fact}\ngrind"));
        drafts.add(5.0, format!("have {name} := {fact}\nsimp_all [Nat.gcd_comm]\nomega"));
        drafts.add(2.0, format!("have {name} := {fact}"));
    }
}

/// What divides all parts of a sum divides the sum.
fn divisors_of_sums(view: &View, drafts: &mut Drafts) {
    let Some((Rel::Dvd, left, right)) = view.target_relation() else { return };
    let is_known = |hyp: &Hyp| matches!(&hyp.prop, Some(Prop::Rel(Rel::Dvd, divisor, _)) if divisor == left);
    if !view.proofs().any(is_known) {
        return;
    }
    let steps = if speaks_of_integers(view, left) || speaks_of_integers(view, right) {
        "apply Int.dvd_sub | apply Int.dvd_add | (apply Int.dvd_mul_of_dvd_right; assumption) | (apply Int.dvd_mul_of_dvd_left; assumption)"
    } else {
        "apply Nat.dvd_add | apply Nat.dvd_sub | (apply Nat.dvd_mul_left_of_dvd; assumption) | (apply Nat.dvd_mul_right_of_dvd; assumption)"
    };
    drafts.add(5.0, format!("repeat' first | assumption | {steps}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadratics_are_factored_where_their_roots_are_rational() {
        let factored = |text: &str| factors(polynomial(&Term::parse(text).unwrap(), "x")?);
        assert_eq!(factored("x^2 - 5 * x + 6"), Some([(1, -3), (1, -2)]));
        assert_eq!(factored("6 * x^2 + x - 1"), Some([(3, -1), (2, 1)]));
        assert_eq!(factored("-x^2 + 9"), Some([(1, 3), (1, -3)]));
        assert_eq!(factored("(x - 1) * (x - 1)"), Some([(1, -1), (1, -1)]));
        assert_eq!(factored("x * (x + 4)"), Some([(1, 0), (1, 4)]));
        for other in [
            "x^2 - 2",
            "x^2 + 1",
            "2 * x + 1",
            "x^3 - x",
            "x^2 - y",
            "170141183460469231731 * x^2 * 99999999999999999999",
        ] {
            assert_eq!(factored(other), None, "{other}");
        }
    }
}

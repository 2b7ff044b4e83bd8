//! Linear equations and inequalities over `Nat` and `Int`, with hypotheses.

use super::dice::Dice;
use super::draft::{Claim, Draft};
use super::term::{Op, Prop, Rel, Sort, Term, num, var};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match (level, dice.weighted(&[4, 3, 2, 2])) {
        (1, 0 | 1) => equation(dice, holds),
        (1, _) => rounding(dice, holds),
        (2.., 0) => system(dice, level, holds),
        (2.., 1) => combination(dice, level, holds),
        (_, 2) => truncated(dice, level, holds),
        (_, _) => words(dice, level, holds),
    }
}

/// A small error, for what is to be false.
fn slip(dice: &mut Dice, holds: bool) -> i64 {
    if holds { 0 } else { dice.nonzero(-3, 3) }
}

fn sort(dice: &mut Dice) -> Sort {
    dice.pick(&[Sort::Nat, Sort::Int])
}

/// `a * x + b = c → x = v`.
fn equation(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let sort = sort(dice);
    let name = dice.names(1);
    let value = dice.int(if sort == Sort::Nat { 0 } else { -30 }, 60);
    let (a, b) = (dice.int(2, 12), dice.int(0, 40));
    let claimed = value + slip(dice, holds);
    let sides = [(num(a) * var(&name[0])).plus(b), num(a * value + b)];
    let [left, right] = sides;
    let hypothesis = if dice.percent(25) { Prop::eq(right, left) } else { Prop::eq(left, right) };
    let claim = Claim::new(sort, &name, vec![hypothesis], Prop::eq(var(&name[0]), claimed));
    if holds { claim.draft(1, true, dice) } else { claim.draft_refuted_by(&[i128::from(value)], 1) }
}

/// `a * x < b → x ≤ (b - 1) / a` and its mirror image: only true because numbers are whole.
fn rounding(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let sort = sort(dice);
    let name = dice.names(1);
    let (a, b) = (dice.int(2, 15), dice.int(1, 200));
    let x = || var(&name[0]);
    let claim = if dice.percent(50) {
        let most = (b - 1).div_euclid(a) - i64::from(!holds);
        Claim::new(sort, &name, vec![Prop::rel(Rel::Lt, num(a) * x(), b)], Prop::rel(Rel::Le, x(), most))
    } else {
        let least = b.div_euclid(a) + 1 + i64::from(!holds);
        Claim::new(sort, &name, vec![Prop::rel(Rel::Lt, b, num(a) * x())], Prop::rel(Rel::Le, least, x()))
    };
    claim.draft(1, holds, dice)
}

/// As many equations as unknowns, with exactly one solution.
fn system(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n = if level >= 4 { dice.pick(&[3, 4]) } else { dice.pick(&[2, 2, 3]) };
    let sort = sort(dice);
    let names = dice.names(n);
    let largest = [4, 6, 9, 12, 15][level as usize - 1];
    let least = if sort == Sort::Nat { 0 } else { -largest };
    let rows: Vec<Vec<i64>> = (0..n).map(|_| (0..n).map(|_| dice.int(least, largest)).collect()).collect();
    if determinant(&rows) == 0 || rows.iter().any(|row| row.iter().filter(|entry| **entry != 0).count() < 2) {
        return None;
    }
    let bound = 10 * i64::from(level);
    let solution: Vec<i64> = (0..n).map(|_| dice.int(if sort == Sort::Nat { 0 } else { -bound }, bound)).collect();
    let hypotheses = rows.iter().map(|row| Prop::eq(Term::linear(row, &names), dot(row, &solution))).collect();
    let slip = slip(dice, holds);
    let goal = match dice.weighted(&[4, 3, 3]) {
        0 => {
            let idx = usize::try_from(dice.int(0, n as i64 - 1)).ok()?;
            Prop::eq(var(&names[idx]), solution[idx] + slip)
        }
        1 => {
            let mut parts = names.iter().zip(&solution).map(|(name, value)| Prop::eq(var(name), *value)).rev();
            let last = Prop::eq(var(&names[n - 1]), solution[n - 1] + slip);
            parts.next();
            parts.fold(last, |rest, part| part.and(rest))
        }
        _ => {
            let row: Vec<i64> = (0..n).map(|_| dice.int(1, 5)).collect();
            Prop::eq(Term::linear(&row, &names), dot(&row, &solution) + slip)
        }
    };
    let level = if n >= 4 { 3 } else { 2 };
    let claim = Claim::new(sort, &names, hypotheses, goal);
    let solution: Vec<i128> = solution.into_iter().map(i128::from).collect();
    match holds {
        true => claim.draft(level, true, dice),
        false => claim.draft_refuted_by(&solution, level),
    }
}

fn dot(row: &[i64], values: &[i64]) -> i64 {
    row.iter().zip(values).map(|(left, right)| left * right).sum()
}

/// By expansion along the first row; the matrices have at most four.
fn determinant(rows: &[Vec<i64>]) -> i64 {
    let Some(first) = rows.first() else { return 1 };
    let minor = |column: usize| -> Vec<Vec<i64>> {
        rows[1..].iter().map(|row| [&row[..column], &row[column + 1..]].concat()).collect()
    };
    let sign = |column: usize| if column.is_multiple_of(2) { 1 } else { -1 };
    first.iter().enumerate().map(|(column, entry)| sign(column) * entry * determinant(&minor(column))).sum()
}

/// An inequality that is a sum of multiples of the hypotheses (Farkas), or is just missed by a point that satisfies
/// them all.
fn combination(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n = usize::try_from(dice.int(2, i64::from(level.clamp(2, 4)))).ok()?;
    let n_hypotheses = n + usize::from(level >= 4);
    let names = dice.names(n);
    let rows: Vec<Vec<i64>> = (0..n_hypotheses).map(|_| (0..n).map(|_| dice.int(-4, 5)).collect()).collect();
    let point: Vec<i64> = (0..n).map(|_| dice.int(-8, 12)).collect();
    let bounds: Vec<i64> = rows.iter().map(|row| dot(row, &point) + dice.int(0, 6)).collect();
    let multiples: Vec<i64> = rows.iter().map(|_| dice.int(0, 3)).collect();
    let sum: Vec<i64> =
        (0..n).map(|column| dot(&multiples, &rows.iter().map(|row| row[column]).collect::<Vec<_>>())).collect();
    let n_used = multiples.iter().filter(|multiple| **multiple > 0).count();
    if n_used < 2 || sum.iter().all(|entry| *entry == 0) || rows.iter().any(|row| row.iter().all(|e| *e == 0)) {
        return None;
    }
    let hypotheses = rows.iter().zip(&bounds).map(|(row, bound)| Prop::rel(Rel::Le, Term::linear(row, &names), *bound));
    let most = if holds { dot(&multiples, &bounds) + dice.int(0, 2) } else { dot(&sum, &point) - dice.int(1, 3) };
    let goal = Prop::rel(Rel::Le, Term::linear(&sum, &names), most);
    let claim = Claim::new(Sort::Int, &names, hypotheses.collect(), goal);
    let level = if n >= 3 { 2 } else { 1 };
    let point: Vec<i128> = point.into_iter().map(i128::from).collect();
    match holds {
        true => claim.draft(level, true, dice),
        false => claim.draft_refuted_by(&point, level),
    }
}

/// Subtraction of natural numbers, `min` and `max`.
fn truncated(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let names = dice.names(3);
    let (a, b, c) = (|| var(&names[0]), || var(&names[1]), || var(&names[2]));
    let k = dice.int(1, 9);
    let le = |left: Term, right: Term| Prop::rel(Rel::Le, left, right);
    let shapes: [(usize, Vec<Prop>, Prop, Prop); 9] = [
        (2, vec![le(b(), a())], Prop::eq(a() - b() + b(), a()), Prop::eq(b() - a() + a(), a() + k)),
        (2, vec![], Prop::eq(a() + b() - b(), a()), Prop::eq(a() - b() + b(), a())),
        (3, vec![], Prop::eq(a() - b() - c(), a() - (b() + c())), Prop::eq(a() - b() - c(), a() - (b() - c()))),
        (
            3,
            vec![le(c(), b())],
            Prop::eq(a() + b() - c(), a() + (b() - c())),
            Prop::eq(a() - (b() - c()), a() - b() + c()),
        ),
        (2, vec![], le(a() - b(), a()), le(a(), a() - b())),
        (
            2,
            vec![],
            Prop::eq(Term::op(Op::Max, a(), b()) + Term::op(Op::Min, a(), b()), a() + b()),
            Prop::eq(Term::op(Op::Max, a(), b()) - Term::op(Op::Min, a(), b()), a() - b()),
        ),
        (
            3,
            vec![le(a(), b())],
            le(Term::op(Op::Max, a(), c()), Term::op(Op::Max, b(), c())),
            le(Term::op(Op::Max, b(), c()), Term::op(Op::Max, a(), c())),
        ),
        (
            2,
            vec![Prop::rel(Rel::Lt, b(), a())],
            Prop::rel(Rel::Lt, num(0), a() - b()),
            Prop::rel(Rel::Lt, num(k), a() - b()),
        ),
        (
            3,
            vec![le(a(), b()), le(b(), c())],
            Prop::eq(c() - b() + (b() - a()), c() - a()),
            Prop::eq(c() - a() + (b() - a()), c() - b()),
        ),
    ];
    let (n, hypotheses, truth, error) = dice.pick(&shapes);
    // The shapes are few; a linear factor makes them many.
    let factor = dice.int(1, 2 + 3 * i64::from(level));
    let scale = |prop: Prop| match prop {
        Prop::Rel(rel, left, right) if factor > 1 => Prop::rel(rel, num(factor) * left, num(factor) * right),
        other => other,
    };
    let goal = scale(if holds { truth } else { error });
    Claim::new(Sort::Nat, &names[..n], hypotheses, goal).draft(if factor > 1 { 2 } else { 1 }, holds, dice)
}

/// What word problems become: consecutive numbers, shares, ages.
fn words(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let sort = sort(dice);
    let names = dice.names(2);
    let (x, y) = (|| var(&names[0]), || var(&names[1]));
    let slip = slip(dice, holds);
    let value = dice.int(3, 20 * i64::from(level));
    match dice.int(0, 2) {
        0 => {
            let (n, step) = (dice.int(3, 5), dice.int(1, 3));
            let sum = (1..n).fold(x(), |sum, idx| sum + x().plus(step * idx));
            let total = n * value + step * n * (n - 1) / 2;
            let asked = dice.int(0, n - 1) * step;
            let goal = Prop::eq(x().plus(asked), value + asked + slip);
            let claim = Claim::new(sort, &names[..1], vec![Prop::eq(sum, total)], goal);
            if holds { claim.draft(1, true, dice) } else { claim.draft_refuted_by(&[i128::from(value)], 1) }
        }
        1 => {
            let (factor, other) = (dice.int(2, 7), value);
            let total = Prop::eq(x() + y(), factor * other + other);
            let share = Prop::eq(x(), num(factor) * y());
            let goal = Prop::eq(x() - y(), factor * other - other + slip);
            let claim = Claim::new(sort, &names, vec![total, share], goal);
            let at = [i128::from(factor * other), i128::from(other)];
            if holds { claim.draft(2, true, dice) } else { claim.draft_refuted_by(&at, 2) }
        }
        _ => {
            let (older, years, factor) = (dice.int(2, 4), dice.int(2, 12), dice.int(2, 3));
            // `x` was `older * factor` .. times `y`'s age `years` ago; both ages follow from the difference.
            let y_value = years + value;
            let x_value = years + (older + factor) * value;
            let then = Prop::eq(x() - num(years), num(older + factor) * (y() - num(years)));
            let sum = Prop::eq(x() + y(), x_value + y_value);
            let enough = Prop::rel(Rel::Le, years, y()).and(Prop::rel(Rel::Le, years, x()));
            let goal = Prop::eq(y(), y_value + slip);
            let claim = Claim::new(sort, &names, vec![enough, then, sum], goal);
            let at = [i128::from(x_value), i128::from(y_value)];
            if holds { claim.draft(2, true, dice) } else { claim.draft_refuted_by(&at, 2) }
        }
    }
}

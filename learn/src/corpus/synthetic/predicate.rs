//! First-order logic: formulas about properties, which finitely many models decide, and chains of rules.

use super::dice::Dice;
use super::draft::Draft;
use super::logic::{Formula, Model, Object, refutes, statement};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 | 2 => {
            if dice.percent(50) {
                properties(dice, level, holds)
            } else {
                chain(dice, level, holds)
            }
        }
        _ => match dice.int(0, 5) {
            0 | 1 => properties(dice, level, holds),
            2 | 3 => chain(dice, level, holds),
            _ => relations(dice, holds),
        },
    }
}

fn property(idx: usize, object: Object) -> Formula {
    Formula::Atom(idx, vec![object])
}

/// A random entailment between quantified formulas about `n` properties.
///
/// Without equality and relations an element is no more than the set of properties that it has, so the models with at
/// most one element of each kind decide a formula (Löwenheim 1915).
fn properties(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n = if level <= 2 { 2 } else { 3 };
    let n_hypotheses = usize::try_from(dice.int(0, i64::from(level.clamp(1, 3)))).ok()?;
    let constant = dice.percent(40);
    let models = models(n, constant);
    for _ in 0..60 {
        let hypotheses: Vec<Formula> = (0..n_hypotheses).map(|_| sentence(dice, n, constant, 1)).collect();
        let goal = sentence(dice, n, constant, if n_hypotheses == 0 { 2 } else { 1 });
        let follows = |hypotheses: &[Formula]| !models.iter().any(|model| refutes(model, hypotheses, &goal));
        if hypotheses.contains(&goal) || follows(&hypotheses) != holds {
            continue;
        }
        let others = |idx: usize| [&hypotheses[..idx], &hypotheses[idx + 1..]].concat();
        let consistent = models.iter().any(|model| hypotheses.iter().all(|hypothesis| hypothesis.is_true(model)));
        if consistent && (!holds || (0..n_hypotheses).all(|idx| !follows(&others(idx)))) {
            return Some(statement(&hypotheses, &goal, level.clamp(2, 4), holds));
        }
    }
    None
}

/// Every model with at most one element of each kind, with every choice of the constant.
fn models(n: usize, constant: bool) -> Vec<Model> {
    let n_kinds = 1_usize << n;
    let mut models = Vec::new();
    for inhabited in 1_u64..1 << n_kinds {
        let kinds: Vec<usize> = (0..n_kinds).filter(|kind| inhabited >> kind & 1 == 1).collect();
        let properties = (0..n).map(|property| {
            kinds.iter().enumerate().map(|(element, kind)| ((kind >> property & 1) as u64) << element).sum()
        });
        let model = Model { size: kinds.len(), properties: properties.collect(), ..Model::default() };
        for element in 0..if constant { kinds.len() } else { 1 } {
            models.push(Model { constants: vec![element], ..model.clone() });
        }
    }
    models
}

/// A quantified formula, or a connection of such.
fn sentence(dice: &mut Dice, n: usize, constant: bool, depth: u32) -> Formula {
    if depth == 0 || dice.percent(55) {
        if constant && dice.percent(25) {
            let atom = property(dice.weighted(&vec![1; n]), Object::Const(0));
            return if dice.percent(30) { atom.not() } else { atom };
        }
        let body = matrix(dice, n, 1);
        let all = dice.percent(55);
        let quantified = if all { Formula::all(0, body) } else { Formula::exists(0, body) };
        return if dice.percent(20) { quantified.not() } else { quantified };
    }
    let (left, right) = (sentence(dice, n, constant, depth - 1), sentence(dice, n, constant, depth - 1));
    match dice.weighted(&[5, 2, 2, 2]) {
        0 => left.implies(right),
        1 => left.and(right),
        2 => left.or(right),
        _ => left.iff(right),
    }
}

fn matrix(dice: &mut Dice, n: usize, depth: u32) -> Formula {
    if depth == 0 || dice.percent(25) {
        let atom = property(dice.weighted(&vec![1; n]), Object::Bound(0));
        return if dice.percent(25) { atom.not() } else { atom };
    }
    let (left, right) = (matrix(dice, n, depth - 1), matrix(dice, n, depth - 1));
    match dice.weighted(&[4, 3, 3]) {
        0 => left.implies(right),
        1 => left.and(right),
        _ => left.or(right),
    }
}

/// Rules that lead from one property to the next; a false one lacks a rule.
fn chain(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n_links = usize::try_from(dice.int(1, i64::from(level))).ok()?.max(2);
    let x = || Object::Bound(0);
    let y = || Object::Bound(1);
    let a = || Object::Const(0);
    let mut rules: Vec<Vec<Formula>> = Vec::new();
    let mut object = a();
    // Property 0 is given; properties from 6 on are the sides of a disjunction.
    for link in 0..n_links.min(5) {
        let (here, next) = (link, link + 1);
        let from = || property(here, x());
        rules.push(match dice.weighted(&[3, 2, 2, 2, 2]) {
            0 => vec![Formula::all(0, from().implies(property(next, x())))],
            1 => vec![
                Formula::all(0, from().implies(Formula::exists(1, Formula::Atom(0, vec![x(), y()])))),
                Formula::all(0, Formula::all(1, Formula::Atom(0, vec![x(), y()]).implies(property(next, x())))),
            ],
            2 => vec![
                Formula::all(0, from().implies(property(6, x()).or(property(7, x())))),
                Formula::all(0, property(6, x()).implies(property(next, x()))),
                Formula::all(0, property(7, x()).implies(property(next, x()))),
            ],
            3 => {
                object = object.apply(0);
                vec![Formula::all(0, from().implies(property(next, x().apply(0))))]
            }
            _ => vec![Formula::all(0, property(next, x()).not().implies(from().not()))],
        });
    }
    let mut goal = property(n_links.min(5), object);
    if dice.percent(30) {
        goal = Formula::exists(0, property(n_links.min(5), x()));
    }
    let mut hypotheses: Vec<Formula> = rules.into_iter().flatten().collect();
    if !holds {
        hypotheses.remove(usize::try_from(dice.int(0, hypotheses.len() as i64 - 1)).ok()?);
    }
    dice.shuffle(&mut hypotheses);
    hypotheses.push(property(0, a()));
    let level = (n_links as u32).clamp(1, 4);
    decided(dice, &hypotheses, &goal, level, holds)
}

/// The statement, if small models agree: some model must refute a false one, and none a true one.
fn decided(dice: &mut Dice, hypotheses: &[Formula], goal: &Formula, level: u32, holds: bool) -> Option<Draft> {
    let refuted = (0..400).any(|_| refutes(&model(dice), hypotheses, goal));
    (refuted != holds).then(|| statement(hypotheses, goal, level, holds))
}

/// A random model of one to three elements.
fn model(dice: &mut Dice) -> Model {
    let size = dice.weighted(&[2, 3, 2]) + 1;
    let last = size as i64 - 1;
    let bits = |dice: &mut Dice, n: usize| dice.int(0, (1 << n) - 1).unsigned_abs();
    Model {
        size,
        propositions: 0,
        properties: (0..8).map(|_| bits(dice, size)).collect(),
        relations: (0..3).map(|_| bits(dice, size * size)).collect(),
        functions: (0..3).map(|_| (0..size).map(|_| dice.int(0, last).unsigned_abs() as usize).collect()).collect(),
        constants: (0..5).map(|_| dice.int(0, last).unsigned_abs() as usize).collect(),
    }
}

/// Facts about relations and functions that everybody knows, with variations; the false ones are the usual mistakes.
fn relations(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (x, y, z) = (|| Object::Bound(0), || Object::Bound(1), || Object::Bound(2));
    let constant = Object::Const;
    let r = |left: Object, right: Object| Formula::Atom(0, vec![left, right]);
    let l = |left: Object, right: Object| Formula::Atom(1, vec![left, right]);
    let (f, g) = (|object: Object| object.apply(0), |object: Object| object.apply(1));
    let all2 = |body: Formula| Formula::all(0, Formula::all(1, body));
    let all3 = |body: Formula| Formula::all(0, Formula::all(1, Formula::all(2, body)));
    let symmetric = || all2(r(x(), y()).implies(r(y(), x())));
    let transitive = || all3(r(x(), y()).implies(r(y(), z()).implies(r(x(), z()))));
    let serial = || Formula::all(0, Formula::exists(1, r(x(), y())));
    let euclidean = || all3(r(x(), y()).implies(r(x(), z()).implies(r(y(), z()))));
    let reflexive = || Formula::all(0, r(x(), x()));
    let injective =
        |map: &dyn Fn(Object) -> Object| all2(Formula::Equal(map(x()), map(y())).implies(Formula::Equal(x(), y())));
    let surjective =
        |map: &dyn Fn(Object) -> Object| Formula::all(1, Formula::exists(0, Formula::Equal(map(x()), y())));
    let both = |object: Object| g(f(object));
    let equal = Formula::Equal;
    let steps = usize::try_from(dice.int(2, 5)).ok()?;
    let times = |n: usize, object: Object| (0..n).fold(object, |object, _| object.apply(0));
    let p = property;
    let path = |n: usize| (0..n).map(|idx| r(constant(idx), constant(idx + 1)));
    let joined = |first: Vec<Formula>, rest: Vec<Formula>| [first, rest].concat();
    let n_path = steps.min(4);
    let known: Vec<(Vec<Formula>, Formula, u32)> = if holds {
        vec![
            (joined(vec![transitive()], path(n_path).collect()), r(constant(0), constant(n_path)), 3),
            (
                vec![symmetric(), transitive(), r(constant(0), constant(1)), r(constant(2), constant(1))],
                r(constant(0), constant(2)),
                3,
            ),
            (vec![symmetric(), transitive(), serial()], reflexive(), 4),
            (vec![reflexive(), euclidean()], symmetric(), 4),
            (vec![reflexive(), euclidean()], transitive(), 5),
            (vec![symmetric(), transitive()], euclidean(), 4),
            (
                vec![Formula::exists(0, Formula::all(1, r(x(), y())))],
                Formula::all(1, Formula::exists(0, r(x(), y()))),
                2,
            ),
            (vec![], Formula::exists(0, Formula::all(1, r(x(), y()).iff(r(y(), y()).not()))).not(), 4),
            (vec![Formula::all(0, equal(f(f(x())), x()))], injective(&f), 4),
            (vec![Formula::all(0, equal(f(f(x())), x()))], surjective(&f), 3),
            (vec![Formula::all(0, equal(g(f(x())), x()))], injective(&f), 4),
            (vec![Formula::all(0, equal(g(f(x())), x()))], surjective(&g), 3),
            (vec![injective(&f), injective(&g)], injective(&both), 4),
            (vec![surjective(&f), surjective(&g)], surjective(&both), 5),
            (vec![injective(&both)], injective(&f), 4),
            (vec![surjective(&both)], surjective(&g), 5),
            (
                vec![Formula::all(0, p(0, x()).implies(p(0, f(x())))), p(0, constant(0))],
                p(0, times(steps, constant(0))),
                2,
            ),
            (vec![all2(r(x(), y()).implies(l(x(), y()))), reflexive()], Formula::all(0, l(x(), x())), 2),
            (
                vec![all2(r(x(), y()).implies(l(y(), x()))), transitive()],
                all3(r(x(), y()).implies(r(y(), z()).implies(l(z(), x())))),
                4,
            ),
            (
                vec![Formula::all(0, equal(f(x()), x()).or(equal(f(x()), constant(0))))],
                Formula::all(0, equal(f(f(x())), f(x()))).or(Formula::exists(0, equal(f(x()), x()).not())),
                5,
            ),
            (vec![Formula::all(0, r(x(), x()).not()), transitive()], all2(r(x(), y()).implies(r(y(), x()).not())), 4),
            (vec![], Formula::exists(0, p(0, x()).implies(Formula::all(1, p(0, y())))), 4),
        ]
    } else {
        vec![
            (path(n_path).collect(), r(constant(0), constant(n_path)), 3),
            (vec![symmetric(), transitive()], reflexive(), 3),
            (vec![serial()], Formula::exists(1, Formula::all(0, r(x(), y()))), 3),
            (
                vec![transitive(), r(constant(0), constant(1)), r(constant(2), constant(1))],
                r(constant(0), constant(2)),
                3,
            ),
            (vec![reflexive(), transitive()], symmetric(), 3),
            (vec![injective(&both)], injective(&g), 4),
            (vec![surjective(&both)], surjective(&f), 4),
            (vec![Formula::all(0, equal(f(f(x())), f(x())))], injective(&f), 3),
            (vec![symmetric(), reflexive()], transitive(), 4),
            (
                vec![Formula::all(0, p(0, f(x())).implies(p(0, x()))), p(0, constant(0))],
                p(0, times(steps, constant(0))),
                3,
            ),
        ]
    };
    let (hypotheses, goal, level) = dice.pick(&known);
    decided(dice, &hypotheses, &goal, level, holds)
}

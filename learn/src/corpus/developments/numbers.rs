//! Functions of numbers by recursion, and what they come to.

use super::language::{Arm, Body, Claim, Expr, Function, Op, Pattern, Prop, Ty, add, num, op, times, var};
use super::laws::seems_true;
use super::sketch::{How, Lemma, Sketch};
use super::world::{Signature, World};

const N: &str = "it";

/// A theorem about a recursion on numbers.
pub(super) fn draw(world: &mut World<'_>) -> Option<Sketch> {
    match world.dice.weighted(&[5, 3, 2]) {
        0 => summed(world),
        1 => handed_on(world),
        _ => two_steps(world),
    }
}

fn nat(name: &str) -> (String, Ty) {
    (name.to_owned(), Ty::Nat)
}

/// What is added at each step, as a term of `n`.
fn step(world: &mut World<'_>, n: &Expr) -> Expr {
    let (factor, constant) = (world.dice.int(0, 4), world.dice.int(0, 5));
    let linear = |factor: i64| add(times(factor, n.clone()), num(constant));
    match world.dice.weighted(&[5, 2, 2]) {
        0 => linear(factor),
        1 => {
            let modulus = world.dice.int(2, 4);
            add(op(Op::Mod, [n.clone(), num(modulus)]), num(constant))
        }
        _ => Expr::Call(world.affine().0, vec![n.clone()]),
    }
}

/// `f 0 = a` and `f (n + 1)` from `f n` and `n`.
fn recursion(world: &mut World<'_>) -> usize {
    let (start, factor) = (world.dice.int(0, 4), world.dice.pick(&[1, 1, 1, 2, 3]));
    // Helpers come first in the file, and the function's own place behind them.
    let added = if factor == 1 { step(world, &var("n")) } else { num(world.dice.int(0, 4)) };
    let signature = Signature { before: Vec::new(), on: Ty::Nat, behind: Vec::new(), result: Ty::Nat };
    world.by_cases(&signature, |_, case| {
        if case.ctor == 0 { num(start) } else { add(times(factor, case.recur(0, [])), added.clone()) }
    })
}

/// What the function is for these numbers.
fn values<const COUNT: usize>(world: &World<'_>, function: usize) -> Option<[i64; COUNT]> {
    let mut found = [0; COUNT];
    for (n, value) in (0..).zip(&mut found) {
        match world.program.eval(&Expr::Call(function, vec![num(n)]), &mut Vec::new())? {
            super::eval::Value::Num(number) => *value = i64::try_from(number).ok()?,
            _ => return None,
        }
    }
    Some(found)
}

fn by_induction(scheme: &'static str, grade: u32, claim: Claim) -> Sketch {
    let how = How::Induction { on: N.to_owned(), generalizing: Vec::new() };
    Sketch::of(scheme, grade, Lemma { claim, how })
}

/// Closed forms, bounds, growth and remainders of a recursion.
fn summed(world: &mut World<'_>) -> Option<Sketch> {
    let function = recursion(world);
    let f = |term: Expr| Expr::Call(function, vec![term]);
    let n = || var(N);
    let [f0, f1, f2] = values(world, function)?;
    let squares = f2 - 2 * f1 + f0;
    let linear = 2 * (f1 - f0) - squares;
    let mut goals: Vec<(u32, Prop)> = Vec::new();
    if squares == 0 {
        goals.push((2, Prop::Eq(f(n()), add(times(f1 - f0, n()), num(f0)))));
    } else if linear >= 0 && squares > 0 {
        let square = times(squares, op(Op::Mul, [n(), n()]));
        let right = add(add(square, times(linear, n())), num(2 * f0));
        goals.push((3, Prop::Eq(times(2, f(n())), right)));
    }
    // A recursion that multiplies comes to a power, up to a constant.
    for factor in 2..=3 {
        let above = (f1 - f0) / (factor - 1);
        let constant = above - f0;
        if constant >= 0 && (f1 - f0) % (factor - 1) == 0 && above > 0 {
            let power = op(Op::Pow, [num(factor), n()]);
            goals.push((3, Prop::Eq(add(f(n()), num(constant)), times(above, power))));
        }
    }
    for modulus in [2, 3, 4, 5] {
        goals.push((2, Prop::Eq(op(Op::Mod, [f(n()), num(modulus)]), num(f0 % modulus))));
    }
    goals.push((2, Prop::Le(n(), f(n()))));
    goals.push((2, Prop::Le(add(n(), num(f0)), f(n()))));
    let after = || add(n(), num(1));
    goals.push((1, Prop::Lt(f(n()), f(after()))));
    goals.push((1, Prop::Le(f(n()), f(after()))));
    let both = op(Op::Add, [var("m"), n()]);
    goals.push((3, Prop::Le(f(var("m")), f(both.clone()))));
    goals.push((3, Prop::Eq(add(f(both), num(f0)), op(Op::Add, [f(var("m")), f(n())]))));
    world.dice.shuffle(&mut goals);
    goals.into_iter().find_map(|(grade, goal)| {
        let mentions = |name: &str| goal.terms().iter().any(|term| term.mentions(name));
        let mut variables = vec![nat(N)];
        if mentions("m") {
            variables.insert(0, nat("m"));
        }
        let claim = Claim::new(variables, goal);
        seems_true(world, &claim).then(|| by_induction("numbers", grade, claim))
    })
}

/// A recursion that hands its sum on, and the plain one.
fn handed_on(world: &mut World<'_>) -> Option<Sketch> {
    let added = step(world, &var("n"));
    let start = world.dice.int(0, 3);
    let plain_signature = Signature { before: Vec::new(), on: Ty::Nat, behind: Vec::new(), result: Ty::Nat };
    let plain = world.by_cases(&plain_signature, |_, case| {
        if case.ctor == 0 { num(start) } else { add(case.recur(0, []), added.clone()) }
    });
    let front = world.dice.percent(50);
    let signature = Signature { behind: vec![nat("acc")], ..plain_signature };
    let onto = world.by_cases(&signature, |_, case| {
        if case.ctor == 0 {
            return add(var("acc"), num(start));
        }
        let grown = if front { add(added.clone(), var("acc")) } else { add(var("acc"), added.clone()) };
        case.recur(0, [grown])
    });
    let general = Claim::new(
        vec![nat(N), nat("acc")],
        Prop::Eq(
            Expr::Call(onto, vec![var(N), var("acc")]),
            op(Op::Add, [Expr::Call(plain, vec![var(N)]), var("acc")]),
        ),
    );
    let how = How::Induction { on: N.to_owned(), generalizing: vec!["acc".to_owned()] };
    let general = Lemma { claim: general, how };
    if !seems_true(world, &general.claim) {
        return None;
    }
    if world.dice.percent(35) {
        return Some(Sketch::of("accumulator", 3, general));
    }
    let begun = world.dice.pick(&[0, 0, 1, 5]);
    let goal = Prop::Eq(Expr::Call(onto, vec![var(N), num(begun)]), add(Expr::Call(plain, vec![var(N)]), num(begun)));
    let claim = Claim::new(vec![nat(N)], goal);
    Some(Sketch { scheme: "accumulator", grade: 4, claim, lemmas: vec![general], how: How::FromLemmas })
}

/// `f 0`, `f 1` and `f (n + 2)`: the claim has to be made of two neighbours at once.
fn two_steps(world: &mut World<'_>) -> Option<Sketch> {
    let (first, second) = (world.dice.int(0, 3), world.dice.int(0, 3));
    let function = world.program.next();
    let name = world.small();
    let before = |n: i64| Expr::Call(function, vec![add(var("n"), num(n))]);
    let value = match world.dice.int(0, 2) {
        0 => add(before(1), before(0)),
        1 => add(before(0), num(world.dice.int(1, 4))),
        _ => add(before(1), num(world.dice.int(0, 3))),
    };
    let succ = |inner: Pattern| Pattern::Ctor(Ty::Nat, 1, vec![inner]);
    let arms = vec![
        Arm { patterns: vec![Pattern::Num(0)], value: num(first) },
        Arm { patterns: vec![Pattern::Num(1)], value: num(second) },
        Arm { patterns: vec![succ(succ(Pattern::Var("n".to_owned())))], value },
    ];
    let body = Body::Cases { n_fixed: 0, arms };
    world.program.define(Function { name: name.clone(), params: vec![nat("n")], result: Ty::Nat, body });
    let f = |term: Expr| Expr::Call(function, vec![term]);
    let mut goals = Vec::new();
    for modulus in 2..=4 {
        goals.extend((0..modulus).map(|rest| Prop::Eq(op(Op::Mod, [f(var("n")), num(modulus)]), num(rest))));
    }
    goals.push(Prop::Le(f(var("n")), f(add(var("n"), num(2)))));
    goals.push(Prop::Le(f(var("n")), f(add(var("n"), num(1)))));
    goals.extend((1..=3).map(|bound| Prop::Le(num(bound), f(var("n")))));
    goals.extend((1..=3).map(|bound| Prop::Le(var("n"), add(times(bound, f(var("n"))), num(bound)))));
    world.dice.shuffle(&mut goals);
    let claims = goals.into_iter().map(|goal| Claim::new(vec![nat("n")], goal));
    let claim = claims.into_iter().find(|claim| seems_true(world, claim))?;
    // The functional induction of the recursion itself.
    let script = format!(
        "fun_induction {name} n <;> first\n  | (simp_all [{name}]; done)\n  | (simp_all [{name}] <;> omega)\n  | grind [{name}]"
    );
    let by_neighbours =
        format!("first\n  | ({})\n  | grind [{name}]\n  | (cases n <;> grind [{name}])", script.replace('\n', "\n  "));
    Some(Sketch::of("numbers", 3, Lemma { claim, how: How::Script(by_neighbours) }))
}

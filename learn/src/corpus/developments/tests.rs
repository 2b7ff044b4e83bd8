//! Developments depend on their seed and place alone, and are what they say.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;

use super::language::{Arm, Body, Expr, Function, Op, Pattern, Prop, Ty, add, num, op, times, var};
use super::*;
use crate::corpus::normalise::{shape, statement_key};
use stepwise_core::problem::{Defaults, read_jsonl};

#[test]
fn a_development_depends_on_its_seed_and_place_alone() {
    let drawn: Vec<Development> = (0..12).map(|place| draw(3, place)).collect();
    assert_eq!(draw(3, 7), drawn[7]);
    assert_ne!(draw(4, 7).problem.theorem, drawn[7].problem.theorem);
    // Neighbouring seeds have nothing in common either.
    let keys = |seed: u64| -> BTreeSet<String> {
        (0..40).map(|place| statement_key(&draw(seed, place).problem.theorem)).collect()
    };
    assert!(keys(3).intersection(&keys(4)).count() < 4);
}

#[test]
fn shares_and_grades_are_as_promised() {
    let drawn: Vec<Development> = (0..600).map(|place| draw(5, place)).collect();
    let n_false = drawn.iter().filter(|drawn| drawn.problem.holds == Some(false)).count();
    assert!((50..140).contains(&n_false), "{n_false} of 600 are false");
    for drawn in &drawn {
        let refuted = matches!(drawn.evidence, Evidence::Refutation(_));
        assert_eq!(drawn.problem.holds, Some(!refuted));
        assert!(!refuted || drawn.problem.theorem.negation().is_some(), "{:?}", drawn.problem);
    }
    let mut by_grade: BTreeMap<u32, usize> = BTreeMap::new();
    let mut sources = BTreeSet::new();
    for drawn in &drawn {
        *by_grade.entry(drawn.problem.difficulty.unwrap()).or_default() += 1;
        sources.insert(drawn.problem.source.clone().unwrap());
    }
    assert!((1..=5).all(|grade| by_grade[&grade] >= 15), "{by_grade:?}");
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    expect![[r#"
        own/accumulator
        own/cases
        own/evaluator
        own/indexed
        own/insertion
        own/machine
        own/numbers
        own/predicate
        own/structural"#]]
    .assert_eq(&sources.join("\n"));
}

/// Most developments are no other one in other words, and hundreds of statements differ in more than what they are about.
#[test]
fn developments_differ_in_more_than_names() {
    let drawn: Vec<Development> = (0..600).map(|place| draw(6, place)).collect();
    let keys: BTreeSet<String> = drawn.iter().map(|drawn| statement_key(&drawn.problem.theorem)).collect();
    let shapes: BTreeSet<String> = drawn.iter().map(|drawn| shape(&drawn.problem.theorem)).collect();
    assert!(keys.len() > 560, "{} developments", keys.len());
    assert!(shapes.len() > 180, "{} shapes of statements", shapes.len());
}

#[test]
fn a_set_survives_its_file() {
    let problems: Vec<Problem> = (0..60).map(|place| draw(7, place).problem).collect();
    let text: String = problems.iter().map(Problem::to_line).collect();
    let read = read_jsonl("own.jsonl", &text, &Defaults::default()).unwrap();
    let read: Vec<Problem> = read.into_iter().map(|problem| Problem { line: 0, ..problem }).collect();
    assert_eq!(read, problems);
}

/// A tree with numbers, a measure of it and a change, as a scheme would declare them.
fn tree(dice: &mut Dice) -> (World<'_>, Ty, usize, usize) {
    use super::world::{Field, Signature};
    let mut world = World::new(dice);
    let node = vec![Field::Itself, Field::Of(Ty::Nat), Field::Itself];
    let ty = world.data(vec![Vec::new(), node], false, false);
    let signature = Signature { before: Vec::new(), on: ty.clone(), behind: Vec::new(), result: Ty::Nat };
    let sum = world.by_cases(&signature, |_, case| {
        if case.ctor == 0 { num(0) } else { add(add(case.recur(0, []), case.field(1)), case.recur(2, [])) }
    });
    let signature = Signature { result: ty.clone(), ..signature };
    let flip = world.by_cases(&signature, |_, case| {
        let fields =
            if case.ctor == 0 { Vec::new() } else { vec![case.recur(2, []), case.field(1), case.recur(0, [])] };
        Expr::Ctor(ty.clone(), case.ctor, fields)
    });
    (world, ty, sum, flip)
}

#[test]
fn what_holds_is_not_refuted_and_what_fails_is() {
    let mut dice = Dice::new(1);
    let (mut world, ty, sum, flip) = tree(&mut dice);
    let of = |function: usize, term: Expr| Expr::Call(function, vec![term]);
    let claim = |goal: Prop| Claim::new(vec![("t".to_owned(), ty.clone())], goal);
    let same = claim(Prop::Eq(of(sum, of(flip, var("t"))), of(sum, var("t"))));
    assert_eq!(world.program.counterexample(&same, 200, world.dice), None);
    let wrong = claim(Prop::Eq(of(flip, var("t")), var("t")));
    let mut env =
        world.program.counterexample(&wrong, 200, world.dice).expect("a tree that is not its own mirror image");
    assert_eq!(world.program.holds(&wrong, &mut env), Some(false));
    let (changed, refutation) = falsify::falsified(&mut world, &same).expect("it can be made false");
    assert!(world.program.counterexample(&changed, 400, world.dice).is_some());
    assert!(refutation.starts_with("intro h\nhave h := h "), "{refutation}");
}

#[test]
fn brackets_stand_where_lean_needs_them() {
    let program = Program::default();
    let (a, b, c) = (|| var("a"), || var("b"), || var("c"));
    let list = Ty::list(Ty::Nat);
    let cons = |head: Expr, tail: Expr| Expr::Ctor(list.clone(), 1, vec![head, tail]);
    let check = |term: Expr| program.argument(&term);
    let shown = [
        check(times(3, add(a(), b()))),
        check(add(a(), op(Op::Add, [b(), c()]))),
        check(op(Op::Append, [cons(a(), b()), op(Op::Append, [b(), c()])])),
        check(cons(add(a(), num(1)), op(Op::Append, [b(), c()]))),
        check(op(Op::Max, [add(a(), num(1)), b()])),
        check(op(Op::Length, [op(Op::Reverse, [op(Op::Append, [a(), b()])])])),
        check(add(Expr::If(Box::new(Prop::Le(a(), b())), Box::new(num(1)), Box::new(num(0))), c())),
        check(op(Op::And, [Expr::Decide(Box::new(Prop::Ne(a(), b()))), op(Op::Not, [c()])])),
        program.prop(&Prop::Implies(
            Box::new(Prop::Iff(Box::new(Prop::Eq(a(), b())), Box::new(Prop::Lt(b(), c())))),
            Box::new(Prop::All("x".to_owned(), c(), Box::new(Prop::Le(var("x"), num(2))))),
        )),
    ];
    expect![[r#"
        (3 * (a + b))
        (a + (b + c))
        (a :: b ++ (b ++ c))
        ((a + 1) :: (b ++ c))
        (max (a + 1) b)
        (a ++ b).reverse.length
        ((if a ≤ b then 1 else 0) + c)
        (decide (a ≠ b) && !c)
        (a = b ↔ b < c) → (∀ x ∈ c, x ≤ 2)"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn functions_are_evaluated_by_their_first_equation_that_matches() {
    let mut program = Program::default();
    let arm = |pattern: Pattern, value: Expr| Arm { patterns: vec![pattern], value };
    let succ = |pattern: Pattern| Pattern::Ctor(Ty::Nat, 1, vec![pattern]);
    let this = program.next();
    let half = add(Expr::Call(this, vec![var("n")]), num(1));
    let arms = vec![
        arm(Pattern::Num(0), num(0)),
        arm(Pattern::Num(1), num(0)),
        arm(succ(succ(Pattern::Var("n".to_owned()))), half),
    ];
    let params = vec![("n".to_owned(), Ty::Nat)];
    program.define(Function {
        name: "half".to_owned(),
        params,
        result: Ty::Nat,
        body: Body::Cases { n_fixed: 0, arms },
    });
    let value = |n: i64| program.eval(&Expr::Call(this, vec![num(n)]), &mut Vec::new());
    assert_eq!([0, 1, 7].map(value), [0, 0, 3].map(|n| Some(eval::Value::Num(n))));
    // What recurs too often is given up, not waited for.
    assert_eq!(value(1_000_000), None);
    expect![[r#"
        def half : Nat → Nat
          | 0 => 0
          | 1 => 0
          | n + 1 + 1 => half n + 1"#]]
    .assert_eq(&program.text());
}

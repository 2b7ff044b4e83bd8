//! The same corpus for the same seed, without repeats, and true where it says so.

mod reader;

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;

use self::reader::Reading;
use super::*;
use stepwise_core::problem::{Defaults, read_jsonl};

#[test]
fn a_longer_corpus_begins_with_a_shorter_one() {
    assert_eq!(generate(7, 40), generate(7, 80)[..40]);
    assert_ne!(generate(7, 40), generate(8, 40));
    assert_eq!(generate(7, 0), []);
}

#[test]
fn one_statement_of_each_family() {
    let mut first: BTreeMap<String, Problem> = BTreeMap::new();
    for problem in generate(1, 300) {
        first.entry(problem.source.clone().unwrap()).or_insert(problem);
    }
    assert_eq!(first.len(), FAMILIES.len());
    let show = |problem: &Problem| {
        let truth = if problem.holds.unwrap() { "true" } else { "false" };
        format!("{} {truth}: {}\n", problem.difficulty.unwrap(), problem.theorem.statement)
    };
    expect![[r#"
        2 true: theorem syn_bounded_000057 : ∀ x : Fin 9, x * x * x + 5 * x = 5 → x ≤ 5
        4 true: theorem syn_digits_000008 (a b c : Nat) : (100 * a + 10 * b + c + 2) % 11 = (a + 10 * b + c + 2) % 11
        3 true: theorem syn_diophantine_000010 (n : Nat) (h : (2 * n) ^ 4 = 4096) : n = 4
        4 true: theorem syn_divisibility_000004 (a : Nat) : 3 ∣ a ^ 7 + 8 * a
        5 true: theorem syn_equations_000003 (f : Nat → Nat) (h1 : ∀ x y, f (x + y) = f x + f y) (h2 : f 1 = 2) : ∀ n, f n = 2 * n
        3 false: theorem syn_functions_000050 (f : Nat → Nat) (h : ∀ x, f x = 2 * x + 1) : ∃ x, f x = 26
        4 true: theorem syn_inequality_000005 (x y : Int) : 11 * x ^ 2 + 4 * y ^ 2 ≥ 12 * x * y
        2 true: theorem syn_linear_000002 (a b c : Int) (h₀ : -2 * a + b + c ≤ 15) (h₁ : 3 * a + 4 * b + 2 * c ≤ -4) (h₂ : 4 * a + 3 * b - 2 * c ≤ -43) (h₃ : 2 * a + 4 * b + 4 * c ≤ 18) : a + 15 * b + 13 * c ≤ 77
        4 true: theorem syn_lists_000001 (xs : List Nat) : ((List.replicate 4 8).map (fun x => x + 1) ++ xs.reverse).sum = xs.sum + 36
        4 true: theorem syn_modular_000066 (a : Nat) : (a ^ 4 + 3 * a) % 8 ≠ 5
        2 true: theorem syn_predicate_000032 (α : Type) (P Q S : α → Prop) (R : α → α → Prop) (a : α) (h₀ : ∀ x y, R x y → Q x) (h₁ : ∀ x, P x → (∃ y, R x y)) (h₂ : ∀ x, ¬S x → ¬Q x) (h₃ : P a) : S a
        5 true: theorem syn_products_000038 (m : Nat) : (List.range m).foldl (fun p _ => 3 * p) 1 = 3 ^ m
        1 false: theorem syn_propositional_000007 (p q : Prop) (h1 : p ∨ q) : p ∧ p
        4 true: theorem syn_rational_000019 (a : Rat) (h₀ : (7 * a + 6) * (a - 7) = 0) (h₁ : a ≠ 7) : a = -6 / 7
        2 true: theorem syn_recursion_000015 (a : Nat → Nat) (h₀ : a 0 = 0) (h₁ : ∀ n, a (n + 1) = 3 * a n + n + 5) : a 6 = 1999
        3 true: theorem syn_sequences_000034 (a : Nat → Nat) (h₀ : ∀ n, a (n + 5) = a n) (h₁ : a 1 = 17) (h₂ : a 4 = 10) : a 36 = 17
        4 true: theorem syn_sums_000000 (n : Nat) : 2 * ((List.range (n + 1)).map (fun i => 3 * i + 5)).sum = 3 * n ^ 2 + 13 * n + 10
        3 true: theorem syn_values_000009 (o : Option Nat) : (o.map (fun x => 3 * x + 6)).getD 15 = 3 * o.getD 3 + 6
    "#]].assert_eq(&first.values().map(show).collect::<String>());
}

#[test]
fn names_levels_and_shares_are_as_promised() {
    let problems = generate(2, 2000);
    assert_eq!(problems.len(), 2000);
    let mut shapes = BTreeSet::new();
    for (idx, problem) in problems.iter().enumerate() {
        let source = problem.source.as_deref().unwrap();
        assert_eq!(problem.name, format!("syn_{source}_{idx:06}"));
        assert_eq!(problem.theorem.name, problem.name);
        assert!((1..=5).contains(&problem.difficulty.unwrap()), "{problem:?}");
        let text = problem.theorem.statement.strip_prefix(&format!("theorem {}", problem.name)).unwrap();
        assert!(shapes.insert(shape(text)), "{text} is there twice");
    }
    for (family, weight, _) in FAMILIES {
        let n = problems.iter().filter(|problem| problem.source.as_deref() == Some(family)).count();
        // Some families give fewer than their share, as repeats are left out.
        assert!(n >= *weight as usize * 5, "{n} of {family}");
    }
    for level in 1..=5 {
        let n = problems.iter().filter(|problem| problem.difficulty == Some(level)).count();
        assert!(n >= 120, "{n} of level {level}");
    }
    let n_false = problems.iter().filter(|problem| problem.holds == Some(false)).count();
    assert!((200..400).contains(&n_false), "{n_false} are false");
}

#[test]
fn letters_make_no_difference_to_a_shape() {
    assert_eq!(shape(" (x y : Nat) (h₀ : x  = y) : y = x"), shape(" (a b : Nat) (h : a = b) : b = a"));
    assert_ne!(shape(" (x y : Nat) : x = y"), shape(" (x y : Nat) : y = x"));
    assert_ne!(shape(" : 1 = 2"), shape(" : 2 = 1"));
}

#[test]
fn a_corpus_survives_its_file() {
    let problems = generate(3, 200);
    let text: String = problems.iter().map(Problem::to_line).collect();
    let read = read_jsonl("synthetic.jsonl", &text, &Defaults::default()).unwrap();
    let without_line = |problem: Problem| Problem { line: 0, ..problem };
    assert_eq!(read.into_iter().map(without_line).collect::<Vec<_>>(), problems);
}

/// The statement as Lean would read it, computed by code that shares nothing with the generator.
#[test]
fn arithmetic_is_true_where_it_says_so() {
    let (mut n_closed, mut n_tried, mut n_refuted, mut n_false) = (0, 0, 0, 0);
    for problem in generate(4, 1500) {
        let Some(reading) = Reading::of(&problem.theorem.statement) else { continue };
        let holds = problem.holds.unwrap();
        if reading.is_closed() {
            if let Some(truth) = reading.at(&[]) {
                assert_eq!(truth, holds, "{}", problem.theorem.statement);
                n_closed += 1;
            }
            continue;
        }
        let refuted = reading.counterexample();
        assert!(!(holds && refuted.is_some()), "{} fails at {refuted:?}", problem.theorem.statement);
        n_tried += 1;
        n_refuted += usize::from(refuted.is_some());
        n_false += usize::from(!holds);
    }
    // What is left of the false ones fails at larger numbers than are tried here.
    assert!(n_closed > 40 && n_tried > 400, "{n_closed} closed, {n_tried} open");
    assert!(n_refuted * 10 > n_false * 6, "{n_refuted} of {n_false} false ones refuted");
}

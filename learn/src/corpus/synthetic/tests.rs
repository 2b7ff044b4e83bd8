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
        2 true: theorem syn_bounded_000000 : ∃ x : Nat, x < 11 ∧ (∃ y : Nat, y < 10 ∧ (x % 5 = 4 → (x ^ 2 + x) % 5 = 3))
        5 true: theorem syn_diophantine_000030 (x : Int) (h₀ : x ^ 2 - 5 * x = 84) (h₁ : 0 < x) : x = 12
        5 true: theorem syn_divisibility_000001 (m : Nat) : ¬14 ∣ 5 ^ (m + 2)
        2 true: theorem syn_functions_000011 (f : Int → Int) (h₀ : ∀ x, f x = x ^ 2 + 2 * x + 4) : f 2 + f 6 = 64
        4 true: theorem syn_inequality_000043 : ∀ x y : Int, 5 * x ^ 2 + 9 * y ^ 2 ≥ 12 * x * y
        2 true: theorem syn_linear_000007 (a b : Int) (h₀ : 2 ≤ b ∧ 2 ≤ a) (h₁ : a - 2 = 7 * (b - 2)) (h₂ : a + b = 428) : b = 55
        2 true: theorem syn_lists_000004 : ∀ xs : List Nat, (List.replicate 5 5 ++ xs).reverse.reverse.sum = xs.sum + 25
        4 true: theorem syn_modular_000005 (n : Int) : n ^ 3 % 10 = 9 ↔ n % 10 = 9
        2 false: theorem syn_predicate_000002 (α : Type) (P Q S : α → Prop) (a : α) (h1 : ∀ x, ¬S x → ¬Q x) (h2 : P a) : S a
        2 true: theorem syn_propositional_000027 (p q r : Prop) (h : ¬¬q) : p ∧ q ∨ (r → q)
        2 true: theorem syn_rational_000012 (f : Rat → Rat) (h₀ : ∀ x, f x = x * (-3 / 2) + 3) : f (f 6) = 12
        1 true: theorem syn_recursion_000006 : ∀ f : Nat → Nat, f 0 = 2 → f 1 = 1 → (∀ n, f (n + 2) = f (n + 1) + f n + 3) → f 4 = 19
        3 false: theorem syn_sums_000003 (n : Nat) : ((List.range n).map (fun i => 6)).sum = 9 * n
        1 true: theorem syn_values_000010 (a d : Bool) : (!(d ^^ a)) = !(a ^^ d)
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

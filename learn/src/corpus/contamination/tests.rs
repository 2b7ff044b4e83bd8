//! What counts as giving a problem away.

use expect_test::{Expect, expect};

use super::{EvaluationSet, contaminations};
use stepwise_core::problem::{Problem, Theorem};

fn problem(name: &str, statement: &str) -> Problem {
    let theorem = Theorem { name: name.to_owned(), statement: statement.to_owned(), ..Theorem::default() };
    Problem { name: name.to_owned(), theorem, ..Problem::default() }
}

/// Two of miniF2F's problems, one of the library's, one without a variable.
fn evaluation() -> Vec<Problem> {
    vec![
        problem(
            "amc12a_2015_p10",
            "theorem amc12a_2015_p10 (x y : ℤ) (h₀ : 0 < y) (h₁ : y < x) (h₂ : x + y + x * y = 80) : x = 26",
        ),
        problem("numbertheory_sqmod4in01d", "theorem numbertheory_sqmod4in01d (a : ℤ) : a ^ 2 % 4 = 0 ∨ a ^ 2 % 4 = 1"),
        problem("Nat.add_comm", "theorem lib_Nat_add_comm (n m : Nat) : n + m = m + n"),
        problem("mathd_numbertheory_132", "theorem mathd_numbertheory_132 : 2004 % 12 = 0"),
    ]
}

fn check(candidate: &str, expected: &Expect) {
    let found = EvaluationSet::new(&evaluation()).find(&problem("candidate", candidate));
    expected.assert_eq(&match found {
        Some(found) => format!("{} gives {} away: {:.2}", found.name, found.with, found.similarity),
        None => "nothing".to_owned(),
    });
}

#[test]
fn writing_a_statement_differently_does_not_hide_it() {
    // Other names, other spacing, other spellings.
    check(
        "lemma p (m n:Int)(a : 0<n)(b : n<m) (c : m+n+m*n=80) :\n  m = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 1.00"],
    );
    // The names of two hypotheses swapped.
    check(
        "theorem p (x y : ℤ) (h₁ : 0 < y) (h₀ : y < x) (h₂ : x + y + x * y = 80) : x = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 1.00"],
    );
    // Hypotheses in another order, and variables too.
    check(
        "theorem p (y x : ℤ) (h₂ : x + y + x * y = 80) (h₀ : 0 < y) (h₁ : y < x) : x = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 1.00"],
    );
    // Implications in place of hypotheses.
    check(
        "theorem p : ∀ x y : ℤ, x + y + x * y = 80 → 0 < y → y < x → x = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 1.00"],
    );
    check("example : ∀ k l : ℕ, k + l = l + k", &expect!["candidate gives Nat.add_comm away: 1.00"]);
}

#[test]
fn small_changes_of_substance_do_not_hide_it_either() {
    // One hypothesis more, with a number of its own.
    check(
        "theorem p (x y : ℤ) (h₀ : 0 < y) (h₁ : y < x) (h₂ : x + y + x * y = 80) (h₃ : x ≤ 1000) : x = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 0.86"],
    );
    // One hypothesis less.
    check(
        "theorem p (x y : ℤ) (h₁ : y < x) (h₂ : x + y + x * y = 80) : x = 26",
        &expect!["candidate gives amc12a_2015_p10 away: 0.84"],
    );
    // Another order in a disjunction.
    check(
        "theorem p (a : ℤ) : a ^ 2 % 4 = 1 ∨ a ^ 2 % 4 = 0",
        &expect!["candidate gives numbertheory_sqmod4in01d away: 0.60"],
    );
    // Another number system.
    check("theorem p (n m : Int) : n + m = m + n", &expect!["candidate gives Nat.add_comm away: 0.78"]);
}

#[test]
fn a_similar_shape_is_another_problem() {
    check("theorem p (x y : ℤ) (h₀ : 0 < y) (h₁ : y < x) (h₂ : x + y + x * y = 63) : x = 31", &expect!["nothing"]);
    check("theorem p (a : ℤ) : a ^ 2 % 3 = 0 ∨ a ^ 2 % 3 = 1", &expect!["nothing"]);
    check("theorem p : 2004 % 13 = 2", &expect!["nothing"]);
    check("theorem p (n m : Nat) : n * m = m * n", &expect!["nothing"]);
    check("theorem p (n m : Nat) : n + m = n + m", &expect!["nothing"]);
}

#[test]
fn all_candidates_are_compared_in_their_order() {
    let candidates = [
        problem("b", "theorem p : 2004 % 12 = 0"),
        problem("c", "theorem p : 2005 % 12 = 1"),
        problem("a", "theorem p (b a : Nat) : b + a = a + b"),
    ];
    let found = contaminations(&evaluation(), &candidates);
    let pairs: Vec<_> = found.iter().map(|found| (found.name.as_str(), found.with.as_str())).collect();
    assert_eq!(pairs, [("b", "mathd_numbertheory_132"), ("a", "Nat.add_comm")]);
    assert!(contaminations(&[], &candidates).is_empty());
}

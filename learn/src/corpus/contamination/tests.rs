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

const TREE: &str = "inductive Tree where\n  | leaf\n  | node (l : Tree) (x : Nat) (r : Tree)\n\n\
    def flip : Tree → Tree\n  | .leaf => .leaf\n  | .node l x r => .node (flip r) x (flip l)\n\n\
    def sum : Tree → Nat\n  | .leaf => 0\n  | .node l x r => sum l + x + sum r";

fn own(name: &str, preamble: &str, statement: &str) -> Problem {
    let mut problem = problem(name, statement);
    problem.theorem.preamble = preamble.to_owned();
    problem
}

#[test]
fn own_definitions_under_other_names_give_a_problem_away() {
    let statement = "theorem sum_flip (t : Tree) : sum (flip t) = sum t";
    let set = EvaluationSet::new(&[own("tree", TREE, statement)]);
    let other = "inductive Gork where\n  | blim\n  | dran (a : Gork) (b : Nat) (c : Gork)\n\n\
        def zumo : Gork → Gork\n  | .blim => .blim\n  | .dran a b c => .dran (zumo c) b (zumo a)\n\n\
        def kalu : Gork → Nat\n  | .blim => 0\n  | .dran a b c => kalu a + b + kalu c";
    let other_statement = "theorem gabru (e : Gork) : kalu (zumo e) = kalu e";
    let like = |preamble: &str, statement: &str| {
        set.find(&own("candidate", preamble, statement)).map(|found| found.similarity)
    };
    assert_eq!(like(other, other_statement), Some(1.0));
    // With one equation changed, or another theorem about them, they are nearly the same.
    let changed = other.replace("kalu a + b + kalu c", "b + kalu c + kalu a");
    assert!(like(&changed, other_statement).is_some_and(|similarity| (0.6..1.0).contains(&similarity)));
    let inverse = "theorem zumo_zumo (t : Gork) : zumo (zumo t) = t";
    assert!(like(other, inverse).is_some_and(|similarity| (0.6..1.0).contains(&similarity)));
}

#[test]
fn the_same_words_about_other_definitions_are_another_problem() {
    let statement = "theorem t (t : Tree) : sum (flip t) = sum t";
    let set = EvaluationSet::new(&[own("tree", TREE, statement)]);
    let other = "inductive Tree where\n  | red\n  | blue\n  | green\n\n\
        def flip : Tree → Tree\n  | .red => .blue\n  | .blue => .green\n  | .green => .red\n\n\
        def sum : Tree → Nat\n  | .red => 4\n  | .blue => 4\n  | .green => 4";
    assert_eq!(set.find(&own("candidate", other, statement)), None);
}

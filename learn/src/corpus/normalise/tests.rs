//! What the normal form forgets, and what it keeps.

use expect_test::{Expect, expect};

use super::{normalise, statement_key};
use stepwise_core::problem::Theorem;

fn theorem(statement: &str) -> Theorem {
    Theorem { statement: statement.to_owned(), ..Theorem::default() }
}

fn check(statement: &str, expected: &Expect) {
    expected.assert_eq(&normalise(&theorem(statement)));
}

#[test]
fn names_spelling_and_binders_are_forgotten() {
    check(
        "@[simp] lemma foo.{u} {α : Type u} (xs ys : List α) (h₀ : xs.length <= 3 /- c -/) :\n  xs ++ ys = ys -> h₀ = h₀",
        &expect![
            "( v1 : Type ) ( v2 : List v1 ) ( v3 : List v1 ) ( v4 : v2.length ≤ 3 ) ( v5 : v2 ++ v3 = v3 ) : v4 = v4"
        ],
    );
    check(
        "theorem t : ∀ x y : ℕ, 0 < x → x ∣ y → (∃ z, z * x = y)",
        &expect!["( v1 : Nat ) ( v2 : Nat ) ( v3 : 0 < v1 ) ( v4 : v1 ∣ v2 ) : ( ∃ v5 , v5 * v1 = v2 )"],
    );
    check(
        "example (f : ℝ → ℝ) : (fun x ↦ f x) = λ (y : ℝ) => f y",
        &expect!["( v1 : Real → Real ) : ( fun v2 => v1 v2 ) = fun ( v3 : Real ) => v1 v3"],
    );
    check(
        "theorem t (s : Set ℕ) (h : s = {n : ℕ | n ≥ 2}) (n : ℕ) : ∑ k ∈ s, k = n",
        &expect!["( v1 : Set Nat ) ( v3 : v1 = { v2 : Nat | v2 ≥ 2 } ) ( v4 : Nat ) : ∑ v5 ∈ v1 , v5 = v4"],
    );
    check(
        "theorem t : ∀ n ≥ 2, (∀ m ∈ [1, n], m = n) ↔ n = 2 → n > 1",
        &expect!["( v1 ) ( v2 : v1 ≥ 2 ) : ( ∀ v3 ∈ [ 1 , v1 ] , v3 = v1 ) ↔ v1 = 2 → v1 > 1"],
    );
    check(
        "theorem t (p : Prop) [Decidable p] [inst : Inhabited Nat] : (p → p)",
        &expect!["( v1 : Prop ) ( v2 : Decidable v1 ) ( v3 : Inhabited Nat ) ( v4 : v1 ) : v1"],
    );
    check("1 + 1 = 2", &expect![": 1 + 1 = 2"]);
}

#[test]
fn scopes_end_where_lean_ends_them() {
    check("example (x : Nat) : (∃ x, x = 1) ∧ x = 2", &expect!["( v1 : Nat ) : ( ∃ v2 , v2 = 1 ) ∧ v1 = 2"]);
    check(
        "example (x : Nat) : (fun x => x, x) = (id, x)",
        &expect!["( v1 : Nat ) : ( fun v2 => v2 , v1 ) = ( id , v1 )"],
    );
    check(
        "example (h : 1 = 1) (p : Prop) (hp : p) : (fun h.x => p) = hp ∧ h.symm = h ∧ Nat.h = 1",
        &expect!["( v1 : 1 = 1 ) ( v2 : Prop ) ( v3 : v2 ) : ( fun v1.x => v2 ) = v3 ∧ v1.symm = v1 ∧ Nat.h = 1"],
    );
}

#[test]
fn keys_agree_for_one_statement_and_differ_for_two() {
    let same = [
        "theorem a (m n : ℕ) (h : m ≤ n) : m < n + 1",
        "lemma b (x y : Nat) (hxy : x <= y) : x < y+1",
        "example {x : Nat} {y : Nat} : x ≤ y → x < y + 1",
        "theorem c : ∀ (a b : Nat), a ≤ b → a < b + 1",
    ];
    for statement in same {
        assert_eq!(statement_key(&theorem(statement)), statement_key(&theorem(same[0])), "{statement}");
    }
    let others = [
        "theorem a (m n : ℕ) (h : m ≤ n) : m < n + 2",
        "theorem a (m n : ℕ) (h : n ≤ m) : m < n + 1",
        "theorem a (m n : ℤ) (h : m ≤ n) : m < n + 1",
        "theorem a (m n : ℕ) (h : m ≤ k) : m < n + 1",
    ];
    for statement in others {
        assert_ne!(statement_key(&theorem(statement)), statement_key(&theorem(same[0])), "{statement}");
    }
}

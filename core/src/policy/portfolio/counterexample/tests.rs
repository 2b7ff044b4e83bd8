//! Counterexamples as tactics: which values are offered in which order, and what is computed before Lean is asked.

use expect_test::{Expect, expect};

use super::*;

fn goal(target: &str) -> Goal {
    Goal::parse(&format!("⊢ {target}"))
}

/// The first tactics and their values.
fn check(target: &str, own: &str, n: usize, expected: Expect) {
    let made = propose(&[goal(target)], &OwnTypes::of(own));
    let shown: Vec<String> = made
        .iter()
        .take(n)
        .map(|made| format!("{}  -- {}", made.tactic.replace('\n', "; "), in_words(&made.values)))
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn where_the_truth_is_computed_only_values_that_refute_are_offered() {
    check(
        "¬∀ (n m : ℕ), 0 < n → n ≤ m + n → n < m",
        "",
        5,
        expect![[r#"
            exact fun h => absurd (h 1 0 (by decide) (by decide)) (by decide)  -- n := 1, m := 0
            exact fun h => absurd (h 2 0 (by decide) (by decide)) (by decide)  -- n := 2, m := 0
            exact fun h => absurd (h 1 1 (by decide) (by decide)) (by decide)  -- n := 1, m := 1
            exact fun h => absurd (h 1 0 (by decide +kernel) (by decide +kernel)) (by decide +kernel)  -- n := 1, m := 0
            exact fun h => absurd (h 2 0 (by decide +kernel) (by decide +kernel)) (by decide +kernel)  -- n := 2, m := 0"#]],
    );
    check("¬∀ (x : ℤ), x * x ≥ x + x", "", 1, expect!["exact fun h => absurd (h 1) (by decide)  -- x := 1"]);
    check(
        "¬∀ (x y : ℚ), x < y → x * x < y * y",
        "",
        1,
        expect!["exact fun h => absurd (h (-1) 0 (by decide)) (by decide)  -- x := (-1), y := 0"],
    );
}

#[test]
fn what_is_false_only_at_a_large_value_is_found_beside_the_statement_s_own_numbers_or_by_going_on() {
    check("¬∀ (n : ℕ), n < 123456", "", 1, expect!["exact fun h => absurd (h 123456) (by decide)  -- n := 123456"]);
    check("¬∀ (n : ℕ), n * n < 50 * n + 600", "", 1, expect!["exact fun h => absurd (h 600) (by decide)  -- n := 600"]);
    check("¬∀ (n : ℕ), n % 7 + n % 11 < 16", "", 1, expect!["exact fun h => absurd (h 76) (by decide)  -- n := 76"]);
}

#[test]
fn a_statement_that_holds_for_all_values_that_are_looked_at_gets_no_tactics() {
    check("¬∀ (n m : ℕ), n + m = m + n", "", 9, expect![""]);
    check("¬∀ (p q : Prop), p → q → p", "", 9, expect![""]);
    check("¬2 + 2 = 5", "", 9, expect![""]);
    check("∃ n, n > 3", "", 9, expect![""]);
}

#[test]
fn values_of_many_types_are_offered() {
    check(
        "¬∀ (p q : Prop), p → q",
        "",
        1,
        expect!["exact fun h => absurd (h True False (by decide)) (by decide)  -- p := True, q := False"],
    );
    check(
        "¬∀ (b c : Bool), b = c",
        "",
        1,
        expect!["exact fun h => absurd (h true false) (by decide)  -- b := true, c := false"],
    );
    check(
        "¬∀ (l : List ℕ), l.reverse = l",
        "",
        4,
        expect![[r#"
            exact fun h => absurd (h []) (by decide)  -- l := []
            exact fun h => absurd (h [0]) (by decide)  -- l := [0]
            exact fun h => absurd (h [0, 1]) (by decide)  -- l := [0, 1]
            exact fun h => absurd (h [1, 0]) (by decide)  -- l := [1, 0]"#]],
    );
    check(
        "¬∀ (x : Fin 3) (y : Option Bool), y = none",
        "",
        2,
        expect![[r#"
        exact fun h => absurd (h 0 none) (by decide)  -- x := 0, y := none
        exact fun h => absurd (h 1 none) (by decide)  -- x := 1, y := none"#]],
    );
    check(
        "¬∀ (p : ℕ × Bool) (f : ℕ → ℕ), f p.1 = p.1",
        "",
        3,
        expect![[r#"
        exact fun h => absurd (h (0, false) (fun _ => 0)) (by decide)  -- p := (0, false), f := (fun _ => 0)
        exact fun h => absurd (h (1, false) (fun _ => 0)) (by decide)  -- p := (1, false), f := (fun _ => 0)
        exact fun h => absurd (h (0, false) (fun _ => 1)) (by decide)  -- p := (0, false), f := (fun _ => 1)"#]],
    );
    check(
        "¬∀ (s : ℕ ⊕ Bool), s.isLeft = true",
        "",
        2,
        expect![[r#"
        exact fun h => absurd (h (Sum.inl 0)) (by decide)  -- s := (Sum.inl 0)
        exact fun h => absurd (h (Sum.inl 1)) (by decide)  -- s := (Sum.inl 1)"#]],
    );
}

#[test]
fn types_instances_and_implicit_arguments_get_values_too() {
    check(
        "¬∀ {α : Type} [inst : DecidableEq α] (x y : α), x = y",
        "",
        2,
        expect![[r#"
            exact fun h => absurd (@h Bool inferInstance true false) (by decide)  -- α := Bool, x := true, y := false
            exact fun h => absurd (@h Bool inferInstance false true) (by decide)  -- α := Bool, x := false, y := true"#]],
    );
    check(
        "¬∀ (α : Type u) (x y : α), x = y",
        "",
        1,
        expect![
            "exact fun h => absurd (h (ULift Bool) ⟨true⟩ ⟨false⟩) (by decide)  -- α := ULift Bool, x := ⟨true⟩, y := ⟨false⟩"
        ],
    );
}

#[test]
fn own_types_are_read_from_the_header() {
    let own = "inductive Color where\n  | red -- the first\n  | green | blue\nderiving DecidableEq, Repr\n\nstructure Point where\n  x y : Nat\n  up : Bool\nderiving DecidableEq\n\ninductive Tree\n  | leaf\n  | node (l : Tree) (v : Nat) (r : Tree)\n\ninductive L : Type where\n  | nil : L\n  | cons : Nat → L → L\n\ninductive Box (α : Type) where\n  | mk (a : α)\n\ndef f : Color → Nat\n  | .red => 0\n  | _ => 1";
    check(
        "¬∀ (c : Color), f c = 1",
        own,
        3,
        expect![[r#"
        exact fun h => absurd (h Color.red) (by decide)  -- c := Color.red
        exact fun h => absurd (h Color.green) (by decide)  -- c := Color.green
        exact fun h => absurd (h Color.blue) (by decide)  -- c := Color.blue"#]],
    );
    check(
        "¬∀ (c d : Color), c = d",
        own,
        1,
        expect!["exact fun h => absurd (h Color.green Color.red) (by decide)  -- c := Color.green, d := Color.red"],
    );
    check(
        "¬∀ (p : Point), p.x = 0",
        own,
        2,
        expect![[r#"
        exact fun h => absurd (h (Point.mk 0 0 false)) (by decide)  -- p := Point.mk 0 0 false
        exact fun h => absurd (h (Point.mk 1 0 false)) (by decide)  -- p := Point.mk 1 0 false"#]],
    );
    check(
        "¬∀ (t : Tree), size t = 0",
        own,
        2,
        expect![[r#"
        exact fun h => absurd (h Tree.leaf) (by decide)  -- t := Tree.leaf
        exact fun h => absurd (h (Tree.node Tree.leaf 0 Tree.leaf)) (by decide)  -- t := Tree.node Tree.leaf 0 Tree.leaf"#]],
    );
    check(
        "¬∀ (l : L), len l = 0",
        own,
        2,
        expect![[r#"
        exact fun h => absurd (h L.nil) (by decide)  -- l := L.nil
        exact fun h => absurd (h (L.cons 0 L.nil)) (by decide)  -- l := L.cons 0 L.nil"#]],
    );
    check("¬∀ (b : Box Nat), b = b", own, 9, expect![""]);
}

#[test]
fn a_hypothesis_is_refuted_and_a_witness_is_found() {
    let state = Goal::parse("h : ∀ (n : ℕ), n < 2 → n = 0\n⊢ False");
    let made = propose(&[state], &OwnTypes::default());
    expect!["exact absurd (h 1 (by decide)) (by decide)"].assert_eq(&made[0].tactic);
    check(
        "∃ (n : ℤ) (m : ℤ), n * n + m * m = 25 ∧ n < 0",
        "",
        1,
        expect!["exact ⟨(-5), 0, by decide⟩  -- n := (-5), m := 0"],
    );
}

//! Statements, problem files and `.lean` files, as people have them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn show(theorem: &Theorem) -> String {
    let Theorem { name, imports, preamble, statement, .. } = theorem;
    format!("{name} | {} | {preamble} | {statement}", imports.join(","))
}

fn check_statement(text: &str, expected: &Expect) {
    let actual = match parse_statement(text, &Defaults { imports: Vec::new(), preamble: "open D".into() }) {
        Ok(theorem) => show(&theorem),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&actual);
}

#[test]
fn statements_with_every_kind_of_ending() {
    check_statement("theorem foo (a : Nat) : a = a", &expect!["foo |  | open D | theorem foo (a : Nat) : a = a"]);
    check_statement("theorem foo (a : Nat) : a = a :=", &expect!["foo |  | open D | theorem foo (a : Nat) : a = a"]);
    check_statement(
        "theorem foo (a : Nat := 1) : a = a := by\n",
        &expect!["foo |  | open D | theorem foo (a : Nat := 1) : a = a"],
    );
    check_statement(
        "lemma «foo bar».x.{u} (α : Type u) : α = α :=  by sorry\n",
        &expect!["«foo bar».x |  | open D | lemma «foo bar».x.{u} (α : Type u) : α = α"],
    );
    check_statement(
        "example : let x := 5; x = 5 := sorry",
        &expect!["example |  | open D | example : let x := 5; x = 5"],
    );
    check_statement(
        "theorem t : have y := 1; (let x := y; x) = 1 := by\n  simp -- := sorry\n",
        &expect!["t |  | open D | theorem t : have y := 1; (let x := y; x) = 1"],
    );
    check_statement("def five : Nat := by sorry", &expect!["five |  | open D | def five : Nat"]);
}

#[test]
fn bare_propositions_are_named() {
    check_statement(
        "∀ n : ℕ, n + 0 = n",
        &expect!["stepwise_goal |  | open D | theorem stepwise_goal : ∀ n : ℕ, n + 0 = n"],
    );
    check_statement(
        "  1 + 1 = 2 := by sorry -- really",
        &expect!["stepwise_goal |  | open D | theorem stepwise_goal : 1 + 1 = 2"],
    );
    check_statement(
        "let lemma := 1; lemma = 1",
        &expect!["stepwise_goal |  | open D | theorem stepwise_goal : let lemma := 1; lemma = 1"],
    );
}

#[test]
fn headers_modifiers_and_comments_go_where_they_belong() {
    check_statement(
        "\u{feff}import Mathlib\r\nimport Aesop\r\n\r\nset_option maxHeartbeats 400000\r\nopen Nat Real\r\n\r\n/-- Doc. -/\r\ntheorem t :\r\n  1 = 1 := by\r\n",
        &expect![[r#"
            t | Mathlib,Aesop | set_option maxHeartbeats 400000
            open Nat Real | theorem t :
              1 = 1"#]],
    );
    check_statement(
        "def f : Nat := 1\n/-- a theorem -/\n@[simp, norm_cast]\nprivate lemma f_eq : f = 1 := by sorry",
        &expect![[r#"
            f_eq |  | open D

            def f : Nat := 1 | @[simp, norm_cast]
            private lemma f_eq : f = 1"#]],
    );
    check_statement(
        "open Nat in\ntheorem t : succ 1 = 2",
        &expect![[r#"
        t |  | open D | open Nat in
        theorem t : succ 1 = 2"#]],
    );
    check_statement(
        "import Mathlib\n∀ x : ℝ, x = x",
        &expect!["stepwise_goal | Mathlib |  | theorem stepwise_goal : ∀ x : ℝ, x = x"],
    );
}

#[test]
fn statements_that_are_none() {
    check_statement(
        " -- nothing\n",
        &expect!["error: the statement is empty: give `theorem name (x : T) : P`, `example : P` or a proposition"],
    );
    check_statement(
        ":= by sorry",
        &expect!["error: the statement is empty: give `theorem name (x : T) : P`, `example : P` or a proposition"],
    );
    check_statement(
        "\ntheorem foo := by sorry",
        &expect!["error: line 2: `theorem` states nothing: give `theorem name (x : T) : P`"],
    );
    check_statement("theorem foo : /- 1 = 1", &expect!["error: line 1: a comment, string or `«` is never closed"]);
}

#[test]
fn a_file_is_ready_for_lean() {
    let theorem = Theorem {
        name: "t".into(),
        imports: vec!["Mathlib".into(), "Aesop".into()],
        preamble: "open Nat\n".into(),
        statement: "theorem t (p : Prop) :\n    p ∨ ¬p".into(),
        without: Vec::new(),
    };
    let tactics = ["by_cases h : p".to_owned(), "· left\n\n  exact h".to_owned(), "exact Or.inr h".to_owned()];
    expect![[r#"
        import Mathlib
        import Aesop

        open Nat

        theorem t (p : Prop) :
            p ∨ ¬p := by
          by_cases h : p
          · left

            exact h
          exact Or.inr h
    "#]]
    .assert_eq(&theorem.file(&tactics));
    let core = Theorem { imports: Vec::new(), preamble: CORE_NOTATION.into(), ..theorem.clone() };
    expect![[r#"
        local notation "ℕ" => Nat
        local notation "ℤ" => Int
        local notation "ℚ" => Rat

        theorem t (p : Prop) :
            p ∨ ¬p := by
          skip
    "#]]
    .assert_eq(&core.file(&[]));
    assert_ne!(theorem.hash(), core.hash());
}

fn check_dataset(text: &str, expected: &Expect) {
    let defaults = Defaults { imports: Vec::new(), preamble: CORE_NOTATION.into() };
    let actual = match read_jsonl("p.jsonl", text, &defaults) {
        Ok(problems) => {
            let show = |problem: &Problem| {
                let Problem { name, theorem, split, informal, line, .. } = problem;
                format!(
                    "{line}. {name} [{}] {}\n{}",
                    split.as_deref().unwrap_or("-"),
                    informal.as_deref().unwrap_or("-"),
                    theorem.file(&[])
                )
            };
            problems.iter().map(show).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&actual);
}

#[test]
fn minif2f() {
    check_dataset(
        r#"{"full_name": "mathd_algebra_462", "statement": "theorem mathd_algebra_462 : ((1 : ℚ) / 2 + 1 / 3) * (1 / 2 - 1 / 3) = 5 / 36", "split": "valid"}"#,
        &expect![[r#"
            1. mathd_algebra_462 [valid] -
            local notation "ℕ" => Nat
            local notation "ℤ" => Int
            local notation "ℚ" => Rat

            theorem mathd_algebra_462 : ((1 : ℚ) / 2 + 1 / 3) * (1 / 2 - 1 / 3) = 5 / 36 := by
              skip
        "#]],
    );
    check_dataset(
        r#"{"name": "mathd_algebra_10", "split": "test", "informal_prefix": "/-- What? -/\n", "formal_statement": "theorem mathd_algebra_10 : abs ((120 : ℝ) / 100 * 30 - 130 / 100 * 20) = 10 := by\n", "goal": "⊢ |120 / 100 * 30 - 130 / 100 * 20| = 10", "header": "import Mathlib\nimport Aesop\n\nset_option maxHeartbeats 400000\n\nopen BigOperators Real Nat Topology Rat\n\n"}"#,
        &expect![[r#"
            1. mathd_algebra_10 [test] /-- What? -/

            import Mathlib
            import Aesop

            set_option maxHeartbeats 400000

            open BigOperators Real Nat Topology Rat

            theorem mathd_algebra_10 : abs ((120 : ℝ) / 100 * 30 - 130 / 100 * 20) = 10 := by
              skip
        "#]],
    );
}

#[test]
fn proofnet() {
    check_dataset(
        r#"{"id": "Rudin|exercise_1_1b", "split": "valid", "nl_statement": "If $r$ is rational", "lean4_formalization": "theorem exercise_1_1b\n(x : ℝ)\n(y : ℚ)\n(h : y ≠ 0)\n: ( Irrational x ) -> Irrational ( x * y ) :=", "lean4_src_header": "import Mathlib\n\nopen Real Complex\nopen scoped BigOperators\n\nnoncomputable section\n\n"}"#,
        &expect![[r#"
            1. Rudin|exercise_1_1b [valid] If $r$ is rational
            import Mathlib

            open Real Complex
            open scoped BigOperators

            noncomputable section

            theorem exercise_1_1b
            (x : ℝ)
            (y : ℚ)
            (h : y ≠ 0)
            : ( Irrational x ) -> Irrational ( x * y ) := by
              skip
        "#]],
    );
}

#[test]
fn putnam_bench() {
    check_dataset(
        r#"{"name": "putnam_1962_a5", "lean4_statement": "import Mathlib\n\nopen Nat\n\nabbrev putnam_1962_a5_solution : ℕ → ℕ := sorry\n-- fun n : ℕ => n * (n + 1) * 2^(n - 2)\n/--\nEvaluate.\n-/\ntheorem putnam_1962_a5\n: ∀ n ≥ 2, putnam_1962_a5_solution n = ∑ k ∈ Finset.Icc 1 n, Nat.choose n k * k^2 :=\nsorry", "informal_statement": "Evaluate."}"#,
        &expect![[r#"
            1. putnam_1962_a5 [-] Evaluate.
            import Mathlib

            open Nat

            abbrev putnam_1962_a5_solution : ℕ → ℕ := fun n : ℕ => n * (n + 1) * 2^(n - 2)
            -- fun n : ℕ => n * (n + 1) * 2^(n - 2)

            theorem putnam_1962_a5
            : ∀ n ≥ 2, putnam_1962_a5_solution n = ∑ k ∈ Finset.Icc 1 n, Nat.choose n k * k^2 := by
              skip
        "#]],
    );
}

#[test]
fn lean_workbook() {
    check_dataset(
        "\u{feff}\r\n{\"natural_language_statement\": \"Prove it.\", \"answer\": \"\", \"tags\": [\"algebra\"], \"formal_statement\": \"theorem lean_workbook_2 (x y : ℤ) (h : 0 < x ∧ 0 < y) : x + y > 0  :=  by sorry\", \"split\": \"lean_workbook\", \"proof\": [], \"id\": \"lean_workbook_2\"}\r\n\r\n{\"id\": 3, \"formal_statement\": \"1 = 1\"}\r\n",
        &expect![[r#"
            2. lean_workbook_2 [lean_workbook] Prove it.
            local notation "ℕ" => Nat
            local notation "ℤ" => Int
            local notation "ℚ" => Rat

            theorem lean_workbook_2 (x y : ℤ) (h : 0 < x ∧ 0 < y) : x + y > 0 := by
              skip

            4. 3 [-] -
            local notation "ℕ" => Nat
            local notation "ℤ" => Int
            local notation "ℚ" => Rat

            theorem stepwise_goal : 1 = 1 := by
              skip
        "#]],
    );
}

#[test]
fn broken_files_are_named_with_their_line() {
    check_dataset(
        "{\"name\": \"a\", \"statement\": \"1 = 1\"}\n{\"name\": ",
        &expect!["error: p.jsonl:2: expected one JSON object per line: EOF while parsing a value at line 1 column 8"],
    );
    check_dataset(
        "[1]",
        &expect![
            "error: p.jsonl:1: expected one JSON object per line: invalid type: sequence, expected a map at line 1 column 0"
        ],
    );
    check_dataset(
        "{\"name\": \"a\", \"statment\": \"1 = 1\"}",
        &expect![
            "error: p.jsonl:1: no statement: expected one of the fields formal_statement, lean4_statement, lean4_formalization, statement"
        ],
    );
    check_dataset(
        "{\"name\": \"a\", \"statement\": \"theorem a : \\\"\"}",
        &expect!["error: p.jsonl:1: line 1: a comment, string or `«` is never closed"],
    );
    check_dataset(
        "{\"name\": \"a\", \"statement\": \"1 = 1\"}\n\n{\"name\": \"a\", \"statement\": \"2 = 2\"}",
        &expect!["error: p.jsonl:3: the name a is taken by line 1: give each problem its own"],
    );
    check_dataset("\n", &expect!["error: p.jsonl: no problem in it: expected one JSON object per line"]);
}

const FILE: &str = "import Init
/-! sorry: a word in a comment -/
namespace Foo
open Nat in
theorem one (n : Nat) : n = n := by sorry
def text := \"sorry\"
section
  /-- Doc. -/
  @[simp] theorem two
      (p : Prop) (h : p := by trivial) : p ∨ ¬p := -- here
    sorry
  lemma three : let x := 1; x = 1 := by
    -- think
    sorry
end
example : 1 = 1 := by /- c -/ sorry
theorem done : True := trivial
end Foo
";

#[test]
fn sorries_of_a_file_become_tasks() {
    let tasks = split_sorries(FILE).unwrap();
    let show = |task: &Task| format!("line {}: {:?}\n{}", task.line, &FILE[task.body.clone()], show(&task.theorem));
    expect![[r#"
        line 5: "by sorry"
        one | Init | /-! sorry: a word in a comment -/
        namespace Foo | open Nat in
        theorem one (n : Nat) : n = n
        ---
        line 9: "sorry"
        two | Init | /-! sorry: a word in a comment -/
        namespace Foo
        open Nat in
        theorem one (n : Nat) : n = n := by sorry
        def text := "sorry"
        section | @[simp] theorem two
              (p : Prop) (h : p := by trivial) : p ∨ ¬p
        ---
        line 12: "by\n    -- think\n    sorry"
        three | Init | /-! sorry: a word in a comment -/
        namespace Foo
        open Nat in
        theorem one (n : Nat) : n = n := by sorry
        def text := "sorry"
        section
          /-- Doc. -/
          @[simp] theorem two
              (p : Prop) (h : p := by trivial) : p ∨ ¬p := -- here
            sorry | lemma three : let x := 1; x = 1
        ---
        line 16: "by /- c -/ sorry"
        example | Init | /-! sorry: a word in a comment -/
        namespace Foo
        open Nat in
        theorem one (n : Nat) : n = n := by sorry
        def text := "sorry"
        section
          /-- Doc. -/
          @[simp] theorem two
              (p : Prop) (h : p := by trivial) : p ∨ ¬p := -- here
            sorry
          lemma three : let x := 1; x = 1 := by
            -- think
            sorry
        end | example : 1 = 1"#]]
    .assert_eq(&tasks.iter().map(show).collect::<Vec<_>>().join("\n---\n"));
}

#[test]
fn proofs_go_in_their_places() {
    let tasks = split_sorries(FILE).unwrap();
    let proof = ["intro x".to_owned(), "cases x with\n| a => rfl\n\n| b => rfl".to_owned()];
    let proofs: Vec<_> = tasks.iter().rev().map(|task| (task, proof.as_slice())).collect();
    expect![[r#"
        import Init
        /-! sorry: a word in a comment -/
        namespace Foo
        open Nat in
        theorem one (n : Nat) : n = n := by
          intro x
          cases x with
          | a => rfl

          | b => rfl
        def text := "sorry"
        section
          /-- Doc. -/
          @[simp] theorem two
              (p : Prop) (h : p := by trivial) : p ∨ ¬p := -- here
            by
              intro x
              cases x with
              | a => rfl

              | b => rfl
          lemma three : let x := 1; x = 1 := by
            -- think
            intro x
            cases x with
            | a => rfl

            | b => rfl
        end
        example : 1 = 1 := by /- c -/
          intro x
          cases x with
          | a => rfl

          | b => rfl
        theorem done : True := trivial
        end Foo
    "#]]
    .assert_eq(&fill(FILE, &proofs));
    assert_eq!(fill(FILE, &[]), FILE);
    let crlf = "theorem t : 1 = 1 :=\r\n  sorry\r\n-- end\r\n";
    let tasks = split_sorries(crlf).unwrap();
    expect![[r#""theorem t : 1 = 1 :=\r\n  by\r\n    intro x\r\n-- end\r\n""#]]
        .assert_eq(&format!("{:?}", fill(crlf, &[(&tasks[0], &proof[..1])])));
}

fn check_refused(text: &str, expected: &Expect) {
    expected.assert_eq(&split_sorries(text).unwrap_err().to_string());
}

#[test]
fn files_that_cannot_be_filled_say_why() {
    check_refused(
        "theorem t : 1 = 1 := rfl\n",
        &expect!["no `sorry` in it: write `:= by sorry` where a proof is wanted"],
    );
    check_refused(
        "theorem t : 1 = 1 := by\n  have : 2 = 2 := by sorry\n  rfl\n",
        &expect![
            "line 2: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
        ],
    );
    check_refused(
        "theorem t : 1 = 1 := by\n  sorry\n  rfl\n",
        &expect![
            "line 2: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
        ],
    );
    check_refused(
        "theorem t : 1 = 1 := sorry.symm\n",
        &expect!["no `sorry` in it: write `:= by sorry` where a proof is wanted"],
    );
    check_refused(
        "theorem t : 1 = 1 := by\n  rfl\n\ninstance : Inhabited Nat := sorry\n",
        &expect![
            "line 4: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
        ],
    );
    check_refused(
        "theorem t : ∀ n : Nat, n = n\n  | 0 => sorry\n  | n + 1 => rfl\n",
        &expect![
            "line 2: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
        ],
    );
    check_refused(
        "theorem t : x = 1 := sorry\nwhere x := 1\n",
        &expect![
            "line 1: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
        ],
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in r#"((theorem|lemma|def|example|sorry|by|:=|let|import|in|open|@\[|\]|/--|-/|"|«|\(|\)| |\n|\r\n|x|é|#){1}| ){0,40}"#) {
        let _ = parse_statement(&text, &Defaults::default());
        if let Ok(tasks) = split_sorries(&text) {
            let proof = ["rfl".to_owned()];
            let proofs: Vec<_> = tasks.iter().map(|task| (task, proof.as_slice())).collect();
            let filled = fill(&text, &proofs);
            // What precedes the first task and follows the last is untouched.
            prop_assert!(filled.starts_with(&text[..tasks[0].body.start]));
            prop_assert!(filled.ends_with(&text[tasks[tasks.len() - 1].body.end..]));
        }
    }
}

#[test]
fn statements_made_to_keep_us_busy_are_read_nevertheless() {
    for unit in ["def ", "lemma ", "theorem t : ", "in ", "@[", "open x in ", "let x := ", "import a ", "/-- a -/ "] {
        let text = unit.repeat((1 << 20) / unit.len());
        let _ = parse_statement(&text, &Defaults::default());
    }
}

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
        &expect!["«foo bar».x |  | open D | theorem «foo bar».x.{u} (α : Type u) : α = α"],
    );
    check_statement(
        "example : let x := 5; x = 5 := sorry",
        &expect!["example |  | open D | example : let x := 5; x = 5"],
    );
    check_statement(
        "theorem t : have y := 1; (let x := y; x) = 1 := by\n  simp -- := sorry\n",
        &expect!["t |  | open D | theorem t : have y := 1; (let x := y; x) = 1"],
    );
}

#[test]
fn proofs_by_equations_and_by_where_are_left_out_too() {
    let check = |text: &str, expected: Expect| check_statement(text, &expected);
    check(
        "theorem doubled : ∀ n : Nat, n + n = 2 * n\n  | 0 => rfl\n  | n + 1 => by omega",
        expect!["doubled |  | open D | theorem doubled : ∀ n : Nat, n + n = 2 * n"],
    );
    check(
        "theorem t : ∀ n m : Nat, n + m = m + n | 0, _ | _, 0 => by omega | n + 1, m => by omega",
        expect!["t |  | open D | theorem t : ∀ n m : Nat, n + m = m + n"],
    );
    check(
        "theorem both (p q : Prop) (hp : p) (hq : q) : p ∧ q where\n  left := hp\n  right := hq",
        expect!["both |  | open D | theorem both (p q : Prop) (hp : p) (hq : q) : p ∧ q"],
    );
    check(
        "theorem t (xs : List Nat) : xs = xs := match xs with\n  | [] => rfl\n  | x :: xs => rfl",
        expect!["t |  | open D | theorem t (xs : List Nat) : xs = xs"],
    );
    check(
        "theorem f (n : Nat) : n = n := go n\nwhere\n  go : ∀ n : Nat, n = n\n    | 0 => rfl\n    | n + 1 => rfl\ntermination_by n\ndecreasing_by omega",
        expect!["f |  | open D | theorem f (n : Nat) : n = n"],
    );
    // Bars that are no equations.
    check(
        "theorem a (x y : Int) : |x| - |y| ≤ |x - y| := by sorry",
        expect!["a |  | open D | theorem a (x y : Int) : |x| - |y| ≤ |x - y|"],
    );
    check(
        "theorem m (n : Nat) : match n with | 0 => True | _ + 1 => True := by sorry",
        expect!["m |  | open D | theorem m (n : Nat) : match n with | 0 => True | _ + 1 => True"],
    );
    check(
        "theorem l (n : Nat) : (fun | 0 => 1 | n + 1 => n) n = n ∨ (b || c) = true := sorry",
        expect!["l |  | open D | theorem l (n : Nat) : (fun | 0 => 1 | n + 1 => n) n = n ∨ (b || c) = true"],
    );
    check(
        "theorem o (a b c : Bool) : a || b || c = true\n\n#check Nat",
        expect!["o |  | open D | theorem o (a b c : Bool) : a || b || c = true"],
    );
    check(
        "theorem s : {n : Nat | n = n} = s\n@[simp] theorem",
        expect!["error: line 2: `theorem` states nothing: give `theorem name (x : T) : P`"],
    );
}

#[test]
fn what_claims_nothing_is_not_proved() {
    check_statement(
        "def five : Nat := by sorry",
        &expect![
            "error: line 1: `def` defines data, which is yours to fill in: only a theorem, lemma or example can be proved, so write `theorem` if its type is a proposition"
        ],
    );
    check_statement("theorem t : 1 = 1 := rfl\n\nabbrev x : Nat := 1", &expect!["t |  | open D | theorem t : 1 = 1"]);
    check_statement(
        "@[simp] noncomputable instance : Inhabited Nat := sorry",
        &expect![
            "error: line 1: `instance` defines data, which is yours to fill in: only a theorem, lemma or example can be proved, so write `theorem` if its type is a proposition"
        ],
    );
}

#[test]
fn a_text_that_breaks_off_is_no_statement() {
    let whole = "theorem whole (n : Nat) : n + 0 = n := rfl\n\n";
    for tail in [
        "/-- The next one. -/\n@[simp] private",
        "@[simp]",
        "open Nat in",
        "/-- Why? -/",
        "protected",
        "set_option maxRecDepth 9 in @[simp] nonrec",
    ] {
        check_breaks_off(&format!("{whole}{tail}"), tail);
    }
    for proof in ["by\n  simp only [h]", "f private", "by simp -- @[simp]", "rfl\n-- why\n/- no -/"] {
        let text = format!("theorem t : 1 = 1 := {proof}");
        assert!(parse_statement(&text, &Defaults::default()).is_ok(), "{text}");
        assert_eq!(breaks_off(&text), None, "{text}");
    }
    expect!["line 2: the text breaks off behind `-/`: finish the declaration that it belongs to, or remove it"]
        .assert_eq(&breaks_off("def f := 1\n/-- Doc.\n-/").map(|e| e.to_string()).unwrap_or_default());
}

fn check_breaks_off(text: &str, tail: &str) {
    let error = parse_statement(text, &Defaults::default()).expect_err(tail).to_string();
    assert!(error.starts_with("line ") && error.contains("the text breaks off behind"), "{tail}: {error}");
    assert!(breaks_off(text).is_some(), "{tail}");
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
            private theorem f_eq : f = 1"#]],
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
    check_dataset("[1]", &expect!["error: p.jsonl, item 1: expected a JSON object with a statement, found a number"]);
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
        &expect!["error: p.jsonl:3: the name a is taken by p.jsonl:1: give each problem its own"],
    );
    check_dataset(
        "\n",
        &expect!["error: p.jsonl: no problem in it: expected one JSON object per line, or a JSON array of them"],
    );
}

/// Names and places of what is read, then what is said about the rest.
fn check_lenient(text: &str, expected: &Expect) {
    let dataset = read_dataset("p", text, &Defaults::default());
    let mut shown: Vec<String> = dataset
        .problems
        .iter()
        .map(|p| format!("{}. {} [{}] {}", p.line, p.name, p.split.as_deref().unwrap_or("-"), p.theorem.statement))
        .collect();
    shown.extend(dataset.renamed.iter().map(|r| format!("{}: {} of {} is {}", r.place, r.name, r.first, r.new_name)));
    shown.extend(dataset.unread.iter().map(ToString::to_string));
    shown.extend((!dataset.lemmas.is_empty()).then(|| format!("lemmas: {}", dataset.lemmas.join(", "))));
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn one_bad_line_costs_itself_only() {
    check_lenient(
        "{\"name\": \"a\", \"statement\": \"1 = 1\"}\n{\"name\": \n\n7\n{\"name\": \"b\"}\n{\"name\": \"c\", \"statement\": \"theorem c : /- 1\"}\n{\"name\": \"d\", \"statement\": \"lemma d : 1 = 1\", \"x\": null}\n{\"statement\": \"def e : Nat\"}",
        &expect![[r#"
            1. a [-] theorem stepwise_goal : 1 = 1
            7. d [-] theorem d : 1 = 1
            p:2: expected one JSON object per line: EOF while parsing a value at line 1 column 8
            p:4: expected a JSON object with a statement, found a number
            p:5: no statement: expected one of the fields formal_statement, lean4_statement, lean4_formalization, statement
            p:6: line 1: a comment, string or `«` is never closed
            p:8: line 1: `def` defines data, which is yours to fill in: only a theorem, lemma or example can be proved, so write `theorem` if its type is a proposition
            lemmas: d"#]],
    );
}

#[test]
fn repeated_names_are_numbered_past_those_that_are_taken() {
    let line = |name: &str, n: u32| format!("{{\"name\": \"{name}\", \"statement\": \"{n} = {n}\"}}\n");
    let text =
        [("a", 1), ("b", 2), ("a", 3), ("a#3", 4), ("a", 5), ("a#3", 6), ("b", 7)].map(|(name, n)| line(name, n));
    check_lenient(
        &text.concat(),
        &expect![[r#"
        1. a [-] theorem stepwise_goal : 1 = 1
        2. b [-] theorem stepwise_goal : 2 = 2
        3. a#2 [-] theorem stepwise_goal : 3 = 3
        4. a#3 [-] theorem stepwise_goal : 4 = 4
        5. a#4 [-] theorem stepwise_goal : 5 = 5
        6. a#3#2 [-] theorem stepwise_goal : 6 = 6
        7. b#2 [-] theorem stepwise_goal : 7 = 7
        p:3: a of p:1 is a#2
        p:5: a of p:1 is a#4
        p:6: a#3 of p:4 is a#3#2
        p:7: b of p:2 is b#2"#]],
    );
    // What follows does not change the numbers that are given already.
    let begun = read_dataset("p", &text[..4].concat(), &Defaults::default());
    let all = read_dataset("p", &text.concat(), &Defaults::default());
    assert_eq!(begun.problems[..], all.problems[..begun.problems.len()]);
}

#[test]
fn files_that_are_one_value_are_read_too() {
    let item = |name: &str| format!("{{\"name\": \"{name}\",\n \"statement\": \"1 = 1\"}}");
    check_lenient(
        &format!("[{},\n{}, 7, \"theorem s : 2 = 2\"]", item("a"), item("a")),
        &expect![[r#"
        1. a [-] theorem stepwise_goal : 1 = 1
        2. a#2 [-] theorem stepwise_goal : 1 = 1
        4. s [-] theorem s : 2 = 2
        p, item 2: a of p, item 1 is a#2
        p, item 3: expected a JSON object with a statement, found a number"#]],
    );
    check_lenient(
        &format!("{{\"version\": 1, \"problems\": [{}]}}", item("a")),
        &expect!["1. a [-] theorem stepwise_goal : 1 = 1"],
    );
    check_lenient(
        "{\"problems\": [{\"statement\": \"1 = 1\"}]}\n",
        &expect!["1. stepwise_goal [-] theorem stepwise_goal : 1 = 1"],
    );
    check_lenient(
        &format!("{{\"train\": [{}], \"test\": [{}]}}", item("a"), item("b")),
        &expect![[r#"
        1. b [test] theorem stepwise_goal : 1 = 1
        2. a [train] theorem stepwise_goal : 1 = 1"#]],
    );
    check_lenient(
        "{\"x\": {\"statement\": \"1 = 1\"}, \"y\": {\"statement\": \"2 = 2\"}}",
        &expect![[r#"
        1. x [-] theorem stepwise_goal : 1 = 1
        2. y [-] theorem stepwise_goal : 2 = 2"#]],
    );
    check_lenient(
        &format!("{{\"features\": [], \"rows\": [{{\"row_idx\": 0, \"row\": {}}}]}}", item("a")),
        &expect!["1. a [-] theorem stepwise_goal : 1 = 1"],
    );
    check_lenient(
        &format!("{}\n{}", item("a"), item("b")),
        &expect![[r#"
        1. a [-] theorem stepwise_goal : 1 = 1
        2. b [-] theorem stepwise_goal : 1 = 1"#]],
    );
    // An array with an object on each line, one of them broken and the end cut off.
    check_lenient(
        "[\n{\"statement\": \"1 = 1\"},\n{\"statement\": NaN},\n{\"statement\": \"theorem b : 2 = 2\"},\n{\"stat",
        &expect![[r#"
        2. stepwise_goal [-] theorem stepwise_goal : 1 = 1
        4. b [-] theorem b : 2 = 2
        p:3: expected one JSON object per line: expected value at line 1 column 15
        p:5: expected one JSON object per line: EOF while parsing a string at line 1 column 6"#]],
    );
    check_lenient(
        "{\"problems\": 3}",
        &expect![
            "p:1: no statement: expected one of the fields formal_statement, lean4_statement, lean4_formalization, statement"
        ],
    );
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
    let tasks = split_sorries(FILE).unwrap().tasks;
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
    let tasks = split_sorries(FILE).unwrap().tasks;
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
    let tasks = split_sorries(crlf).unwrap().tasks;
    expect![[r#""theorem t : 1 = 1 :=\r\n  by\r\n    intro x\r\n-- end\r\n""#]]
        .assert_eq(&format!("{:?}", fill(crlf, &[(&tasks[0], &proof[..1])])));
}

fn check_left(text: &str, expected: &Expect) {
    let shown = match split_sorries(text) {
        Ok(Sorries { tasks, left }) => {
            let left = left.iter().map(|place| format!("\n{place}")).collect::<String>();
            format!("{:?}{left}", tasks.iter().map(|task| task.theorem.name.as_str()).collect::<Vec<_>>())
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn places_that_are_not_ours_to_fill_are_told_and_the_others_filled() {
    let check = |text: &str, expected: Expect| check_left(text, &expected);
    check("theorem t : 1 = 1 := rfl\n", expect!["no `sorry` in it: write `:= by sorry` where a proof is wanted"]);
    check(
        "theorem t : 1 = 1 := sorry.symm\n",
        expect!["no `sorry` in it: write `:= by sorry` where a proof is wanted"],
    );
    check(
        "theorem a : 1 = 1 := by sorry\ntheorem t : 1 = 1 := by\n  have : 2 = 2 := by sorry\n  rfl\n",
        expect![[r#"
        ["a"]
        line 3: this `sorry` is only a part of `theorem t` and stays: `:= sorry` and `:= by sorry` are filled in, so state the open part as a theorem of its own"#]],
    );
    check(
        "theorem t : 1 = 1 := by\n  sorry\n  rfl\n",
        expect![[r#"
        []
        line 2: this `sorry` is only a part of `theorem t` and stays: `:= sorry` and `:= by sorry` are filled in, so state the open part as a theorem of its own"#]],
    );
    check(
        "theorem t : ∀ n : Nat, n = n\n  | 0 => sorry\n  | n + 1 => rfl\n",
        expect![[r#"
        []
        line 2: this `sorry` is only a part of `theorem t` and stays: `:= sorry` and `:= by sorry` are filled in, so state the open part as a theorem of its own"#]],
    );
    check(
        "theorem t : x = 1 := sorry\nwhere x := 1\n",
        expect![[r#"
        []
        line 1: this `sorry` is only a part of `theorem t` and stays: `:= sorry` and `:= by sorry` are filled in, so state the open part as a theorem of its own"#]],
    );
    check(
        "def answer : Nat := sorry\n\ntheorem answers (n : Nat) (h : n = 7) : n = answer := by sorry\n",
        expect![[r#"
        ["answers"]
        line 1: this `sorry` belongs to `def answer`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim"#]],
    );
    check(
        "def zeroIsOne : 0 = 1 := by sorry\n@[instance] abbrev x : Inhabited Nat := sorry\nlocal instance : Inhabited Nat := ⟨sorry⟩\nstructure S where\n  n : Nat := sorry\nopaque o : Nat := sorry\n",
        expect![[r#"
        []
        line 1: this `sorry` belongs to `def zeroIsOne`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim
        line 2: this `sorry` belongs to `abbrev x`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim
        line 3: this `sorry` belongs to `instance`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim
        line 5: this `sorry` belongs to `structure S`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim
        line 6: this `sorry` belongs to `opaque o`, which is data, and stays: put the value in yourself, or write `theorem` if it is a claim"#]],
    );
    check(
        "theorem t : 1 = 1 := rfl\nmacro \"x\" : tactic => `(tactic| sorry)\nexample : 1 = 1 := sorry\n",
        expect![[r#"
        ["example"]
        line 2: this `sorry` is in no theorem, and stays"#]],
    );
    check(
        "mutual\ntheorem a : 1 = 1 := sorry\nend\nsection\ntheorem b : 1 = 1 := sorry\nend",
        expect![[r#"
        ["b"]
        line 2: `theorem a` is in a `mutual` block, and its `sorry` stays: prove it outside of one"#]],
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in r#"((theorem|lemma|def|example|sorry|by|:=|let|import|in|open|@\[|\]|/--|-/|"|«|\(|\)| |\n|\r\n|x|é|#){1}| ){0,40}"#) {
        let _ = parse_statement(&text, &Defaults::default());
        let _ = (split_file(&text), breaks_off(&text), lemmas_as_theorems(&text));
        if let Ok(Sorries { tasks, .. }) = split_sorries(&text) && !tasks.is_empty() {
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

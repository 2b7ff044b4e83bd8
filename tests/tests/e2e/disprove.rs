//! Statements that are false: the proof of the negation, the values, and what stays as it is beside that.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{assert_exit, lean_turn, n_lines, run, stderr, stdout};

fn json_of(dir: &TempDir, args: &[&str], code: i32) -> Value {
    let output = run(dir.path(), &[&["prove", "--hosts", "1", "--timeout", "30", "--json"], args].concat());
    assert_exit(&output, code);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_false_statement_is_disproved_by_values_and_the_file_says_so() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let statement = "theorem wrong (n m : ℕ) (h : 0 < n) : n < m";
    let output = run(dir.path(), &["prove", "--hosts", "1", "--timeout", "30", statement]);
    assert_exit(&output, 1);
    assert!(stderr(&output).contains("wrong: disproved: n := 1, m := 0 make it false"), "{}", stderr(&output));
    let file = stdout(&output);
    assert!(file.contains("theorem wrong_disproved : ¬ ∀ (n m : ℕ) (h : 0 < n), n < m := by"), "{file}");
    std::fs::write(dir.path().join("disproof.lean"), file).unwrap();
    assert_exit(&run(dir.path(), &["check", "--hosts", "1", "disproof.lean"]), 0);

    let told = json_of(&dir, &[statement], 1);
    let theorem = &told["theorems"][0];
    assert_eq!((&told["proved"], &theorem["end"]), (&json!(false), &json!("disproved")));
    assert_eq!(theorem["disproof"]["values"], json!([{ "name": "n", "value": "1" }, { "name": "m", "value": "0" }]));
    assert_eq!((&theorem["negation"]["searched"], &theorem["proof"]), (&json!(true), &Value::Null));
    assert_eq!(theorem["disproof"]["verdict"]["accepted"], true);

    let told = json_of(&dir, &["--no-disprove", "--expansions", "2", statement], 1);
    assert_ne!(told["theorems"][0]["end"], "disproved");
    assert_eq!(told["theorems"][0]["negation"], json!({ "searched": false }));
}

#[test]
fn statements_are_disproved_where_they_are_false_and_only_there() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let header = "inductive Light where\n  | red | green\n  deriving DecidableEq\n\ndef Light.next : Light → Light\n  | .red => .green\n  | .green => .red\n\ndef twice (n : Nat) : Nat := 2 * n\n\n";
    // Name, statement with its header, and the values; `-` where the statement is true, `*` where any disproof will do.
    let statements = [
        ("closed", "theorem closed : 2 + 2 = 5", "*"),
        ("contradictory", "theorem contradictory (n : Nat) (h : 0 < n) : n < n", "n := 1"),
        ("props", "theorem props (p q : Prop) (h : p) : q", "*"),
        ("own", "theorem own (l : Light) : l.next = l", "*"),
        ("A.dotted", "theorem A.dotted (n : Nat) : n = 0", "n := 1"),
        ("true_one", "theorem true_one (n m : Nat) : n + m = m + n", "-"),
        ("true_own", "theorem true_own (l : Light) : l.next.next = l", "-"),
        ("true_vacuous", "theorem true_vacuous (n : Nat) (h : n < 0) : n = 5", "-"),
    ];
    let line = |(name, statement, _): &(&str, &str, &str)| {
        format!("{}\n", json!({ "name": name, "formal_statement": format!("{header}{statement}") }))
    };
    std::fs::write(dir.path().join("some.jsonl"), statements.iter().map(line).collect::<String>()).unwrap();
    let args = ["eval", "some.jsonl", "--hosts", "1", "--timeout", "180", "--json"];
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    let told: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (name, _, values) in &statements {
        let record = told.iter().find(|record| record["name"] == *name).unwrap();
        let wanted = if *values == "-" { "proved" } else { "disproved" };
        assert_eq!(record["status"], wanted, "{record}");
        if !matches!(*values, "-" | "*") {
            let detail = record["detail"].as_str().unwrap();
            assert!(detail.starts_with(&format!("disproved: {values} make")), "{name}: {detail}");
        }
    }
    let summary = &told.last().unwrap()["summary"];
    assert_eq!((&summary["solved"], &summary["disproved"]), (&json!(3), &json!(5)));
}

#[test]
fn in_a_file_a_false_statement_keeps_its_sorry_and_the_others_are_proved() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let text = "theorem first (n : Nat) : n + 0 = n := sorry\n\ntheorem second (n : Nat) : n < 3 := sorry\n\n\
                example (p : Prop) : p := by sorry\n\ntheorem last (p : Prop) (h : p) : p := by sorry\n";
    std::fs::write(dir.path().join("mixed.lean"), text).unwrap();
    let output = run(dir.path(), &["prove", "--hosts", "1", "--timeout", "30", "mixed.lean"]);
    assert_exit(&output, 1);
    let file = stdout(&output);
    assert!(file.contains("theorem second (n : Nat) : n < 3 := sorry"), "{file}");
    assert!(!file.contains("_disproved") && file.matches("sorry").count() == 2, "{file}");
    let told = stderr(&output);
    assert!(told.contains("second: disproved: n := 3 makes it false"), "{told}");
    assert!(told.contains("theorem second_disproved : ¬ ∀ (n : Nat), n < 3 := by"), "{told}");
    assert!(told.contains("example: disproved"), "{told}");
}

#[test]
fn what_cannot_be_negated_is_said_and_not_tried() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let variable = "variable (n : Nat)\n\ntheorem t (m : Nat) : n = m";
    let told = json_of(&dir, &["--expansions", "2", variable], 1);
    let negation = &told["theorems"][0]["negation"];
    assert_eq!(negation["searched"], false);
    assert!(negation["cannot_be_stated"].as_str().unwrap().contains("variable"), "{negation}");
}

#[test]
fn both_searches_go_on_from_their_logs() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let statement = "theorem t (n m : Nat) : n = m";
    let args = ["prove", "--hosts", "1", "--timeout", "30", "--disprove", "--log", "t.jsonl", statement];
    let begun = run(dir.path(), &args);
    assert_exit(&begun, 1);
    assert!(stderr(&begun).contains("disproved: n := 1, m := 0 make it false"), "{}", stderr(&begun));
    // As it is when the process is killed while Lean works on the negation.
    let log = dir.path().join("t.negation.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    let kept: Vec<&str> = text.lines().take_while(|line| !line.contains("\"checked\"")).collect();
    std::fs::write(&log, kept.join("\n") + "\n").unwrap();
    let n_before = n_lines(&log);
    let resumed = run(dir.path(), &["prove", "--hosts", "1", "--log", "t.jsonl", "--resume"]);
    assert_exit(&resumed, 1);
    assert!(stderr(&resumed).contains("disproved: n := 1, m := 0 make it false"), "{}", stderr(&resumed));
    assert!(n_lines(&log) > n_before);
    for log in ["t.jsonl", "t.negation.jsonl"] {
        let replayed = run(dir.path(), &["replay", log, "--json"]);
        let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
        assert_eq!(replayed["problem"], Value::Null, "{log}");
    }
    // A new search does not go on with an old negation.
    std::fs::remove_file(dir.path().join("t.jsonl")).unwrap();
    let refused = run(dir.path(), &args);
    assert_exit(&refused, 2);
    assert!(stderr(&refused).contains("t.negation.jsonl exists already"), "{}", stderr(&refused));
}

#[test]
fn a_refused_proof_is_told_with_its_reason_and_counted() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let cheat =
        "@[simp] axiom cheat (n : Nat) : n * n + n = 2 * n + 41\n\ntheorem t (n : Nat) : n * n + n = 2 * n + 41";
    let told = json_of(&dir, &["--no-disprove", "--expansions", "2", cheat], 1);
    let theorem = &told["theorems"][0];
    assert!(theorem["ledger"]["refused"].as_u64().unwrap() >= 1, "{theorem}");
    assert!(theorem["refusals"][0].as_str().unwrap().contains("cheat"), "{theorem}");
    assert!(theorem["message"].as_str().unwrap().contains("the recheck refused the"), "{theorem}");

    let problem = json!({ "name": "t", "formal_statement": cheat });
    std::fs::write(dir.path().join("one.jsonl"), format!("{problem}\n")).unwrap();
    let args = ["eval", "one.jsonl", "--hosts", "1", "--no-disprove", "--expansions", "2", "--results", "out.jsonl"];
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("refused)"), "{}", stdout(&output));
    assert!(stderr(&output).contains("the recheck refused"), "{}", stderr(&output));
    let record: Value = serde_json::from_slice(&std::fs::read(dir.path().join("out.jsonl")).unwrap()).unwrap();
    assert!(record["refusals"][0].as_str().unwrap().contains("cheat"), "{record}");
}

//! What people bring, to the real `stepwise` and real Lean: files with holes, statements with proofs, problem files with
//! bad lines, and tactics that only search.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};
use stepwise_core::search::{Budget, Search, SearchConfig, SearchEnd};
use stepwise_worker::run::policy::{Policy, PolicyError};
use stepwise_worker::run::{Job, run_search};
use stepwise_worker::stop::Stop;
use tempfile::TempDir;

use crate::cli::{assert_exit, lean_turn, run, stderr, stdout};
use crate::lean;

const QUICK: [&str; 4] = ["--hosts", "1", "--expansions", "8"];

fn prove(dir: &Path, args: &[&str]) -> std::process::Output {
    run(dir, &[&["prove"], &QUICK[..], args].concat())
}

#[test]
fn statements_with_proofs_and_lemmas_are_proved_as_theorems() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let text = "namespace Mine\n\ninductive Side | left | right\n\nopen Side in\ndef flip : Side → Side\n  | left => right\n  | right => left\n\n\
                lemma flip_left : flip .left = .right := rfl\n\n@[simp] private lemma flips : ∀ s : Side, flip (flip s) = s\n  | .left => rfl\n  | .right => rfl\n";
    let output = prove(dir.path(), &["--json", "--preamble", "none", text]);
    assert_exit(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.starts_with("line 10 and 1 more: this Lean does not know `lemma`"), "{note}");
    assert!(stderr(&output).contains(note), "{}", stderr(&output));
    // What is delivered is what Lean takes.
    let file = report["file"].as_str().unwrap();
    assert!(file.contains("@[simp] private theorem flips : ∀ s : Side, flip (flip s) = s := by\n"), "{file}");
    std::fs::write(dir.path().join("proved.lean"), file).unwrap();
    let output = run(dir.path(), &["check", "proved.lean", "--timeout", "60"]);
    assert_exit(&output, 0);
    assert!(!stderr(&output).contains("lemma"), "{}", stderr(&output));
}

#[test]
fn a_statement_that_does_not_elaborate_is_an_error_of_the_input() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let output = prove(dir.path(), &["theorem t (n : Natt) : n = n"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("does not elaborate") && stderr(&output).contains("Natt"), "{}", stderr(&output));
    let output = prove(dir.path(), &["theorem and_comm (a b : Prop) : a ∧ b ↔ b ∧ a"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("give the theorem another"), "{}", stderr(&output));
    let output = prove(dir.path(), &["def five : Nat := by sorry"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("`def` defines data"), "{}", stderr(&output));
    // Of a file the others are proved nevertheless.
    let text = "theorem bad (n : Natt) : n = n := by sorry\n\ntheorem good (p : Prop) (h : p) : p := sorry\n";
    std::fs::write(dir.path().join("two.lean"), text).unwrap();
    let output = prove(dir.path(), &["two.lean"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("good: proved"), "{}", stderr(&output));
}

#[test]
fn places_of_a_file_that_are_not_proofs_stay_and_are_told() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let text = "def answer : Nat := sorry\n\ntheorem good (p : Prop) (h : p) : p := by sorry\n\n\
                theorem part (p q : Prop) (hp : p) (hq : q) : p ∧ q := by\n  constructor\n  · exact hp\n  · sorry\n";
    std::fs::write(dir.path().join("holes.lean"), text).unwrap();
    let output = prove(dir.path(), &["holes.lean"]);
    assert_exit(&output, 1);
    let (filled, told) = (stdout(&output), stderr(&output));
    assert!(filled.starts_with("def answer : Nat := sorry\n") && filled.ends_with("· sorry\n"), "{filled}");
    assert!(told.contains("line 1: this `sorry` belongs to `def answer`"), "{told}");
    assert!(told.contains("line 8: this `sorry` is only a part of `theorem part`"), "{told}");
    assert!(told.contains("good: proved"), "{told}");
    std::fs::write(dir.path().join("data.lean"), "instance : Inhabited Nat := sorry\n").unwrap();
    let output = prove(dir.path(), &["data.lean", "--json"]);
    assert_exit(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["proved"].as_bool(), report["left"][0]["line"].as_u64()), (Some(false), Some(1)));
}

#[test]
fn files_are_checked_as_they_are_written() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let check = |text: &str, code: i32| {
        std::fs::write(dir.path().join("file.lean"), text).unwrap();
        let output = run(dir.path(), &["check", "file.lean", "--timeout", "none"]);
        assert_exit(&output, code);
        format!("{}{}", stdout(&output), stderr(&output))
    };
    let whole = "theorem whole (n : Nat) : n + 0 = n := rfl\n\n";
    for tail in ["/-- The next one. -/\n@[simp] private", "@[simp]", "/-- Why? -/\n", "open Nat in\n", "noncomputable"]
    {
        let said = check(&format!("{whole}{tail}"), 1);
        assert!(said.contains("error"), "{tail}: {said}");
    }
    check(&format!("import Init.Data.List.Lemmas\nimport Init.Omega\n\n{whole}"), 0);
    let said = check(&format!("import Init.Data.Lisst\n{whole}"), 1);
    assert!(said.contains("no module Init.Data.Lisst") && said.contains("there is Init.Data.List"), "{said}");
    let said = check(&format!("import Mathlib\n{whole}"), 1);
    assert!(said.contains("--lean-project"), "{said}");
    let said = check(&format!("prelude\n{whole}"), 1);
    assert!(said.contains("`prelude` wants a Lean without `Init`"), "{said}");
    let said = check("module\n\npublic theorem whole (n : Nat) : n + 0 = n := rfl\n", 0);
    assert!(said.contains("whole"), "{said}");
    let said =
        check("lemma first_one (n : Nat) : n + 0 = n := rfl\n\ntheorem uses (n : Nat) : n + 0 = n := first_one n\n", 0);
    assert!(said.contains("line 1: this Lean does not know `lemma`"), "{said}");
}

#[test]
fn one_bad_line_and_repeated_names_do_not_end_an_eval() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let lines = [
        r#"{"name": "a", "statement": "theorem a (p : Prop) (h : p) : p"}"#,
        r#"{"name": "a", "statement": "theorem a (p q : Prop) (h : p ∧ q) : q"}"#,
        r#"{"name": "b", "statement": "#,
        r#"{"name": "c", "statement": "theorem c (n : Natt) : n = n"}"#,
    ];
    std::fs::write(dir.path().join("p.jsonl"), lines.join("\n")).unwrap();
    let args = [&["eval", "p.jsonl", "--json", "--results", "out.jsonl"], &QUICK[..]].concat();
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    let told = stderr(&output);
    assert!(told.contains("left out: p.jsonl:3: expected one JSON object"), "{told}");
    assert!(told.contains("p.jsonl:2: the name a is taken by p.jsonl:1: this one is a#2"), "{told}");
    let summary: Value = serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap();
    let summary = &summary["summary"];
    let counts = ["solved", "total", "bad_statements", "unread"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [2, 3, 1, 1]);
    assert_eq!((summary["stated_pass_rate"].as_f64(), summary["pass_rate"].as_f64()), (Some(1.0), Some(2.0 / 3.0)));
    // The same names come out again, so that everything is recorded already.
    let again = run(dir.path(), &args);
    assert_exit(&again, 0);
    assert!(stderr(&again).contains("3 problems are recorded already"), "{}", stderr(&again));
    let strict = run(dir.path(), &["eval", "p.jsonl", "--strict"]);
    assert_exit(&strict, 2);
    assert!(stderr(&strict).contains("p.jsonl:2: the name a is taken"), "{}", stderr(&strict));
}

/// Proposes a tactic that only searches, and nothing else.
struct OnlySearches;

#[async_trait]
impl Policy for OnlySearches {
    fn name(&self) -> &str {
        "only searches"
    }

    async fn propose(&self, _: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let candidate = |tactic: &str| Candidate { tactic: tactic.to_owned(), logprob: -1.0, n_tokens: 1 };
        Ok(Proposals { candidates: ["intro h; exact?"].map(candidate).to_vec(), cost: ModelCost::default() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_search_suggests_stands_in_the_proof_instead_of_it() {
    let pool = lean::pool(1, Duration::from_secs(30));
    let config = SearchConfig::best_first(Budget::new(4, 1));
    let policy: Arc<dyn Policy> = Arc::new(OnlySearches);
    let (_never, stop) = Stop::channel();
    let theorem = lean::theorem("theorem t (a b : Nat) : a < b → a ≤ b");
    let job = Job::new(Search::new(theorem, config), None);
    let ran = run_search(job, &pool, &policy, None, stop, &|_| {}).await.expect("the search runs");
    let Some(SearchEnd::Proved { proof, .. }) = ran.search.end() else { panic!("{:?}", ran.search.end()) };
    assert!(proof[0].starts_with("intro h; exact ") && !proof[0].contains('?'), "{proof:?}");
    // Whoever hands one in for judgement is refused.
    let verdict = pool.recheck(ran.search.theorem(), &["intro h; exact?".to_owned()]).await.unwrap().value;
    assert!(!verdict.accepted && verdict.reasons[0].contains("`exact?` only searches"), "{verdict:?}");
    pool.shutdown().await;
}

//! Found proofs tidied on real Lean: a policy that knows one proof by heart finds it, and what is delivered is looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use expect_test::{Expect, expect};
use serde_json::Value;
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};
use stepwise_core::problem::{CORE_NOTATION, Theorem, parse_statement};
use stepwise_core::search::{Budget, Search, SearchConfig};
use stepwise_worker::lean::pool::Pool;
use stepwise_worker::run::policy::{Policy, PolicyError};
use stepwise_worker::run::tidy::{Tidied, TidyOptions, tidy};
use stepwise_worker::run::{Job, run_search};
use stepwise_worker::stop::{Stop, StopLevel};
use tempfile::TempDir;

use crate::cli::{assert_exit, lean_turn, run, stderr, stdout};
use crate::lean;

/// Proposes the tactics of one proof, each where the ones before it were run.
struct ByHeart(Vec<String>);

#[async_trait]
impl Policy for ByHeart {
    fn name(&self) -> &str {
        "by heart"
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let next = self.0.get(request.history.len());
        let candidate = |tactic: &String| Candidate { tactic: tactic.clone(), logprob: -1.0, n_tokens: 0 };
        Ok(Proposals { candidates: next.map(candidate).into_iter().collect(), cost: ModelCost::default() })
    }
}

fn theorem(text: &str) -> Theorem {
    parse_statement(text, &Default::default()).unwrap()
}

async fn found(pool: &Pool, theorem: &Theorem, proof: &[&str]) -> Search {
    let config = SearchConfig::best_first(Budget::new(4, 50));
    let policy: Arc<dyn Policy> = Arc::new(ByHeart(proof.iter().map(|tactic| (*tactic).to_owned()).collect()));
    let (_never, stop) = Stop::channel();
    let job = Job::new(Search::new(theorem.clone(), config), None);
    run_search(job, pool, &policy, None, stop, &|_| {}).await.unwrap().search
}

async fn tidied_with(pool: &Pool, theorem: &Theorem, proof: &[&str], options: TidyOptions, stop: &Stop) -> Tidied {
    let search = found(pool, theorem, proof).await;
    let has_default_notation = theorem.preamble.starts_with(CORE_NOTATION);
    tidy(pool, &search, options, has_default_notation, stop)
        .await
        .unwrap_or_else(|| panic!("the search does not find its proof: {:?}", search.end()))
}

/// Enough for any proof here on a machine that has other things to do.
const PATIENT: TidyOptions = TidyOptions { budget: Some(Duration::from_secs(600)) };

async fn check(pool: &Pool, text: &str, proof: &[&str], expected: Expect) {
    let (_never, stop) = Stop::channel();
    let theorem = theorem(text);
    let tidied = tidied_with(pool, &theorem, proof, PATIENT, &stop).await;
    assert!(tidied.verdict.accepted && tidied.report.cut_short.is_none(), "{tidied:?}");
    let verdict = pool.recheck(&tidied.theorem, &tidied.proof).await.unwrap().value;
    assert!(verdict.accepted, "{verdict:?}");
    expected.assert_eq(&tidied.proof.join("\n"));
}

const TREE: &str = "inductive Tree where\n  | leaf\n  | node (l : Tree) (v : Nat) (r : Tree)\n\n\
    def Tree.flip : Tree → Tree\n  | .leaf => .leaf\n  | .node l v r => .node r.flip v l.flip\n\n\
    def Tree.size : Tree → Nat\n  | .leaf => 0\n  | .node l _ r => l.size + 1 + r.size\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn lemmas_and_tactics_that_are_not_needed_go() {
    let pool = lean::pool(1, Duration::from_secs(60));
    check(
        &pool,
        "theorem t (xs ys : List Nat) : (xs ++ ys).length = ys.length + xs.length",
        &["simp [List.length_append, List.map_append, Nat.add_comm, Nat.mul_comm, List.length_reverse]"],
        expect!["grind"],
    )
    .await;
    // Neither a closer of many goals nor fewer lemmas will do.
    check(
        &pool,
        "def double (n : Nat) : Nat := n + n\ndef triple (n : Nat) : Nat := n + double n\n\n\
         theorem t (f : Nat → Nat) (h : ∀ n, f n = double n) : f 2 = 4 ∧ triple 1 = 3",
        &["simp [double, triple, h, Nat.add_comm, Nat.mul_comm]"],
        expect!["simp [double, triple, h]"],
    )
    .await;
    check(
        &pool,
        "theorem t (a b c : Nat) (h : a < b) (k : b < c) : a + 1 < c",
        &["have h1 := Nat.succ_le_of_lt h", "have h2 := Nat.lt_of_lt_of_le h (Nat.le_of_lt k)", "simp at h1", "omega"],
        expect!["omega"],
    )
    .await;
    check(
        &pool,
        "theorem t (p q : Prop) (h : p ∧ q) : q ∧ p",
        &["first | (obtain ⟨a, b⟩ := h; exact ⟨b, a⟩) | simp_all"],
        expect!["grind"],
    )
    .await;
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tactics_stand_under_the_goals_that_they_close() {
    let pool = lean::pool(1, Duration::from_secs(60));
    check(
        &pool,
        &format!("{TREE}theorem t (t : Tree) : t.flip.size = t.size"),
        &[
            "induction t with\n| leaf => ?_\n| node l v r ihl ihr => ?_",
            "rfl",
            "simp [Tree.flip, Tree.size, ihl, ihr, Nat.mul_comm]",
            "omega",
        ],
        expect![[r#"
            induction t with
            | leaf => rfl
            | node l v r ihl ihr =>
              simp [Tree.flip, Tree.size]
              omega"#]],
    )
    .await;
    check(
        &pool,
        "theorem t (f : Nat → Nat) (p : Nat → Prop) (h : ∀ n, p n → f n = n) (k : p 1) (l : p 2) : f 1 = 1 ∧ (f 2 = 2 ∨ f 3 = 5)",
        &["constructor", "have := h 1 k", "exact this", "left", "exact h 2 l"],
        expect!["grind"],
    )
    .await;
    check(
        &pool,
        "def f (n : Nat) : Nat := if n = 0 then 7 else n * n\n\ntheorem t (n : Nat) (h : 0 < n) : f n = n * n ∧ f 0 = 7",
        &["constructor", "unfold f", "split", "omega", "rfl", "rfl"],
        expect![[r#"
            constructor
            · unfold f
              grind
            · rfl"#]],
    )
    .await;
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lean_cannot_finish_costs_nothing_but_time() {
    let pool = lean::pool(1, Duration::from_secs(60));
    // Without the first tactic, `simp_all` rewrites for ever.
    check(
        &pool,
        "theorem t (f : Nat → Nat) (p q : Prop) (h : ∀ n, f n = f (n + 1)) (hp : p) (hq : p → q) : q ∧ f 1 = f 1",
        &["clear h", "simp_all"],
        expect!["grind"],
    )
    .await;
    let (sender, stop) = Stop::channel();
    let text = theorem("theorem t (xs : List Nat) : (xs ++ []).length = xs.length");
    let proof = ["simp [Nat.add_comm, Nat.mul_comm]"];
    // No time at all.
    let options = TidyOptions { budget: Some(Duration::from_nanos(1)) };
    let tidied = tidied_with(&pool, &text, &proof, options, &stop).await;
    assert_eq!((&tidied.proof[..], tidied.report.before), (&[proof[0].to_owned()][..], tidied.report.after));
    assert!(tidied.verdict.accepted && tidied.report.cut_short.is_some(), "{tidied:?}");
    // The user's Ctrl-C.
    for level in [StopLevel::Drain, StopLevel::Abort] {
        sender.send_replace(level);
        let tidied = tidied_with(&pool, &text, &proof, PATIENT, &stop).await;
        assert_eq!(tidied.proof, proof);
        assert!(tidied.verdict.accepted);
        assert_eq!(tidied.report.cut_short.as_deref(), Some("interrupted"));
    }
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(unix)]
async fn a_lean_that_dies_meanwhile_loses_no_proof() {
    let pool = lean::pool(1, Duration::from_secs(60));
    let text = theorem("theorem t (xs ys : List Nat) : (xs ++ ys).length = ys.length + xs.length");
    let proof = ["simp [Nat.add_comm, Nat.mul_comm, Nat.add_assoc]"];
    let search = found(&pool, &text, &proof).await;
    let killer = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let until = Instant::now() + Duration::from_secs(3);
            while Instant::now() < until {
                for pid in pool.process_ids() {
                    let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        })
    };
    let (_never, stop) = Stop::channel();
    let tidied = tidy(&pool, &search, PATIENT, false, &stop).await.unwrap();
    killer.await.unwrap();
    assert!(tidied.verdict.accepted, "{tidied:?}");
    assert!(pool.recheck(&text, &tidied.proof).await.unwrap().value.accepted);
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tidied_proof_does_without_what_the_problem_does_without() {
    let pool = lean::pool(1, Duration::from_secs(60));
    let without = Theorem { without: vec!["Nat.add_comm".into()], ..theorem("theorem t (a b : Nat) : a + b = b + a") };
    let (_never, stop) = Stop::channel();
    let tidied = tidied_with(&pool, &without, &["have h := a", "omega"], PATIENT, &stop).await;
    assert_eq!(tidied.theorem.without, without.without);
    assert!(pool.recheck(&without, &tidied.proof).await.unwrap().value.accepted);
    assert_eq!(tidied.proof, ["omega"]);
    pool.shutdown().await;
}

#[test]
fn what_is_delivered_is_tidy_and_checks() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    let statement = "theorem swap (p q : Prop) (n : ℕ) (hp : p) (hq : q) : q ∧ p ∧ n = n";
    let tidy = run(dir, &["prove", "--hosts", "1", statement]);
    assert_exit(&tidy, 0);
    assert!(stdout(&tidy).starts_with("local notation \"ℕ\" => Nat\n\ntheorem swap"), "{}", stdout(&tidy));
    assert!(stderr(&tidy).contains("tidied: "), "{}", stderr(&tidy));
    std::fs::write(dir.join("swap.lean"), &tidy.stdout).unwrap();
    assert_exit(&run(dir, &["check", "swap.lean"]), 0);

    let as_found = run(dir, &["prove", "--hosts", "1", "--no-tidy", statement]);
    assert_exit(&as_found, 0);
    assert!(stdout(&as_found).starts_with(CORE_NOTATION), "{}", stdout(&as_found));
    assert!(!stderr(&as_found).contains("tidied"), "{}", stderr(&as_found));
    // What the user put in front stays, were it the very same lines.
    std::fs::write(dir.join("own.txt"), CORE_NOTATION).unwrap();
    let own = run(dir, &["prove", "--hosts", "1", "--preamble", "@own.txt", statement]);
    assert!(stdout(&own).starts_with(CORE_NOTATION), "{}", stdout(&own));
    let pasted = format!("{CORE_NOTATION}\n\n{statement}");
    let pasted = run(dir, &["prove", "--hosts", "1", &pasted]);
    assert!(stdout(&pasted).starts_with(CORE_NOTATION), "{}", stdout(&pasted));

    let json = run(dir, &["prove", "--hosts", "1", "--json", "theorem t (n : Nat) : n + 0 = n"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let tidy = &json["theorems"][0]["tidy"];
    assert!(tidy["checks"].is_u64() && tidy["before"]["tactics"].is_u64() && tidy["after"]["lines"].is_u64(), "{json}");
    assert_eq!(json["file"].as_str().unwrap().lines().next(), Some("theorem t (n : Nat) : n + 0 = n := by"));
}

#[test]
fn later_proofs_of_a_file_see_the_tidied_ones() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    let text = format!(
        "{CORE_NOTATION}\n\n{TREE}namespace Tree\n\n  theorem flip_flip (t : Tree) : t.flip.flip = t := by sorry\n\nend Tree\n\n\
         theorem again (p q : Prop) (hp : p) (hq : q) : q ∧ p := by\n  sorry\n"
    );
    std::fs::write(dir.join("two.lean"), &text).unwrap();
    let output = run(dir, &["prove", "--hosts", "1", "--timeout", "60", "two.lean", "-o", "filled.lean"]);
    let filled = std::fs::read_to_string(dir.join("filled.lean")).unwrap();
    // The file's own text is as it was.
    assert!(filled.starts_with(&format!("{CORE_NOTATION}\n\n{TREE}namespace Tree\n")), "{filled}");
    assert_eq!(stderr(&output).matches("tidied: ").count(), stderr(&output).matches("proved in ").count());
    if output.status.code() == Some(0) {
        assert_exit(&run(dir, &["check", "filled.lean"]), 0);
    }
}

#[test]
fn an_eval_tells_the_tidying_from_the_search() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    crate::cli::problems(dir);
    let args = ["eval", "five.jsonl", "--hosts", "1", "--expansions", "4", "--json"];
    let output = run(dir, &args);
    assert_exit(&output, 0);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = &lines.last().unwrap()["summary"];
    let proved: Vec<&Value> = lines.iter().filter(|line| line["status"] == "proved").collect();
    assert_eq!(summary["tidying"]["n_proofs"].as_u64(), Some(proved.len() as u64));
    for record in proved {
        assert_eq!(record["proof_length"].as_u64(), record["tidy"]["found"].as_array().map(|found| found.len() as u64));
        assert_eq!(record["ledger"]["rechecks"], 1, "{record}");
        let needs = record["name"] == "linear" || record["name"] == "trivially";
        assert_eq!(record["file"].as_str().unwrap().contains("notation"), needs, "{record}");
    }
    let mut args = args.to_vec();
    args.push("--no-tidy");
    let output = run(dir, &args);
    assert_exit(&output, 0);
    assert!(!stdout(&output).contains("\"tidy\"") && !stdout(&output).contains("tidying"), "{}", stdout(&output));
}

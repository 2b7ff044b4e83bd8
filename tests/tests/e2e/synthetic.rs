//! Statements that the generator and the negation write, in real Lean: they elaborate, and are true or false as they say.

use std::time::Duration;

use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::{Defaults, Problem, Theorem, parse_statement};
use stepwise_learn::corpus::synthetic::generate;
use stepwise_worker::lean::pool::{Pool, Session, SessionStart, StateId};

use crate::lean;

/// Enough for every family, at every level, true and false.
const N_PROBLEMS: usize = 400;

/// Opens them all, a few at a time; what Lean refuses is a fault.
async fn open_all(pool: &Pool, theorems: Vec<Theorem>) -> Vec<Session> {
    let opening: Vec<_> = theorems
        .into_iter()
        .map(|theorem| {
            let pool = pool.clone();
            tokio::spawn(async move {
                match pool.open(theorem.clone()).await.expect("Lean runs").value {
                    SessionStart::Open { session, .. } => Ok(session),
                    SessionStart::Rejected { message } | SessionStart::HostFailed { message } => {
                        Err(format!("{}\n{message}", theorem.statement))
                    }
                }
            })
        })
        .collect();
    let (mut sessions, mut faults) = (Vec::new(), Vec::new());
    for task in opening {
        match task.await.expect("the task ends") {
            Ok(session) => sessions.push(session),
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    sessions
}

/// Whether one of these tactics closes the whole statement.
async fn is_proved(session: &Session, tactics: &[&str]) -> bool {
    let tactics: Vec<String> = tactics.iter().map(|tactic| (*tactic).to_owned()).collect();
    let outcomes = session.apply(StateId::ROOT, &tactics).await.expect("the pool answers").value;
    outcomes.iter().any(|outcome| matches!(outcome, StepOutcome::Proved))
}

fn theorems(problems: &[Problem]) -> Vec<Theorem> {
    problems.iter().map(|problem| problem.theorem.clone()).collect()
}

fn negations(problems: &[Problem]) -> Vec<Theorem> {
    let negated = |problem: &Problem| problem.theorem.negation().expect("generated statements can be negated");
    problems.iter().map(negated).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_statements_elaborate() {
    let problems = generate(5, N_PROBLEMS);
    let pool = lean::pool(2, Duration::from_secs(10));
    let sessions = open_all(&pool, theorems(&problems)).await;
    // No decision procedure proves what is false.
    let mut n_false = 0;
    for (problem, session) in problems.iter().zip(&sessions).filter(|(problem, _)| problem.holds == Some(false)) {
        let proved = is_proved(session, &["simp_all; done", "intros; omega"]).await;
        assert!(!proved, "{} is false and has a proof", problem.theorem.statement);
        n_false += 1;
    }
    assert!(n_false > N_PROBLEMS / 10, "{n_false} false statements");
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn linear_arithmetic_is_decided_as_it_says() {
    // Of systems with four unknowns, which are level 3, a few are too much for omega.
    let linear = |problem: &Problem| problem.source.as_deref() == Some("linear") && problem.difficulty < Some(3);
    let problems: Vec<Problem> = generate(6, N_PROBLEMS).into_iter().filter(linear).collect();
    let pool = lean::pool(2, Duration::from_secs(10));
    for (problem, session) in problems.iter().zip(open_all(&pool, theorems(&problems)).await) {
        // Omega is complete for equations and bounds like these, so that a failure means that a statement is false.
        let proved = is_proved(&session, &["intros; omega"]).await;
        assert_eq!(Some(proved), problem.holds, "{}", problem.theorem.statement);
    }
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_a_closed_statement_and_its_negation_is_proved() {
    let bounded = |problem: &Problem| problem.source.as_deref() == Some("bounded");
    let problems: Vec<Problem> = generate(7, N_PROBLEMS).into_iter().filter(bounded).collect();
    assert!(problems.len() > 10, "{} bounded statements", problems.len());
    let pool = lean::pool(2, Duration::from_secs(20));
    let statements = open_all(&pool, theorems(&problems)).await;
    let negated = open_all(&pool, negations(&problems)).await;
    for ((problem, statement), negation) in problems.iter().zip(statements).zip(negated) {
        let decide = ["decide +kernel"];
        let (proved, disproved) = (is_proved(&statement, &decide).await, is_proved(&negation, &decide).await);
        let holds = problem.holds == Some(true);
        assert_eq!((proved, disproved), (holds, !holds), "{}", problem.theorem.statement);
    }
    pool.shutdown().await;
}

/// Statements of all forms, and a proof of the negation where there is one.
const FORMS: [(&str, Option<&str>); 14] = [
    ("theorem t (x : Nat) (h : x < 3) : x = 1", Some("intro f; exact absurd (f 0 (by decide)) (by decide)")),
    ("theorem t : 1 + 1 = 3 ∧ 1 = 1", Some("decide")),
    ("theorem t {α : Type u} [inst : Inhabited α] (x y : α) : x = y", None),
    ("theorem t.{v, w} {α : Type v} {β : Sort (max v w)} (x : α) (f : α → β → Prop) : ∃ y, f x y", None),
    ("universe u\ntheorem t {α : Type u} (xs ys : List α) : xs ++ ys = ys ++ xs", None),
    ("open Nat in\n@[simp] theorem t (n : Nat) : succ n = n", Some("intro f; exact absurd (f 0) (by decide)")),
    ("set_option maxRecDepth 2000 in\nprivate theorem t x (y) ⦃z : Nat⦄ : x + y = z", Some("intro f; cases @f 0 0 1")),
    ("theorem t (n : Nat := 1) (h : n = 1 := by rfl) -- why\n  : n = 2", Some("intro f; cases f 1 rfl")),
    ("theorem t (h : let m := 1; m = 1) : let k := 2; k = 3", Some("intro f; cases f rfl")),
    (
        "theorem t\n    (a b : Int) /- here -/\n    (h₀ : a = 2) :\n    a + b\n      = 3",
        Some("intro f; cases f 2 0 rfl"),
    ),
    ("example : ∀ x : Bool, x = true", Some("decide")),
    ("lemma «my fact».all [Nonempty Nat] : ∀ n ∈ [1, 2], n = 1", Some("intro f; cases f 2 (by simp)")),
    ("namespace A\ndef two : Nat := 2\ntheorem Nat.t (n : Nat) : n = two", Some("intro f; cases f 3")),
    ("∀ p q : Prop, p ∨ q → p", Some("intro f; exact f False True (Or.inr trivial)")),
];

#[tokio::test(flavor = "multi_thread")]
async fn negations_elaborate_in_all_forms() {
    let pool = lean::pool(2, Duration::from_secs(10));
    let negations = FORMS.map(|(statement, _)| {
        let theorem = parse_statement(statement, &Defaults::default()).expect("a statement");
        theorem.negation().unwrap_or_else(|| panic!("{statement} has a negation"))
    });
    let sessions = open_all(&pool, negations.to_vec()).await;
    for ((statement, proof), session) in FORMS.iter().zip(&sessions) {
        if let Some(proof) = proof {
            assert!(is_proved(session, &[proof]).await, "{proof} refutes {statement}");
        }
    }
    pool.shutdown().await;
}

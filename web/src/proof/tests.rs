//! Going back and forth in a script.

use expect_test::{Expect, expect};
use stepwise_core::goal::Goal;
use stepwise_core::problem::Theorem;

use super::{Proof, StepId};

fn goals(text: &str) -> Vec<Goal> {
    if text.is_empty() { Vec::new() } else { vec![Goal::parse(text)] }
}

fn check(proof: &Proof, expected: Expect) {
    let ahead: Vec<_> = proof.ahead().iter().map(|step| proof.step(*step).tactic.clone()).collect();
    expected.assert_eq(&format!("{} | {}", proof.tactics().join(", "), ahead.join(", ")));
}

fn go(proof: &mut Proof, step: Option<StepId>) {
    proof.go_to(step.expect("a step"));
}

fn example() -> Proof {
    let theorem = Theorem { name: "t".into(), statement: "theorem t : P".into(), ..Theorem::default() };
    let mut proof = Proof::new(theorem, goals("⊢ P"), 5.0);
    proof.take("a", Some(1), goals("⊢ A"), 1.0);
    proof.take("b", Some(2), goals("⊢ B"), 1.0);
    proof
}

#[test]
fn undo_and_redo() {
    let mut proof = example();
    check(&proof, expect!["a, b | "]);
    let back = proof.undo();
    go(&mut proof, back);
    let back = proof.undo();
    go(&mut proof, back);
    check(&proof, expect![" | a, b"]);
    assert_eq!(proof.undo(), None);
    let forth = proof.redo();
    go(&mut proof, forth);
    check(&proof, expect!["a | b"]);
}

#[test]
fn a_branch_that_was_left_stays() {
    let mut proof = example();
    proof.go_to(StepId(1));
    proof.take("c", Some(3), goals(""), 1.0);
    assert!(proof.is_closed());
    check(&proof, expect!["a, c | "]);
    // The old branch is there for whoever goes to it, and a tactic that was taken before is the same step again.
    proof.go_to(StepId(1));
    assert_eq!(proof.take("b", Some(2), goals("⊢ B"), 1.0), StepId(2));
    proof.go_to(StepId(0));
    check(&proof, expect![" | a, b"]);
    let tactics = ["a".to_owned(), "c".to_owned(), "d".to_owned()];
    assert_eq!(proof.follow(&tactics), (StepId(3), &tactics[2..]));
}

#[test]
fn a_new_session_knows_the_statement_only() {
    let mut proof = example();
    assert_eq!(proof.missing(StepId(2)), (StepId(2), vec![]));
    proof.forget_states();
    assert_eq!(proof.missing(StepId(2)), (StepId(0), vec![StepId(1), StepId(2)]));
    proof.found_again(StepId(1), Some(8), goals("⊢ A"));
    assert_eq!(proof.missing(StepId(2)), (StepId(1), vec![StepId(2)]));
}

#[test]
fn an_unfinished_proof_says_so() {
    let mut proof = example();
    expect![[r#"
        theorem t : P := by
          a
          b
          sorry
    "#]]
    .assert_eq(&proof.file());
    proof.take("c", None, goals(""), 1.0);
    expect![[r#"
        theorem t : P := by
          a
          b
          c
    "#]]
    .assert_eq(&proof.file());
}

//! The library corpus on real Lean: statements that elaborate again, restatements that are found, and proofs that may not
//! use what their problem does without.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::{Defaults, Theorem, read_jsonl};
use stepwise_core::random::SplitMix64;
use stepwise_learn::corpus::library::{self, LibraryTheorem, Question};
use stepwise_worker::lean::host::Stated;
use stepwise_worker::lean::library::{Answer, state, theorems};
use stepwise_worker::lean::pool::{SessionStart, StateId};
use stepwise_worker::stop::Stop;

use crate::cli;
use crate::lean;

const HOST_BYTES: u64 = 1536 << 20;

/// What a tactic and a recheck of it say about a theorem: `proved; accepted`, or the reasons why not.
async fn judged(theorem: &Theorem, tactic: &str) -> String {
    let pool = lean::pool(1, Duration::from_secs(20));
    let SessionStart::Open { session, .. } = pool.open(theorem.clone()).await.expect("Lean runs").value else {
        panic!("{} does not open", theorem.statement)
    };
    let tactics = [tactic.to_owned()];
    let outcomes = session.apply(StateId::ROOT, &tactics).await.expect("Lean runs").value;
    let step = match &outcomes[..] {
        [StepOutcome::Proved] => "proved".to_owned(),
        [StepOutcome::Failed { message }] => format!("failed: {}", message.lines().next().unwrap_or_default()),
        other => format!("{other:?}"),
    };
    let verdict = pool.recheck(theorem, &tactics).await.expect("Lean runs").value;
    let verdict =
        if verdict.accepted { "accepted".to_owned() } else { format!("refused: {}", verdict.reasons.join("; ")) };
    pool.shutdown().await;
    format!("{step}\n{verdict}\n")
}

fn addition_commutes() -> Theorem {
    let without = vec!["Nat.add_comm".to_owned()];
    Theorem { without, ..lean::theorem("theorem lib_Nat_add_comm (n m : Nat) : n + m = m + n") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_names_the_theorem_is_refused() {
    let said = judged(&addition_commutes(), "exact Nat.add_comm ..").await;
    expect![[r#"
        failed: the proof uses Nat.add_comm, which this problem does without
        refused: the proof uses Nat.add_comm, which this problem does without
    "#]]
    .assert_eq(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lemma_of_the_proof_hides_nothing() {
    // The auxiliary theorem is a declaration of its own, which the proof term only names.
    let tactic = "have all : ∀ a b : Nat, a + b = b + a := by\n  as_aux_lemma => exact fun a b => Nat.add_comm a b\nexact all n m";
    let said = judged(&addition_commutes(), tactic).await;
    expect![[r#"
        failed: the proof uses Nat.add_comm, which this problem does without
        refused: the proof uses Nat.add_comm, which this problem does without
    "#]]
    .assert_eq(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_proof_is_accepted() {
    assert_eq!(judged(&addition_commutes(), "omega").await, "proved\naccepted\n");
    let inductive = "induction n with\n| zero => rw [Nat.zero_add, Nat.add_zero]\n| succ n ih => rw [Nat.succ_add, ih, Nat.add_succ]";
    assert_eq!(judged(&addition_commutes(), inductive).await, "proved\naccepted\n");
}

/// The library, and the questions that can be asked about it.
async fn questions() -> (Vec<LibraryTheorem>, Vec<Question>) {
    let theorems = theorems(lean::launcher(HOST_BYTES).as_ref()).await.expect("Lean runs");
    let questions = library::questions(&theorems);
    (theorems, questions)
}

/// The answers to the questions about these theorems, in the questions' order.
async fn answers(asked: Vec<Question>) -> Vec<Answer> {
    let (_sender, stop) = Stop::channel();
    let asked: Arc<[Question]> = asked.into();
    state(&lean::launcher(HOST_BYTES), 1, &asked, usize::MAX, &stop, |_, _| {}).await.expect("Lean runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn theorems_are_listed_with_their_restatements() {
    let (theorems, questions) = questions().await;
    assert!(theorems.len() > 25_000, "{} theorems", theorems.len());
    assert!(questions.len() > 15_000, "{} questions", questions.len());
    let mut shown = String::new();
    for name in ["Nat.add_comm", "Nat.mul_add", "Nat.succ_ne_zero", "Nat.lt_of_not_le", "List.append_assoc", "Eq.symm"]
    {
        let found = questions.iter().find(|question| theorems[question.idx].name == name);
        shown.push_str(&format!("{}\n", found.expect(name).without.join(" ")));
    }
    expect![[r#"
        Nat.add_comm
        Nat.mul_add Nat.left_distrib
        Nat.succ_ne_zero
        Nat.lt_of_not_le Nat.gt_of_not_le Nat.lt_of_not_ge
        List.append_assoc
        Eq.symm
    "#]]
    .assert_eq(&shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_elaborate_again() {
    let (theorems, mut asked) = questions().await;
    SplitMix64::new(7).shuffle(&mut asked);
    asked.truncate(150);
    let answers = answers(asked.clone()).await;
    assert_eq!(answers.len(), asked.len());
    let pool = lean::pool(1, Duration::from_secs(20));
    let mut n_stated = 0;
    for (question, answer) in asked.iter().zip(&answers) {
        let theorem = &theorems[question.idx];
        match answer {
            Answer::Stated(Stated::Statement { statement, header }) => {
                n_stated += 1;
                // Through the file's format, and as `eval` would open it.
                let line = library::line(theorem, &library::problem(theorem, question, statement, header));
                let [problem] = read_jsonl("corpus", &line, &Defaults::default()).unwrap().try_into().unwrap();
                assert_eq!(problem.theorem.name, question.flat_name);
                if n_stated % 5 == 0 {
                    let opened = pool.open(problem.theorem).await.expect("Lean runs").value;
                    assert!(matches!(opened, SessionStart::Open { .. }), "{line}{opened:?}");
                }
            }
            Answer::Stated(_) => {}
            Answer::Down(down) => panic!("{}: {down}", theorem.name),
        }
    }
    pool.shutdown().await;
    println!("{n_stated} of {} theorems stated", asked.len());
    assert!(n_stated >= 135, "{n_stated} of {}", asked.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn simp_is_told_to_forget_the_theorem() {
    let (theorems, questions) = questions().await;
    let of = |name: &str| {
        questions.iter().find(|question| theorems[question.idx].name == name).cloned().expect("it is there")
    };
    let question = of("List.length_reverse");
    let [Answer::Stated(Stated::Statement { statement, header })] = &answers(vec![question.clone()]).await[..] else {
        panic!("not stated")
    };
    expect![[r#"
        attribute [-simp] List.length_reverse
        attribute [-grind] List.length_reverse
        theorem lib_List_length_reverse.{u_1} {α : Type u_1} {as : List α} : as.reverse.length = as.length
    "#]]
    .assert_eq(&format!("{header}\n{statement}\n"));
    let theorem = library::problem(&theorems[question.idx], &question, statement, header).theorem;
    let mut said = judged(&theorem, "simp").await;
    // Without the header `simp` finds the theorem, and is not let through.
    said.push_str(&judged(&Theorem { preamble: String::new(), ..theorem.clone() }, "simp").await);
    // Other ways stay open.
    let by_induction =
        "induction as with\n| nil => rfl\n| cons a as ih => rw [List.reverse_cons, List.length_append, ih]; rfl";
    said.push_str(&judged(&theorem, by_induction).await);
    expect![[r#"
        failed: `simp` made no progress
        refused: <input>:2:2: error: `simp` made no progress
        failed: the proof uses List.length_reverse, which this problem does without
        refused: the proof uses List.length_reverse, which this problem does without
        proved
        accepted
    "#]]
    .assert_eq(&said);
}

#[test]
fn the_command_writes_a_seeded_sample() {
    let _turn = cli::lean_turn();
    let dir = tempfile::tempdir().unwrap();
    let args = ["corpus", "library", "--filter", "^Nat\\.(add|mul)_", "--limit", "5", "--seed", "3", "--hosts", "1"];
    let output = cli::run(dir.path(), &args);
    cli::assert_exit(&output, 0);
    let problems = read_jsonl("stdout", cli::stdout(&output), &Defaults::default()).unwrap();
    let names: Vec<&str> = problems.iter().map(|problem| problem.name.as_str()).collect();
    expect!["Nat.mul_sub_left_distrib Nat.mul_lt_mul_of_pos_left Nat.add_lt_add_left Nat.mul_div_mul_right Nat.mul_div_cancel'"].assert_eq(&names.join(" "));
    let into_file = cli::run(dir.path(), &[&args[..], &["-o", "five.jsonl"]].concat());
    cli::assert_exit(&into_file, 0);
    assert_eq!(std::fs::read_to_string(dir.path().join("five.jsonl")).unwrap(), cli::stdout(&output));
    cli::check_refused(
        dir.path(),
        &["corpus", "library", "--lean-project", "."],
        expect!["error: only the built-in Lean can list its library; leave out --lean-project"],
    );
}

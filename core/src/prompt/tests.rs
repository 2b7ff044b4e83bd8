//! Golden tests of the prompts, byte for byte.

use expect_test::{Expect, expect};

use super::{Prompt, PromptFormat, clean_tactic, critic_prompt, policy_prompt, state_text};
use crate::goal::{Goal, split_goals};
use crate::policy::ProposalRequest;

fn goals() -> Vec<Goal> {
    vec![Goal::parse("case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0"), Goal::parse("case right\nx : ℝ\nh₀ : 0 < x\n⊢ 0 ≤ x")]
}

fn request(history: &[&str]) -> ProposalRequest {
    ProposalRequest {
        theorem: "mathd_algebra_10".to_owned(),
        goals: goals(),
        history: history.iter().map(|tactic| (*tactic).to_owned()).collect(),
        samples: 32,
        pass: 0,
        seed: 1,
        without: Vec::new(),
        ..ProposalRequest::default()
    }
}

fn check(format: PromptFormat, history: &[&str], expected: Expect) {
    expected.assert_eq(&match policy_prompt(format, &request(history)) {
        Prompt::Text(text) => format!("{text:?}"),
        Prompt::Chat(messages) => {
            messages.iter().map(|message| format!("{}: {:?}\n", message.role.name(), message.content)).collect()
        }
    });
}

#[test]
fn several_goals_are_read_back() {
    assert_eq!(split_goals(&state_text(&goals())), goals());
    assert_eq!(state_text(&[]), "no goals");
}

#[test]
fn step_prover_names_theorem_history_and_state() {
    check(
        PromptFormat::StepProver,
        &[],
        expect![[r#"
        user: "---\nNAME: mathd_algebra_10\n\n---\nPROOF_BEFORE: \n\n---\nSTATE_BEFORE: case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0\n\ncase right\nx : ℝ\nh₀ : 0 < x\n⊢ 0 ≤ x\n\n---\nTACTIC: "
    "#]],
    );
    check(
        PromptFormat::StepProver,
        &["intro x h₀", "constructor\n  <;> simp"],
        expect![[r#"
        user: "---\nNAME: mathd_algebra_10\n\n---\nPROOF_BEFORE: intro x h₀\nconstructor\n  <;> simp\n\n---\nSTATE_BEFORE: case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0\n\ncase right\nx : ℝ\nh₀ : 0 < x\n⊢ 0 ≤ x\n\n---\nTACTIC: "
    "#]],
    );
}

#[test]
fn bfs_prover_and_plain_read_the_state_alone() {
    check(
        PromptFormat::BfsProver,
        &["intro x"],
        expect![[r#""case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0\n\ncase right\nx : ℝ\nh₀ : 0 < x\n⊢ 0 ≤ x:::""#]],
    );
    check(
        PromptFormat::Plain,
        &["intro x"],
        expect![[r#""case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0\n\ncase right\nx : ℝ\nh₀ : 0 < x\n⊢ 0 ≤ x\n:=\n""#]],
    );
}

#[test]
fn the_critic_answers_with_the_state() {
    let text = |goals: &[Goal]| -> String {
        critic_prompt(state_text(goals))
            .iter()
            .map(|message| format!("{}: {:?}\n", message.role.name(), message.content))
            .collect()
    };
    expect![[r#"
        user: "Which state is closer to 'no goals'?"
        assistant: "case left\nx : ℝ\nh₀ : 0 < x\n⊢ x ≠ 0"
    "#]]
    .assert_eq(&text(&goals()[..1]));
    expect![[r#"
        user: "Which state is closer to 'no goals'?"
        assistant: "no goals"
    "#]]
    .assert_eq(&text(&[]));
}

fn cleaned(format: PromptFormat, generated: &str, expected: Option<&str>) {
    assert_eq!(clean_tactic(format, generated).as_deref(), expected, "{generated:?}");
}

#[test]
fn a_tactic_is_cut_out_of_what_was_written() {
    use PromptFormat::{BfsProver, Plain, StepProver};
    cleaned(StepProver, " nlinarith [sq_nonneg (x - y)]<|im_end|>\n", Some("nlinarith [sq_nonneg (x - y)]"));
    cleaned(StepProver, "simp\n\n---\nNAME: next", Some("simp"));
    cleaned(StepProver, "```lean4\nsimp\n```\nThis simplifies", Some("simp"));
    cleaned(StepProver, "```lean\n```", None);
    cleaned(StepProver, "```lean", None);
    cleaned(
        StepProver,
        "cases h with\n| inl h => simp\n| inr h =>\n  omega\n",
        Some("cases h with\n| inl h => simp\n| inr h =>\n  omega"),
    );
    // The lines keep their places to each other.
    cleaned(StepProver, "\n  have h : 1 = 1 := by\n    rfl\n  exact h  ", Some("have h : 1 = 1 := by\n  rfl\nexact h"));
    cleaned(StepProver, "    simp\n  omega", Some("simp\nomega"));
    cleaned(StepProver, "simp -- done", Some("simp -- done"));
    cleaned(StepProver, "-- nothing but words", None);
    cleaned(StepProver, " \n\t\n", None);
    cleaned(BfsProver, "linarith:::x : ℕ", Some("linarith"));
    cleaned(Plain, "omega\n:=\nomega", Some("omega"));
    cleaned(Plain, "exact h\u{3000}", Some("exact h"));
    cleaned(Plain, "rfl</s>", Some("rfl"));
    cleaned(Plain, "", None);
}

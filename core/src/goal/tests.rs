//! Tests of the goal parser and the state key, on text that Lean 4.28 printed.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Goal, split_goals, state_key};

fn check(text: &str, expected: Expect) {
    let goal = Goal::parse(text);
    assert_eq!(goal.text, text);
    let mut out = String::new();
    if let Some(case) = &goal.case {
        out.push_str(&format!("case {case}\n"));
    }
    for hypothesis in &goal.hypotheses {
        out.push_str(&format!("{:?} : {:?}", hypothesis.names, hypothesis.ty));
        if let Some(value) = &hypothesis.value {
            out.push_str(&format!(" := {value:?}"));
        }
        out.push('\n');
    }
    out.push_str(&format!("⊢ {:?}", goal.target));
    expected.assert_eq(&out);
}

#[test]
fn reads_names_types_and_case() {
    check(
        "case left\np q : Prop\nn : ℕ\nhp : p\nhq : q\n⊢ p",
        expect![[r#"
            case left
            ["p", "q"] : "Prop"
            ["n"] : "ℕ"
            ["hp"] : "p"
            ["hq"] : "q"
            ⊢ "p""#]],
    );
}

#[test]
fn reads_types_and_targets_over_several_lines() {
    check(
        "k : ℕ\nkey :\n  ∀ (k : ℕ),\n    k = 0 ∧ 2 ^ k % 10 = 1 ∨\n      k % 4 = 1 ∧ 2 ^ k % 10 = 2\n⊢ k = 0 ∧ 2 ^ k % 10 = 1 ∨\n    k % 4 = 1",
        expect![[r#"
            ["k"] : "ℕ"
            ["key"] : "∀ (k : ℕ),\n    k = 0 ∧ 2 ^ k % 10 = 1 ∨\n      k % 4 = 1 ∧ 2 ^ k % 10 = 2"
            ⊢ "k = 0 ∧ 2 ^ k % 10 = 1 ∨\n    k % 4 = 1""#]],
    );
}

#[test]
fn reads_let_values_instances_and_inaccessible_names() {
    check(
        "α : Type\ninst✝¹ : DecidableEq α\ninst✝ : Add α\nx : ℕ := 3\nf : ℕ → ℕ :=\n  fun n => n + 1\nh✝ : let y := 2; y = x\n⊢ f x = 4",
        expect![[r#"
            ["α"] : "Type"
            ["inst✝¹"] : "DecidableEq α"
            ["inst✝"] : "Add α"
            ["x"] : "ℕ" := "3"
            ["f"] : "ℕ → ℕ" := "fun n => n + 1"
            ["h✝"] : "let y := 2; y = x"
            ⊢ "f x = 4""#]],
    );
}

#[test]
fn reads_conversion_goals_and_quoted_names() {
    check(
        "«a : b» c : ℕ\n| c + «a : b»",
        expect![[r#"
            ["«a : b»", "c"] : "ℕ"
            ⊢ "c + «a : b»""#]],
    );
}

#[test]
fn text_without_a_turnstile_is_the_target() {
    check("no goals", expect![[r#"⊢ "no goals""#]]);
    check("", expect![[r#"⊢ """#]]);
}

#[test]
fn splits_the_unsolved_goals_error() {
    let text = "<input>:6:62: error: unsolved goals\ncase left\np q : Prop\n⊢ p\n\ncase right\np q : Prop\n⊢ q\n";
    let goals = split_goals(text);
    let cases: Vec<_> = goals.iter().map(|goal| (goal.case.as_deref(), goal.target.as_str())).collect();
    assert_eq!(cases, [(Some("left"), "p"), (Some("right"), "q")]);
    assert!(split_goals("no goals").is_empty());
    assert_eq!(split_goals("⊢ a\n\n\n⊢ b").len(), 2);
}

fn key(texts: &[&str]) -> String {
    state_key(&texts.iter().map(|text| Goal::parse(text)).collect::<Vec<_>>())
}

#[test]
fn the_key_ignores_case_tags_white_space_and_generated_names() {
    assert_eq!(key(&["case a\nn✝ : ℕ\nh : n✝ =\n  0\n⊢ n✝ = 0"]), key(&["m✝¹ : ℕ\nh : m✝¹ = 0\n⊢ m✝¹ = 0"]));
    assert_eq!(key(&["⊢ ?m.12 = ?w", "⊢ ?w"]), key(&["⊢ ?m.7 = ?m.9", "⊢ ?m.9"]));
    expect![[r#"
        ✝0 b : ℕ h : ✝0 = b ⊢ l[0]? = some ?0
        ⊢ ?0"#]]
    .assert_eq(&key(&["case h.x✝\na✝ b : ℕ\nh : a✝ = b\n⊢ l[0]? = some ?m.3", "⊢ ?m.3"]));
}

#[test]
fn the_key_keeps_what_differs() {
    assert_ne!(key(&["a b : ℕ\n⊢ a = b"]), key(&["a b : ℕ\n⊢ b = a"]));
    assert_ne!(key(&["a✝ b✝ : ℕ\n⊢ a✝ = b✝"]), key(&["a✝ b✝ : ℕ\n⊢ a✝ = a✝"]));
    assert_ne!(key(&["⊢ p", "⊢ q"]), key(&["⊢ q", "⊢ p"]));
    assert_ne!(key(&["⊢ ?a = ?b", "⊢ ?a"]), key(&["⊢ ?a = ?b", "⊢ ?b"]));
}

proptest! {
    #[test]
    fn parsing_never_fails(text in "[a-z✝⊢:= \\n|?«».→∀ℕ(){}0-9¹]{0,80}") {
        let goal = Goal::parse(&text);
        prop_assert_eq!(&goal.text, &text);
        let _ = split_goals(&text);
        let again = Goal { text: goal.text.replace('\n', "\n "), ..goal.clone() };
        prop_assert_eq!(state_key(&[goal]).len(), state_key(&[again]).len());
    }

    #[test]
    fn any_text_is_accepted(text in "\\PC{0,60}") {
        let goal = Goal::parse(&text);
        let _ = (split_goals(&text), state_key(&[goal]));
    }
}

//! What the lexer sees, and what the filter refuses and lets pass.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{first_forbidden, forbidden, tokens};

fn check(source: &str, expected: &Expect) {
    let show = |token: &super::Token| format!("{:?} {:?}", token.kind, token.text(source));
    expected.assert_eq(&tokens(source).iter().map(show).collect::<Vec<_>>().join("\n"));
}

#[test]
fn words_numbers_and_symbols() {
    check(
        "theorem Nat.add'_x₁ (h? : «a b».c!) := x.1.2 + 0xff - 1.5e3..n",
        &expect![[r#"
        Word "theorem"
        Word "Nat.add'_x₁"
        Symbol "("
        Word "h?"
        Symbol ":"
        Word "«a b».c!"
        Symbol ")"
        Symbol ":="
        Word "x"
        Symbol "."
        Number "1.2"
        Symbol "+"
        Number "0xff"
        Symbol "-"
        Number "1.5e3"
        Symbol ".."
        Word "n""#]],
    );
    check(
        "λ x ↦ α.β ∧ 𝒜 ⁻¹' s f '' t",
        &expect![[r#"
        Symbol "λ"
        Word "x"
        Symbol "↦"
        Word "α.β"
        Symbol "∧"
        Word "𝒜"
        Symbol "⁻¹'"
        Word "s"
        Word "f"
        Symbol "''"
        Word "t""#]],
    );
}

#[test]
fn comments_nest() {
    check(
        "a -- b /- \nc /- d /- e -/ sorry -/ f /-! g -/",
        &expect![[r#"
        Word "a"
        Comment "-- b /- "
        Word "c"
        Comment "/- d /- e -/ sorry -/"
        Word "f"
        Comment "/-! g -/""#]],
    );
    check(
        "a /- b /- c -/",
        &expect![[r#"
        Word "a"
        Unclosed "/- b /- c -/""#]],
    );
}

#[test]
fn strings_and_characters() {
    check(
        r##"x "a\"b{sorry}" r"\" r#"a"b"# 'a' '\'' '\u{3b1}' '"' h' y"##,
        &expect![[r##"
        Word "x"
        Str "\"a\\\"b{sorry}\""
        Str "r\"\\\""
        Str "r#\"a\"b\"#"
        Char "'a'"
        Char "'\\''"
        Char "'\\u{3b1}'"
        Char "'\"'"
        Word "h'"
        Word "y""##]],
    );
    check(
        r#"s!"a{f "}" {x := 1}}b\{{y}" z"#,
        &expect![[r#"
        Word "s!"
        Str "\"a{"
        Word "f"
        Str "\"}\""
        Symbol "{"
        Word "x"
        Symbol ":="
        Number "1"
        Symbol "}"
        Str "}b\\{{"
        Word "y"
        Str "}\""
        Word "z""#]],
    );
    check(
        "s!\"a{b",
        &expect![[r#"
        Word "s!"
        Unclosed "\"a{"
        Word "b""#]],
    );
    check("\"open", &expect![[r#"Unclosed "\"open""#]]);
}

fn refuse(proof: &str, expected: &Expect) {
    expected.assert_eq(&forbidden(proof).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_a_proof_may_not_contain() {
    refuse("exact sorry", &expect!["`sorry` in line 1 is not allowed in a proof: it leaves the goal unproved"]);
    refuse("· admit", &expect!["`admit` in line 1 is not allowed in a proof: it leaves the goal unproved"]);
    refuse(
        "exact (Lean.«ofReduceBool» _ _ rfl)",
        &expect![
            "`Lean.«ofReduceBool»` in line 1 is not allowed in a proof: it trusts compiled code, which the axioms Lean.ofReduceBool and Lean.trustCompiler stand for"
        ],
    );
    refuse(
        "exact sorryAx _ false",
        &expect!["`sorryAx` in line 1 is not allowed in a proof: it leaves the goal unproved"],
    );
    refuse(
        "decide +native",
        &expect![
            "`native` in line 1 is not allowed in a proof: it trusts compiled code, which the axioms Lean.ofReduceBool and Lean.trustCompiler stand for"
        ],
    );
    refuse(
        "decide (config := { kernel := true,\n  native := true })",
        &expect![
            "`native` in line 2 is not allowed in a proof: it trusts compiled code, which the axioms Lean.ofReduceBool and Lean.trustCompiler stand for"
        ],
    );
    refuse(
        "rfl\n#eval 1",
        &expect![
            "`#eval` in line 2 is not allowed in a proof: it begins another command, and a proof is one tactic block"
        ],
    );
    refuse(
        "rfl\n\nend Foo\n@[simp] theorem more : False := by stop",
        &expect![[r#"
        `end` in line 3 is not allowed in a proof: it begins another command, and a proof is one tactic block
        `@` in line 4 is not allowed in a proof: it begins another command, and a proof is one tactic block
        `theorem` in line 4 is not allowed in a proof: it begins another command, and a proof is one tactic block
        `stop` in line 4 is not allowed in a proof: it leaves the goal unproved"#]],
    );
    refuse(
        "constructor\n.sorry\n. sorry",
        &expect![[r#"
        `sorry` in line 2 is not allowed in a proof: it leaves the goal unproved
        `sorry` in line 3 is not allowed in a proof: it leaves the goal unproved"#]],
    );
    refuse(
        "open private foo in bar",
        &expect![
            "`private` in line 1 is not allowed in a proof: it begins another command, and a proof is one tactic block"
        ],
    );
    refuse(
        "set_option debug.skipKernelTC true in rfl",
        &expect!["`set_option` in line 1 is not allowed in a proof: this option switches a check off"],
    );
    refuse(
        "fail s!\"{by_elab return x}\"",
        &expect!["`by_elab` in line 1 is not allowed in a proof: it runs code during elaboration"],
    );
    refuse(
        "skip /- sorry",
        &expect![
            "`/- sorry` in line 1 is not allowed in a proof: it is never closed and would swallow what follows the proof"
        ],
    );
}

#[test]
fn what_honest_proofs_contain() {
    for proof in [
        "set_option maxRecDepth 2000 in simp",
        "open Nat Real in omega",
        "simp [«sorry», h.end, Foo.def, x.stop]\n-- sorry\n/- admit -/ exact foo \"axiom\" 'a'",
        "rcases h with ⟨x, hx⟩ | h <;> [simp; decide +kernel]",
        "calc a = b := by rfl\n  _ = c := by nlinarith [sq_nonneg (a - b)]",
        "have h : #s ≤ #(s ∪ t) := Finset.card_le_card (by simp)",
        "let r : Std.Range := { start := 0, stop := 5 }\nexact r.stop",
        "induction n with\n| zero => rfl\n| succ n ih => simp_all (config := {decide := true})",
        "decide (config := { native := false })",
        "fail \"no {sorry} here\"",
        "show f ⁻¹' s ⊆ t; intro x hx; exact h.preimage' hx",
        "haveI := Classical.decPred p; infer_instance",
        "exact ⟨(range).end, xs[0].def⟩",
        "let rec @[simp] go := 1; exact go",
        "conv => lhs; rw [Nat.add_comm]",
        "classical\nexact inferInstance",
    ] {
        assert_eq!(forbidden(proof), [], "{proof}");
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{feff}')
}

proptest! {
    #[test]
    fn any_text_is_covered_in_order(source in r#"([a-z «».'"{}\\/#\-!:=\n⁻¹0-9rs-]|\PC){0,60}"#) {
        let mut end = 0;
        for token in tokens(&source) {
            prop_assert!(token.span.start >= end && token.span.end > token.span.start);
            let between = &source[end..token.span.start];
            prop_assert!(is_blank(between));
            end = token.span.end;
            let before = &source[..token.span.start];
            prop_assert_eq!(token.line as usize, before.matches('\n').count() + 1);
            prop_assert_eq!(token.begins_line, is_blank(before.rsplit('\n').next().unwrap_or_default()));
        }
        prop_assert!(is_blank(&source[end..]));
        prop_assert_eq!(first_forbidden(&source), forbidden(&source).into_iter().next());
    }

    #[test]
    fn comments_and_strings_hide_everything(text in "[a-z #{}]{0,30}") {
        let proof = format!("simp /- {text} -/ -- {text}\nfail \"{text}\"");
        prop_assert!(forbidden(&proof).is_empty());
    }
}

#[test]
fn of_a_text_made_to_keep_us_busy_the_first_findings_are_told() {
    for unit in ["class ", "@[", "sorry\n", "stop; ", "r#", "«", "s!\"{"] {
        let proof = unit.repeat(300_000);
        assert!(forbidden(&proof).len() <= 20, "{unit}");
    }
}

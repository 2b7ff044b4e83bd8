//! The machine against scripted answers: an oracle says which texts are proofs, and what goals each tactic leaves.

use expect_test::{Expect, expect};

use super::*;
use crate::problem::{CORE_NOTATION, Theorem};

/// What tactics do to the first goal: the goals, by their tags, that they leave in its place.
type Effects<'a> = &'a [(&'a str, &'a [&'a str])];

/// Tidies a proof; `is_proof` is asked about texts. Gives the tidied text.
fn tidied(proof: &[&str], effects: Effects<'_>, is_proof: impl Fn(&str) -> bool) -> String {
    let proof: Vec<String> = proof.iter().map(|tactic| (*tactic).to_owned()).collect();
    let mut tidy = Tidy::new(&proof, []);
    let mut n_questions = 0;
    while let Some(question) = tidy.ask() {
        n_questions += 1;
        assert!(n_questions <= MAX_QUESTIONS, "the machine does not come to an end");
        match question {
            Question::Trace(tactics) => tidy.traced(traced(&tactics, effects)),
            Question::Check(tactics) => tidy.judged(is_proof(&tactics.join("\n"))),
        }
    }
    tidy.proof().join("\n")
}

fn traced(tactics: &[String], effects: Effects<'_>) -> Option<Vec<Vec<Goal>>> {
    let mut open = vec![goal("", 0)];
    let mut trace = Vec::new();
    for (idx, tactic) in tactics.iter().enumerate() {
        let (_, left) = effects.iter().find(|(known, _)| known == tactic)?;
        open.splice(..1, left.iter().enumerate().map(|(nth, tag)| goal(tag, 10 * (idx + 1) + nth)));
        trace.push(open.clone());
    }
    Some(trace)
}

/// A goal that is told from others by a number.
fn goal(tag: &str, number: usize) -> Goal {
    let case = if tag.is_empty() { String::new() } else { format!("case {tag}\n") };
    Goal::parse(&format!("{case}⊢ {number} = {number}"))
}

fn check_shorter(proof: &[&str], is_proof: impl Fn(&str) -> bool, expected: Expect) {
    expected.assert_eq(&tidied(proof, &[], is_proof));
}

/// All of these words stand in the text.
fn has(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

#[test]
fn lemmas_that_are_not_needed_go() {
    let needs = |words: &'static [&'static str]| move |text: &str| has(text, words);
    check_shorter(&["grind [a1, b2, c3, d4, e5, f6]"], needs(&["grind", "c3", "e5"]), expect!["grind [c3, e5]"]);
    check_shorter(&["grind [a1, b2, c3, d4, e5, f6]"], needs(&["grind"]), expect!["grind"]);
    check_shorter(
        &["simp [← foo, -bar, foo (x := 1), show a = b from rfl, *]"],
        needs(&["simp [", "foo (x := 1)", "*"]),
        expect!["simp [foo (x := 1), *]"],
    );
    check_shorter(&["simp only [f, g] at h ⊢"], needs(&["simp only", "f"]), expect!["simp only [f]"]);
    check_shorter(&["rw [a, b, c] at h ⊢"], needs(&["rw [", "b", "at", "⊢"]), expect!["rw [b] at ⊢"]);
    check_shorter(
        &["simp (config := { arith := true }) [f ⟨1, 2⟩ [a, b], g]"],
        needs(&["simp", "f ⟨1, 2⟩ [a, b]"]),
        expect!["simp [f ⟨1, 2⟩ [a, b]]"],
    );
    check_shorter(&["decide +kernel"], needs(&["decide"]), expect!["decide"]);
    check_shorter(&["simp [f, \"a, b]\", /- g, -/ h]"], needs(&["simp", "\"a, b]\""]), expect![[r#"simp ["a, b]"]"#]]);
}

#[test]
fn later_tactics_take_the_place_of_earlier_ones() {
    let closing = |text: &str| text.ends_with("omega");
    check_shorter(&["have h := foo", "simp at h", "omega"], closing, expect!["omega"]);
    // Another tactic may do what the last one does not.
    check_shorter(
        &["intro x", "obtain ⟨y, rfl⟩ := x", "exact foo y"],
        |text| text == "intro x\ngrind" || text.ends_with("exact foo y") && has(text, &["intro x", "obtain"]),
        expect!["intro x\ngrind"],
    );
    check_shorter(
        &["intro x", "simp [f]", "done"],
        |text| has(text, &["intro x", "simp", "f"]),
        expect!["intro x\nsimp [f]"],
    );
    // What only asks is worth any proof.
    check_shorter(&["exact?"], |text| text == "simp_all" || text == "exact?", expect!["simp_all"]);
}

#[test]
fn chains_and_wrappers_go_where_the_plain_tactic_suffices() {
    check_shorter(
        &["cases h <;> simp_all [foo] <;> omega"],
        |text| has(text, &["cases h", "<;>", "omega"]),
        expect!["cases h <;> omega"],
    );
    check_shorter(
        &["intro x <;> simp [foo]"],
        |text| has(text, &["intro x", "simp [foo]"]),
        expect!["intro x\nsimp [foo]"],
    );
    check_shorter(&["first | omega | exact foo bar"], |text| has(text, &["exact foo bar"]), expect!["exact foo bar"]);
    check_shorter(
        &["all_goals (try simp [foo, bar]; exact baz)"],
        |text| has(text, &["exact baz"]),
        expect!["exact baz"],
    );
    check_shorter(
        &["(intro x; exact foo x)"],
        |text| has(text, &["intro x", "exact foo x"]),
        expect!["intro x\nexact foo x"],
    );
    check_shorter(
        &["intro x", "intro y", "rw [foo]", "rw [bar]", "exact c"],
        |text| has(text, &["intro x", "y", "foo", "bar]", "exact c"]),
        expect![[r#"
        intro x y
        rw [foo, bar]
        exact c"#]],
    );
}

#[test]
fn blocks_inside_are_tidied_too() {
    let proof =
        ["induction n with\n| zero => simp [f, g]\n| succ n ih =>\n  have h := foo n\n  simp [f, g, ih, h]\n  omega"];
    check_shorter(
        &proof,
        |text| {
            has(text, &["induction n with", "| zero => simp", "| succ n ih =>"])
                && (text.ends_with("omega") && text.contains("ih]"))
        },
        expect![[r#"
            induction n with
            | zero => simp
            | succ n ih =>
              simp [ih]
              omega"#]],
    );
    check_shorter(
        &["have h : a = b := by\n  simp [foo]\n  omega", "exact h ▸ rfl"],
        |text| has(text, &["have h : a = b := by", "exact h ▸ rfl", "omega"]),
        expect![[r#"
            have h : a = b := by
              omega
            exact h ▸ rfl"#]],
    );
    check_shorter(
        &["exact ⟨1, by simp [f, g], by omega⟩"],
        |text| has(text, &["exact ⟨1, by simp", "by omega⟩"]),
        expect!["exact ⟨1, by simp, by omega⟩"],
    );
}

/// Tidies with an oracle that takes every text that has all of the tactics.
fn check_structure(proof: &[&str], effects: Effects<'_>, refuses: impl Fn(&str) -> bool, expected: Expect) {
    let parts: Vec<&str> = proof
        .iter()
        .flat_map(|tactic| tactic.lines())
        .map(|line| line.trim_start_matches("rename_i").trim_end_matches("?_").trim())
        .collect();
    let is_proof = |text: &str| parts.iter().all(|part| text.contains(part)) && !refuses(text);
    expected.assert_eq(&tidied(proof, effects, is_proof));
}

#[test]
fn loose_tactics_come_under_their_goals() {
    let effects: Effects<'_> = &[
        ("constructor", &["left", "right"]),
        ("intro h", &[""]),
        ("exact h.foo", &[]),
        ("simp [foo]", &[]),
        ("omega", &[]),
        ("induction n with\n| zero => ?_\n| succ n ih => ?_", &["zero", "succ"]),
        ("induction t", &["leaf", "node"]),
        ("cases x with\n| inl a => exact a\n| inr b => ?_", &["inr"]),
        ("rename_i l r hl hr", &["node"]),
        ("grind [foo l]", &[]),
    ];
    check_structure(
        &["constructor", "intro h", "exact h.foo", "simp [foo]"],
        effects,
        |_| false,
        expect![[r#"
            constructor
            · intro h
              exact h.foo
            · simp [foo]"#]],
    );
    check_structure(
        &[
            "induction n with\n| zero => ?_\n| succ n ih => ?_",
            "simp [foo]",
            "constructor",
            "omega",
            "intro h",
            "exact h.foo",
        ],
        effects,
        |text| text.contains("?_"),
        expect![[r#"
            induction n with
            | zero => simp [foo]
            | succ n ih =>
              constructor
              · omega
              · intro h
                exact h.foo"#]],
    );
    check_structure(
        &["induction t", "simp [foo]", "rename_i l r hl hr", "grind [foo l]"],
        effects,
        |_| false,
        expect![[r#"
            induction t with
            | leaf => simp [foo]
            | node l r hl hr => grind [foo l]"#]],
    );
    // Where Lean does not take the arms, bullets stand in.
    check_structure(
        &["induction t", "simp [foo]", "rename_i l r hl hr", "grind [foo l]"],
        effects,
        |text| text.contains("| leaf"),
        expect![[r#"
            induction t
            · simp [foo]
            · rename_i l r hl hr
              grind [foo l]"#]],
    );
    check_structure(
        &["cases x with\n| inl a => exact a\n| inr b => ?_", "intro h", "exact h.foo"],
        effects,
        |text| text.contains("?_"),
        expect![[r#"
            cases x with
            | inl a => exact a
            | inr b =>
              intro h
              exact h.foo"#]],
    );
    check_structure(
        &["constructor", "omega", "omega"],
        effects,
        |text| text.matches("omega").count() < 2 && text != "constructor <;> omega",
        expect!["constructor <;> omega"],
    );
}

#[test]
fn loose_tactics_inside_blocks_come_under_their_goals_by_trial() {
    let is_proof = |text: &str| {
        has(
            text,
            &["induction n with", "zero => rfl", "succ n ih =>", "constructor", "simp [foo]", "exact ih", "omega"],
        ) && (text.contains("; ") || text.contains("exact ih\n") && text.contains("· omega"))
    };
    check_shorter(
        &["induction n with\n| zero => rfl\n| succ n ih => constructor; simp [foo]; exact ih; omega"],
        is_proof,
        expect![[r#"
            induction n with
            | zero => rfl
            | succ n ih =>
              constructor
              · simp [foo]
                exact ih
              · omega"#]],
    );
}

#[test]
fn a_tactic_for_all_goals_is_handed_out() {
    let goals = |n: usize| (0..n).map(|number| goal("", number)).collect::<Vec<_>>();
    let step = |tactic: &str, goals: Vec<Goal>| Step { tactic: tactic.into(), goals };
    let steps =
        [step("cases h with\n| inl a => ?_\n| inr b => ?_", goals(2)), step("all_goals simp [foo]", Vec::new())];
    expect![[r#"
        cases h with
        | inl a => simp [foo]
        | inr b => simp [foo]"#]]
    .assert_eq(&structure::structured(&steps)[0]);
    check_shorter(
        &["cases h with\n| inl a => simp [foo]\n| inr b => simp [foo]"],
        |text| text == "cases h <;> simp [foo]",
        expect!["cases h <;> simp [foo]"],
    );
}

#[test]
fn what_works_on_several_goals_stays_flat() {
    let goals = |n: usize| (0..n).map(|number| goal("", number)).collect::<Vec<_>>();
    let step = |tactic: &str, goals: Vec<Goal>| Step { tactic: tactic.into(), goals };
    let steps =
        [step("constructor", goals(2)), step("swap", goals(2)), step("omega", goals(1)), step("rfl", Vec::new())];
    assert_eq!(structure::structured(&steps), Vec::<String>::new());
    // The other goal is known to be another one only by its text.
    let changed = vec![goal("", 7)];
    let steps = [step("constructor", goals(2)), step("simp_all", changed), step("omega", Vec::new())];
    assert_eq!(structure::structured(&steps), Vec::<String>::new());
}

#[test]
fn a_refused_text_is_not_asked_about_again() {
    let proof = ["simp [a, b, c]".to_owned(), "omega".to_owned()];
    let refuted = [vec!["omega".to_owned()], vec!["simp [a, b, c]".to_owned()], vec!["grind".to_owned()]];
    let mut tidy = Tidy::new(&proof, refuted.clone());
    let mut asked = Vec::new();
    while let Some(question) = tidy.ask() {
        match question {
            Question::Trace(_) => tidy.traced(None),
            Question::Check(tactics) => {
                asked.push(tactics);
                tidy.judged(false);
            }
        }
    }
    assert!(asked.iter().all(|tactics| !refuted.contains(tactics)), "{asked:?}");
    let n_asked = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), n_asked);
    assert_eq!(tidy.proof(), proof);
}

#[test]
fn odd_proofs_are_left_alone() {
    assert_eq!(tidied(&[], &[], |_| true), "");
    // The white space in the string is a part of it.
    assert_eq!(tidied(&["exact foo \"a\n   b\" [c, d]"], &[], |_| true), "exact foo \"a\n   b\" [c, d]");
    assert_eq!(tidied(&["simp [foo\r\n  , bar]\r\n"], &[], |text| has(text, &["simp", "foo"])), "simp [foo]");
    for text in [
        "·",
        "(",
        "| x => ",
        "by",
        "<;>",
        "a <;>",
        "first",
        "first | ",
        "case x =>",
        "induction n with |",
        "simp [",
        ";;",
        "· ·",
        "«",
        "at",
        "(a",
        "x)",
    ] {
        assert_eq!(tidied(&[text], &[], |_| false), text, "{text}");
        // Whatever is made of it, it ends.
        tidied(&[text], &[], |_| true);
    }
}

#[test]
fn a_proof_without_measure_is_read_and_left_alone() {
    for part in [
        "· ",
        "(",
        "first | ",
        "simp <;> ",
        "by ",
        "case x => ",
        "try ",
        "[",
        "cases h with | a => ",
        "\n| x => ",
        "simp; ",
        "x\n",
        "have : p := by\n  ",
    ] {
        for n in [3, 300, 1000, 100_000] {
            let text = part.repeat(n);
            let mut tidy = Tidy::new(std::slice::from_ref(&text), []);
            for _ in 0..5 {
                match tidy.ask() {
                    Some(Question::Trace(_)) => tidy.traced(None),
                    Some(Question::Check(_)) => tidy.judged(false),
                    None => break,
                }
            }
            assert_eq!(tidy.proof(), [text]);
        }
    }
}

#[test]
fn the_proofs_before_are_kept_to_fall_back_on() {
    let proof = ["simp [a, b]".to_owned()];
    let mut tidy = Tidy::new(&proof, []);
    while let Some(question) = tidy.ask() {
        match question {
            Question::Trace(_) => tidy.traced(None),
            Question::Check(tactics) => tidy.judged(tactics == ["simp"]),
        }
    }
    assert_eq!(tidy.proof(), ["simp"]);
    assert_eq!(tidy.earlier().last(), Some(&proof.to_vec()));
}

#[test]
fn long_lines_are_broken_and_short_bodies_pulled_up() {
    let check = |text: &str, expected: Expect| expected.assert_eq(&layout::laid_out(text).unwrap_or_default());
    check(
        "cases h with\n| inl a =>\n  exact a\n| inr b =>\n  simp\n  omega",
        expect![[r#"
        cases h with
        | inl a => exact a
        | inr b =>
          simp
          omega"#]],
    );
    let names: Vec<String> = (0..12).map(|idx| format!("a_long_lemma_{idx}")).collect();
    check(
        &format!("· simp [{}] <;> omega", names.join(", ")),
        expect![[r#"
        · simp [a_long_lemma_0, a_long_lemma_1, a_long_lemma_2, a_long_lemma_3, a_long_lemma_4,
            a_long_lemma_5, a_long_lemma_6, a_long_lemma_7, a_long_lemma_8, a_long_lemma_9,
            a_long_lemma_10, a_long_lemma_11] <;> omega"#]],
    );
    check(
        "cases h with\n| inl a => constructor\n           · simp\n             done\n           · omega\n| inr b => simp; omega",
        expect![[r#"
            cases h with
            | inl a =>
              constructor
              · simp
                done
              · omega
            | inr b => simp; omega"#]],
    );
    assert_eq!(layout::laid_out("simp\nomega"), None);
}

#[test]
fn lengths_count_what_is_read() {
    let check = |text: &str, expected: Expect| expected.assert_eq(&format!("{:?}", Length::of(&[text.to_owned()])));
    check("omega", expect!["Length { tactics: 1, characters: 5, lines: 1 }"]);
    check("constructor <;> (intro x; simp [f, g])", expect!["Length { tactics: 3, characters: 32, lines: 1 }"]);
    check(
        "induction n with\n| zero => ?_\n| succ n ih => simp\n\nexact ⟨by omega, rfl⟩",
        expect!["Length { tactics: 4, characters: 55, lines: 4 }"],
    );
    check("", expect!["Length { tactics: 0, characters: 0, lines: 0 }"]);
}

#[test]
fn notation_stands_only_where_it_is_used() {
    let check = |preamble: &str, statement: &str, proof: &str, expected: Expect| {
        let theorem = Theorem { preamble: preamble.into(), statement: statement.into(), ..Theorem::default() };
        let shown = with_notation_used(&theorem, &[proof.to_owned()])
            .map_or("as it was".to_owned(), |theorem| theorem.preamble);
        expected.assert_eq(&shown);
    };
    check(CORE_NOTATION, "theorem t (n : Nat) : n = n", "rfl", expect![[r#""#]]);
    check(
        CORE_NOTATION,
        "theorem t (n : ℕ) : n = n",
        "exact (rfl : (n : ℚ) = n)",
        expect![[r#"
        local notation "ℕ" => Nat
        local notation "ℚ" => Rat"#]],
    );
    check(CORE_NOTATION, "theorem t (n : ℕ) (z : ℤ) (q : ℚ) : n = n", "rfl", expect!["as it was"]);
    // Comments, strings and longer names are no use of it.
    check(CORE_NOTATION, "theorem t (ℕfoo : Nat) : \"ℕ\" = \"ℕ\" /- ℤ -/", "rfl -- ℚ", expect![[r#""#]]);
    check(CORE_NOTATION, "theorem t : s!\"{(1 : ℕ)}\" = \"1\"", "rfl", expect![[r#"local notation "ℕ" => Nat"#]]);
    let own = format!("{CORE_NOTATION}\n\ndef f (n : ℤ) := n");
    check(
        &own,
        "theorem t : f 1 = 1",
        "rfl",
        expect![[r#"
        local notation "ℤ" => Int

        def f (n : ℤ) := n"#]],
    );
    // What does not begin with the default lines is somebody's own.
    check("open Nat", "theorem t : 1 = 1", "rfl", expect!["as it was"]);
    check(&format!("{CORE_NOTATION}\nopen Nat"), "theorem t : 1 = 1", "rfl", expect!["as it was"]);
}

#[test]
fn nothing_is_asked_about_what_cannot_be_shorter() {
    assert_eq!(Tidy::new(&["omega".to_owned()], []).ask(), None);
    for proof in ["exact?", "simp [h]", "constructor <;> omega"] {
        assert!(Tidy::new(&[proof.to_owned()], []).ask().is_some(), "{proof}");
    }
}

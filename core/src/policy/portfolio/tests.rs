//! Tests of the portfolio: which tactics typical goals are offered, and what holds for every goal text.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::arith::{Prop, Term};
use super::{Options, propose, propose_with};
use crate::goal::Goal;
use crate::policy::{Candidate, ProposalRequest};

fn request(goals: &[&str]) -> ProposalRequest {
    ProposalRequest {
        theorem: "t".to_owned(),
        goals: goals.iter().map(|text| Goal::parse(text)).collect(),
        history: Vec::new(),
        samples: 16,
        pass: 0,
        seed: 0,
        without: Vec::new(),
        ..ProposalRequest::default()
    }
}

fn tactics(goal: &str) -> Vec<String> {
    propose(&request(&[goal])).into_iter().map(|candidate| candidate.tactic).collect()
}

/// A candidate that begins with `start` is among the first `n`.
fn offers(goal: &str, n: usize, start: &str) {
    let all = tactics(goal);
    assert!(
        all.iter().take(n).any(|tactic| tactic.starts_with(start)),
        "{start} is not in {:#?}",
        &all[..n.min(all.len())]
    );
}

fn check(goal: &str, expected: Expect) {
    expected.assert_eq(&tactics(goal).join("\n--\n"));
}

#[test]
fn introduces_all_binders_under_names_that_are_free() {
    offers("n : ℕ\n⊢ ∀ (n m : ℕ), n < m → ∃ k, m = n + k", 1, "intro n1 m h");
    offers("p q : Prop\n⊢ p → q → p", 1, "intro h h1");
    offers("a : ℕ\n⊢ ¬a < a", 6, "intro h");
    offers("l : List ℕ\n⊢ ∀ x ∈ l, x = x", 1, "intro x h");
    offers("p q : ℕ → Prop\n⊢ (∃ x, p x ∧ q x) → ∃ x, p x", 5, "rintro ⟨x, hxa, hxb⟩");
}

#[test]
fn literals_are_counted() {
    let counted = r#"rw [show "Dear ".length = 5 from rfl, show "\"é\"\n".length = 4 from rfl]"#;
    offers(
        r#"s : String
⊢ "Dear ".length + s.length + "\"é\"\n".length = s.length + 9"#,
        4,
        counted,
    );
    assert!(
        !tactics(
            r#"s : String
⊢ "\x41".length + s.length = s.length + 1"#
        )
        .iter()
        .any(|tactic| tactic.contains("from rfl"))
    );
}

#[test]
fn equations_are_taken_apart() {
    let factored = "have hq : (x - 3) * (x - 2) = 0 := by grind\nrcases Int.mul_eq_zero.mp hq with h1 | h1 <;> ";
    offers("x : ℤ\nh : x ^ 2 - 5 * x + 6 = 0\n⊢ x = 2 ∨ x = 3", 6, factored);
    offers("x : ℚ\nh : x ^ 2 = 9\nh0 : 0 < x\n⊢ x = 3", 6, "have hq : (x - 3) * (x + 3) = 0 := by grind\nrcases Rat.");
    offers("a b : ℕ\nh : a ^ 2 = b ^ 2\n⊢ a = b", 8, "exact (Nat.pow_left_inj (by decide)).mp h");
    offers("a b : ℕ\nh : a.gcd b = 4\nk : a * b = 96\n⊢ a.lcm b = 24", 4, "have hgl := Nat.gcd_mul_lcm a b\ngrind");
    offers("a b c : ℤ\nh : a ∣ b\nk : a ∣ c\n⊢ a ∣ 3 * b - c", 8, "repeat' first | assumption | apply Int.dvd_sub");
    offers("a b c : ℕ\nh : a ∣ b\nk : a ∣ c\n⊢ a ∣ 3 * b + c", 8, "repeat' first | assumption | apply Nat.dvd_add");
}

#[test]
fn splits_connectives() {
    offers("p q : Prop\nhp : p\nhq : q\n⊢ p ∧ q", 1, "constructor");
    offers("p q : Prop\n⊢ p ∧ q ↔ q ∧ p", 2, "constructor <;> intro h");
    offers("p q : Prop\nh : p\n⊢ p ∨ q", 8, "left");
    offers("p q r : Prop\nh : p ∧ q ∧ r\n⊢ r", 8, "obtain ⟨ha, hb, hc⟩ := h");
    offers("p q r : Prop\nh : p ∨ q\n⊢ r", 4, "rcases h with h | h");
    offers("P : ℕ → Prop\nh : ∃ x, P x\n⊢ False", 1, "obtain ⟨x, h⟩ := h");
}

#[test]
fn a_quantifier_takes_the_connectives_behind_it() {
    offers("⊢ ¬∃ n, n * n = 2 ∧ n < 5", 1, "intro h");
    offers("⊢ ¬∃ n, n * n = 2 ∧ n < 5", 6, "rintro ⟨n, hxa, hxb⟩");
    offers("p : Prop\nP : ℕ → Prop\n⊢ p → ¬∃ x y, P x ∨ P y", 8, "rintro h ⟨x, y, h1x⟩");
    for state in [
        "⊢ ¬∃ n, n * n = 2 ∧ n < 5",
        "⊢ ¬∀ n, n * n = 2 ∨ n < 5",
        "P : ℕ → Prop\nh : ¬∃ n, P n ∧ P (n + 1)\n⊢ False",
        "P : ℕ → Prop\nh : ¬∀ n, P n ∨ P (n + 1)\n⊢ False",
        "P Q : ℕ → Prop\nh : ¬∃ n, P n ↔ Q n\n⊢ False",
        "P Q : ℕ → Prop\nh : ∃ n, P n ↔ Q n\n⊢ P 0 → False",
    ] {
        let wrong = ["constructor", "refine ⟨?_, ?_⟩", "left", "obtain ⟨ha, hb⟩", "rcases h with h | h", "rw [h]"];
        let offered = tactics(state);
        assert!(!offered.iter().any(|tactic| wrong.iter().any(|wrong| tactic.starts_with(wrong))), "{offered:#?}");
    }
}

#[test]
fn uses_the_hypotheses() {
    offers("p q : Prop\nhp : p\nhq : q\n⊢ q", 1, "exact hq");
    offers("a b : ℤ\nh : a = b\n⊢ b = a", 1, "exact h.symm");
    offers("p q : Prop\nh : p → q\nhp : p\n⊢ q", 2, "apply h");
    offers("n k : ℕ\nh : n = 2 * k\n⊢ n * n = 4 * (k * k)", 6, "subst h");
    offers("α : Type\nf : α → α\nx : α\nh : f x = x\n⊢ f (f x) = x", 6, "rw [h]");
}

#[test]
fn guesses_witnesses() {
    offers("a b : ℕ\nh : a < b\n⊢ ∃ k, b = a + k + 1", 1, "exact ⟨b - 1 - a, by omega⟩");
    offers("n : ℕ\nh : n % 2 = 0\n⊢ ∃ k, n = 2 * k", 1, "exact ⟨n / 2, by omega⟩");
}

#[test]
fn does_induction_and_cases_on_the_variables_at_hand() {
    offers("n : ℕ\n⊢ n < 2 ^ n", 5, "induction n with\n| zero => simp_all\n| succ n ih => grind");
    offers("α : Type\nl : List α\n⊢ l ++ [] = l", 4, "induction l with\n| nil => simp_all\n| cons x xs ih => simp_all");
    offers("a b : Bool\n⊢ (a && b) = (b && a)", 3, "cases a <;> cases b <;> simp_all");
    offers("a b : Bool\n⊢ (a && b) = (b && a)", 6, "revert a b; decide");
    offers("p q : Prop\n⊢ (p → q) ∨ (q → p)", 6, "by_cases hp : p <;> by_cases hq : q <;> simp_all");
}

#[test]
fn splits_residues() {
    check(
        "a : ℤ\n⊢ a ^ 2 % 4 = 0 ∨ a ^ 2 % 4 = 1",
        expect![[r#"
            omega
            --
            grind
            --
            have hr : a % 4 = 0 ∨ a % 4 = 1 ∨ a % 4 = 2 ∨ a % 4 = 3 := by omega
            rcases hr with hr | hr | hr | hr <;> simp [hr, Int.dvd_iff_emod_eq_zero, Int.pow_succ, Int.mul_emod, Int.add_emod, Int.sub_emod]
            --
            simp_all
            --
            simp
            --
            rfl
            --
            left
            --
            right
            --
            by_cases h : a ^ 2 % 4 = 0
            --
            have hr : a % 4 = 0 ∨ a % 4 = 1 ∨ a % 4 = 2 ∨ a % 4 = 3 := by omega
            rcases hr with hr | hr | hr | hr <;> simp_all [Int.dvd_iff_emod_eq_zero, Int.pow_succ, Int.mul_emod, Int.add_emod, Int.sub_emod]
            --
            have hr : a % 4 = 0 ∨ a % 4 = 1 ∨ a % 4 = 2 ∨ a % 4 = 3 := by omega
            rcases hr with hr | hr | hr | hr <;> grind
            --
            have hr : a % 4 = 0 ∨ a % 4 = 1 ∨ a % 4 = 2 ∨ a % 4 = 3 := by omega
            rcases hr with hr | hr | hr | hr
            --
            simp +arith
            --
            cases a
            --
            exact?"#]],
    );
    offers("x y : ℕ\nh : x % 19 = 4\nh' : y % 19 = 7\n⊢ (x + 1) ^ 2 * (y + 5) ^ 3 % 19 = 13", 5, "simp [");
}

#[test]
fn proves_the_cycle_of_a_power() {
    let all = tactics("n : ℕ\n⊢ ¬7 ∣ 2 ^ n + 1");
    expect![[r"
        have key : ∀ k : Nat, 0 < 2 ^ k ∧ (k % 3 = 0 ∧ 2 ^ k % 7 = 1 ∨ k % 3 = 1 ∧ 2 ^ k % 7 = 2 ∨ k % 3 = 2 ∧ 2 ^ k % 7 = 4) := by
          intro k
          induction k with
          | zero => decide
          | succ k ih =>
            obtain ⟨hp, ih⟩ := ih
            rw [Nat.pow_succ]
            refine ⟨by omega, ?_⟩
            rcases ih with ih | ih | ih
            · exact .inr (.inl (by omega))
            · exact .inr (.inr (by omega))
            · exact .inl (by omega)
        have hk := key (n)
        clear key
        omega"]]
    .assert_eq(all.iter().find(|tactic| tactic.starts_with("have key")).expect("a lemma about powers"));
}

/// `omega` does not read the square, and `simp` needs what the power leaves and what the number leaves.
#[test]
fn a_power_is_put_together_with_residues_that_are_known() {
    let all = tactics("k : ℕ\ne : k % 4 = 0 ∧ k % 10 = 0 ∧ 16 ≤ k\n⊢ (k ^ 2 + 2 ^ k) % 10 = 6");
    let closing =
        "<;> try first | omega | (simp [Nat.dvd_iff_mod_eq_zero, Nat.pow_mod, Nat.mul_mod, Nat.add_mod, e, hk]; done)";
    assert!(all.iter().take(8).any(|tactic| tactic.ends_with(closing)), "{all:#?}");
}

#[test]
fn bounds_a_variable_by_products_before_trying_its_values() {
    let all = tactics("x y : ℤ\nh₀ : 0 < y\nh₁ : y < x\nh₂ : x + y + x * y = 80\n⊢ x = 26");
    expect![[r"
        have hlt_y : y < 8 := by
          refine Int.lt_of_not_ge fun hge => ?_
          have hb1 := (Int.mul_le_mul (by omega : 9 ≤ x) (by omega : 8 ≤ y) (by decide) (Int.le_trans (by decide) (by omega : 9 ≤ x)))
          first | omega | grind
        have hc : y = 1 ∨ y = 2 ∨ y = 3 ∨ y = 4 ∨ y = 5 ∨ y = 6 ∨ y = 7 := by omega
        rcases hc with rfl | rfl | rfl | rfl | rfl | rfl | rfl <;> omega"]]
    .assert_eq(all.iter().find(|tactic| tactic.contains("rcases hc")).expect("a case distinction"));
}

#[test]
fn lets_the_kernel_decide_finite_ranges() {
    let all = tactics("x y : ℕ\nh : 2 ^ x * 3 ^ y = 1296\n⊢ x + y = 8");
    let decided = all.iter().find(|tactic| tactic.ends_with("decide +kernel")).expect("a finite check");
    assert!(decided.contains("have hlt_x : x < 11 := by") && decided.contains("have hlt_y : y < 7 := by"), "{decided}");
    offers("n : ℕ\nh : n ^ 3 < 30\n⊢ n ≤ 3", 8, "refine Decidable.byContradiction");
}

#[test]
fn replaces_truncated_subtraction() {
    offers("n : ℕ\nu : ℕ → ℕ\n⊢ u n = 2 ^ (n + 1) - (n + 2)", 3, "suffices hs : u n + (n + 2) = 2 ^ (n + 1) by omega");
}

#[test]
fn eliminates_the_variable_from_a_common_divisor() {
    offers("n : ℕ\n⊢ (n + 7).gcd (2 * n + 1) ≤ 13", 3, "have hg := Nat.gcd_dvd_left (n + 7) (2 * n + 1)");
}

#[test]
fn offers_mathlib_only_where_it_is() {
    let goal = request(&["x y : ℤ\n⊢ 2 * x * y ≤ x ^ 2 + y ^ 2"]);
    let has = |candidates: &[Candidate]| candidates.iter().any(|candidate| candidate.tactic.starts_with("nlinarith"));
    assert!(!has(&propose(&goal)));
    assert!(has(&propose_with(&goal, Options { mathlib: true })));
}

#[test]
fn does_not_repeat_what_the_history_rules_out() {
    let mut wanted = request(&["n : ℕ\n⊢ ¬7 ∣ 2 ^ n + 1"]);
    wanted.samples = 100;
    let lemma = propose(&wanted).into_iter().find(|candidate| candidate.tactic.starts_with("have")).expect("a lemma");
    wanted.history = vec![lemma.tactic.clone()];
    assert!(propose(&wanted).iter().all(|candidate| candidate.tactic != lemma.tactic));
}

#[test]
fn later_passes_vary_the_order_by_the_seed_alone() {
    let order = |pass: u32, seed: u64| {
        let mut wanted = request(&["n m : ℕ\nh : n ^ 2 = m ^ 2\n⊢ n = m"]);
        (wanted.pass, wanted.seed) = (pass, seed);
        propose(&wanted).into_iter().map(|candidate| candidate.tactic).collect::<Vec<_>>()
    };
    assert_eq!(order(0, 1), order(0, 2));
    assert_eq!(order(1, 1), order(1, 1));
    assert_ne!(order(0, 1), order(1, 1));
    assert_ne!(order(1, 1), order(2, 1));
}

#[test]
fn arithmetic_text_survives_reading_and_printing() {
    for text in [
        "a + b * c ^ 2 - 1",
        "(a + b) * (c - 3) % 7",
        "2 ^ (2 * n + 1) + 1",
        "(↑n - 1) * ↑n * (↑n + 1)",
        "a - (b - c)",
        "u (n + 1) + f 3 x",
        "(n + 7).gcd (2 * n + 1)",
        "-x + y",
    ] {
        assert_eq!(Term::parse(text).map(|term| term.show()).as_deref(), Some(text));
    }
    assert!(Prop::parse("a < b ∧ (p ∨ ¬q) → x ∣ y + 1").is_some());
    assert!(Prop::parse("∃ x, x = 1").is_none());
    assert!(Prop::parse(&"(".repeat(10_000)).is_none());
}

fn holds_for_all(candidates: &[Candidate], samples: u32) {
    assert!(candidates.len() <= usize::try_from(samples).expect("a small number"));
    let mut total = 0.0;
    for (idx, candidate) in candidates.iter().enumerate() {
        assert!(candidate.logprob <= 0.0 && candidate.logprob.is_finite(), "{candidate:?}");
        assert_eq!(candidate.n_tokens, 0);
        assert!(candidates[..idx].iter().all(|other| other.tactic != candidate.tactic), "{candidate:?} comes twice");
        assert!(idx == 0 || candidates[idx - 1].logprob >= candidate.logprob);
        total += candidate.logprob.exp();
    }
    assert!(candidates.is_empty() || (total - 1.0).abs() < 1e-9);
}

/// Texts made of what goals are made of, so that the parsers are reached.
fn goal_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "n",
        "m",
        "x✝",
        "h",
        "p",
        "f",
        "l",
        "ℕ",
        "ℤ",
        "ℚ",
        "Bool",
        "List",
        "Prop",
        "0",
        "1",
        "7",
        "2008",
        "99999999999999999999",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "=",
        "≠",
        "<",
        "≤",
        "∣",
        "∧",
        "∨",
        "→",
        "↔",
        "¬",
        "∀",
        "∃",
        "x,",
        "(",
        ")",
        "↑",
        ".gcd",
        ":",
        "fun",
        "=>",
        "if",
        "⟨",
        "⟩",
        "-1",
        "[",
        "]",
        "∈",
        "?m.1",
        "\n",
        "\n⊢ ",
        "case a\n",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" ").replace("\n ", "\n"))
}

proptest! {
    #[test]
    fn any_goal_gets_distinct_ordered_candidates(
        texts in prop::collection::vec(goal_text(), 0..4), samples in 0_u32..40, pass in 0_u32..3, seed in any::<u64>(),
    ) {
        let mut wanted = request(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        (wanted.samples, wanted.pass, wanted.seed) = (samples, pass, seed);
        let first = propose(&wanted);
        holds_for_all(&first, samples);
        prop_assert_eq!(first, propose(&wanted));
    }

    #[test]
    fn arithmetic_goals_get_candidates(
        a in 0_i64..5000, b in 1_i64..5000, e in 0_u32..9, symbol in prop::sample::select(vec!["=", "≤", "<", "∣", "≠"]),
    ) {
        let text = format!("x y : ℕ\nz : ℤ\nh : x ^ {e} * y + x * y ^ 2 {symbol} {a}\nh2 : ↑x * z = {b}\n⊢ 2 ^ x % {b} = y");
        let candidates = propose(&request(&[&text]));
        prop_assert_eq!(candidates.len(), 16);
        holds_for_all(&candidates, 16);
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,80}") {
        holds_for_all(&propose(&request(&[&text])), 16);
    }
}

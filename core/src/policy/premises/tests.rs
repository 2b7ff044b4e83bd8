//! What is retrieved for a goal, and what is drafted with it.

use expect_test::{Expect, expect};

use super::{Premise, Premises, words_of};
use crate::goal::Goal;
use crate::policy::ProposalRequest;
use crate::problem::{Defaults, read_jsonl};

/// Forty-two theorems of Lean's own library.
fn premises() -> Premises {
    let text = include_str!("testdata/sample.jsonl");
    let problems = read_jsonl("sample.jsonl", text, &Defaults::default()).unwrap();
    Premises::new(
        problems.into_iter().map(|problem| Premise { name: problem.name, statement: problem.theorem.statement }),
    )
}

fn request(goal: &str) -> ProposalRequest {
    ProposalRequest {
        theorem: "t".to_owned(),
        goals: vec![Goal::parse(goal)],
        history: Vec::new(),
        samples: 8,
        pass: 0,
        seed: 0,
        without: Vec::new(),
        ..ProposalRequest::default()
    }
}

/// The first five lemmas for a goal, with their scores.
fn check_ranking(goal: &str, expected: &Expect) {
    let premises = premises();
    let goal = Goal::parse(goal);
    let hits = premises.rank(&goal, &words_of(&goal), |_| true, |score| score);
    let lines: Vec<String> = hits.iter().take(5).map(|hit| format!("{:.2} {}\n", hit.score, hit.lemma.name)).collect();
    expected.assert_eq(&lines.concat());
}

fn check_tactics(goal: &str, expected: &Expect) {
    let candidates = premises().propose(&request(goal));
    let lines: Vec<String> =
        candidates.iter().map(|candidate| format!("{:.2} {}\n", candidate.logprob.exp(), candidate.tactic)).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn lemmas_are_ranked_by_what_they_share_with_the_target() {
    check_ranking(
        "α : Type\nxs ys : List α\n⊢ (xs ++ ys).reverse.length = ys.length + xs.length",
        &expect![[r#"
        1.00 List.length_append
        0.61 List.length_reverse
        0.47 List.length_map
        0.30 Nat.add_comm
        0.28 List.reverse_append
    "#]],
    );
    // Dots and full names are alike.
    check_ranking(
        "α β : Type\nf : α → β\nxs : List α\n⊢ xs.reverse.map f = (xs.map f).reverse",
        &expect![[r#"
        1.00 List.map_reverse
        0.63 List.reverse_reverse
        0.47 List.map_map
        0.39 List.reverse_append
        0.38 List.map_append
    "#]],
    );
    // The target counts more than what is known.
    check_ranking(
        "a b c : Nat\nh : a ∣ b\nh' : a ≤ c\n⊢ a ∣ b.gcd c",
        &expect![[r#"
            1.00 Nat.gcd_dvd_left
            0.82 Nat.dvd_gcd_iff
            0.79 Nat.dvd_trans
            0.55 Nat.gcd_comm
            0.23 Nat.le_trans
        "#]],
    );
    check_ranking(
        "p q : Prop\n⊢ p ∧ q → q ∧ p",
        &expect![[r#"
            1.00 and_comm
            0.75 not_and
            0.53 Nat.dvd_gcd_iff
            0.18 List.mem_map
        "#]],
    );
    check_ranking("⊢ nothing known", &expect![""]);
}

#[test]
fn forms_follow_the_shape_of_lemma_and_goal() {
    // An equation.
    check_tactics(
        "a b c : Nat\n⊢ a * b * c = c * (b * a)",
        &expect![[r#"
            0.15 simp [Nat.mul_assoc, Nat.mul_comm, Nat.left_distrib]
            0.15 grind [Nat.mul_assoc, Nat.mul_comm, Nat.left_distrib]
            0.15 grind [Nat.mul_assoc, Nat.mul_comm, Nat.left_distrib, Nat.mul_le_mul, Int.mul_comm, Nat.div_add_mod]
            0.13 simp [Nat.mul_assoc]
            0.13 induction c <;> simp_all [Nat.mul_assoc, Nat.mul_comm, Nat.left_distrib]
            0.11 simp [Nat.mul_comm]
            0.10 rw [Nat.mul_assoc]
            0.09 induction c <;> grind [Nat.mul_assoc, Nat.mul_comm, Nat.left_distrib]
        "#]],
    );
    // An equivalence, and something to do induction on.
    check_tactics(
        "α : Type\nx : α\nxs ys : List α\nh : x ∈ xs\n⊢ x ∈ ys ++ xs",
        &expect![[r#"
            0.15 simp [List.mem_append, List.mem_reverse, List.append_assoc]
            0.15 grind [List.mem_append, List.mem_reverse, List.append_assoc]
            0.15 grind [List.mem_append, List.mem_reverse, List.append_assoc, List.map_append, List.reverse_append, List.length_append]
            0.13 simp [List.mem_append]
            0.13 induction ys <;> simp_all [List.mem_append, List.mem_reverse, List.append_assoc]
            0.11 simp_all [List.mem_append, List.mem_reverse, List.append_assoc]
            0.10 rw [List.mem_append]
            0.09 induction ys <;> grind [List.mem_append, List.mem_reverse, List.append_assoc]
        "#]],
    );
    // Lemmas with hypotheses.
    check_tactics(
        "a b c : Nat\nh : a ≤ b\n⊢ a * c ≤ b * c",
        &expect![[r#"
            0.15 simp [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm]
            0.15 grind [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm]
            0.15 grind [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm, Nat.le_antisymm, Nat.mul_assoc, Nat.left_distrib]
            0.13 induction c <;> simp_all [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm]
            0.12 apply Nat.mul_le_mul <;> assumption
            0.12 simp_all [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm]
            0.09 apply Nat.mul_le_mul
            0.09 induction c <;> grind [Nat.mul_le_mul, Nat.le_trans, Nat.mul_comm]
        "#]],
    );
}

#[test]
fn a_relation_is_carried_over_to_another_type() {
    check_tactics(
        "x y z : Fin 7\n⊢ x + y + z = z + y + x",
        &expect![[r#"
            0.15 simp [Fin.val_add, Nat.add_assoc, Nat.add_left_comm]
            0.15 grind [Fin.val_add, Nat.add_assoc, Nat.add_left_comm]
            0.15 grind [Fin.val_add, Nat.add_assoc, Nat.add_left_comm, Nat.add_comm, Bool.not_not, Nat.left_distrib]
            0.12 simp [Fin.val_add]
            0.12 simp [Fin.ext_iff]
            0.11 rw [Fin.ext_iff] <;> simp
            0.11 rw [Fin.ext_iff] <;> grind
            0.10 rw [Fin.val_add]
        "#]],
    );
    // A lemma about a type that the goal does not speak of is none for it.
    check_tactics(
        "x y z : Nat\n⊢ x + y + z = z + y + x",
        &expect![[r#"
            0.15 simp [Nat.add_assoc, Nat.add_left_comm, Nat.add_comm]
            0.15 grind [Nat.add_assoc, Nat.add_left_comm, Nat.add_comm]
            0.15 grind [Nat.add_assoc, Nat.add_left_comm, Nat.add_comm, Nat.left_distrib, Nat.sub_add_cancel, Nat.le_antisymm]
            0.12 simp [Nat.add_assoc]
            0.12 simp [Nat.add_left_comm]
            0.12 induction z <;> simp_all [Nat.add_assoc, Nat.add_left_comm, Nat.add_comm]
            0.10 simp [Nat.add_comm]
            0.10 rw [Nat.add_assoc]
        "#]],
    );
}

#[test]
fn what_the_theorem_does_without_is_not_named() {
    let premises = premises();
    let mut request = request("x y : Nat\n⊢ x + y = y + x");
    let names = |request: &ProposalRequest, name: &str| {
        premises.propose(request).iter().any(|candidate| candidate.tactic.contains(name))
    };
    assert!(names(&request, "Nat.add_comm"));
    request.without = vec!["Nat.add_comm".to_owned()];
    assert!(!names(&request, "Nat.add_comm"));
    assert!(names(&request, "Nat.add_left_comm"));
}

#[test]
fn proposals_depend_on_seed_and_pass_alone() {
    let premises = premises();
    let plain = request("α : Type\nxs ys : List α\n⊢ (xs ++ ys).reverse.length = ys.length + xs.length");
    let other_seed = ProposalRequest { seed: 1, ..plain.clone() };
    let other_pass = ProposalRequest { pass: 1, ..plain.clone() };
    let tactics = |request: &ProposalRequest| {
        premises.propose(request).into_iter().map(|candidate| candidate.tactic).collect::<Vec<_>>()
    };
    assert_eq!(premises.propose(&plain), premises.propose(&plain));
    assert_ne!(tactics(&plain), tactics(&other_seed));
    assert_ne!(tactics(&plain), tactics(&other_pass));
}

#[test]
fn a_prior_is_a_distribution_without_repeats() {
    for (seed, samples) in [(0, 1), (1, 8), (2, 1000)] {
        let request = ProposalRequest { seed, samples, ..request("xs : List Nat\n⊢ xs.reverse.length = xs.length") };
        let candidates = premises().propose(&request);
        assert!(!candidates.is_empty() && candidates.len() <= samples as usize);
        let total: f64 = candidates.iter().map(|candidate| candidate.logprob.exp()).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        assert!(candidates.windows(2).all(|pair| pair[0].logprob >= pair[1].logprob));
        let mut tactics: Vec<_> = candidates.iter().map(|candidate| &candidate.tactic).collect();
        tactics.sort_unstable();
        assert!(tactics.windows(2).all(|pair| pair[0] != pair[1]));
    }
    assert!(premises().propose(&ProposalRequest { goals: Vec::new(), ..request("") }).is_empty());
    assert!(Premises::default().is_empty() && Premises::default().propose(&request("⊢ 1 = 1")).is_empty());
    assert_eq!(premises().len(), 42);
}

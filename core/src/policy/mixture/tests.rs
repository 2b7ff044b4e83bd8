//! The mixture's arithmetic on any two lists.

use proptest::prelude::*;

use super::*;
use crate::goal::Goal;
use crate::policy::premises::Premise;

/// Tactics from a small alphabet, so that the two lists share some.
fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let candidate = ("[a-f]", -30.0..=0.0, 0_u32..9);
    proptest::collection::vec(candidate, 0..8).prop_map(|drawn| {
        let mut all: Vec<Candidate> = Vec::new();
        for (tactic, logprob, n_tokens) in drawn {
            if all.iter().all(|known| known.tactic != tactic) {
                all.push(Candidate { tactic, logprob, n_tokens });
            }
        }
        all.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        all
    })
}

fn logprob_of(candidates: &[Candidate], tactic: &str) -> Option<f64> {
    candidates.iter().find(|candidate| candidate.tactic == tactic).map(|candidate| candidate.logprob)
}

/// What a policy answers that is asked for so many.
fn asked(policy: &[Candidate], samples: u32) -> Vec<Candidate> {
    policy.iter().take(samples as usize).cloned().collect()
}

proptest! {
    #[test]
    fn a_mixture_is_a_distribution_over_the_tactics_of_both(
        first in candidates(), second in candidates(), samples in 2_u32..16, share in 0.01..=0.99,
    ) {
        let shares = Shares::new(samples, share);
        let first = asked(&first, shares.first());
        let second = asked(&second, shares.second(first.len()));
        let mixed = shares.mix(first.clone(), second.clone());
        let sum: f64 = mixed.iter().map(|candidate| candidate.logprob.exp()).sum();
        prop_assert!(mixed.is_empty() || (sum - 1.0).abs() < 1e-9, "{sum}");
        prop_assert!(mixed.len() <= samples as usize);
        prop_assert!(mixed.iter().all(|candidate| candidate.logprob.is_finite() && candidate.logprob <= 0.0));
        prop_assert!(mixed.is_sorted_by(|a, b| a.logprob >= b.logprob));

        for (idx, candidate) in mixed.iter().enumerate() {
            let known = |list| logprob_of(list, &candidate.tactic).is_some();
            prop_assert!(known(&first) || known(&second), "{candidate:?}");
            prop_assert!(mixed[idx + 1..].iter().all(|other| other.tactic != candidate.tactic), "{candidate:?} twice");
        }
        for list in [&first, &second] {
            prop_assert!(list.iter().all(|candidate| logprob_of(&mixed, &candidate.tactic).is_some()));
        }
    }

    #[test]
    fn no_policy_gives_more_than_it_was_asked_for(
        first in candidates(), second in candidates(), samples in 2_u32..16, share in 0.01..=0.99,
    ) {
        let shares = Shares::new(samples, share);
        let n_second = shares.second(first.len());
        let kept = shares.mix(asked(&first, shares.first()), asked(&second, n_second));
        prop_assert_eq!(shares.mix(first, second), kept);
    }

    #[test]
    fn agreement_helps_and_each_policy_keeps_its_order(
        first in candidates(), second in candidates(), samples in 2_u32..16, share in 0.01..=0.99,
    ) {
        let shares = Shares::new(samples, share);
        let first = asked(&first, shares.first());
        let second = asked(&second, shares.second(first.len()));
        prop_assume!(!first.is_empty() && !second.is_empty());
        let w_first = f64::from(shares.first()) / f64::from(samples);
        let alone = shares.mix(first.clone(), Vec::new());
        prop_assert_eq!(alone.len(), first.len());
        let mixed = shares.mix(first.clone(), second.clone());
        for candidate in &alone {
            let in_mixture = logprob_of(&mixed, &candidate.tactic).unwrap();
            prop_assert!(in_mixture >= candidate.logprob + w_first.ln() - 1e-9);
        }
        let own = |candidate: &&Candidate| logprob_of(&second, &candidate.tactic).is_none();
        let order: Vec<f64> = first.iter().filter(own).map(|c| logprob_of(&mixed, &c.tactic).unwrap()).collect();
        prop_assert!(order.is_sorted_by(|a, b| *a >= *b - 1e-12), "{order:?}");
    }

    #[test]
    fn every_sample_is_somebodys(samples in 0_u32..1000, share in 0.0..=1.0, n_found in 0_usize..1000) {
        let shares = Shares::new(samples, share);
        let own = shares.second(shares.first() as usize);
        prop_assert_eq!(shares.first() + own, samples);
        prop_assert!((f64::from(own) - f64::from(samples) * share).abs() <= 1.0);
        if samples >= 2 && share > 0.0 && share < 1.0 {
            prop_assert!(shares.first() > 0 && own > 0);
        }
        let n_kept = n_found.min(shares.first() as usize) as u32;
        let left = if own == 0 { 0 } else { samples - n_kept };
        prop_assert_eq!(shares.second(n_found), left);
    }
}

#[test]
fn scales_that_do_not_compare_are_made_to() {
    // Both policies are equally sure of their first tactic, though one says 0.9 per token and the other a prior of 0.1.
    let list = |tactics: [&str; 2], logprobs: [f64; 2]| {
        let both = tactics.into_iter().zip(logprobs);
        both.map(|(tactic, p)| Candidate { tactic: tactic.to_owned(), logprob: p.ln(), n_tokens: 0 }).collect()
    };
    let mixed = Shares::new(4, 0.5).mix(list(["simp", "rfl"], [0.9, 0.3]), list(["omega", "rfl"], [0.1, 0.1 / 3.0]));
    let shown: Vec<String> = mixed.iter().map(|c| format!("{} {:.3}", c.tactic, c.logprob.exp())).collect();
    assert_eq!(shown, ["simp 0.375", "omega 0.375", "rfl 0.250"]);
}

#[test]
fn log_probabilities_of_minus_infinity_do_no_harm() {
    let never = |tactic: &str| Candidate { tactic: tactic.to_owned(), logprob: f64::NEG_INFINITY, n_tokens: 1 };
    let mixed = Shares::new(4, 0.5).mix(vec![never("a"), never("b")], vec![never("a")]);
    assert!(mixed.iter().all(|candidate| candidate.logprob.is_finite()), "{mixed:?}");
}

#[test]
fn the_portfolio_and_lemmas_share_the_samples() {
    let premise = |name: &str, statement: &str| Premise { name: name.to_owned(), statement: statement.to_owned() };
    let lemmas = Premises::new([premise("Nat.add_comm", "theorem t (n m : Nat) : n + m = m + n")]);
    let request = |samples| ProposalRequest {
        theorem: "t".to_owned(),
        goals: vec![Goal::parse("x y : Nat\n⊢ x + y = y + x")],
        history: Vec::new(),
        samples,
        pass: 0,
        seed: 0,
        without: Vec::new(),
        ..ProposalRequest::default()
    };
    let tactics = |samples| {
        let candidates = portfolio_with_lemmas(&lemmas, LEMMAS_SHARE, &request(samples)).into_iter();
        candidates.map(|candidate| candidate.tactic).collect::<Vec<String>>()
    };
    assert!(tactics(8).iter().any(|tactic| tactic.contains("Nat.add_comm")), "{:?}", tactics(8));
    assert!(tactics(8).len() <= 8);
    assert!(tactics(0).is_empty());
}

//! Own definitions that are drawn, in real Lean: their evidence is accepted, and what is drawn is what the seed says.

use std::time::Duration;

use stepwise_core::problem::Problem;
use stepwise_learn::corpus::developments::{Evidence, draw};
use stepwise_worker::lean::developments::{Fate, check, drawn};
use stepwise_worker::stop::Stop;

use crate::lean;

#[tokio::test(flavor = "multi_thread")]
async fn lean_accepts_what_is_said_of_nearly_all_developments() {
    let pool = lean::pool(2, Duration::from_secs(20));
    let (_never, stop) = Stop::channel();
    let mut refused = Vec::new();
    let each = |problem: &Problem, fate: &Fate| {
        if let Fate::Refused(reason) = fate {
            refused.push(format!("{}: {reason}", problem.name));
        }
    };
    let problems = drawn(&pool, 11, 40, 2, &stop, |_| true, each).await.expect("Lean runs");
    assert_eq!(problems.len(), 40);
    assert!(problems.iter().any(|problem| problem.holds == Some(false)));
    assert!(refused.len() <= 6, "{refused:#?}");
    // However many are checked at once, the same ones are drawn.
    let again = drawn(&pool, 11, 6, 1, &stop, |_| true, |_, _| {}).await.expect("Lean runs");
    assert_eq!(again, problems[..6]);
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_proof_is_refused() {
    let pool = lean::pool(1, Duration::from_secs(20));
    let mut development = (0..).map(|place| draw(12, place)).find(|drawn| drawn.problem.holds == Some(true)).unwrap();
    development.evidence = Evidence::Proof("skip".to_owned());
    assert!(matches!(check(&pool, &development).await.expect("Lean runs"), Fate::Refused(_)));
    // Neither does a true theorem have a counterexample.
    development.evidence = Evidence::Refutation("intro h; simp_all".to_owned());
    assert!(matches!(check(&pool, &development).await.expect("Lean runs"), Fate::Refused(_)));
    pool.shutdown().await;
}

//! What nobody waits for any more is stopped, and holds nobody else back.

use std::time::Duration;

use stepwise_core::outcome::StepOutcome;
use stepwise_worker::lean::pool::StateId;

use crate::lean;

/// Longer than anybody would wait for this test.
const STEP_LIMIT: Duration = Duration::from_secs(1800);

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_tactic_gives_the_process_back() {
    let pool = lean::pool(1, STEP_LIMIT);
    let calm = lean::open(&pool, "theorem calm (p q : Prop) (hp : p) (hq : q) : p ∧ q").await;
    let restless = lean::open(&pool, "theorem restless (p : Prop) : p").await;
    let opened = calm.apply(StateId::ROOT, &["constructor".to_owned()]).await.unwrap().value.remove(0);
    let StepOutcome::Open { state, .. } = opened else { panic!("{opened:?}") };

    let sleep = ["sleep 1700000".to_owned()];
    let abandoned = tokio::time::timeout(Duration::from_millis(300), restless.apply(StateId::ROOT, &sleep)).await;
    assert!(abandoned.is_err(), "{abandoned:?}");

    let tactics = ["exact hq".to_owned(), "all_goals assumption".to_owned()];
    let answer = tokio::time::timeout(Duration::from_secs(300), calm.apply(state, &tactics)).await;
    let outcomes = answer.expect("the process is free again").unwrap().value;
    assert!(matches!(outcomes[..], [StepOutcome::Failed { .. }, StepOutcome::Proved]), "{outcomes:?}");
    let stats = pool.stats();
    assert_eq!((stats.lost, stats.started, stats.replayed), (1, 1, 0), "{stats:?}");
}

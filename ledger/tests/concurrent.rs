//! Eight workers, two verifiers and a keeper at one ledger at once, on both databases. No order of events is the right one:
//! what must hold is asked of the tables while they work and afterwards, and all that was acknowledged is there.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod audit;
mod databases;
mod made;
mod swarm;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use audit::Auditor;
use databases::{Kind, fresh};
use swarm::Swarm;

/// For how long one campaign follows another.
fn lasts() -> Duration {
    let s = std::env::var("STEPWISE_SWARM_S").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(s.unwrap_or(4))
}

/// Proofs without a verdict; those of a solved problem that say the same say nothing new.
const WAITING: &str = "SELECT c.id FROM candidate c JOIN problem p ON p.id = c.problem
    WHERE c.state IN ('waiting', 'checking') AND p.standing = 'open'";

async fn campaigns(kind: Kind) {
    let begun = Instant::now();
    let (mut n_campaigns, mut n_results, mut n_looks, mut n_refused) = (0_u64, 0, 0_u64, 0);
    while begun.elapsed() < lasts() {
        let Some(fresh) = fresh(kind).await else { return };
        Swarm::create(&fresh.ledger).await;
        let swarm = Swarm::new(fresh.ledger.clone(), |_| {});
        let mut auditor = Auditor::of(&fresh.address).await.unwrap();
        let works = tokio::spawn(Arc::clone(&swarm).work(n_campaigns));
        while !works.is_finished() {
            assert_eq!(auditor.complaints().await.unwrap(), [""; 0]);
            n_looks += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        works.await.unwrap();
        swarm.settle().await;
        assert_eq!(auditor.complaints().await.unwrap(), [""; 0]);
        let told = swarm.told.lock().unwrap().clone();
        assert_eq!(told.lost(&mut auditor).await.unwrap(), [""; 0]);
        assert_eq!(auditor.numbers(WAITING).await.unwrap(), [0_i64; 0], "proofs wait for ever");
        let counted = auditor.numbers("SELECT count(*) FROM result WHERE is_counted = 1").await.unwrap();
        assert_eq!(counted, [told.n_stored as i64], "effort counts once an attempt");
        n_campaigns += 1;
        n_results += told.submissions.len();
        n_refused += swarm.n_refused.load(Ordering::Relaxed);
    }
    println!(
        "{kind:?}: {n_campaigns} campaigns, {n_results} results, {n_refused} operations tried again, {n_looks} looks"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_hold_holds_of_eight_at_once_on_sqlite() {
    campaigns(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_hold_holds_of_eight_at_once_on_postgresql() {
    campaigns(Kind::Postgres).await;
}

//! Processes that are killed at random during a run: the same proofs come out, nothing is lost, nothing hangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_core::search::{Budget, Search, SearchConfig, SearchEnd};
use stepwise_worker::lean::pool::Pool;
use stepwise_worker::run::policy::{Policy, Portfolio};
use stepwise_worker::run::{Job, run_search};
use stepwise_worker::stop::Stop;

use crate::lean;

/// Proofs of one and of several steps, and one that there is none of.
const STATEMENTS: [&str; 8] = [
    "theorem k1 (p q : Prop) (hp : p) (hq : q) : p ∧ q",
    "theorem k2 (a b c : Nat) (h : a < b) (k : b < c) : a + 1 < c",
    "theorem k3 (n : Nat) : n * (n + 1) % 2 = 0",
    "theorem k4 (xs ys : List Nat) : (xs ++ ys).length = ys.length + xs.length",
    "theorem k5 (n : Nat) : 3 ∣ n ^ 3 + 2 * n",
    "theorem k6 (x y : Int) (h : x + y = 7) (k : x - y = 1) : x = 4 ∧ y = 3",
    "theorem k7 (a : Int) : a ^ 2 % 4 = 0 ∨ a ^ 2 % 4 = 1",
    "theorem k8 (p q : Prop) (h : p ∨ q) : p",
];

/// Kills in one run; STEPWISE_KILLS asks for more.
const KILLS: u32 = 20;

fn config() -> SearchConfig {
    SearchConfig::best_first(Budget::new(6, 3))
}

/// Searches for all of them at once; the proof found for each, if any.
async fn solve(pool: &Pool) -> BTreeMap<&'static str, Option<Vec<String>>> {
    let searches = STATEMENTS.map(|statement| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let policy: Arc<dyn Policy> = Arc::new(Portfolio);
            let (_never, stop) = Stop::channel();
            let job = Job::new(Search::new(lean::theorem(statement), config()), None);
            let ran = run_search(job, &pool, &policy, None, stop, &|_| {}).await.expect("the search runs");
            let proof = match ran.search.end() {
                Some(SearchEnd::Proved { proof, .. }) => Some(proof.clone()),
                Some(SearchEnd::Exhausted | SearchEnd::OutOfBudget { .. }) => None,
                other => panic!("{statement}: {other:?}"),
            };
            (statement, proof)
        })
    });
    let mut solved = BTreeMap::new();
    for search in searches {
        let (statement, proof) = search.await.expect("the search ends");
        solved.insert(statement, proof);
    }
    solved
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn random_kills_change_nothing() {
    let wanted = std::env::var("STEPWISE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let pool = lean::pool(2, Duration::from_secs(30));
    let undisturbed = solve(&pool).await;
    assert!(undisturbed.values().filter(|proof| proof.is_some()).count() >= 6, "{undisturbed:?}");
    let (mut kills, mut rounds, start) = (0, 0, Instant::now());
    while kills < wanted {
        let mut run = Box::pin(solve(&pool));
        let disturbed = loop {
            // Irregular on purpose, but the same in every run: between 0.3 and 1.3 s.
            let pause = Duration::from_millis(300 + u64::from(kills) * 377 % 1000);
            match tokio::time::timeout(pause, &mut run).await {
                Ok(disturbed) => break disturbed,
                Err(_) if kills < wanted => kills += kill_one_of(&pool.process_ids(), kills),
                Err(_) => {} // enough: the last run may come to its end
            }
        };
        assert_eq!(disturbed, undisturbed, "after {kills} kills");
        rounds += 1;
    }
    println!("{kills} kills in {rounds} runs, {:?}, {:?}", start.elapsed(), pool.stats());
    pool.shutdown().await;
}

/// Kills the process that `turn` points at; how many were killed.
#[cfg(unix)]
fn kill_one_of(ids: &[u32], turn: u32) -> u32 {
    let Some(&pid) = ids.get(turn as usize % ids.len().max(1)) else { return 0 };
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
    // It may have ended by itself in the meantime.
    u32::from(nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).is_ok())
}

//! Databases that are killed in the middle of what a whole swarm does, again and again: what was acknowledged is there
//! afterwards, and what must hold does.
//!
//! Each kind is killed for some seconds; with `STEPWISE_KILLS=1000` so many times.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod audit;
mod databases;
mod made;
mod swarm;

use std::ffi::OsStr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use audit::Auditor;
use databases::{Kind, fresh, kill_postgres};
use stepwise_core::wire::campaign::SearchResult;
use stepwise_ledger::{Address, Ledger};
use swarm::{Dice, Swarm, Told};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdout, Command};

/// For how long each kind is killed.
const FOR: Duration = Duration::from_secs(8);

/// The file that a process is to work on until it is killed, and the number of its seed.
const FILE: &str = "STEPWISE_LEDGER_TO_KILL";
const SEED: &str = "STEPWISE_SEED_TO_KILL";

/// What begins a line that says what was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged";

/// The clock of a process begins so much later than that of the one before.
const LATER_MS: i64 = 60_000;

fn is_enough(begun: Instant, n_kills: u64) -> bool {
    match std::env::var("STEPWISE_KILLS").ok().and_then(|n| n.parse::<u64>().ok()) {
        Some(n) => n_kills >= n,
        None => begun.elapsed() >= FOR,
    }
}

/// The process that is killed: this test's own program, run once more.
async fn works_until_killed(file: &OsStr) {
    let ledger = Ledger::open(&Address::File(file.into())).await.unwrap();
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    ledger.put_ahead(seed as i64 * LATER_MS);
    let acknowledge = |result: &SearchResult| {
        println!("{ACKNOWLEDGED} {} {}", result.submission, result.proof.iter().flatten().cloned().collect::<String>());
    };
    Swarm::new(ledger, acknowledge).work(seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_what_it_acknowledged_when_its_process_is_killed() {
    if let Some(file) = std::env::var_os(FILE) {
        return works_until_killed(&file).await;
    }
    let (begun, mut dice) = (Instant::now(), Dice(1));
    let (mut n_kills, mut n_campaigns, mut n_results, mut n_proofs) = (0, 0_u64, 0, 0);
    while !is_enough(begun, n_kills) {
        let fresh = fresh(Kind::Sqlite).await.unwrap();
        Swarm::create(&fresh.ledger).await;
        let Address::File(file) = &fresh.address else { unreachable!("SQLite is in a file") };
        let mut told = Told::default();
        for seed in 0.. {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sqlite_keeps_what_it_acknowledged_when_its_process_is_killed", "--nocapture"])
                .envs([(FILE, file.as_os_str()), (SEED, OsStr::new(&format!("{seed}")))])
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let heard = tokio::spawn(listen(child.stdout.take().unwrap()));
            let lives = Duration::from_millis(50 + dice.roll(300));
            let ended = tokio::time::timeout(lives, child.wait()).await;
            // The signal that nothing can catch.
            child.kill().await.unwrap();
            for (submission, proof) in heard.await.unwrap() {
                told.submissions.insert(submission);
                told.proofs.extend(proof);
            }
            let mut auditor = Auditor::of(&fresh.address).await.unwrap();
            assert_eq!(told.lost(&mut auditor).await.unwrap(), [""; 0], "after {n_kills} kills");
            assert_eq!(auditor.complaints().await.unwrap(), [""; 0], "after {n_kills} kills");
            if let Ok(ended) = ended {
                assert!(ended.unwrap().success(), "it fails by itself");
                break;
            }
            n_kills += 1;
            if is_enough(begun, n_kills) {
                break;
            }
        }
        n_campaigns += 1;
        n_results += told.submissions.len();
        n_proofs += told.proofs.len();
    }
    assert!(n_results > 0, "nothing was acknowledged that could be lost");
    println!("SQLite: {n_kills} kills, {n_campaigns} campaigns, {n_results} results and {n_proofs} proofs, none lost");
}

/// What a process says was acknowledged, until it can say no more.
async fn listen(stdout: ChildStdout) -> Vec<(String, Option<String>)> {
    let mut lines = BufReader::new(stdout).lines();
    let mut heard = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        // A line this short is written whole or not at all.
        let Some((ACKNOWLEDGED, of)) = line.split_once(' ') else { continue };
        let Some((submission, proof)) = of.split_once(' ') else { continue };
        heard.push((submission.to_owned(), Some(proof.to_owned()).filter(|proof| !proof.is_empty())));
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_what_it_acknowledged_when_it_is_killed() {
    let (begun, mut dice) = (Instant::now(), Dice(2));
    let (mut n_kills, mut n_campaigns, mut n_results, mut n_proofs, mut n_refused) = (0, 0_u64, 0, 0, 0);
    while !is_enough(begun, n_kills) {
        let Some(fresh) = fresh(Kind::Postgres).await else { return };
        Swarm::create(&fresh.ledger).await;
        let swarm = Swarm::new(fresh.ledger.clone(), |_| {});
        let works = tokio::spawn(Arc::clone(&swarm).work(n_campaigns));
        while !works.is_finished() {
            tokio::time::sleep(Duration::from_millis(20 + dice.roll(400))).await;
            tokio::task::spawn_blocking(kill_postgres).await.unwrap();
            n_kills += 1;
            let told = swarm.told.lock().unwrap().clone();
            let mut auditor = Auditor::of(&fresh.address).await.unwrap();
            assert_eq!(told.lost(&mut auditor).await.unwrap(), [""; 0], "after {n_kills} kills");
            assert_eq!(auditor.complaints().await.unwrap(), [""; 0], "after {n_kills} kills");
            if is_enough(begun, n_kills) {
                swarm.is_over.store(true, Ordering::Relaxed);
                break;
            }
        }
        works.await.unwrap();
        swarm.settle().await;
        let told = swarm.told.lock().unwrap().clone();
        let mut auditor = Auditor::of(&fresh.address).await.unwrap();
        assert_eq!(told.lost(&mut auditor).await.unwrap(), [""; 0]);
        n_campaigns += 1;
        n_results += told.submissions.len();
        n_proofs += told.proofs.len();
        n_refused += swarm.n_refused.load(Ordering::Relaxed);
    }
    assert!(n_results > 0, "nothing was acknowledged that could be lost");
    println!(
        "PostgreSQL: {n_kills} kills, {n_campaigns} campaigns, {n_results} results and {n_proofs} proofs, none lost; \
         {n_refused} operations tried again"
    );
}

//! How much a ledger takes: bundles claimed a second, and results stored, by as many clients at once as a pool has
//! connections. `cargo bench -p stepwise-ledger`; for PostgreSQL give its address in `STEPWISE_BENCH_DATABASE`, empty.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwise_core::problem::Theorem;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{self as wire, Ending, Enrolment, Lease, Receipt, Recipe, SearchResult, Side};
use stepwise_ledger::operations::{
    Canaries, Claim, Create, Enrol, Granted, HandIn, Invite, Join, NewProblem, NewStage, Timing, Trust,
};
use stepwise_ledger::{Address, Ledger, hash_of};

const CLIENTS: usize = 16;
const PROBLEMS: u64 = 20_000;
const ROUNDS: usize = 5;
const FOR: Duration = Duration::from_secs(4);

/// Claims that were made; they are numbered from 1.
static CLAIMS: AtomicU64 = AtomicU64::new(1);

struct Client {
    account: u64,
    session: u64,
}

async fn campaign(ledger: &Ledger) -> Vec<Client> {
    let recipe = Recipe {
        config: serde_json::Value::Null,
        policy: "portfolio".into(),
        lean: "lean".into(),
        ..Recipe::default()
    };
    let stage = |n| NewStage { name: format!("{n}"), recipe: recipe.clone(), sides: vec![Side::Statement], tries: 60 };
    let problem = |n: u64| NewProblem {
        split: String::new(),
        name: format!("p{n}"),
        theorem: Theorem { statement: format!("theorem p{n} (n : Nat) : n + {n} = {n} + n"), ..Theorem::default() },
    };
    let create = Create {
        name: "bench".into(),
        manifest: serde_json::Value::Null,
        lean: "lean".into(),
        seed: 1,
        problems: (1..=PROBLEMS).map(problem).collect(),
        stages: vec![stage(1)],
        canaries: Canaries::NONE,
    };
    ledger.run(create).await.unwrap();
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let (secret_sha, token_sha) = (hash_of(&format!("i{n}")), hash_of(&format!("t{n}")));
        let invite = Invite { secret_sha: secret_sha.clone(), trust: Trust::Operator, uses: 1, lives_ms: 60_000 };
        ledger.run(invite).await.unwrap();
        let account = ledger.run(Join { secret_sha, token_sha, name: None }).await.unwrap().0;
        let enrolment = Enrolment {
            protocol: 1,
            client: "bench".into(),
            lean: "lean".into(),
            label: String::new(),
            cores: 1,
            memory_mb: 1,
        };
        let session = ledger.run(Enrol { account, enrolment }).await.unwrap();
        clients.push(Client { account, session });
    }
    clients
}

/// Claims bundles of so many searches for a while; gives the bundles a second, and what was claimed.
async fn claim(ledger: &Ledger, clients: &[Client], of: u64, round: usize) -> (f64, Vec<Vec<(Lease, String)>>) {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (idx, &Client { account, session }) in clients.iter().enumerate() {
        let ledger = ledger.clone();
        tasks.spawn(async move {
            let (mut n, mut given) = (0_u64, Vec::new());
            while begun.elapsed() < FOR {
                let name = format!("{round:0>10}-{idx:0>10}-{n:0>10}-{of}");
                let claim = wire::Claim {
                    session,
                    claim: name.clone(),
                    number: CLAIMS.fetch_add(1, Ordering::Relaxed),
                    want_s: of,
                };
                let claimed = ledger
                    .run(Claim {
                        account,
                        claim,
                        pace_ms: 1000,
                        share: u64::MAX,
                        gives: true,
                        measures: true,
                        timing: Timing::default(),
                    })
                    .await;
                let Granted::Bundle(bundle) = claimed.unwrap() else { panic!("too few problems") };
                given.extend(bundle.leases.into_iter().map(|lease| (lease, name.clone())));
                n += 1;
            }
            (idx, n, given)
        });
    }
    let mut all = tasks.join_all().await;
    // They come as they end.
    all.sort_by_key(|(idx, ..)| *idx);
    let n: u64 = all.iter().map(|(_, n, _)| n).sum();
    (n as f64 / begun.elapsed().as_secs_f64(), all.into_iter().map(|(.., given)| given).collect())
}

/// Hands in what was claimed, eight results at a time; gives the results a second.
async fn hand_in(ledger: &Ledger, clients: &[Client], given: Vec<Vec<(Lease, String)>>) -> f64 {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (&Client { account, .. }, given) in clients.iter().zip(given) {
        let ledger = ledger.clone();
        tasks.spawn(async move {
            let mut n = 0;
            for some in given.chunks(8) {
                if begun.elapsed() >= FOR {
                    break;
                }
                let result = |(lease, claim): &(Lease, String)| SearchResult {
                    submission: format!("{claim}-{}", lease.unit),
                    unit: lease.unit,
                    attempt: lease.attempt,
                    claim: claim.clone(),
                    ending: Ending::OutOfBudget,
                    detail: Some("expansions".into()),
                    searched: None,
                    proof: None,
                    cost: CostLedger { wall_ms: 1000, ..CostLedger::default() },
                };
                let results = some.iter().map(result).collect();
                let receipts = ledger.run(HandIn { account, results, timing: Timing::default() }).await.unwrap();
                let other = receipts.iter().find(|receipt| **receipt != Receipt::Stored);
                assert_eq!(other, None, "not stored");
                n += receipts.len();
            }
            n
        });
    }
    let n: usize = tasks.join_all().await.into_iter().sum();
    n as f64 / begun.elapsed().as_secs_f64()
}

fn tell(what: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    println!("{what}: {:.0}/s ({:.0} to {:.0})", rates[rates.len() / 2], rates[0], rates[rates.len() - 1]);
}

async fn measure(name: &str, address: &Address) {
    let ledger = Ledger::open(address).await.unwrap();
    let clients = campaign(&ledger).await;
    let (mut one, mut eight, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=ROUNDS {
        let (single, _) = claim(&ledger, &clients, 1, round).await;
        let (bundles, given) = claim(&ledger, &clients, 8, round).await;
        let results = hand_in(&ledger, &clients, given).await;
        if round > 0 {
            one.push(single);
            eight.push(bundles);
            stored.push(results);
        }
    }
    println!("{name}, {CLIENTS} clients, median of {ROUNDS} rounds (least to most)");
    tell("  claims of one search", one);
    tell("  claims of eight searches", eight);
    tell("  results stored, eight a message", stored);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        measure("SQLite", &Address::File(folder.path().join("ledger.db"))).await;
        if let Ok(address) = std::env::var("STEPWISE_BENCH_DATABASE") {
            measure("PostgreSQL", &Address::Server(address)).await;
        }
    });
}

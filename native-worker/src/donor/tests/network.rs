//! Donors and their coordinator over a network that loses, delays and repeats messages, while either is killed again and
//! again: no proof that was finished is lost, effort counts once, and the campaign comes to its end.
//!
//! The coordinator is the one that `campaign serve` runs, with a ledger in SQLite; donors decide, retry and spool as
//! `stepwise donate` does. Only Lean is none: every statement is wrong to it, so that the proofs are those that donors still
//! have of an earlier run, and the test itself is their verifier.

use axum::Router;
use axum::body::{Body, to_bytes};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use stepwise_core::outcome::Verdict;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{Ending, Receipt, SearchResult, Searched, State as CampaignState};
use stepwise_ledger::operations::{
    Create, HandIn, Invite, Judge as Judged, NewProblem, NewStage, NextCandidate, ReadOverview, Timing, Trust,
};
use stepwise_ledger::{Address, Ledger, hash_of, operations};
use tokio::task::JoinSet;

use super::super::client::{Carrier, Client, Question, Reply, What};
use super::super::engine::donate_by;
use super::super::spool::Spool;
use super::*;
use crate::blobs::Blobs;
use crate::campaign::coordinator::{Coordinator as Coordinating, Options};
use crate::serve::{Access, AccessOptions};

/// Networks that are tried at once; `STEPWISE_SEEDS` says otherwise.
const SEEDS: u64 = 8;

const PROBLEMS: usize = 8;
const DONORS: usize = 3;

/// Proofs that each donor has of an earlier run; the last is of a problem that the next donor has one of too.
const PROOFS: usize = 3;

/// Kills in each campaign.
const KILLS: u64 = 3;

const TIMING: Timing = Timing { lost_ms: 4000, lease_ms: 600_000, rest_ms: 0, check_ms: 2000 };

/// How long a donor may take when all kills are done.
const PATIENCE: Duration = Duration::from_secs(150);

const HOST: &str = "coordinator.example";

/// A bad network, and whoever is reached over it.
struct Network {
    dice: Mutex<u64>,
    coordinator: Mutex<Option<Router>>,
}

impl Network {
    fn of(seed: u64) -> Arc<Self> {
        Arc::new(Self { dice: Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), coordinator: Mutex::new(None) })
    }

    /// A number below this.
    fn roll(&self, below: u64) -> u64 {
        let mut dice = self.dice.lock();
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*dice >> 33) % below
    }

    async fn wait(&self, at_most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.roll(at_most_ms))).await;
    }

    /// What the coordinator answers, where there is one.
    async fn ask(&self, question: &Question) -> Result<Reply, String> {
        let router = self.coordinator.lock().clone().ok_or("nobody is there")?;
        let token = format!("Bearer {}", question.token.as_ref().unwrap().0);
        let request = axum::http::Request::post(&question.url).header(header::HOST, HOST);
        let What::Message(body) = question.what.clone() else { unreachable!("the portfolio has no files") };
        let request = request.header(header::AUTHORIZATION, token).body(Body::from(body)).unwrap();
        let response = TowerToHyperService::new(router).call(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec();
        Ok(Reply { status, retry_after: None, body })
    }
}

/// A donor's end of it.
struct Wire(Arc<Network>);

#[async_trait]
impl Carrier for Wire {
    async fn carry(&self, question: Question) -> Result<Reply, String> {
        let network = &self.0;
        match network.roll(20) {
            0 => {
                network.wait(500).await;
                return Err("the question was lost".to_owned());
            }
            1 => {
                let _ = network.ask(&question).await;
                return Err("the answer was lost".to_owned());
            }
            2 => drop(network.ask(&question).await),
            3 => {
                // It arrives once more when nobody expects it.
                let (network, question) = (Arc::clone(network), question.clone());
                tokio::spawn(async move {
                    network.wait(4000).await;
                    let _ = network.ask(&question).await;
                });
            }
            4 | 5 => network.wait(800).await,
            _ => {}
        }
        network.ask(&question).await
    }
}

fn problem(n: usize) -> NewProblem {
    let name = if n.is_multiple_of(2) { format!("nap{n}") } else { format!("quick{n}") };
    NewProblem { split: String::new(), theorem: theorem(&name), name }
}

async fn create(ledger: &Ledger) {
    let config = Run::new(&SearchConfig::best_first(Budget::new(8, 50)), "", None, "").config;
    let recipe = Recipe { config, policy: "portfolio".to_owned(), lean: LEAN.to_owned(), ..Recipe::default() };
    let stage =
        |n| NewStage { name: format!("stage {n}"), recipe: recipe.clone(), sides: vec![Side::Statement], tries: 1 };
    let create = Create {
        name: "c".to_owned(),
        manifest: json!({}),
        lean: LEAN.to_owned(),
        seed: 0,
        problems: (0..PROBLEMS).map(problem).collect(),
        stages: (1..=2).map(stage).collect(),
        canaries: operations::Canaries::NONE,
    };
    ledger.run(create).await.unwrap();
}

/// A proof of an earlier run, of a search whose number is another's by now.
fn proof(donor: usize, n: usize) -> SearchResult {
    let of = (donor * (PROOFS - 1) + n) % PROBLEMS;
    SearchResult {
        submission: format!("donor-{donor}-proof-{n:0>20}"),
        unit: n as u64 + 7,
        attempt: 1,
        claim: format!("{n:0>32}"),
        searched: Some(Searched { statement: problem(of).theorem.hash(), side: Side::Statement }),
        ending: Ending::Proof,
        detail: None,
        proof: Some(vec!["simp".to_owned()]),
        cost: CostLedger::default(),
    }
}

/// Makes a donor's account, and its folder with what it has of an earlier run; its account's number too.
async fn join(ledger: &Ledger, folder: &Path, donor: usize) -> (Home, u64) {
    let (secret_sha, token) = (hash_of(&format!("secret {donor}")), format!("token {donor}"));
    let invite = Invite { secret_sha: secret_sha.clone(), trust: Trust::Donor, uses: 1, lives_ms: 60_000 };
    ledger.run(invite).await.unwrap();
    let join = operations::Join { secret_sha, token_sha: hash_of(&token), name: None };
    let (id, campaign) = ledger.run(join).await.unwrap();
    let account = Account::new(campaign, Base::parse(&format!("https://{HOST}")).unwrap(), id, token);
    let home = Accounts::open(Some(folder.join(format!("{donor}")))).unwrap().save(&account).unwrap();
    let mut spool = Spool::open(&home, 1 << 20).unwrap();
    for n in 0..PROOFS {
        spool.store(&proof(donor, n)).unwrap();
    }
    (home, id)
}

fn ledger_in(folder: &Path) -> Address {
    Address::File(folder.join("ledger.db"))
}

/// A coordinator and its verifier, which work until they are dropped.
async fn serve(network: &Network, folder: &Path) -> (Coordinating, JoinSet<()>) {
    let ledger = Ledger::open(&ledger_in(folder)).await.unwrap();
    let access = AccessOptions { hosts: vec![HOST.to_owned()], ..AccessOptions::default() };
    let access = Access::new("127.0.0.1:1".parse().unwrap(), access);
    let options = Options {
        timing: TIMING,
        verifiers: Vec::new(),
        verify_s: 60,
        blobs: Blobs::at(folder.join("models")),
        has_rounds: false,
        judged: Arc::new(|_: &_, _| {}),
        over: Arc::new(|| {}),
    };
    let coordinator = Coordinating::begin(ledger.clone(), Arc::new(access), options).await.unwrap();
    let mut verifier = JoinSet::new();
    verifier.spawn(async move {
        loop {
            while let Ok(Some(candidate)) = ledger.run(NextCandidate(TIMING)).await {
                let verdict = Verdict {
                    accepted: true,
                    reasons: Vec::new(),
                    checker: LEAN.to_owned(),
                    lean_version: LEAN.to_owned(),
                    axioms: Vec::new(),
                    unopened: 0,
                    notes: Vec::new(),
                };
                let _ = ledger.run(Judged { candidate: candidate.id, verdict: Some(verdict) }).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    *network.coordinator.lock() = Some(coordinator.routes());
    (coordinator, verifier)
}

/// Starts a donor.
fn start(network: &Arc<Network>, home: &Home) -> JoinHandle<Result<Farewell, DonorError>> {
    let wire = Arc::new(Wire(Arc::clone(network)));
    let client = move |account: &Account| Client::of(account).over(wire);
    let (running, stop) = Stop::channel();
    let pool = PoolConfig { hosts: 2, ..PoolConfig::default() };
    let lean = LeanOffer { launch: Arc::new(Launcher { starts: true }), pool, modules: &["Init"] };
    let home = home.clone();
    tokio::spawn(async move {
        let _running = running;
        donate_by(client, home, offer(), lean, stop, Arc::new(Lines::default())).await
    })
}

/// Waits for a donor's end.
async fn ended(donor: JoinHandle<Result<Farewell, DonorError>>, ledger: &Ledger, home: &Home) -> Farewell {
    match tokio::time::timeout(PATIENCE, donor).await {
        Ok(ended) => ended.unwrap().unwrap(),
        Err(_) => panic!(
            "a donor does not end: {:?}, and the campaign stands so: {:?}",
            home.status(),
            ledger.read(ReadOverview).await
        ),
    }
}

/// One campaign over the network of this seed, to its end.
async fn campaign(seed: u64) {
    let (folder, network) = (tempfile::tempdir().unwrap(), Network::of(seed));
    let ledger = Ledger::open(&ledger_in(folder.path())).await.unwrap();
    create(&ledger).await;
    let mut homes = Vec::new();
    for donor in 0..DONORS {
        homes.push(join(&ledger, folder.path(), donor).await);
    }
    let mut coordinator = serve(&network, folder.path()).await;
    let mut donors: Vec<_> = homes.iter().map(|(home, _)| start(&network, home)).collect();
    for _ in 0..KILLS {
        network.wait(2500).await;
        let n = network.roll(DONORS as u64 + 2) as usize;
        if n < DONORS {
            donors[n].abort();
            // It may have ended by itself.
            let _ = (&mut donors[n]).await;
            donors[n] = start(&network, &homes[n].0);
        } else {
            *network.coordinator.lock() = None;
            drop(coordinator);
            network.wait(1500).await;
            coordinator = serve(&network, folder.path()).await;
        }
    }
    for ((home, _), mut donor) in homes.iter().zip(donors) {
        // Who is told to go while the network is down leaves what it has to its next start.
        while (ended(donor, &ledger, home).await, Spool::open(home, 1 << 20).unwrap().len()) != (Farewell::Finished, 0)
        {
            donor = start(&network, home);
        }
    }
    // The last to come may have come when the campaign was over, and is looked at all the same.
    let overview = loop {
        let overview = ledger.read(ReadOverview).await.unwrap();
        if overview.waiting == 0 {
            break overview;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(overview.state, CampaignState::Done);
    assert_eq!(overview.problems.proved, (DONORS * (PROOFS - 1) + 1) as u64);
    let done: u64 = overview.stages.iter().map(|stage| stage.done).sum();
    assert_eq!(overview.cost.searches, done, "each search counts once");
    for (donor, (_, account)) in homes.into_iter().enumerate() {
        let results = (0..PROOFS).map(|n| proof(donor, n)).collect();
        let receipts = ledger.run(HandIn { account, results, timing: TIMING }).await.unwrap();
        assert_eq!(receipts, [const { Receipt::Duplicate }; PROOFS], "all have arrived");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_network_and_kills_lose_nothing_that_was_finished() {
    let n_seeds = std::env::var("STEPWISE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let (mut campaigns, begun) = (JoinSet::new(), Instant::now());
    for seed in 1..=n_seeds {
        campaigns.spawn(async move { (seed, tokio::spawn(campaign(seed)).await) });
    }
    let mut took = Vec::new();
    while let Some(ended) = campaigns.join_next().await {
        let (seed, ended) = ended.unwrap();
        assert!(ended.is_ok(), "the network of seed {seed}");
        took.push(begun.elapsed().as_secs());
    }
    println!(
        "{} networks, half of them within {} s, all within {} s",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1]
    );
}

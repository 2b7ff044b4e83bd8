//! A whole campaign at once: workers that find, fail, lie, repeat themselves, come late and are lost, verifiers that break
//! down and hang, and a keeper, all at one ledger. What was acknowledged to them is kept, to be asked for afterwards.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{self as wire, Doing, Ending, Receipt, SearchResult, Side};
use stepwise_ledger::operations::{
    Abandon, Advance, Advanced, Beat, Claim, Enrol, Granted, HandIn, Judge, NextCandidate, Reap, Timing,
};
use stepwise_ledger::{Ledger, LedgerError, Operation};

use super::audit::Auditor;
use super::made::{self, enrolment, verdict};

/// Workers, each of an account of its own.
const WORKERS: usize = 8;
const VERIFIERS: usize = 2;
/// As of two coordinators.
const KEEPERS: usize = 2;
const PROBLEMS: u64 = 6;
/// Many and small, so that they are frozen under the workers' hands.
const STAGES: [&[Side]; 8] = [&[Side::Statement, Side::Negation]; 8];

/// Proofs that a worker invents: a stage stays open while any waits.
const INVENTIONS: u64 = 20;

/// The ledger's clock is put ahead by this at each look of the keeper.
const AHEAD_MS: i64 = 20;
const TIMING: Timing = Timing { lost_ms: 3_000, lease_ms: 9_000, rest_ms: 0, check_ms: 1_500 };

/// For how long the same is tried again while the database is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) submissions: BTreeSet<String>,
    /// Proofs, which are all different.
    pub(crate) proofs: BTreeSet<String>,
    /// Results that were said to count.
    pub(crate) n_stored: u64,
}

impl Told {
    /// What a ledger lacks of it, which is nothing.
    pub(crate) async fn lost(&self, auditor: &mut Auditor) -> sqlx::Result<Vec<String>> {
        let results: BTreeSet<String> = auditor.texts("SELECT submission FROM result").await?.into_iter().collect();
        let proofs = auditor.texts("SELECT proof FROM candidate").await?;
        let proofs = proofs.iter().flat_map(|proof| serde_json::from_str::<Vec<String>>(proof).unwrap()).collect();
        Ok(self.submissions.difference(&results).chain(self.proofs.difference(&proofs)).cloned().collect())
    }
}

/// Everybody.
pub(crate) struct Swarm {
    ledger: Ledger,
    pub(crate) told: Mutex<Told>,
    pub(crate) is_over: AtomicBool,
    /// Operations that the database did not take at first.
    pub(crate) n_refused: AtomicU64,
    /// Who says of every acknowledged result so, where somebody else keeps count.
    acknowledge: fn(&SearchResult),
}

/// Chances that are the same in every run of a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// One of so many.
    pub(crate) fn roll(&mut self, n: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

impl Swarm {
    pub(crate) fn new(ledger: Ledger, acknowledge: fn(&SearchResult)) -> Arc<Self> {
        let (told, is_over, n_refused) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(0));
        Arc::new(Self { ledger, told, is_over, n_refused, acknowledge })
    }

    /// Makes the campaign, and the accounts of its workers.
    pub(crate) async fn create(ledger: &Ledger) {
        ledger.run(made::create(PROBLEMS, &STAGES)).await.unwrap();
        for n in 0..WORKERS {
            made::account(ledger, n).await;
        }
    }

    /// Works until the campaign is over.
    pub(crate) async fn work(self: Arc<Self>, seed: u64) {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..WORKERS as u64 {
            let worker = Worker {
                swarm: Arc::clone(&self),
                // They are the ledger's first.
                account: n + 1,
                session: 0,
                dice: Dice(seed * 1_000 + n),
                claims: Vec::new(),
                late: Vec::new(),
                // A swarm may follow another on the same ledger: nobody draws the same names.
                name: format!("{seed:0>8}-{n:0>2}"),
                n_names: 0,
                n_inventions: 0,
            };
            tasks.spawn(worker.work());
        }
        for n in 0..VERIFIERS as u64 {
            tasks.spawn(Arc::clone(&self).verify(Dice(seed * 1_000 + 100 + n)));
        }
        for _ in 0..KEEPERS {
            tasks.spawn(Arc::clone(&self).keep());
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// Does something, and does it again while the database does not take it.
    async fn run<O: Operation + Clone>(&self, operation: O) -> Result<O::Output, LedgerError> {
        let begun = Instant::now();
        loop {
            match self.ledger.run(operation.clone()).await {
                Err(error) if error.is_passing() => {
                    assert!(begun.elapsed() < PATIENCE, "{error}");
                    self.n_refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                done => return done,
            }
        }
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    async fn keep(self: Arc<Self>) {
        while self.goes_on() {
            self.ledger.put_ahead(AHEAD_MS);
            self.run(Reap(TIMING)).await.unwrap();
            if self.run(Advance).await.unwrap() == Advanced::Done {
                self.is_over.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn verify(self: Arc<Self>, mut dice: Dice) {
        while self.goes_on() {
            let Some(candidate) = self.run(NextCandidate(TIMING)).await.unwrap() else {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            };
            // One in ten is forgotten.
            if dice.roll(10) > 0 {
                let verdict = (dice.roll(10) > 0).then(|| verdict(candidate.proof[0].starts_with("true")));
                self.run(Judge { candidate: candidate.id, verdict }).await.unwrap();
            }
        }
    }

    /// What comes of it when nobody works any more: every lease ends, and every proof is looked at.
    pub(crate) async fn settle(&self) {
        self.ledger.put_ahead(60_000);
        self.run(Reap(TIMING)).await.unwrap();
        while let Some(candidate) = self.run(NextCandidate(TIMING)).await.unwrap() {
            let verdict = Some(verdict(candidate.proof[0].starts_with("true")));
            self.run(Judge { candidate: candidate.id, verdict }).await.unwrap();
        }
    }
}

struct Worker {
    swarm: Arc<Swarm>,
    account: u64,
    session: u64,
    dice: Dice,
    /// Claims that it made in this session.
    claims: Vec<String>,
    /// Results that it keeps for later.
    late: Vec<SearchResult>,
    name: String,
    n_names: u64,
    n_inventions: u64,
}

impl Worker {
    async fn work(mut self) {
        self.enrol().await;
        while self.swarm.goes_on() {
            match self.dice.roll(20) {
                // It is killed, and begins anew.
                0 => self.enrol().await,
                1 => {
                    let abandon = wire::Abandon { session: self.session, units: Vec::new(), leave: false };
                    self.swarm.run(Abandon { account: self.account, abandon }).await.unwrap();
                }
                2 => {
                    let beat = wire::Beat { session: self.session, doing: Doing::Working, held: Vec::new() };
                    let beaten = self.swarm.run(Beat { account: self.account, beat }).await;
                    self.goes_on_after(beaten.map(drop)).await;
                }
                3 if self.n_inventions < INVENTIONS => self.invent().await,
                4 => {
                    let late = std::mem::take(&mut self.late);
                    self.hand_in(late).await;
                }
                _ => self.search().await,
            }
        }
        let late = std::mem::take(&mut self.late);
        self.hand_in(late).await;
    }

    fn draw(&mut self) -> String {
        self.n_names += 1;
        format!("{}-{:0>20}", self.name, self.n_names)
    }

    async fn enrol(&mut self) {
        self.claims.clear();
        let enrol = Enrol { account: self.account, enrolment: enrolment() };
        self.session = self.swarm.run(enrol).await.unwrap();
    }

    /// A session that is lost begins anew.
    async fn goes_on_after(&mut self, outcome: Result<(), LedgerError>) {
        match outcome {
            Ok(()) => {}
            Err(LedgerError::Unknown("session")) => self.enrol().await,
            Err(error) => panic!("{error}"),
        }
    }

    /// Claims a few searches, and hands in what they came to: now, later, or twice.
    async fn search(&mut self) {
        let is_again = self.dice.roll(10) == 0 && !self.claims.is_empty();
        let name = match is_again {
            true => self.claims[self.dice.roll(self.claims.len() as u64) as usize].clone(),
            false => self.draw(),
        };
        let want_s = 1 + self.dice.roll(3);
        let claim = wire::Claim { session: self.session, claim: name.clone(), number: made::count(), want_s };
        let claim = Claim {
            account: self.account,
            claim,
            pace_ms: 1000,
            share: u64::MAX,
            gives: true,
            measures: true,
            timing: TIMING,
        };
        let granted = match self.swarm.run(claim).await {
            Ok(granted) => granted,
            Err(error) => return self.goes_on_after(Err(error)).await,
        };
        let Granted::Bundle(bundle) = granted else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            return;
        };
        self.claims.push(name.clone());
        let mut now = Vec::new();
        for lease in bundle.leases {
            let (ending, proof) = self.outcome(lease.problem, lease.side);
            let result = made::result((lease.unit, lease.attempt, &name), self.draw(), ending, proof);
            match self.dice.roll(8) {
                0 => self.late.push(result),
                1 => {}
                2 => now.extend([result.clone(), result]),
                _ => now.push(result),
            }
        }
        self.hand_in(now).await;
    }

    /// The first problem is true, the second false, of the others nobody knows; and everybody lies at times.
    fn outcome(&mut self, problem: u64, side: Side) -> (Ending, Option<String>) {
        let is_provable = matches!((problem, side), (1, Side::Statement) | (2, Side::Negation));
        match self.dice.roll(24) {
            0 => (Ending::Proof, Some(format!("forged {}", self.draw()))),
            1..4 => (Ending::Crashed, None),
            4..8 if is_provable => (Ending::Proof, Some(format!("true {}", self.draw()))),
            _ => (Ending::Exhausted, None),
        }
    }

    /// Hands in a proof of something that it was not given.
    async fn invent(&mut self) {
        self.n_inventions += 1;
        let unit = 1 + self.dice.roll(2 * PROBLEMS);
        let proof = Some(format!("forged {}", self.draw()));
        let invented = made::result((unit, 1, "a claim that nobody made"), self.draw(), Ending::Proof, proof);
        self.hand_in(vec![invented]).await;
    }

    async fn hand_in(&mut self, results: Vec<SearchResult>) {
        if results.is_empty() {
            return;
        }
        let hand_in = HandIn { account: self.account, results: results.clone(), timing: TIMING };
        let receipts = self.swarm.run(hand_in).await.unwrap();
        for (result, receipt) in results.iter().zip(receipts) {
            assert!(!matches!(receipt, Receipt::Refused { .. }), "{receipt:?} for {result:?}");
            (self.swarm.acknowledge)(result);
            let mut told = self.swarm.told.lock().unwrap();
            told.submissions.insert(result.submission.clone());
            told.proofs.extend(result.proof.iter().flatten().cloned());
            told.n_stored += u64::from(receipt == Receipt::Stored);
        }
    }
}

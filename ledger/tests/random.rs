//! Random histories of a small campaign, held against what must hold, on both databases.
//!
//! Workers claim, beat, hand in what they found or what they invent, hand it in again, late, or under another's name; they
//! are lost; verifiers judge truthfully; the keeper looks. A model keeps what only the tests know: who was given what.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod databases;
mod made;

use std::collections::{BTreeMap, BTreeSet};

use databases::{Kind, fresh};
use made::{enrolment, verdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stepwise_core::problem::Theorem;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{
    self as wire, Doing, Ending, Lease, Receipt, Recipe, SearchResult, Side, StageState, State,
};
use stepwise_ledger::operations::{
    Abandon, Advance, Beat, Claim, Create, Enrol, Granted, HandIn, Invite, Join, Judge, Judged, NewProblem, NewStage,
    NextCandidate, ReadOverview, ReadProofs, Reap, Timing, Trust,
};
use stepwise_ledger::{Ledger, LedgerError, hash_of};

const PROBLEMS: u64 = 3;
const WORKERS: usize = 3;
const TIMING: Timing = Timing { lost_ms: 10_000, lease_ms: 60_000, rest_ms: 0, check_ms: 5_000 };

/// The problems: the first is true, the second false, of the third nobody knows a proof.
fn is_provable(problem: u64, side: Side) -> bool {
    matches!((problem, side), (1, Side::Statement) | (2, Side::Negation))
}

/// Something that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Move {
    Claim {
        worker: usize,
        again: bool,
    },
    /// Hands in what was given in this or an earlier session.
    HandIn {
        worker: usize,
        lease: usize,
        ending: Ending,
        forged: bool,
    },
    /// Hands in the same once more.
    Repeat {
        worker: usize,
        result: usize,
    },
    /// Hands in what somebody else was given.
    Steal {
        worker: usize,
        lease: usize,
        ending: Ending,
    },
    Beat {
        worker: usize,
    },
    Abandon {
        worker: usize,
    },
    Verify {
        breaks: bool,
    },
    Keep,
    Wait {
        ms: i64,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let worker = 0..WORKERS;
    let ending = prop_oneof![
        4 => Just(Ending::Proof),
        2 => Just(Ending::Exhausted),
        1 => Just(Ending::TimedOut),
        2 => Just(Ending::Crashed)
    ];
    let one = prop_oneof![
        4 => (worker.clone(), any::<bool>()).prop_map(|(worker, again)| Move::Claim { worker, again }),
        6 => (worker.clone(), 0..9_usize, ending.clone(), prop::bool::weighted(0.2))
            .prop_map(|(worker, lease, ending, forged)| Move::HandIn { worker, lease, ending, forged }),
        1 => (worker.clone(), 0..9_usize).prop_map(|(worker, result)| Move::Repeat { worker, result }),
        1 => (worker.clone(), 0..9_usize, ending)
            .prop_map(|(worker, lease, ending)| Move::Steal { worker, lease, ending }),
        2 => worker.clone().prop_map(|worker| Move::Beat { worker }),
        1 => worker.prop_map(|worker| Move::Abandon { worker }),
        3 => prop::bool::weighted(0.1).prop_map(|breaks| Move::Verify { breaks }),
        4 => Just(Move::Keep),
        2 => (100..12_000_i64).prop_map(|ms| Move::Wait { ms }),
    ];
    prop::collection::vec(one, 1..60)
}

/// A worker as it knows itself.
struct Worker {
    account: u64,
    session: u64,
    n_claims: u64,
    /// What it was ever given, with the claim.
    given: Vec<(Lease, String)>,
    sent: Vec<SearchResult>,
}

struct World {
    ledger: Ledger,
    workers: Vec<Worker>,
    n_submissions: u64,
    /// Which (unit, attempt) was given to whom: nobody else may get it.
    leases: BTreeMap<(u64, u64), usize>,
    n_stored: u64,
    /// True proofs that arrived, by problem.
    arrived: BTreeSet<u64>,
    frozen: BTreeMap<u64, u64>,
    /// Verifiers that broke down; after three a proof waits for its operator.
    n_breakdowns: u32,
}

impl World {
    async fn new(ledger: Ledger) -> Self {
        let recipe =
            Recipe { config: serde_json::Value::Null, policy: "portfolio".into(), critic: None, lean: "lean".into() };
        let stage = |name: &str| NewStage {
            name: name.to_owned(),
            recipe: recipe.clone(),
            sides: vec![Side::Statement, Side::Negation],
            tries: 1,
        };
        let problem = |n: u64| NewProblem {
            split: String::new(),
            name: format!("p{n}"),
            theorem: Theorem { statement: format!("theorem p{n} : True"), ..Theorem::default() },
        };
        let create = Create {
            name: "random".to_owned(),
            manifest: serde_json::Value::Null,
            lean: "lean".to_owned(),
            seed: 1,
            problems: (1..=PROBLEMS).map(problem).collect(),
            stages: vec![stage("one"), stage("two")],
        };
        ledger.run(create).await.unwrap();
        let mut workers = Vec::new();
        for n in 0..WORKERS {
            let (secret_sha, token_sha) = (hash_of(&format!("i{n}")), hash_of(&format!("t{n}")));
            // A donor that is caught lying is blocked, which ends its part; the campaign's own machines are not.
            let invite =
                Invite { secret_sha: secret_sha.clone(), trust: Trust::Operator, uses: 1, lives_ms: 1_000_000 };
            ledger.run(invite).await.unwrap();
            let account = ledger.run(Join { secret_sha, token_sha, name: None }).await.unwrap().0;
            let session = enrol(&ledger, account).await;
            workers.push(Worker { account, session, n_claims: 0, given: Vec::new(), sent: Vec::new() });
        }
        Self {
            ledger,
            workers,
            n_submissions: 0,
            leases: BTreeMap::new(),
            n_stored: 0,
            arrived: BTreeSet::new(),
            frozen: BTreeMap::new(),
            n_breakdowns: 0,
        }
    }

    async fn happen(&mut self, one: &Move) {
        match one {
            Move::Claim { worker, again } => self.claim(*worker, *again).await,
            Move::HandIn { worker, lease, ending, forged } => {
                let given = &self.workers[*worker].given;
                let Some((lease, claim)) = given.get(*lease % given.len().max(1)).cloned() else { return };
                // Only what can be proved is proved, unless somebody lies.
                let is_true = is_provable(lease.problem, lease.side) && !forged;
                if *ending == Ending::Proof && !is_true && !forged {
                    return;
                }
                self.hand_in(*worker, &lease, &claim, *ending, is_true).await;
            }
            Move::Repeat { worker, result } => {
                let sent = &self.workers[*worker].sent;
                let Some(result) = sent.get(*result % sent.len().max(1)).cloned() else { return };
                let receipt = self.send(*worker, result).await;
                assert_eq!(receipt, Receipt::Duplicate);
            }
            Move::Steal { worker, lease, ending } => {
                let given = &self.workers[(*worker + 1) % WORKERS].given;
                let Some((lease, claim)) = given.get(*lease % given.len().max(1)).cloned() else { return };
                let is_true = is_provable(lease.problem, lease.side);
                let receipt = self.hand_in(*worker, &lease, &claim, *ending, is_true).await;
                assert_ne!(receipt, Receipt::Stored, "another's search");
            }
            Move::Beat { worker } => {
                let Worker { account, session, .. } = self.workers[*worker];
                let beat = wire::Beat { session, doing: Doing::Working, held: Vec::new() };
                self.survives(*worker, self.ledger.run(Beat { account, beat }).await.map(|_| ())).await;
            }
            Move::Abandon { worker } => {
                let Worker { account, session, .. } = self.workers[*worker];
                let abandon = wire::Abandon { session, units: Vec::new(), leave: false };
                self.survives(*worker, self.ledger.run(Abandon { account, abandon }).await.map(|_| ())).await;
            }
            Move::Verify { breaks } => self.verify(*breaks).await,
            Move::Keep => {
                self.ledger.run(Reap(TIMING)).await.unwrap();
                self.ledger.run(Advance).await.unwrap();
            }
            Move::Wait { ms } => self.ledger.put_ahead(*ms),
        }
        self.check().await;
    }

    /// A session that is lost begins anew.
    async fn survives(&mut self, worker: usize, outcome: Result<(), LedgerError>) {
        match outcome {
            Ok(()) => {}
            Err(LedgerError::Unknown("session")) => {
                let account = self.workers[worker].account;
                self.workers[worker].session = enrol(&self.ledger, account).await;
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn claim(&mut self, worker: usize, again: bool) {
        let one = &mut self.workers[worker];
        if !again || one.n_claims == 0 {
            one.n_claims += 1;
        }
        let name = format!("claim-{worker}-{:0>20}", one.n_claims);
        let claim = wire::Claim { session: one.session, claim: name.clone(), want_s: 2 };
        let granted = self.ledger.run(Claim { account: one.account, claim, pace_ms: 1000, timing: TIMING }).await;
        let granted = match granted {
            Ok(granted) => granted,
            Err(error) => return self.survives(worker, Err(error)).await,
        };
        let Granted::Bundle(bundle) = granted else { return };
        for lease in bundle.leases {
            let holder = *self.leases.entry((lease.unit, lease.attempt)).or_insert(worker);
            assert_eq!(holder, worker, "{lease:?} was given to two");
            let given = &mut self.workers[worker].given;
            if !given.iter().any(|(known, _)| (known.unit, known.attempt) == (lease.unit, lease.attempt)) {
                given.push((lease, name.clone()));
            }
        }
    }

    async fn hand_in(&mut self, worker: usize, lease: &Lease, claim: &str, ending: Ending, is_true: bool) -> Receipt {
        self.n_submissions += 1;
        let word = if is_true { "true" } else { "forged" };
        let result = SearchResult {
            submission: format!("{:0>30}", self.n_submissions),
            unit: lease.unit,
            attempt: lease.attempt,
            claim: claim.to_owned(),
            ending,
            detail: None,
            proof: (ending == Ending::Proof).then(|| vec![format!("{word} {}", self.n_submissions)]),
            cost: CostLedger::default(),
        };
        let receipt = self.send(worker, result.clone()).await;
        if ending == Ending::Proof {
            assert!(!matches!(receipt, Receipt::Refused { .. }), "{receipt:?}: a proof was lost");
            if is_true {
                self.arrived.insert(lease.problem);
            }
        }
        if !matches!(receipt, Receipt::Refused { .. }) {
            self.workers[worker].sent.push(result);
        }
        receipt
    }

    async fn send(&mut self, worker: usize, result: SearchResult) -> Receipt {
        let account = self.workers[worker].account;
        let receipts = self.ledger.run(HandIn { account, results: vec![result], timing: TIMING }).await.unwrap();
        self.n_stored += u64::from(receipts[0] == Receipt::Stored);
        receipts.into_iter().next().unwrap()
    }

    async fn verify(&mut self, breaks: bool) {
        let Some(candidate) = self.ledger.run(NextCandidate(TIMING)).await.unwrap() else { return };
        let is_true = candidate.proof[0].starts_with("true");
        let breaks = breaks && self.n_breakdowns < 2;
        self.n_breakdowns += u32::from(breaks);
        let verdict = (!breaks).then(|| verdict(is_true));
        let judged = self.ledger.run(Judge { candidate: candidate.id, verdict }).await.unwrap();
        assert_ne!(judged, Judged::Contradiction);
    }

    /// What must hold at any moment.
    async fn check(&mut self) {
        let overview = self.ledger.read(ReadOverview).await.unwrap();
        assert_eq!(overview.cost.searches, self.n_stored, "effort counts once an attempt");
        assert_ne!(overview.state, State::Halted);
        for (_, solved) in self.ledger.read(ReadProofs { after: 0, at_most: 99 }).await.unwrap() {
            let problem: u64 = solved.name[1..].parse().unwrap();
            assert!(is_provable(problem, solved.side), "{} is solved by a forged proof", solved.name);
            assert!(self.arrived.contains(&problem));
        }
        for stage in overview.stages.iter().filter(|stage| stage.state == StageState::Frozen) {
            assert_eq!(stage.ready + stage.leased, 0, "{stage:?}");
            let done = *self.frozen.entry(stage.number).or_insert(stage.done);
            assert_eq!(done, stage.done, "a frozen stage changed");
        }
    }

    /// When nobody works any more everything ends, and what arrived is solved.
    async fn end(&mut self) {
        for _ in 0..200 {
            self.ledger.put_ahead(61_000);
            self.ledger.run(Reap(TIMING)).await.unwrap();
            self.verify(false).await;
            let overview = self.ledger.read(ReadOverview).await.unwrap();
            if overview.stages.iter().all(|stage| stage.leased == 0) && overview.waiting == 0 {
                break;
            }
        }
        self.check().await;
        let overview = self.ledger.read(ReadOverview).await.unwrap();
        assert!(overview.stages.iter().all(|stage| stage.leased == 0), "every lease ends");
        assert_eq!(overview.waiting, 0);
        let solved = overview.problems.proved + overview.problems.disproved;
        assert_eq!(solved, self.arrived.len() as u64, "a proof that arrived is lost");
    }
}

async fn enrol(ledger: &Ledger, account: u64) -> u64 {
    ledger.run(Enrol { account, enrolment: enrolment() }).await.unwrap()
}

fn histories(kind: Kind, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if runtime.block_on(fresh(kind)).is_none() {
        return;
    }
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&moves(), |moves| {
        runtime.block_on(async {
            let fresh = fresh(kind).await.unwrap();
            let mut world = World::new(fresh.ledger.clone()).await;
            for one in &moves {
                world.happen(one).await;
            }
            world.end().await;
        });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn what_must_hold_holds_through_random_histories_on_sqlite() {
    histories(Kind::Sqlite, 64);
}

#[test]
fn what_must_hold_holds_through_random_histories_on_postgresql() {
    histories(Kind::Postgres, 24);
}

//! The model of a ledger drives the real one, on both databases: random histories, in which every answer is the model's,
//! and what must hold does.
//!
//! Workers claim under new names and old ones, beat, hand in what they found or invented, hand it in again, late, or under
//! another's name; they are lost; verifiers judge, break down, or come late; the keeper looks. `STEPWISE_EXHAUSTIVE=1` makes
//! twenty times as many histories.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod audit;
mod databases;
mod made;
mod model;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use audit::Auditor;
use databases::{Fresh, Kind, fresh};
use made::{enrolment, verdict};
use model::{
    Advanced, Came, Granted, Id, Judged, Proof, Reaped, Receipt, Rules, Sent, Side, Standing, State, UnitState,
    UnknownSession,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use stepwise_core::wire::campaign::{self as wire, Doing, Ending};
use stepwise_ledger::operations as real;
use stepwise_ledger::{Ledger, LedgerError};

const PROBLEMS: usize = 3;
const STAGES: [&[Side]; 2] = [&[Side::Statement, Side::Negation]; 2];
/// The accounts of those who begin.
const BEGIN: [Id; 3] = [0, 1, 0];
const VERIFIERS: usize = 2;

/// A tick is so long that what a history really takes is nothing beside it.
const TICK_MS: i64 = 1_000_000;
const RULES: Rules = Rules { lost: 3, lease: 5, check: 2, canaries: false, leaves_stragglers: false, fault: None };

/// Half a tick less than the rules say, so that no time is close to a tick.
const fn ms(ticks: u8) -> u64 {
    (ticks as u64 * 2 - 1) * TICK_MS as u64 / 2
}

const TIMING: real::Timing =
    real::Timing { lost_ms: ms(RULES.lost), lease_ms: ms(RULES.lease), rest_ms: 0, check_ms: ms(RULES.check) };

/// Something that happens.
#[derive(Clone, Debug)]
enum Move {
    Enrol { account: Id },
    Claim { session: Id, claim: u32, at_most: usize },
    Beat { session: Id },
    Abandon { session: Id },
    HandIn(Sent),
    Take { verifier: usize },
    Judge { verifier: usize, is_right: Option<bool> },
    Reap,
    Advance,
    Tick,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    Claimed(Result<Granted, UnknownSession>),
    Beaten(Result<(), UnknownSession>),
    Abandoned(u64),
    Receipt(Receipt),
    Taken(Option<(Id, Side, Proof)>),
    Judged(Judged),
    Reaped(Reaped),
    Advanced(Advanced),
}

/// The model, and what it answered last.
#[derive(Clone, Debug)]
struct Meant {
    rules: Rules,
    ledger: model::Ledger,
    verifiers: [Option<Id>; VERIFIERS],
    /// Names that nobody has used yet.
    next_claim: u32,
    next_submission: u32,
    answer: Answer,
}

struct Histories;

impl ReferenceStateMachine for Histories {
    type State = Meant;
    type Transition = Move;

    fn init_state() -> BoxedStrategy<Meant> {
        let mut ledger = model::Ledger::new(PROBLEMS, STAGES.map(<[Side]>::to_vec).to_vec());
        for account in BEGIN {
            ledger.enrol(account);
        }
        let (verifiers, answer) = ([None; VERIFIERS], Answer::Nothing);
        let meant = Meant { rules: RULES, ledger, verifiers, next_claim: 0, next_submission: 0, answer };
        any::<bool>().prop_map(move |canaries| Meant { rules: Rules { canaries, ..RULES }, ..meant.clone() }).boxed()
    }

    fn transitions(meant: &Meant) -> BoxedStrategy<Move> {
        let session = 0..meant.ledger.sessions.len();
        let verifier = 0..VERIFIERS;
        let claim = prop_oneof![4 => Just(meant.next_claim), 1 => 0..=meant.next_claim];
        let is_right = prop_oneof![6 => Just(true), 3 => Just(false)].prop_map(Some);
        let is_right = prop_oneof![8 => is_right, 1 => Just(None)];
        prop_oneof![
            1 => (0..2_usize).prop_map(|account| Move::Enrol { account }),
            6 => (session.clone(), claim, 1..4_usize)
                .prop_map(|(session, claim, at_most)| Move::Claim { session, claim, at_most }),
            3 => session.clone().prop_map(|session| Move::Beat { session }),
            1 => session.prop_map(|session| Move::Abandon { session }),
            9 => sent(meant).prop_map(Move::HandIn),
            3 => verifier.clone().prop_map(|verifier| Move::Take { verifier }),
            3 => (verifier, is_right).prop_map(|(verifier, is_right)| Move::Judge { verifier, is_right }),
            2 => Just(Move::Reap),
            3 => Just(Move::Advance),
            2 => Just(Move::Tick),
        ]
        .boxed()
    }

    fn preconditions(meant: &Meant, one: &Move) -> bool {
        let Meant { ledger, verifiers, .. } = meant;
        match one {
            Move::Claim { session, .. } | Move::Beat { session } | Move::Abandon { session } => {
                *session < ledger.sessions.len()
            }
            Move::HandIn(sent) => sent.unit < ledger.units.len(),
            Move::Judge { verifier, .. } => verifiers[*verifier].is_some(),
            _ => true,
        }
    }

    fn apply(mut meant: Meant, one: &Move) -> Meant {
        let (rules, ledger) = (&meant.rules, &mut meant.ledger);
        meant.answer = match *one {
            Move::Enrol { account } => {
                ledger.enrol(account);
                Answer::Nothing
            }
            Move::Claim { session, claim, at_most } => {
                meant.next_claim = meant.next_claim.max(claim + 1);
                Answer::Claimed(ledger.claim(rules, session, claim, at_most))
            }
            Move::Beat { session } => Answer::Beaten(ledger.beat(session)),
            Move::Abandon { session } => Answer::Abandoned(ledger.abandon(session)),
            Move::HandIn(sent) => {
                meant.next_submission = meant.next_submission.max(sent.submission + 1);
                Answer::Receipt(ledger.hand_in(rules, sent))
            }
            Move::Take { verifier } => {
                let taken = ledger.next_candidate(rules);
                meant.verifiers[verifier] = taken;
                let taken = taken.map(|id| &ledger.candidates[id]);
                Answer::Taken(taken.map(|c| (c.problem, c.side, c.proof)))
            }
            Move::Judge { verifier, is_right } => match meant.verifiers[verifier].take() {
                Some(id) => Answer::Judged(ledger.judge(rules, id, judgement(&ledger.candidates[id].proof, is_right))),
                None => Answer::Nothing,
            },
            Move::Reap => Answer::Reaped(ledger.reap(rules)),
            Move::Advance => Answer::Advanced(ledger.advance(rules)),
            Move::Tick => {
                ledger.tick(rules);
                Answer::Nothing
            }
        };
        meant
    }
}

/// A verifier that does not break down says what is true.
fn judgement(proof: &Proof, is_right: Option<bool>) -> Option<bool> {
    is_right.map(|_| proof.is_true)
}

/// Something to hand in: what was given, to whoever it was or another; what was handed in before; or an invention.
fn sent(meant: &Meant) -> BoxedStrategy<Sent> {
    let ledger = &meant.ledger;
    let submission = meant.next_submission;
    let proof = (any::<bool>(), 0..4_u32).prop_map(|(is_true, text)| Came::Proof(Proof { is_true, text }));
    let came = prop_oneof![4 => proof.clone(), 3 => Just(Came::Nothing), 3 => Just(Came::Crashed)];
    let invented = (0..2_usize, 0..ledger.units.len(), 1..4_u8, proof)
        .prop_map(move |(account, unit, attempt, came)| Sent { submission, account, unit, attempt, claim: 999, came });
    let given = ledger.leases.iter().flat_map(|(&(unit, attempt), to)| {
        to.iter().map(move |&(session, claim)| (unit, attempt, ledger.sessions[session].account, claim))
    });
    let given: Vec<_> = given.collect();
    let known: Vec<Sent> = ledger.results.values().map(|(sent, _)| *sent).collect();
    let mut all = vec![(1, invented.boxed())];
    if !given.is_empty() {
        let own = (select(given), came, prop::bool::weighted(0.1)).prop_map(
            move |((unit, attempt, account, claim), came, is_stolen)| {
                let account = if is_stolen { 1 - account } else { account };
                Sent { submission, account, unit, attempt, claim, came }
            },
        );
        all.push((10, own.boxed()));
    }
    if !known.is_empty() {
        let again = (select(known), prop::bool::weighted(0.2)).prop_map(|(sent, is_stolen)| {
            let account = if is_stolen { 1 - sent.account } else { sent.account };
            Sent { account, ..sent }
        });
        all.push((2, again.boxed()));
    }
    prop::strategy::Union::new_weighted(all).boxed()
}

/// A database that a history runs on.
trait Database {
    const KIND: Kind;
}

struct Sqlite;
struct Postgres;

impl Database for Sqlite {
    const KIND: Kind = Kind::Sqlite;
}

impl Database for Postgres {
    const KIND: Kind = Kind::Postgres;
}

/// The real ledger, and its numbers for what the model counts from 0.
struct Real {
    fresh: Fresh,
    accounts: Vec<u64>,
    /// With their accounts.
    sessions: Vec<(u64, u64)>,
    verifiers: [Option<real::Candidate>; VERIFIERS],
    /// What each search's attempts count from, which nobody knows before one was given out.
    before: BTreeMap<Id, u64>,
}

struct On<D>(PhantomData<D>);

impl<D: Database> StateMachineTest for On<D> {
    type SystemUnderTest = Real;
    type Reference = Histories;

    fn init_test(meant: &Meant) -> Real {
        runtime().block_on(async {
            let fresh = fresh(D::KIND).await.unwrap();
            let all = real::Canaries { kept_back: 1000, given: 1000 };
            let canaries = if meant.rules.canaries { all } else { real::Canaries::NONE };
            fresh.ledger.run(real::Create { canaries, ..made::create(PROBLEMS as u64, &STAGES) }).await.unwrap();
            let accounts = vec![made::account(&fresh.ledger, 0).await, made::account(&fresh.ledger, 1).await];
            let mut real =
                Real { fresh, accounts, sessions: Vec::new(), verifiers: [None, None], before: BTreeMap::new() };
            for session in &meant.ledger.sessions {
                real.enrol(session.account).await;
            }
            real
        })
    }

    fn apply(mut real: Real, meant: &Meant, one: Move) -> Real {
        let answer = runtime().block_on(real.answer(&one));
        assert_eq!(answer, meant.answer, "{one:?}");
        real
    }

    fn check_invariants(real: &Real, meant: &Meant) {
        for (name, holds) in model::holds::PROPERTIES {
            assert!(holds(&meant.rules, &meant.ledger), "{name}");
        }
        assert_eq!(runtime().block_on(seen(&real.fresh.ledger)), expected(meant));
    }

    fn teardown(real: Real, _: Meant) {
        let complaints = runtime().block_on(async {
            let mut auditor = Auditor::of(&real.fresh.address).await.unwrap();
            auditor.complaints().await.unwrap()
        });
        assert_eq!(complaints, [""; 0]);
    }
}

impl Real {
    async fn enrol(&mut self, account: Id) {
        let account = self.accounts[account];
        let session = self.fresh.ledger.run(real::Enrol { account, enrolment: enrolment() }).await.unwrap();
        self.sessions.push((session, account));
    }

    async fn answer(&mut self, one: &Move) -> Answer {
        let ledger = self.fresh.ledger.clone();
        match *one {
            Move::Enrol { account } => {
                self.enrol(account).await;
                Answer::Nothing
            }
            Move::Claim { session, claim, at_most } => {
                let (session, account) = self.sessions[session];
                let claim = wire::Claim {
                    session,
                    claim: claim_name(claim),
                    number: u64::from(claim) + 1,
                    want_s: at_most as u64,
                };
                let claim = real::Claim {
                    account,
                    claim,
                    pace_ms: 1000,
                    share: u64::MAX,
                    gives: true,
                    measures: true,
                    timing: TIMING,
                };
                Answer::Claimed(known(ledger.run(claim).await).map(|granted| match granted {
                    real::Granted::Bundle(bundle) => {
                        Granted::Bundle(bundle.leases.iter().map(|lease| self.number(lease)).collect())
                    }
                    real::Granted::Closed(state, _) => Granted::Closed(campaign_state(state)),
                    real::Granted::Nothing => Granted::Nothing,
                    real::Granted::Doubted => panic!("an operator is doubted"),
                }))
            }
            Move::Beat { session } => {
                let (session, account) = self.sessions[session];
                let beat = wire::Beat { session, doing: Doing::Working, held: Vec::new() };
                Answer::Beaten(known(ledger.run(real::Beat { account, beat }).await).map(drop))
            }
            Move::Abandon { session } => {
                let (session, account) = self.sessions[session];
                let abandon = wire::Abandon { session, units: Vec::new(), leave: false };
                Answer::Abandoned(ledger.run(real::Abandon { account, abandon }).await.unwrap())
            }
            Move::HandIn(sent) => self.hand_in(sent).await,
            Move::Take { verifier } => {
                let taken = ledger.run(real::NextCandidate(TIMING)).await.unwrap();
                self.verifiers[verifier] = taken.clone();
                Answer::Taken(taken.map(|c| (c.problem as Id - 1, c.side, proof_of(&c.proof[0]))))
            }
            Move::Judge { verifier, is_right } => {
                let Some(candidate) = self.verifiers[verifier].take() else { return Answer::Nothing };
                let verdict = judgement(&proof_of(&candidate.proof[0]), is_right).map(verdict);
                Answer::Judged(match ledger.run(real::Judge { candidate: candidate.id, verdict }).await.unwrap() {
                    real::Judged::Solved => Judged::Solved,
                    real::Judged::Known => Judged::Known,
                    real::Judged::Refused => Judged::Refused,
                    real::Judged::Undecided => Judged::Undecided,
                    real::Judged::Contradiction => Judged::Contradiction,
                })
            }
            Move::Reap => {
                let real::Reaped { sessions, units, candidates } = ledger.run(real::Reap(TIMING)).await.unwrap();
                Answer::Reaped(Reaped { sessions, units, candidates })
            }
            Move::Advance => Answer::Advanced(match ledger.run(real::Advance).await.unwrap() {
                real::Advanced::Working => Advanced::Working,
                real::Advanced::Draining => Advanced::Draining,
                real::Advanced::Opened(_) => Advanced::Opened,
                real::Advanced::Done => Advanced::Done,
            }),
            Move::Tick => {
                ledger.put_ahead(TICK_MS);
                Answer::Nothing
            }
        }
    }

    async fn hand_in(&self, sent: Sent) -> Answer {
        let (ending, proof) = match sent.came {
            Came::Proof(Proof { is_true, text }) => (Ending::Proof, Some(format!("{is_true} {text}"))),
            Came::Nothing => (Ending::Exhausted, None),
            Came::Crashed => (Ending::Crashed, None),
        };
        let claim = claim_name(sent.claim);
        let before = self.before.get(&sent.unit).copied().unwrap_or(0);
        let lease = (sent.unit as u64 + 1, before + u64::from(sent.attempt), claim.as_str());
        let result = made::result(lease, format!("{:0>30}", sent.submission), ending, proof);
        let hand_in = real::HandIn { account: self.accounts[sent.account], results: vec![result], timing: TIMING };
        let receipts = self.fresh.ledger.run(hand_in).await.unwrap();
        Answer::Receipt(match receipts[0] {
            wire::Receipt::Stored => Receipt::Stored,
            wire::Receipt::Late => Receipt::Late,
            wire::Receipt::Duplicate => Receipt::Duplicate,
            wire::Receipt::Refused { .. } => Receipt::Refused,
        })
    }
}

impl Real {
    /// The unit and the attempt, as the model counts.
    fn number(&mut self, lease: &wire::Lease) -> (Id, u8) {
        let unit = lease.unit as Id - 1;
        let before = *self.before.entry(unit).or_insert(lease.attempt - 1);
        (unit, (lease.attempt - before) as u8)
    }
}

fn claim_name(claim: u32) -> String {
    format!("{claim:0>30}")
}

/// What a proof's text says of it.
fn proof_of(tactic: &str) -> Proof {
    let (is_true, text) = tactic.split_once(' ').unwrap();
    Proof { is_true: is_true == "true", text: text.parse().unwrap() }
}

fn known<T>(answer: Result<T, LedgerError>) -> Result<T, UnknownSession> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(LedgerError::Unknown("session")) => Err(UnknownSession),
        Err(error) => panic!("{error}"),
    }
}

fn campaign_state(state: wire::State) -> State {
    match state {
        wire::State::Halted => State::Halted,
        wire::State::Done => State::Done,
        _ => State::Running,
    }
}

/// What can be seen of a campaign from outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    state: State,
    /// Problems that are open, proved and disproved.
    problems: [u64; 3],
    /// Searches of each open or frozen stage that are ready, leased, done, dead and cancelled.
    stages: Vec<[u64; 5]>,
    counted: u64,
    sessions: u64,
    waiting: u64,
    /// Problems that are told as open.
    open: Vec<u64>,
}

async fn seen(ledger: &Ledger) -> Seen {
    let wire::Overview { state, problems, stages, cost, sessions, waiting, .. } =
        ledger.read(real::ReadOverview).await.unwrap();
    let begun = stages.iter().filter(|stage| stage.state != wire::StageState::Planned);
    let open = real::ReadProblems { at_most: 99, standing: Some(wire::Standing::Open), ..Default::default() };
    let open = ledger.read(open).await.unwrap();
    Seen {
        state: campaign_state(state),
        problems: [problems.open, problems.proved, problems.disproved],
        stages: begun.map(|s| [s.ready, s.leased, s.done, s.dead, s.cancelled]).collect(),
        counted: cost.searches,
        sessions,
        waiting,
        open: open.iter().map(|problem| problem.id).collect(),
    }
}

fn expected(meant: &Meant) -> Seen {
    let Meant { rules, ledger, .. } = meant;
    let begun = ledger.stages.iter().enumerate().filter(|(_, stage)| !matches!(stage, model::Stage::Planned(_)));
    let stage = |number: Id| {
        let mut n = [0; 5];
        for unit in ledger.units.iter().filter(|unit| unit.stage == number) {
            let place = match unit.state {
                UnitState::Ready => 0,
                UnitState::Leased { .. } => 1,
                UnitState::Done => 2,
                UnitState::Dead => 3,
                UnitState::Cancelled => 4,
            };
            n[place] += 1;
        }
        n
    };
    let solved = |side| ledger.problems.iter().filter(|s| matches!(s, Standing::Solved(s, _) if *s == side)).count();
    let (proved, disproved) = (solved(Side::Statement) as u64, solved(Side::Negation) as u64);
    let is_told_open = |problem: &Id| ledger.problems[*problem] == Standing::Open || ledger.kept_back.contains(problem);
    let waiting = ledger.candidates.iter().filter(|candidate| ledger.waits_for_verdict(rules, candidate));
    Seen {
        state: ledger.state,
        problems: [PROBLEMS as u64 - proved - disproved, proved, disproved],
        stages: begun.map(|(number, _)| stage(number)).collect(),
        counted: ledger.results.values().filter(|(_, is_counted)| *is_counted).count() as u64,
        sessions: ledger.sessions.iter().filter(|session| !session.is_over).count() as u64,
        waiting: waiting.count() as u64,
        open: (0..PROBLEMS).filter(is_told_open).map(|problem| problem as u64 + 1).collect(),
    }
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

fn histories<D: Database>(cases: u32) {
    if runtime().block_on(fresh(D::KIND)).is_none() {
        return;
    }
    let cases = if std::env::var_os("STEPWISE_EXHAUSTIVE").is_some() { 20 * cases } else { cases };
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new(config.clone());
    let outcome = runner.run(&Histories::sequential_strategy(1..80), |(meant, moves, seen)| {
        On::<D>::test_sequential(config.clone(), meant, moves, seen);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, (_, moves, _))) => panic!("{reason}, after {moves:#?}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn sqlite_answers_as_the_model_does() {
    histories::<Sqlite>(48);
}

#[test]
fn postgresql_answers_as_the_model_does() {
    histories::<Postgres>(24);
}

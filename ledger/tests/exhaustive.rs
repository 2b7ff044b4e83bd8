//! The model of a ledger in every state that workers, a network that loses, repeats and reorders messages, kills and lies
//! can bring it into, within bounds; and that faults planted in it are found.
//!
//! `STEPWISE_EXHAUSTIVE=1` checks larger bounds, which takes minutes.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod model;

use std::collections::BTreeSet;
use std::time::Instant;

use model::holds::{self, PROPERTIES};
use model::{
    Came, CanaryState, CandidateState, Fault, Granted, Id, Ledger, Proof, Rules, Sent, Side, Stage, Standing, State,
    UnitState,
};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// What may happen, and how often.
#[derive(Clone, Debug)]
struct Bounds {
    problems: usize,
    stages: Vec<Vec<Side>>,
    /// The account of each worker.
    workers: Vec<Id>,
    /// Sides of problems that have a proof.
    provable: Vec<(Id, Side)>,
    /// Searches of a bundle.
    bundle: usize,
    /// Bundles that a worker asks for.
    claims: u32,
    verifiers: usize,
    ticks: u8,
    /// Workers and verifiers that are killed; a coordinator's kill is that of all its verifiers and a lost answer.
    kills: u8,
    crashes: u8,
    lies: u8,
    /// Verifiers that break down over a proof.
    breakdowns: u8,
    /// Searches given back, and heartbeats.
    asides: u8,
    canaries: bool,
    leaves_stragglers: bool,
}

const STATEMENT: &[Side] = &[Side::Statement];
const BOTH: &[Side] = &[Side::Statement, Side::Negation];

impl Default for Bounds {
    fn default() -> Self {
        Self {
            problems: 1,
            stages: vec![STATEMENT.to_vec()],
            workers: vec![0, 1],
            provable: vec![(0, Side::Statement)],
            bundle: 1,
            claims: 2,
            verifiers: 1,
            ticks: 0,
            kills: 0,
            crashes: 0,
            lies: 0,
            breakdowns: 0,
            asides: 0,
            canaries: false,
            leaves_stragglers: false,
        }
    }
}

/// A message that was sent. The network may deliver it at any time, again and again, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    Claim { worker: Id, session: Id, claim: u32 },
    End(Sent),
    Beat { worker: Id, session: Id },
    Abandon { session: Id },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Worker {
    session: Id,
    n_claims: u32,
    /// The claim whose answer it waits for.
    awaits: Option<u32>,
    /// Searches under way: the unit, the attempt, the claim.
    holds: BTreeSet<(Id, u8, u32)>,
}

/// What has happened of what is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Spent {
    ticks: u8,
    kills: u8,
    crashes: u8,
    lies: u8,
    breakdowns: u8,
    asides: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    ledger: Ledger,
    workers: Vec<Worker>,
    network: BTreeSet<Message>,
    /// The proof that each verifier looks at.
    verifiers: Vec<Option<Id>>,
    spent: Spent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// A worker asks for searches.
    Ask(Id),
    /// A message arrives; its answer may be lost.
    Deliver {
        message: Message,
        answered: bool,
    },
    Finish {
        worker: Id,
        lease: (Id, u8, u32),
        came: Came,
    },
    /// A worker hands in a forged proof of something that it was not given.
    Lie {
        worker: Id,
        unit: Id,
    },
    Beat(Id),
    Abandon(Id),
    KillWorker(Id),
    Take(Id),
    /// A verifier says what is true, or breaks down.
    Judge {
        verifier: Id,
        breaks: bool,
    },
    KillVerifier(Id),
    Reap,
    Advance,
    Tick,
}

struct Campaign {
    rules: Rules,
    bounds: Bounds,
    reaches: &'static [Reached],
}

/// What some state has to show, or a check would show nothing.
type Reached = (&'static str, fn(&World) -> bool);

const FORGED: Proof = Proof { is_true: false, text: 1 };
const TRUE: Proof = Proof { is_true: true, text: 0 };

impl Campaign {
    fn new(bounds: Bounds, fault: Option<Fault>, reaches: &'static [Reached]) -> Self {
        // A lease outlasts its session, so that either of its ends shows.
        let Bounds { canaries, leaves_stragglers, .. } = bounds;
        Self { rules: Rules { lost: 1, lease: 2, check: 1, canaries, leaves_stragglers, fault }, bounds, reaches }
    }

    fn deliver(&self, world: &mut World, message: Message, answered: bool) {
        let World { ledger, workers, .. } = world;
        match message {
            Message::Claim { worker, session, claim } => {
                let granted = ledger.claim(&self.rules, session, claim, self.bounds.bundle);
                let worker = &mut workers[worker];
                if !answered || worker.session != session || worker.awaits != Some(claim) {
                    return;
                }
                worker.awaits = None;
                match granted {
                    Ok(Granted::Bundle(bundle)) => {
                        worker.holds.extend(bundle.into_iter().map(|(unit, attempt)| (unit, attempt, claim)));
                    }
                    Ok(_) => {}
                    Err(model::UnknownSession) => self.enrol(world, session),
                }
            }
            Message::End(sent) => {
                ledger.hand_in(&self.rules, sent);
            }
            Message::Beat { worker, session } => {
                let is_lost = ledger.beat(session).is_err();
                if is_lost && answered && workers[worker].session == session {
                    self.enrol(world, session);
                }
            }
            Message::Abandon { session } => {
                ledger.abandon(session);
            }
        }
    }

    /// Whoever had this session, which is lost, begins a new one.
    fn enrol(&self, world: &mut World, session: Id) {
        let Some(worker) = world.workers.iter().position(|worker| worker.session == session) else { return };
        world.workers[worker].session = world.ledger.enrol(self.bounds.workers[worker]);
        world.workers[worker].awaits = None;
    }

    /// Adds what a worker may do.
    fn of_worker(&self, world: &World, id: Id, actions: &mut Vec<Action>) {
        let (worker, spent, bounds) = (&world.workers[id], world.spent, &self.bounds);
        if worker.holds.is_empty() && worker.awaits.is_none() && worker.n_claims < bounds.claims {
            actions.push(Action::Ask(id));
        }
        for lease in &worker.holds {
            let unit = &world.ledger.units[lease.0];
            let mut came = vec![Came::Nothing];
            if bounds.provable.contains(&(unit.problem, unit.side)) {
                came.push(Came::Proof(TRUE));
            }
            if spent.crashes < bounds.crashes {
                came.push(Came::Crashed);
            }
            if spent.lies < bounds.lies {
                came.push(Came::Proof(FORGED));
            }
            actions.extend(came.into_iter().map(|came| Action::Finish { worker: id, lease: *lease, came }));
        }
        if spent.lies < bounds.lies {
            actions.extend((0..world.ledger.units.len()).map(|unit| Action::Lie { worker: id, unit }));
        }
        if spent.asides < bounds.asides {
            actions.extend([Action::Beat(id), Action::Abandon(id)]);
        }
        if spent.kills < bounds.kills && (!worker.holds.is_empty() || worker.awaits.is_some()) {
            actions.push(Action::KillWorker(id));
        }
    }

    /// What a worker hands in goes to the network.
    fn send(&self, world: &mut World, worker: Id, (unit, attempt, claim): (Id, u8, u32), came: Came) {
        match came {
            Came::Crashed => world.spent.crashes += 1,
            Came::Proof(proof) if !proof.is_true => world.spent.lies += 1,
            _ => {}
        }
        // A name that no other result has.
        let submission = 1000 * worker as u32 + 100 * unit as u32 + 10 * u32::from(attempt) + claim % 10;
        let account = self.bounds.workers[worker];
        world.network.insert(Message::End(Sent { submission, account, unit, attempt, claim, came }));
    }
}

impl Model for Campaign {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut ledger = Ledger::new(self.bounds.problems, self.bounds.stages.clone());
        let begin = |account: &Id| Worker {
            session: ledger.enrol(*account),
            n_claims: 0,
            awaits: None,
            holds: BTreeSet::new(),
        };
        let workers = self.bounds.workers.iter().map(begin).collect();
        let verifiers = vec![None; self.bounds.verifiers];
        vec![World { ledger, workers, network: BTreeSet::new(), verifiers, spent: Spent::default() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        (0..world.workers.len()).for_each(|worker| self.of_worker(world, worker, actions));
        for message in &world.network {
            actions.push(Action::Deliver { message: *message, answered: true });
            if matches!(message, Message::Claim { .. }) {
                actions.push(Action::Deliver { message: *message, answered: false });
            }
        }
        for (verifier, checks) in world.verifiers.iter().enumerate() {
            if checks.is_none() {
                actions.push(Action::Take(verifier));
                continue;
            }
            actions.push(Action::Judge { verifier, breaks: false });
            if world.spent.breakdowns < self.bounds.breakdowns {
                actions.push(Action::Judge { verifier, breaks: true });
            }
            if world.spent.kills < self.bounds.kills {
                actions.push(Action::KillVerifier(verifier));
            }
        }
        actions.extend([Action::Reap, Action::Advance]);
        if world.spent.ticks < self.bounds.ticks {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Ask(worker) => {
                let Worker { session, n_claims: claim, .. } = world.workers[worker];
                world.network.insert(Message::Claim { worker, session, claim });
                (world.workers[worker].n_claims, world.workers[worker].awaits) = (claim + 1, Some(claim));
            }
            Action::Deliver { message, answered } => self.deliver(&mut world, message, answered),
            Action::Finish { worker, lease, came } => {
                world.workers[worker].holds.remove(&lease);
                self.send(&mut world, worker, lease, came);
            }
            Action::Lie { worker, unit } => self.send(&mut world, worker, (unit, 1, 9), Came::Proof(FORGED)),
            Action::Beat(worker) => {
                world.spent.asides += 1;
                world.network.insert(Message::Beat { worker, session: world.workers[worker].session });
            }
            Action::Abandon(worker) => {
                world.spent.asides += 1;
                world.workers[worker].holds.clear();
                world.network.insert(Message::Abandon { session: world.workers[worker].session });
            }
            Action::KillWorker(worker) => {
                world.spent.kills += 1;
                world.workers[worker].holds.clear();
                self.enrol(&mut world, before.workers[worker].session);
            }
            Action::Take(verifier) => world.verifiers[verifier] = world.ledger.next_candidate(&self.rules),
            Action::Judge { verifier, breaks } => {
                let id = world.verifiers[verifier].take()?;
                world.spent.breakdowns += u8::from(breaks);
                let is_true = world.ledger.candidates[id].proof.is_true;
                world.ledger.judge(&self.rules, id, (!breaks).then_some(is_true));
            }
            Action::KillVerifier(verifier) => {
                world.spent.kills += 1;
                world.verifiers[verifier] = None;
            }
            Action::Reap => drop(world.ledger.reap(&self.rules)),
            Action::Advance => drop(world.ledger.advance(&self.rules)),
            Action::Tick => {
                world.spent.ticks += 1;
                world.ledger.tick(&self.rules);
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // A property is a bare function, which knows its place by a constant alone.
        macro_rules! always {
            ($($n:literal)*) => { vec![$(Property::always(PROPERTIES[$n].0, |campaign: &Self, world: &World| {
                (PROPERTIES[$n].1)(&campaign.rules, &world.ledger)
            })),*] };
        }
        let mut properties = always!(0 1 2 3 4 5 6 7 8 9 10 11 12 13);
        assert_eq!(properties.len(), PROPERTIES.len());
        properties.push(Property::always(NOBODY_HOLDS_UNKNOWINGLY, |_, world: &World| holders_know(world)));
        macro_rules! sometimes {
            ($($n:literal)*) => { [$(self.reaches.get($n).map(|(name, _)| {
                Property::sometimes(name, |campaign: &Self, world: &World| (campaign.reaches[$n].1)(world))
            })),*] };
        }
        properties.extend(sometimes!(0 1).into_iter().flatten());
        properties
    }
}

const NOBODY_HOLDS_UNKNOWINGLY: &str = "nobody is given what they do not wait for";

/// Whoever works under a session that holds a search knows of it, waits to be told, or has handed it in or back.
fn holders_know(world: &World) -> bool {
    world.ledger.units.iter().enumerate().all(|(id, unit)| {
        let UnitState::Leased { session, claim, .. } = unit.state else { return true };
        let is_end = |message: &Message| match message {
            Message::End(sent) => (sent.unit, sent.attempt) == (id, unit.attempt),
            Message::Abandon { session: by } => *by == session,
            _ => false,
        };
        let knows = |worker: &Worker| worker.awaits == Some(claim) || worker.holds.contains(&(id, unit.attempt, claim));
        let mut holders = world.workers.iter().filter(|worker| worker.session == session);
        holders.all(knows) || world.network.iter().any(is_end)
    })
}

/// Looks at every state within bounds, or larger ones where the environment asks for them: what must hold does in each,
/// and what is to be reached is.
fn check(name: &str, bounds: Bounds, large: Bounds, reaches: &'static [Reached]) {
    let begun = Instant::now();
    let bounds = if std::env::var_os("STEPWISE_EXHAUSTIVE").is_some() { large } else { bounds };
    let checker = Campaign::new(bounds, None, reaches).checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    checker.assert_properties();
    assert!(checker.is_done());
}

/// Looks for a state in which a property does not hold.
fn finds(property: &'static str, fault: Fault, bounds: Bounds) {
    let begun = Instant::now();
    let campaign = Campaign::new(bounds, Some(fault), &[]);
    let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = campaign.checker().threads(2).finish_when(wanted).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{fault:?} is not found");
    println!("{fault:?}: {} states, {:.2} s", checker.unique_state_count(), begun.elapsed().as_secs_f64());
}

#[test]
fn what_must_hold_holds_whoever_is_killed_and_whatever_the_network_repeats() {
    let bounds = Bounds { stages: vec![BOTH.to_vec()], ticks: 1, kills: 1, ..Bounds::default() };
    let large = Bounds { ticks: 2, ..bounds.clone() };
    check(
        "kills",
        bounds,
        large,
        &[
            ("a proof comes late", |w| is_late(w)),
            ("a session is lost", |w| w.ledger.sessions.iter().any(|s| s.is_over)),
        ],
    );
}

#[test]
fn what_must_hold_holds_though_searches_are_given_back_and_beats_come_late() {
    let bounds = Bounds { ticks: 1, asides: 1, ..Bounds::default() };
    let large = Bounds { ticks: 2, asides: 2, ..bounds.clone() };
    check("given back", bounds, large, &[("a search is given out twice", |w| w.ledger.units[0].attempt == 2)]);
}

#[test]
fn what_must_hold_holds_of_searches_that_break_down() {
    let bounds = Bounds { crashes: 3, claims: 3, ..Bounds::default() };
    let large = Bounds { ticks: 1, ..bounds.clone() };
    check("crashes", bounds, large, &[("a search is dead", |w| w.ledger.units[0].state == UnitState::Dead)]);
    let bounds = Bounds { crashes: 3, claims: 3, workers: vec![0, 0], ..Bounds::default() };
    let large = Bounds { ticks: 1, kills: 1, ..bounds.clone() };
    check(
        "crashes at one account",
        bounds,
        large,
        &[("it is given up", |w| w.ledger.units[0].crashes == 2 && w.ledger.state == State::Done)],
    );
}

#[test]
fn what_must_hold_holds_of_proofs_that_contradict_each_other() {
    let bounds = Bounds {
        stages: vec![BOTH.to_vec()],
        provable: vec![(0, Side::Statement), (0, Side::Negation)],
        claims: 1,
        verifiers: 2,
        ticks: 1,
        kills: 1,
        breakdowns: 1,
        ..Bounds::default()
    };
    let large = Bounds { claims: 2, ticks: 2, breakdowns: 3, ..bounds.clone() };
    check("contradictions", bounds, large, &[("the campaign is halted", |w| w.ledger.state == State::Halted)]);
}

#[test]
fn what_must_hold_holds_of_lies() {
    let bounds = Bounds { stages: vec![STATEMENT.to_vec(); 2], lies: 2, ..Bounds::default() };
    let large = Bounds { ticks: 1, breakdowns: 1, ..bounds.clone() };
    check(
        "lies",
        bounds,
        large,
        &[
            ("a forged proof is refused", |w| w.ledger.candidates.iter().any(|c| c.state == CandidateState::Refused)),
            ("both stages are frozen", |w| w.ledger.stages.iter().all(|stage| matches!(stage, Stage::Frozen(_)))),
        ],
    );
}

#[test]
fn what_must_hold_holds_of_three_workers_at_two_problems() {
    let bounds = Bounds {
        problems: 2,
        stages: vec![BOTH.to_vec()],
        workers: vec![0, 1, 0],
        provable: vec![(0, Side::Statement), (1, Side::Negation)],
        bundle: 2,
        claims: 1,
        lies: 1,
        ..Bounds::default()
    };
    let large = Bounds { lies: 0, ticks: 1, ..bounds.clone() };
    check(
        "three workers",
        bounds,
        large,
        &[("both are solved", |w| w.ledger.problems.iter().all(|standing| *standing != Standing::Open))],
    );
}

#[test]
fn what_must_hold_holds_of_canaries() {
    let bounds = Bounds { problems: 2, canaries: true, lies: 1, ..Bounds::default() };
    let large = Bounds { ticks: 1, kills: 1, ..bounds.clone() };
    fn is_any(world: &World, state: CanaryState) -> bool {
        world.ledger.canaries.values().any(|canary| canary.state == state)
    }
    check(
        "canaries",
        bounds,
        large,
        &[
            ("a canary is found", |w| is_any(w, CanaryState::Found)),
            ("a canary is missed", |w| is_any(w, CanaryState::Missed)),
        ],
    );
}

#[test]
fn what_must_hold_holds_of_a_stage_that_leaves_stragglers() {
    let bounds =
        Bounds { problems: 2, stages: vec![STATEMENT.to_vec(); 2], leaves_stragglers: true, ..Bounds::default() };
    let large = Bounds { ticks: 1, ..bounds.clone() };
    fn is_left(world: &World) -> bool {
        matches!(world.ledger.stages[0], Stage::Frozen(_)) && world.ledger.problems[0] == Standing::Open
    }
    check(
        "stragglers",
        bounds,
        large,
        &[
            ("a proof waits that its stage was not waited for", |w| {
                is_left(w) && w.ledger.candidates.iter().any(|c| c.unit == 0 && c.state == CandidateState::Waiting)
            }),
            ("a straggler's problem is solved in the next stage", |w| {
                matches!(w.ledger.problems[0], Standing::Solved(_, by) if w.ledger.candidates[by].unit == 0)
                    && w.ledger.units.len() > 2
            }),
        ],
    );
}

/// Whether a proof came when its search was another's, or over.
fn is_late(world: &World) -> bool {
    world.ledger.results.values().any(|(sent, counts)| !counts && matches!(sent.came, Came::Proof(_)))
}

#[test]
fn claims_that_are_given_what_nobody_waits_for_are_found() {
    finds(NOBODY_HOLDS_UNKNOWINGLY, Fault::OldClaimsAreForgotten, Bounds { problems: 3, ..Bounds::default() });
    finds(NOBODY_HOLDS_UNKNOWINGLY, Fault::IdleClaimsAreForgotten, Bounds { crashes: 1, ..Bounds::default() });
}

/// A test for each planted fault: the property that it breaks, and bounds in which it does.
macro_rules! finds {
    ($($name:ident: $fault:ident breaks $property:ident in { $($bound:ident: $value:expr),* })*) => {$(
        #[test]
        fn $name() {
            finds(holds::$property, Fault::$fault, Bounds { $($bound: $value,)* ..Bounds::default() });
        }
    )*};
}

finds! {
    attempts_that_stay_are_found: AttemptsStay breaks ONE_LEASE in { asides: 1 }
    old_attempts_that_end_searches_are_found: OldAttemptsEnd breaks ONE_LEASE in { ticks: 1 }
    effort_that_counts_twice_is_found: EveryArrivalCounts breaks EFFORT_ONCE in { crashes: 1 }
    late_proofs_that_are_dropped_are_found: LateProofsAreDropped breaks NO_PROOF_LOST in { ticks: 1 }
    donors_who_decide_are_found: DonorsDecide breaks SOLVED_BY_VERDICT in { lies: 1 }
    a_contrary_proof_that_nobody_looks_at_is_found: OneProofIsEnough breaks CONTRADICTION_HALTS in {
        stages: vec![BOTH.to_vec()], provable: vec![(0, Side::Statement), (0, Side::Negation)]
    }
    a_contradiction_that_passes_is_found: ContradictionsPass breaks CONTRADICTION_HALTS in {
        stages: vec![BOTH.to_vec()], provable: vec![(0, Side::Statement), (0, Side::Negation)]
    }
    a_stage_frozen_under_searches_is_found: FreezesUnderSearches breaks FROZEN_STAYS in { ticks: 0 }
    a_stage_frozen_under_proofs_is_found: FreezesUnderProofs breaks FROZEN_STAYS in { ticks: 0 }
    death_at_one_account_is_found: DeadAtOneAccount breaks DEAD_AFTER_THREE in { crashes: 2 }
    lost_sessions_that_keep_searches_are_found: LostSessionsKeep breaks LEASES_END in { ticks: 0 }
    leases_that_never_end_are_found: LeasesNeverEnd breaks LEASES_END in { ticks: 0 }
    verifiers_that_keep_proofs_are_found: VerifiersKeep breaks NO_PROOF_LOST in { ticks: 0 }
    old_claims_that_give_again_are_found: OldClaimsAreForgotten breaks CLAIMS_GIVE_ONCE in { problems: 3 }
    a_poisoned_search_that_holds_up_its_stage_is_found: PoisonHoldsUp breaks CAMPAIGN_ENDS in {
        crashes: 2, workers: vec![0, 0]
    }
    late_lies_that_open_searches_are_found: LateLiesReopen breaks ENDED_STAYS in { lies: 1 }
    repeated_lies_that_end_searches_are_found: RepeatedLiesEnd breaks LIES_END_NOTHING in { lies: 2 }
    a_search_that_ended_with_another_s_lie_is_found: OneSearchIsReopened breaks LIES_END_NOTHING in {
        lies: 2, stages: vec![vec![Side::Statement, Side::Statement]]
    }
    canaries_that_count_are_found: CanariesCount breaks CANARIES_COUNT_FOR_NOTHING in { problems: 2, canaries: true }
    canaries_that_are_known_are_found: CanariesAreKnown breaks CANARIES_ARE_NEW in { problems: 2, canaries: true }
    lost_sessions_that_keep_canaries_are_found: CanariesStay breaks LEASES_END in { problems: 2, canaries: true }
}

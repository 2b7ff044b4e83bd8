//! What must hold of a ledger at any moment.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::holder;
use super::{
    Advanced, Came, Canary, CanaryState, CandidateState, Granted, Id, Ledger, Rules, Sent, Stage, Standing, State,
    Unit, UnitState,
};

/// Something that must hold, and its name.
pub(crate) type Property = (&'static str, fn(&Rules, &Ledger) -> bool);

pub(crate) const ONE_LEASE: &str = "a unit has one lease, of its current attempt";
pub(crate) const SOLVED_BY_VERDICT: &str = "a problem is solved only by our own accepted verdict";
pub(crate) const EFFORT_ONCE: &str = "effort counts once an attempt";
pub(crate) const NO_PROOF_LOST: &str = "no proof that arrived is lost, however late";
pub(crate) const CONTRADICTION_HALTS: &str = "a contradiction halts";
pub(crate) const FROZEN_STAYS: &str = "what is frozen stays";
pub(crate) const DEAD_AFTER_THREE: &str = "a unit is dead only after three crashes at two accounts";
pub(crate) const LEASES_END: &str = "every lease ends";
pub(crate) const CLAIMS_GIVE_ONCE: &str = "a claim is given searches once";
pub(crate) const ENDED_STAYS: &str = "what ended without a proof is not searched again";
pub(crate) const LIES_END_NOTHING: &str = "no search is done by a proof that was refused";
pub(crate) const CANARIES_COUNT_FOR_NOTHING: &str = "a canary counts for nothing";
pub(crate) const CANARIES_ARE_NEW: &str = "nobody gets a canary of a problem that they know";
pub(crate) const CAMPAIGN_ENDS: &str = "a campaign whose donors work comes to its end";

pub(crate) const PROPERTIES: [Property; 14] = [
    (ONE_LEASE, one_lease),
    (SOLVED_BY_VERDICT, solved_by_verdict),
    (EFFORT_ONCE, effort_once),
    (NO_PROOF_LOST, no_proof_lost),
    (CONTRADICTION_HALTS, contradiction_halts),
    (FROZEN_STAYS, frozen_stays),
    (DEAD_AFTER_THREE, dead_after_three),
    (LEASES_END, leases_end),
    (CLAIMS_GIVE_ONCE, claims_give_once),
    (ENDED_STAYS, ended_stays),
    (LIES_END_NOTHING, lies_end_nothing),
    (CANARIES_COUNT_FOR_NOTHING, canaries_count_for_nothing),
    (CANARIES_ARE_NEW, canaries_are_new),
    (CAMPAIGN_ENDS, campaign_ends),
];

fn one_lease(_: &Rules, ledger: &Ledger) -> bool {
    let is_whole = |(id, unit): (Id, &Unit)| match unit.state {
        UnitState::Leased { session, claim, .. } => {
            ledger.leases.get(&(id, unit.attempt)).is_some_and(|given| given.contains(&(session, claim)))
        }
        // It was the attempt under way that ended it.
        UnitState::Done => counted_of(ledger, id).any(|sent| sent.attempt == unit.attempt),
        _ => true,
    };
    ledger.leases.values().all(|given| given.len() == 1) && ledger.units.iter().enumerate().all(is_whole)
}

fn solved_by_verdict(_: &Rules, ledger: &Ledger) -> bool {
    ledger.problems.iter().enumerate().all(|(problem, standing)| match *standing {
        Standing::Open => true,
        Standing::Solved(side, by) => {
            let by = &ledger.candidates[by];
            (by.problem, by.side, by.state, by.proof.is_true) == (problem, side, CandidateState::Accepted, true)
        }
    })
}

fn effort_once(_: &Rules, ledger: &Ledger) -> bool {
    let mut counted = BTreeSet::new();
    ledger.results.values().filter(|(_, counts)| *counts).all(|(sent, _)| counted.insert((sent.unit, sent.attempt)))
}

/// Verifiers that do their work look at every proof, unless it says what is known, or three of them gave it up.
fn no_proof_lost(rules: &Rules, ledger: &Ledger) -> bool {
    let settled = settle(rules, ledger);
    let is_looked_at = |&(problem, side, proof): &(Id, _, _)| {
        let found = settled.candidates.iter().find(|c| (c.problem, c.side, c.proof) == (problem, side, proof));
        found.is_some_and(|candidate| match candidate.state {
            CandidateState::Accepted | CandidateState::Refused | CandidateState::Undecided => true,
            _ => matches!(settled.problems[problem], Standing::Solved(known, _) if known == side),
        })
    };
    settled.arrived.iter().all(is_looked_at)
}

fn contradiction_halts(rules: &Rules, ledger: &Ledger) -> bool {
    let settled = settle(rules, ledger);
    let mut sides: BTreeMap<Id, BTreeSet<_>> = BTreeMap::new();
    for candidate in settled.candidates.iter().filter(|c| c.proof.is_true && c.state != CandidateState::Undecided) {
        sides.entry(candidate.problem).or_default().insert(candidate.side);
    }
    settled.state == State::Halted || sides.values().all(|sides| sides.len() < 2)
}

/// The list of results does not change, nothing is given out any more, and the proofs among them are judged.
fn frozen_stays(rules: &Rules, ledger: &Ledger) -> bool {
    ledger.stages.iter().enumerate().all(|(number, stage)| {
        let Stage::Frozen(counted) = stage else { return true };
        let of_it = |unit: &Unit| unit.stage == number;
        let is_at_rest = |unit: &Unit| !matches!(unit.state, UnitState::Ready | UnitState::Leased { .. });
        let came_of_it = |id: Id, proof| counted.iter().any(|c| c.0 == id && c.2 == Came::Proof(proof));
        let is_judged = ledger.candidates.iter().all(|candidate| {
            !(ledger.waits_for_verdict(rules, candidate) && came_of_it(candidate.unit, candidate.proof))
        });
        *counted == ledger.counted(number)
            && ledger.units.iter().filter(|unit| of_it(unit)).all(is_at_rest)
            && is_judged
    })
}

fn dead_after_three(_: &Rules, ledger: &Ledger) -> bool {
    ledger.units.iter().enumerate().filter(|(_, unit)| unit.state == UnitState::Dead).all(|(id, _)| {
        // Whoever repeats what was refused has broken down too.
        let is_crash = |s: &&Sent| s.came == Came::Crashed || is_refused(ledger, s);
        let crashes: Vec<Id> = counted_of(ledger, id).filter(is_crash).map(|s| s.account).collect();
        crashes.len() >= 3 && crashes.iter().collect::<BTreeSet<_>>().len() >= 2
    })
}

/// Those of who falls silent end, and those of who does not end too.
fn leases_end(rules: &Rules, ledger: &Ledger) -> bool {
    let is_free = |ledger: &Ledger| {
        let is_given = |canary: &Canary| canary.state == CanaryState::Given;
        ledger.units.iter().all(|unit| holder(unit).is_none()) && !ledger.canaries.values().any(is_given)
    };
    let mut silent = ledger.clone();
    for _ in 0..rules.lost {
        silent.tick(rules);
    }
    silent.reap(rules);
    let mut beating = ledger.clone();
    for _ in 0..rules.lease {
        beating.tick(rules);
        beating.sessions.iter_mut().for_each(|session| session.quiet = 0);
        beating.reap(rules);
    }
    is_free(&silent) && is_free(&beating)
}

fn claims_give_once(_: &Rules, ledger: &Ledger) -> bool {
    let mut claims: BTreeMap<Id, BTreeSet<u32>> = BTreeMap::new();
    for (session, claim) in ledger.leases.values().flatten() {
        claims.entry(*session).or_default().insert(*claim);
    }
    ledger.sessions.iter().enumerate().all(|(id, s)| claims.get(&id).map_or(0, BTreeSet::len) == usize::from(s.n_given))
}

fn ended_stays(_: &Rules, ledger: &Ledger) -> bool {
    ledger.units.iter().enumerate().all(|(id, unit)| {
        let is_ended = counted_of(ledger, id).any(|s| s.attempt == unit.attempt && s.came == Came::Nothing);
        !is_ended || unit.state == UnitState::Done
    })
}

/// As long as it could still be searched.
fn lies_end_nothing(_: &Rules, ledger: &Ledger) -> bool {
    ledger.units.iter().enumerate().all(|(id, unit)| {
        let is_open = ledger.problems[unit.problem] == Standing::Open && ledger.stages[unit.stage] == Stage::Open;
        let is_lie = |s: &Sent| s.attempt == unit.attempt && is_refused(ledger, s);
        !is_open || unit.state != UnitState::Done || !counted_of(ledger, id).any(is_lie)
    })
}

/// Its problem is solved, its search has ended as before, and what it comes to is no effort.
fn canaries_count_for_nothing(_: &Rules, ledger: &Ledger) -> bool {
    ledger.canaries.keys().all(|&(id, attempt)| {
        let unit = &ledger.units[id];
        let is_counted = counted_of(ledger, id).any(|sent| sent.attempt == attempt);
        unit.state == UnitState::Done && unit.attempt < attempt && !is_counted && {
            matches!(ledger.problems[unit.problem], Standing::Solved(..))
        }
    })
}

fn canaries_are_new(_: &Rules, ledger: &Ledger) -> bool {
    ledger.canaries.iter().all(|(&(id, attempt), canary)| {
        let account = ledger.sessions[canary.session].account;
        let problem = ledger.units[id].problem;
        let of_it = ledger.leases.iter().filter(|((unit, _), _)| ledger.units[*unit].problem == problem);
        let others = of_it.filter(|(lease, _)| **lease != (id, attempt));
        let mut holders = others.flat_map(|(_, given)| given).map(|(session, _)| ledger.sessions[*session].account);
        holders.all(|holder| holder != account)
    })
}

/// Every account begins anew, claims and finds nothing, until the campaign is over.
fn campaign_ends(rules: &Rules, ledger: &Ledger) -> bool {
    let mut ledger = ledger.clone();
    let accounts: BTreeSet<Id> = ledger.sessions.iter().map(|session| session.account).collect();
    let rounds = rules.lost.max(rules.check) as usize + 4 * ledger.stages.len();
    for round in 0..rounds {
        for account in &accounts {
            let session = ledger.enrol(*account);
            let claim = 1_000 + round as u32;
            let Ok(Granted::Bundle(bundle)) = ledger.claim(rules, session, claim, usize::MAX) else { continue };
            for (unit, attempt) in bundle {
                let submission = 10_000 * (claim + 1) + 100 * unit as u32 + u32::from(attempt);
                let sent = Sent { submission, account: *account, unit, attempt, claim, came: Came::Nothing };
                ledger.hand_in(rules, sent);
            }
        }
        ledger.tick(rules);
        ledger.reap(rules);
        verify_all(rules, &mut ledger);
        if ledger.advance(rules) == Advanced::Done {
            return true;
        }
    }
    false
}

/// What comes of a ledger when nobody works any more, the keeper looks and verifiers judge.
fn settle(rules: &Rules, ledger: &Ledger) -> Ledger {
    let mut ledger = ledger.clone();
    for _ in 0..rules.check {
        ledger.tick(rules);
    }
    ledger.reap(rules);
    verify_all(rules, &mut ledger);
    ledger
}

fn verify_all(rules: &Rules, ledger: &mut Ledger) {
    while let Some(id) = ledger.next_candidate(rules) {
        let is_true = ledger.candidates[id].proof.is_true;
        ledger.judge(rules, id, Some(is_true));
    }
}

/// Whether what was handed in is a proof that was refused.
fn is_refused(ledger: &Ledger, sent: &Sent) -> bool {
    let Unit { problem, side, .. } = ledger.units[sent.unit];
    let is_it = |c: &super::Candidate| (c.problem, c.side, Came::Proof(c.proof)) == (problem, side, sent.came);
    ledger.candidates.iter().any(|c| is_it(c) && c.state == CandidateState::Refused)
}

fn counted_of(ledger: &Ledger, id: Id) -> impl Iterator<Item = &Sent> {
    ledger.results.values().filter(move |(sent, counts)| *counts && sent.unit == id).map(|(sent, _)| sent)
}

//! Canaries, on both databases: searches whose proof is known, given out among others.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

#[macro_use]
mod databases;
mod made;

use databases::{Kind, fresh};
use made::{enrolment, verdict};
use stepwise_core::wire::campaign::{
    self as wire, Bundle, Doing, Ending, Held, Lease, Overview, Receipt, Side, Standing,
};
use stepwise_ledger::operations::{
    Abandon, Advance, Advanced, Beat, Canaries, Claim, Create, Enrol, Granted, HandIn, Invite, Join, Judge, Judged,
    NextCandidate, ReadDoubted, ReadEvents, ReadOverview, ReadOwn, ReadPace, ReadProblem, ReadProblems, ReadSessions,
    Reap, Timing, Trust, Unblock,
};
use stepwise_ledger::{Ledger, hash_of};

on_both! {
    a_canary_is_a_search_like_any_that_came_back
    a_canary_is_taken_back_as_any_search_is
    a_kept_back_problem_is_told_as_open_until_its_stage_is_over
    another_proof_of_a_canary_is_found_when_a_verifier_says_so
    nothing_counts_that_a_canary_comes_to
    who_does_not_find_what_others_find_gets_only_what_can_be_checked
}

const TIMING: Timing = Timing { lost_ms: 60_000, lease_ms: 600_000, rest_ms: 0, check_ms: 60_000 };

/// A campaign in which everything is kept back, and every bundle has a canary where there is one.
async fn campaign(ledger: &Ledger, n_problems: u64) {
    let create = made::create(n_problems, &[&[Side::Statement, Side::Negation], &[Side::Statement]]);
    ledger.run(Create { canaries: Canaries { kept_back: 1000, given: 1000 }, ..create }).await.unwrap();
}

#[derive(Clone, Copy)]
struct Donor<'a> {
    ledger: &'a Ledger,
    account: u64,
    session: u64,
}

async fn donor<'a>(ledger: &'a Ledger, name: &str) -> Donor<'a> {
    let (secret_sha, token_sha) = (hash_of(&format!("invitation of {name}")), hash_of(&format!("token of {name}")));
    let invite = Invite { secret_sha: secret_sha.clone(), trust: Trust::Donor, uses: 1, lives_ms: 1_000_000 };
    ledger.run(invite).await.unwrap();
    let account = ledger.run(Join { secret_sha, token_sha, name: Some(name.to_owned()) }).await.unwrap().0;
    let session = ledger.run(Enrol { account, enrolment: enrolment() }).await.unwrap();
    Donor { ledger, account, session }
}

impl Donor<'_> {
    async fn claim(&self, claim: &str) -> Granted {
        let claim = wire::Claim { session: self.session, claim: claim.to_owned(), number: made::count(), want_s: 1 };
        self.ledger
            .run(Claim {
                account: self.account,
                claim,
                pace_ms: 1000,
                share: u64::MAX,
                gives: true,
                measures: true,
                timing: TIMING,
            })
            .await
            .unwrap()
    }

    /// The one search that a new donor of one core is given.
    async fn search(&self, claim: &str) -> Lease {
        match self.claim(claim).await {
            Granted::Bundle(Bundle { leases, .. }) if leases.len() == 1 => leases.into_iter().next().unwrap(),
            other => panic!("{other:?} instead of one search"),
        }
    }

    async fn hand_in(&self, lease: &Lease, claim: &str, ending: Ending, proof: &str) -> Receipt {
        let proof = (ending == Ending::Proof).then(|| proof.to_owned());
        let submission = format!("{:0>10}{:0>10}{:0>10}", self.account, lease.unit, lease.attempt);
        let result = made::result((lease.unit, lease.attempt, claim), submission, ending, proof);
        let hand_in = HandIn { account: self.account, results: vec![result], timing: TIMING };
        self.ledger.run(hand_in).await.unwrap().pop().unwrap()
    }

    /// Claims a search and proves it.
    async fn prove(&self, claim: &str) -> Lease {
        let lease = self.search(claim).await;
        assert_eq!(self.hand_in(&lease, claim, Ending::Proof, "trivial").await, Receipt::Stored);
        assert_eq!(judge(self.ledger, true).await, Judged::Solved);
        lease
    }
}

async fn judge(ledger: &Ledger, accepted: bool) -> Judged {
    let candidate = ledger.run(NextCandidate(TIMING)).await.unwrap().expect("a proof waits");
    ledger.run(Judge { candidate: candidate.id, verdict: Some(verdict(accepted)) }).await.unwrap()
}

async fn doubted(ledger: &Ledger) -> Vec<(u64, u64, u64, bool)> {
    let doubted = ledger.read(ReadDoubted).await.unwrap();
    doubted.into_iter().map(|d| (d.account, d.missed, d.canaries, d.is_restricted)).collect()
}

async fn a_canary_is_a_search_like_any_that_came_back(ledger: &Ledger) {
    campaign(ledger, 3).await;
    let (ada, bob) = (donor(ledger, "ada").await, donor(ledger, "bob").await);
    let solved = ada.prove("a").await;
    let canary = bob.search("b").await;
    let Lease { attempt, ends_s, .. } = canary;
    assert_eq!(Lease { attempt, ends_s, ..solved.clone() }, canary, "all else is as it was");
    // It is bob's: asked for again, and said to be held.
    assert_eq!(bob.search("b").await.attempt, attempt);
    let held = vec![Held { unit: canary.unit, attempt, expansions: 1 }];
    let beat = wire::Beat { session: bob.session, doing: Doing::Working, held };
    assert_eq!(ledger.run(Beat { account: bob.account, beat }).await.unwrap().revoked, [0; 0]);
    let sessions = ledger.read(ReadSessions).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.held).collect::<Vec<_>>(), [0, 1]);
    // Nobody else hands it in, and nobody gets it who knows the problem: neither ada, nor bob once more.
    let refused = ada.hand_in(&canary, "b", Ending::Exhausted, "").await;
    assert!(matches!(refused, Receipt::Refused { .. }), "{refused:?}");
    assert_ne!(ada.search("c").await.problem, solved.problem);
    assert_eq!(bob.hand_in(&canary, "b", Ending::Proof, "trivial").await, Receipt::Stored);
    assert_eq!(bob.hand_in(&canary, "b", Ending::Proof, "trivial").await, Receipt::Duplicate);
    assert_ne!(bob.search("d").await.problem, solved.problem);
    assert!(ledger.run(NextCandidate(TIMING)).await.unwrap().is_none(), "its proof is known");
}

async fn nothing_counts_that_a_canary_comes_to(ledger: &Ledger) {
    campaign(ledger, 2).await;
    let (ada, bob, eve) = (donor(ledger, "ada").await, donor(ledger, "bob").await, donor(ledger, "eve").await);
    ada.prove("a").await;
    let told = async || {
        let Overview { state, problems, stages, waiting, cost, day, left, .. } =
            ledger.read(ReadOverview).await.unwrap();
        (state, problems, stages, waiting, cost, day, left, ledger.read(ReadPace).await.unwrap())
    };
    let before = told().await;
    let (found, missed) = (bob.search("b").await, eve.search("c").await);
    assert_eq!(found.unit, missed.unit);
    assert_eq!(bob.hand_in(&found, "b", Ending::Proof, "trivial").await, Receipt::Stored);
    assert_eq!(eve.hand_in(&missed, "c", Ending::OutOfBudget, "").await, Receipt::Stored);
    assert_eq!(told().await, before);
    // But to them it is a search as any other.
    assert_eq!(ledger.read(ReadOwn(eve.account)).await.unwrap().cost.out_of_budget, 1);
    // A canary under way holds up no stage.
    let kim = donor(ledger, "kim").await;
    let slow = kim.search("d").await;
    for claim in ["e", "f"] {
        let lease = ada.search(claim).await;
        ada.hand_in(&lease, claim, Ending::Exhausted, "").await;
    }
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("stage 2".to_owned()));
    assert_eq!(kim.hand_in(&slow, "d", Ending::Exhausted, "").await, Receipt::Stored);
    // What solved a problem of a stage that is over is no canary any more.
    assert_eq!(bob.search("g").await.problem, 2);
}

async fn a_kept_back_problem_is_told_as_open_until_its_stage_is_over(ledger: &Ledger) {
    campaign(ledger, 2).await;
    let (ada, bob) = (donor(ledger, "ada").await, donor(ledger, "bob").await);
    let open = ledger.read(ReadProblem(1)).await.unwrap();
    ada.prove("a").await;
    let listed = async |standing| {
        let rows = ReadProblems { at_most: 9, standing, ..ReadProblems::default() };
        ledger.read(rows).await.unwrap().into_iter().map(|row| (row.id, row.solved_ms.is_some(), row.searches))
    };
    assert_eq!(listed(Some(Standing::Proved)).await.collect::<Vec<_>>(), []);
    assert_eq!(listed(Some(Standing::Open)).await.collect::<Vec<_>>(), [(1, false, 0), (2, false, 0)]);
    let page = ledger.read(ReadProblem(1)).await.unwrap();
    assert_eq!((&page.problem, &page.proof, page.cost), (&open.problem, &None, open.cost));
    let stage = &page.stages[0];
    assert_eq!((stage.ready, stage.leased, stage.done, stage.cancelled), (0, 2, 0, 0));
    let told = async || {
        let events = ledger.read(ReadEvents { after: 0, at_most: 99 }).await.unwrap();
        events.iter().filter(|event| event.kind == "solved").count()
    };
    assert_eq!(told().await, 0);
    assert_eq!(ledger.read(ReadOverview).await.unwrap().problems.proved, 1, "how many there are is no secret");
    for claim in ["b", "c"] {
        let lease = ada.search(claim).await;
        ada.hand_in(&lease, claim, Ending::Exhausted, "").await;
    }
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("stage 2".to_owned()));
    assert_eq!(told().await, 1);
    assert_eq!(listed(Some(Standing::Proved)).await.collect::<Vec<_>>(), [(1, true, 1)]);
    assert!(ledger.read(ReadProblem(1)).await.unwrap().proof.is_some());
    assert_eq!(bob.search("d").await.problem, 2);
}

async fn a_canary_is_taken_back_as_any_search_is(ledger: &Ledger) {
    campaign(ledger, 2).await;
    let ada = donor(ledger, "ada").await;
    ada.prove("a").await;
    let (bob, eve, kim) = (donor(ledger, "bob").await, donor(ledger, "eve").await, donor(ledger, "kim").await);
    let (given_back, lost, broken) = (bob.search("b").await, eve.search("c").await, kim.search("d").await);
    let abandon = wire::Abandon { session: bob.session, units: vec![given_back.unit], leave: false };
    assert_eq!(ledger.run(Abandon { account: bob.account, abandon }).await.unwrap(), 1);
    let held = vec![Held { unit: given_back.unit, attempt: given_back.attempt, expansions: 0 }];
    let beat = wire::Beat { session: bob.session, doing: Doing::Idle, held };
    assert_eq!(ledger.run(Beat { account: bob.account, beat }).await.unwrap().revoked, [given_back.unit]);
    assert_eq!(kim.hand_in(&broken, "d", Ending::Crashed, "").await, Receipt::Stored);
    ledger.put_ahead(61_000);
    let reaped = ledger.run(Reap(TIMING)).await.unwrap();
    assert_eq!((reaped.sessions, reaped.units), (4, 1));
    assert_eq!(eve.hand_in(&lost, "c", Ending::Exhausted, "").await, Receipt::Late);
    assert_eq!(bob.hand_in(&given_back, "b", Ending::Exhausted, "").await, Receipt::Late);
    assert_eq!(doubted(ledger).await, [], "none of that says that they do not search");
}

async fn another_proof_of_a_canary_is_found_when_a_verifier_says_so(ledger: &Ledger) {
    campaign(ledger, 30).await;
    let (ada, bob, eve) = (donor(ledger, "ada").await, donor(ledger, "bob").await, donor(ledger, "eve").await);
    for n in 0..26 {
        ada.prove(&format!("a{n}")).await;
    }
    // Bob finds proofs of his own, which are right, and eve makes hers up.
    for (who, accepted) in [(bob, true), (eve, false)] {
        for n in 0..3 {
            let claim = format!("{}:{n}", who.account);
            let lease = who.search(&claim).await;
            assert_eq!(who.hand_in(&lease, &claim, Ending::Proof, &claim).await, Receipt::Stored);
            assert_eq!(ledger.read(ReadOverview).await.unwrap().waiting, 0, "no stage waits for it");
            assert_eq!(judge(ledger, accepted).await, if accepted { Judged::Known } else { Judged::Refused });
        }
    }
    let of = |account| async move { ledger.read(ReadOwn(account)).await.unwrap() };
    assert_eq!((of(bob.account).await.accepted, of(eve.account).await.refused), (3, 3));
    // Three that bob found tell too little of what is usual.
    assert_eq!(doubted(ledger).await, []);
}

async fn who_does_not_find_what_others_find_gets_only_what_can_be_checked(ledger: &Ledger) {
    campaign(ledger, 40).await;
    let (ada, bob, eve) = (donor(ledger, "ada").await, donor(ledger, "bob").await, donor(ledger, "eve").await);
    for n in 0..30 {
        ada.prove(&format!("a{n}")).await;
    }
    for n in 0..20 {
        let claim = format!("b{n}");
        let lease = bob.search(&claim).await;
        assert_eq!(bob.hand_in(&lease, &claim, Ending::Proof, "trivial").await, Receipt::Stored);
    }
    let miss = async |n: u64| {
        let claim = format!("e{n}");
        let lease = eve.search(&claim).await;
        assert_eq!(eve.hand_in(&lease, &claim, Ending::OutOfBudget, "").await, Receipt::Stored);
    };
    for n in 0..3 {
        assert_eq!(doubted(ledger).await, []);
        miss(n).await;
    }
    assert_eq!(doubted(ledger).await, [(eve.account, 3, 3, false)]);
    for n in 3..6 {
        miss(n).await;
    }
    assert_eq!(doubted(ledger).await, [(eve.account, 6, 6, true)]);
    // From now on she gets what can be checked, as long as there is any.
    for n in 6..30 {
        miss(n).await;
    }
    assert_eq!(eve.claim("more").await, Granted::Doubted);
    let open = ada.search("more").await;
    ledger.run(Unblock { account: eve.account }).await.unwrap();
    assert_eq!(doubted(ledger).await, []);
    assert_ne!(eve.search("again").await.unit, open.unit);
    let refused = ledger.run(Unblock { account: eve.account }).await;
    assert!(refused.is_err(), "there is nothing to forgive any more");
}

//! What those who watch a campaign are told, on both databases.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

#[macro_use]
mod databases;
mod made;

use databases::{Kind, fresh};
use made::{enrolment, verdict};
use stepwise_core::problem::Theorem;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{
    self as wire, Bundle, Ending, Lease, Recipe, SearchResult, Side, Standing, State, TimeLeft,
};
use stepwise_ledger::operations::{
    Block, Canaries, Claim, Create, Enrol, Granted, HandIn, Invite, Join, Judge, NewProblem, NewStage, NextCandidate,
    ReadCurve, ReadLastEvent, ReadOverview, ReadOwn, ReadProblem, ReadProblems, ReadSessions, SetState, Timing, Trust,
};
use stepwise_ledger::{Ledger, LedgerError, hash_of};

const TIMING: Timing = Timing { lost_ms: 60_000, lease_ms: 600_000, rest_ms: 0, check_ms: 60_000 };

const NAMES: [&str; 6] = ["alg_1", "alg_2", "ALG_3", "100%", "num_1", "num\\2"];

/// A campaign of six problems and one worker, who holds all of its searches under the claim `a`.
async fn begun(ledger: &Ledger) -> (u64, Bundle) {
    let recipe = Recipe {
        config: serde_json::json!({}),
        policy: "portfolio".to_owned(),
        lean: "lean".to_owned(),
        ..Recipe::default()
    };
    let problems = NAMES.map(|name| NewProblem {
        split: String::new(),
        name: name.to_owned(),
        theorem: Theorem {
            name: "t".to_owned(),
            statement: format!("theorem t : \"{name}\" = \"\""),
            ..Theorem::default()
        },
    });
    let stage = NewStage { name: "stage 1".to_owned(), recipe, sides: vec![Side::Statement, Side::Negation], tries: 1 };
    let create = Create {
        name: "test".to_owned(),
        manifest: serde_json::json!({}),
        lean: "lean".to_owned(),
        seed: 7,
        problems: problems.into(),
        stages: vec![stage],
        canaries: Canaries::NONE,
    };
    ledger.run(create).await.unwrap();
    let invite = Invite { secret_sha: hash_of("i"), trust: Trust::Operator, uses: 1, lives_ms: 60_000 };
    ledger.run(invite).await.unwrap();
    let join = Join { secret_sha: hash_of("i"), token_sha: hash_of("t"), name: Some("ada".to_owned()) };
    let account = ledger.run(join).await.unwrap().0;
    let session = ledger.run(Enrol { account, enrolment: enrolment() }).await.unwrap();
    let claim = wire::Claim { session, claim: "a".to_owned(), number: 1, want_s: 12 };
    match ledger
        .run(Claim { account, claim, pace_ms: 1000, share: u64::MAX, gives: true, measures: true, timing: TIMING })
        .await
        .unwrap()
    {
        Granted::Bundle(bundle) => (account, bundle),
        other => panic!("{other:?} instead of a bundle"),
    }
}

fn of(bundle: &Bundle, problem: u64, side: Side) -> &Lease {
    bundle.leases.iter().find(|lease| lease.problem == problem && lease.side == side).unwrap()
}

async fn hand_in(ledger: &Ledger, account: u64, lease: &Lease, ending: Ending, seconds: u64) {
    let result = SearchResult {
        submission: format!("{:0>32}", lease.unit),
        unit: lease.unit,
        attempt: lease.attempt,
        claim: "a".to_owned(),
        ending,
        detail: None,
        searched: None,
        proof: (ending == Ending::Proof).then(|| vec!["simp".to_owned()]),
        cost: CostLedger { lean_cpu_us: seconds * 1_000_000, ..CostLedger::default() },
    };
    ledger.run(HandIn { account, results: vec![result], timing: TIMING }).await.unwrap();
}

async fn accept(ledger: &Ledger) {
    let candidate = ledger.run(NextCandidate(TIMING)).await.unwrap().unwrap();
    ledger.run(Judge { candidate: candidate.id, verdict: Some(verdict(true)) }).await.unwrap();
}

async fn listed(ledger: &Ledger, standing: Option<Standing>, name: &str) -> Vec<String> {
    let wanted = ReadProblems { after: 0, at_most: 99, standing, name: name.to_owned() };
    ledger.read(wanted).await.unwrap().into_iter().map(|row| row.name).collect()
}

async fn problems_are_found_by_standing_and_by_name(ledger: &Ledger) {
    let (account, bundle) = begun(ledger).await;
    hand_in(ledger, account, of(&bundle, 2, Side::Statement), Ending::Proof, 3).await;
    hand_in(ledger, account, of(&bundle, 3, Side::Negation), Ending::Proof, 4).await;
    accept(ledger).await;
    accept(ledger).await;
    assert_eq!(listed(ledger, None, "").await, NAMES);
    assert_eq!(listed(ledger, Some(Standing::Proved), "").await, ["alg_2"]);
    assert_eq!(listed(ledger, Some(Standing::Disproved), "").await, ["ALG_3"]);
    assert_eq!(listed(ledger, None, "Alg_").await, ["alg_1", "alg_2", "ALG_3"]);
    assert_eq!(listed(ledger, Some(Standing::Open), "alg").await, ["alg_1"]);
    // What means something in a pattern means itself.
    assert_eq!(listed(ledger, None, "%").await, ["100%"]);
    assert_eq!(listed(ledger, None, "\\").await, ["num\\2"]);
    assert_eq!(listed(ledger, None, "m_").await, ["num_1"]);
    assert_eq!(listed(ledger, None, "' OR 1=1 --").await, [""; 0]);
    let rest = ReadProblems { after: 4, at_most: 1, ..ReadProblems::default() };
    let rest = ledger.read(rest).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.id).collect::<Vec<_>>(), [5]);
}

async fn a_problem_is_told_with_its_proof_and_its_effort(ledger: &Ledger) {
    let (account, bundle) = begun(ledger).await;
    hand_in(ledger, account, of(&bundle, 1, Side::Negation), Ending::Exhausted, 2).await;
    let page = ledger.read(ReadProblem(1)).await.unwrap();
    assert_eq!((page.problem.standing, page.proof, page.waiting), (Standing::Open, None, 0));
    hand_in(ledger, account, of(&bundle, 1, Side::Statement), Ending::Proof, 3).await;
    assert_eq!(ledger.read(ReadProblem(1)).await.unwrap().waiting, 1);
    accept(ledger).await;
    let page = ledger.read(ReadProblem(1)).await.unwrap();
    assert_eq!((page.problem.searches, page.problem.cpu_ms, page.waiting), (2, 5000, 0));
    assert!(page.problem.solved_ms.is_some());
    assert_eq!((page.cost.proofs, page.cost.exhausted, page.cost.lean_cpu_ms), (1, 1, 5000));
    assert_eq!(page.stages.iter().map(|stage| (stage.done, stage.cancelled)).collect::<Vec<_>>(), [(2, 0)]);
    let proof = page.proof.unwrap();
    assert_eq!((proof.side, proof.checker.as_str()), (Side::Statement, "lean"));
    assert!(proof.file.ends_with("theorem t : \"alg_1\" = \"\" := by\n  simp\n"), "{}", proof.file);
    assert!(matches!(ledger.read(ReadProblem(7)).await, Err(LedgerError::Unknown("problem"))));
    // Of a disproved problem it is the negation's file.
    hand_in(ledger, account, of(&bundle, 2, Side::Negation), Ending::Proof, 3).await;
    accept(ledger).await;
    let proof = ledger.read(ReadProblem(2)).await.unwrap().proof.unwrap();
    assert!(proof.side == Side::Negation && proof.file.contains('¬'), "{}", proof.file);
}

async fn times_are_told_apart(ledger: &Ledger) {
    let (account, bundle) = begun(ledger).await;
    hand_in(ledger, account, of(&bundle, 1, Side::Statement), Ending::Proof, 3).await;
    accept(ledger).await;
    ledger.put_ahead(2 * 86_400_000);
    hand_in(ledger, account, of(&bundle, 2, Side::Statement), Ending::TimedOut, 5).await;
    let told = ledger.read(ReadOverview).await.unwrap();
    assert_eq!([told.cost, told.week, told.day, told.hour].map(|effort| effort.searches), [2, 2, 1, 1]);
    assert_eq!([told.cost, told.day].map(|effort| effort.lean_cpu_ms), [8000, 5000]);
    assert_eq!((told.solved_week.proved, told.solved_day.proved), (1, 0));
    assert_eq!((told.queued_s, told.left), (None, None), "all is given out, and two results tell no pace");
    for (n, problem) in (3..=6).enumerate() {
        ledger.put_ahead(if n == 0 { 0 } else { 1_200_000 });
        hand_in(ledger, account, of(&bundle, problem, Side::Statement), Ending::Exhausted, 1).await;
    }
    // Five in the last day, of which three in the last hour, too few to tell a pace; five negations are left.
    let left = ledger.read(ReadOverview).await.unwrap().left;
    assert_eq!(left, Some(TimeLeft { from_s: 86_400, to_s: 86_400 }));
    ledger.run(SetState(State::Paused, String::new())).await.unwrap();
    assert_eq!(ledger.read(ReadOverview).await.unwrap().left, None);
    ledger.put_ahead(8 * 86_400_000);
    let told = ledger.read(ReadOverview).await.unwrap();
    assert_eq!([told.cost, told.week, told.day, told.hour].map(|effort| effort.searches), [6, 0, 0, 0]);
}

async fn what_was_solved_grows_with_what_was_spent(ledger: &Ledger) {
    assert_eq!(ledger.read(ReadCurve).await.unwrap().points, []);
    let (account, bundle) = begun(ledger).await;
    hand_in(ledger, account, of(&bundle, 4, Side::Statement), Ending::Exhausted, 1).await;
    ledger.put_ahead(1000);
    hand_in(ledger, account, of(&bundle, 1, Side::Statement), Ending::Proof, 2).await;
    accept(ledger).await;
    ledger.put_ahead(1000);
    hand_in(ledger, account, of(&bundle, 2, Side::Negation), Ending::Proof, 4).await;
    accept(ledger).await;
    ledger.put_ahead(1000);
    hand_in(ledger, account, of(&bundle, 5, Side::Statement), Ending::Exhausted, 8).await;
    let curve = ledger.read(ReadCurve).await.unwrap();
    let told = curve.points.iter().map(|point| (point.searches, point.cpu_ms, point.proved, point.disproved));
    assert_eq!(told.collect::<Vec<_>>(), [(2, 3000, 1, 0), (3, 7000, 1, 1), (4, 15_000, 1, 1)]);
    assert!(curve.points.is_sorted_by_key(|point| point.at_ms));
}

async fn an_account_has_its_own_numbers(ledger: &Ledger) {
    let (account, bundle) = begun(ledger).await;
    hand_in(ledger, account, of(&bundle, 1, Side::Statement), Ending::Proof, 2).await;
    hand_in(ledger, account, of(&bundle, 2, Side::Statement), Ending::Proof, 2).await;
    accept(ledger).await;
    let own = ledger.read(ReadOwn(account)).await.unwrap();
    assert_eq!((own.accepted, own.refused, own.waiting, own.cost.searches, own.day.proofs), (1, 0, 1, 2, 2));
    assert!(matches!(ledger.read(ReadOwn(9)).await, Err(LedgerError::Unknown("account"))));
}

async fn who_is_blocked_is_still_seen(ledger: &Ledger) {
    let (account, bundle) = begun(ledger).await;
    let sessions = ledger.read(ReadSessions).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.held).collect::<Vec<_>>(), [bundle.leases.len() as u64]);
    assert_eq!((sessions[0].given_s.is_some(), sessions[0].blocked.as_deref()), (true, None));
    let before = ledger.read(ReadLastEvent).await.unwrap();
    ledger.run(Block { account, message: "write to me".to_owned() }).await.unwrap();
    assert!(ledger.read(ReadLastEvent).await.unwrap() > before);
    let sessions = ledger.read(ReadSessions).await.unwrap();
    assert_eq!((sessions.len(), sessions[0].held, sessions[0].given_s), (1, 0, None));
    assert_eq!(sessions[0].blocked.as_deref(), Some("write to me"));
}

on_both! {
    a_problem_is_told_with_its_proof_and_its_effort
    an_account_has_its_own_numbers
    problems_are_found_by_standing_and_by_name
    times_are_told_apart
    what_was_solved_grows_with_what_was_spent
    who_is_blocked_is_still_seen
}

//! What must hold of a ledger, on both databases.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

mod audit;
mod databases;
mod made;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use audit::Auditor;
use databases::{Fresh, Kind, fresh};
use made::{enrolment, verdict};
use steps::{TIMING, Worker, account, bundle, campaign, claim, donor, hand_in, judge, result, secret, session, worker};
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{
    self as wire, Bundle, Doing, Ending, Held, Lease, Receipt, Recipe, SearchResult, Searched, Side, State,
};
use stepwise_ledger::operations::{
    Abandon, Advance, Advanced, Authenticate, Beat, Block, Claim, Close, Conclude, Employ, Employed, FinishRound,
    Granted, HandIn, Invite, Join, Judge, Judged, NewSearch, NextCandidate, Purpose, ReadEvents, ReadOverview,
    ReadProgress, ReadProofs, ReadRemains, ReadRounds, ReadSessions, ReadStages, ReadStatements, ReadUntaught,
    ReadWaiting, Reap, Rerank, Rest, Seed, SetState, Teach, Trust, Unblock,
};
use stepwise_ledger::{Ledger, LedgerError, hash_of};

/// Runs each test on both databases.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::fresh(super::Kind::Sqlite).await.unwrap()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::fresh(super::Kind::Postgres).await {
                    super::$name(fresh).await;
                }
            })*
        }
    };
}

on_both! {
    a_campaign_goes_from_its_first_stage_to_its_end
    a_claim_that_is_sent_again_gives_the_same_bundle
    a_contradiction_halts_everything
    a_late_proof_is_looked_at_and_its_effort_is_not_counted
    a_lie_about_a_search_that_has_ended_does_not_open_it
    a_proof_is_taken_though_its_search_is_not_known
    a_proof_is_taken_though_the_ledger_has_forgotten_its_lease
    a_refused_proof_opens_its_search_again
    a_round_is_searched_by_the_campaigns_own_machine_and_frozen
    a_search_is_dead_only_after_three_crashes_at_two_accounts
    a_search_that_nobody_here_may_take_holds_up_no_stage
    a_solved_problem_takes_its_searches_back
    a_stage_does_not_wait_for_its_last_hundredth
    effort_that_cannot_be_is_not_counted
    eight_who_claim_at_once_never_share_a_search
    invitations_are_good_once_and_not_for_ever
    liars_are_blocked_and_told_why
    nobody_hands_in_what_is_not_theirs
    nobody_waits_for_what_a_blocked_account_says
    problems_that_measure_are_not_among_the_open
    results_that_are_sent_again_count_once
    two_in_a_hundred_hold_a_stage_up
    what_a_lost_session_held_goes_to_others
    what_donors_find_in_a_round_is_learnt_from_when_it_was_done_again
    what_the_operator_wants_first_is_searched_first
    what_is_given_back_is_there_at_once
}

async fn a_campaign_goes_from_its_first_stage_to_its_end(fresh: Fresh) {
    let ledger = &fresh.ledger;
    assert!(matches!(ledger.read(ReadOverview).await, Err(LedgerError::Empty)));
    campaign(ledger, 3, &[("quick", &[Side::Statement]), ("long", &[Side::Statement, Side::Negation])]).await;
    let one = worker(ledger, 1).await;
    let first = bundle(ledger, one, "a", 8).await;
    assert_eq!(first.leases.len(), 3);
    assert_eq!(first.theorems[&first.leases[1].statement].statement, "theorem p2 : True");
    assert_eq!(first.recipes.len(), 1);
    assert_eq!(claim(ledger, one, "b", 8).await, Granted::Nothing);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
    for (n, lease) in (0..).zip(&first.leases) {
        let ending = if n == 0 { Ending::Proof } else { Ending::OutOfBudget };
        assert_eq!(hand_in(ledger, one.account, result(lease, "a", n, ending)).await, Receipt::Stored);
    }
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining, "its proof waits");
    let (candidate, judged) = judge(ledger, true).await;
    assert_eq!((candidate.name.as_str(), judged), ("p1", Judged::Solved));
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("long".to_owned()));
    let second = bundle(ledger, one, "c", 8).await;
    let sides: Vec<(u64, Side)> = second.leases.iter().map(|lease| (lease.problem, lease.side)).collect();
    let (statement, negation) = (Side::Statement, Side::Negation);
    assert_eq!(sides, [(2, statement), (3, statement), (2, negation), (3, negation)]);
    for (n, lease) in (10..).zip(&second.leases) {
        let ending = if n == 12 { Ending::Proof } else { Ending::Exhausted };
        assert_eq!(hand_in(ledger, one.account, result(lease, "c", n, ending)).await, Receipt::Stored);
    }
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Done);
    assert_eq!(claim(ledger, one, "d", 8).await, Granted::Closed(State::Done, String::new()));
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.problems.proved, overview.problems.disproved, overview.problems.open), (1, 1, 1));
    assert_eq!((overview.cost.searches, overview.cost.proofs, overview.cost.lean_cpu_ms), (7, 2, 35_000));
    assert_eq!(overview.cost, overview.day);
    assert_eq!(overview.stages.iter().map(|stage| stage.done).collect::<Vec<_>>(), [3, 4]);
    let proofs = ledger.read(ReadProofs { after: 0, at_most: 10 }).await.unwrap();
    let names: Vec<(&str, Side)> = proofs.iter().map(|(_, solved)| (solved.name.as_str(), solved.side)).collect();
    assert_eq!(names, [("p1", statement), ("p2", negation)]);
    let kinds: Vec<String> =
        ledger.read(ReadEvents { after: 0, at_most: 99 }).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        ["created", "opened", "joined", "solved", "frozen", "opened", "solved", "frozen", "state"].map(str::to_owned)
    );
}

async fn a_claim_that_is_sent_again_gives_the_same_bundle(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 9, &[("quick", &[Side::Statement])]).await;
    let one = worker(ledger, 1).await;
    let first = bundle(ledger, one, "a", 3).await;
    let again = bundle(ledger, one, "a", 3).await;
    assert_eq!(first.leases.iter().map(|lease| lease.unit).collect::<Vec<_>>(), [1, 2, 3]);
    let named = |bundle: &Bundle| bundle.leases.iter().map(|lease| (lease.unit, lease.attempt)).collect::<Vec<_>>();
    assert_eq!(named(&first), named(&again));
    assert_eq!(named(&bundle(ledger, one, "b", 3).await), [(4, 1), (5, 1), (6, 1)]);
    // So it does when a later claim overtook it, and what has ended since is not replaced.
    hand_in(ledger, one.account, result(&first.leases[0], "a", 1, Ending::Exhausted)).await;
    assert_eq!(named(&bundle(ledger, one, "a", 3).await), [(2, 1), (3, 1)]);
}

async fn results_that_are_sent_again_count_once(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 2, &[("quick", &[Side::Statement])]).await;
    let one = worker(ledger, 1).await;
    let bundle = bundle(ledger, one, "a", 2).await;
    let first = result(&bundle.leases[0], "a", 1, Ending::Exhausted);
    assert_eq!(hand_in(ledger, one.account, first.clone()).await, Receipt::Stored);
    assert_eq!(hand_in(ledger, one.account, first.clone()).await, Receipt::Duplicate);
    // The same search under another name is too late: its attempt is over.
    let again = SearchResult { submission: secret(2), ..first };
    assert_eq!(hand_in(ledger, one.account, again).await, Receipt::Late);
    assert_eq!(ledger.read(ReadOverview).await.unwrap().cost.searches, 1);
}

async fn nobody_hands_in_what_is_not_theirs(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 2, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let bundle = bundle(ledger, one, "a", 1).await;
    let lease = &bundle.leases[0];
    let is_refused = |receipt: Receipt| matches!(receipt, Receipt::Refused { .. });
    let mine = || result(lease, "a", 1, Ending::Exhausted);
    assert!(is_refused(hand_in(ledger, two.account, mine()).await), "another's token");
    assert!(is_refused(hand_in(ledger, one.account, SearchResult { claim: "b".to_owned(), ..mine() }).await));
    assert!(is_refused(hand_in(ledger, one.account, SearchResult { attempt: 2, ..mine() }).await));
    assert!(is_refused(hand_in(ledger, one.account, SearchResult { unit: 99, ..mine() }).await));
    assert!(is_refused(hand_in(ledger, one.account, SearchResult { submission: "1".to_owned(), ..mine() }).await));
    let proof = Some(vec!["trivial".to_owned()]);
    assert!(is_refused(hand_in(ledger, one.account, SearchResult { proof: proof.clone(), ..mine() }).await));
    let long = Some(vec!["x".repeat(300 << 10)]);
    assert!(is_refused(
        hand_in(ledger, one.account, SearchResult { proof: long, ending: Ending::Proof, ..mine() }).await
    ));
    assert_eq!(hand_in(ledger, one.account, mine()).await, Receipt::Stored);
    assert!(is_refused(hand_in(ledger, two.account, mine()).await), "another's submission");
    let beat = wire::Beat { session: one.session, doing: Doing::Idle, held: Vec::new() };
    assert!(matches!(ledger.run(Beat { account: two.account, beat }).await, Err(LedgerError::Unknown("session"))));
}

async fn what_a_lost_session_held_goes_to_others(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 2, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let first = bundle(ledger, one, "a", 2).await;
    ledger.put_ahead(59_000);
    assert_eq!(ledger.run(Reap(TIMING)).await.unwrap().units, 0);
    let beat = |worker: Worker, held: Vec<Held>| Beat {
        account: worker.account,
        beat: wire::Beat { session: worker.session, doing: Doing::Working, held },
    };
    ledger.run(beat(two, Vec::new())).await.unwrap();
    ledger.put_ahead(2_000);
    let reaped = ledger.run(Reap(TIMING)).await.unwrap();
    assert_eq!((reaped.sessions, reaped.units), (1, 2));
    assert_eq!(ledger.read(ReadSessions).await.unwrap().len(), 1);
    let second = bundle(ledger, two, "b", 2).await;
    assert!(second.leases.iter().all(|lease| lease.attempt == 2));
    // A lease ends even where its session goes on.
    for _ in 0..11 {
        ledger.put_ahead(55_000);
        let held = vec![Held { unit: 1, attempt: 2, expansions: 3 }];
        let beaten = ledger.run(beat(two, held)).await.unwrap();
        ledger.run(Reap(TIMING)).await.unwrap();
        if !beaten.revoked.is_empty() {
            assert_eq!(beaten.revoked, [1]);
            return;
        }
    }
    let held = vec![Held { unit: 1, attempt: 2, expansions: 3 }];
    assert_eq!(ledger.run(beat(two, held)).await.unwrap().revoked, [1]);
    // What is found after all is looked at, from whoever was given it.
    let proof = result(&first.leases[0], "a", 5, Ending::Proof);
    assert_eq!(hand_in(ledger, one.account, proof).await, Receipt::Late);
}

async fn a_late_proof_is_looked_at_and_its_effort_is_not_counted(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let first = bundle(ledger, one, "a", 1).await;
    ledger.put_ahead(61_000);
    ledger.run(Reap(TIMING)).await.unwrap();
    let two = session(ledger, two.account).await;
    let second = bundle(ledger, two, "b", 1).await;
    assert_eq!(
        hand_in(ledger, two.account, result(&second.leases[0], "b", 1, Ending::OutOfBudget)).await,
        Receipt::Stored
    );
    assert_eq!(hand_in(ledger, one.account, result(&first.leases[0], "a", 2, Ending::Proof)).await, Receipt::Late);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.problems.proved, overview.cost.searches), (1, 1));
}

async fn a_proof_is_taken_though_the_ledger_has_forgotten_its_lease(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let one = worker(ledger, 1).await;
    let lease = Lease {
        unit: 1,
        attempt: 4,
        problem: 1,
        statement: String::new(),
        side: Side::Statement,
        seed: 0,
        recipe: String::new(),
        ends_s: 0,
    };
    assert_eq!(hand_in(ledger, one.account, result(&lease, "gone", 1, Ending::Proof)).await, Receipt::Late);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
}

async fn a_refused_proof_opens_its_search_again(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let one = worker(ledger, 1).await;
    let first = bundle(ledger, one, "a", 1).await;
    hand_in(ledger, one.account, result(&first.leases[0], "a", 1, Ending::Proof)).await;
    assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    assert_eq!(ledger.read(ReadOverview).await.unwrap().problems.proved, 0);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Working);
    let second = bundle(ledger, one, "b", 1).await;
    assert_eq!(second.leases[0].attempt, 2);
    // The same text again is refused already: nothing waits, nothing is solved.
    let again =
        SearchResult { proof: Some(vec!["exact 1".to_owned()]), ..result(&second.leases[0], "b", 2, Ending::Proof) };
    assert_eq!(hand_in(ledger, one.account, again).await, Receipt::Stored);
    assert_eq!(ledger.run(NextCandidate(TIMING)).await.unwrap(), None);
}

async fn a_lie_about_a_search_that_has_ended_does_not_open_it(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let lease = bundle(ledger, one, "a", 1).await.leases.remove(0);
    assert_eq!(hand_in(ledger, one.account, result(&lease, "a", 1, Ending::Exhausted)).await, Receipt::Stored);
    assert_eq!(hand_in(ledger, two.account, result(&lease, "b", 2, Ending::Proof)).await, Receipt::Late);
    assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    let stage = &ledger.read(ReadOverview).await.unwrap().stages[0];
    assert_eq!((stage.done, stage.ready), (1, 0));
}

async fn a_verifier_that_fails(ledger: &Ledger) -> Judged {
    let candidate = ledger.run(NextCandidate(TIMING)).await.unwrap().unwrap();
    ledger.run(Judge { candidate: candidate.id, verdict: None }).await.unwrap()
}

async fn a_contradiction_halts_everything(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 2, &[("quick", &[Side::Statement, Side::Negation])]).await;
    let one = worker(ledger, 1).await;
    let all = bundle(ledger, one, "a", 9).await;
    let of = |side| all.leases.iter().find(|lease| lease.problem == 1 && lease.side == side).unwrap();
    hand_in(ledger, one.account, result(of(Side::Statement), "a", 1, Ending::Proof)).await;
    assert_eq!(a_verifier_that_fails(ledger).await, Judged::Undecided);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
    assert_eq!(hand_in(ledger, one.account, result(of(Side::Negation), "a", 2, Ending::Proof)).await, Receipt::Late);
    assert_eq!(judge(ledger, true).await.1, Judged::Contradiction);
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!(overview.state, State::Halted);
    assert!(overview.reason.unwrap().contains("p1"));
    assert!(matches!(claim(ledger, one, "b", 1).await, Granted::Closed(State::Halted, _)));
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Done);
}

async fn a_solved_problem_takes_its_searches_back(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 2, &[("quick", &[Side::Statement, Side::Negation])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let first = bundle(ledger, one, "a", 1).await;
    let others = bundle(ledger, two, "b", 9).await;
    hand_in(ledger, one.account, result(&first.leases[0], "a", 1, Ending::Proof)).await;
    judge(ledger, true).await;
    let held: Vec<Held> =
        others.leases.iter().map(|lease| Held { unit: lease.unit, attempt: lease.attempt, expansions: 0 }).collect();
    let beat = wire::Beat { session: two.session, doing: Doing::Working, held };
    let revoked = ledger.run(Beat { account: two.account, beat }).await.unwrap().revoked;
    let of_first: Vec<u64> = others.leases.iter().filter(|lease| lease.problem == 1).map(|lease| lease.unit).collect();
    assert_eq!(revoked, of_first);
    assert_eq!(ledger.read(ReadOverview).await.unwrap().stages[0].cancelled, 1);
}

async fn a_search_is_dead_only_after_three_crashes_at_two_accounts(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    for n in 0..2 {
        let name = format!("a{n}");
        let lease = bundle(ledger, one, &name, 1).await.leases.remove(0);
        hand_in(ledger, one.account, result(&lease, &name, n, Ending::Crashed)).await;
    }
    assert_eq!(claim(ledger, one, "c", 1).await, Granted::Nothing, "somebody else is to see it");
    let lease = bundle(ledger, two, "b", 1).await.leases.remove(0);
    assert_eq!(lease.attempt, 3);
    hand_in(ledger, two.account, result(&lease, "b", 9, Ending::Crashed)).await;
    assert_eq!(ledger.read(ReadOverview).await.unwrap().stages[0].dead, 1);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Done);
}

async fn a_search_that_nobody_here_may_take_holds_up_no_stage(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement]), ("long", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    for n in 0..2 {
        let name = format!("a{n}");
        let lease = bundle(ledger, one, &name, 1).await.leases.remove(0);
        hand_in(ledger, one.account, result(&lease, &name, n, Ending::Crashed)).await;
    }
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Working, "the other account may take it");
    let abandon = wire::Abandon { session: two.session, units: Vec::new(), leave: true };
    ledger.run(Abandon { account: two.account, abandon }).await.unwrap();
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("long".to_owned()));
    assert_eq!(ledger.read(ReadOverview).await.unwrap().stages[0].cancelled, 1);
}

async fn eight_who_claim_at_once_never_share_a_search(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 400, &[("quick", &[Side::Statement])]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=8 {
        let one = worker(ledger, n).await;
        let ledger = ledger.clone();
        tasks.spawn(async move {
            let mut units = Vec::new();
            for turn in 0..25 {
                let name = format!("{n}-{turn}");
                let Granted::Bundle(bundle) = claim(&ledger, one, &name, 3).await else { break };
                for lease in &bundle.leases {
                    let made = result(lease, &name, n * 1_000_000 + lease.unit, Ending::Exhausted);
                    assert_eq!(hand_in(&ledger, one.account, made).await, Receipt::Stored);
                }
                units.extend(bundle.leases.iter().map(|lease| lease.unit));
            }
            units
        });
    }
    let units: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(units.len(), 400);
    assert_eq!(units.iter().collect::<BTreeSet<_>>().len(), 400);
    assert_eq!(ledger.read(ReadOverview).await.unwrap().cost.searches, 400);
}

async fn invitations_are_good_once_and_not_for_ever(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let join = |secret: &str, token: &str| Join {
        secret_sha: hash_of(secret),
        token_sha: hash_of(token),
        name: Some("  ada ".to_owned()),
    };
    let invite = |secret: &str| Invite { secret_sha: hash_of(secret), trust: Trust::Donor, uses: 1, lives_ms: 5_000 };
    ledger.run(invite("x")).await.unwrap();
    ledger.run(invite("y")).await.unwrap();
    let (id, name) = ledger.run(join("x", "t")).await.unwrap();
    assert_eq!(name, "test");
    let account = ledger.read(Authenticate { token_sha: hash_of("t") }).await.unwrap().unwrap();
    assert_eq!((account.id, account.name.as_str(), account.blocked), (id, "ada", None));
    assert_eq!(ledger.read(Authenticate { token_sha: hash_of("u") }).await.unwrap(), None);
    let said = |refused: Result<_, LedgerError>| refused.map(|_: (u64, String)| ()).unwrap_err().to_string();
    assert_eq!(said(ledger.run(join("x", "u")).await), "the invitation is used up; ask for a new one");
    assert_eq!(said(ledger.run(join("z", "u")).await), "the invitation is not known here; ask for a new one");
    ledger.put_ahead(6_000);
    assert_eq!(said(ledger.run(join("y", "u")).await), "the invitation has expired; ask for a new one");
}

async fn liars_are_blocked_and_told_why(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 9, &[("quick", &[Side::Statement])]).await;
    let (secret_sha, token_sha) = (hash_of("a donor's"), hash_of("token"));
    let invite = Invite { secret_sha: secret_sha.clone(), trust: Trust::Donor, uses: 1, lives_ms: 60_000 };
    ledger.run(invite).await.unwrap();
    let donor = ledger.run(Join { secret_sha, token_sha: token_sha.clone(), name: None }).await.unwrap().0;
    let one = session(ledger, donor).await;
    for n in 0..5 {
        let name = format!("a{n}");
        // Who is new gets as many as it has cores.
        let lease = bundle(ledger, one, &name, 9).await.leases;
        assert_eq!(lease.len(), 1);
        hand_in(ledger, one.account, result(&lease[0], &name, n, Ending::Proof)).await;
        assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    }
    let account = ledger.read(Authenticate { token_sha }).await.unwrap().unwrap();
    assert!(account.blocked.unwrap().starts_with("5 proofs from your machines were refused"));
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.stages[0].ready, overview.sessions), (9, 0));
    // It gets another chance, and answers for what it does from then on.
    ledger.run(Unblock { account: donor }).await.unwrap();
    assert!(matches!(ledger.run(Unblock { account: donor }).await, Err(LedgerError::Refused(_))));
    let two = session(ledger, donor).await;
    assert_eq!(bundle(ledger, two, "again", 1).await.leases.len(), 1);
    let unknown = ledger.run(Block { account: 99, message: String::new() }).await;
    assert!(matches!(unknown, Err(LedgerError::Unknown("account"))));
}

async fn what_is_given_back_is_there_at_once(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 4, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    bundle(ledger, one, "a", 4).await;
    let abandon = |units: &[u64], leave| Abandon {
        account: one.account,
        abandon: wire::Abandon { session: one.session, units: units.to_vec(), leave },
    };
    assert_eq!(ledger.run(abandon(&[2, 99], false)).await.unwrap(), 1);
    assert_eq!(bundle(ledger, two, "b", 4).await.leases[0].unit, 2);
    assert_eq!(ledger.run(abandon(&[], true)).await.unwrap(), 3);
    assert_eq!(bundle(ledger, two, "c", 4).await.leases.len(), 3);
    ledger.run(SetState(State::Paused, String::new())).await.unwrap();
    assert_eq!(claim(ledger, two, "d", 4).await, Granted::Closed(State::Paused, String::new()));
    // A bundle that was given is given again, whatever the campaign does since.
    assert_eq!(bundle(ledger, two, "c", 4).await.leases.len(), 3);
    ledger.run(SetState(State::Done, String::new())).await.unwrap();
    assert!(ledger.run(SetState(State::Running, String::new())).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_a_later_version_is_left_alone() {
    use sqlx::{ConnectOptions, Executor};
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(Fresh { address, .. }) = &fresh(kind).await else { continue };
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (7, 'later', TRUE, 'x', 0)";
        match address {
            stepwise_ledger::Address::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                options.connect().await.unwrap().execute(later).await.unwrap();
            }
            stepwise_ledger::Address::Server(address) => {
                let options: sqlx::postgres::PgConnectOptions = address.parse().unwrap();
                options.connect().await.unwrap().execute(later).await.unwrap();
            }
        }
        let error = Ledger::open(address).await.err().unwrap();
        assert!(matches!(error, LedgerError::Newer { found: 7, known: 1..7 }), "{error}");
    }
}

fn four_cores() -> wire::Enrolment {
    wire::Enrolment { cores: 4, ..enrolment() }
}

/// What a round of these searches is seeded with.
fn seed(name: &str, purpose: Purpose, searches: &[(u64, Side)]) -> Seed {
    let recipe = Recipe {
        config: serde_json::json!({ "of": name }),
        policy: "portfolio".to_owned(),
        lean: "lean".to_owned(),
        ..Recipe::default()
    };
    let searches = (0..).zip(searches);
    let searches = searches.map(|(priority, (problem, side))| NewSearch { problem: *problem, side: *side, priority });
    Seed { round: 1, name: name.to_owned(), purpose, recipe, seed: 5, searches: searches.collect() }
}

async fn a_round_is_searched_by_the_campaigns_own_machine_and_frozen(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 3, &[]).await;
    let own = ledger.run(Employ(four_cores())).await.unwrap();
    let sides = [(1, Side::Statement), (2, Side::Statement), (3, Side::Statement), (1, Side::Negation)];
    let scan = ledger.run(seed("scan", Purpose::Solve, &sides)).await.unwrap();
    // Seeding again changes nothing, and another recipe is none of this stage's.
    assert_eq!(ledger.run(seed("scan", Purpose::Solve, &[])).await.unwrap(), scan);
    let other = Seed { recipe: seed("other", Purpose::Solve, &[]).recipe, ..seed("scan", Purpose::Solve, &sides) };
    assert!(matches!(ledger.run(other).await, Err(LedgerError::Refused(_))));
    let claim = |session, name: &str| Claim {
        account: own.account,
        claim: wire::Claim { session, claim: name.to_owned(), number: made::count(), want_s: 1 },
        pace_ms: 1000,
        share: u64::MAX,
        gives: true,
        measures: true,
        timing: TIMING,
    };
    let conclude = |lease: &Lease, name: &str, n: u64, ending| Conclude {
        account: own.account,
        result: result(lease, name, n, ending),
        verdict: (ending == Ending::Proof).then(|| verdict(true)),
        remains: format!("remains {n}"),
        timing: TIMING,
    };
    let Granted::Bundle(lost) = ledger.run(claim(own.session, "lost")).await.unwrap() else { panic!() };
    assert_eq!(lost.leases.len(), 4);
    // The machine was killed, and comes back: what it held is ready, and its session is over.
    let back = ledger.run(Employ(four_cores())).await.unwrap();
    assert_eq!(back, Employed { account: own.account, session: own.session + 1 });
    assert!(ledger.run(claim(own.session, "late")).await.is_err());
    let Granted::Bundle(bundle) = ledger.run(claim(back.session, "mine")).await.unwrap() else { panic!() };
    let order: Vec<(u64, Side)> = bundle.leases.iter().map(|lease| (lease.problem, lease.side)).collect();
    assert_eq!(order, sides);
    assert!(bundle.leases.iter().all(|lease| lease.attempt == 2 && lease.seed == 5));
    let [first, second, third, negation] = &bundle.leases[..] else { panic!() };

    // A proof takes the other side back, and so does a statement that Lean refuses.
    assert_eq!(ledger.run(conclude(first, "mine", 1, Ending::Proof)).await.unwrap(), Receipt::Stored);
    assert_eq!(ledger.run(conclude(negation, "mine", 2, Ending::Exhausted)).await.unwrap(), Receipt::Late);
    assert_eq!(ledger.run(conclude(second, "mine", 3, Ending::BadStatement)).await.unwrap(), Receipt::Stored);
    let close = Close { stage: scan.stage, account: own.account };
    assert!(!ledger.run(close).await.unwrap());
    // It breaks down, twice: nobody else is there to try.
    assert_eq!(ledger.run(conclude(third, "mine", 4, Ending::Crashed)).await.unwrap(), Receipt::Stored);
    let Granted::Bundle(again) = ledger.run(claim(back.session, "again")).await.unwrap() else { panic!() };
    assert!(!ledger.run(close).await.unwrap());
    assert_eq!(ledger.run(conclude(&again.leases[0], "again", 5, Ending::Crashed)).await.unwrap(), Receipt::Stored);
    assert_eq!(ledger.run(claim(back.session, "none")).await.unwrap(), Granted::Nothing);
    assert!(ledger.run(close).await.unwrap() && ledger.run(close).await.unwrap());
    assert!(ledger.run(seed("scan", Purpose::Solve, &[])).await.unwrap().is_frozen);
    let remains = ledger.run(ReadRemains { stage: scan.stage }).await.unwrap();
    let remains: Vec<&str> = remains.iter().map(|remains| remains.text.as_str()).collect();
    assert_eq!(remains, ["remains 1", "remains 3", "remains 4", "remains 5"]);

    // What is proved in an evaluation is as open as before.
    let measured = ledger.run(seed("eval", Purpose::Evaluate, &[(2, Side::Statement)])).await.unwrap();
    let Granted::Bundle(bundle) = ledger.run(claim(back.session, "eval")).await.unwrap() else { panic!() };
    assert_eq!(ledger.run(conclude(&bundle.leases[0], "eval", 6, Ending::Proof)).await.unwrap(), Receipt::Stored);
    assert!(ledger.run(Close { stage: measured.stage, ..close }).await.unwrap());
    let overview = ledger.run(ReadOverview).await.unwrap();
    assert_eq!((overview.problems.proved, overview.problems.open, overview.waiting), (1, 2, 0));
    let stages = ledger.run(ReadStages).await.unwrap();
    let stages: Vec<_> = stages.iter().map(|stage| (stage.round, stage.name.as_str(), stage.is_frozen)).collect();
    assert_eq!(stages, [(1, "scan", true), (1, "eval", true)]);
    let progress = ledger.read(ReadProgress).await.unwrap();
    let [scan, eval] = &progress[..] else { panic!("{progress:?}") };
    // Of four searches one was not wanted any more; each problem was tried, and one has an accepted proof.
    assert_eq!((scan.round, scan.purpose, scan.is_frozen), (1, Purpose::Solve, true));
    assert_eq!((scan.searches, scan.ended, scan.problems, scan.tried, scan.proved), (2, 2, 3, 3, 1));
    assert_eq!((scan.solved.proved, scan.solved.disproved, scan.policy.as_str()), (1, 0, "portfolio"));
    // What is proved in an evaluation counts there and solves nothing.
    assert_eq!((eval.purpose, eval.problems, eval.tried, eval.proved), (Purpose::Evaluate, 1, 1, 1));
    assert_eq!((eval.solved.proved, eval.solved.disproved), (0, 0));
    let known = ledger.run(ReadStatements).await.unwrap();
    assert_eq!(known.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(), ["p1", "p2", "p3"]);
    for body in [serde_json::json!({ "solved": 1 }), serde_json::json!({ "solved": 2 })] {
        let written = ledger.run(FinishRound { round: 1, body }).await.unwrap();
        assert_eq!(written, serde_json::json!({ "solved": 1 }));
    }
    assert_eq!(ledger.run(ReadRounds).await.unwrap(), [(1, serde_json::json!({ "solved": 1 }))]);

    // When all rounds are over so is the campaign, until another one begins.
    ledger.run(Rest).await.unwrap();
    assert_eq!(ledger.read(ReadOverview).await.unwrap().state, State::Done);
    let resumed = ledger.run(SetState(State::Running, String::new())).await;
    assert!(matches!(resumed, Err(LedgerError::Refused(why)) if why.contains("--rounds N")));
    let second = Seed { round: 2, ..seed("scan", Purpose::Solve, &[(2, Side::Statement)]) };
    ledger.run(second).await.unwrap();
    assert_eq!(ledger.read(ReadOverview).await.unwrap().state, State::Running);
    // Whoever stopped it is not overruled.
    ledger.run(SetState(State::Done, String::new())).await.unwrap();
    ledger.run(Rest).await.unwrap();
    ledger.run(Seed { round: 3, ..seed("scan", Purpose::Solve, &[]) }).await.unwrap();
    assert_eq!(ledger.read(ReadOverview).await.unwrap().state, State::Done);
}

async fn what_donors_find_in_a_round_is_learnt_from_when_it_was_done_again(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 3, &[]).await;
    let own = ledger.run(Employ(four_cores())).await.unwrap();
    let others = account(ledger, 1).await;
    let donor = session(ledger, others).await;
    // Measuring is not for them.
    let measured = ledger.run(seed("eval", Purpose::Evaluate, &[(3, Side::Statement)])).await.unwrap();
    let asked = |name: &str, measures| Claim {
        account: donor.account,
        claim: wire::Claim { session: donor.session, claim: name.to_owned(), number: made::count(), want_s: 1000 },
        pace_ms: 1000,
        share: u64::MAX,
        gives: true,
        measures,
        timing: TIMING,
    };
    assert_eq!(ledger.run(asked("none", false)).await.unwrap(), Granted::Nothing);
    let sides = [(1, Side::Statement), (2, Side::Statement), (3, Side::Statement)];
    let scan = ledger.run(seed("scan", Purpose::Solve, &sides)).await.unwrap();
    // The same searches with models that others can download.
    let scorer = Some(wire::ModelFiles { name: "m".to_owned(), files: BTreeMap::default() });
    let plain = seed("scan", Purpose::Solve, &[]);
    let said = ledger.run(Seed { recipe: Recipe { scorer, ..plain.recipe.clone() }, ..plain }).await.unwrap();
    assert_eq!((said.stage, said.is_frozen), (scan.stage, false));
    let Granted::Bundle(bundle) = ledger.run(asked("theirs", false)).await.unwrap() else { panic!() };
    assert!(bundle.leases.len() == 3 && bundle.leases.iter().all(|lease| lease.recipe == said.recipe));

    let [right, wrong, none] = &bundle.leases[..] else { panic!() };
    let results = vec![
        result(right, "theirs", 1, Ending::Proof),
        result(wrong, "theirs", 2, Ending::Proof),
        result(none, "theirs", 3, Ending::Exhausted),
    ];
    let receipts = ledger.run(HandIn { account: donor.account, results, timing: TIMING }).await.unwrap();
    assert_eq!(receipts, [Receipt::Stored, Receipt::Stored, Receipt::Stored]);
    // What a verifier has not looked at teaches nothing yet.
    let untaught = ledger.run(ReadUntaught(9)).await.unwrap();
    assert_eq!(untaught.iter().map(|it| it.problem).collect::<Vec<_>>(), [none.problem]);
    assert_eq!(
        (untaught[0].stage.as_str(), untaught[0].ending, &untaught[0].proof),
        ("scan", Ending::Exhausted, &None)
    );
    for accepted in [true, false] {
        let candidate = ledger.run(NextCandidate(TIMING)).await.unwrap().unwrap();
        ledger.run(Judge { candidate: candidate.id, verdict: Some(verdict(accepted)) }).await.unwrap();
    }
    let untaught = ledger.run(ReadUntaught(9)).await.unwrap();
    assert_eq!(untaught.iter().map(|it| it.problem).collect::<Vec<_>>(), [right.problem, none.problem]);
    assert_eq!(untaught[0].proof, result(right, "theirs", 1, Ending::Proof).proof);
    let close = Close { stage: scan.stage, account: own.account };
    for (n, it) in untaught.iter().enumerate() {
        assert!(!ledger.run(close).await.unwrap(), "something is to be learnt yet");
        for text in [format!("taught {n}"), "again".to_owned()] {
            ledger.run(Teach { result: it.result, remains: text }).await.unwrap();
        }
    }
    // The search whose proof was refused is to be done again.
    assert!(ledger.run(ReadUntaught(9)).await.unwrap().is_empty() && !ledger.run(close).await.unwrap());
    let Granted::Bundle(again) = ledger.run(asked("again", false)).await.unwrap() else { panic!() };
    let last = result(&again.leases[0], "again", 4, Ending::Exhausted);
    ledger.run(HandIn { account: donor.account, results: vec![last], timing: TIMING }).await.unwrap();
    let it = ledger.run(ReadUntaught(9)).await.unwrap().pop().unwrap();
    ledger.run(Teach { result: it.result, remains: "taught 2".to_owned() }).await.unwrap();
    assert!(ledger.run(close).await.unwrap());
    let remains = ledger.run(ReadRemains { stage: scan.stage }).await.unwrap();
    assert!(remains.iter().all(|remains| remains.account == donor.account));
    assert_eq!(remains.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["taught 0", "taught 1", "taught 2"]);
    assert!(!ledger.run(Close { stage: measured.stage, ..close }).await.unwrap());
}

async fn what_the_operator_wants_first_is_searched_first(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 5, &[("quick", &[Side::Statement, Side::Negation]), ("long", &[Side::Statement])]).await;
    let operator = account(ledger, 1).await;
    let one = session(ledger, operator).await;
    let names = |names: &[&str]| Rerank { names: names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(ledger.run(names(&["p4", "p2", "p4"])).await.unwrap(), 4);
    assert!(matches!(ledger.run(names(&["p1", "p9"])).await, Err(LedgerError::Refused(_))), "nothing of it stays");
    let leases = bundle(ledger, one, "first", 6).await.leases;
    let order: Vec<(u64, Side)> = leases.iter().map(|lease| (lease.problem, lease.side)).collect();
    let (statement, negation) = (Side::Statement, Side::Negation);
    assert_eq!(order[..4], [(4, statement), (4, negation), (2, statement), (2, negation)]);
    assert_eq!(order[4..], [(1, statement), (3, statement)]);
    // Nothing is before others any more: what comes back has its old place.
    assert_eq!(ledger.run(names(&[])).await.unwrap(), 4);
    let leases = bundle(ledger, one, "second", 9).await.leases;
    let order: Vec<(u64, Side)> = leases.iter().map(|lease| (lease.problem, lease.side)).collect();
    assert_eq!(order, [(5, statement), (1, negation), (3, negation), (5, negation)]);
}

async fn effort_that_cannot_be_is_not_counted(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 3, &[("quick", &[Side::Statement])]).await;
    let (secret_sha, token_sha) = (hash_of("a donor's"), hash_of("token"));
    ledger
        .run(Invite { secret_sha: secret_sha.clone(), trust: Trust::Donor, uses: 1, lives_ms: 60_000 })
        .await
        .unwrap();
    let donor = ledger.run(Join { secret_sha, token_sha, name: None }).await.unwrap().0;
    let one = session(ledger, donor).await;
    let mut leases = Vec::new();
    for _ in 0..3 {
        // Who is new gets as many as it has cores.
        leases.extend(bundle(ledger, one, &format!("a{}", leases.len()), 1).await.leases);
    }
    let claims = ["a0", "a1", "a2"];
    let with = |lease: &Lease, n, ending, wall_ms, lean_cpu_us| SearchResult {
        cost: CostLedger { wall_ms, lean_cpu_us, ..CostLedger::default() },
        ..result(lease, claims[n as usize - 1], n, ending)
    };
    const HOUR_MS: u64 = 3_600_000;
    let slow = with(&leases[0], 1, Ending::OutOfBudget, HOUR_MS, 0);
    let is_refused = |receipt: Receipt| matches!(receipt, Receipt::Refused { .. });
    assert!(is_refused(hand_in(ledger, one.account, slow.clone()).await));
    // It was given out to one core and one that rechecks.
    let busy = with(&leases[1], 2, Ending::Exhausted, 1000, 3 * 60_000_000);
    assert!(is_refused(hand_in(ledger, one.account, busy).await));
    // They are searched again, and a proof is looked at whatever it is said to have cost.
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.stages[0].ready, overview.cost.searches), (2, 0));
    let proof = with(&leases[2], 3, Ending::Proof, HOUR_MS, 0);
    assert_eq!(hand_in(ledger, one.account, proof).await, Receipt::Stored);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
    // What was under way for so long may have taken so long.
    ledger.put_ahead(i64::try_from(HOUR_MS).unwrap());
    let lease = &bundle(ledger, session(ledger, donor).await, "b", 1).await.leases[0];
    ledger.put_ahead(i64::try_from(HOUR_MS).unwrap());
    let slow = SearchResult { attempt: lease.attempt, unit: lease.unit, claim: "b".to_owned(), ..slow };
    assert_eq!(hand_in(ledger, one.account, slow).await, Receipt::Stored);
}

async fn a_stage_does_not_wait_for_its_last_hundredth(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 100, &[("quick", &[Side::Statement]), ("long", &[Side::Statement])]).await;
    let (one, slow) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let straggler = bundle(ledger, slow, "slow", 1).await.leases.remove(0);
    let given = [bundle(ledger, one, "a", 64).await.leases, bundle(ledger, one, "b", 64).await.leases];
    assert_eq!(given.iter().map(Vec::len).collect::<Vec<_>>(), [64, 35]);
    ledger.put_ahead(100_000);
    for (claim, leases) in ["a", "b"].into_iter().zip(&given) {
        for lease in leases {
            hand_in(ledger, one.account, result(lease, claim, lease.unit, Ending::OutOfBudget)).await;
        }
    }
    // All others took a hundred seconds, and what this test itself takes. Since the last search was given out, the rest is
    // waited for three times as long.
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
    ledger.put_ahead(250_000);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
    ledger.put_ahead(150_000);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("long".to_owned()));
    let held = vec![Held { unit: straggler.unit, attempt: straggler.attempt, expansions: 7 }];
    let beat = wire::Beat { session: slow.session, doing: Doing::Working, held };
    assert_eq!(ledger.run(Beat { account: slow.account, beat }).await.unwrap().revoked, [straggler.unit]);
    // What it finds is late, and verified: in the next stage nobody searches it any more.
    let proof = result(&straggler, "slow", 999, Ending::Proof);
    assert_eq!(hand_in(ledger, slow.account, proof).await, Receipt::Late);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
    let stages = ledger.read(ReadOverview).await.unwrap().stages;
    assert_eq!((stages[0].done, stages[0].cancelled, stages[1].ready, stages[1].cancelled), (99, 1, 99, 1));
    let mut auditor = Auditor::of(&fresh.address).await.unwrap();
    assert_eq!(auditor.complaints().await.unwrap(), [""; 0]);
}

async fn two_in_a_hundred_hold_a_stage_up(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 66, &[("quick", &[Side::Statement])]).await;
    let (one, slow) = (worker(ledger, 1).await, worker(ledger, 2).await);
    bundle(ledger, slow, "slow", 2).await;
    for lease in bundle(ledger, one, "a", 64).await.leases {
        hand_in(ledger, one.account, result(&lease, "a", lease.unit, Ending::OutOfBudget)).await;
    }
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
    ledger.put_ahead(100_000);
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Draining);
}

async fn nobody_waits_for_what_a_blocked_account_says(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 8, &[("quick", &[Side::Statement]), ("long", &[Side::Statement])]).await;
    let (liar, one) = (donor(ledger, "liar").await, worker(ledger, 1).await);
    for n in 1..=8 {
        let claim = format!("l{n}");
        let leases = bundle(ledger, liar, &claim, 1).await.leases;
        assert_eq!(hand_in(ledger, liar.account, result(&leases[0], &claim, n, Ending::Proof)).await, Receipt::Stored);
    }
    for _ in 0..5 {
        assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    }
    // Three proofs of the blocked account are left. Others search what they are of, and the stage ends without them.
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.waiting, overview.stages[0].ready, overview.stages[0].done), (0, 8, 0));
    let leases = bundle(ledger, one, "a", 8).await.leases;
    let found = result(&leases[0], "a", 100, Ending::Proof);
    assert_eq!(hand_in(ledger, one.account, found).await, Receipt::Stored);
    for (n, lease) in (101..).zip(&leases[1..]) {
        assert_eq!(hand_in(ledger, one.account, result(lease, "a", n, Ending::Exhausted)).await, Receipt::Stored);
    }
    // Whoever is not blocked is verified first.
    let (candidate, judged) = judge(ledger, true).await;
    assert_eq!((candidate.name.as_str(), candidate.proof[0].as_str(), judged), ("p1", "exact 100", Judged::Solved));
    assert_eq!(ledger.run(Advance).await.unwrap(), Advanced::Opened("long".to_owned()));
    // And yet nothing that arrived is lost.
    assert_eq!(ledger.read(ReadWaiting(liar.account)).await.unwrap(), 3);
    let (candidate, judged) = judge(ledger, true).await;
    assert_eq!((candidate.name.as_str(), judged), ("p6", Judged::Solved));
    assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    let mut auditor = Auditor::of(&fresh.address).await.unwrap();
    assert_eq!(auditor.complaints().await.unwrap(), [""; 0]);
}

async fn a_proof_is_taken_though_its_search_is_not_known(fresh: Fresh) {
    let ledger = &fresh.ledger;
    campaign(ledger, 3, &[("quick", &[Side::Statement])]).await;
    let one = worker(ledger, 1).await;
    let leases = bundle(ledger, one, "a", 3).await.leases;
    let of = |n: usize| Some(Searched { statement: leases[n].statement.clone(), side: Side::Statement });
    let lost = |unit, n, searched| {
        let lease = Lease { unit, attempt: 1, ..leases[0].clone() };
        SearchResult { searched, ..result(&lease, "gone", n, Ending::Proof) }
    };
    // A search that the ledger does not have, and one that it gave another problem since.
    assert_eq!(hand_in(ledger, one.account, lost(99, 1, of(1))).await, Receipt::Late);
    assert_eq!(hand_in(ledger, one.account, lost(99, 1, of(1))).await, Receipt::Duplicate);
    assert_eq!(hand_in(ledger, one.account, lost(1, 2, of(2))).await, Receipt::Late);
    for name in ["p2", "p3"] {
        let (candidate, judged) = judge(ledger, true).await;
        assert_eq!((candidate.name.as_str(), judged), (name, Judged::Solved));
    }
    let is_refused = |receipt: Receipt| matches!(receipt, Receipt::Refused { .. });
    let other = Some(Searched { statement: "0".to_owned(), side: Side::Statement });
    assert!(is_refused(hand_in(ledger, one.account, lost(99, 3, other)).await), "no such problem");
    assert!(is_refused(hand_in(ledger, one.account, lost(99, 4, None)).await), "nobody knows of what");
    let failed = SearchResult { proof: None, ending: Ending::Exhausted, ..lost(99, 5, of(0)) };
    assert!(is_refused(hand_in(ledger, one.account, failed).await), "only a proof is true whoever was asked");
    assert_eq!(ledger.read(ReadOverview).await.unwrap().cost.searches, 0);
    let mut auditor = Auditor::of(&fresh.address).await.unwrap();
    assert_eq!(auditor.complaints().await.unwrap(), [""; 0]);
}

async fn problems_that_measure_are_not_among_the_open(fresh: Fresh) {
    let ledger = &fresh.ledger;
    let mut create = made::create(5, &[]);
    for (n, problem) in create.problems.iter_mut().enumerate() {
        problem.split = if n < 2 { "train" } else { "test" }.to_owned();
    }
    ledger.run(create).await.unwrap();
    assert_eq!(ledger.read(ReadOverview).await.unwrap().problems.open, 2);
}

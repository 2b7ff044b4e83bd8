//! What is given to whom: a share of what there is, and what was wrongly ended, lost or told of once more; on both databases.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking; clippy exempts test functions but not their helpers")]

#[macro_use]
mod databases;
mod made;
mod steps;

use databases::{Kind, fresh};
use made::enrolment;
use steps::{TIMING, account, bundle, campaign, claim, hand_in, judge, result, worker};
use stepwise_core::wire::campaign::{self as wire, Ending, Lease, Receipt, SearchResult, Side};
use stepwise_ledger::Ledger;
use stepwise_ledger::operations::{Claim, Enrol, Granted, Judged, NextCandidate, ReadOverview, Reap};

on_both! {
    a_bundle_leaves_others_their_share
    a_clock_that_is_set_back_holds_nothing_up
    a_lie_that_is_told_again_ends_no_search
}

async fn a_bundle_leaves_others_their_share(ledger: &Ledger) {
    campaign(ledger, 30, &[("quick", &[Side::Statement])]).await;
    let account = account(ledger, 1).await;
    let session = ledger.run(Enrol { account, enrolment: wire::Enrolment { cores: 4, ..enrolment() } }).await.unwrap();
    let given = async |name: &str, share| {
        let claim = wire::Claim { session, claim: name.to_owned(), number: made::count(), want_s: 600 };
        match ledger
            .run(Claim { account, claim, pace_ms: 1000, share, gives: true, measures: true, timing: TIMING })
            .await
            .unwrap()
        {
            Granted::Bundle(bundle) => bundle.leases.len(),
            other => panic!("{other:?} instead of a bundle"),
        }
    };
    assert_eq!(given("a", 3).await, 12);
    assert_eq!(given("b", 1).await, 4);
    // However many others there are, each core is kept busy.
    assert_eq!(given("c", 0).await, 4);
    assert_eq!(given("d", u64::MAX).await, 10);
}

async fn a_clock_that_is_set_back_holds_nothing_up(ledger: &Ledger) {
    const DAYS: i64 = 2 * 86_400_000;
    campaign(ledger, 3, &[("quick", &[Side::Statement])]).await;
    ledger.put_ahead(DAYS);
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let held = bundle(ledger, one, "a", 3).await.leases;
    let crashed = result(&held[0], "a", 1, Ending::Crashed);
    assert_eq!(hand_in(ledger, one.account, crashed).await, Receipt::Stored);
    assert_eq!(hand_in(ledger, one.account, result(&held[1], "a", 2, Ending::Proof)).await, Receipt::Stored);
    assert!(ledger.run(NextCandidate(TIMING)).await.unwrap().is_some());
    ledger.put_ahead(-DAYS);
    // Two is there; one, and who was to verify, are not.
    ledger.run(Reap(TIMING)).await.unwrap();
    ledger.put_ahead(TIMING.lost_ms as i64 - 1000);
    claim(ledger, two, "early", 1).await;
    ledger.put_ahead(2000);
    let reaped = ledger.run(Reap(TIMING)).await.unwrap();
    assert_eq!((reaped.sessions, reaped.units), (1, 1));
    ledger.put_ahead(TIMING.check_ms as i64);
    claim(ledger, two, "beats", 1).await;
    ledger.run(Reap(TIMING)).await.unwrap();
    assert!(ledger.run(NextCandidate(TIMING)).await.unwrap().is_some());
    let overview = ledger.read(ReadOverview).await.unwrap();
    assert_eq!((overview.stages[0].ready, overview.stages[0].leased), (0, 2), "{overview:?}");
}

async fn a_lie_that_is_told_again_ends_no_search(ledger: &Ledger) {
    campaign(ledger, 1, &[("quick", &[Side::Statement])]).await;
    let (one, two) = (worker(ledger, 1).await, worker(ledger, 2).await);
    let lie = |lease: &Lease, claim: &str, n| SearchResult {
        proof: Some(vec!["exact sorryAx _".to_owned()]),
        ..result(lease, claim, n, Ending::Proof)
    };
    let n_ready = async || ledger.read(ReadOverview).await.unwrap().stages[0].ready;
    let first = bundle(ledger, one, "a", 1).await.leases.remove(0);
    assert_eq!(hand_in(ledger, one.account, lie(&first, "a", 1)).await, Receipt::Stored);
    assert_eq!(judge(ledger, false).await.1, Judged::Refused);
    assert_eq!(n_ready().await, 1);
    for n in [2, 3] {
        let claim = format!("b{n}");
        let again = bundle(ledger, one, &claim, 1).await.leases.remove(0);
        assert_eq!(hand_in(ledger, one.account, lie(&again, &claim, n)).await, Receipt::Stored);
        assert_eq!((ledger.run(NextCandidate(TIMING)).await.unwrap(), n_ready().await), (None, 1));
    }
    // Whoever broke down twice at a search leaves it to others.
    assert_eq!(claim(ledger, one, "c", 1).await, Granted::Nothing);
    let lease = bundle(ledger, two, "d", 1).await.leases.remove(0);
    assert_eq!(hand_in(ledger, two.account, result(&lease, "d", 4, Ending::Proof)).await, Receipt::Stored);
    assert_eq!(judge(ledger, true).await.1, Judged::Solved);
}

//! What somebody does in a test of a ledger, a step each.
#![allow(dead_code, reason = "not every test needs all of it")]

use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{self as wire, Bundle, Ending, Lease, Receipt, Recipe, SearchResult, Side};
use stepwise_ledger::operations::{
    Canaries, Candidate, Claim, Create, Enrol, Granted, HandIn, Invite, Join, Judge, Judged, NewStage, NextCandidate,
    Timing, Trust,
};
use stepwise_ledger::{Ledger, hash_of};

use crate::made::{self, enrolment, verdict};

pub(crate) const TIMING: Timing = Timing { lost_ms: 60_000, lease_ms: 600_000, rest_ms: 0, check_ms: 60_000 };

/// A name that is long enough to be drawn at random.
pub(crate) fn secret(n: u64) -> String {
    format!("{n:0>32}")
}

/// A campaign of so many problems, `p1` and so on, and of stages with these names and sides.
pub(crate) async fn campaign(ledger: &Ledger, n_problems: u64, stages: &[(&str, &[Side])]) {
    let recipe = |name: &str| Recipe {
        config: serde_json::json!({ "name": name }),
        policy: "portfolio".to_owned(),
        lean: "lean".to_owned(),
        ..Recipe::default()
    };
    let stages = stages.iter().map(|(name, sides)| NewStage {
        name: (*name).to_owned(),
        recipe: recipe(name),
        sides: sides.to_vec(),
        tries: 1,
    });
    let create = Create {
        name: "test".to_owned(),
        manifest: serde_json::json!({}),
        lean: "lean".to_owned(),
        seed: 7,
        problems: (1..=n_problems).map(made::problem).collect(),
        stages: stages.collect(),
        canaries: Canaries::NONE,
    };
    ledger.run(create).await.unwrap();
}

/// The number of a new account of the campaign's own people.
pub(crate) async fn account(ledger: &Ledger, n: u64) -> u64 {
    let (invitation, token) = (hash_of(&format!("invitation {n}")), hash_of(&format!("token {n}")));
    let invite = Invite { secret_sha: invitation.clone(), trust: Trust::Operator, uses: 1, lives_ms: 60_000 };
    ledger.run(invite).await.unwrap();
    ledger.run(Join { secret_sha: invitation, token_sha: token, name: None }).await.unwrap().0
}

#[derive(Clone, Copy)]
pub(crate) struct Worker {
    pub(crate) account: u64,
    pub(crate) session: u64,
}

/// A session of a new account.
pub(crate) async fn worker(ledger: &Ledger, n: u64) -> Worker {
    let account = account(ledger, n).await;
    session(ledger, account).await
}

/// Another session of an account.
pub(crate) async fn session(ledger: &Ledger, account: u64) -> Worker {
    Worker { account, session: ledger.run(Enrol { account, enrolment: enrolment() }).await.unwrap() }
}

pub(crate) async fn claim(ledger: &Ledger, worker: Worker, name: &str, at_most: u64) -> Granted {
    let claim = wire::Claim { session: worker.session, claim: name.to_owned(), number: made::count(), want_s: at_most };
    ledger
        .run(Claim {
            account: worker.account,
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

/// What a claim is given that must be given something.
pub(crate) async fn bundle(ledger: &Ledger, worker: Worker, name: &str, at_most: u64) -> Bundle {
    match claim(ledger, worker, name, at_most).await {
        Granted::Bundle(bundle) => bundle,
        other => panic!("{other:?} instead of a bundle"),
    }
}

/// What a search came to.
pub(crate) fn result(lease: &Lease, claim: &str, n: u64, ending: Ending) -> SearchResult {
    SearchResult {
        submission: secret(n),
        unit: lease.unit,
        attempt: lease.attempt,
        claim: claim.to_owned(),
        ending,
        detail: None,
        searched: None,
        proof: (ending == Ending::Proof).then(|| vec![format!("exact {n}")]),
        cost: CostLedger { lean_cpu_us: 5_000_000, ..CostLedger::default() },
    }
}

pub(crate) async fn hand_in(ledger: &Ledger, account: u64, result: SearchResult) -> Receipt {
    let receipts = ledger.run(HandIn { account, results: vec![result], timing: TIMING }).await.unwrap();
    receipts.into_iter().next().unwrap()
}

/// Judges the proof that is next.
pub(crate) async fn judge(ledger: &Ledger, accepted: bool) -> (Candidate, Judged) {
    let candidate = ledger.run(NextCandidate(TIMING)).await.unwrap().expect("a proof waits");
    let verdict = Some(verdict(accepted));
    let judge = Judge { candidate: candidate.id, verdict };
    let judged = ledger.run(judge).await.unwrap();
    (candidate, judged)
}

/// A session of a new account of somebody who lends a machine.
pub(crate) async fn donor(ledger: &Ledger, name: &str) -> Worker {
    let (secret_sha, token_sha) = (hash_of(&format!("invitation of {name}")), hash_of(&format!("token of {name}")));
    let invite = Invite { secret_sha: secret_sha.clone(), trust: Trust::Donor, uses: 1, lives_ms: 60_000 };
    ledger.run(invite).await.unwrap();
    let account = ledger.run(Join { secret_sha, token_sha, name: None }).await.unwrap().0;
    session(ledger, account).await
}

//! What a campaign is made of in tests, and what workers and verifiers say.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::atomic::{AtomicU64, Ordering};

use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{Ending, Enrolment, Recipe, SearchResult, Side};
use stepwise_ledger::operations::{Canaries, Create, Invite, Join, NewProblem, NewStage, Trust};
use stepwise_ledger::{Ledger, hash_of};

pub(crate) fn verdict(accepted: bool) -> Verdict {
    Verdict {
        accepted,
        reasons: Vec::new(),
        checker: "lean".to_owned(),
        lean_version: "lean".to_owned(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    }
}

/// A number for a claim, greater than any before.
pub(crate) fn count() -> u64 {
    static CLAIMS: AtomicU64 = AtomicU64::new(0);
    CLAIMS.fetch_add(1, Ordering::Relaxed) + 1
}

/// A machine of one core.
pub(crate) fn enrolment() -> Enrolment {
    Enrolment {
        protocol: 1,
        client: "test".to_owned(),
        lean: "lean".to_owned(),
        label: "here".to_owned(),
        cores: 1,
        memory_mb: 1024,
    }
}

/// The problem of this number, `p1` for 1.
pub(crate) fn problem(n: u64) -> NewProblem {
    let theorem = Theorem { name: format!("p{n}"), statement: format!("theorem p{n} : True"), ..Theorem::default() };
    NewProblem { split: String::new(), name: format!("p{n}"), theorem }
}

/// A campaign of so many problems, `p1` and so on, and of stages with these sides.
pub(crate) fn create(n_problems: u64, stages: &[&[Side]]) -> Create {
    let recipe = Recipe {
        config: serde_json::Value::Null,
        policy: "portfolio".to_owned(),
        lean: "lean".to_owned(),
        ..Recipe::default()
    };
    let stages = (1..).zip(stages).map(|(number, sides): (u32, _)| NewStage {
        name: format!("stage {number}"),
        recipe: recipe.clone(),
        sides: sides.to_vec(),
        tries: 1,
    });
    Create {
        name: "made".to_owned(),
        manifest: serde_json::Value::Null,
        lean: "lean".to_owned(),
        seed: 1,
        problems: (1..=n_problems).map(problem).collect(),
        stages: stages.collect(),
        canaries: Canaries::NONE,
    }
}

/// The number of a new account of the campaign's own people: a donor that is caught lying would be blocked.
pub(crate) async fn account(ledger: &Ledger, n: usize) -> u64 {
    let (secret_sha, token_sha) = (hash_of(&format!("invitation {n}")), hash_of(&format!("token {n}")));
    let invite =
        Invite { secret_sha: secret_sha.clone(), trust: Trust::Operator, uses: 1, lives_ms: 1_000_000_000_000 };
    ledger.run(invite).await.unwrap();
    ledger.run(Join { secret_sha, token_sha, name: None }).await.unwrap().0
}

/// What an attempt of a search came to, under a claim and a submission of these names.
pub(crate) fn result(
    (unit, attempt, claim): (u64, u64, &str),
    submission: String,
    ending: Ending,
    proof: Option<String>,
) -> SearchResult {
    SearchResult {
        submission,
        unit,
        attempt,
        claim: claim.to_owned(),
        ending,
        detail: None,
        searched: None,
        proof: proof.map(|tactic| vec![tactic]),
        cost: CostLedger::default(),
    }
}

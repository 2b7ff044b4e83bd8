//! The nasty corpus: every tactic of `data/nasty.jsonl` gives its outcome, none hangs, and none harms anybody else.

use std::time::{Duration, Instant};

use serde::Deserialize;
use stepwise_core::outcome::StepOutcome;
use stepwise_worker::lean::pool::{Session, StateId};

use crate::lean;

const STEP_LIMIT: Duration = Duration::from_secs(3);
/// What tells a tactic that is stopped late on a busy machine from one that nobody stops.
const HANGS: Duration = Duration::from_secs(30);

/// Text in run-length form, because a million spaces are not to be stored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Parts(Vec<(String, usize)>),
}

impl Text {
    fn build(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(|(unit, times)| unit.repeat(*times)).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Nasty {
    name: String,
    statement: Text,
    tactic: Text,
    expect: Vec<String>,
}

fn kind<S>(outcome: &StepOutcome<S>) -> &'static str {
    match outcome {
        StepOutcome::Proved => "proved",
        StepOutcome::Open { .. } => "open",
        StepOutcome::Failed { .. } => "failed",
        StepOutcome::Timeout => "timeout",
        StepOutcome::Crashed { .. } => "crashed",
        StepOutcome::OutOfMemory => "out_of_memory",
    }
}

/// A bystander's proof: what it gets must never depend on what others do.
async fn bystander(session: &Session) -> Result<(), String> {
    let tactics = ["constructor".to_owned(), "exact hp".to_owned(), "exact ⟨hp, hq⟩".to_owned()];
    let outcomes = session.apply(StateId::ROOT, &tactics).await.map_err(|e| e.to_string())?.value;
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    if kinds == ["open", "failed", "proved"] { Ok(()) } else { Err(format!("{outcomes:?}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn nasty_tactics_are_contained() {
    let corpus: Vec<Nasty> = include_str!("../../data/nasty.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("the corpus is well formed"))
        .collect();
    let only = std::env::var("STEPWISE_NASTY").ok();
    let pool = lean::pool(2, STEP_LIMIT);
    let statement = "theorem calm (p q : Prop) (hp : p) (hq : q) : p ∧ q";
    let other = lean::open(&pool, statement).await;
    let mut faults = Vec::new();
    for nasty in corpus.iter().filter(|n| only.as_ref().is_none_or(|only| n.name.contains(only.as_str()))) {
        let session = lean::open(&pool, &nasty.statement.build()).await;
        let tactic = nasty.tactic.build();
        let start = Instant::now();
        let apply = async {
            let answer = session.apply(StateId::ROOT, std::slice::from_ref(&tactic)).await;
            (answer.expect("the pool answers").value.remove(0), start.elapsed())
        };
        let ((outcome, took), bystander_during) = tokio::join!(apply, bystander(&other));
        let got = kind(&outcome);
        println!("{got:>13} {:>6} ms  {}", took.as_millis(), nasty.name);
        if !nasty.expect.iter().any(|e| e == got) {
            faults.push(format!("{}: {got}, not {:?}: {}", nasty.name, nasty.expect, shown(&outcome)));
        }
        if took > HANGS {
            faults.push(format!("{}: ended only after {took:?}", nasty.name));
        }
        for (when, result) in [("during", bystander_during), ("after", bystander(&other).await)] {
            if let Err(what) = result {
                faults.push(format!("{}: a bystander noticed {when}: {what}", nasty.name));
            }
        }
    }
    println!("{:?}", pool.stats());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn shown<S: std::fmt::Debug>(outcome: &S) -> String {
    format!("{outcome:?}").chars().take(300).collect()
}

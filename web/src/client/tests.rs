//! A session over connections that break, message by message.

use expect_test::{Expect, expect};
use stepwise_core::wire::{Body, Op, SearchPlan};

use super::{Ask, Client, Heard, backoff_ms};

fn apply(tactic: &str) -> Op {
    Op::Apply { state: 0, tactic: tactic.into() }
}

fn search() -> Op {
    let plan = SearchPlan { order: Default::default(), samples: 1, expansions: 1, wall_ms: 1, seed: 0 };
    Op::Search { state: 0, plan }
}

fn ask(client: &mut Client, op: Op) -> Ask {
    let (ask, text) = client.ask(op);
    text.expect("it is short, or no server has said what it takes");
    ask
}

fn welcome(resumed: bool, missed: bool) -> String {
    format!(
        r#"{{"type":"welcome","session":"s-1","key":"k","resumed":{resumed},"missed":{missed},"protocol":1,"server":"s",
        "lean":"l","policy":"p","limits":{{"message_bytes":200,"requests":1,"tactics":1,"states":1,"step_ms":1,
        "expansions":1,"search_ms":1,"keep_s":1}}}}"#
    )
}

fn greeted(client: &mut Client, resumed: bool, missed: bool, expected: Expect) {
    match client.hear(&welcome(resumed, missed), false).expect("a welcome") {
        Heard::Welcome { renewed, send, ended, .. } => {
            let ended: Vec<_> = ended.iter().map(|(ask, body)| format!("{}: {}", ask.0, kind(body))).collect();
            expected.assert_eq(&format!("renewed: {renewed}, ended: {ended:?}\n{}", send.join("\n")));
        }
        other => panic!("{other:?} is no welcome"),
    }
}

fn kind(body: &Body) -> &str {
    match body {
        Body::Failed { problem } => &problem.kind,
        other => panic!("{other:?} is no failure"),
    }
}

fn answer(client: &mut Client, text: &str) -> Option<Ask> {
    match client.hear(text, true).expect("a message") {
        Heard::Answer { ask, .. } => Some(ask),
        _ => None,
    }
}

#[test]
fn what_was_typed_before_the_connection_is_sent_with_it() {
    let mut client = Client::default();
    expect![[r#"{"op":"hello","protocol":1,"client":"stepwise-web 0.1.0"}"#]].assert_eq(&client.greeting());
    ask(&mut client, Op::Open { text: "True".into() });
    ask(&mut client, apply("trivial"));
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: false, ended: []
        {"id":1,"op":"open","text":"True"}
        {"id":2,"op":"apply","state":0,"tactic":"trivial"}"#]],
    );
}

#[test]
fn a_session_that_goes_on() {
    let mut client = Client::default();
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: false, ended: []
    "#]],
    );
    let first = ask(&mut client, apply("a"));
    ask(&mut client, apply("b"));
    let ended = r#"{"seq":1,"re":1,"type":"done"}"#;
    assert_eq!(answer(&mut client, ended), Some(first));
    assert_eq!(answer(&mut client, ended), None, "heard before");
    assert_eq!(answer(&mut client, r#"{"seq":2,"re":9,"type":"done"}"#), None, "answers nothing");
    expect![[
        r#"{"op":"hello","protocol":1,"client":"stepwise-web 0.1.0","resume":{"session":"s-1","key":"k","after":2}}"#
    ]]
    .assert_eq(&client.greeting());
    greeted(
        &mut client,
        true,
        false,
        expect![[r#"
        renewed: false, ended: []
        {"id":2,"op":"apply","state":0,"tactic":"b"}"#]],
    );
}

#[test]
fn missed_messages_are_asked_for_under_new_ids() {
    let mut client = Client::default();
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: false, ended: []
    "#]],
    );
    let tried = ask(&mut client, apply("a"));
    let search = ask(&mut client, search());
    assert_eq!(answer(&mut client, &searched(1, 2, 0, 1)), Some(search));
    greeted(
        &mut client,
        true,
        true,
        expect![[r#"
        renewed: false, ended: []
        {"id":3,"op":"apply","state":0,"tactic":"a"}
        {"id":4,"op":"search_log","from":1}"#]],
    );
    // What the log tells belongs to the search, which its end does not end.
    assert_eq!(answer(&mut client, r#"{"seq":40,"re":4,"type":"searched","from":1,"events":[]}"#), Some(search));
    assert_eq!(answer(&mut client, r#"{"seq":41,"re":4,"type":"done"}"#), None);
    assert_eq!(
        answer(&mut client, r#"{"seq":42,"re":2,"type":"search_ended","n_events":2,"cancelled":false}"#),
        Some(search)
    );
    assert_eq!(answer(&mut client, r#"{"seq":43,"re":3,"type":"done"}"#), Some(tried));
}

/// A client whose search told one event before messages were lost.
fn behind() -> (Client, Ask) {
    let mut client = Client::default();
    client.hear(&welcome(false, false), false).expect("a welcome");
    let search = ask(&mut client, search());
    assert_eq!(answer(&mut client, &searched(1, 1, 0, 1)), Some(search));
    greeted(
        &mut client,
        true,
        true,
        expect![[r#"
        renewed: false, ended: []
        {"id":2,"op":"search_log","from":1}"#]],
    );
    (client, search)
}

fn searched(seq: u64, re: u64, from: usize, n: usize) -> String {
    let events = vec![r#"{"at_ms":0,"event":"started"}"#; n].join(",");
    format!(r#"{{"seq":{seq},"re":{re},"type":"searched","from":{from},"events":[{events}]}}"#)
}

fn more(client: &mut Client, text: &str, expected: Expect) {
    match client.hear(text, true).expect("a message") {
        Heard::More(text) => expected.assert_eq(&text),
        other => panic!("{other:?} asks for nothing"),
    }
}

#[test]
fn a_search_is_told_without_a_gap() {
    let (mut client, search) = behind();
    assert_eq!(answer(&mut client, &searched(50, 1, 5, 2)), None, "behind a gap");
    assert_eq!(answer(&mut client, &searched(51, 2, 1, 3)), Some(search));
    // A server tells only so much of a log at once.
    more(&mut client, r#"{"seq":52,"re":2,"type":"done"}"#, expect![[r#"{"id":3,"op":"search_log","from":4}"#]]);
    assert_eq!(answer(&mut client, &searched(53, 3, 4, 3)), Some(search));
    assert_eq!(answer(&mut client, &searched(54, 1, 7, 1)), Some(search), "it goes on");
    more(&mut client, r#"{"seq":55,"re":3,"type":"done"}"#, expect![[r#"{"id":4,"op":"search_log","from":8}"#]]);
    assert_eq!(answer(&mut client, r#"{"seq":56,"re":4,"type":"done"}"#), None, "there is no more");
    let ended = r#"{"seq":57,"re":1,"type":"search_ended","n_events":8,"cancelled":false}"#;
    assert_eq!(answer(&mut client, ended), Some(search));
}

#[test]
fn a_search_ends_when_its_log_has_told_all() {
    let (mut client, search) = behind();
    assert_eq!(answer(&mut client, &searched(50, 1, 3, 1)), None, "behind a gap");
    let ended = r#"{"seq":51,"re":1,"type":"search_ended","n_events":4,"cancelled":false}"#;
    assert_eq!(answer(&mut client, ended), None, "its log comes first");
    assert_eq!(answer(&mut client, &searched(52, 2, 1, 3)), Some(search));
    match client.hear(r#"{"seq":53,"re":2,"type":"done"}"#, true).expect("a message") {
        Heard::Answer { ask, body } => {
            assert_eq!(ask, search);
            assert_eq!(*body, Body::SearchEnded { n_events: 4, cancelled: false });
        }
        other => panic!("{other:?} is not the end"),
    }
    assert!(client.cancel(search).is_none());
}

#[test]
fn a_session_that_is_gone() {
    let mut client = Client::default();
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: false, ended: []
    "#]],
    );
    ask(&mut client, apply("a"));
    ask(&mut client, Op::Open { text: "True".into() });
    answer(&mut client, r#"{"seq":7,"re":9,"type":"done"}"#);
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: true, ended: ["1: session-lost"]
        {"id":2,"op":"open","text":"True"}"#]],
    );
    // Numbers begin anew with the session.
    assert!(answer(&mut client, r#"{"seq":1,"re":2,"type":"rejected","message":"no"}"#).is_some());
}

#[test]
fn what_is_too_long_is_not_sent() {
    let mut client = Client::default();
    ask(&mut client, apply("a"));
    ask(&mut client, apply(&"x".repeat(200)));
    greeted(
        &mut client,
        false,
        false,
        expect![[r#"
        renewed: false, ended: ["2: too-large"]
        {"id":1,"op":"apply","state":0,"tactic":"a"}"#]],
    );
    let (long, text) = client.ask(apply(&"y".repeat(200)));
    assert_eq!(kind(&text.expect_err("it is too long")), "too-large");
    assert!(client.cancel(long).is_none());
}

#[test]
fn giving_up() {
    let mut client = Client::default();
    let ask = ask(&mut client, apply("a"));
    let text = client.cancel(ask).expect("it has not ended");
    expect![[r#"{"id":2,"op":"cancel","request":1}"#]].assert_eq(&text);
    assert!(answer(&mut client, r#"{"seq":1,"re":1,"type":"done"}"#).is_some());
    assert!(client.cancel(ask).is_none());
}

#[test]
fn waits_grow_to_ten_seconds() {
    let waits: Vec<_> = (0..8).map(|n| (backoff_ms(n, 0.0), backoff_ms(n, 1.0))).collect();
    expect![[
        r#"[(100, 200), (200, 400), (400, 800), (800, 1600), (1600, 3200), (3200, 6400), (5000, 10000), (5000, 10000)]"#
    ]]
    .assert_eq(&format!("{waits:?}"));
}

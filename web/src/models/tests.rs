//! Messages as they are on the wire between page and worker, and questions that are answered, refused and given up.

use std::task::{Context, Poll, Waker};

use expect_test::expect;

use super::*;

fn polled(answer: &mut Answer) -> Poll<Result<String, String>> {
    Pin::new(answer).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn messages_to_the_worker() {
    let messages = [
        ToWorker::Start { place: "gpu" },
        ToWorker::Propose { id: 7, request: r#"{"seed":18446744073709551615}"#.to_owned() },
        ToWorker::Score { id: 8, request: "{}".to_owned() },
    ];
    let lines: Vec<String> = messages.iter().map(|message| serde_json::to_string(message).unwrap()).collect();
    expect![[r#"
        {"type":"start","place":"gpu"}
        {"type":"propose","id":7,"request":"{\"seed\":18446744073709551615}"}
        {"type":"score","id":8,"request":"{}"}"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn messages_from_the_worker() {
    let lines = [
        r#"{"type":"loading","done":1,"total":29000000}"#,
        r#"{"type":"testing"}"#,
        r#"{"type":"ready","place":"cpu","device":"CPU","error":0.000001,"speeds":[{"device":"CPU","tokens":12.5}]}"#,
        r#"{"type":"fallback","reason":"this browser has no WebGPU"}"#,
        r#"{"type":"failed","reason":"cannot load"}"#,
        r#"{"type":"answer","id":7,"answer":"{}"}"#,
        r#"{"type":"refused","id":8,"reason":"too many"}"#,
    ];
    let shown = lines.iter().map(|line| {
        let message: FromWorker = serde_json::from_str(line).unwrap();
        format!("{message:?}, status {:?}\n", message.status())
    });
    expect![[r#"
        Loading { done: 1, total: 29000000 }, status Some(Loading { done: 1, total: 29000000 })
        Testing, status Some(Testing)
        Ready { place: "cpu", device: "CPU", speeds: [Speed { device: "CPU", tokens: 12.5 }], error: 1e-6 }, status Some(Ready { is_gpu: false, device: "CPU", speeds: [Speed { device: "CPU", tokens: 12.5 }], self_test_error: 1e-6 })
        Fallback { reason: "this browser has no WebGPU" }, status None
        Failed { reason: "cannot load" }, status Some(Failed { reason: "cannot load" })
        Answer { id: 7, answer: "{}" }, status None
        Refused { id: 8, reason: "too many" }, status None
    "#]]
    .assert_eq(&shown.collect::<String>());
}

#[test]
fn questions_get_their_own_answers_in_any_order() {
    let questions = Rc::new(Questions::default());
    let (mut first, mut second) = (questions.ask(), questions.ask());
    assert!(polled(&mut first).is_pending() && polled(&mut second).is_pending());
    questions.answer(second.id(), Ok("two".to_owned()));
    assert!(polled(&mut first).is_pending());
    assert_eq!(polled(&mut second), Poll::Ready(Ok("two".to_owned())));
    questions.answer(first.id(), Err("no".to_owned()));
    assert_eq!(polled(&mut first), Poll::Ready(Err("no".to_owned())));
    drop((first, second));
    // Nobody waits for it any more.
    questions.answer(0, Ok("late".to_owned()));
    assert!(questions.waiting.borrow().is_empty());
}

#[test]
fn after_the_end_all_questions_fail() {
    let questions = Rc::new(Questions::default());
    let mut before = questions.ask();
    let mut answered = questions.ask();
    questions.answer(answered.id(), Ok("one".to_owned()));
    questions.end("stopped");
    questions.end("stopped again");
    let mut after = questions.ask();
    assert!(questions.is_ended());
    assert_eq!(polled(&mut before), Poll::Ready(Err("stopped".to_owned())));
    assert_eq!(polled(&mut answered), Poll::Ready(Ok("one".to_owned())));
    assert_eq!(polled(&mut after), Poll::Ready(Err("stopped".to_owned())));
}

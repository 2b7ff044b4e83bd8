//! The shapes of answers, what servers refuse, and how questions are split. The peer plays no model: what a real server
//! answers is tested with a real one, end to end.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::*;
use crate::run::model_server::peer::{Peer, Reply, Request, models};

#[test]
fn the_three_shapes_of_log_probabilities_are_read() {
    // vLLM, as its OpenAI-compatible server documents it: numbers beside the tokens.
    let classic = json!({
        "choices": [
            { "index": 0, "text": "omega", "finish_reason": "stop",
              "logprobs": { "tokens": ["om", "ega"], "token_logprobs": [-0.5, -0.25], "text_offset": [0, 2] } },
            { "index": 1, "text": "", "finish_reason": "stop",
              "logprobs": { "tokens": [], "token_logprobs": [], "text_offset": [] } },
        ],
        "usage": { "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 },
    });
    check_answer(
        &classic,
        expect![[r#"
        Ok(
            Answer {
                completions: [
                    Completion {
                        text: "omega",
                        mean_logprob: Some(
                            -0.375,
                        ),
                        n_tokens: 2,
                        is_cut: false,
                    },
                    Completion {
                        text: "",
                        mean_logprob: Some(
                            0.0,
                        ),
                        n_tokens: 0,
                        is_cut: false,
                    },
                ],
                prompt_tokens: 9,
                generated_tokens: 2,
            },
        )
    "#]],
    );
    // In the shape of llama.cpp's server (xllamacpp 2026.10.11549) with n = 2, whose usage counts one of the two.
    let chat_like = json!({
        "choices": [
            { "text": " a", "index": 0, "finish_reason": "length", "logprobs": { "content": [
                { "id": 142, "token": " a", "bytes": [32, 97], "logprob": -0.3553740382194519, "top_logprobs": [] } ] } },
            { "text": " b", "index": 1, "finish_reason": "length", "logprobs": { "content": [
                { "id": 143, "token": " b", "bytes": [32, 98], "logprob": -5.120589256286621, "top_logprobs": [] } ] } },
        ],
        "usage": { "completion_tokens": 1, "prompt_tokens": 9, "total_tokens": 10 },
    });
    check_answer(
        &chat_like,
        expect![[r#"
        Ok(
            Answer {
                completions: [
                    Completion {
                        text: " a",
                        mean_logprob: Some(
                            -0.3553740382194519,
                        ),
                        n_tokens: 1,
                        is_cut: true,
                    },
                    Completion {
                        text: " b",
                        mean_logprob: Some(
                            -5.120589256286621,
                        ),
                        n_tokens: 1,
                        is_cut: true,
                    },
                ],
                prompt_tokens: 9,
                generated_tokens: 2,
            },
        )
    "#]],
    );
    // The same server's own /completion, which older ones answer with under /v1/completions too.
    let native = json!({
        "index": 0, "content": "ab", "stop": true, "tokens_predicted": 2, "tokens_evaluated": 9,
        "completion_probabilities": [
            { "id": 142, "token": "a", "bytes": [97], "logprob": -0.35537412762641907, "top_logprobs": [] },
            { "id": 142, "token": "b", "bytes": [98], "logprob": -0.07609722018241882, "top_logprobs": [] },
        ],
    });
    check_answer(
        &native,
        expect![[r#"
        Ok(
            Answer {
                completions: [
                    Completion {
                        text: "ab",
                        mean_logprob: Some(
                            -0.21573567390441895,
                        ),
                        n_tokens: 2,
                        is_cut: false,
                    },
                ],
                prompt_tokens: 9,
                generated_tokens: 2,
            },
        )
    "#]],
    );
}

#[test]
fn numbers_that_are_none_are_held_within_bounds() {
    let logprobs = json!([1e-6, -1e300]);
    let answer = json!({
        "choices": [{ "text": "a", "logprobs": { "token_logprobs": logprobs } }],
        "usage": { "prompt_tokens": u64::MAX, "completion_tokens": u64::MAX },
    });
    check_answer(
        &answer,
        expect![[r#"
        Ok(
            Answer {
                completions: [
                    Completion {
                        text: "a",
                        mean_logprob: Some(
                            -4999.5,
                        ),
                        n_tokens: 2,
                        is_cut: false,
                    },
                ],
                prompt_tokens: 4294967295,
                generated_tokens: 100,
            },
        )
    "#]],
    );
}

#[test]
fn what_an_answer_lacks_is_said() {
    let lacks = |answer: Value| answer::read(&answer, 8, 100).unwrap_err().0;
    assert_eq!(lacks(json!({ "choices": [{ "message": {} }] })), "a `text` in any of its `choices`");
    assert_eq!(lacks(json!({ "choices": [] })), "anything in `choices`");
    assert_eq!(lacks(json!("choices")), "a list `choices`");
}

#[test]
fn texts_without_a_log_probability_for_each_token_have_none() {
    let mean = |answer: Value| {
        let completions = answer::read(&answer, 8, 100).unwrap().completions;
        completions.into_iter().map(|completion| completion.mean_logprob).collect::<Vec<_>>()
    };
    let logprobs = |logprobs: Value| json!({ "text": "a", "logprobs": logprobs });
    assert_eq!(mean(json!({ "content": "a" })), [None]);
    assert_eq!(
        mean(json!({ "choices": [
            logprobs(Value::Null),
            logprobs(json!({ "token_logprobs": [null] })),
            logprobs(json!({ "token_logprobs": [-0.01, null, null] })),
            logprobs(json!({ "token_logprobs": [-0.5], "tokens": ["a", "b"] })),
            logprobs(json!({ "content": [{ "logprob": -1.0 }, { "logprob": "x" }] })),
            logprobs(json!({ "token_logprobs": [-0.5, -1.5], "tokens": ["a", "b"] })),
            { "message": { "content": "a" } },
            { "index": 3 },
        ] })),
        [None, None, None, None, None, Some(-1.0), None, Some(0.0)]
    );
}

#[tokio::test]
async fn a_choice_without_log_probabilities_ranks_last() {
    let peer = serve(|_| {
        Reply::Json(
            200,
            json!({ "choices": [
            { "text": "first", "logprobs": null },
            { "text": "second", "logprobs": { "token_logprobs": [-0.01, null] } },
            choice("third", &[-30.0]),
            choice("fourth", &[-0.5]),
        ] }),
        )
    });
    let policy = connect(&peer, Sampling::default()).await;
    let proposals = policy.propose(&request(4)).await.unwrap();
    assert_eq!(tactics(&proposals), ["fourth", "third", "first", "second"]);
    assert!(proposals.candidates.iter().all(|candidate| candidate.logprob.is_finite()));
    // A server that has given some may leave them out altogether.
    let mut n_asked = 0;
    let peer = serve(move |question| {
        n_asked += 1;
        if n_asked == 1 { complete(question, 1) } else { Reply::Json(200, json!({ "choices": [{ "text": "rfl" }] })) }
    });
    let policy = connect(&peer, Sampling::default()).await;
    for expected in ["exact h5", "rfl"] {
        assert_eq!(tactics(&policy.propose(&request(1)).await.unwrap()), [expected]);
    }
}

#[tokio::test]
async fn the_first_of_several_tactics_is_tried_and_then_what_it_makes_with_the_others() {
    let peer = serve(|question| {
        let texts = [
            "omega\n\n clear h\n\n exact dvd_mul",
            "induction n with\n| zero => rfl\n| succ n ih => simp [ih]",
            "subst h\nomega",
            "simp\nnorm_num [f",
        ];
        let n = question["n"].as_u64().unwrap() as usize;
        let choices: Vec<Value> = texts.iter().take(n).map(|text| choice(text, &[-1.0])).collect();
        let mut answer = json!({ "choices": choices });
        if n == 4 {
            answer["choices"][3]["finish_reason"] = json!("length");
        }
        Reply::Json(200, answer)
    });
    let policy = connect(&peer, Sampling::default()).await;
    let few = policy.propose(&request(2)).await.unwrap();
    assert_eq!(tactics(&few), ["omega", "induction n with\n| zero => rfl\n| succ n ih => simp [ih]"]);
    let more = policy.propose(&request(4)).await.unwrap();
    // One place of four is for what the first tactic makes with the second; what was cut off is not tried.
    assert_eq!(tactics(&more), ["omega", few.candidates[1].tactic.as_str(), "subst h", "omega\nclear h"]);
}

#[tokio::test]
async fn a_server_that_fails_now_and_then_costs_an_expansion() {
    for bad in [
        Reply::Json(500, json!({ "error": { "message": "Out of range float values are not JSON compliant" } })),
        Reply::Json(200, json!({ "choices": [] })),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>no</html>".to_vec()),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"choices\": [".to_vec()),
    ] {
        let mut bad = Some(bad);
        // From the second request on, the first with all its retries is bad; then all is well again.
        let mut seeds = Vec::new();
        let peer = serve(move |question| {
            let seed = question["seed"].as_u64().unwrap();
            if !seeds.contains(&seed) {
                seeds.push(seed);
            }
            match (seeds.len(), bad.take()) {
                (2, Some(reply)) => {
                    bad = Some(clone(&reply));
                    reply
                }
                (_, kept) => {
                    bad = kept;
                    complete(question, 1)
                }
            }
        });
        let policy = connect(&peer, Sampling::default()).await;
        let mut failed = Vec::new();
        for seed in [5, 6, 7] {
            let asked = ProposalRequest { seed, ..request(1) };
            failed.push(policy.propose(&asked).await.unwrap().cost.failed);
        }
        assert_eq!(failed, [0, 1, 0]);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_for_good_is_an_error() {
    let broken = |status: u16| Reply::Json(status, json!({ "error": { "message": "CUDA error" } }));
    // It never answered.
    let peer = serve(move |_| broken(500));
    let policy = connect(&peer, Sampling::default()).await;
    expect!["the policy tiny at http://PEER did not answer: the model server at http://PEER answers /v1/completions with status 500; correct what it says: CUDA error"].assert_eq(&peer.text(&policy.propose(&request(1)).await.unwrap_err()));
    // It answered once.
    let mut n_asked = 0;
    let peer = serve(move |question| {
        n_asked += 1;
        if n_asked == 1 { complete(question, 1) } else { broken(502) }
    });
    let policy = connect(&peer, Sampling::default()).await;
    policy.propose(&request(1)).await.unwrap();
    let mut n_passing = 0;
    let error = loop {
        match policy.propose(&request(1)).await {
            Ok(_) => n_passing += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(n_passing, MAX_FAILED - 1);
    expect!["the policy tiny at http://PEER did not answer: it failed again and again, the last time so: the model server at http://PEER answers /v1/completions with status 502; correct what it says: CUDA error"].assert_eq(&peer.text(&error));
}

#[tokio::test]
async fn numbers_that_are_no_json_are_taken_for_none() {
    let body = r#"{"choices": [{"text": "a", "logprobs": {"token_logprobs": [NaN]}}, {"text": "b", "logprobs": {"token_logprobs": [-0.5]}}]}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let peer = serve(move |_| Reply::Bytes((head.clone() + body).into_bytes()));
    let policy = connect(&peer, Sampling::default()).await;
    assert_eq!(tactics(&policy.propose(&request(2)).await.unwrap()), ["b", "a"]);
}

fn tactics(proposals: &Proposals) -> Vec<&str> {
    proposals.candidates.iter().map(|candidate| candidate.tactic.as_str()).collect()
}

fn clone(reply: &Reply) -> Reply {
    match reply {
        Reply::Json(status, value) => Reply::Json(*status, value.clone()),
        Reply::Bytes(bytes) => Reply::Bytes(bytes.clone()),
        Reply::Drip => Reply::Drip,
        Reply::Hang => Reply::Hang,
    }
}

#[tokio::test]
async fn samples_become_candidates() {
    let texts = ["simp", " omega\nQED behind", "", " simp ", "nonsense?", "omega"];
    let peer = serve(move |question| {
        let choices: Vec<Value> =
            texts.iter().enumerate().map(|(idx, text)| choice(text, &[-1.0 - idx as f64, -1.0])).collect();
        let first = question["seed"].as_u64().unwrap() as usize - 5;
        let n = question["n"].as_u64().unwrap() as usize;
        Reply::Json(200, json!({ "choices": choices[first..first + n], "usage": { "prompt_tokens": 7 } }))
    });
    let policy = connect(&peer, Sampling::default()).await;
    let proposals = policy.propose(&request(6)).await.unwrap();
    // A stop string that the server left in ends the text; the empty one and the one that is no tactic are left out.
    expect![[r#"
        Proposals {
            candidates: [
                Candidate {
                    tactic: "simp",
                    logprob: -1.0,
                    n_tokens: 2,
                },
                Candidate {
                    tactic: "omega",
                    logprob: -1.5,
                    n_tokens: 2,
                },
            ],
            cost: ModelCost {
                prompt_tokens: 7,
                generated_tokens: 10,
                device_us: 0,
                failed: 0,
            },
        }
    "#]]
    .assert_debug_eq(&proposals);
    assert_eq!(policy.name(), format!("tiny at {}", peer.url));
    expect![[r#"
        [
            Object {
                "logprobs": Number(1),
                "max_tokens": Number(256),
                "min_p": Number(0),
                "model": String("tiny"),
                "n": Number(6),
                "prompt": String("prove t:"),
                "seed": Number(5),
                "stop": Array [
                    String("\nQED"),
                ],
                "temperature": Number(0.7),
                "top_k": Number(-1),
                "top_p": Number(1.0),
            },
        ]
    "#]]
    .assert_debug_eq(&questions(&peer));
}

#[tokio::test]
async fn a_server_with_few_slots_is_asked_for_few_samples_at_once() {
    // llama.cpp's server with three slots.
    let peer = serve(|question| match question["n"].as_u64().unwrap() {
        n @ 1..=3 => complete(question, n),
        n => refuse(&format!("Field 'n': Value must be between 1 <= value <= 3, but got {n}")),
    });
    let policy = connect(&peer, Sampling::default()).await;
    assert_eq!(policy.propose(&request(8)).await.unwrap().candidates.len(), 8);
    assert_eq!(asked(&peer), ["8 from 5", "4 from 5", "2 from 5", "2 from 7", "2 from 9", "2 from 11"]);
    // It is known now.
    assert_eq!(policy.propose(&request(4)).await.unwrap().candidates.len(), 4);
    assert_eq!(asked(&peer), ["2 from 5", "2 from 7"]);
}

#[tokio::test]
async fn a_server_that_knows_no_n_is_asked_for_one_sample_at_a_time() {
    let peer = serve(|question| complete(question, 1));
    let policy = connect(&peer, Sampling::default()).await;
    let proposals = policy.propose(&request(3)).await.unwrap();
    let mut tactics: Vec<&str> = proposals.candidates.iter().map(|candidate| candidate.tactic.as_str()).collect();
    tactics.sort_unstable();
    assert_eq!(tactics, ["exact h5", "exact h6", "exact h7"]);
    // The prompt was read once, three texts of one token were made.
    assert_eq!(proposals.cost, ModelCost { prompt_tokens: 7, generated_tokens: 3, device_us: 0, failed: 0 });
    assert_eq!(asked(&peer), ["3 from 5", "1 from 6", "1 from 7"]);
}

#[tokio::test]
async fn a_server_without_top_k_is_asked_without() {
    let peer = serve(|question| match question.get("top_k") {
        Some(_) => refuse("Unrecognized request argument supplied: top_k"),
        None => complete(question, question["n"].as_u64().unwrap()),
    });
    let policy = connect(&peer, Sampling::default()).await;
    assert_eq!(policy.propose(&request(2)).await.unwrap().candidates.len(), 2);
    assert_eq!(asked(&peer), ["2 from 5", "2 from 5"]);
}

#[tokio::test]
async fn greedy_sampling_takes_one_sample() {
    let peer = serve(|question| complete(question, question["n"].as_u64().unwrap()));
    let policy = connect(&peer, Sampling { decoding: Decoding::Beam, ..Sampling::default() }).await;
    assert_eq!(policy.propose(&request(32)).await.unwrap().candidates.len(), 1);
    assert_eq!(policy.propose(&request(0)).await.unwrap(), Proposals::default());
    assert_eq!(asked(&peer), ["1 from 5"]);
}

#[tokio::test]
async fn what_no_splitting_helps_is_an_error() {
    let peer = serve(|_| refuse("This model's maximum context length is 512 tokens."));
    let policy = connect(&peer, Sampling::default()).await;
    let error = policy.propose(&request(32)).await.unwrap_err();
    expect!["the policy tiny at http://PEER did not answer: the model server at http://PEER answers /v1/completions with status 400; correct what it says: This model's maximum context length is 512 tokens"].assert_eq(&peer.text(&error));
    assert_eq!(peer.requests().len(), 1 + 6);

    let peer = serve(|_| Reply::Json(200, json!({ "choices": [{ "text": "simp", "logprobs": null }] })));
    let policy = connect(&peer, Sampling::default()).await;
    expect!["the policy tiny at http://PEER did not answer: the model server at http://PEER gives no log-probabilities; let vLLM give them (`--max-logprobs 1` or more), or take a newer llama-server"].assert_eq(&peer.text(&policy.propose(&request(1)).await.unwrap_err()));
}

/// A peer with one model that answers questions with `reply`.
fn serve(mut reply: impl FnMut(&Value) -> Reply + Send + 'static) -> Peer {
    Peer::start(move |Request { path, body, .. }| if path == COMPLETIONS { reply(body) } else { models() })
}

async fn connect(peer: &Peer, sampling: Sampling) -> Arc<dyn Policy> {
    let wording = Wording {
        prompt: Box::new(|request| format!("prove {}:", request.theorem)),
        stop: vec!["\nQED".to_owned()],
        tactic: Box::new(|text| Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains('?'))),
    };
    Arc::new(Endpoint::connect(EndpointOptions { server: peer.options(), sampling, wording }).await.unwrap())
}

fn request(samples: u32) -> ProposalRequest {
    ProposalRequest {
        theorem: "t".to_owned(),
        goals: Vec::new(),
        history: Vec::new(),
        samples,
        pass: 0,
        seed: 5,
        without: Vec::new(),
        ..ProposalRequest::default()
    }
}

fn choice(text: &str, logprobs: &[f64]) -> Value {
    let logprobs = if text.is_empty() { &[] } else { logprobs };
    json!({ "text": text, "logprobs": { "token_logprobs": logprobs } })
}

/// So many texts of one token, each named by its seed.
fn complete(question: &Value, n: u64) -> Reply {
    let seed = question["seed"].as_u64().unwrap();
    let choices: Vec<Value> = (seed..seed + n).map(|seed| choice(&format!("exact h{seed}"), &[-1.0])).collect();
    Reply::Json(200, json!({ "choices": choices, "usage": { "prompt_tokens": 7, "completion_tokens": 1 } }))
}

fn refuse(message: &str) -> Reply {
    Reply::Json(400, json!({ "error": { "code": 400, "message": message, "type": "invalid_request_error" } }))
}

/// The questions since the last call.
fn questions(peer: &Peer) -> Vec<Value> {
    let requests = peer.requests().into_iter();
    requests.filter(|request| request.path == COMPLETIONS).map(|request| request.body).collect()
}

/// How many samples were asked for and from which seed on, in order of the seed.
fn asked(peer: &Peer) -> Vec<String> {
    let mut asked: Vec<(u64, u64)> = questions(peer)
        .iter()
        .map(|question| (question["seed"].as_u64().unwrap(), question["n"].as_u64().unwrap()))
        .collect();
    asked.sort_by_key(|(seed, n)| (*seed, u64::MAX - n));
    asked.into_iter().map(|(seed, n)| format!("{n} from {seed}")).collect()
}

fn check_answer(answer: &Value, expected: Expect) {
    expected.assert_debug_eq(&answer::read(answer, 8, 100));
}

//! The shapes of answers that vLLM's `/pooling` documents, and what is wrong with others. No server that scores can be
//! had in a test: vLLM wants a GPU or a build of its own.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::*;
use crate::run::model_server::peer::{Peer, Reply, models};

#[test]
fn scores_are_read_per_token_and_per_text() {
    let per_token = json!({
        "object": "list", "model": "reward",
        "data": [
            { "index": 1, "object": "pooling", "data": [[0.5], [-3.25]] },
            { "index": 0, "object": "pooling", "data": [[9.0], [8.0], [1.5]] },
        ],
        "usage": { "prompt_tokens": 5, "total_tokens": 5 },
    });
    check(
        &per_token,
        expect![[r#"
        Ok(
            Scores {
                scores: [
                    1.5,
                    -3.25,
                ],
                cost: ModelCost {
                    prompt_tokens: 5,
                    generated_tokens: 0,
                    device_us: 0,
                    failed: 0,
                },
            },
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "index": 0, "data": [-1.0] }, { "index": 1, "data": [2.0] }] }),
        expect![[r#"
        Ok(
            Scores {
                scores: [
                    -1.0,
                    2.0,
                ],
                cost: ModelCost {
                    prompt_tokens: 0,
                    generated_tokens: 0,
                    device_us: 0,
                    failed: 0,
                },
            },
        )
    "#]],
    );
}

#[test]
fn what_an_answer_lacks_is_said() {
    check(
        &json!({ "detail": "x" }),
        expect![[r#"
        Err(
            "a list `data`",
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "index": 0, "data": [1.0] }] }),
        expect![[r#"
        Err(
            "one entry in `data` for each text",
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "index": 0, "data": [1.0] }, { "index": 0, "data": [1.0] }] }),
        expect![[r#"
        Err(
            "one entry in `data` for each text",
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "index": 7, "data": [1.0] }] }),
        expect![[r#"
        Err(
            "one entry in `data` for each text",
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "data": [null] }, { "data": [1.0] }] }),
        expect![[r#"
        Err(
            "a score in each entry of `data`",
        )
    "#]],
    );
    check(
        &json!({ "data": [{ "data": "base64" }, { "data": [1.0] }] }),
        expect![[r#"
        Err(
            "a score in each entry of `data`",
        )
    "#]],
    );
}

#[tokio::test]
async fn states_are_scored_in_batches() {
    let peer = Peer::start(|request| {
        if request.path != POOLING {
            return models();
        }
        let texts = request.body["input"].as_array().unwrap();
        let data: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(idx, text)| json!({ "index": idx, "data": [[0.0], [text.as_str().unwrap().len()]] }))
            .collect();
        Reply::Json(200, json!({ "data": data, "usage": { "prompt_tokens": 3 } }))
    });
    let text: StateText = Box::new(|goals| goals.iter().map(|goal| goal.text.as_str()).collect());
    let critic: Arc<dyn Critic> = Arc::new(EndpointCritic::connect(peer.options(), text).await.unwrap());
    let states = (0..BATCH + 3).map(|len| vec![Goal::parse(&"x".repeat(len))]).collect();
    let scores = critic.score(&ScoreRequest { states }).await.unwrap();
    assert_eq!(scores.scores, (0..BATCH + 3).map(|len| len as f64).collect::<Vec<_>>());
    assert_eq!(scores.cost.prompt_tokens, 6);
    assert_eq!(critic.name(), format!("tiny at {}", peer.url));
    let requests = peer.requests();
    expect![[r#"{"input":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],"model":"tiny","use_activation":false}"#]].assert_eq(&requests[2].body.to_string());
}

#[tokio::test]
async fn a_server_that_generates_is_no_critic() {
    let peer = Peer::start(|request| {
        if request.path == POOLING { Reply::Json(404, json!({ "detail": "Not Found" })) } else { models() }
    });
    let critic = EndpointCritic::connect(peer.options(), Box::new(|_| String::new())).await.unwrap();
    let error = critic.score(&ScoreRequest { states: vec![Vec::new()] }).await.unwrap_err();
    expect!["the critic tiny at http://PEER did not answer: http://PEER has no /pooling (status 404); give the address of an OpenAI-compatible server, such as `vllm serve` or `llama-server`, and for a critic of `vllm serve MODEL --runner pooling`"].assert_eq(&peer.text(&error));
}

fn check(answer: &Value, expected: Expect) {
    expected.assert_debug_eq(&read(answer, 2));
}

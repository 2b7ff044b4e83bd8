//! Policies behind an endpoint against a real llama.cpp server with a tiny random model: log-probabilities, seeds, stop
//! strings, and a search with real Lean. The servers that misbehave are in the worker's own tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Value, json};
use stepwise_core::goal::Goal;
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::search::{Budget, Search, SearchConfig, SearchEnd};
use stepwise_inference::{Decoding, Draw, Sampling};
use stepwise_worker::run::model_server::ServerOptions;
use stepwise_worker::run::policy::endpoint::{Endpoint, EndpointOptions, Wording};
use stepwise_worker::run::policy::mixture::Mixture;
use stepwise_worker::run::policy::{Policy, Portfolio};
use stepwise_worker::run::{Job, run_search};
use stepwise_worker::stop::Stop;

use crate::lean;

/// The prompt of these tests, which no real model was trained on.
const PROMPT: &str = "goal n : Nat ⊢ n + 0 = n\ntactic";

/// A llama.cpp server in a process of its own, which ends when this one does.
struct Server {
    url: String,
    /// Its standard input is what keeps it alive.
    _process: Child,
}

/// The server of all tests here, or why there is none.
static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(|| {
    let python = std::env::var_os("STEPWISE_TEST_PYTHON")
        .ok_or("STEPWISE_TEST_PYTHON is not set; `cargo xtask python` prints what it wants")?;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let made = Command::new(&python)
        .arg(scripts.join("make_server_model.py"))
        .arg(folder.path())
        .output()
        .expect("the interpreter that the variable names starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut process = Command::new(&python)
        .arg(scripts.join("serve_llama.py"))
        .arg(folder.path().join("server.gguf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the interpreter starts");
    let mut url = String::new();
    let stdout = process.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut url).expect("the server prints its address");
    assert!(url.starts_with("http://"), "the server did not start: `{url}`");
    Ok(Server { url: url.trim().to_owned(), _process: process })
});

/// The server's address; without one the test says so and is over.
fn url(test: &str) -> Option<&'static str> {
    match &*SERVER {
        Ok(server) => Some(&server.url),
        Err(why) => {
            stepwise_tests::say_skipped(test, why);
            None
        }
    }
}

async fn connect(url: &str, sampling: Sampling, stop: &[&str]) -> Endpoint {
    let wording = Wording {
        prompt: Box::new(|_| PROMPT.to_owned()),
        stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        // A random model writes no tactics: every text counts.
        tactic: Box::new(|text| Some(text.to_owned())),
    };
    let server = ServerOptions { key: None, time_limit: Duration::from_secs(60), ..ServerOptions::new(url) };
    Endpoint::connect(EndpointOptions { server, sampling, wording }).await.expect("the server has a model")
}

fn drawing(draw: Draw, max_tokens: usize) -> Sampling {
    Sampling { decoding: Decoding::of_draw(draw), max_tokens, ..Sampling::default() }
}

async fn propose(policy: &Endpoint, samples: u32, seed: u64) -> Proposals {
    let goals = vec![Goal::parse("n : Nat\n⊢ n + 0 = n")];
    let request = ProposalRequest {
        theorem: "t".to_owned(),
        goals,
        history: Vec::new(),
        samples,
        pass: 0,
        seed,
        without: Vec::new(),
        ..ProposalRequest::default()
    };
    policy.propose(&request).await.expect("the server answers")
}

/// Posts to the server without the client under test.
fn post(url: &str, path: &str, question: &Value) -> Value {
    let host = url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let body = question.to_string();
    let n_bytes = body.len();
    write!(stream, "POST {path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {n_bytes}\r\n\r\n{body}")
        .expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    serde_json::from_slice(&answer[head + 4..]).expect("JSON")
}

/// The mean log-probability of the tokens `ids` behind the prompt, each looked up in the model's whole distribution.
fn rescore(url: &str, ids: &[u64]) -> f64 {
    let prompt = post(url, "/tokenize", &json!({ "content": PROMPT, "add_special": true }));
    let mut context: Vec<u64> = prompt["tokens"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
    let mut sum = 0.0;
    for &id in ids {
        // What is sampled here does not matter, but must be a whole character: it is forced to be token 0, which is `!`.
        let question = json!({
            "prompt": context, "n_predict": 1, "n_probs": 768, "logit_bias": [[0, 1000.0]], "cache_prompt": false,
        });
        let answer = post(url, "/completion", &question);
        let all = answer["completion_probabilities"][0]["top_logprobs"].as_array().unwrap();
        assert_eq!(all.len(), 768, "the whole vocabulary");
        sum += all.iter().find(|token| token["id"] == id).unwrap()["logprob"].as_f64().unwrap();
        context.push(id);
    }
    sum / ids.len() as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_are_those_of_the_model_itself() {
    let Some(url) = url("log-probabilities of an endpoint") else { return };
    // Whatever shapes the sampling must not show in them.
    for sampling in [
        drawing(Draw { temperature: 0.0, ..Draw::default() }, 6),
        drawing(Draw { temperature: 0.5, top_p: 0.9, top_k: Some(40) }, 6),
        drawing(Draw { temperature: 1.5, ..Draw::default() }, 6),
    ] {
        let policy = connect(url, sampling.clone(), &[]).await;
        let proposals = propose(&policy, 4, 11).await;
        let n_wanted = if sampling.decoding == Decoding::Beam { 1 } else { 4 };
        let mut n_compared = 0;
        for seed in 11..11 + n_wanted {
            let (Draw { temperature, top_p, top_k }, max_tokens) = (sampling.decoding.draw(), sampling.max_tokens);
            let question = json!({
                "prompt": PROMPT, "n": 1, "seed": seed, "temperature": temperature, "top_p": top_p, "min_p": 0,
                "top_k": top_k.map_or(json!(-1), |k| json!(k)), "max_tokens": max_tokens, "logprobs": 1,
            });
            let answer = post(url, "/v1/completions", &question);
            let choice = &answer["choices"][0];
            let tokens = choice["logprobs"]["content"].as_array().unwrap();
            // What stands around a tactic is no part of it; a text of several tactics is not one candidate.
            let text = choice["text"].as_str().unwrap().trim();
            if text.contains('\n') {
                continue;
            }
            let candidate = proposals.candidates.iter().find(|candidate| candidate.tactic == text);
            let candidate = candidate.unwrap_or_else(|| panic!("seed {seed}: {choice} is not in {proposals:?}"));
            // Parts of one character come as one entry, so that the other tokens are not known: such a text is left out.
            if answer["usage"]["completion_tokens"] != json!(tokens.len()) {
                continue;
            }
            let ids: Vec<u64> = tokens.iter().map(|token| token["id"].as_u64().unwrap()).collect();
            let expected = rescore(url, &ids);
            assert!((candidate.logprob - expected).abs() < 1e-4, "{candidate:?}: {expected}");
            assert_eq!(candidate.n_tokens as usize, ids.len());
            n_compared += 1;
        }
        assert!(n_compared > 0, "{sampling:?}: every text has broken characters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_tactics() {
    let Some(url) = url("seeds of an endpoint") else { return };
    let sampling = drawing(Draw { temperature: 1.0, ..Draw::default() }, 5);
    let texts = |proposals: &Proposals| -> Vec<String> {
        let mut texts: Vec<_> = proposals.candidates.iter().map(|candidate| candidate.tactic.clone()).collect();
        texts.sort_unstable();
        texts
    };
    // Ten samples are more than the server's four slots: the first request finds that out, the second knows it.
    let policy = connect(url, sampling, &[]).await;
    let first = propose(&policy, 10, 77).await;
    let second = propose(&policy, 10, 77).await;
    assert_eq!(texts(&first), texts(&second));
    assert!(first.candidates.len() > 5, "{first:?}");
    assert!(first.candidates.is_sorted_by(|a, b| a.logprob >= b.logprob));
    assert_ne!(texts(&first), texts(&propose(&policy, 10, 1077).await));
    // Five tokens each, and the prompt once.
    assert!((40..=50).contains(&first.cost.generated_tokens), "{:?}", first.cost);
    assert!((5..40).contains(&first.cost.prompt_tokens), "{:?}", first.cost);
    // The samples do not depend on how many are asked for.
    let fewer = propose(&policy, 3, 77).await;
    assert!(texts(&fewer).iter().all(|text| texts(&first).contains(text)), "{fewer:?}\n{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_strings_end_a_tactic() {
    let Some(url) = url("stop strings of an endpoint") else { return };
    let sampling = drawing(Draw { temperature: 1.0, ..Draw::default() }, 40);
    let free = propose(&connect(url, sampling.clone(), &[]).await, 4, 3).await;
    let stop = "i";
    let text = &free.candidates.iter().find(|c| c.tactic.contains(stop)).expect("one of the letters").tactic;
    let stopped = propose(&connect(url, sampling, &[stop]).await, 4, 3).await;
    assert!(stopped.candidates.iter().all(|candidate| !candidate.tactic.contains(stop)), "{stopped:?}");
    let beginning = text.split(stop).next().unwrap();
    let same = stopped.candidates.iter().find(|candidate| candidate.tactic == beginning);
    assert!(same.is_some_and(|candidate| candidate.n_tokens < 40), "`{beginning}` in {stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixture_of_portfolio_and_endpoint_proves_a_theorem() {
    let Some(url) = url("a search with an endpoint") else { return };
    let sampling = Sampling { max_tokens: 8, ..Sampling::default() };
    let model: Arc<dyn Policy> = Arc::new(connect(url, sampling, &["\n"]).await);
    let policy: Arc<dyn Policy> = Arc::new(Mixture::new(Arc::new(Portfolio), model, 0.5));
    let pool = lean::pool(1, Duration::from_secs(30));
    let config = SearchConfig::best_first(Budget::new(8, 8));
    let (_never, stop) = Stop::channel();
    let theorem = lean::theorem("theorem e1 (p q : Prop) (hp : p) (hq : q) : p ∧ q");
    let ran = run_search(Job::new(Search::new(theorem, config), None), &pool, &policy, None, stop, &|_| {})
        .await
        .expect("it runs");
    assert!(matches!(ran.search.end(), Some(SearchEnd::Proved { .. })), "{:?}", ran.search.end());
    // The model took part: there are tactics of several tokens, which the portfolio's are not.
    let edges = ran.search.tree().edges();
    assert!(edges.iter().any(|edge| edge.n_tokens > 0), "{edges:?}");
    assert!(edges.iter().any(|edge| edge.n_tokens == 0), "{edges:?}");
    pool.shutdown().await;
}

//! Servers that are not there, that hang, that answer garbage: each ends in time, with one line that says what to do.

use std::net::TcpListener;
use std::time::Duration;

use expect_test::{Expect, expect};

use serde_json::json;

use super::peer::{Peer, Reply, models};
use super::*;

#[tokio::test]
async fn the_first_model_is_taken_unless_one_is_named() {
    let peer = Peer::start(|_| Reply::Json(200, json!({ "data": [{ "id": "a" }, { "id": "b" }] })));
    assert_eq!(ModelServer::connect(peer.options()).await.unwrap().model(), "a");
    let named = |name: &str| ServerOptions { model: Some(name.to_owned()), ..peer.options() };
    assert_eq!(ModelServer::connect(named("b")).await.unwrap().model(), "b");
    let error = ModelServer::connect(named("c")).await.unwrap_err();
    expect!["the model server at http://PEER has no model `c`; name one of: a, b"].assert_eq(&peer.text(&error));
}

#[test]
fn addresses_are_read_with_and_without_their_version() {
    for url in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", " http://h:1/v1 "] {
        assert_eq!(Address::parse(url).unwrap().join("/v1/models"), "http://h:1/v1/models", "{url}");
    }
    assert_eq!(Address::parse("https://h/openai/v1").unwrap().join("/v1/x"), "https://h/openai/v1/x");
    let expected = |url: &str| {
        format!("`{url}` is no address of a model server; write it like http://127.0.0.1:8000 or https://host/v1")
    };
    for url in ["", "models/policy", "localhost:8000", "ftp://h", "http://", "http:///v1", "http://a b", "portfolio"] {
        assert_eq!(Address::parse(url).unwrap_err().to_string(), expected(url));
    }
    for url in ["http://me:hunter2@h", "https://h/v1?key=hunter2"] {
        expect!["the model server's address must hold no user, password or query; put a key into STEPWISE_API_KEY"]
            .assert_eq(&Address::parse(url).unwrap_err().to_string());
    }
}

#[tokio::test]
async fn a_key_is_sent_and_never_shown() {
    let peer = Peer::start(|request| {
        let echo = request.authorization.clone().unwrap_or_default();
        Reply::Json(400, json!({ "error": { "message": format!("bad header: {echo}") } }))
    });
    let options = peer.options_with_key("hunter2");
    assert!(!format!("{options:?}").contains("hunter2"));
    let error = ModelServer::connect(options).await.unwrap_err();
    assert_eq!(peer.requests()[0].authorization.as_deref(), Some("Bearer hunter2"));
    expect!["the model server at http://PEER answers /v1/models with status 400; correct what it says: bad header: Bearer (the key)"]
        .assert_eq(&peer.text(&error));
    let error = ModelServer::connect(peer.options_with_key("hunter\n2")).await.unwrap_err();
    expect!["STEPWISE_API_KEY holds a character that no key has; set it anew"].assert_eq(&peer.text(&error));
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    check_status(
        401,
        json!({}),
        expect!["the model server at http://PEER wants a key (status 401); put it into STEPWISE_API_KEY"],
    )
    .await;
    check_status(404, json!({ "detail": "Not Found" }), expect!["http://PEER has no /v1/models (status 404); give the address of an OpenAI-compatible server, such as `vllm serve` or `llama-server`, and for a critic of `vllm serve MODEL --runner pooling`"]).await;
    check_status(404, json!({ "error": { "message": "The model `x` does not exist." } }), expect!["the model server at http://PEER answers /v1/models with status 404; correct what it says: The model `x` does not exist"]).await;
    check_status(500, json!("oh\n\u{1b}[31m no"), expect![[r#"the model server at http://PEER answers /v1/models with status 500; correct what it says: "oh\n\u001b[31m no""#]]).await;
    check_status(200, json!({ "data": [] }), expect!["the model server at http://PEER lists no model; load one"]).await;
    check_status(200, json!([1]), expect!["the model server at http://PEER answers /v1/models without a list `data` of models; give the address of an OpenAI-compatible server"]).await;

    let peer = Peer::start(|_| Reply::Json(403, json!({})));
    let error = ModelServer::connect(peer.options_with_key("k")).await.unwrap_err();
    expect![
        "the model server at http://PEER refuses the key in STEPWISE_API_KEY (status 403); set one that it accepts"
    ]
    .assert_eq(&peer.text(&error));
}

#[tokio::test]
async fn what_is_no_model_server_is_told_from_one() {
    let page = "<html>\n<body>Welcome to nginx!</body></html>";
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", page.len());
    check_bytes((head + page).as_bytes(), expect!["http://PEER answers /v1/models with no JSON but `<html> <body>Welcome to nginx!</body></html>`; give the address of an OpenAI-compatible server"]).await;
    check_bytes(b"HTTP/1.1 301 X\r\nlocation: https://h/\r\ncontent-length: 0\r\n\r\n", expect!["the model server at http://PEER answers /v1/models with status 301; correct what it says: it redirects to https://h/"]).await;
    check_bytes(b"SSH-2.0-OpenSSH_9.2\r\n", expect!["cannot reach the model server at http://PEER (protocol: http parse fail: invalid HTTP version); start it or correct the address"]).await;
    check_bytes(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        expect![
            "the model server at http://PEER breaks off in the middle of its answer to /v1/models (io: Peer disconnected)"
        ],
    )
    .await;
    check_bytes(
        b"",
        expect![
            "cannot reach the model server at http://PEER (io: Peer disconnected); start it or correct the address"
        ],
    )
    .await;
    check_bytes(
        &[b"HTTP/1.1 200 OK\r\n\r\n", vec![b'['; 2 << 20].as_slice()].concat(),
        expect![
            "the model server at http://PEER answers /v1/models with more than 1048576 bytes; ask for fewer samples"
        ],
    )
    .await;
    // Nesting as deep as this would end a parser without a limit by a stack overflow.
    let deep = [b"HTTP/1.1 200 OK\r\n\r\n", vec![b'['; 1 << 19].as_slice()].concat();
    check_bytes(&deep, expect!["http://PEER answers /v1/models with no JSON but `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...`; give the address of an OpenAI-compatible server"]).await;
}

#[tokio::test]
async fn nobody_there_is_said_after_the_retries() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let peer = Peer::start(|_| models());
    let options = ServerOptions { url: format!("http://127.0.0.1:{port}"), ..peer.options() };
    let begun = Instant::now();
    let error = ModelServer::connect(options).await.unwrap_err().to_string().replace(&port.to_string(), "PORT");
    // Pauses of 5, 10 and 20 ms lie between the attempts.
    assert!(begun.elapsed() >= Duration::from_millis(35), "{:?}", begun.elapsed());
    let (before, after) = error.split_once(" (").unwrap();
    expect!["cannot reach the model server at http://127.0.0.1:PORT"].assert_eq(before);
    assert!(after.contains("refused") && after.ends_with("); start it or correct the address"), "{error}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let mut n_asked = 0;
    let peer = Peer::start(move |_| {
        n_asked += 1;
        match n_asked {
            1 => Reply::Json(503, json!({ "error": { "message": "Loading model" } })),
            2 => Reply::Bytes(b"HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".to_vec()),
            3 => Reply::Bytes(Vec::new()),
            _ => models(),
        }
    });
    assert_eq!(ModelServer::connect(peer.options()).await.unwrap().model(), "tiny");
    assert_eq!(peer.requests().len(), 4);

    let peer = Peer::start(|_| Reply::Json(503, json!({ "error": { "message": "Loading model" } })));
    let error = ModelServer::connect(peer.options()).await.unwrap_err();
    expect!["the model server at http://PEER answers /v1/models with status 503; correct what it says: Loading model"]
        .assert_eq(&peer.text(&error));
    assert_eq!(peer.requests().len(), 4);

    // A server that wants to be asked next year is not waited for.
    let peer =
        Peer::start(|_| Reply::Bytes(b"HTTP/1.1 429 X\r\nretry-after: 31536000\r\ncontent-length: 0\r\n\r\n".to_vec()));
    assert!(matches!(ModelServer::connect(peer.options()).await, Err(ServerError::Refused { status: 429, .. })));
}

#[tokio::test]
async fn a_server_that_hangs_or_drips_is_left() {
    for drips in [false, true] {
        let peer = Peer::start(move |_| if drips { Reply::Drip } else { Reply::Hang });
        let options = ServerOptions { time_limit: Duration::from_millis(300), ..peer.options() };
        let begun = Instant::now();
        let error = ModelServer::connect(options).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        expect!["the model server at http://PEER did not answer within 0.3 s; see whether it is stuck, or ask for fewer samples"].assert_eq(&peer.text(&error));
    }
}

#[tokio::test]
async fn questions_wait_for_their_turn() {
    let peer = Peer::start(|request| if request.path == MODELS { models() } else { Reply::Hang });
    let options = ServerOptions { in_flight: 1, time_limit: Duration::from_millis(500), ..peer.options() };
    let server = ModelServer::connect(options).await.unwrap();
    let (first, second) =
        tokio::join!(server.post("/v1/completions", json!({})), server.post("/v1/completions", json!({})));
    assert!(matches!((first, second), (Err(ServerError::TimedOut { .. }), Err(ServerError::TimedOut { .. }))));
    let paths: Vec<String> = peer.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/models", "/v1/completions"]);
}

async fn check_status(status: u16, body: Value, expected: Expect) {
    let peer = Peer::start(move |_| Reply::Json(status, body.clone()));
    let error = ModelServer::connect(peer.options()).await.unwrap_err();
    expected.assert_eq(&peer.text(&error));
}

async fn check_bytes(bytes: &[u8], expected: Expect) {
    let bytes = bytes.to_vec();
    let peer = Peer::start(move |_| Reply::Bytes(bytes.clone()));
    let error = ModelServer::connect(peer.options()).await.unwrap_err();
    expected.assert_eq(&peer.text(&error));
}

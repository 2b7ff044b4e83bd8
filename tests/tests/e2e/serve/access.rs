//! Who is let in: names, origins, tokens and tickets.

use serde_json::json;
use stepwise_worker::serve::AccessOptions;

use super::Server;
use super::client::connect;
use super::http::ask;

#[tokio::test(flavor = "multi_thread")]
async fn other_names_and_other_sites_are_refused() {
    let server = Server::start().await;
    let (address, host) = (server.address, server.address.to_string());
    for path in ["/", "/api/v1/info", "/api/v1/socket", "/api/v1/nothing"] {
        let line = format!("GET {path}");
        let rebound = ask(address, &line, &[("Host", "evil.example")], "").await;
        assert_eq!((rebound.status, &rebound.json()["type"]), (403, &json!("forbidden")));
        assert_eq!(ask(address, &line, &[("Host", &host), ("Origin", "https://evil.example")], "").await.status, 403);
        assert_ne!(ask(address, &line, &[("Host", &host)], "").await.status, 403);
    }
    assert!(connect(address, "", &[("origin", &format!("http://{host}"))]).await.is_ok());
    assert_eq!(connect(address, "", &[("origin", "http://evil.example")]).await.err(), Some(403));
    assert_eq!(connect(address, "", &[("sec-websocket-protocol", "other.v1")]).await.err(), Some(400));
    assert_eq!(ask(address, "GET /api/v1/socket", &[("Host", &host)], "").await.status, 400);

    let page = ask(address, "GET /", &[("Host", &host)], "").await;
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/models/tiny/policy/../../x"] {
        assert_eq!(ask(address, &format!("GET {path}"), &[("Host", &host)], "").await.status, 404, "{path}");
    }
    let config = ask(address, "GET /models/tiny/policy/config.json", &[("Host", &host)], "").await;
    assert_eq!((config.status, config.json()["model_type"].is_string()), (200, true));
    let tag = config.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let known = [("Host", host.as_str()), ("If-None-Match", &tag)];
    assert_eq!(ask(address, "GET /models/tiny/policy/config.json", &known, "").await.status, 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_buys_tickets_for_browsers() {
    let options = AccessOptions { token: Some("letmein".into()), ..AccessOptions::default() };
    let server = Server::with(options, |_| {}).await;
    let (address, host) = (server.address, server.address.to_string());
    let bare = [("Host", host.as_str())];
    let bearer = [("Host", host.as_str()), ("Authorization", "Bearer letmein")];
    // The page is no secret, or nobody could be shown what to do.
    assert_ne!(ask(address, "GET /", &bare, "").await.status, 401);
    let refused = ask(address, "GET /api/v1/info", &bare, "").await;
    assert_eq!((refused.status, refused.head.contains("www-authenticate: bearer")), (401, true));
    assert_eq!(ask(address, "GET /api/v1/info", &bearer, "").await.status, 200);
    assert_eq!(ask(address, "POST /api/v1/tickets", &bare, "").await.status, 401);

    let ticket = ask(address, "POST /api/v1/tickets", &bearer, "").await.json();
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(connect(address, "", &[]).await.err(), Some(401));
    let more = ask(address, &format!("POST /api/v1/tickets{query}"), &bare, "").await;
    assert_eq!(more.status, 401, "a ticket buys no ticket");
    assert!(connect(address, &query, &[]).await.is_ok());
    assert_eq!(connect(address, &query, &[]).await.err(), Some(401), "a ticket is good once");
    assert!(connect(address, "", &[("authorization", "Bearer letmein")]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_read_answers() {
    let options = AccessOptions {
        origins: vec!["https://prover.example".into()],
        token: Some("letmein".into()),
        ..AccessOptions::default()
    };
    let server = Server::with(options, |_| {}).await;
    let (address, host) = (server.address, server.address.to_string());
    let asks = [
        ("Host", host.as_str()),
        ("Origin", "https://prover.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,stepwise-key"),
    ];
    let allowed = ask(address, "OPTIONS /api/v1/tickets", &asks, "").await;
    assert_eq!(allowed.status, 200);
    for line in ["access-control-allow-origin: https://prover.example", "access-control-allow-headers: authorization,"]
    {
        assert!(allowed.head.contains(line), "{}", allowed.head);
    }
    let from = |origin| [("Host", host.as_str()), ("Origin", origin), ("Authorization", "Bearer letmein")];
    let answer = ask(address, "GET /api/v1/info", &from("https://prover.example"), "").await;
    assert!(answer.head.contains("access-control-allow-origin: https://prover.example"), "{}", answer.head);
    let own_origin = format!("http://{host}");
    let own = ask(address, "GET /api/v1/info", &from(&own_origin), "").await;
    assert_eq!((own.status, own.head.contains("access-control-allow-origin")), (200, false));
    assert_eq!(ask(address, "GET /api/v1/info", &from("https://other.example"), "").await.status, 403);
}

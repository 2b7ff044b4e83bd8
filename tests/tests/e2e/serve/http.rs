//! HTTP in bytes: what a client without a WebSocket does.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Server;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }
}

/// Sends a request with exactly these headers, and reads until the server hangs up.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A refusal may come before the whole body was sent.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theorem_is_proved_over_http() {
    let server = Server::start().await;
    let (address, host) = (server.address, server.address.to_string());
    let info = ask(address, "GET /api/v1/info", &[("Host", &host)], "").await;
    assert_eq!((info.status, &info.json()["protocol"]), (200, &json!(1)));

    let hello = json!({ "op": "hello", "protocol": 1, "client": "test" }).to_string();
    let welcome = ask(address, "POST /api/v1/sessions", &[("Host", &host)], &hello).await;
    assert_eq!(welcome.status, 201);
    let welcome = welcome.json();
    let path = format!("/api/v1/sessions/{}", welcome["session"].as_str().unwrap());
    let keyed = [("Host", host.as_str()), ("Stepwise-Key", welcome["key"].as_str().unwrap())];
    let mut seen = 0;
    let requests = [
        (json!({ "id": 1, "op": "open", "text": "theorem t (p : Prop) (h : p) : p" }), "opened"),
        (json!({ "id": 2, "op": "apply", "state": 0, "tactic": "exact h" }), "applied"),
        (json!({ "id": 3, "op": "recheck", "proof": ["exact h"] }), "verdict"),
    ];
    for (request, kind) in requests {
        let accepted = ask(address, &format!("POST {path}/requests"), &keyed, &request.to_string()).await;
        assert_eq!((accepted.status, accepted.json()), (202, json!({ "id": request["id"] })));
        let told = ask(address, &format!("GET {path}/messages?after={seen}&wait=30"), &keyed, "").await.json();
        assert_eq!((&told["missed"], &told["messages"][0]["type"]), (&json!(false), &json!(kind)), "{told}");
        seen = told["messages"][0]["seq"].as_u64().unwrap();
    }
    let nothing = ask(address, &format!("GET {path}/messages?after={seen}"), &keyed, "").await;
    assert_eq!(nothing.json()["messages"], json!([]));

    let wrong_key = [("Host", host.as_str()), ("Stepwise-Key", "0")];
    assert_eq!(ask(address, &format!("GET {path}/messages"), &wrong_key, "").await.status, 401);
    assert_eq!(ask(address, &format!("GET {path}/messages?before=1"), &keyed, "").await.status, 400);
    assert_eq!(ask(address, &format!("POST {path}/requests"), &keyed, "{").await.status, 400);
    let long = "x".repeat(1_500_000);
    assert_eq!(ask(address, &format!("POST {path}/requests"), &keyed, &long).await.status, 413);
    let other = ask(address, &format!("PUT {path}/requests"), &keyed, "").await;
    assert_eq!((other.status, &other.json()["type"]), (405, &json!("method")));
    let unreadable = ask(address, "GET /api/v1/sessions/%FF/messages", &keyed, "").await;
    assert_eq!((unreadable.status, &unreadable.json()["type"]), (400, &json!("bad-message")));
    assert_eq!(ask(address, &format!("POST {path}/requests"), &keyed, r#"{"id": 0, "op": "close"}"#).await.status, 400);
    let close = json!({ "id": 4, "op": "close" }).to_string();
    assert_eq!(ask(address, &format!("POST {path}/requests"), &keyed, &close).await.status, 202);
    let told = ask(address, &format!("GET {path}/messages?after={seen}&wait=30"), &keyed, "").await.json();
    assert_eq!(told["messages"][0]["type"], "done");
    // What comes after the end is not taken in as if it were to be answered.
    let late = json!({ "id": 5, "op": "recheck", "proof": [] }).to_string();
    let mut status = 202;
    for _ in 0..100 {
        status = ask(address, &format!("POST {path}/requests"), &keyed, &late).await.status;
        if status != 202 {
            break;
        }
    }
    assert_eq!(status, 404);
    assert_eq!(ask(address, &format!("DELETE {path}"), &keyed, "").await.status, 204);
    let gone = ask(address, &format!("GET {path}/messages"), &keyed, "").await;
    assert_eq!(gone.status, 404);
    assert!(gone.head.contains("content-type: application/problem+json"), "{}", gone.head);
}

//! A client of the protocol that does nothing by itself: it sends what a test says and shows what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Nothing here takes this long; a test that waits longer has found a hang.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) welcome: Value,
    pub(crate) last_seq: u64,
    next_id: u64,
}

/// Opens a WebSocket with these headers besides the ordinary ones; the HTTP status when it is refused.
pub(crate) async fn connect(
    address: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, u16> {
    let mut request = format!("ws://{address}/api/v1/socket{query}").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("stepwise.v1"));
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

impl Client {
    pub(crate) async fn new(address: SocketAddr) -> Self {
        Self::greet(address, json!({ "op": "hello", "protocol": 1, "client": "test" })).await
    }

    /// Comes back into a session, having seen messages up to `after`.
    pub(crate) async fn resume(address: SocketAddr, welcome: &Value, after: u64) -> Self {
        let resume = json!({ "session": welcome["session"], "key": welcome["key"], "after": after });
        let mut client =
            Self::greet(address, json!({ "op": "hello", "protocol": 1, "client": "test", "resume": resume })).await;
        client.last_seq = after;
        client
    }

    async fn greet(address: SocketAddr, hello: Value) -> Self {
        let mut socket = connect(address, "", &[]).await.expect("the server lets us in");
        socket.send(Message::text(hello.to_string())).await.unwrap();
        let mut client = Self { socket, welcome: Value::Null, last_seq: 0, next_id: 1 };
        client.welcome = client.read().await.expect("a welcome");
        client
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request with the next id, which is returned.
    pub(crate) async fn send(&mut self, mut op: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        op["id"] = id.into();
        self.send_text(&op.to_string()).await;
        id
    }

    /// From which id on requests are sent.
    pub(crate) fn count_from(&mut self, id: u64) {
        self.next_id = id;
    }

    /// The next message; the close code when the server ends the connection.
    pub(crate) async fn read(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the server hangs");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if let Some(seq) = message["seq"].as_u64() {
                        assert_eq!(seq, self.last_seq + 1, "a message is missing before {message}");
                        self.last_seq = seq;
                    }
                    return Ok(message);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// All messages that answer a request, up to the one that ends it.
    pub(crate) async fn answers(&mut self, id: u64) -> Vec<Value> {
        let mut answers = Vec::new();
        loop {
            let message = self.read().await.expect("the connection stays open");
            if message["re"] != id {
                continue;
            }
            let kind = message["type"].as_str().unwrap_or_default().to_owned();
            answers.push(message);
            if !["proposed", "tried", "scored", "search_started", "searched"].contains(&kind.as_str()) {
                return answers;
            }
        }
    }

    /// Sends a request and returns the message that ends it.
    pub(crate) async fn ask(&mut self, op: Value) -> Value {
        let id = self.send(op).await;
        self.answers(id).await.pop().unwrap()
    }

    /// Opens a statement that elaborates.
    pub(crate) async fn open(&mut self, text: &str) {
        let opened = self.ask(json!({ "op": "open", "text": text })).await;
        assert_eq!(opened["type"], "opened", "{opened}");
    }

    /// Applies a tactic that leaves goals; the new state.
    pub(crate) async fn apply(&mut self, state: u64, tactic: &str) -> u64 {
        let applied = self.ask(json!({ "op": "apply", "state": state, "tactic": tactic })).await;
        applied["step"]["state"].as_u64().unwrap_or_else(|| panic!("{applied}"))
    }

    /// The kind of problem of the message that ends a request.
    pub(crate) async fn problem(&mut self, op: Value) -> String {
        let failed = self.ask(op).await;
        assert_eq!(failed["type"], "failed", "{failed}");
        assert!(!failed["problem"]["detail"].as_str().unwrap().is_empty());
        failed["problem"]["type"].as_str().unwrap().to_owned()
    }
}

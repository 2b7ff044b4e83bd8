//! A peer for tests, over raw TCP: it answers what the test says, also what no proper server would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ApiKey, ServerOptions};

/// A request as it came.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

/// What the peer does with a request.
pub(crate) enum Reply {
    /// A status and JSON.
    Json(u16, Value),
    /// These bytes instead of HTTP, or as HTTP that the test wrote itself; then the connection is closed.
    Bytes(Vec<u8>),
    /// A proper head, and then a byte now and then, for ever.
    Drip,
    /// Nothing; the connection stays open.
    Hang,
}

/// A list of one model, as servers answer `/v1/models`.
pub(crate) fn models() -> Reply {
    Reply::Json(200, json!({ "object": "list", "data": [{ "id": "tiny" }] }))
}

/// Listens on a free port and answers every request with what `reply` says; its threads end with the test process.
pub(crate) struct Peer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Peer {
    pub(crate) fn start(reply: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, reply) = (Arc::clone(&requests), Arc::new(Mutex::new(reply)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let answer = (reply.lock().unwrap())(&request);
                    log.lock().unwrap().push(request);
                    write(stream, answer);
                });
            }
        });
        Self { url, requests }
    }

    /// Options for this peer, impatient enough for a test.
    pub(crate) fn options(&self) -> ServerOptions {
        ServerOptions {
            key: None,
            connect_limit: Duration::from_secs(2),
            time_limit: Duration::from_secs(20),
            retries: 3,
            first_pause: Duration::from_millis(5),
            max_answer_bytes: 1 << 20,
            ..ServerOptions::new(&self.url)
        }
    }

    pub(crate) fn options_with_key(&self, key: &str) -> ServerOptions {
        ServerOptions { key: Some(ApiKey::new(key)), ..self.options() }
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// An error's text without this peer's port, which differs from run to run.
    pub(crate) fn text(&self, error: &dyn std::fmt::Display) -> String {
        error.to_string().replace(&self.url, "http://PEER")
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut authorization, mut n_bytes) = (None, 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => n_bytes = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; n_bytes];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, authorization, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// A client that has seen enough hangs up: that is no fault of the peer.
fn write(mut stream: TcpStream, reply: Reply) {
    match reply {
        Reply::Json(status, value) => {
            let body = value.to_string();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Drip => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            while sent.is_ok() {
                thread::sleep(Duration::from_millis(20));
                sent = stream.write_all(b" ");
            }
        }
        Reply::Hang => thread::sleep(Duration::from_secs(60)),
    }
}

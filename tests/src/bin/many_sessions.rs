//! Many visitors at once: opens sessions on a running server and steps through proofs in all of them for a while, then says
//! how long steps took, how evenly the sessions were served, and what went wrong.
//!
//! `cargo run --release -p stepwise-tests --bin many-sessions -- 127.0.0.1:7878 200 60` asks for 200 sessions and 60
//! seconds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// What one session saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    proofs: usize,
    /// What ended it early.
    error: Option<String>,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [address, n, seconds] => (|| Some((address.parse().ok()?, n.parse().ok()?, seconds.parse().ok()?)))(),
        _ => None,
    };
    let Some((address, n_sessions, seconds)): Option<(SocketAddr, u64, u64)> = parsed else {
        eprintln!("usage: many-sessions ADDRESS:PORT SESSIONS SECONDS");
        std::process::exit(2);
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let sessions: Vec<_> = (0..n_sessions).map(|n| tokio::spawn(visit(address, n, end))).collect();
    let mut all = Vec::new();
    for session in sessions {
        all.push(session.await.unwrap_or_else(|e| Seen { error: Some(e.to_string()), ..Seen::default() }));
    }
    let steps: Vec<f64> = all.iter().map(|seen| seen.latencies.len() as f64).collect();
    let total: f64 = steps.iter().sum();
    // Jain's index: 1 when all were served alike, 1/n when one was served alone.
    let fairness = total * total / (steps.len() as f64 * steps.iter().map(|n| n * n).sum::<f64>());
    let mut latencies: Vec<Duration> = all.iter().flat_map(|seen| seen.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let quantile = |q: f64| {
        latencies.get(((latencies.len().max(1) - 1) as f64 * q) as usize).map_or(0.0, |l| l.as_secs_f64() * 1e3)
    };
    let errors: Vec<&String> = all.iter().filter_map(|seen| seen.error.as_ref()).collect();
    let fewest = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let most = steps.iter().copied().fold(0.0, f64::max);
    let report = json!({
        "sessions": n_sessions,
        "seconds": seconds,
        "steps": total,
        "steps_per_second": total / seconds as f64,
        "proofs": all.iter().map(|seen| seen.proofs).sum::<usize>(),
        "latency_ms": { "median": quantile(0.5), "p95": quantile(0.95), "max": quantile(1.0) },
        "steps_of_a_session": { "fewest": fewest, "most": most },
        "jain_index": fairness,
        "n_errors": errors.len(),
        "first_error": errors.first(),
    });
    println!("{report}");
    std::process::exit(i32::from(!errors.is_empty()));
}

/// Proves the same theorem in four steps, again and again.
async fn visit(address: SocketAddr, n: u64, end: Instant) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = go(address, n, end, &mut seen).await {
        seen.error = Some(error);
    }
    seen
}

async fn go(address: SocketAddr, n: u64, end: Instant, seen: &mut Seen) -> Result<(), String> {
    let mut request = format!("ws://{address}/api/v1/socket").into_client_request().map_err(|e| e.to_string())?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("stepwise.v1"));
    let (mut socket, _) = connect_async(request).await.map_err(|e| e.to_string())?;
    let mut id = 0;
    let mut ask = async |op: Value| -> Result<Value, String> {
        socket.send(Message::text(op.to_string())).await.map_err(|e| e.to_string())?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).map_err(|e| e.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(format!("closed: {frame:?}")),
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(e.to_string()),
                None => return Err("the connection broke".to_owned()),
            }
        }
    };
    let welcome = ask(json!({ "op": "hello", "protocol": 1, "client": "many-sessions" })).await?;
    if welcome["type"] != "welcome" {
        return Err(welcome.to_string());
    }
    while Instant::now() < end {
        id += 1;
        let text = format!("theorem t{n} (p q : Prop) (hp : p) (hq : q) : {n} + 0 = {n} ∧ q ∧ p");
        let opened = ask(json!({ "id": id, "op": "open", "text": text })).await?;
        if opened["type"] != "opened" {
            return Err(opened.to_string());
        }
        let mut state = json!(0);
        for tactic in ["constructor", "rfl", "constructor", "exact hq", "exact hp"] {
            id += 1;
            let started = Instant::now();
            let applied = ask(json!({ "id": id, "op": "apply", "state": state, "tactic": tactic })).await?;
            seen.latencies.push(started.elapsed());
            state = applied["step"]["state"].clone();
            if applied["step"]["outcome"] == "proved" {
                seen.proofs += 1;
            } else if !state.is_u64() {
                return Err(applied.to_string());
            }
        }
    }
    Ok(())
}

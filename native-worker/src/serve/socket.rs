//! The protocol over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{
    CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection,
};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use stepwise_core::wire::{Greeting, Reception, Request, SUBPROTOCOL};
use tokio::time::{Instant, timeout};

use super::app::App;
use super::problem::Problem;
use super::requests;
use super::session::Session;
use crate::stop::StopLevel;

/// How long a client has to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// How long one message may take to be taken by the network.
const SEND: Duration = Duration::from_secs(20);
/// A silent client is asked for a sign of life this often.
const PING: Duration = Duration::from_secs(20);
/// A client that gave none for this long is gone.
const SILENCE: Duration = Duration::from_secs(65);

/// `GET /socket`.
pub(super) async fn upgrade(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]),
        Err(_) => return Problem::protocol("this address is for WebSockets").into_response(),
    };
    if upgrade.selected_protocol().is_none() {
        return Problem::protocol(format!("ask for the subprotocol `{SUBPROTOCOL}`")).into_response();
    }
    let limit = app.sessions.service().limits.message_bytes;
    upgrade.max_message_size(limit).max_frame_size(limit).on_upgrade(move |socket| converse(socket, app))
}

/// How a conversation ends.
struct Goodbye {
    code: u16,
    reason: &'static str,
}

const OVER: Goodbye = Goodbye { code: close_code::NORMAL, reason: "the session has ended" };

async fn converse(mut socket: WebSocket, app: App) {
    let Some((session, after)) = greet(&mut socket, &app).await else { return };
    let goodbye = match session.connect() {
        Some((number, taken_over)) => {
            let goodbye = talk(&mut socket, &app, &session, after, number, taken_over).await;
            session.disconnect();
            goodbye
        }
        None => Some(OVER),
    };
    if session.is_over() {
        app.sessions.end(&session);
    }
    if let Some(Goodbye { code, reason }) = goodbye {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // Who does not listen any more need not be told.
        let _ = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
    }
}

/// Hears the greeting and answers it.
async fn greet(socket: &mut WebSocket, app: &App) -> Option<(Arc<Session>, u64)> {
    let first = timeout(HELLO, socket.recv()).await.ok()??.ok()?;
    let greeting = match &first {
        Message::Text(text) => serde_json::from_str::<Greeting>(text)
            .map_err(|e| Problem::protocol(format!("the first message must be a greeting: {e}"))),
        _ => Err(Problem::protocol("the first message must be a greeting")),
    };
    let received = greeting.and_then(|greeting| app.sessions.receive(greeting));
    let (reception, session) = match received {
        Ok((session, welcome, after)) => (Reception::Welcome(Box::new(welcome)), Some((session, after))),
        Err(problem) => (Reception::Refused { problem: problem.told }, None),
    };
    let text = serde_json::to_string(&reception).unwrap_or_default();
    send(socket, Message::Text(text.into())).await?;
    session
}

/// Passes messages both ways until one side ends it; `None` when the other side did.
async fn talk(
    socket: &mut WebSocket,
    app: &App,
    session: &Arc<Session>,
    mut after: u64,
    number: u64,
    mut taken_over: tokio::sync::watch::Receiver<u64>,
) -> Option<Goodbye> {
    let mut stop = app.stop.clone();
    let mut heard = Instant::now();
    let mut ping = tokio::time::interval(PING);
    loop {
        tokio::select! {
            message = socket.recv() => {
                heard = Instant::now();
                match message? {
                    Ok(Message::Text(text)) => {
                        // One that came for a session that is over needs no answer: the connection closes.
                        if !hear(session, &text) && !session.is_over() {
                            return Some(Goodbye { code: close_code::INVALID, reason: "the message is no request of stepwise.v1" });
                        }
                    }
                    Ok(Message::Binary(_)) => return Some(Goodbye { code: close_code::UNSUPPORTED, reason: "messages are JSON texts" }),
                    Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    Ok(Message::Close(_)) => return None,
                    // The library has answered a message that is too long or no message at all.
                    Err(_) => return Some(Goodbye { code: close_code::SIZE, reason: "the message is too long, or broken" }),
                }
            }
            batch = session.outbox.next(after) => {
                // What was dropped before a client that keeps up read it is lost to it.
                if batch.missed {
                    return Some(Goodbye { code: close_code::AGAIN, reason: "you read too slowly; come back with the last number that you saw" });
                }
                for text in &batch.messages {
                    send(socket, Message::Text((**text).into())).await?;
                }
                after = batch.last;
                if session.is_over() {
                    return Some(OVER);
                }
            }
            () = another_than(&mut taken_over, number) => {
                if session.is_over() {
                    // The message that says so is still to be sent.
                    for text in &session.outbox.after(after).messages {
                        send(socket, Message::Text((**text).into())).await?;
                    }
                    return Some(OVER);
                }
                return Some(Goodbye { code: close_code::POLICY, reason: "another connection has taken this session over" });
            }
            () = stop.reached(StopLevel::Drain) => {
                return Some(Goodbye { code: close_code::AWAY, reason: "the server stops" });
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return None;
                }
                send(socket, Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}

/// Takes in a request. One that cannot be read fails like any other; false when it has not even a number.
fn hear(session: &Arc<Session>, text: &str) -> bool {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    let taken = match serde_json::from_str::<Request>(text) {
        Ok(request) => requests::take(session, request),
        Err(error) => match serde_json::from_str::<Numbered>(text) {
            Ok(Numbered { id }) => session.refuse(id, Problem::bad_message(format!("this is no request: {error}"))),
            Err(_) => return false,
        },
    };
    taken.is_ok()
}

/// Waits until the session belongs to another connection, or is over.
async fn another_than(taken_over: &mut tokio::sync::watch::Receiver<u64>, number: u64) {
    // The sender lives as long as the session, which the caller holds.
    let _ = taken_over.wait_for(|last| *last != number).await;
}

/// Sends a message; `None` when the other side is gone or does not take it.
async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(SEND, socket.send(message)).await.ok()?.ok()
}

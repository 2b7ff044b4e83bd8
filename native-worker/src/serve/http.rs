//! The protocol over HTTP: every action's twin, for clients without a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use stepwise_core::wire::{Accepted, Greeting, Info, Reception, Request, Ticket};

use super::app::App;
use super::body::{json, read, text_of_json, whole};
use super::problem::Problem;
use super::requests;
use super::secret::{KEY, TICKET_LIFE};
use super::session::Session;

/// How long a client may wait for a message.
const MAX_WAIT: u64 = 30;

/// `GET /info`.
pub(super) async fn info(State(app): State<App>) -> Response {
    json(StatusCode::OK, &Info { campaign: app.campaign, ..app.sessions.service().info() })
}

/// `POST /sessions`.
pub(super) async fn create(State(app): State<App>, body: Result<Bytes, BytesRejection>) -> Result<Response, Problem> {
    let greeting: Greeting = read(&whole(body)?, "a greeting")?;
    let (_, welcome, _) = app.sessions.receive(greeting)?;
    Ok(json(StatusCode::CREATED, &Reception::Welcome(Box::new(welcome))))
}

/// `POST /sessions/NAME/requests`.
pub(super) async fn request(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = whole(body)?;
    let session = find(&app, name, &headers)?;
    let limit = session.service.limits.message_bytes;
    if body.len() > limit {
        return Err(Problem::too_large(format!("a request has at most {limit} bytes")));
    }
    let request: Request = read(&body, "a request")?;
    let id = request.id;
    requests::take(&session, request)?;
    Ok(json(StatusCode::ACCEPTED, &Accepted { id }))
}

/// What `messages` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

/// `GET /sessions/NAME/messages`.
pub(super) async fn messages(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(Wanted { after, wait }) = wanted.map_err(|e| Problem::bad_message(e.body_text()))?;
    let session = find(&app, name, &headers)?;
    let patience = Duration::from_secs(wait.min(MAX_WAIT));
    let batch = match tokio::time::timeout(patience, session.outbox.next(after)).await {
        Ok(batch) => batch,
        Err(_) => session.outbox.after(after),
    };
    // The form of `wire::Messages`, of messages that are JSON already.
    let text = format!("{{\"missed\":{},\"messages\":[{}]}}", batch.missed, batch.messages.join(","));
    Ok(text_of_json(StatusCode::OK, text))
}

/// `DELETE /sessions/NAME`.
pub(super) async fn end(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let session = find(&app, name, &headers)?;
    app.sessions.end(&session);
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /tickets`.
pub(super) async fn ticket(State(app): State<App>) -> Result<Response, Problem> {
    let ticket = app.access.ticket()?;
    Ok(json(StatusCode::OK, &Ticket { ticket, expires_s: TICKET_LIFE.as_secs() }))
}

/// Any other address of the API.
pub(super) async fn unknown() -> Problem {
    Problem::not_found("there is no such address; docs/protocol.md lists them")
}

/// Any other method at one of its addresses.
pub(super) async fn other_method(method: Method) -> Problem {
    Problem::method(format!("{method} is not answered here; docs/protocol.md lists what is"))
}

/// The session that an address names, for who has its key.
fn find(app: &App, name: Result<Path<String>, PathRejection>, headers: &HeaderMap) -> Result<Arc<Session>, Problem> {
    let Path(name) = name.map_err(|e| Problem::bad_message(e.body_text()))?;
    app.sessions.find(&name, key(headers))
}

fn key(headers: &HeaderMap) -> &str {
    headers.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

//! What can be wrong with a request, as RFC 9457 has it.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use stepwise_core::wire;

/// A problem that can be a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(super) told: wire::Problem,
    /// After how long a client that is told 429 or 503 may try again, in seconds.
    retry_s: u64,
}

/// After how long it may where nobody knows better, in seconds.
const RETRY_S: u64 = 5;

macro_rules! kinds {
    ($($name:ident, $kind:literal, $status:literal;)*) => {
        impl Problem {
            $(
                #[doc = concat!("`", $kind, "` of docs/protocol.md.")]
                pub(crate) fn $name(detail: impl Into<String>) -> Self {
                    let told = wire::Problem { kind: $kind.to_owned(), status: $status, detail: detail.into() };
                    Self { told, retry_s: RETRY_S }
                }
            )*
        }
    };
}

kinds! {
    bad_message, "bad-message", 400;
    protocol, "protocol", 400;
    unauthorized, "unauthorized", 401;
    forbidden, "forbidden", 403;
    not_found, "not-found", 404;
    method, "method", 405;
    no_statement, "no-statement", 409;
    no_critic, "no-critic", 409;
    busy, "busy", 409;
    cancelled, "cancelled", 409;
    too_large, "too-large", 413;
    too_many, "too-many", 429;
    machine, "machine", 500;
    unavailable, "unavailable", 503;
}

impl Problem {
    /// The same, after which a client may try again in so long; a begun second is a whole one.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { retry_s: wait.as_secs() + u64::from(wait.subsec_nanos() > 0), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.told).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let more: Option<(HeaderName, HeaderValue)> = match self.told.status {
            401 => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            429 | 503 => Some((header::RETRY_AFTER, HeaderValue::from(self.retry_s))),
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

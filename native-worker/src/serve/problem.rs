//! What can be wrong with a request, as RFC 9457 has it.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use stepwise_core::wire;

/// A problem that can be a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem(pub(super) wire::Problem);

/// After how long a client that was told 429 or 503 may try again, in seconds.
const RETRY_AFTER: &str = "5";

macro_rules! kinds {
    ($($name:ident, $kind:literal, $status:literal;)*) => {
        impl Problem {
            $(
                #[doc = concat!("`", $kind, "` of docs/protocol.md.")]
                pub(crate) fn $name(detail: impl Into<String>) -> Self {
                    Self(wire::Problem { kind: $kind.to_owned(), status: $status, detail: detail.into() })
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.0).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let more: Option<(HeaderName, &str)> = match self.0.status {
            401 => Some((header::WWW_AUTHENTICATE, "Bearer")),
            429 | 503 => Some((header::RETRY_AFTER, RETRY_AFTER)),
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

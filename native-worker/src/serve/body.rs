//! Bodies of requests and responses: JSON, and what is wrong with what is none.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// A body that came to its end and is not beyond all measure.
pub(crate) fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|e| Problem::too_large(e.body_text()))
}

/// Reads a body; the content type does not matter, because no form can send JSON objects.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(body: &[u8], what: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| Problem::bad_message(format!("the body is not {what}: {e}")))
}

/// A value as a response.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    text_of_json(status, serde_json::to_string(body).unwrap_or_default())
}

/// A text that is JSON already as a response, which nobody is to keep.
pub(super) fn text_of_json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

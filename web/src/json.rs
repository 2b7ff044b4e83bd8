//! Reads JSON in one way: each further way would have the module carry the reading of every type once more.

use serde::de::DeserializeOwned;

/// The value that a text holds.
///
/// # Errors
/// It is no JSON, or holds something else.
pub fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    stepwise_core::wire::read(text.as_bytes())
}

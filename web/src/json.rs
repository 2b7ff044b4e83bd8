//! Reads JSON in one way: each further way would have the module carry the reading of every type once more.

use serde::de::DeserializeOwned;

/// The value that a text holds.
///
/// # Errors
/// It is no JSON, or holds something else.
pub fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    // Logs are bytes, because a torn line may end within a character; so everything is read as bytes.
    serde_json::from_slice(text.as_bytes())
}

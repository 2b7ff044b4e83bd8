//! Enumerations as the words that columns hold: those of the wire.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::LedgerError;

/// The word for a value without fields.
pub(crate) fn word(value: &impl Serialize) -> Result<String, LedgerError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        other => Err(LedgerError::Damaged(format!("{other:?} is no word"))),
    }
}

/// The value that a word stands for.
pub(crate) fn value<T: DeserializeOwned>(word: &str) -> Result<T, LedgerError> {
    serde_json::from_value(Value::String(word.to_owned())).map_err(|e| LedgerError::Damaged(e.to_string()))
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|e| LedgerError::Damaged(e.to_string()))
}

/// A value of JSON that this code wrote.
pub(crate) fn of_json<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|e| LedgerError::Damaged(e.to_string()))
}

//! What Lean says: the messages of a log, and exceptions.

use crate::machine::{Fault, Machine, Result};
use crate::object::{Object, boxed, unboxed};

/// Longer texts are cut.
pub(crate) const MESSAGE_BYTES: u32 = 1 << 13;

/// Fields of Lean 4.28's `Lean.Message`.
mod message {
    pub(super) const POSITION: u32 = 1;
    pub(super) const DATA: u32 = 4;
    pub(super) const N: u32 = 5;
    /// Among the scalars.
    pub(super) const SEVERITY: u32 = 1;
}

/// `Lean.MessageSeverity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Information,
    Warning,
    Error,
}

impl Severity {
    fn of(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::Information),
            1 => Ok(Self::Warning),
            2 => Ok(Self::Error),
            _ => Err(Fault::Unfit("Lean.Message.severity is not one of three".to_owned())),
        }
    }
}

/// A message of Lean's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) severity: Severity,
    /// As Lean prints it, its position in front.
    pub(crate) text: String,
    /// 1-based; 0 where it has none.
    pub(crate) line: u32,
    /// Lean's own tag for "uses `sorry`".
    pub(crate) is_sorry: bool,
}

/// A message log (owned) without messages.
pub(crate) fn empty_log(lean: &mut dyn Machine) -> Result<Object> {
    let log = lean.constant("Lean_MessageLog_empty")?;
    lean.retain(log)
}

/// The messages of a log (borrowed).
pub(crate) fn messages_of(lean: &mut dyn Machine, log: Object) -> Result<Vec<Message>> {
    lean.retain(log)?;
    let array = lean.call("Lean_MessageLog_toArray", &[log])?;
    let mut messages = Vec::new();
    for message in lean.array_items(array)? {
        messages.push(message_of(lean, message)?);
    }
    lean.release(array)?;
    Ok(messages)
}

fn message_of(lean: &mut dyn Machine, message: Object) -> Result<Message> {
    lean.expect_fields("Lean.Message", message, message::N)?;
    let severity = Severity::of(lean.scalar(message, message::SEVERITY)?)?;
    let position = lean.field(message, message::POSITION)?;
    let line = unboxed(lean.field(position, 0)?);
    let data = lean.field(message, message::DATA)?;
    lean.retain(data)?;
    let is_sorry_tag = lean.hooks().is_sorry;
    let is_sorry = lean.asks("Lean_MessageData_hasTag", &[is_sorry_tag, data])?;
    lean.retain(message)?;
    let rendered = lean.call("Lean_Message_toString", &[message, boxed(0)])?;
    let text = lean.take_text(rendered, MESSAGE_BYTES)?.trim_end().to_owned();
    Ok(Message { severity, text, line, is_sorry })
}

/// The texts of the errors among messages.
pub(crate) fn errors_of(messages: &[Message]) -> Vec<String> {
    messages.iter().filter(|message| message.severity == Severity::Error).map(|message| message.text.clone()).collect()
}

/// Lean's text of an exception (owned).
pub(crate) fn exception_text(lean: &mut dyn Machine, exception: Object) -> Result<String> {
    let data = lean.call("Lean_Exception_toMessageData", &[exception])?;
    let rendered = lean.call("Lean_MessageData_toString", &[data])?;
    if lean.is_string(rendered)? {
        return lean.take_text(rendered, MESSAGE_BYTES);
    }
    match lean.split(rendered)? {
        Ok(text) => lean.take_text(text, MESSAGE_BYTES),
        Err(error) => {
            lean.release(error)?;
            Ok("Lean could not print its own message".to_owned())
        }
    }
}

/// A message's text without `<input>:1:2: ` in front: the position in a text that nobody sees.
pub(crate) fn without_position(text: &str) -> &str {
    behind_position(text).unwrap_or(text)
}

/// An error's text without `<input>:1:2: error: ` or `<input>:1:2: error(its.name): ` in front.
pub(crate) fn without_error_position(text: &str) -> &str {
    behind_error_position(text).unwrap_or(text)
}

fn behind_position(text: &str) -> Option<&str> {
    let line = text.strip_prefix("<input>:")?;
    let column = behind_number(line)?.strip_prefix(':')?;
    behind_number(column)?.strip_prefix(": ")
}

fn behind_error_position(text: &str) -> Option<&str> {
    let rest = behind_position(text)?.strip_prefix("error")?;
    let rest = match rest.strip_prefix('(') {
        Some(named) => named.split_once(')')?.1,
        None => rest,
    };
    rest.strip_prefix(": ")
}

fn behind_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_cut_off() {
        assert_eq!(without_position("<input>:1:20: Try this: simp"), "Try this: simp");
        assert_eq!(without_position("<input>:1: Try this"), "<input>:1: Try this");
        assert_eq!(without_position("<input>:1:: Try this"), "<input>:1:: Try this");
        assert_eq!(without_position("at <input>:1:2: it"), "at <input>:1:2: it");
    }

    #[test]
    fn positions_of_errors_are_cut_off() {
        assert_eq!(without_error_position("<input>:1:2: error: no goals"), "no goals");
        assert_eq!(without_error_position("<input>:1:2: error(lean.unknownIdentifier): no `x`"), "no `x`");
        assert_eq!(without_error_position("<input>:1:2: error(open: no"), "<input>:1:2: error(open: no");
        assert_eq!(without_error_position("<input>:1:2: warning: no"), "<input>:1:2: warning: no");
    }
}

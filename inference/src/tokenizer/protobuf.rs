//! Protobuf's wire format: just the walk over a message's fields that a SentencePiece model needs, and what writes such a
//! field.
//!
//! Five messages with a dozen scalar fields do not earn a protobuf runtime with its derive macros, and this reader
//! borrows the pieces' texts instead of copying them. Format: <https://protobuf.dev/programming-guides/encoding/>.

/// One field's value; groups, which nobody writes any more, are refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Integers, booleans and enums.
    Varint(u64),
    /// `fixed64` or `double`.
    Fixed64,
    /// `float` and its relatives.
    Fixed32([u8; 4]),
    /// Strings, byte strings and messages.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn flag(self) -> Option<bool> {
        self.integer().map(|value| value != 0)
    }

    pub(super) fn integer(self) -> Option<u64> {
        match self {
            Self::Varint(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn float(self) -> Option<f32> {
        match self {
            Self::Fixed32(bytes) => Some(f32::from_le_bytes(bytes)),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// A message's fields in the order of the file, as number and value; `None` where the message is malformed, after
/// which nothing more comes.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = field(&mut message);
        if field.is_none() {
            message = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Varint(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Fixed64)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => Value::Fixed32(take(rest, 4)?.try_into().ok()?),
        _ => return None,
    };
    (key >> 3 != 0).then_some((key >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// Appends a field of bytes, which may be a text or a message.
pub(super) fn put_bytes(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(message, number << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Appends a field that is an integer, a boolean or an enum.
pub(super) fn put_integer(message: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(message, number << 3);
    put_varint(message, value);
}

/// Appends a field that is a `float`.
pub(super) fn put_float(message: &mut Vec<u8>, number: u64, value: f32) {
    put_varint(message, number << 3 | 5);
    message.extend_from_slice(&value.to_le_bytes());
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

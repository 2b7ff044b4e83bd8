//! GGUF's metadata: keys with values of a dozen types, read so that no file can make more of itself than it holds.

use std::collections::HashMap;
use std::io;

use super::GgufError;

/// What a file says besides its tensors, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(HashMap<String, Value>);

/// A value. The file's integers of all widths are one kind here, and so are its floats.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Integer(i128),
    Float(f64),
    Flag(bool),
    Text(String),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
}

/// Why metadata describe no model that can be run, said of the file's path.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// What every model has.
    #[error("has no `{0}` in its metadata; take a file that llama.cpp's converter wrote")]
    Missing(String),
    /// A model that is built differently.
    #[error("holds a model of the architecture `{0}`; choose one of llama, qwen2, qwen3 or internlm2")]
    Architecture(String),
    /// A value that makes no sense, or that asks for what is not implemented.
    #[error("has `{key}` = {found} in its metadata, which must be {expected}; take another file")]
    Value {
        key: String,
        /// The value, shortened.
        found: String,
        expected: String,
    },
    /// Values that make no model together.
    #[error("describes a model whose {0}; take another file")]
    Model(String),
}

impl Value {
    /// As a size.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Integer(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Short enough for one line.
    fn excerpt(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Flag(value) => value.to_string(),
            Self::Text(text) => excerpt(text),
            Self::Integers(values) => format!("a list of {} integers", values.len()),
            Self::Floats(values) => format!("a list of {} numbers", values.len()),
            Self::Texts(values) => format!("a list of {} texts", values.len()),
        }
    }
}

impl Metadata {
    pub(super) fn read(
        cursor: &mut Cursor<impl FnMut(u64, &mut [u8]) -> io::Result<()>>,
        n_values: u64,
    ) -> Result<Self, GgufError> {
        let mut values = HashMap::new();
        for _ in 0..n_values {
            let key = cursor.text()?;
            let kind = cursor.u32()?;
            let value = cursor.value(&key, kind)?;
            if values.contains_key(&key) {
                return Err(GgufError::NotGguf(format!("it has the key {} twice", excerpt(&key))));
            }
            values.insert(key, value);
        }
        Ok(Self(values))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A whole number, from 0.
    ///
    /// # Errors
    /// The value is none; so do the others for theirs.
    pub(crate) fn size(&self, key: &str) -> Result<Option<usize>, MetadataError> {
        self.convert(key, "a whole number", Value::size)
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, MetadataError> {
        self.convert(key, "a number", |value| match value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            _ => None,
        })
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, MetadataError> {
        self.convert(key, "true or false", |value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, MetadataError> {
        self.convert(key, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Option<&[String]>, MetadataError> {
        self.convert(key, "a list of texts", |value| match value {
            Value::Texts(texts) => Some(texts.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn integers(&self, key: &str) -> Result<Option<&[i64]>, MetadataError> {
        self.convert(key, "a list of integers", |value| match value {
            Value::Integers(integers) => Some(integers.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn floats(&self, key: &str) -> Result<Option<&[f32]>, MetadataError> {
        self.convert(key, "a list of numbers", |value| match value {
            Value::Floats(floats) => Some(floats.as_slice()),
            _ => None,
        })
    }

    /// Says what a value would have to be.
    pub(crate) fn refusal(&self, key: &str, expected: impl Into<String>) -> MetadataError {
        let found = self.get(key).map_or_else(|| "nothing".to_owned(), Value::excerpt);
        MetadataError::Value { key: key.to_owned(), found, expected: expected.into() }
    }

    fn convert<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, MetadataError> {
        self.get(key).map(|value| convert(value).ok_or_else(|| self.refusal(key, expected))).transpose()
    }

    /// With another value.
    #[cfg(test)]
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }
}

/// A text of the file in quotes, short enough for one line.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Bytes that are read at once.
const WINDOW: u64 = 1 << 16;

/// The numbers of the types of values.
mod kind {
    pub(super) const F32: u32 = 6;
    pub(super) const FLAG: u32 = 7;
    pub(super) const TEXT: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
    pub(super) const F64: u32 = 12;
}

/// Reads forward through a file and never past its end.
pub(super) struct Cursor<R> {
    n_bytes: u64,
    read_at: R,
    /// The place of what comes next.
    at: u64,
    window: Vec<u8>,
    /// How much of the window lies behind.
    n_used: usize,
}

impl<R: FnMut(u64, &mut [u8]) -> io::Result<()>> Cursor<R> {
    pub(super) fn new(n_bytes: u64, read_at: R) -> Self {
        Self { n_bytes, read_at, at: 0, window: Vec::new(), n_used: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Refuses what would take more bytes than the file has left.
    fn require(&self, n: u64) -> Result<(), GgufError> {
        let expected = self.at.saturating_add(n);
        if expected > self.n_bytes { Err(GgufError::Length { expected, actual: self.n_bytes }) } else { Ok(()) }
    }

    fn bytes(&mut self, n: u64) -> Result<&[u8], GgufError> {
        self.require(n)?;
        let len = |n: u64| usize::try_from(n).map_err(io::Error::other);
        let n_wanted = len(n)?;
        if self.window.len() - self.n_used < n_wanted {
            self.window.resize(len(n.max(WINDOW).min(self.n_bytes - self.at))?, 0);
            (self.read_at)(self.at, &mut self.window)?;
            self.n_used = 0;
        }
        let start = self.n_used;
        self.n_used += n_wanted;
        self.at += n;
        Ok(&self.window[start..self.n_used])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N as u64)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        let bytes = self.bytes(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| GgufError::NotGguf("it has a text that is not UTF-8".to_owned()))
    }

    fn value(&mut self, key: &str, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            kind::F32 | kind::F64 => Value::Float(self.float(key, kind)?),
            kind::FLAG => Value::Flag(self.integer(key, kind)? != 0),
            kind::TEXT => Value::Text(self.text()?),
            kind::ARRAY => self.list(key)?,
            _ => Value::Integer(self.integer(key, kind)?),
        })
    }

    fn list(&mut self, key: &str) -> Result<Value, GgufError> {
        let (kind, n) = (self.u32()?, self.u64()?);
        // Of a text it is what its length takes; lists of lists do not exist.
        let n_bytes = match kind {
            0 | 1 | kind::FLAG => 1,
            2 | 3 => 2,
            4 | 5 | kind::F32 => 4,
            10 | 11 | kind::F64 | kind::TEXT => 8,
            _ => return Err(unknown(key, kind)),
        };
        self.require(n.saturating_mul(n_bytes))?;
        Ok(match kind {
            kind::TEXT => Value::Texts((0..n).map(|_| self.text()).collect::<Result<_, _>>()?),
            kind::F32 | kind::F64 => {
                Value::Floats((0..n).map(|_| Ok(self.float(key, kind)? as f32)).collect::<Result<_, GgufError>>()?)
            }
            _ => {
                let integer = |value: i128| i64::try_from(value).map_err(|_| unknown(key, kind));
                Value::Integers((0..n).map(|_| integer(self.integer(key, kind)?)).collect::<Result<_, _>>()?)
            }
        })
    }

    fn float(&mut self, key: &str, kind: u32) -> Result<f64, GgufError> {
        Ok(match kind {
            kind::F32 => f32::from_le_bytes(self.array()?).into(),
            kind::F64 => f64::from_le_bytes(self.array()?),
            _ => return Err(unknown(key, kind)),
        })
    }

    fn integer(&mut self, key: &str, kind: u32) -> Result<i128, GgufError> {
        Ok(match kind {
            0 | kind::FLAG => u8::from_le_bytes(self.array()?).into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => u32::from_le_bytes(self.array()?).into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            10 => u64::from_le_bytes(self.array()?).into(),
            11 => i64::from_le_bytes(self.array()?).into(),
            _ => return Err(unknown(key, kind)),
        })
    }
}

fn unknown(key: &str, kind: u32) -> GgufError {
    GgufError::NotGguf(format!("its value {} is of a kind that does not exist, number {kind}", excerpt(key)))
}

//! JSON lines that a process appends to: it may be killed while it writes, so the last line counts only with its line feed.

use serde::de::DeserializeOwned;

/// The whole lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeLines<'a> {
    bytes: &'a [u8],
    /// Whether a line without its line feed follows them.
    pub is_torn: bool,
}

/// A whole line is no JSON, or not the wanted one.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is damaged: {source}")]
pub struct DamagedLine {
    /// 1-based.
    pub line: usize,
    pub source: serde_json::Error,
}

impl<'a> WholeLines<'a> {
    /// Of a file's bytes: a torn line may end within a character.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        Self { bytes: &bytes[..end], is_torn: end < bytes.len() }
    }

    /// Where they end, in bytes: there a writer goes on.
    #[must_use]
    pub fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The lines that are not blank, line feeds included, each with its 1-based number.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n');
        (1..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty())
    }

    /// The lines' values.
    ///
    /// # Errors
    /// A line is something else.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<Vec<T>, DamagedLine> {
        let parsed = |(line, text)| serde_json::from_slice(text).map_err(|source| DamagedLine { line, source });
        self.numbered().map(parsed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_with_its_line_feed() {
        let check = |text: &str, values: &[u32], end: usize, is_torn: bool| {
            let lines = WholeLines::of(text.as_bytes());
            assert_eq!((lines.parse::<u32>().unwrap(), lines.end(), lines.is_torn), (values.to_vec(), end, is_torn));
        };
        check("", &[], 0, false);
        check("1", &[], 0, true);
        check("1\n\n2\n", &[1, 2], 5, false);
        check("1\n2\n3", &[1, 2], 4, true);
        let damaged = WholeLines::of(b"1\n\nx\n").parse::<u32>().unwrap_err();
        assert!(damaged.to_string().starts_with("line 3 is damaged: "), "{damaged}");
    }
}

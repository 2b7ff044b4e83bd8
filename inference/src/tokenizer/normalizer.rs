//! SentencePiece's normaliser: character rules, white space and the space in front, as the model's own file says.
//!
//! Follows `normalizer.cc` of <https://github.com/google/sentencepiece> (Apache-2.0), so that ids agree with the library
//! that trained the model. The `tokenizers` crate has its own, which applies the rules per grapheme and differs.

/// How SentencePiece writes a space inside pieces (U+2581).
pub(super) const SPACE: char = '▁';

/// The settings of `NormalizerSpec`, with its defaults.
#[derive(Debug)]
pub(super) struct Normalizer {
    pub(super) charsmap: Option<Charsmap>,
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
    pub(super) escape_whitespaces: bool,
}

impl Default for Normalizer {
    fn default() -> Self {
        Self { charsmap: None, add_dummy_prefix: true, remove_extra_whitespaces: true, escape_whitespaces: true }
    }
}

/// A stretch of normalised text.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// Text that is still to be segmented.
    Text(String),
    /// A marker that was found whole; its id.
    Marker(u32),
}

impl Normalizer {
    /// Normalises `text`. `marker` says which marker begins at a byte offset, as length and id: markers are copied as
    /// they are, and nothing is segmented across them.
    pub(super) fn normalize(&self, text: &str, marker: impl Fn(usize) -> Option<(usize, u32)>) -> Vec<Part> {
        let mut at = 0;
        if self.remove_extra_whitespaces {
            while marker(at).is_none() && at < text.len() {
                let (chunk, length) = self.chunk(&text[at..]);
                if chunk != " " {
                    break;
                }
                at += length;
            }
        }
        if at == text.len() {
            return Vec::new();
        }
        let mut parts = Vec::new();
        let mut run = String::new();
        if self.add_dummy_prefix {
            self.push(&mut run, ' ');
        }
        let mut after_space = self.remove_extra_whitespaces;
        while at < text.len() {
            if let Some((length, id)) = marker(at) {
                if !run.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut run)));
                }
                parts.push(Part::Marker(id));
                after_space = false;
                at += length;
                continue;
            }
            let (mut chunk, length) = self.chunk(&text[at..]);
            if after_space {
                chunk = chunk.trim_start_matches(' ');
            }
            if !chunk.is_empty() {
                chunk.chars().for_each(|c| self.push(&mut run, c));
                after_space = self.remove_extra_whitespaces && chunk.ends_with(' ');
            }
            at += length;
        }
        if self.remove_extra_whitespaces {
            run.truncate(run.trim_end_matches(if self.escape_whitespaces { SPACE } else { ' ' }).len());
        }
        if !run.is_empty() {
            parts.push(Part::Text(run));
        }
        parts
    }

    fn push(&self, run: &mut String, c: char) {
        run.push(if c == ' ' && self.escape_whitespaces { SPACE } else { c });
    }

    /// What the beginning of a text that is not empty becomes, and how many bytes of it that takes.
    fn chunk<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        self.charsmap.as_ref().and_then(|map| map.longest(text)).unwrap_or_else(|| {
            let length = text.chars().next().map_or(0, char::len_utf8);
            (&text[..length], length)
        })
    }
}

/// `precompiled_charsmap`: replacements of character sequences, in a double-array trie as darts-clone lays it out,
/// followed by the replacements, each ended by a zero byte.
#[derive(Debug)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

impl Charsmap {
    /// Reads the blob of the file: the trie's size in bytes, the trie (both little-endian), the replacements.
    pub(super) fn read(blob: &[u8]) -> Option<Self> {
        let (size, rest) = blob.split_first_chunk::<4>()?;
        let (trie, replacements) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        let (units, remainder) = trie.as_chunks::<4>();
        if units.is_empty() || !remainder.is_empty() {
            return None;
        }
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { units, replacements: std::str::from_utf8(replacements).ok()?.to_owned() })
    }

    /// The replacement of the longest rule that `text` begins with, and the rule's length.
    fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let mut longest = None;
        let mut at = offset(*self.units.first()?);
        for (idx, &byte) in text.as_bytes().iter().enumerate() {
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            // The label is the byte; the highest bit marks a value, which is no label.
            if unit & 0x8000_00ff != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = self.units.get(at).map(|leaf| leaf & 0x7fff_ffff);
                longest = value.map(|value| (value, idx + 1)).or(longest);
            }
        }
        let (start, length) = longest?;
        let replacement = self.replacements.get(usize::try_from(start).ok()?..)?;
        text.is_char_boundary(length).then(|| (replacement.split('\0').next().unwrap_or_default(), length))
    }
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize
}

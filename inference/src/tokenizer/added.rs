//! Added tokens: those that are recognised as a whole in text before any model sees it.
//!
//! Chat markers such as `<|im_start|>` steer a model, so they may come only from text that we wrote. A prompt is encoded
//! as one text together with the ranges of it that are trusted, and a marker is recognised only where it lies in one
//! trusted range as a whole. Text from outside is thereby escaped by construction: nothing is rewritten, it merely is
//! never read as markers, and where it holds none, the ids are those of the whole text.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;

use super::prefixes::Prefixes;

/// A token as `added_tokens_decoder` and `added_tokens` describe it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AddedToken {
    pub(super) content: String,
    /// Left out by `decode(_, skip_special = true)`.
    #[serde(default)]
    pub(super) special: bool,
    /// Takes the white space before it along.
    #[serde(default)]
    pub(super) lstrip: bool,
    /// Takes the white space after it along.
    #[serde(default)]
    pub(super) rstrip: bool,
    /// Is recognised only where it does not touch a word.
    #[serde(default)]
    pub(super) single_word: bool,
}

/// An added token found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What it covers, in bytes, with the white space that it takes along.
    pub(super) range: Range<usize>,
    pub(super) id: u32,
}

/// All added tokens of a tokenizer, by id.
#[derive(Debug, Default)]
pub(super) struct AddedTokens {
    tokens: HashMap<u32, AddedToken>,
    contents: Prefixes,
}

impl AddedTokens {
    /// Adds tokens; one whose id is taken replaces the old one.
    pub(super) fn extend(&mut self, tokens: impl IntoIterator<Item = (u32, AddedToken)>) {
        self.tokens.extend(tokens);
        let mut by_id: Vec<_> = self.tokens.iter().map(|(&id, token)| (token.content.as_str().into(), id)).collect();
        by_id.sort_by_key(|&(_, id)| id);
        self.contents = by_id.into_iter().collect();
    }

    pub(super) fn get(&self, id: u32) -> Option<&AddedToken> {
        self.tokens.get(&id)
    }

    pub(super) fn id_of(&self, content: &str) -> Option<u32> {
        self.contents.get(content)
    }

    pub(super) fn max_id(&self) -> Option<u32> {
        self.tokens.keys().max().copied()
    }

    /// Whether text from outside must not become this token.
    pub(super) fn is_marker(&self, id: u32) -> bool {
        self.get(id).is_some_and(|token| token.special || !is_plain_text(&token.content))
    }

    /// Finds the tokens in `text`, the longest at the leftmost place; markers only where `trusted` covers them.
    pub(super) fn find(&self, text: &str, trusted: &Trusted) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let longest = self.contents.of(&text[at..]).filter(|&(length, id)| {
                let is_whole = || {
                    let is_word = |c: char| c.is_alphanumeric() || c == '_';
                    !text[..at].ends_with(is_word) && !text[at + length..].starts_with(is_word)
                };
                (!self.is_marker(id) || trusted.covers(at, at + length))
                    && (!self.tokens[&id].single_word || is_whole())
            });
            let Some((length, id)) = longest.last() else {
                at += c.len_utf8();
                continue;
            };
            let (mut start, mut end) = (at, at + length);
            if self.tokens[&id].lstrip {
                let free_from = found.last().map_or(0, |found| found.range.end);
                start = free_from + text[free_from..start].trim_end().len();
            }
            if self.tokens[&id].rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            found.push(Found { range: start..end, id });
            at = end;
        }
        found
    }
}

/// Whether a token that is not declared special is text all the same and no marker: one character, or white space of any
/// length, such as the runs of spaces that some tokenizers add. These are recognised everywhere.
pub(super) fn is_plain_text(content: &str) -> bool {
    content.chars().nth(1).is_none() || content.starts_with(super::normalizer::SPACE) || content.trim().is_empty()
}

/// The ranges of a text that we wrote ourselves, in order; neighbours are joined.
#[derive(Debug, Default)]
pub(super) struct Trusted(Vec<Range<usize>>);

impl Trusted {
    pub(super) fn push(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }

    pub(super) fn covers(&self, start: usize, end: usize) -> bool {
        let idx = self.0.partition_point(|range| range.end < end);
        self.0.get(idx).is_some_and(|range| range.start <= start)
    }
}

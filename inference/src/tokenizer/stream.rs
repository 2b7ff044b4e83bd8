//! Decoding token by token, for stop strings and for showing text while it is written.

use super::{Tokenizer, TokenizerError};

/// The text of one sample while its tokens arrive.
///
/// A character may take several tokens, and what a token adds may depend on the one before it (SentencePiece drops the
/// space at a text's beginning only). So the new text is the difference of two decodings of the last few tokens, and it
/// is held back while it ends within a character. Each token costs a decoding of those few, not of the whole text.
#[derive(Clone, Debug)]
pub struct DecodeStream<'a> {
    tokenizer: &'a Tokenizer,
    skip_special: bool,
    /// The tokens before the last piece of text, then those since.
    window: Vec<u32>,
    /// How many tokens of the window are in `text` already.
    n_done: usize,
    /// How long the text of those is, as the window alone decodes.
    done_len: usize,
    text: String,
}

impl<'a> DecodeStream<'a> {
    /// A stream that goes on after `context`, the prompt's last tokens, which do not appear in the text.
    ///
    /// With an empty context the stream begins a text of its own.
    ///
    /// # Errors
    /// When the context cannot be decoded.
    pub(super) fn new(tokenizer: &'a Tokenizer, context: &[u32], skip_special: bool) -> Result<Self, TokenizerError> {
        let done_len = tokenizer.decode(context, skip_special)?.len();
        let window = context.to_vec();
        Ok(Self { tokenizer, skip_special, n_done: window.len(), window, done_len, text: String::new() })
    }

    /// Adds a token and returns the text that became certain with it.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn push(&mut self, id: u32) -> Result<&str, TokenizerError> {
        self.window.push(id);
        self.emit(false)
    }

    /// Ends the text: what was held back comes out as it is, broken characters as U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn finish(&mut self) -> Result<&str, TokenizerError> {
        self.emit(true)
    }

    /// The text so far, without what is held back.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn emit(&mut self, is_end: bool) -> Result<&str, TokenizerError> {
        let before = self.text.len();
        let decoded = self.tokenizer.decode(&self.window, self.skip_special)?;
        let is_whole = is_end || !decoded.ends_with(char::REPLACEMENT_CHARACTER);
        if let Some(new) = decoded.get(self.done_len..).filter(|new| is_whole && !new.is_empty()) {
            self.text.push_str(new);
            self.window.drain(..self.n_done);
            self.n_done = self.window.len();
            self.done_len = self.tokenizer.decode(&self.window, self.skip_special)?.len();
        }
        Ok(&self.text[before..])
    }
}

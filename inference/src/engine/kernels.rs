//! The engine with the texts that it has read, in place of a network.

use super::{Engine, Logits, Text};
use crate::error::ModelError;
use crate::prefixes::{Beginning, Prefixes};

/// The engine, and the texts that it has read.
#[derive(Debug)]
pub(crate) struct Kernels {
    pub(crate) engine: Engine,
    texts: Prefixes<Text>,
}

impl Kernels {
    /// Nothing is read; `prefix_bytes` is the memory for what will be.
    pub(crate) fn new(engine: Engine, prefix_bytes: usize) -> Self {
        Self { engine, texts: Prefixes::new(prefix_bytes) }
    }

    /// Reads a text that is to grow to `n_most` tokens at most: the text, what the head makes of its last token, and how
    /// many of its tokens were not known.
    ///
    /// # Errors
    /// The tokens are none or not the model's, or the device fails.
    pub(crate) async fn read(&mut self, tokens: &[u32], n_most: usize) -> Result<(Text, Logits, usize), ModelError> {
        let keep = self.engine.can_keep(n_most);
        let known = if keep { self.texts.longest(tokens) } else { Text::default() };
        let n_known = known.tokens().len();
        let (text, logits) = self.engine.extend(&known, &tokens[n_known..]).await?;
        if keep {
            self.texts.keep(text.clone());
        }
        Ok((text, logits, tokens.len() - n_known))
    }

    /// The first `n` of a text's tokens, of which there are more, and how many of them were not known.
    ///
    /// # Errors
    /// As [`Kernels::read`].
    pub(crate) async fn beginning(&mut self, tokens: &[u32], n: usize) -> Result<(Text, usize), ModelError> {
        let known = self.texts.longest(tokens).first(n);
        let n_known = known.tokens().len();
        if n_known == n {
            return Ok((known, 0));
        }
        let (text, _) = self.engine.extend(&known, &tokens[n_known..n]).await?;
        self.texts.keep(text.clone());
        Ok((text, n - n_known))
    }
}

//! What can go wrong while a model works.

use super::chat::ChatError;
use super::tokenizer::TokenizerError;

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The device gave nothing back.
    #[error("the device failed ({0})")]
    Device(String),
    /// The network computed something that is no number.
    #[error("the model's output is not finite: the weights are broken, or the device computes wrongly")]
    NotFinite,
    /// A text, together with what may be generated behind it, is too long, or there is none.
    #[error(
        "the model reads and writes from 1 to {n_positions} tokens, and here are {n_tokens}; change the text or the limit of tokens"
    )]
    Length {
        /// Of the text and what may follow it.
        n_tokens: usize,
        /// What the rotary positions are made for.
        n_positions: usize,
    },
    /// A text was made with another tokenizer.
    #[error(
        "the model's vocabulary has {vocab_size} tokens, and number {token} is none of them; use its own tokenizer"
    )]
    Token {
        /// The first that the model has not.
        token: u32,
        /// Tokens are smaller than this.
        vocab_size: usize,
    },
    /// The folder lacks something that this use needs.
    #[error("{0}")]
    Unsuited(String),
    /// The prompt cannot be built.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The prompt cannot be tokenised.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl ModelError {
    /// Whether the device may be to blame, so that the same question may be answered on another one.
    #[must_use]
    pub fn blames_device(&self) -> bool {
        matches!(self, Self::Device(_) | Self::NotFinite)
    }
}

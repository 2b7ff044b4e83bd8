//! What can go wrong while a model works.

use super::chat::ChatError;
use super::tokenizer::TokenizerError;

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The device gave nothing back.
    #[error("the device failed ({0}); run on the CPU with `--device cpu`")]
    Device(String),
    /// The network computed something that is no number.
    #[error("the model's output is not finite: the weights are broken, or the device computes wrongly; try `--device cpu`")]
    NotFinite,
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

//! The decode engine of `stepwise-shaders` for a model of ours: its weights packed, its positions, its texts.
//!
//! It computes what [`crate::network::Network`] computes, logits and rewards, in kernels of our own on a GPU, from weights in any format; the
//! network on the CPU is what it is held against, before it is trusted and in tests.

mod kernels;
mod load;
mod probe;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::kernels::Accelerated;
pub(crate) use self::kernels::{Beside, Kernels};
pub use self::load::EngineLoadError;
#[cfg(test)]
pub(crate) use self::probe::Rounded;
pub use self::probe::probe;
use super::config::ModelConfig;
use super::error::ModelError;
use super::network::{angles, can_keep};
use super::prefixes::Beginning;
use super::sampling::Draw;
use stepwise_shaders::engine::{self, EngineError, Siblings};
use stepwise_shaders::gpu::Gpu;
use stepwise_shaders::sampling;

pub use stepwise_shaders::engine::{Logits, STEPS};

/// A model on a GPU, in kernels of our own. Tokens must be smaller than the vocabulary.
#[derive(Debug)]
pub struct Engine {
    inner: engine::Engine,
    config: ModelConfig,
}

/// Texts whose rewards are computed before one of them is waited for.
const N_AHEAD: usize = 32;

/// A text whose keys and values are on the device.
#[derive(Clone, Debug, Default)]
pub struct Text {
    tokens: Vec<u32>,
    /// Of this text, or of a longer one that begins with it.
    prefix: engine::Prefix,
}

impl Beginning for Text {
    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn first(&self, n: usize) -> Self {
        Self { tokens: self.tokens[..n.min(self.tokens.len())].to_vec(), prefix: self.prefix.clone() }
    }

    fn n_bytes(&self) -> usize {
        usize::try_from(self.prefix.n_bytes()).unwrap_or(usize::MAX)
    }
}

impl Engine {
    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What it runs on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        self.inner.gpu()
    }

    /// Bytes of weights on the device.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.inner.n_bytes()
    }

    /// Whether a beginning of a text of `n_tokens` serves other texts too, as [`crate::network::Network::can_keep`].
    #[must_use]
    pub fn can_keep(&self, n_tokens: usize) -> bool {
        can_keep(&self.config, n_tokens)
    }

    /// Reads `tokens` behind a text: the longer text, and what the head makes of its last token.
    ///
    /// # Errors
    /// When the tokens are none or not the model's, or the device fails.
    pub async fn extend(&mut self, text: &Text, tokens: &[u32]) -> Result<(Text, Logits), ModelError> {
        let n_kept = text.tokens.len();
        let n_all = n_kept + tokens.len();
        let angles = angles(&self.config, n_kept..n_all, |_| n_all);
        let (prefix, logits) = self.inner.read(&text.prefix, n_kept, tokens, &angles).await?;
        Ok((Text { tokens: [&text.tokens, tokens].concat(), prefix }, logits))
    }

    /// A language model's logits on the host.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn fetch(&self, logits: &Logits) -> Result<Vec<f32>, ModelError> {
        Ok(self.inner.fetch(&[logits]).await?)
    }

    /// A reward model's reward at the last token of each text behind a common beginning.
    ///
    /// # Errors
    /// When a text is empty or not the model's, the device fails, or what it computes is no number.
    pub async fn rewards(&mut self, beginning: &Text, texts: &[&[u32]]) -> Result<Vec<f32>, ModelError> {
        let mut rewards = Vec::with_capacity(texts.len());
        for texts in texts.chunks(N_AHEAD) {
            let mut outputs = Vec::with_capacity(texts.len());
            for text in texts {
                outputs.push(self.extend(beginning, text).await?.1);
            }
            rewards.extend(self.inner.fetch(&outputs.iter().collect::<Vec<_>>()).await?);
        }
        if rewards.iter().all(|reward| reward.is_finite()) { Ok(rewards) } else { Err(ModelError::NotFinite) }
    }

    /// Lets `n` samples of `max_tokens` tokens at most go on from a whole text whose next token has these logits.
    ///
    /// # Errors
    /// When there are none or more than fit, or the device fails.
    pub async fn siblings(
        &mut self,
        text: &Text,
        logits: &Logits,
        n: usize,
        draw: &Draw,
        max_tokens: usize,
    ) -> Result<Siblings<'_>, ModelError> {
        let n_prefix = text.tokens.len();
        // As the network does, which reads every token of a sample with the positions of a text that ends there.
        let angles = angles(&self.config, self.positions(n_prefix, max_tokens), |position| position + 1);
        Ok(self.inner.siblings(&text.prefix, logits, n, device_draw(draw), &angles).await?)
    }

    fn positions(&self, n_prefix: usize, max_tokens: usize) -> Range<usize> {
        n_prefix..n_prefix + max_tokens.max(1)
    }
}

/// A draw as the device has it.
fn device_draw(draw: &Draw) -> sampling::Draw {
    sampling::Draw {
        temperature: draw.temperature as f32,
        top_k: draw.top_k.map(|top_k| u32::try_from(top_k).unwrap_or(u32::MAX)),
        top_p: draw.top_p as f32,
    }
}

impl From<EngineError> for ModelError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Samples { .. } => Self::Unsuited(error.to_string()),
            _ => Self::Device(error.to_string()),
        }
    }
}

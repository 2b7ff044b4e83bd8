//! Settles which head a language model has, when its configuration says one thing and its file another.

use super::layout::{Layout, Part};
use super::{TensorSource, WeightsError};
use crate::config::{Head, ModelConfig};

/// Elements that are compared at once.
const CHUNK: usize = 1 << 16;

/// Unties the configuration when it calls the head tied to the embedding, and the file has a head of the right shape that
/// differs from it: fine-tuning writes such files, and the weights are what was trained. True when it did so, which
/// the user should be told.
///
/// # Errors
/// One of the two cannot be read.
pub fn settle_head(config: &mut ModelConfig, source: &dyn TensorSource) -> Result<bool, WeightsError> {
    if !config.tied || config.head != Head::LanguageModel {
        return Ok(false);
    }
    let untied = ModelConfig { tied: false, ..config.clone() };
    let layout = Layout::new(&untied, source.naming());
    let Some(name) = layout.head().and_then(|head| head.parts.first().map(Part::weight)) else { return Ok(false) };
    let shape = [config.vocab_size, config.hidden];
    if !source.tensors().iter().any(|tensor| tensor.name == name && tensor.shape == shape) {
        return Ok(false);
    }
    let n_elements = config.vocab_size * config.hidden;
    let (mut head, mut embedding) = (vec![0.0_f32; CHUNK], vec![0.0_f32; CHUNK]);
    for first in (0..n_elements).step_by(CHUNK) {
        let len = CHUNK.min(n_elements - first);
        source.read_range(&name, first, &mut head[..len])?;
        source.read_range(&layout.embedding(), first, &mut embedding[..len])?;
        if head[..len] != embedding[..len] {
            *config = untied;
            return Ok(true);
        }
    }
    Ok(false)
}

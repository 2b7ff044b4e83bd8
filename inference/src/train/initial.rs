//! The beginning of a small model: its shape, and weights from a seed.

use std::f64::consts::TAU;

use crate::config::{Architecture, Head, ModelConfig, Rope, RopeScaling};
use crate::weights::{ModelWeights, WeightsError};
use stepwise_core::random::SplitMix64;

use super::slots::{SlotKind, Slots};

/// The standard deviation of weights at the beginning (GPT-2's, and LLaMA's `initializer_range`).
const DEVIATION: f64 = 0.02;

/// The width of a head in small models.
const HEAD_DIM: usize = 32;

/// A small model's shape: heads of 32, grouped in twos where their number is even, a feed-forward layer of 2.75 times the
/// width. It is a policy built as LLaMA with its embedding as head, or with `reward_token` a critic built as InternLM2's
/// reward model. `hidden` should be a multiple of 32; see [`ModelConfig::validate`].
#[must_use]
pub fn small_config(
    vocab_size: usize,
    hidden: usize,
    n_layers: usize,
    n_positions: usize,
    eos: u32,
    reward_token: Option<u32>,
) -> ModelConfig {
    let n_heads = (hidden / HEAD_DIM).max(1);
    ModelConfig {
        architecture: if reward_token.is_some() { Architecture::InternLm2 } else { Architecture::Llama },
        vocab_size,
        hidden,
        ffn: hidden * 11 / 4,
        n_layers,
        n_heads,
        n_kv_heads: if n_heads.is_multiple_of(2) { n_heads / 2 } else { n_heads },
        head_dim: HEAD_DIM,
        norm_eps: 1e-6,
        rope: Rope { theta: 10_000.0, scaling: RopeScaling::None },
        max_positions: n_positions,
        tied: reward_token.is_none(),
        qkv_bias: false,
        output_bias: false,
        head: reward_token.map_or(Head::LanguageModel, |token| Head::Reward { token }),
        bos: None,
        eos: vec![eos],
    }
}

/// Weights to begin training with: normal with a deviation of 0.02, the projections onto the residual stream smaller by
/// `sqrt(2 n_layers)` so that its variance does not grow with depth (GPT-2), norms 1 and biases 0.
///
/// # Errors
/// The model is too large for this machine.
pub fn initial_weights(config: &ModelConfig, seed: u64) -> Result<ModelWeights, WeightsError> {
    let n_bytes = size_of::<f32>() as u64 * config.n_parameters();
    if isize::try_from(n_bytes).is_err() {
        return Err(WeightsError::TooLarge { n_bytes });
    }
    let slots = Slots::new(config);
    let residual: Vec<usize> = slots.blocks.iter().flat_map(|block| [block.wo, block.down]).collect();
    let biases: Vec<usize> = slots.blocks.iter().flat_map(|block| [block.qkv_bias, block.wo_bias]).flatten().collect();
    let arrays = slots.all.iter().enumerate().map(|(idx, slot)| {
        let n = slot.rows * slot.cols;
        match slot.kind {
            SlotKind::Vector => vec![if biases.contains(&idx) { 0.0 } else { 1.0 }; n],
            SlotKind::Table => normal(seed, idx, DEVIATION, n),
            SlotKind::Projection if residual.contains(&idx) => {
                normal(seed, idx, DEVIATION / (2.0 * config.n_layers as f64).sqrt(), n)
            }
            SlotKind::Projection => normal(seed, idx, DEVIATION, n),
        }
    });
    let arrays = arrays.collect();
    Ok(slots.join(config, arrays))
}

/// `n` values of a normal distribution, by the transform of Box and Muller (1958); each array has its own part of the
/// seed's sequence.
pub(super) fn normal(seed: u64, array: usize, deviation: f64, n: usize) -> Vec<f32> {
    /// Numbers set aside for one array, more than any has.
    const PER_ARRAY: u64 = 1 << 40;
    let mut random = SplitMix64::starting_at(seed, (array as u64 + 1).wrapping_mul(PER_ARRAY));
    // In (0, 1], so that its logarithm is finite.
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        let (radius, angle) = (deviation * (-2.0 * libm::log(uniform())).sqrt(), TAU * uniform());
        values.extend([(radius * libm::cos(angle)) as f32, (radius * libm::sin(angle)) as f32]);
    }
    values.truncate(n);
    values
}

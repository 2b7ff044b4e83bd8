//! Weights from a seed: for self-tests, benchmarks and the beginning of training, without a file.

use super::layout::Layout;
use super::{Dtype, Naming, TensorInfo, TensorSource, WeightsError};
use crate::config::ModelConfig;
use stepwise_core::random::SplitMix64;

/// A checkpoint that is computed where it is read.
///
/// Every tensor holds the outputs of SplitMix64 (Steele, Lea and Flood 2014) as multiples of 2^-23 in [-1, 1), started
/// at the FNV-1a hash of `seed/name` and multiplied by a scale: norms are 1 plus a tenth, biases a half, the embedding
/// has its own, and every other matrix gives outputs of its inputs' variance. `tests/reference/README.md` has the same
/// rule for another language.
#[derive(Clone, Debug)]
pub struct RandomWeights {
    seed: u64,
    embedding: String,
    embedding_scale: f32,
    tensors: Vec<TensorInfo>,
}

impl RandomWeights {
    /// The weights of a model of this shape.
    #[must_use]
    pub fn new(config: &ModelConfig, seed: u64, embedding_scale: f32) -> Self {
        let layout = Layout::new(config, Naming::HuggingFace);
        let tensors = layout.tensors().map(|(name, shape)| TensorInfo { name, shape, dtype: Dtype::F32 }).collect();
        Self { seed, embedding: layout.embedding(), embedding_scale, tensors }
    }
}

impl TensorSource for RandomWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        let tensor = self.tensors.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        let (offset, scale) = match tensor.shape.as_slice() {
            [_] if name.ends_with(".bias") => (0.0, 0.5),
            [_] => (1.0, 0.1),
            _ if name == self.embedding => (0.0, self.embedding_scale),
            // A uniform value in [-1, 1) has the variance 1/3.
            shape => (0.0, (3.0 / shape.last().copied().unwrap_or(1) as f64).sqrt() as f32),
        };
        let mut random = SplitMix64::starting_at(fnv1a(&format!("{}/{name}", self.seed)), first as u64);
        for value in out {
            *value = offset + uniform(&mut random) * scale;
        }
        Ok(())
    }
}

/// The 64-bit FNV-1a hash of the text's UTF-8 bytes.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The next number as a multiple of 2^-23 in [-1, 1), which is exact in f32.
fn uniform(random: &mut SplitMix64) -> f32 {
    ((random.next_u64() >> 40) as f32 - 8_388_608.0) / 8_388_608.0
}

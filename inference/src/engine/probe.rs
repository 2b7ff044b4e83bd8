//! The test of a device by its own kernels: a small model in every format and both ways of multiplying, against the CPU.

use stepwise_shaders::gpu::Gpu;
use stepwise_shaders::weights::{Format, MatrixShape, Packed};

use super::{Engine, Text};
use crate::config::ModelConfig;
use crate::device::relative_error;
use crate::network::{Compute, Network, Prefix};
use crate::sampling::Draw;
use crate::weights::{Checkpoint, RandomWeights, TensorInfo, TensorSource, WeightsError};

/// A model of two layers with what models have: grouped heads with norms, biases, and a feed-forward layer that fills no
/// whole number of blocks.
const PROBE: &str = r#"{
  "architectures": ["Qwen3ForCausalLM"], "hidden_act": "silu", "vocab_size": 131, "hidden_size": 96,
  "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16,
  "attention_bias": true, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
  "tie_word_embeddings": true
}"#;

/// How far the kernels on a GPU are from the CPU, with weights in a format: a text, and steps of few and of many samples.
/// The greatest difference as a share of the logits' range; NaN when one is no number.
///
/// # Errors
/// In one line, when the device fails.
pub async fn probe(gpu: &Gpu, format: Format) -> Result<f32, String> {
    let config = ModelConfig::from_json(PROBE).map_err(|e| e.to_string())?;
    let source = RandomWeights::new(&config, 1, 1.0);
    let checkpoint = Checkpoint::new(&config, &source).map_err(|e| e.to_string())?;
    let mut engine =
        Engine::load(gpu, format, &config, &checkpoint, &mut |_, _| ()).await.map_err(|e| e.to_string())?;
    let source = Rounded { source, format };
    let checkpoint = Checkpoint::new(&config, &source).map_err(|e| e.to_string())?;
    let network = Network::load(&config, &checkpoint, &Compute::cpu(1), &mut |_, _| ()).map_err(|e| e.to_string())?;
    let mut errors = Vec::new();
    for n in [3_u32, 12] {
        let ours = outputs(&mut engine, n).await.map_err(|e| e.to_string())?;
        errors.push(relative_error(&ours, &reference(&network, n)?));
    }
    Ok(errors.into_iter().fold(0.0, |most: f32, error| if error.is_nan() { error } else { most.max(error) }))
}

fn text() -> Vec<u32> {
    (0..77).map(|i| i * 29 % 131).collect()
}

/// The tokens of `n` samples in two steps.
fn steps(n: u32) -> [Vec<u32>; 2] {
    [5, 8].map(|factor| (0..n).map(|idx| (idx * 17 + factor) % 131).collect())
}

async fn outputs(engine: &mut Engine, n: u32) -> Result<Vec<f32>, crate::ModelError> {
    let (text, logits) = engine.extend(&Text::default(), &text()).await?;
    let mut outputs = engine.fetch(&logits).await?;
    let mut siblings = engine.siblings(&text, &logits, n as usize, &Draw::default(), 2).await?;
    for tokens in steps(n) {
        outputs.extend(siblings.push(&tokens).await?);
    }
    Ok(outputs)
}

fn reference(network: &Network, n: u32) -> Result<Vec<f32>, String> {
    let (prefix, logits) = network.extend(Prefix::default(), &text());
    let mut branches = network.branches(n as usize);
    let steps = steps(n).map(|tokens| network.step(&tokens, &prefix, &mut branches));
    let mut outputs = Vec::new();
    for logits in std::iter::once(logits).chain(steps) {
        outputs.extend(logits.into_data().try_into_vec::<f32>().map_err(|e| format!("{e:?}"))?);
    }
    Ok(outputs)
}

/// Weights as a format holds them, in f32: what a network must be given to compute what the engine computes. Its matrices
/// fill whole blocks of the stored tensors' rows; vectors, and the single row of a reward, stay as they are.
pub(crate) struct Rounded<S> {
    pub(crate) source: S,
    pub(crate) format: Format,
}

impl<S: TensorSource> TensorSource for Rounded<S> {
    fn tensors(&self) -> &[TensorInfo] {
        self.source.tensors()
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        self.source.read_range(name, first, out)?;
        let shape = self.tensors().iter().find(|tensor| tensor.name == name).map(|tensor| &tensor.shape[..]);
        if let Some([n_rows, width]) = shape
            && *n_rows > 1
        {
            for row in out.chunks_exact_mut(*width) {
                // As the engine does: rows are filled with zeros up to whole blocks.
                let mut filled = row.to_vec();
                filled.resize(width.next_multiple_of(stepwise_shaders::weights::BLOCK), 0.0);
                let shape = MatrixShape { n_rows: 1, n_columns: filled.len() as u32 };
                if let Ok(packed) = Packed::new(self.format, shape, &filled) {
                    row.copy_from_slice(&packed.row(0)[..*width]);
                }
            }
        }
        Ok(())
    }
}

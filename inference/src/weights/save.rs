//! Weights in memory to the bytes of a model.safetensors that Hugging Face reads.

use std::borrow::Cow;
use std::collections::HashMap;

use half::{bf16, f16};
use safetensors::tensor::View;

use super::layout::{Layout, Linear};
use super::{BlockWeights, Dtype, HeadWeights, Matrix, Naming, WeightsError};
use crate::config::ModelConfig;

/// All weights of a model, in the network's layout.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelWeights {
    /// `[vocab, hidden]`.
    pub embedding: Matrix,
    /// One per layer.
    pub blocks: Vec<BlockWeights>,
    /// `[hidden]`.
    pub final_norm: Vec<f32>,
    /// As the configuration's head asks for.
    pub head: HeadWeights,
}

impl ModelWeights {
    /// The bytes of a model.safetensors, under the names of the configuration's architecture and in numbers of this type:
    /// F32, F16 or BF16.
    ///
    /// # Errors
    /// The weights have other shapes than the configuration says, or the type is another.
    pub fn to_safetensors(&self, config: &ModelConfig, dtype: Dtype) -> Result<Vec<u8>, WeightsError> {
        let layout = Layout::new(config, Naming::HuggingFace);
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(WeightsError::Dtype { name: layout.embedding(), dtype });
        }
        let mut file = File { dtype, tensors: Vec::new() };
        file.add(layout.embedding(), vec![config.vocab_size, config.hidden], [&self.embedding.data[..]])?;
        for block_idx in 0..config.n_layers {
            let ours = self
                .blocks
                .get(block_idx)
                .ok_or_else(|| WeightsError::Missing { name: format!("model.layers.{block_idx}") })?;
            let block = layout.block(block_idx);
            file.add(block.attention_norm, vec![config.hidden], [&ours.attention_norm[..]])?;
            file.add_linear(&block.wqkv, &ours.wqkv.data, ours.qkv_bias.as_deref())?;
            for (name, ours) in [(block.q_norm, &ours.q_norm), (block.k_norm, &ours.k_norm)] {
                if let Some(name) = name {
                    file.add(name, vec![config.head_dim], [ours.as_deref().unwrap_or_default()])?;
                }
            }
            file.add_linear(&block.wo, &ours.wo.data, ours.wo_bias.as_deref())?;
            file.add(block.ffn_norm, vec![config.hidden], [&ours.ffn_norm[..]])?;
            file.add_linear(&block.gate_up, &ours.gate_up.data, None)?;
            file.add_linear(&block.down, &ours.down.data, None)?;
        }
        file.add(layout.final_norm(), vec![config.hidden], [&self.final_norm[..]])?;
        if let Some(head) = layout.head() {
            let data: &[f32] = match &self.head {
                HeadWeights::Tied => &[],
                HeadWeights::LanguageModel(matrix) => &matrix.data,
                HeadWeights::Reward(vector) => vector,
            };
            file.add_linear(&head, data, None)?;
        }
        // Hugging Face's loaders refuse a file that does not say so.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(file.tensors, Some(metadata)).map_err(WeightsError::Write)
    }
}

/// Named tensors that wait to be written.
struct File<'a> {
    dtype: Dtype,
    tensors: Vec<(String, Stored<'a>)>,
}

/// A tensor as the checkpoint stores it: runs of rows of ours, one after another.
struct Stored<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    runs: Vec<&'a [f32]>,
}

impl<'a> File<'a> {
    fn add(
        &mut self,
        name: String,
        shape: Vec<usize>,
        runs: impl IntoIterator<Item = &'a [f32]>,
    ) -> Result<(), WeightsError> {
        let runs: Vec<&[f32]> = runs.into_iter().collect();
        let n_elements = runs.iter().map(|run| run.len()).sum();
        if shape.iter().product::<usize>() != n_elements {
            return Err(WeightsError::Shape { name, expected: shape, found: vec![n_elements] });
        }
        self.tensors.push((name, Stored { dtype: self.dtype, shape, runs }));
        Ok(())
    }

    fn add_linear(&mut self, linear: &Linear, weight: &'a [f32], bias: Option<&'a [f32]>) -> Result<(), WeightsError> {
        for part in &linear.parts {
            // A run that the matrix is too short for comes out empty, and `add` misses it.
            let runs = |data: &'a [f32], width: usize| {
                part.runs.iter().map(move |run| data.get(run.ours * width..(run.ours + run.len) * width).unwrap_or(&[]))
            };
            self.add(part.weight(), vec![part.n_out(), linear.n_in], runs(weight, linear.n_in))?;
            if linear.has_bias {
                self.add(part.bias(), vec![part.n_out()], runs(bias.unwrap_or(&[]), 1))?;
            }
        }
        Ok(())
    }
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let halves = |halve: fn(f32) -> u16| {
            let halves = self.runs.iter().copied().flatten().map(|value| halve(*value));
            Cow::Owned(halves.flat_map(u16::to_le_bytes).collect())
        };
        match (self.dtype, &self.runs[..]) {
            (Dtype::F16, _) => halves(|value| f16::from_f32(value).to_bits()),
            (Dtype::BF16, _) => halves(|value| bf16::from_f32(value).to_bits()),
            (_, [run]) => Cow::Borrowed(bytemuck::cast_slice(run)),
            _ => Cow::Owned(self.runs.iter().flat_map(|run| bytemuck::cast_slice(run)).copied().collect()),
        }
    }

    fn data_len(&self) -> usize {
        let size = if self.dtype == Dtype::F32 { size_of::<f32>() } else { size_of::<u16>() };
        self.runs.iter().map(|run| run.len() * size).sum()
    }
}

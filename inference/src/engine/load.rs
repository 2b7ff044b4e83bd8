//! A checkpoint's weights packed and brought onto a GPU, block by block.

use stepwise_shaders::engine::{self, EngineError, Shape};
use stepwise_shaders::gpu::Gpu;
use stepwise_shaders::weights::{BLOCK, Format, FormatError, MatrixShape, Packed};

use super::Engine;
use crate::config::{Head, ModelConfig};
use crate::weights::{BlockWeights, Checkpoint, HeadWeights, Matrix, Stored, WeightsError};

/// Why a model does not run in kernels of our own.
#[derive(Debug, thiserror::Error)]
pub enum EngineLoadError {
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A matrix does not go into the format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The kernels do not do such a model, or the device fails.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Packs a checkpoint and brings it onto a GPU, block by block; `progress` is told how many bytes of how many of the
    /// checkpoint are done.
    ///
    /// # Errors
    /// When a tensor cannot be read or does not go into the format, the kernels do not do such a model, or the device has
    /// no room for it.
    pub async fn load(
        gpu: &Gpu,
        format: Format,
        config: &ModelConfig,
        checkpoint: &Checkpoint<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, EngineLoadError> {
        let total = checkpoint.n_bytes();
        let mut done = 0;
        let mut loaded = |n: usize| {
            done += (n * size_of::<f32>()) as u64;
            progress(done.min(total), total);
        };
        let embedding = checkpoint.embedding_in(format)?;
        let n_embedding = n_elements(&embedding);
        let head = match checkpoint.head_in(format)? {
            HeadWeights::LanguageModel(head) => Some(packed(format, head, as_it_is)?),
            HeadWeights::Reward(head) => {
                let shape = MatrixShape { n_rows: 1, n_columns: side(head.len()) };
                Some(Packed::new(Format::F32, shape, &head)?)
            }
            HeadWeights::Tied => None,
        };
        let embedding = packed(format, embedding, as_it_is)?;
        let norm = checkpoint.final_norm()?;
        let mut inner = engine::Engine::new(gpu, shape_of(config), &embedding, &norm, head.as_ref()).await?;
        let n_head = head.as_ref().map_or(0, |head| head.shape.n_rows as usize * head.shape.n_columns as usize);
        loaded(n_embedding + n_head);
        drop((embedding, head));
        for idx in 0..config.n_layers {
            let block = block(checkpoint, idx, format)?;
            let n = [&block.wqkv, &block.wo, &block.gate_up, &block.down].map(n_elements).iter().sum();
            let head_norms = block.q_norm.as_deref().zip(block.k_norm.as_deref()).map(|(q, k)| [q, k]);
            inner
                .push(engine::BlockWeights {
                    attention_norm: &block.attention_norm,
                    qkv: &packed(format, block.wqkv, as_it_is)?,
                    qkv_bias: block.qkv_bias.as_deref(),
                    head_norms,
                    output: &packed(format, block.wo, as_it_is)?,
                    output_bias: block.wo_bias.as_deref(),
                    ffn_norm: &block.ffn_norm,
                    gate_up: &packed(format, block.gate_up, filled_gates)?,
                    down: &packed(format, block.down, filled_columns)?,
                })
                .await?;
            loaded(n);
        }
        progress(total, total);
        Ok(Self { inner, config: config.clone() })
    }
}

/// A block in the format, or in f32 where its feed-forward layer is to be filled up first.
fn block(checkpoint: &Checkpoint<'_>, idx: usize, format: Format) -> Result<BlockWeights<Stored>, WeightsError> {
    match checkpoint.check_format(format) {
        Ok(()) => checkpoint.block_in(idx, format),
        Err(_) => checkpoint.block_in(idx, Format::F32),
    }
}

fn n_elements(stored: &Stored) -> usize {
    match stored {
        Stored::Dense(matrix) => matrix.data.len(),
        Stored::Packed(Packed { shape, .. }) => shape.n_rows as usize * shape.n_columns as usize,
    }
}

/// A model's sizes as the kernels have them. A feed-forward layer is filled up to whole blocks: gates of zeros give zeros,
/// which no weight sees.
fn shape_of(config: &ModelConfig) -> Shape {
    Shape {
        vocab: side(config.vocab_size),
        n_outputs: match config.head {
            Head::LanguageModel => side(config.vocab_size),
            Head::Reward { .. } => 1,
        },
        hidden: side(config.hidden),
        ffn: side(config.ffn.next_multiple_of(BLOCK)),
        n_layers: side(config.n_layers),
        n_heads: side(config.n_heads),
        n_kv_heads: side(config.n_kv_heads),
        head_dim: side(config.head_dim),
        epsilon: config.norm_eps as f32,
    }
}

/// Sizes of a configuration are far below 2^32, which [`ModelConfig::validate`] saw to.
fn side(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// A matrix as the kernels read it; one in f32 is filled up first.
fn packed(format: Format, stored: Stored, fill: fn(Matrix) -> Matrix) -> Result<Packed, FormatError> {
    match stored {
        Stored::Packed(packed) => Ok(packed),
        Stored::Dense(matrix) => {
            let Matrix { rows, cols, data } = fill(matrix);
            Packed::new(format, MatrixShape { n_rows: side(rows), n_columns: side(cols) }, &data)
        }
    }
}

fn as_it_is(matrix: Matrix) -> Matrix {
    matrix
}

/// Gates, and what they multiply, with rows of zeros behind each up to whole blocks.
fn filled_gates(Matrix { rows, cols, data }: Matrix) -> Matrix {
    let ffn = rows / 2;
    if ffn.is_multiple_of(BLOCK) {
        return Matrix { rows, cols, data };
    }
    let filling = vec![0.0; (ffn.next_multiple_of(BLOCK) - ffn) * cols];
    let (gates, up) = data.split_at(ffn * cols);
    let data = [gates, &filling, up, &filling].concat();
    Matrix { rows: 2 * ffn.next_multiple_of(BLOCK), cols, data }
}

/// Rows with zeros behind each up to whole blocks.
fn filled_columns(Matrix { rows, cols, data }: Matrix) -> Matrix {
    let width = cols.next_multiple_of(BLOCK);
    if width == cols {
        return Matrix { rows, cols, data };
    }
    let mut filled = vec![0.0; rows * width];
    for (row, values) in filled.chunks_exact_mut(width).zip(data.chunks_exact(cols)) {
        row[..cols].copy_from_slice(values);
    }
    Matrix { rows, cols: width, data: filled }
}

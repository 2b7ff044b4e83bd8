//! Checkpoints: named tensors, checked against the configuration and brought into the network's own layout.
//!
//! A checkpoint stores every linear layer as `[out, in]`; the network wants `[in, out]`, with the projections that read
//! the same input side by side. Tensors are read in pieces of about a megabyte that are converted and transposed
//! straight into their place, so that loading takes little more memory than what is loaded.

mod layout;
mod safetensors;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;

pub use ::safetensors::Dtype;

use self::layout::{Layout, Linear};
pub use self::safetensors::{Header, HeaderError, SafetensorsBytes};
use super::config::{Head, ModelConfig};

/// Where tensors come from: a folder, or bytes in memory.
pub trait TensorSource {
    /// Every tensor that there is, in no particular order.
    fn tensors(&self) -> &[TensorInfo];

    /// Reads the elements from `first` on, in row-major order, until `out` is full. F32, F16 and BF16 are converted.
    ///
    /// # Errors
    /// There is no such tensor, it is of another type, or it cannot be read.
    ///
    /// # Panics
    /// When `out` reaches past the tensor's end.
    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError>;

    /// Reads a whole tensor, in row-major order.
    ///
    /// # Errors
    /// As [`TensorSource::read_range`].
    fn read(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensors().iter().find(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        let mut out = vec![0.0; tensor.shape.iter().product()];
        self.read_range(name, 0, &mut out)?;
        Ok(out)
    }
}

/// What is known about a tensor before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the checkpoint.
    pub name: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// How its elements are stored.
    pub dtype: Dtype,
}

/// A dense matrix, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `rows * cols` elements.
    pub data: Vec<f32>,
}

/// One transformer block. Matrices are `[in, out]`: a row vector is multiplied from the left.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockWeights {
    /// The norm before attention, `[hidden]`.
    pub attention_norm: Vec<f32>,
    /// `[hidden, (n_heads + 2 * n_kv_heads) * head_dim]`; columns: all query heads, all key heads, all value heads.
    pub wqkv: Matrix,
    /// One per column of `wqkv`.
    pub qkv_bias: Option<Vec<f32>>,
    /// `[n_heads * head_dim, hidden]`.
    pub wo: Matrix,
    /// One per column of `wo`.
    pub wo_bias: Option<Vec<f32>>,
    /// The norm before the feed-forward layer, `[hidden]`.
    pub ffn_norm: Vec<f32>,
    /// `[hidden, 2 * ffn]`; columns: the gate, which goes through the activation, then what it multiplies.
    pub gate_up: Matrix,
    /// `[ffn, hidden]`.
    pub down: Matrix,
}

/// What the last norm's output is multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadWeights {
    /// The transposed embedding, which is not held twice.
    Tied,
    /// `[hidden, vocab]`.
    LanguageModel(Matrix),
    /// `[hidden]`, to one score.
    Reward(Vec<f32>),
}

/// Why weights cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration asks for a tensor that is not there.
    #[error("the weights hold no tensor `{name}`; check that config.json belongs to them, or download them again")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error(
        "the tensor `{name}` has the shape {found:?}, but config.json asks for {expected:?}; check that they belong together"
    )]
    Shape {
        /// Its name.
        name: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// In the checkpoint.
        found: Vec<usize>,
    },
    /// A tensor's elements are not floating-point numbers of 16 or 32 bits.
    #[error("the tensor `{name}` is of type {dtype}; save the model as F32, F16 or BF16")]
    Dtype {
        /// Its name.
        name: String,
        /// As the checkpoint says.
        dtype: Dtype,
    },
    /// A tensor holds what no computation survives.
    #[error("the tensor `{name}` holds {value}; the weights are broken, take another checkpoint")]
    NotFinite {
        /// Its name.
        name: String,
        /// The first NaN or infinity.
        value: f32,
    },
    /// A tensor's bytes cannot be had.
    #[error("cannot read the tensor `{name}` ({source}); download the weights again if this persists")]
    Read {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The model does not fit into this machine's address space.
    #[error("the model takes {n_bytes} bytes, more than can be addressed here; run it natively on a 64-bit machine")]
    TooLarge {
        /// Its size in memory.
        n_bytes: u64,
    },
}

/// The weights of one model: every tensor is there and has its shape, none is read yet.
pub struct Checkpoint<'a> {
    layout: Layout<'a>,
    source: &'a dyn TensorSource,
}

/// About as much as is read at once, in elements: small beside a model, large beside a system call.
const PIECE: usize = 1 << 18;

impl<'a> Checkpoint<'a> {
    /// Checks names, shapes and types of all tensors that the configuration asks for. Others, such as the rotary
    /// frequencies of old checkpoints or the head of a tied model, are ignored.
    ///
    /// # Errors
    /// Names the first tensor that is missing, or has another shape or type.
    pub fn new(config: &'a ModelConfig, source: &'a dyn TensorSource) -> Result<Self, WeightsError> {
        let checkpoint = Self { layout: Layout(config), source };
        let n_bytes = checkpoint.n_bytes();
        if isize::try_from(n_bytes).is_err() {
            return Err(WeightsError::TooLarge { n_bytes });
        }
        let found: HashMap<&str, &TensorInfo> =
            source.tensors().iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        for (name, shape) in checkpoint.layout.tensors() {
            let Some(tensor) = found.get(name.as_str()) else { return Err(WeightsError::Missing { name }) };
            if !matches!(tensor.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                return Err(WeightsError::Dtype { name, dtype: tensor.dtype });
            }
            if tensor.shape != shape {
                return Err(WeightsError::Shape { name, expected: shape, found: tensor.shape.clone() });
            }
        }
        Ok(checkpoint)
    }

    /// The size of all that this gives out, as f32.
    pub fn n_bytes(&self) -> u64 {
        size_of::<f32>() as u64 * self.layout.0.n_parameters()
    }

    /// The embedding, `[vocab, hidden]`: one row per token.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity; so do the others.
    pub fn embedding(&self) -> Result<Matrix, WeightsError> {
        let &ModelConfig { vocab_size: rows, hidden: cols, .. } = self.layout.0;
        Ok(Matrix { rows, cols, data: self.vector(&self.layout.embedding(), rows * cols)? })
    }

    /// The block number `block_idx`, from 0.
    ///
    /// # Errors
    /// A tensor cannot be read, or holds a NaN or an infinity.
    pub fn block(&self, block_idx: usize) -> Result<BlockWeights, WeightsError> {
        let block = self.layout.block(block_idx);
        Ok(BlockWeights {
            attention_norm: self.vector(&block.attention_norm, self.layout.0.hidden)?,
            wqkv: self.matrix(&block.wqkv)?,
            qkv_bias: self.bias(&block.wqkv)?,
            wo: self.matrix(&block.wo)?,
            wo_bias: self.bias(&block.wo)?,
            ffn_norm: self.vector(&block.ffn_norm, self.layout.0.hidden)?,
            gate_up: self.matrix(&block.gate_up)?,
            down: self.matrix(&block.down)?,
        })
    }

    /// The norm after the last block, `[hidden]`.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity.
    pub fn final_norm(&self) -> Result<Vec<f32>, WeightsError> {
        self.vector(&self.layout.final_norm(), self.layout.0.hidden)
    }

    /// What stands after the last norm.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity.
    pub fn head(&self) -> Result<HeadWeights, WeightsError> {
        let Some(head) = self.layout.head() else { return Ok(HeadWeights::Tied) };
        let matrix = self.matrix(&head)?;
        Ok(match self.layout.0.head {
            Head::LanguageModel => HeadWeights::LanguageModel(matrix),
            Head::Reward { .. } => HeadWeights::Reward(matrix.data),
        })
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, WeightsError> {
        let mut vector = vec![0.0; len];
        self.read(name, 0, &mut vector)?;
        Ok(vector)
    }

    fn matrix(&self, linear: &Linear) -> Result<Matrix, WeightsError> {
        let (rows, cols) = (linear.n_in, linear.n_out());
        let mut data = vec![0.0; rows * cols];
        let rows_at_once = (PIECE / rows).max(1);
        let mut piece = vec![0.0; rows_at_once * rows];
        for part in &linear.parts {
            for run in &part.runs {
                for start in (0..run.len).step_by(rows_at_once) {
                    let piece = &mut piece[..rows_at_once.min(run.len - start) * rows];
                    self.read(&part.weight(), (run.row + start) * rows, piece)?;
                    transpose(piece, rows, &mut data, cols, run.col + start);
                }
            }
        }
        Ok(Matrix { rows, cols, data })
    }

    fn bias(&self, linear: &Linear) -> Result<Option<Vec<f32>>, WeightsError> {
        if !linear.has_bias {
            return Ok(None);
        }
        let mut bias = vec![0.0; linear.n_out()];
        for part in &linear.parts {
            for run in &part.runs {
                self.read(&part.bias(), run.row, &mut bias[run.col..run.col + run.len])?;
            }
        }
        Ok(Some(bias))
    }

    fn read(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        self.source.read_range(name, first, out)?;
        // Without an early exit, so that it compiles to vector instructions.
        if out.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Ok(());
        }
        let value = out.iter().copied().find(|value| !value.is_finite()).unwrap_or(f32::NAN);
        Err(WeightsError::NotFinite { name: name.to_owned(), value })
    }
}

/// Makes the rows of `from`, each `width` long, columns of `to` from `col` on; `to` has `width` rows of `cols`.
///
/// It goes by tiles of 8 rows and 16 columns, one cache line each, because a row of either side alone would throw out
/// of the cache what the other side needs next.
fn transpose(from: &[f32], width: usize, to: &mut [f32], cols: usize, col: usize) {
    const TILE_ROWS: usize = 8;
    const TILE_COLS: usize = 16;
    for (tile_idx, rows) in from.chunks(TILE_ROWS * width).enumerate() {
        let col = col + tile_idx * TILE_ROWS;
        for tile in (0..width).step_by(TILE_COLS) {
            for position in tile..width.min(tile + TILE_COLS) {
                let out = &mut to[position * cols + col..][..rows.len() / width];
                for (value, row) in out.iter_mut().zip(rows.chunks_exact(width)) {
                    *value = row[position];
                }
            }
        }
    }
}

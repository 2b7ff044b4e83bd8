//! Checkpoints: named tensors, checked against the configuration and brought into the network's own layout.
//!
//! Matrices stay `[out, in]`, as checkpoints have them; projections that read the same input are stacked, and InternLM2's
//! interleaved heads are sorted. Rows are read straight into their place, so loading takes no memory beside what is
//! loaded.

mod gguf;
mod head;
mod layout;
mod packed;
mod random;
mod safetensors;
mod save;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;

pub use ::safetensors::Dtype;
pub use stepwise_shaders::weights::{Format, Packed};

pub(crate) use self::gguf::excerpt;
pub use self::gguf::{BlockType, Gguf, GgufBytes, GgufError, Metadata, MetadataError, Value};
#[cfg(test)]
pub(crate) use self::gguf::{reference as gguf_reference, tests as gguf_tests};
pub use self::head::settle_head;
pub use self::layout::Naming;
use self::layout::{Layout, Linear, Part};
pub use self::packed::Stored;
pub use self::random::RandomWeights;
pub use self::safetensors::{Header, HeaderError, SafetensorsBytes};
pub use self::save::ModelWeights;
use super::config::{Head, ModelConfig};

/// Where tensors come from: a folder, or bytes in memory.
pub trait TensorSource {
    /// Every tensor that there is, in no particular order.
    fn tensors(&self) -> &[TensorInfo];

    /// How they are named.
    fn naming(&self) -> Naming {
        Naming::HuggingFace
    }

    /// Reads the elements from `first` on, in row-major order, until `out` is full. F32, F16 and BF16 are converted.
    ///
    /// # Errors
    /// There is no such tensor, it is of another type, or it cannot be read.
    ///
    /// # Panics
    /// When `out` reaches past the tensor's end.
    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError>;

    /// How a tensor is stored, where it is in ggml's blocks; [`TensorSource::read_blocks`] reads such a one.
    fn block_type(&self, _name: &str) -> Option<BlockType> {
        None
    }

    /// Reads whole blocks as they are stored, from the block number `first` on, until `out` is full.
    ///
    /// # Errors
    /// There is no such tensor, it is not in blocks, or it cannot be read.
    ///
    /// # Panics
    /// When `out` is no whole number of blocks, or reaches past the tensor's end.
    fn read_blocks(&self, name: &str, _first: usize, _out: &mut [u8]) -> Result<(), WeightsError> {
        Err(WeightsError::Missing { name: name.to_owned() })
    }

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
    /// How its elements are stored; F32 where they are quantised, because that is how they are read.
    pub dtype: Dtype,
}

/// A dense matrix, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    /// `rows * cols` elements.
    pub data: Vec<f32>,
}

/// One transformer block. Matrices are `[out, in]`: each row gives one output. They are f32, or [`Stored`]
/// in the format that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockWeights<M = Matrix> {
    /// The norm before attention, `[hidden]`.
    pub attention_norm: Vec<f32>,
    /// `[(n_heads + 2 * n_kv_heads) * head_dim, hidden]`; rows: all query heads, all key heads, all value heads.
    pub wqkv: M,
    /// One per row of `wqkv`.
    pub qkv_bias: Option<Vec<f32>>,
    /// The norms over each query head and each key head, `[head_dim]`.
    pub q_norm: Option<Vec<f32>>,
    pub k_norm: Option<Vec<f32>>,
    /// `[hidden, n_heads * head_dim]`.
    pub wo: M,
    /// One per row of `wo`.
    pub wo_bias: Option<Vec<f32>>,
    /// The norm before the feed-forward layer, `[hidden]`.
    pub ffn_norm: Vec<f32>,
    /// `[2 * ffn, hidden]`; rows: the gate, which goes through the activation, then what it multiplies.
    pub gate_up: M,
    /// `[hidden, ffn]`.
    pub down: M,
}

/// What the last norm's output is multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadWeights<M = Matrix> {
    /// The embedding, which is not held twice.
    Tied,
    /// `[vocab, hidden]`.
    LanguageModel(M),
    /// `[hidden]`, to one score.
    Reward(Vec<f32>),
}

/// Why weights cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration asks for a tensor that is not there.
    #[error("the weights hold no tensor `{name}`, which the model's configuration asks for; download them again")]
    Missing { name: String },
    /// A tensor has another shape than the configuration says.
    #[error(
        "the tensor `{name}` has the shape {found:?}, but the model's configuration asks for {expected:?}; download both again"
    )]
    Shape {
        name: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// In the checkpoint.
        found: Vec<usize>,
    },
    /// A tensor's elements are not floating-point numbers of 16 or 32 bits.
    #[error("the tensor `{name}` is of type {dtype}; save the model as F32, F16 or BF16")]
    Dtype {
        name: String,
        /// As the checkpoint says.
        dtype: Dtype,
    },
    /// A tensor holds what no computation survives.
    #[error("the tensor `{name}` holds {value}; the weights are broken, take another checkpoint")]
    NotFinite {
        name: String,
        /// The first NaN or infinity.
        value: f32,
    },
    /// A block of the format would reach over the end of a row.
    #[error(
        "the tensor `{name}` has rows of {n_columns} weights, which {format} cannot store, because it takes them by 32: choose `--weights f32`"
    )]
    Columns {
        name: String,
        format: Format,
        /// Weights of a row.
        n_columns: usize,
    },
    /// The device runs f32 only.
    #[error("{0} weights run on the CPU, and not yet on a GPU: choose `--weights f32` or `--device cpu`")]
    Device(Format),
    /// A weight is beyond the format's half-precision numbers.
    #[error("the tensor `{name}` holds {value}, which {format} cannot hold: choose `--weights f32`")]
    TooLargeFor { name: String, format: Format, value: f32 },
    /// A tensor's bytes cannot be had.
    #[error("cannot read the tensor `{name}` ({source}); download the weights again if this persists")]
    Read { name: String, source: io::Error },
    /// The weights cannot be written down.
    #[error("cannot save the weights as safetensors ({0}); save a smaller model")]
    Write(#[source] ::safetensors::SafeTensorError),
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

impl<'a> Checkpoint<'a> {
    /// Checks names, shapes and types of all tensors that the configuration asks for. Others, such as the rotary
    /// frequencies of old checkpoints or the head of a tied model, are ignored.
    ///
    /// # Errors
    /// Names the first tensor that is missing, or has another shape or type.
    pub fn new(config: &'a ModelConfig, source: &'a dyn TensorSource) -> Result<Self, WeightsError> {
        let checkpoint = Self { layout: Layout::new(config, source.naming()), source };
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
        size_of::<f32>() as u64 * self.layout.config.n_parameters()
    }

    /// The embedding, `[vocab, hidden]`: one row per token.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity; so do the others.
    pub fn embedding(&self) -> Result<Matrix, WeightsError> {
        let &ModelConfig { vocab_size: rows, hidden: cols, .. } = self.layout.config;
        Ok(Matrix { rows, cols, data: self.vector(&self.layout.embedding(), rows * cols)? })
    }

    /// The block number `block_idx`, from 0.
    ///
    /// # Errors
    /// A tensor cannot be read, or holds a NaN or an infinity.
    pub fn block(&self, block_idx: usize) -> Result<BlockWeights, WeightsError> {
        self.block_of(block_idx, |linear| self.matrix(linear))
    }

    /// The norm after the last block, `[hidden]`.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity.
    pub fn final_norm(&self) -> Result<Vec<f32>, WeightsError> {
        self.vector(&self.layout.final_norm(), self.layout.config.hidden)
    }

    /// What stands after the last norm.
    ///
    /// # Errors
    /// It cannot be read, or holds a NaN or an infinity.
    pub fn head(&self) -> Result<HeadWeights, WeightsError> {
        let Some(head) = self.layout.head() else { return Ok(HeadWeights::Tied) };
        let matrix = self.matrix(&head)?;
        Ok(match self.layout.config.head {
            Head::LanguageModel => HeadWeights::LanguageModel(matrix),
            Head::Reward { .. } => HeadWeights::Reward(matrix.data),
        })
    }

    /// Everything at once, for a model that is small or is to be trained.
    ///
    /// # Errors
    /// A tensor cannot be read, or holds a NaN or an infinity.
    pub fn load(&self) -> Result<ModelWeights, WeightsError> {
        Ok(ModelWeights {
            embedding: self.embedding()?,
            blocks: (0..self.layout.config.n_layers)
                .map(|block_idx| self.block(block_idx))
                .collect::<Result<_, _>>()?,
            final_norm: self.final_norm()?,
            head: self.head()?,
        })
    }

    /// A block whose matrices are read by `matrix`.
    fn block_of<M>(
        &self,
        block_idx: usize,
        matrix: impl Fn(&Linear) -> Result<M, WeightsError>,
    ) -> Result<BlockWeights<M>, WeightsError> {
        let block = self.layout.block(block_idx);
        Ok(BlockWeights {
            attention_norm: self.vector(&block.attention_norm, self.layout.config.hidden)?,
            wqkv: matrix(&block.wqkv)?,
            qkv_bias: self.bias(&block.wqkv)?,
            q_norm: self.head_norm(block.q_norm.as_deref())?,
            k_norm: self.head_norm(block.k_norm.as_deref())?,
            wo: matrix(&block.wo)?,
            wo_bias: self.bias(&block.wo)?,
            ffn_norm: self.vector(&block.ffn_norm, self.layout.config.hidden)?,
            gate_up: matrix(&block.gate_up)?,
            down: matrix(&block.down)?,
        })
    }

    fn head_norm(&self, name: Option<&str>) -> Result<Option<Vec<f32>>, WeightsError> {
        name.map(|name| self.vector(name, self.layout.config.head_dim)).transpose()
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, WeightsError> {
        let mut vector = vec![0.0; len];
        self.read(name, 0, &mut vector)?;
        Ok(vector)
    }

    fn matrix(&self, linear: &Linear) -> Result<Matrix, WeightsError> {
        let (rows, cols) = (linear.n_out(), linear.n_in);
        Ok(Matrix { rows, cols, data: self.stacked(linear, Part::weight, cols)? })
    }

    fn bias(&self, linear: &Linear) -> Result<Option<Vec<f32>>, WeightsError> {
        linear.has_bias.then(|| self.stacked(linear, Part::bias, 1)).transpose()
    }

    /// The parts' rows, `width` elements each, in our order.
    fn stacked(&self, linear: &Linear, name: fn(&Part) -> String, width: usize) -> Result<Vec<f32>, WeightsError> {
        let mut data = vec![0.0; linear.n_out() * width];
        for part in &linear.parts {
            let name = name(part);
            for run in &part.runs {
                self.read(&name, run.stored * width, &mut data[run.ours * width..][..run.len * width])?;
            }
        }
        Ok(data)
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

/// Bytes of a file in memory, from an offset on.
fn copy(bytes: &[u8], offset: u64, out: &mut [u8]) -> io::Result<()> {
    let start = usize::try_from(offset).map_err(io::Error::other)?;
    let source = bytes.get(start..).and_then(|rest| rest.get(..out.len()));
    out.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

//! A transformer's whole pass in kernels of our own: the decode engine.
//!
//! It reads a text into a [`Prefix`], and lets siblings go on from it ([`Siblings`]): each step is a fixed list of
//! dispatches that reads how far it is on the device, so that several steps are one submit, and what is drawn is read by
//! the next step where it lies. It knows shapes and weights, and nothing of configurations, files and texts.

mod cache;
mod counters;
mod kernels;
mod pass;
mod siblings;
mod synthetic;
#[cfg(test)]
mod tests;

pub use self::cache::Prefix;
pub use self::counters::{Counters, counters, read_cost, step_cost};
pub use self::siblings::{STEPS, Siblings};

use wgpu::{Buffer, BufferUsages};

use self::cache::Cache;
use self::kernels::Kernels;
use self::pass::{Pass, Workspace};
use crate::gpu::{Gpu, GpuError};
use crate::product::ProductError;
use crate::rotary::Columns;
use crate::weights::{BLOCK, DeviceWeights, MatrixShape, Packed};

const OP: &str = "the decode engine";

/// Tokens of a prompt that go through the layers together.
const PART: usize = 256;

/// A decoder-only transformer's sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Rows of the embedding.
    pub vocab: u32,
    /// Rows of the head: as many as of the embedding where it gives logits, 1 where it gives a reward.
    pub n_outputs: u32,
    /// Width of the residual stream; a multiple of 32.
    pub hidden: u32,
    /// Width of the feed-forward layer; a multiple of 32.
    pub ffn: u32,
    pub n_layers: u32,
    /// Heads of queries; a multiple of `n_kv_heads`.
    pub n_heads: u32,
    pub n_kv_heads: u32,
    /// Numbers of a head: a multiple of 4, 256 at most; all query heads together are a multiple of 32.
    pub head_dim: u32,
    /// Added to the mean square inside every norm.
    pub epsilon: f32,
}

/// The weights of one block, matrices `[out, in]`.
#[derive(Clone, Copy, Debug)]
pub struct BlockWeights<'a> {
    /// `[hidden]`.
    pub attention_norm: &'a [f32],
    /// `[(n_heads + 2 * n_kv_heads) * head_dim, hidden]`: all queries, all keys, all values.
    pub qkv: &'a Packed,
    pub qkv_bias: Option<&'a [f32]>,
    /// The norms over each query head and each key head, `[head_dim]` each.
    pub head_norms: Option<[&'a [f32]; 2]>,
    /// `[hidden, n_heads * head_dim]`.
    pub output: &'a Packed,
    pub output_bias: Option<&'a [f32]>,
    /// `[hidden]`.
    pub ffn_norm: &'a [f32],
    /// `[2 * ffn, hidden]`: the gates, then what they multiply.
    pub gate_up: &'a Packed,
    /// `[hidden, ffn]`.
    pub down: &'a Packed,
}

/// Why the engine refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The kernels do not do such a model.
    #[error("no kernels for {0:?}: {1}")]
    Shape(Shape, &'static str),
    /// A tensor is not what the shape says.
    #[error("{what} has {given} numbers, and the model's shape asks for {expected}")]
    Weights { what: &'static str, expected: usize, given: usize },
    /// Blocks are missing, or there are too many.
    #[error("the model has {expected} blocks, and {given} were given")]
    Blocks { expected: usize, given: usize },
    /// What is to be read is empty, or its tokens or angles are not the model's.
    #[error("the text does not suit the model: {0}")]
    Text(&'static str),
    /// The samples' logits do not fit into one binding.
    #[error("{n} samples of {vocab} logits: 1 to {at_most} fit at once on this device; ask for fewer")]
    Samples { n: usize, vocab: u32, at_most: usize },
    /// A product was refused or failed.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// A model on a device.
#[derive(Debug)]
pub struct Engine {
    gpu: Gpu,
    shape: Shape,
    embedding: DeviceWeights,
    blocks: Vec<Block>,
    norm: Buffer,
    head: DeviceWeights,
    kernels: Kernels,
}

/// The weights of one block on a device.
#[derive(Debug)]
struct Block {
    attention_norm: Buffer,
    qkv: DeviceWeights,
    qkv_bias: Option<Buffer>,
    head_norms: Option<Buffer>,
    output: DeviceWeights,
    output_bias: Option<Buffer>,
    ffn_norm: Buffer,
    gate_up: DeviceWeights,
    down: DeviceWeights,
}

/// What the head makes of a text's last token, on the device: of a language model the logits of the token that follows,
/// which siblings draw their first token from, of a reward model the reward.
#[derive(Clone, Debug)]
pub struct Logits(Buffer);

impl Engine {
    /// The beginning of a model, without blocks: `embedding` is `[vocab, hidden]`, `head` `[n_outputs, hidden]`, `None` for a
    /// head that is the embedding, `norm` the last norm's gains.
    ///
    /// # Errors
    /// When the kernels do not do such a shape, the weights are not of that shape, or the device fails.
    pub async fn new(
        gpu: &Gpu,
        shape: Shape,
        embedding: &Packed,
        norm: &[f32],
        head: Option<&Packed>,
    ) -> Result<Self, EngineError> {
        shape.check()?;
        let rows = MatrixShape { n_rows: shape.vocab, n_columns: shape.hidden };
        check_matrix("the embedding", embedding, rows)?;
        check_length("the last norm", norm, shape.hidden)?;
        let embedding = DeviceWeights::upload(gpu, embedding).await?;
        let head = match head {
            Some(head) => {
                check_matrix("the head", head, shape.head())?;
                DeviceWeights::upload(gpu, head).await?
            }
            None if shape.n_outputs == shape.vocab => embedding.clone(),
            None => return Err(EngineError::Shape(shape, "a head that is the embedding has as many rows")),
        };
        let kernels = Kernels::new(gpu, shape, embedding.format).await?;
        let norm = gpu.upload("norm", norm);
        Ok(Self { gpu: gpu.clone(), shape, embedding, blocks: Vec::new(), norm, head, kernels })
    }

    /// Puts a block behind the others.
    ///
    /// # Errors
    /// When there are enough, its weights are not of the model's shape, or the device fails.
    pub async fn push(&mut self, block: BlockWeights<'_>) -> Result<(), EngineError> {
        let (shape, gpu) = (self.shape, &self.gpu);
        let (expected, given) = (shape.n_layers as usize, self.blocks.len() + 1);
        if given > expected {
            return Err(EngineError::Blocks { expected, given });
        }
        block.check(shape)?;
        let bias = |bias: Option<&[f32]>| bias.map(|bias| gpu.upload("bias", bias));
        let block = Block {
            attention_norm: gpu.upload("norm", block.attention_norm),
            qkv: DeviceWeights::upload(gpu, block.qkv).await?,
            qkv_bias: bias(block.qkv_bias),
            head_norms: block.head_norms.map(|norms| gpu.upload("head norms", &norms.concat())),
            output: DeviceWeights::upload(gpu, block.output).await?,
            output_bias: bias(block.output_bias),
            ffn_norm: gpu.upload("norm", block.ffn_norm),
            gate_up: DeviceWeights::upload_gated(gpu, block.gate_up).await?,
            down: DeviceWeights::upload(gpu, block.down).await?,
        };
        self.blocks.push(block);
        Ok(())
    }

    /// What it runs on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The model's sizes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of weights on the device.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        let blocks = self.blocks.iter().flat_map(|block| [&block.qkv, &block.output, &block.gate_up, &block.down]);
        let is_tied = self.head.shards.first().map(|shard| &shard.quants)
            == self.embedding.shards.first().map(|shard| &shard.quants);
        let head = (!is_tied).then_some(&self.head);
        blocks.chain([&self.embedding]).chain(head).map(|weights| weights.shape.n_bytes(weights.format)).sum()
    }

    /// Reads `tokens` behind the first `n_kept` tokens of a prefix, which stays as it is: the longer prefix, and what
    /// the head makes of the last token. `angles` has cosine and sine of each pair of a head's numbers for each of the tokens,
    /// `[n_tokens, head_dim / 2, 2]`.
    ///
    /// # Errors
    /// When blocks are missing, the text is not the model's, or the device fails.
    pub async fn read(
        &mut self,
        prefix: &Prefix,
        n_kept: usize,
        tokens: &[u32],
        angles: &[f32],
    ) -> Result<(Prefix, Logits), EngineError> {
        self.check_blocks()?;
        let shape = self.shape;
        let per_token = shape.head_dim as usize;
        if tokens.is_empty() || tokens.iter().any(|token| *token >= shape.vocab) {
            return Err(EngineError::Text("it is empty, or has tokens that the model has not"));
        }
        if angles.len() != tokens.len() * per_token || n_kept > prefix.n_tokens() {
            return Err(EngineError::Text("it has other angles or a longer prefix than it says"));
        }
        let n_all = n_kept + tokens.len();
        let cache = Cache::begun(&self.gpu, shape, &prefix.cache, n_kept, n_all).await?;
        let needs = self.needs();
        let state = self.gpu.state(&[0, 0]);
        let mut workspace: Option<(u32, Workspace)> = None;
        let mut n_past = n_kept;
        for (part, angles) in tokens.chunks(PART).zip(angles.chunks(PART * per_token)) {
            let n_columns = part.len() as u32;
            if workspace.as_ref().is_none_or(|(n, _)| *n != n_columns) {
                self.kernels.prepare(&self.gpu, &needs, n_columns).await?;
                self.kernels.prepare(&self.gpu, &needs, 1).await?;
                let room = Workspace::new(&self.gpu, shape, n_columns, 1, n_all as u32).await?;
                workspace = Some((n_columns, room));
            }
            let Some((_, workspace)) = &workspace else { continue };
            let pass = Pass {
                engine: self,
                workspace,
                n_columns,
                columns: Columns::Text { n_past: n_past as u32 },
                angles: &self.gpu.upload("angles", angles),
                state: &state,
                prefix: &cache,
                n_prefix: (n_past + part.len()) as u32,
                own: None,
            };
            n_past += part.len();
            let work = || {
                self.gpu.queue.write_buffer(&workspace.tokens, 0, bytemuck::cast_slice(part));
                let mut steps = pass.embedding();
                steps.extend(pass.blocks()?);
                if n_past == n_all {
                    steps.extend(pass.head(n_columns - 1, 1)?);
                }
                self.gpu.run(&steps);
                Ok::<(), EngineError>(())
            };
            self.gpu.attempt(OP, work).await??;
        }
        let Some((_, workspace)) = workspace else { return Err(EngineError::Text("it is empty")) };
        Ok((Prefix::new(cache, n_all), Logits(workspace.logits)))
    }

    /// What the head made of texts, on the host, in one read-back: `[texts, n_outputs]`.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn fetch(&self, texts: &[&Logits]) -> Result<Vec<f32>, EngineError> {
        let outputs: Vec<&Buffer> = texts.iter().map(|Logits(outputs)| outputs).collect();
        Ok(bytemuck::cast_vec(self.gpu.read_words_of(OP, &outputs, u64::from(self.shape.n_outputs)).await?))
    }

    fn check_blocks(&self) -> Result<(), EngineError> {
        let (expected, given) = (self.shape.n_layers as usize, self.blocks.len());
        if expected == given { Ok(()) } else { Err(EngineError::Blocks { expected, given }) }
    }
}

impl Shape {
    fn check(self) -> Result<(), EngineError> {
        let Self { vocab, n_outputs, hidden, ffn, n_layers, n_heads, n_kv_heads, head_dim, .. } = self;
        let wrong = |why| Err(EngineError::Shape(self, why));
        if [vocab, n_outputs, hidden, ffn, n_layers, n_heads, n_kv_heads, head_dim].contains(&0) {
            return wrong("no size may be 0");
        }
        if !n_heads.is_multiple_of(n_kv_heads) {
            return wrong("n_heads must be a multiple of n_kv_heads");
        }
        if !head_dim.is_multiple_of(4) || head_dim > 256 {
            return wrong("head_dim must be a multiple of 4, and 256 at most");
        }
        if [hidden, ffn, self.q_width()].iter().any(|width| !width.is_multiple_of(BLOCK as u32)) {
            return wrong("hidden, ffn and n_heads * head_dim must be multiples of 32");
        }
        Ok(())
    }

    /// The head's sides.
    fn head(self) -> MatrixShape {
        MatrixShape { n_rows: self.n_outputs, n_columns: self.hidden }
    }

    /// Numbers of all query heads of a token.
    pub(crate) const fn q_width(self) -> u32 {
        self.n_heads * self.head_dim
    }

    /// Numbers of queries, keys and values of a token.
    pub(crate) const fn qkv_width(self) -> u32 {
        (self.n_heads + 2 * self.n_kv_heads) * self.head_dim
    }

    /// The matrices of a block, in the order in which they are multiplied with.
    fn matrices(self) -> [MatrixShape; 4] {
        let Self { hidden, ffn, .. } = self;
        let of = |n_rows, n_columns| MatrixShape { n_rows, n_columns };
        [of(self.qkv_width(), hidden), of(hidden, self.q_width()), of(2 * ffn, hidden), of(hidden, ffn)]
    }
}

impl BlockWeights<'_> {
    fn check(&self, shape: Shape) -> Result<(), EngineError> {
        let [qkv, output, gate_up, down] = shape.matrices();
        check_matrix("the matrix of queries, keys and values", self.qkv, qkv)?;
        check_matrix("the matrix behind attention", self.output, output)?;
        check_matrix("the matrix of gates", self.gate_up, gate_up)?;
        check_matrix("the last matrix of a block", self.down, down)?;
        check_length("the norm before attention", self.attention_norm, shape.hidden)?;
        check_length("the norm before gates", self.ffn_norm, shape.hidden)?;
        let mut sides = vec![];
        sides.extend(self.qkv_bias.map(|bias| ("the bias of queries, keys and values", bias, shape.qkv_width())));
        sides.extend(self.output_bias.map(|bias| ("the bias behind attention", bias, shape.hidden)));
        sides.extend(self.head_norms.into_iter().flatten().map(|norm| ("a norm over heads", norm, shape.head_dim)));
        sides.into_iter().try_for_each(|(what, numbers, expected)| check_length(what, numbers, expected))
    }
}

fn check_matrix(what: &'static str, packed: &Packed, shape: MatrixShape) -> Result<(), EngineError> {
    let numbers = |shape: MatrixShape| shape.n_rows as usize * shape.n_columns as usize;
    if packed.shape == shape {
        return Ok(());
    }
    Err(EngineError::Weights { what, expected: numbers(shape), given: numbers(packed.shape) })
}

fn check_length(what: &'static str, numbers: &[f32], expected: u32) -> Result<(), EngineError> {
    let (expected, given) = (expected as usize, numbers.len());
    if given == expected { Ok(()) } else { Err(EngineError::Weights { what, expected, given }) }
}

impl Gpu {
    /// A buffer of words that kernels count in.
    fn state(&self, words: &[u32]) -> Buffer {
        let buffer = self.storage("state", 4 * words.len() as u64, BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        buffer
    }
}

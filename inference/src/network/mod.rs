//! The network: a decoder-only transformer with grouped-query attention, rotary positions and SwiGLU, as InternLM2
//! (arXiv 2403.17297) and the LLaMA family build it, with a language-model head or a reward head.

mod attention;
mod block;
mod cache;
mod cpu;
#[cfg(not(target_arch = "wasm32"))]
mod learn;
mod packed;
mod rotary;
mod tiles;
mod vectors;
mod weight;

use burn::tensor::{Int, Tensor};

pub use self::cache::{Branches, Prefix};
#[cfg(not(target_arch = "wasm32"))]
pub(super) use self::rotary::rotary_tables;
pub(super) use self::rotary::{angles, is_stable as can_keep};
pub use self::tiles::Compute;

use self::block::{Block, RmsNorm};
use self::rotary::Angles;
use self::tiles::Tiling;
use self::weight::Weight;
use super::config::ModelConfig;
use super::weights::{Checkpoint, Format, HeadWeights, Matrix, Stored, WeightsError};

/// Scores of one attention call are kept below this many elements; longer texts are read in several parts.
const MAX_SCORES: usize = 16 << 20;

/// The weights on a device.
#[derive(Clone, Debug)]
struct Weights {
    /// `[vocab, hidden]`.
    embedding: Weight,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// `[vocab, hidden]`, or `[1, hidden]` for a reward; `None` when it is the embedding.
    head: Option<Weight>,
}

/// A model on a device. Tokens must be smaller than the vocabulary.
#[derive(Clone, Debug)]
pub struct Network {
    config: ModelConfig,
    compute: Compute,
    format: Format,
    weights: Weights,
}

impl Network {
    /// Brings a checkpoint onto a device, tensor by tensor; `progress` is told how many bytes of how many are there.
    ///
    /// # Errors
    /// When a tensor cannot be read or holds something that is not a number.
    pub fn load(
        config: &ModelConfig,
        checkpoint: &Checkpoint<'_>,
        compute: &Compute,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, WeightsError> {
        Self::load_as(Format::F32, config, checkpoint, compute, progress)
    }

    /// [`Network::load`] with the matrices in a format. Packed ones run on the CPU; each is packed while it is read, so that
    /// there is never more than what is loaded.
    ///
    /// # Errors
    /// When a tensor cannot be read, holds something that is not a number or does not go into the format, or the device
    /// does not run it.
    pub fn load_as(
        format: Format,
        config: &ModelConfig,
        checkpoint: &Checkpoint<'_>,
        compute: &Compute,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, WeightsError> {
        checkpoint.check_format(format)?;
        if format != Format::F32 && !compute.is_host() {
            return Err(WeightsError::Device(format));
        }
        let total = checkpoint.n_bytes_in(format);
        let mut done = 0;
        let mut loaded = |n_bytes: u64| {
            done += n_bytes;
            progress(done.min(total), total);
        };
        let weight = |stored: Stored| Weight::new(stored, compute);
        let embedding = checkpoint.embedding_in(format)?;
        loaded(embedding.n_bytes());
        let embedding = weight(embedding);
        let mut blocks = Vec::with_capacity(config.n_layers);
        for idx in 0..config.n_layers {
            let block = checkpoint.block_in(idx, format)?;
            let n_bytes = [&block.wqkv, &block.wo, &block.gate_up, &block.down].map(Stored::n_bytes).iter().sum();
            blocks.push(Block::new(block, config.norm_eps, compute.device(), weight));
            loaded(n_bytes);
        }
        let norm = RmsNorm::new(checkpoint.final_norm()?, config.norm_eps, compute.device());
        let head = match checkpoint.head_in(format)? {
            HeadWeights::Tied => None,
            HeadWeights::LanguageModel(head) => Some(weight(head)),
            HeadWeights::Reward(head) => Some(weight(Stored::Dense(Matrix { rows: 1, cols: head.len(), data: head }))),
        };
        progress(total, total);
        let weights = Weights { embedding, blocks, norm, head };
        Ok(Self { config: config.clone(), compute: compute.clone(), format, weights })
    }

    /// What its matrices are stored in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What it runs on.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Whether a prefix of a text of `n_tokens` serves other texts too. Dynamic rotary positions beyond those of the
    /// training depend on the whole text's length.
    #[must_use]
    pub fn can_keep(&self, n_tokens: usize) -> bool {
        rotary::is_stable(&self.config, n_tokens)
    }

    /// Logits at every position of a text, `[n_tokens, vocab]`; for a reward model `[n_tokens, 1]`.
    #[must_use]
    pub fn logits(&self, tokens: &[u32]) -> Tensor<2> {
        let (_, hidden) = self.read(Prefix::default(), tokens);
        self.head(hidden).transpose()
    }

    /// Reads `tokens` behind a prefix: the longer prefix, and the logits of the token that follows, `[1, vocab]`.
    #[must_use]
    pub fn extend(&self, prefix: Prefix, tokens: &[u32]) -> (Prefix, Tensor<2>) {
        let (prefix, hidden) = self.read(prefix, tokens);
        let [_, n_read] = hidden.dims();
        // Copied out: a column inside of a wider matrix is no operand for some of a GPU's products, which panic over it.
        let last = Tensor::<1, Int>::from_data([i32::try_from(n_read - 1).unwrap_or(i32::MAX)], self.compute.device());
        let logits = self.head(hidden.select(1, last));
        (prefix, logits.transpose())
    }

    /// Branches without tokens for `n` samples.
    #[must_use]
    pub fn branches(&self, n: usize) -> Branches {
        let shape = [n, self.config.n_kv_heads, self.config.head_dim];
        Branches::new(self.config.n_layers, shape, self.compute.device())
    }

    /// Appends one token to each branch and returns the logits of the tokens that follow, `[n, vocab]`.
    #[must_use]
    pub fn step(&self, tokens: &[u32], prefix: &Prefix, branches: &mut Branches) -> Tensor<2> {
        let n = tokens.len();
        let position = prefix.tokens.len() + branches.n_tokens();
        let tiling = self.compute.tiling(n);
        let frequencies = rotary::frequencies(&self.config, position + 1);
        let positions = vec![position; tiling.n_columns()];
        let angles = Angles::new(&frequencies, &positions, tiling.n_tiles, self.compute.device());
        let mut x = self.embed(tokens, tiling);
        for (layer, block) in self.weights.blocks.iter().enumerate() {
            x = block.forward(&self.compute, x, |qkv| {
                let [q, k, v] = self.split_heads(block, qkv, &angles, tiling);
                let own = branches.push(layer, k, v);
                tiling.pack(attention::shared_prefix(&self.compute, q, prefix.layers[layer].clone(), own))
            });
        }
        branches.advance();
        self.head(tiling.unpack(self.weights.norm.forward(&self.compute, x))).transpose()
    }

    /// The reward at the last token of each text, `[n_texts]`, in one packed batch behind a common prefix.
    #[must_use]
    pub fn rewards(&self, prefix: &Prefix, texts: &[&[u32]]) -> Tensor<1> {
        let mut end = 0;
        let ends = texts.iter().map(|text| {
            end += text.len();
            end - 1
        });
        let ends: Vec<usize> = ends.collect();
        self.at_columns(prefix, texts, &ends).reshape([texts.len()])
    }

    /// The head's output at `columns` of the texts, counted through all of them: `[vocab, n_columns]`, or
    /// `[1, n_columns]` for a reward. The texts are packed one after the other behind a common prefix.
    pub(crate) fn at_columns(&self, prefix: &Prefix, texts: &[&[u32]], columns: &[usize]) -> Tensor<2> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let longest = prefix.tokens.len() + lengths.iter().max().copied().unwrap_or(0);
        let (_, hidden) = self.forward(prefix, &texts.concat(), &lengths, longest);
        let columns: Vec<i32> = columns.iter().map(|column| i32::try_from(*column).unwrap_or(i32::MAX)).collect();
        let columns = Tensor::<1, Int>::from_data(columns.as_slice(), self.compute.device());
        self.head(hidden.select(1, columns))
    }

    /// Reads one text, in parts whose attention scores fit: the longer prefix, and the last norm's output for the new
    /// tokens, `[hidden, n_tokens]`.
    fn read(&self, mut prefix: Prefix, tokens: &[u32]) -> (Prefix, Tensor<2>) {
        let n_all = prefix.tokens.len() + tokens.len();
        let part = (MAX_SCORES / (self.config.n_heads * n_all).max(1)).max(1);
        let mut hidden = Vec::new();
        for tokens in tokens.chunks(part) {
            let (layers, of_part) = self.forward(&prefix, tokens, &[tokens.len()], n_all);
            prefix.layers = layers;
            prefix.tokens.extend_from_slice(tokens);
            hidden.push(of_part);
        }
        (prefix, Tensor::cat(hidden, 1))
    }

    /// Reads texts of these lengths, each behind the same prefix, packed one after the other so that no product works
    /// on padding. Returns the prefix's layers with the last text behind them, and the last norm's output for all,
    /// `[hidden, n_tokens]`. Rotary positions are those of a text of `n_all` tokens.
    fn forward(
        &self,
        prefix: &Prefix,
        tokens: &[u32],
        lengths: &[usize],
        n_all: usize,
    ) -> (Vec<(Tensor<3>, Tensor<3>)>, Tensor<2>) {
        let n_past = prefix.tokens.len();
        let tiling = self.compute.tiling(tokens.len());
        let mut positions: Vec<usize> = lengths.iter().flat_map(|length| n_past..n_past + length).collect();
        positions.resize(tiling.n_columns(), 0);
        let frequencies = rotary::frequencies(&self.config, n_all);
        let angles = Angles::new(&frequencies, &positions, tiling.n_tiles, self.compute.device());
        let mut layers = Vec::with_capacity(self.weights.blocks.len());
        let mut x = self.embed(tokens, tiling);
        for (layer, block) in self.weights.blocks.iter().enumerate() {
            x = block.forward(&self.compute, x, |qkv| {
                let [q, k, v] = self.split_heads(block, qkv, &angles, tiling);
                let mut gathered = Vec::with_capacity(lengths.len());
                let mut at = 0;
                for length in lengths {
                    let of_text = |all: &Tensor<3>| all.clone().narrow(2, at, *length);
                    let (keys, values) = prefix.extended(layer, (of_text(&k), of_text(&v)));
                    gathered.push(attention::causal(&self.compute, of_text(&q), keys.clone(), values.clone()));
                    layers.truncate(layer);
                    layers.push((keys, values));
                    at += length;
                }
                tiling.pack(Tensor::cat(gathered, 1))
            });
        }
        (layers, tiling.unpack(self.weights.norm.forward(&self.compute, x)))
    }

    /// The embeddings of `tokens` as tiles; the filling is token 0.
    fn embed(&self, tokens: &[u32], tiling: Tiling) -> Tensor<3> {
        let mut ids = tokens.to_vec();
        ids.resize(tiling.n_columns(), 0);
        tiling.tiles_of_rows(self.weights.embedding.rows(&ids, &self.compute))
    }

    /// Tiles of queries, keys and values as heads, `[heads, head_dim, n_tokens]` each: queries and keys normed where the
    /// block has norms for them, and turned to their positions, queries divided by the root of `head_dim`.
    fn split_heads(&self, block: &Block, qkv: Tensor<3>, angles: &Angles, tiling: Tiling) -> [Tensor<3>; 3] {
        let ModelConfig { n_heads, n_kv_heads, head_dim, .. } = self.config;
        let Tiling { n_tokens, tile, n_tiles } = tiling;
        let heads = qkv.reshape([n_tiles, n_heads + 2 * n_kv_heads, head_dim, tile]);
        let mut turned = heads.clone().narrow(1, 0, n_heads + n_kv_heads);
        if let (Some(q_norm), Some(k_norm)) = (&block.q_norm, &block.k_norm) {
            let queries = q_norm.forward_heads(&self.compute, turned.clone().narrow(1, 0, n_heads));
            let keys = k_norm.forward_heads(&self.compute, turned.narrow(1, n_heads, n_kv_heads));
            turned = Tensor::cat(vec![queries, keys], 1);
        }
        let turned = angles.turn(turned);
        let unpack = |heads: Tensor<4>| {
            let [_, n, _, _] = heads.dims();
            heads.permute([1, 2, 0, 3]).reshape([n, head_dim, n_tiles * tile]).narrow(2, 0, n_tokens)
        };
        let q = unpack(turned.clone().narrow(1, 0, n_heads)).div_scalar((head_dim as f64).sqrt());
        let k = unpack(turned.narrow(1, n_heads, n_kv_heads));
        let v = unpack(heads.narrow(1, n_heads + n_kv_heads, n_kv_heads));
        [q, k, v]
    }

    /// The head's output for columns of `[hidden, n_tokens]`: `[vocab, n_tokens]`, or `[1, n_tokens]` for a reward.
    fn head(&self, hidden: Tensor<2>) -> Tensor<2> {
        let head = self.weights.head.as_ref().unwrap_or(&self.weights.embedding);
        let tiling = self.compute.tiling(hidden.dims()[1]);
        tiling.unpack(head.project(&self.compute, tiling.pack(hidden)))
    }
}

#[cfg(test)]
pub(crate) mod tests;

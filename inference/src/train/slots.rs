//! The arrays of weights in one fixed order, so that tensors, gradients and moments can stand side by side.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{Head, ModelConfig};
use crate::weights::{BlockWeights, HeadWeights, Matrix, ModelWeights};

/// Where each array of a model stands.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) embedding: usize,
    pub(super) blocks: Vec<BlockSlots>,
    pub(super) final_norm: usize,
    /// None when the embedding is the head.
    pub(super) head: Option<usize>,
    /// One for every array, in order.
    pub(super) all: Vec<Slot>,
}

/// Where the arrays of one block stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockSlots {
    pub(super) attention_norm: usize,
    pub(super) wqkv: usize,
    pub(super) qkv_bias: Option<usize>,
    pub(super) q_norm: Option<usize>,
    pub(super) k_norm: Option<usize>,
    pub(super) wo: usize,
    pub(super) wo_bias: Option<usize>,
    pub(super) ffn_norm: usize,
    pub(super) gate_up: usize,
    pub(super) down: usize,
}

/// One array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// In saved states.
    pub(super) name: String,
    pub(super) kind: SlotKind,
    /// A vector is one row.
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// What an array is, which decides how it is treated in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    /// A norm's scale or a bias: its weights do not decay.
    Vector,
    /// The embedding or a head.
    Table,
    /// A projection inside a block, which an adapter can be put on.
    Projection,
}

impl Slots {
    /// The arrays of a model of this shape.
    pub(super) fn new(config: &ModelConfig) -> Self {
        let &ModelConfig { vocab_size, hidden, ffn, .. } = config;
        let mut all: Vec<Slot> = Vec::new();
        let mut add = |name: String, kind, rows, cols| {
            all.push(Slot { name, kind, rows, cols });
            all.len() - 1
        };
        let embedding = add("embedding".to_owned(), SlotKind::Table, vocab_size, hidden);
        let block = |idx: usize| {
            let mut add = |name: &str, kind, rows, cols| add(format!("blocks.{idx}.{name}"), kind, rows, cols);
            let (vector, projection) = (SlotKind::Vector, SlotKind::Projection);
            BlockSlots {
                attention_norm: add("attention_norm", vector, 1, hidden),
                wqkv: add("wqkv", projection, config.qkv_width(), hidden),
                qkv_bias: config.qkv_bias.then(|| add("qkv_bias", vector, 1, config.qkv_width())),
                q_norm: config.has_head_norms().then(|| add("q_norm", vector, 1, config.head_dim)),
                k_norm: config.has_head_norms().then(|| add("k_norm", vector, 1, config.head_dim)),
                wo: add("wo", projection, hidden, config.q_width()),
                wo_bias: config.output_bias.then(|| add("wo_bias", vector, 1, hidden)),
                ffn_norm: add("ffn_norm", vector, 1, hidden),
                gate_up: add("gate_up", projection, 2 * ffn, hidden),
                down: add("down", projection, hidden, ffn),
            }
        };
        let blocks = (0..config.n_layers).map(block).collect();
        let final_norm = add("final_norm".to_owned(), SlotKind::Vector, 1, hidden);
        let head = match config.head {
            Head::Reward { .. } => Some(1),
            Head::LanguageModel if config.tied => None,
            Head::LanguageModel => Some(vocab_size),
        };
        let head = head.map(|rows| add("head".to_owned(), SlotKind::Table, rows, hidden));
        Self { embedding, blocks, final_norm, head, all }
    }

    /// The weights' arrays in this order; the first slot whose array has another length is the error.
    pub(super) fn split(&self, weights: ModelWeights) -> Result<Vec<Vec<f32>>, &Slot> {
        let mut arrays = vec![weights.embedding.data];
        for block in weights.blocks {
            let BlockWeights { attention_norm, wqkv, qkv_bias, q_norm, k_norm, wo, wo_bias, ffn_norm, gate_up, down } =
                block;
            arrays.extend([attention_norm, wqkv.data].into_iter().chain(qkv_bias).chain(q_norm).chain(k_norm));
            arrays.extend([wo.data].into_iter().chain(wo_bias));
            arrays.extend([ffn_norm, gate_up.data, down.data]);
        }
        arrays.push(weights.final_norm);
        match weights.head {
            HeadWeights::Tied => {}
            HeadWeights::LanguageModel(head) => arrays.push(head.data),
            HeadWeights::Reward(head) => arrays.push(head),
        }
        let lengths = arrays.iter().map(|array| Some(array.len())).chain(std::iter::repeat(None));
        match self.all.iter().zip(lengths).find(|(slot, length)| *length != Some(slot.rows * slot.cols)) {
            Some((slot, _)) => Err(slot),
            None => Ok(arrays),
        }
    }

    /// Puts weights together from arrays in this order.
    pub(super) fn join(&self, config: &ModelConfig, mut arrays: Vec<Vec<f32>>) -> ModelWeights {
        let mut vector = |slot: usize| std::mem::take(&mut arrays[slot]);
        let mut matrix = |slot: usize| {
            let Slot { rows, cols, .. } = self.all[slot];
            Matrix { rows, cols, data: vector(slot) }
        };
        let embedding = matrix(self.embedding);
        let blocks = self.blocks.iter().map(|block| BlockWeights {
            attention_norm: matrix(block.attention_norm).data,
            wqkv: matrix(block.wqkv),
            qkv_bias: block.qkv_bias.map(|slot| matrix(slot).data),
            q_norm: block.q_norm.map(|slot| matrix(slot).data),
            k_norm: block.k_norm.map(|slot| matrix(slot).data),
            wo: matrix(block.wo),
            wo_bias: block.wo_bias.map(|slot| matrix(slot).data),
            ffn_norm: matrix(block.ffn_norm).data,
            gate_up: matrix(block.gate_up),
            down: matrix(block.down),
        });
        let blocks = blocks.collect();
        let final_norm = matrix(self.final_norm).data;
        let head = match (self.head.map(&mut matrix), config.head) {
            (None, _) => HeadWeights::Tied,
            (Some(head), Head::LanguageModel) => HeadWeights::LanguageModel(head),
            (Some(head), Head::Reward { .. }) => HeadWeights::Reward(head.data),
        };
        ModelWeights { embedding, blocks, final_norm, head }
    }
}

impl Slot {
    /// Its array as a tensor, `[rows, cols]`.
    pub(super) fn tensor(&self, array: Vec<f32>, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(array, [self.rows, self.cols]), device)
    }
}

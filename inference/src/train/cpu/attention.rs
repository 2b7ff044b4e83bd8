//! Causal attention of packed texts, forward and backward, each text for itself.

use burn::tensor::{Device, Tensor};

use super::kernels;
use super::slice_mut;
use crate::config::ModelConfig;

/// The shape of attention over packed texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention<'a> {
    pub(super) config: &'a ModelConfig,
    /// Tokens of each text.
    pub(super) lengths: &'a [usize],
    pub(super) device: &'a Device,
}

/// Queries, keys and values as heads, `[n_kv_heads, group, head_dim, n]`; the group of keys and values is 1.
struct Heads {
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
}

impl Attention<'_> {
    /// `qkv` is `[(n_heads + 2 * n_kv_heads) * head_dim, n]`, turned to the positions, queries divided by the root of
    /// `head_dim`. Returns what was gathered, `[n_heads * head_dim, n]`, and each text's weights,
    /// `[n_kv_heads, group, n_keys, n_queries]`.
    pub(super) fn forward(self, qkv: &Tensor<2>) -> (Tensor<2>, Vec<Tensor<4>>) {
        let heads = self.heads(qkv);
        let (mut gathered, mut all_weights) = (Vec::new(), Vec::new());
        for (at, length) in self.texts() {
            let Heads { queries, keys, values } = heads.text(at, length);
            let mut scores = keys.swap_dims(2, 3).matmul(queries).into_data();
            kernels::causal_softmax(slice_mut(&mut scores), length);
            let weights = Tensor::from_data(scores, self.device);
            gathered.push(values.matmul(weights.clone()).reshape([self.config.q_width(), length]));
            all_weights.push(weights);
        }
        (Tensor::cat(gathered, 1), all_weights)
    }

    /// The gradient by `qkv` from that by what was gathered.
    pub(super) fn backward(self, qkv: &Tensor<2>, all_weights: Vec<Tensor<4>>, d_gathered: Tensor<2>) -> Tensor<2> {
        let &ModelConfig { n_heads, n_kv_heads, head_dim, .. } = self.config;
        let group = n_heads / n_kv_heads;
        let heads = self.heads(qkv);
        let [_, n] = d_gathered.dims();
        let d_gathered = d_gathered.reshape([n_kv_heads, group, head_dim, n]);
        let mut d_qkv = Vec::new();
        for ((at, length), weights) in self.texts().zip(all_weights) {
            let Heads { queries, keys, values } = heads.text(at, length);
            let d_out = d_gathered.clone().narrow(3, at, length);
            let d_values = d_out.clone().matmul(weights.clone().swap_dims(2, 3)).sum_dim(1);
            let mut d_weights = values.swap_dims(2, 3).matmul(d_out).into_data();
            let mut weights = weights.into_data();
            kernels::causal_softmax_backward(slice_mut(&mut weights), slice_mut(&mut d_weights), length);
            let d_scores = Tensor::<4>::from_data(d_weights, self.device);
            let d_queries = keys.matmul(d_scores.clone());
            let d_keys = queries.matmul(d_scores.swap_dims(2, 3)).sum_dim(1);
            let rows = |heads: Tensor<4>| heads.reshape([-1, length as i64]);
            d_qkv.push(Tensor::cat(vec![rows(d_queries), rows(d_keys), rows(d_values)], 0));
        }
        Tensor::cat(d_qkv, 1)
    }

    /// Where each text begins, and its length.
    fn texts(self) -> impl Iterator<Item = (usize, usize)> {
        self.lengths.iter().scan(0, |at, length| {
            let start = *at;
            *at += length;
            Some((start, *length))
        })
    }

    fn heads(self, qkv: &Tensor<2>) -> Heads {
        let &ModelConfig { n_heads, n_kv_heads, head_dim, .. } = self.config;
        let [_, n] = qkv.dims();
        let (q_width, kv_width) = (self.config.q_width(), self.config.kv_width());
        let part = |first, rows, group| qkv.clone().narrow(0, first, rows).reshape([n_kv_heads, group, head_dim, n]);
        Heads {
            queries: part(0, q_width, n_heads / n_kv_heads),
            keys: part(q_width, kv_width, 1),
            values: part(q_width + kv_width, kv_width, 1),
        }
    }
}

impl Heads {
    fn text(&self, at: usize, length: usize) -> Self {
        let part = |heads: &Tensor<4>| heads.clone().narrow(3, at, length);
        Self { queries: part(&self.queries), keys: part(&self.keys), values: part(&self.values) }
    }
}

//! A network made of tensors that something computed: what training differentiates through.

use burn::module::{Param, ParamId};
use burn::tensor::Tensor;

use super::weight::Weight;
use super::{Block, Network, RmsNorm, Weights};
use crate::config::{Head, ModelConfig};
use crate::network::Compute;
use crate::weights::Format;

impl Network {
    /// A network of these weights, all `[rows, cols]` and vectors as one row, which may be results of other tensors: the
    /// embedding; each block's attention norm, queries with keys and values, their bias, the norms of
    /// query and key heads, the projection after attention,
    /// its bias, the feed-forward norm, gate with up, and down; the last norm; and the head. What the configuration does
    /// not have is left out.
    ///
    /// # Panics
    /// When there are fewer tensors than the configuration asks for.
    pub(crate) fn of_tensors(config: &ModelConfig, compute: &Compute, tensors: Vec<Tensor<2>>) -> Self {
        let mut tensors = tensors.into_iter();
        let mut matrix = || {
            let tensor = tensors.next().expect("one tensor for every array of the configuration");
            Param::initialized(ParamId::new(), tensor)
        };
        fn vector(matrix: Param<Tensor<2>>) -> Param<Tensor<1>> {
            Param::initialized(ParamId::new(), matrix.val().flatten(0, 1))
        }
        let norm = |scale| RmsNorm { scale: vector(scale), epsilon: config.norm_eps };
        let embedding = Weight::Dense(matrix());
        let blocks = (0..config.n_layers).map(|_| Block {
            attention_norm: norm(matrix()),
            wqkv: Weight::Dense(matrix()),
            qkv_bias: config.qkv_bias.then(|| vector(matrix())),
            q_norm: config.has_head_norms().then(|| norm(matrix())),
            k_norm: config.has_head_norms().then(|| norm(matrix())),
            wo: Weight::Dense(matrix()),
            wo_bias: config.output_bias.then(|| vector(matrix())),
            ffn_norm: norm(matrix()),
            gate_up: Weight::Dense(matrix()),
            down: Weight::Dense(matrix()),
        });
        let blocks = blocks.collect();
        let norm = norm(matrix());
        let head = (!config.tied || config.head != Head::LanguageModel).then(|| Weight::Dense(matrix()));
        let weights = Weights { embedding, blocks, norm, head };
        Self { config: config.clone(), compute: compute.clone(), format: Format::F32, weights }
    }
}

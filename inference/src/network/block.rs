//! One transformer block: norm, attention, norm, SwiGLU feed-forward, each half added to the residual stream.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::cpu;
use super::tiles::Compute;
use super::weight::Weight;
use crate::weights::{BlockWeights, Stored};

/// The weights of one block, matrices `[out, in]`.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) attention_norm: RmsNorm,
    pub(super) wqkv: Weight,
    pub(super) qkv_bias: Option<Param<Tensor<1>>>,
    pub(super) q_norm: Option<RmsNorm>,
    pub(super) k_norm: Option<RmsNorm>,
    pub(super) wo: Weight,
    pub(super) wo_bias: Option<Param<Tensor<1>>>,
    pub(super) ffn_norm: RmsNorm,
    pub(super) gate_up: Weight,
    pub(super) down: Weight,
}

/// Root-mean-square norm with a learned scale (arXiv 1910.07467).
#[derive(Clone, Debug)]
pub(super) struct RmsNorm {
    pub(super) scale: Param<Tensor<1>>,
    pub(super) epsilon: f64,
}

impl Block {
    /// `weight` brings a matrix onto the device.
    pub(super) fn new(
        weights: BlockWeights<Stored>,
        epsilon: f64,
        device: &Device,
        weight: impl Fn(Stored) -> Weight,
    ) -> Self {
        Self {
            attention_norm: RmsNorm::new(weights.attention_norm, epsilon, device),
            wqkv: weight(weights.wqkv),
            qkv_bias: weights.qkv_bias.map(|bias| vector(bias, device)),
            q_norm: weights.q_norm.map(|scale| RmsNorm::new(scale, epsilon, device)),
            k_norm: weights.k_norm.map(|scale| RmsNorm::new(scale, epsilon, device)),
            wo: weight(weights.wo),
            wo_bias: weights.wo_bias.map(|bias| vector(bias, device)),
            ffn_norm: RmsNorm::new(weights.ffn_norm, epsilon, device),
            gate_up: weight(weights.gate_up),
            down: weight(weights.down),
        }
    }

    /// `x` is `[n_tiles, hidden, tile]`; `attend` turns queries, keys and values, `[n_tiles, heads * head_dim, tile]`,
    /// into what attention gathered.
    pub(super) fn forward(
        &self,
        compute: &Compute,
        x: Tensor<3>,
        attend: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let qkv = self.wqkv.project(compute, self.attention_norm.forward(compute, x.clone()));
        let gathered = self.wo.project(compute, attend(biased(qkv, self.qkv_bias.as_ref())));
        let x = x + biased(gathered, self.wo_bias.as_ref());
        let gate_up = self.gate_up.project(compute, self.ffn_norm.forward(compute, x.clone()));
        x + self.down.project(compute, cpu::swiglu(compute, gate_up))
    }
}

impl RmsNorm {
    pub(super) fn new(scale: Vec<f32>, epsilon: f64, device: &Device) -> Self {
        Self { scale: vector(scale, device), epsilon }
    }

    /// Norms each column of `[n_tiles, features, tile]`.
    pub(super) fn forward(&self, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
        cpu::rms_norm(compute, x, self.scale.val(), self.epsilon)
    }

    /// Norms each head of each column of `[n_tiles, n_heads, head_dim, tile]`.
    pub(super) fn forward_heads(&self, compute: &Compute, heads: Tensor<4>) -> Tensor<4> {
        let [n_tiles, n_heads, head_dim, tile] = heads.dims();
        let normed = self.forward(compute, heads.reshape([n_tiles * n_heads, head_dim, tile]));
        normed.reshape([n_tiles, n_heads, head_dim, tile])
    }
}

fn vector(data: Vec<f32>, device: &Device) -> Param<Tensor<1>> {
    let n = data.len();
    Param::from_data(TensorData::new(data, [n]), device)
}

/// Adds a bias to every column.
fn biased(x: Tensor<3>, bias: Option<&Param<Tensor<1>>>) -> Tensor<3> {
    match bias {
        Some(bias) => x + bias.val().reshape([1, -1, 1]),
        None => x,
    }
}

//! Loss and gradients on the CPU: the network's forward and backward pass written out.
//!
//! burn multiplies; what lies between the products is computed in place by `kernels`. Against burn's automatic
//! differentiation, which has no fused functions and copies every text's part of every array, that is several times as
//! fast. The tests hold the two against each other.

mod attention;
mod kernels;

use burn::tensor::{Device, Tensor, TensorData};

use self::attention::Attention;
use super::TrainError;
use super::batches::{Batch, Targets};
use super::parameters::Parameters;
use super::slots::{BlockSlots, Slots};
use crate::config::ModelConfig;
use crate::network::rotary_tables;

/// The loss of a batch and the gradients of all trained arrays, on burn's CPU backend.
///
/// # Errors
/// A product came back in another form than it was asked for.
pub(super) fn gradients(
    config: &ModelConfig,
    device: &Device,
    parameters: &Parameters,
    batch: &Batch,
) -> Result<(f64, Vec<Vec<f32>>), TrainError> {
    let leaves = parameters.leaves(device);
    let weights = parameters.effective(&leaves);
    let pass = Pass::new(config, device, &parameters.slots, weights, batch);
    let (loss, of_slots) = pass.run();
    let of_leaves = parameters.of_leaves(&leaves, of_slots);
    let numbers =
        |gradient: Tensor<2>| gradient.into_data().try_into_vec().map_err(|e| TrainError::Device(e.to_string()));
    Ok((loss, of_leaves.into_iter().map(numbers).collect::<Result<_, _>>()?))
}

/// One batch on its way through the network. Arrays are `[features, n]`.
struct Pass<'a> {
    config: &'a ModelConfig,
    device: &'a Device,
    slots: &'a Slots,
    batch: &'a Batch,
    attention: Attention<'a>,
    /// In the order of the slots.
    weights: Vec<Tensor<2>>,
    /// The same, of those that are known so far.
    gradients: Vec<Option<Tensor<2>>>,
    /// Tokens of all texts.
    n: usize,
    /// Cosines and sines of the tokens' positions, `[head_dim / 2, n]`.
    angles: [Vec<f32>; 2],
}

/// What a block's backward pass needs of its forward pass.
struct Kept {
    x: Vec<f32>,
    attention_inverse: Vec<f32>,
    attention_normed: Tensor<2>,
    /// Queries and keys before the norms of their heads, and what these multiplied them by; empty without such norms.
    head_norms: HeadNorms,
    qkv: Tensor<2>,
    attention_weights: Vec<Tensor<4>>,
    gathered: Tensor<2>,
    x_between: Vec<f32>,
    ffn_inverse: Vec<f32>,
    ffn_normed: Tensor<2>,
    gate_up: TensorData,
    activated: Tensor<2>,
}

/// What the norms of query and key heads got.
#[derive(Default)]
struct HeadNorms {
    /// `[q_width + kv_width, n]`.
    x: Vec<f32>,
    /// One after the other for each head, `[n]`.
    inverses: Vec<Vec<f32>>,
}

impl<'a> Pass<'a> {
    fn new(
        config: &'a ModelConfig,
        device: &'a Device,
        slots: &'a Slots,
        weights: Vec<Tensor<2>>,
        batch: &'a Batch,
    ) -> Self {
        let gradients = vec![None; weights.len()];
        let positions: Vec<usize> = batch.lengths.iter().flat_map(|length| 0..*length).collect();
        let longest = batch.lengths.iter().max().copied().unwrap_or(0);
        let angles = rotary_tables(config, longest, &positions);
        let attention = Attention { config, lengths: &batch.lengths, device };
        Self { config, device, slots, batch, attention, weights, gradients, n: batch.tokens.len(), angles }
    }

    /// The loss, and the gradients in the order of the slots.
    fn run(mut self) -> (f64, Vec<Tensor<2>>) {
        let mut x = self.embed();
        let mut kept = Vec::with_capacity(self.slots.blocks.len());
        for block in &self.slots.blocks {
            let (of_block, after) = self.block(block, x);
            kept.push(of_block);
            x = after;
        }
        let (loss, mut d_x) = self.head(&x);
        for (block, kept) in self.slots.blocks.iter().zip(kept).rev() {
            self.block_backward(block, kept, &mut d_x);
        }
        self.embed_backward(&d_x);
        let gradients = self.gradients.into_iter().zip(&self.slots.all);
        let gradients = gradients.map(|(gradient, slot)| {
            gradient.unwrap_or_else(|| slot.tensor(vec![0.0; slot.rows * slot.cols], self.device))
        });
        (loss, gradients.collect())
    }

    /// The residual stream before the first block, `[hidden, n]`.
    fn embed(&self) -> Vec<f32> {
        let hidden = self.config.hidden;
        let embedding = self.weights[self.slots.embedding].clone().into_data();
        let (embedding, mut x) = (slice(&embedding), vec![0.0; hidden * self.n]);
        self.each_embedded(|row, column| x[column] = embedding[row]);
        x
    }

    /// Adds to the embedding's gradient what its use as input contributes.
    fn embed_backward(&mut self, d_x: &[f32]) {
        let slot = &self.slots.all[self.slots.embedding];
        let known = self.gradients[self.slots.embedding].take().map(Tensor::into_data);
        let mut gradient = known.unwrap_or_else(|| TensorData::zeros::<f32, _>([slot.rows, slot.cols]));
        let d_embedding = slice_mut(&mut gradient);
        self.each_embedded(|row, column| d_embedding[row] += d_x[column]);
        self.gradients[self.slots.embedding] = Some(Tensor::from_data(gradient, self.device));
    }

    /// Visits each element of the embedding with the element of `[hidden, n]` that it becomes, some tokens at a time so
    /// that both are read along their rows.
    fn each_embedded(&self, mut visit: impl FnMut(usize, usize)) {
        const TOKENS: usize = 16;
        let (hidden, n) = (self.config.hidden, self.n);
        for (idx, tokens) in self.batch.tokens.chunks(TOKENS).enumerate() {
            for feature in 0..hidden {
                for (place, token) in tokens.iter().enumerate() {
                    visit(*token as usize * hidden + feature, feature * n + idx * TOKENS + place);
                }
            }
        }
    }

    /// What one block makes of the residual stream.
    fn block(&self, slots: &BlockSlots, x: Vec<f32>) -> (Kept, Vec<f32>) {
        let epsilon = self.config.norm_eps;
        let attention_inverse = kernels::inverse_rms(&x, self.config.hidden, epsilon);
        let normed = kernels::rms_norm(&x, &attention_inverse, &self.vector(slots.attention_norm));
        let attention_normed = self.columns(normed, self.n);
        let mut qkv = self.product(slots.wqkv, &attention_normed).into_data();
        self.add_bias(slots.qkv_bias, &mut qkv);
        let head_norms = self.norm_heads(slots, &mut qkv);
        self.turn(&mut qkv, 1.0);
        let qkv = Tensor::from_data(qkv, self.device);
        let (gathered, attention_weights) = self.attention.forward(&qkv);
        let mut attended = self.product(slots.wo, &gathered).into_data();
        self.add_bias(slots.wo_bias, &mut attended);
        let x_between = sum(&x, slice(&attended));

        let ffn_inverse = kernels::inverse_rms(&x_between, self.config.hidden, epsilon);
        let normed = kernels::rms_norm(&x_between, &ffn_inverse, &self.vector(slots.ffn_norm));
        let ffn_normed = self.columns(normed, self.n);
        let gate_up = self.product(slots.gate_up, &ffn_normed).into_data();
        let activated = self.columns(kernels::swiglu(slice(&gate_up)), self.n);
        let after = sum(&x_between, slice(&self.product(slots.down, &activated).into_data()));
        let kept = Kept {
            x,
            attention_inverse,
            attention_normed,
            head_norms,
            qkv,
            attention_weights,
            gathered,
            x_between,
            ffn_inverse,
            ffn_normed,
            gate_up,
            activated,
        };
        (kept, after)
    }

    /// Turns the gradient by what a block gave into that by what it got.
    fn block_backward(&mut self, slots: &BlockSlots, kept: Kept, d_x: &mut [f32]) {
        let d_after = self.columns(d_x.to_vec(), self.n);
        let d_activated = self.product_backward(slots.down, kept.activated, d_after).into_data();
        let mut d_gate_up = kept.gate_up;
        kernels::swiglu_backward(slice_mut(&mut d_gate_up), slice(&d_activated));
        let d_gate_up = Tensor::from_data(d_gate_up, self.device);
        let d_normed = self.product_backward(slots.gate_up, kept.ffn_normed, d_gate_up).into_data();
        self.norm_backward(slots.ffn_norm, &kept.x_between, &kept.ffn_inverse, slice(&d_normed), d_x);

        self.bias_backward(slots.wo_bias, d_x);
        let d_between = self.columns(d_x.to_vec(), self.n);
        let d_gathered = self.product_backward(slots.wo, kept.gathered, d_between);
        let mut d_qkv = self.attention.backward(&kept.qkv, kept.attention_weights, d_gathered).into_data();
        self.turn(&mut d_qkv, -1.0);
        self.norm_heads_backward(slots, &kept.head_norms, &mut d_qkv);
        self.bias_backward(slots.qkv_bias, slice(&d_qkv));
        let d_qkv = Tensor::from_data(d_qkv, self.device);
        let d_normed = self.product_backward(slots.wqkv, kept.attention_normed, d_qkv).into_data();
        self.norm_backward(slots.attention_norm, &kept.x, &kept.attention_inverse, slice(&d_normed), d_x);
    }

    /// The loss, and its gradient by the residual stream behind the last block. Only the columns that have a target are
    /// normed and multiplied with the head.
    fn head(&mut self, x: &[f32]) -> (f64, Vec<f32>) {
        let columns = &self.batch.columns;
        let asked: Vec<f32> =
            x.chunks_exact(self.n).flat_map(|row| columns.iter().map(|column| row[*column])).collect();
        let inverse = kernels::inverse_rms(&asked, self.config.hidden, self.config.norm_eps);
        let normed =
            self.columns(kernels::rms_norm(&asked, &inverse, &self.vector(self.slots.final_norm)), columns.len());
        let head = self.slots.head.unwrap_or(self.slots.embedding);
        let mut output = self.product(head, &normed).into_data();
        let n_targets = self.batch.n_targets();
        let scale = (n_targets as f32).recip();
        let loss = match &self.batch.targets {
            Targets::Tokens(tokens) => kernels::cross_entropy(slice_mut(&mut output), tokens, scale),
            Targets::Pairs => kernels::bradley_terry(slice_mut(&mut output), scale),
        };
        let d_output = Tensor::from_data(output, self.device);
        let d_normed = self.product_backward(head, normed, d_output).into_data();
        let mut d_asked = vec![0.0; asked.len()];
        self.norm_backward(self.slots.final_norm, &asked, &inverse, slice(&d_normed), &mut d_asked);
        let mut d_x = vec![0.0; x.len()];
        for (row, d_row) in d_x.chunks_exact_mut(self.n).zip(d_asked.chunks_exact(columns.len())) {
            columns.iter().zip(d_row).for_each(|(column, d)| row[*column] += d);
        }
        (loss / n_targets as f64, d_x)
    }

    /// A weight times columns.
    fn product(&self, slot: usize, x: &Tensor<2>) -> Tensor<2> {
        self.weights[slot].clone().matmul(x.clone())
    }

    /// Writes down a weight's gradient and returns that by what it was multiplied with.
    fn product_backward(&mut self, slot: usize, x: Tensor<2>, d_product: Tensor<2>) -> Tensor<2> {
        self.gradients[slot] = Some(d_product.clone().matmul(x.transpose()));
        self.weights[slot].clone().transpose().matmul(d_product)
    }

    fn norm_backward(&mut self, slot: usize, x: &[f32], inverse: &[f32], d_normed: &[f32], d_x: &mut [f32]) {
        let d_scale = kernels::rms_norm_backward(x, inverse, &self.vector(slot), d_normed, d_x);
        self.gradients[slot] = Some(self.slots.all[slot].tensor(d_scale, self.device));
    }

    /// The norm of each query and key head, in their order, where the block has any.
    fn head_norms(&self, slots: &BlockSlots) -> Vec<usize> {
        let (Some(q_norm), Some(k_norm)) = (slots.q_norm, slots.k_norm) else { return Vec::new() };
        let of_queries = std::iter::repeat_n(q_norm, self.config.n_heads);
        of_queries.chain(std::iter::repeat_n(k_norm, self.config.n_kv_heads)).collect()
    }

    /// Norms query and key heads, where the block has norms for them.
    fn norm_heads(&self, slots: &BlockSlots, qkv: &mut TensorData) -> HeadNorms {
        let norms = self.head_norms(slots);
        let mut kept = HeadNorms::default();
        let size = self.config.head_dim * self.n;
        let heads = slice_mut(qkv).chunks_exact_mut(size);
        for (slot, head) in norms.into_iter().zip(heads) {
            let inverse = kernels::inverse_rms(head, self.config.head_dim, self.config.norm_eps);
            kept.x.extend_from_slice(head);
            head.copy_from_slice(&kernels::rms_norm(&kept.x[kept.x.len() - size..], &inverse, &self.vector(slot)));
            kept.inverses.push(inverse);
        }
        kept
    }

    /// Turns the gradient by normed heads into that by what was normed.
    fn norm_heads_backward(&mut self, slots: &BlockSlots, kept: &HeadNorms, d_qkv: &mut TensorData) {
        let size = self.config.head_dim * self.n;
        let heads = slice_mut(d_qkv).chunks_exact_mut(size).zip(kept.x.chunks_exact(size)).zip(&kept.inverses);
        for (slot, ((d_head, x), inverse)) in self.head_norms(slots).into_iter().zip(heads) {
            let d_normed = d_head.to_vec();
            d_head.fill(0.0);
            let d_scale = kernels::rms_norm_backward(x, inverse, &self.vector(slot), &d_normed, d_head);
            let d_scale = self.slots.all[slot].tensor(d_scale, self.device);
            self.gradients[slot] = Some(match self.gradients[slot].take() {
                None => d_scale,
                Some(of_others) => of_others + d_scale,
            });
        }
    }

    fn add_bias(&self, slot: Option<usize>, x: &mut TensorData) {
        if let Some(slot) = slot {
            kernels::add_bias(slice_mut(x), &self.vector(slot));
        }
    }

    fn bias_backward(&mut self, slot: Option<usize>, d_x: &[f32]) {
        if let Some(slot) = slot {
            let d_bias = kernels::row_sums(d_x, self.n);
            self.gradients[slot] = Some(self.slots.all[slot].tensor(d_bias, self.device));
        }
    }

    /// Turns queries and keys to their positions, or back, and divides queries by the root of `head_dim`.
    fn turn(&self, qkv: &mut TensorData, sign: f32) {
        let angles = self.angles.each_ref().map(Vec::as_slice);
        let (q_width, kv_width) = (self.config.q_width(), self.config.kv_width());
        let (queries, rest) = slice_mut(qkv).split_at_mut(q_width * self.n);
        kernels::turn(queries, angles, self.n, sign, (self.config.head_dim as f32).sqrt().recip());
        kernels::turn(&mut rest[..kv_width * self.n], angles, self.n, sign, 1.0);
    }

    fn vector(&self, slot: usize) -> Vec<f32> {
        slice(&self.weights[slot].clone().into_data()).to_vec()
    }

    /// An array with so many columns as a tensor.
    fn columns(&self, array: Vec<f32>, n: usize) -> Tensor<2> {
        let shape = [array.len() / n, n];
        Tensor::from_data(TensorData::new(array, shape), self.device)
    }
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The numbers of a tensor that was read back; they are f32, as all of the network's.
fn slice(data: &TensorData) -> &[f32] {
    data.as_slice().expect("the network's numbers are f32")
}

/// The same, to be changed in place.
fn slice_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("the network's numbers are f32")
}

//! What the kernels compute, on the CPU.

use half::f16;

use super::{HALVES, Inputs, Shape};
use crate::fill::{Pattern, word};

/// One query's attention in f64: weights of `keys`, each of as many numbers as the query, and what `values` come to
/// under them.
#[must_use]
pub fn reference<'a>(
    query: &[f32],
    keys: impl Iterator<Item = &'a [f32]>,
    values: impl Iterator<Item = &'a [f32]>,
) -> Vec<f64> {
    let scale = 1.0 / (query.len() as f64).sqrt();
    let score = |key: &[f32]| scale * query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
    let scores: Vec<f64> = keys.map(score).collect();
    let peak = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - peak).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut attended = vec![0.0; query.len()];
    for (weight, value) in weights.iter().zip(values) {
        for (sum, v) in attended.iter_mut().zip(value) {
            *sum += weight / total * f64::from(*v);
        }
    }
    attended
}

/// What query `head` of `sample` comes to, in f64; keys and values as the device keeps them.
#[must_use]
pub fn reference_of(shape: Shape, inputs: &Inputs, sample: u32, head: u32) -> Vec<f64> {
    let head_dim = shape.head_dim as usize;
    let query = &inputs.queries[(sample * shape.n_heads + head) as usize * head_dim..][..head_dim];
    let kv_head = (head / (shape.n_heads / shape.n_kv_heads)) as usize;
    let own_set = sample as usize * shape.n_kv_heads as usize + kv_head;
    let (n_prefix, n_own) = (shape.n_prefix as usize * head_dim, shape.n_own as usize * head_dim);
    let all = |prefix: &[f32], own: &[f32]| {
        [&prefix[kv_head * n_prefix..][..n_prefix], &own[own_set * n_own..][..n_own]].concat()
    };
    let keys = all(&inputs.prefix_keys, &inputs.own_keys);
    let values = all(&inputs.prefix_values, &inputs.own_values);
    reference(query, keys.chunks_exact(head_dim), values.chunks_exact(head_dim))
}

/// The inputs that a seed decides, on the CPU.
#[must_use]
pub fn synthetic(shape: Shape, seed: u32) -> Inputs {
    let sizes = shape.sizes();
    let halves = |idx: u32, n: usize| -> Vec<f32> {
        let half = |at: usize| {
            let both = word(seed + idx, (at / 2) as u32, HALVES);
            f16::from_bits((both >> (at % 2 * 16)) as u16).to_f32()
        };
        (0..n).map(half).collect()
    };
    let query = |at: usize| f32::from_bits(word(seed, at as u32, Pattern::HALF_TO_ONE));
    Inputs {
        queries: (0..sizes.queries).map(query).collect(),
        prefix_keys: halves(1, sizes.prefix),
        prefix_values: halves(2, sizes.prefix),
        own_keys: halves(3, sizes.own),
        own_values: halves(4, sizes.own),
    }
}

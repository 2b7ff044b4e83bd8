//! Functions with exponentials, computed in the CPU's own memory.
//!
//! burn's CPU backend calls libm for every element; these loops compute several at once, in memory that its tensors give
//! away and take back. What learns keeps to burn's own.

use burn::tensor::{Tensor, activation};

use super::tiles::Compute;
use crate::exp::exp;

/// Softmax over keys of scores `[.., n_keys, n_queries]` whose keys are in several parts. The last queries are those of
/// the last keys when `is_causal`, and none sees a later key.
pub(super) fn softmax<const N: usize>(compute: &Compute, scores: [Tensor<4>; N], is_causal: bool) -> [Tensor<4>; N] {
    let [_, _, _, n_queries] = scores[0].dims();
    let n_keys = scores.each_ref().map(|part| part.dims()[2]);
    let n_past = n_keys.iter().sum::<usize>() - if is_causal { n_queries } else { 0 };
    if !compute.is_host() {
        let scores = Tensor::cat(scores.into(), 2);
        let weights =
            activation::softmax(if is_causal { scores + mask(compute, n_past, n_queries) } else { scores }, 2);
        let mut at = 0;
        return n_keys.map(|n| {
            at += n;
            weights.clone().narrow(2, at - n, n)
        });
    }
    let mut data = scores.map(Tensor::into_data);
    let mut parts = data.each_mut().map(|part| part.as_mut_slice::<f32>().expect("the network's numbers are f32"));
    let n_heads = parts[0].len() / (n_keys[0] * n_queries).max(1);
    let (mut max, mut sum) = (vec![0.0; n_queries], vec![0.0; n_queries]);
    for head in 0..n_heads {
        max.fill(f32::NEG_INFINITY);
        sum.fill(0.0);
        // The keys of all parts, each with the first query that sees it.
        let mut pass = |work: &mut dyn FnMut(&mut [f32], usize)| {
            let mut key = 0;
            for (part, n) in parts.iter_mut().zip(n_keys) {
                for row in part[head * n * n_queries..(head + 1) * n * n_queries].chunks_exact_mut(n_queries) {
                    let first = if is_causal { key.max(n_past) - n_past } else { 0 };
                    work(row, first);
                    key += 1;
                }
            }
        };
        pass(&mut |row, first| {
            for (score, max) in row[first..].iter().zip(&mut max[first..]) {
                *max = if *score > *max { *score } else { *max };
            }
        });
        pass(&mut |row, first| {
            row[..first].fill(0.0);
            for ((score, max), sum) in row[first..].iter_mut().zip(&max[first..]).zip(&mut sum[first..]) {
                *score = exp(*score - max);
                *sum += *score;
            }
        });
        sum.iter_mut().for_each(|sum| *sum = sum.recip());
        pass(&mut |row, first| row[first..].iter_mut().zip(&sum[first..]).for_each(|(weight, scale)| *weight *= scale));
    }
    data.map(|part| Tensor::from_data(part, compute.device()))
}

/// `silu(gate) * up`, the gate of SwiGLU (arXiv 2002.05202).
pub(super) fn swiglu(compute: &Compute, gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> {
    if !compute.is_host() {
        return activation::silu(gate) * up;
    }
    let mut data = gate.into_data();
    let gate = data.as_mut_slice::<f32>().expect("the network's numbers are f32");
    gate.iter_mut().for_each(|x| *x /= 1.0 + exp(-*x));
    Tensor::from_data(data, compute.device()) * up
}

/// To be added to scores, `[1, 1, n_past + n_tokens, n_tokens]`.
fn mask(compute: &Compute, n_past: usize, n_tokens: usize) -> Tensor<4> {
    /// Finite, so that no difference of two is undefined.
    const UNSEEN: f32 = -1e30;
    let mut mask = vec![0.0_f32; (n_past + n_tokens) * n_tokens];
    for (key, row) in mask.chunks_mut(n_tokens).enumerate() {
        row[..key.max(n_past) - n_past].fill(UNSEEN);
    }
    let mask = burn::tensor::TensorData::new(mask, [1, 1, n_past + n_tokens, n_tokens]);
    Tensor::from_data(mask, compute.device())
}

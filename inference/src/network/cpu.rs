//! What is not a product, computed in the CPU's own memory: norms, softmax, the gate.
//!
//! burn's CPU backend makes a pass over memory for every operation and calls libm for every exponential; these loops do
//! several at once, in memory that its tensors give away and take back, on all threads. What learns, and what runs on a GPU,
//! keeps to burn's own.

use burn::tensor::{Tensor, activation};
use pulp::{Simd, WithSimd};

use super::tiles::Compute;
use super::vectors::{each, vectorised};
use crate::exp::exp;

/// Numbers below which work is done at once: handing it out to threads takes as long.
const FEW: usize = 1 << 14;

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
    let parts = data.each_mut().map(|part| part.as_mut_slice::<f32>().expect("the network's numbers are f32"));
    let n_numbers: usize = parts.iter().map(|part| part.len()).sum();
    let mut heads: Vec<Head<'_, N>> = Vec::new();
    for (idx, (part, n)) in parts.into_iter().zip(n_keys).enumerate() {
        for (head, part) in part.chunks_exact_mut(n * n_queries).enumerate() {
            if idx == 0 {
                let parts = std::array::from_fn(|_| [].as_mut_slice());
                heads.push(Head { parts, n_queries, first_bound: is_causal.then_some(n_past) });
            }
            heads[head].parts[idx] = part;
        }
    }
    each(heads, n_numbers > FEW, vectorised);
    data.map(|part| Tensor::from_data(part, compute.device()))
}

/// One head's scores, `[n_keys, n_queries]` in each part.
struct Head<'a, const N: usize> {
    parts: [&'a mut [f32]; N],
    n_queries: usize,
    /// The first key that not all queries see, if there is one; each later key is seen by a query less.
    first_bound: Option<usize>,
}

impl<const N: usize> Head<'_, N> {
    /// Does work on every key's scores of the queries that see it, and on those of the others before them.
    #[inline(always)]
    fn pass(&mut self, mut work: impl FnMut(&mut [f32], usize)) {
        let rows = self.parts.iter_mut().flat_map(|part| part.chunks_exact_mut(self.n_queries));
        for (key, row) in rows.enumerate() {
            work(row, self.first_bound.map_or(0, |bound| key.saturating_sub(bound)));
        }
    }
}

impl<const N: usize> WithSimd for Head<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) {
        let (mut max, mut sum) = (vec![f32::NEG_INFINITY; self.n_queries], vec![0.0; self.n_queries]);
        self.pass(|row, first| {
            for (score, max) in row[first..].iter().zip(&mut max[first..]) {
                *max = if *score > *max { *score } else { *max };
            }
        });
        self.pass(|row, first| {
            row[..first].fill(0.0);
            for ((score, max), sum) in row[first..].iter_mut().zip(&max[first..]).zip(&mut sum[first..]) {
                *score = exp(*score - max);
                *sum += *score;
            }
        });
        sum.iter_mut().for_each(|sum| *sum = sum.recip());
        self.pass(|row, first| {
            row[first..].iter_mut().zip(&sum[first..]).for_each(|(weight, scale)| *weight *= scale);
        });
    }
}

/// `silu(gate) * up`, the gate of SwiGLU (arXiv 2002.05202), of columns that have all gates and what they multiply behind
/// them, `[n_tiles, 2 * features, tile]`.
pub(super) fn swiglu(compute: &Compute, gate_up: Tensor<3>) -> Tensor<3> {
    struct Gate<'a>(&'a [f32], &'a mut [f32]);
    impl WithSimd for Gate<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            let (gate, up) = self.0.split_at(self.1.len());
            for ((gate, up), out) in gate.iter().zip(up).zip(self.1) {
                *out = gate / (1.0 + exp(-gate)) * up;
            }
        }
    }
    let [n_tiles, two_ffn, tile] = gate_up.dims();
    if !compute.is_host() {
        let [gate, up] = [0, two_ffn / 2].map(|first| gate_up.clone().narrow(1, first, two_ffn / 2));
        return activation::silu(gate) * up;
    }
    let data = gate_up.into_data();
    let numbers = data.as_slice::<f32>().expect("the network's numbers are f32");
    let mut out = vec![0.0; numbers.len() / 2];
    let tiles = numbers.chunks_exact(two_ffn * tile).zip(out.chunks_exact_mut(two_ffn / 2 * tile));
    each(tiles.map(|(numbers, out)| Gate(numbers, out)).collect(), numbers.len() > FEW, vectorised);
    Tensor::from_data(burn::tensor::TensorData::new(out, [n_tiles, two_ffn / 2, tile]), compute.device())
}

/// Root-mean-square norm of each column of `[n_tiles, features, tile]`, with a scale for each feature.
pub(super) fn rms_norm(compute: &Compute, x: Tensor<3>, scale: Tensor<1>, epsilon: f64) -> Tensor<3> {
    struct Norm<'a> {
        x: &'a mut [f32],
        scale: &'a [f32],
        epsilon: f64,
    }
    impl WithSimd for Norm<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            let Self { x, scale, epsilon } = self;
            let tile = x.len() / scale.len();
            let mut squares = vec![0.0_f32; tile];
            for row in x.chunks_exact(tile) {
                squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
            }
            for square in &mut squares {
                *square = (*square / scale.len() as f32 + epsilon as f32).sqrt().recip();
            }
            for (row, scale) in x.chunks_exact_mut(tile).zip(scale) {
                row.iter_mut().zip(&squares).for_each(|(x, inverse)| *x = *x * inverse * scale);
            }
        }
    }
    if !compute.is_host() {
        let mean_square = (x.clone() * x.clone()).mean_dim(1);
        let inverse = mean_square.add_scalar(epsilon).sqrt().recip();
        return x * inverse * scale.reshape([1, -1, 1]);
    }
    let [_, features, tile] = x.dims();
    let (mut data, scale) = (x.into_data(), scale.into_data());
    let numbers = data.as_mut_slice::<f32>().expect("the network's numbers are f32");
    let scale = scale.as_slice::<f32>().expect("the network's numbers are f32");
    let is_much = numbers.len() > FEW;
    let tiles = numbers.chunks_exact_mut(features * tile).map(|x| Norm { x, scale, epsilon });
    each(tiles.collect(), is_much, vectorised);
    Tensor::from_data(data, compute.device())
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

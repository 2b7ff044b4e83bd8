//! The functions between the products, forward and backward, in the CPU's own memory.
//!
//! All arrays are `[features, n]`, row by row, a column being a token. Gradients of the loss by an array are named for it,
//! with `d_` in front.

use crate::exp::exp;

/// The columns' inverse root mean squares, `[n]`, for an RMS norm of `x`, `[hidden, n]`.
pub(super) fn inverse_rms(x: &[f32], hidden: usize, epsilon: f64) -> Vec<f32> {
    let n = x.len() / hidden;
    let mut sums = vec![0.0_f32; n];
    for row in x.chunks_exact(n) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
    }
    let epsilon = epsilon as f32;
    sums.iter_mut().for_each(|sum| *sum = (*sum / hidden as f32 + epsilon).sqrt().recip());
    sums
}

/// The RMS norm of `x` with these inverse root mean squares and the scale, `[hidden]`.
pub(super) fn rms_norm(x: &[f32], inverse: &[f32], scale: &[f32]) -> Vec<f32> {
    let mut normed = Vec::with_capacity(x.len());
    for (row, scale) in x.chunks_exact(inverse.len()).zip(scale) {
        normed.extend(row.iter().zip(inverse).map(|(x, inverse)| x * inverse * scale));
    }
    normed
}

/// Adds to `d_x` what the norm's output contributes, and returns the scale's gradient.
pub(super) fn rms_norm_backward(
    x: &[f32],
    inverse: &[f32],
    scale: &[f32],
    d_normed: &[f32],
    d_x: &mut [f32],
) -> Vec<f32> {
    let n = inverse.len();
    let mut d_scale = Vec::with_capacity(scale.len());
    // Per column, the sum over features of x d_normed scale.
    let mut sums = vec![0.0_f32; n];
    let mut products = vec![0.0_f32; n];
    for ((row, d_row), scale) in x.chunks_exact(n).zip(d_normed.chunks_exact(n)).zip(scale) {
        for (((product, sum), x), d) in products.iter_mut().zip(&mut sums).zip(row).zip(d_row) {
            *product = x * d;
            *sum += *product * scale;
        }
        d_scale.push(dot(&products, inverse));
    }
    let hidden = scale.len() as f32;
    sums.iter_mut().zip(inverse).for_each(|(sum, inverse)| *sum *= inverse * inverse * inverse / hidden);
    let rows = x.chunks_exact(n).zip(d_normed.chunks_exact(n)).zip(d_x.chunks_exact_mut(n));
    for (((row, d_row), d_x), scale) in rows.zip(scale) {
        for ((((d_x, x), d), inverse), sum) in d_x.iter_mut().zip(row).zip(d_row).zip(inverse).zip(&sums) {
            *d_x += d * inverse * scale - x * sum;
        }
    }
    d_scale
}

/// Turns heads, `[n_heads * head_dim, n]`, by angles whose cosines and sines are `[head_dim / 2, n]`; a head's dimension
/// `i` makes a pair with `i + head_dim / 2`. All is multiplied by `scale`; `sign` -1 turns back.
pub(super) fn turn(heads: &mut [f32], [cos, sin]: [&[f32]; 2], n: usize, sign: f32, scale: f32) {
    for head in heads.chunks_exact_mut(2 * cos.len()) {
        let (first, second) = head.split_at_mut(cos.len());
        for ((a, b), (cos, sin)) in
            first.chunks_exact_mut(n).zip(second.chunks_exact_mut(n)).zip(cos.chunks_exact(n).zip(sin.chunks_exact(n)))
        {
            for ((a, b), (cos, sin)) in a.iter_mut().zip(b).zip(cos.iter().zip(sin)) {
                let (cos, sin) = (cos * scale, sin * scale * sign);
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}

/// Softmax over the keys of scores, `[n_heads, n_tokens, n_tokens]` with keys outside queries, of which none sees a later
/// key.
pub(super) fn causal_softmax(scores: &mut [f32], n_tokens: usize) {
    let (mut max, mut sum) = (vec![0.0_f32; n_tokens], vec![0.0_f32; n_tokens]);
    for head in scores.chunks_exact_mut(n_tokens * n_tokens) {
        max.fill(f32::NEG_INFINITY);
        sum.fill(0.0);
        for (key, row) in head.chunks_exact(n_tokens).enumerate() {
            let seen = max[key..].iter_mut().zip(&row[key..]);
            seen.for_each(|(max, score)| *max = if *score > *max { *score } else { *max });
        }
        for (key, row) in head.chunks_exact_mut(n_tokens).enumerate() {
            row[..key].fill(0.0);
            for ((score, max), sum) in row[key..].iter_mut().zip(&max[key..]).zip(&mut sum[key..]) {
                *score = exp(*score - max);
                *sum += *score;
            }
        }
        sum.iter_mut().for_each(|sum| *sum = sum.recip());
        for (key, row) in head.chunks_exact_mut(n_tokens).enumerate() {
            row[key..].iter_mut().zip(&sum[key..]).for_each(|(weight, inverse)| *weight *= inverse);
        }
    }
}

/// The gradient by the scores, in the place of that by the weights, which softmax gave.
pub(super) fn causal_softmax_backward(weights: &[f32], d_weights: &mut [f32], n_tokens: usize) {
    let size = n_tokens * n_tokens;
    let mut sum = vec![0.0_f32; n_tokens];
    for (weights, d_weights) in weights.chunks_exact(size).zip(d_weights.chunks_exact_mut(size)) {
        sum.fill(0.0);
        let rows = weights.chunks_exact(n_tokens).zip(d_weights.chunks_exact(n_tokens));
        for (key, (row, d_row)) in rows.enumerate() {
            let seen = sum[key..].iter_mut().zip(row[key..].iter().zip(&d_row[key..]));
            seen.for_each(|(sum, (weight, d))| *sum += weight * d);
        }
        let rows = weights.chunks_exact(n_tokens).zip(d_weights.chunks_exact_mut(n_tokens));
        for (key, (row, d_row)) in rows.enumerate() {
            d_row[..key].fill(0.0);
            let seen = d_row[key..].iter_mut().zip(row[key..].iter().zip(&sum[key..]));
            seen.for_each(|(d, (weight, sum))| *d = weight * (*d - sum));
        }
    }
}

/// `silu(gate) * up` (arXiv 2002.05202) of `[gate; up]`, `[2 * ffn, n]`.
pub(super) fn swiglu(gate_up: &[f32]) -> Vec<f32> {
    let (gate, up) = gate_up.split_at(gate_up.len() / 2);
    gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + exp(-gate)) * up).collect()
}

/// The gradient by gate and up, in their place.
pub(super) fn swiglu_backward(gate_up: &mut [f32], d_out: &[f32]) {
    let (gate, up) = gate_up.split_at_mut(gate_up.len() / 2);
    for ((gate, up), d) in gate.iter_mut().zip(up).zip(d_out) {
        let sigmoid = 1.0 / (1.0 + exp(-*gate));
        let silu = *gate * sigmoid;
        let d_gate = d * *up * (sigmoid + silu * (1.0 - sigmoid));
        *up = d * silu;
        *gate = d_gate;
    }
}

/// The sum of `-log softmax(logits)[target]` over the columns of `[vocab, n]`, and in the logits' place its gradient times
/// `scale`.
pub(super) fn cross_entropy(logits: &mut [f32], targets: &[u32], scale: f32) -> f64 {
    let n = targets.len();
    let mut max = vec![f32::NEG_INFINITY; n];
    for row in logits.chunks_exact(n) {
        max.iter_mut().zip(row).for_each(|(max, x)| *max = if *x > *max { *x } else { *max });
    }
    let at = |column: usize, target: u32| target as usize * n + column;
    let columns = || targets.iter().enumerate().map(|(column, target)| (column, at(column, *target)));
    let mut loss: f64 = columns().map(|(column, place)| f64::from(max[column] - logits[place])).sum();
    let mut sum = vec![0.0_f32; n];
    for row in logits.chunks_exact_mut(n) {
        for ((x, max), sum) in row.iter_mut().zip(&max).zip(&mut sum) {
            *x = exp(*x - max);
            *sum += *x;
        }
    }
    loss += sum.iter().map(|sum| f64::from(*sum).ln()).sum::<f64>();
    sum.iter_mut().for_each(|sum| *sum = scale / *sum);
    for row in logits.chunks_exact_mut(n) {
        row.iter_mut().zip(&sum).for_each(|(x, factor)| *x *= factor);
    }
    columns().for_each(|(_, place)| logits[place] -= scale);
    loss
}

/// The sum of `-log sigmoid(r_better - r_worse)` over pairs of rewards, and in their place its gradient times `scale`.
pub(super) fn bradley_terry(rewards: &mut [f32], scale: f32) -> f64 {
    let mut loss = 0.0;
    for pair in rewards.chunks_exact_mut(2) {
        let difference = f64::from(pair[0] - pair[1]);
        loss += (-difference).max(0.0) + (-difference.abs()).exp().ln_1p();
        let slope = (-1.0 / (1.0 + difference.exp())) as f32 * scale;
        pair.copy_from_slice(&[slope, -slope]);
    }
    loss
}

/// Adds to every column of `[bias.len(), n]`.
pub(super) fn add_bias(x: &mut [f32], bias: &[f32]) {
    let n = x.len() / bias.len();
    x.chunks_exact_mut(n).zip(bias).for_each(|(row, bias)| row.iter_mut().for_each(|x| *x += bias));
}

/// The sums of the rows of `[_, n]`.
pub(super) fn row_sums(x: &[f32], n: usize) -> Vec<f32> {
    x.chunks_exact(n).map(|row| row.iter().sum()).collect()
}

/// Sums of products, several side by side so that they fill a vector.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + rest
}

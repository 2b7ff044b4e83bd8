//! What a step of the engine takes, counted from shapes: the measure against which a lost fusion shows.

use super::Shape;
use super::pass::attention_shape;
use crate::weights::{Format, MatrixShape, shard_rows};

/// What one step of so many samples takes on a device with WebGPU's default limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Dispatches of a layer.
    pub dispatches_of_layer: u64,
    /// Dispatches of the whole step, with its draw.
    pub dispatches: u64,
    /// Bytes that kernels read, each dispatch each of its buffers once.
    pub bytes_read: u64,
    /// Bytes of the weights that are multiplied with and of the keys and values that are attended to.
    pub bytes_held: u64,
}

/// Counts a step of `n` samples with all weights in one format, behind `n_prefix` tokens that they share and with `n_own`
/// of their own.
#[must_use]
pub fn counters(shape: Shape, format: Format, n: u32, n_prefix: u32, n_own: u32) -> Counters {
    let limits = wgpu::Limits::default();
    let n_shards = |matrix: MatrixShape, are_gated: bool| shard_rows(format, matrix, are_gated, &limits).count() as u64;
    let Shape { hidden, ffn, n_layers, n_kv_heads, head_dim, .. } = shape;
    let matrices = shape.matrices();
    let head = MatrixShape { n_rows: shape.vocab, n_columns: hidden };

    // Rotary positions, attention and its merging stand between the products.
    let products: u64 = matrices.iter().enumerate().map(|(idx, matrix)| n_shards(*matrix, idx == 2)).sum();
    let dispatches_of_layer = products + 3;
    let dispatches = u64::from(n_layers) * dispatches_of_layer + 2 * n_shards(head, false) + 1;

    let weights: u64 = matrices.iter().map(|matrix| matrix.n_bytes(format)).sum();
    let n_keys = u64::from(n_prefix) + u64::from(n) * u64::from(n_own);
    let cache = 4 * n_keys * u64::from(n_kv_heads * head_dim);
    let n_slots = attention_shape(shape, n, n_prefix, true).n_splits() + 1;
    // Inputs of products and the stream that is added to; what rotary reads with its angles; queries, and parts to merge.
    let numbers = [hidden, shape.q_width(), hidden, hidden, ffn, hidden, shape.qkv_width(), head_dim, shape.q_width()];
    let parts = n_slots * (shape.q_width() + 2 * shape.n_heads);
    let numbers = numbers.iter().sum::<u32>() + parts;
    let sides = 4 * u64::from(2 * hidden);
    let of_layer = weights + cache + 4 * u64::from(n) * u64::from(numbers) + sides;

    let embedded = MatrixShape { n_rows: n, n_columns: hidden }.n_bytes(format);
    let ends = embedded + head.n_bytes(format) + 4 * u64::from(n) * u64::from(hidden + shape.vocab + 2);
    Counters {
        dispatches_of_layer,
        dispatches,
        bytes_read: u64::from(n_layers) * of_layer + ends,
        bytes_held: u64::from(n_layers) * (weights + cache) + head.n_bytes(format),
    }
}

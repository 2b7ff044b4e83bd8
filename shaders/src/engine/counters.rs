//! What a step of the engine takes, counted from shapes: the measure against which a lost fusion shows.

use super::pass::attention_shape;
use super::{PART, Shape};
use crate::cost::Cost;
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
    let head = shape.head();
    let embedding = MatrixShape { n_rows: shape.vocab, n_columns: hidden };

    // Rotary positions, attention and its merging stand between the products.
    let products: u64 = matrices.iter().enumerate().map(|(idx, matrix)| n_shards(*matrix, idx == 2)).sum();
    let dispatches_of_layer = products + 3;
    let dispatches = u64::from(n_layers) * dispatches_of_layer + n_shards(embedding, false) + n_shards(head, false) + 1;

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
    let ends = embedded + head.n_bytes(format) + 4 * u64::from(n) * u64::from(hidden + shape.n_outputs + 2);
    Counters {
        dispatches_of_layer,
        dispatches,
        bytes_read: u64::from(n_layers) * of_layer + ends,
        bytes_held: u64::from(n_layers) * (weights + cache) + head.n_bytes(format),
    }
}

/// What a step of `n` samples takes, likewise.
#[must_use]
pub fn step_cost(shape: Shape, format: Format, n: u32, n_prefix: u32, n_own: u32) -> Cost {
    let Counters { dispatches, bytes_read, .. } = counters(shape, format, n, n_prefix, n_own);
    let head = u64::from(shape.n_outputs) * u64::from(shape.hidden);
    let of_token = 2 * (weights_of_layers(shape) + head) + attention_flops(shape, u64::from(n_prefix + n_own));
    Cost { bytes: bytes_read, flops: u64::from(n) * of_token, dispatches }
}

/// What reading a text of `n_tokens` takes, with what the head makes of it.
#[must_use]
pub fn read_cost(shape: Shape, format: Format, n_tokens: u32) -> Cost {
    let n_parts = (n_tokens as usize).div_ceil(PART) as u64;
    let Counters { dispatches, .. } = counters(shape, format, 1, n_tokens, 0);
    let of_layer: u64 = shape.matrices().iter().map(|matrix| matrix.n_bytes(format)).sum();
    let layers = u64::from(shape.n_layers) * of_layer;
    let n = u64::from(n_tokens);
    // A token attends to half of the text on the average.
    let flops = 2 * n * weights_of_layers(shape)
        + n * attention_flops(shape, n / 2)
        + 2 * u64::from(shape.n_outputs) * u64::from(shape.hidden);
    Cost { bytes: n_parts * layers + shape.head().n_bytes(format), flops, dispatches: n_parts * dispatches }
}

fn weights_of_layers(shape: Shape) -> u64 {
    let of_layer: u64 =
        shape.matrices().iter().map(|matrix| u64::from(matrix.n_rows) * u64::from(matrix.n_columns)).sum();
    u64::from(shape.n_layers) * of_layer
}

/// Operations in which a token attends to so many keys, in all layers.
fn attention_flops(shape: Shape, n_keys: u64) -> u64 {
    4 * n_keys * u64::from(shape.q_width()) * u64::from(shape.n_layers)
}

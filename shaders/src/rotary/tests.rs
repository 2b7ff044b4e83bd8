//! The kernel against its reference.

use half::f16;
use wgpu::{Buffer, BufferUsages};

use super::{Columns, Rotary, Shape, Turning, reference, source};
use crate::attention::Sets;
use crate::gpu::Gpu;
use crate::testing::{check_source, numbers, on_gpu};

const PAGE: u32 = 64;
const EPSILON: f32 = 1e-6;

#[test]
fn naga_accepts_the_kernel_for_every_head() {
    for head_dim in [4, 64, 80, 128, 256] {
        check_source("rotary", &source(head_dim, false));
        check_source("rotary", &source(head_dim, true));
    }
}

/// What a call leaves in its three buffers.
struct Turned {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Turns `inputs`, with a cache of `n_sets` sets of 128 tokens and the `state` that samples have.
async fn turn(gpu: &Gpu, shape: Shape, columns: Columns, n_sets: u32, state: &[u32], sides: [&[f32]; 3]) -> Turned {
    let [inputs, angles, gains] = sides;
    let n_cached = u64::from(2 * PAGE * n_sets * shape.n_kv_heads * shape.head_dim);
    let cache = [(); 2].map(|()| gpu.storage("cache", 2 * n_cached, BufferUsages::COPY_SRC));
    let n_queries = u64::from(shape.n_columns * shape.n_heads * shape.head_dim);
    let queries = gpu.storage("queries", 4 * n_queries, BufferUsages::COPY_SRC);
    let gains = (!gains.is_empty()).then(|| gpu.upload("gains", gains));
    let rotary = Rotary::new(gpu, shape.head_dim, gains.is_some()).await.unwrap();
    let state: Vec<f32> = state.iter().map(|word| f32::from_bits(*word)).collect();
    let turning = Turning {
        shape,
        columns,
        inputs: &gpu.upload("inputs", inputs),
        angles: &gpu.upload("angles", angles),
        norms: gains.as_ref().map(|gains| (gains, EPSILON)),
        state: &gpu.upload("state", &state),
        queries: &queries,
        cache: Sets::new(&cache, PAGE, n_sets),
    };
    gpu.run(&[rotary.bind(gpu, turning)]);
    let halves = async |buffer: &Buffer| -> Vec<f32> {
        let words = gpu.read_words("rotary", buffer, 0..n_cached / 2).await.unwrap();
        words.iter().flat_map(|word| [*word as u16, (word >> 16) as u16]).map(|x| f16::from_bits(x).to_f32()).collect()
    };
    Turned {
        queries: bytemuck::cast_vec(gpu.read_words("rotary", &queries, 0..n_queries).await.unwrap()),
        keys: halves(&cache[0]).await,
        values: halves(&cache[1]).await,
    }
}

/// Compares every head of every column, whose tokens are at these places of these sets.
async fn check(gpu: &Gpu, shape: Shape, columns: Columns, n_sets: u32, state: &[u32], is_normed: bool) {
    let Shape { n_columns, n_heads, n_kv_heads, head_dim } = shape;
    let (dim, n_all) = (head_dim as usize, (n_heads + 2 * n_kv_heads) as usize);
    let inputs = numbers(n_columns as usize * n_all * dim, 1);
    let angles: Vec<f32> = (0..64 * dim / 2).flat_map(|i| [(i as f32).cos(), (i as f32).sin()]).collect();
    let gains = if is_normed { numbers(2 * dim, 2) } else { Vec::new() };
    let found = turn(gpu, shape, columns, n_sets, state, [&inputs, &angles, &gains]).await;
    for column in 0..n_columns as usize {
        let (token, position, set) = match columns {
            Columns::Text { n_past } => (n_past as usize + column, column, 0),
            Columns::Samples => (state[0] as usize - 1, state[0] as usize - 1, state[column + 1] as usize),
        };
        let angles: Vec<[f32; 2]> = angles[position * dim..][..dim].as_chunks::<2>().0.to_vec();
        let cached = |kv_head: usize| {
            let page = token / PAGE as usize * n_sets as usize + set;
            ((page * n_kv_heads as usize + kv_head) * PAGE as usize + token % PAGE as usize) * dim
        };
        for head in 0..n_all {
            let own = &inputs[(column * n_all + head) * dim..][..dim];
            let gains = |first| (!gains.is_empty()).then(|| (&gains[first..first + dim], EPSILON));
            let (found, expected, allowed) = if head < n_heads as usize {
                let at = (column * n_heads as usize + head) * dim;
                (&found.queries[at..][..dim], reference(own, &angles, gains(0)), 1e-5)
            } else if head < (n_heads + n_kv_heads) as usize {
                let at = cached(head - n_heads as usize);
                (&found.keys[at..][..dim], reference(own, &angles, gains(dim)), 2.0 / 1024.0)
            } else {
                let at = cached(head - (n_heads + n_kv_heads) as usize);
                (&found.values[at..][..dim], own.iter().copied().map(f64::from).collect(), 1.0 / 1024.0)
            };
            for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert!(
                    (f64::from(*found) - expected).abs() <= allowed * expected.abs().max(1.0),
                    "{shape:?} {columns:?}, column {column}, head {head}, number {at} on {}: {found}, not {expected}",
                    gpu.describe(),
                );
            }
        }
    }
}

#[test]
fn heads_are_turned_and_appended_where_they_belong() {
    on_gpu("rotary", async |gpu| {
        let shape =
            |n_columns, [n_heads, n_kv_heads]: [u32; 2], head_dim| Shape { n_columns, n_heads, n_kv_heads, head_dim };
        for is_normed in [false, true] {
            // A text that goes over the end of a page, and heads that fill no workgroup, or several times.
            check(gpu, shape(9, [4, 2], 32), Columns::Text { n_past: 60 }, 1, &[0, 0], is_normed).await;
            check(gpu, shape(3, [8, 1], 20), Columns::Text { n_past: 0 }, 1, &[0, 0], is_normed).await;
            check(gpu, shape(2, [2, 2], 256), Columns::Text { n_past: 1 }, 1, &[0, 0], is_normed).await;
            // Samples whose sets are in no order, at the first token and in the middle.
            check(gpu, shape(3, [4, 2], 64), Columns::Samples, 5, &[1, 4, 0, 2], is_normed).await;
            check(gpu, shape(3, [4, 4], 16), Columns::Samples, 3, &[50, 2, 1, 0], is_normed).await;
        }
    });
}

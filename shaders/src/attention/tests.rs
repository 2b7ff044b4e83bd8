//! The kernels against their reference.

use half::f16;
use wgpu::BufferUsages;

use super::{
    Attended, Attention, AttentionError, Inputs, MERGE_SOURCE, Reading, SOURCE, Scratch, Sets, Shape, cost, reference,
    reference_of, source, synthetic,
};
use crate::fill::Fill;
use crate::gpu::Gpu;
use crate::testing::{check_source, on_gpu};

/// How far f32 may be from f64 for values of at most 1: the exponentials are the least exact.
const TOLERANCE: f64 = 2e-5;

fn shape(n_samples: u32, heads: [u32; 2], head_dim: u32, n_prefix: u32, n_own: u32) -> Shape {
    Shape { n_samples, n_heads: heads[0], n_kv_heads: heads[1], head_dim, n_prefix, n_own }
}

async fn upload(gpu: &Gpu, shape: Shape, inputs: &Inputs) -> Result<Attended, AttentionError> {
    Attention::new(gpu, 4 * (shape.head_dim / 4).min(64)).await?.upload(gpu, shape, inputs).await
}

/// Compares every number that came out.
async fn check(gpu: &Gpu, attention: &Attended, shape: Shape, inputs: &Inputs) {
    gpu.run(&attention.steps);
    let found = attention.outputs(gpu).await.unwrap();
    for (idx, found) in found.chunks_exact(shape.head_dim as usize).enumerate() {
        let (sample, head) = (idx as u32 / shape.n_heads, idx as u32 % shape.n_heads);
        for (at, (found, expected)) in found.iter().zip(reference_of(shape, inputs, sample, head)).enumerate() {
            assert!(
                (f64::from(*found) - expected).abs() <= TOLERANCE,
                "{shape:?}, sample {sample}, head {head}, number {at} on {}: {found}, not {expected}",
                gpu.describe(),
            );
        }
    }
}

#[test]
fn naga_accepts_the_kernels_for_every_head() {
    for head_dim in [4, 64, 80, 96, 128, 256] {
        check_source("attention", &source(SOURCE, head_dim));
        check_source("attention", &source(MERGE_SOURCE, head_dim));
    }
}

#[test]
fn every_shape_agrees_with_the_reference() {
    on_gpu("attention", async |gpu| {
        let shapes = [
            // One sample, one head, one token.
            shape(1, [1, 1], 4, 1, 0),
            // Groups of 1, 4 and 8 heads, with tiles of queries and chunks of keys that are not full.
            shape(3, [2, 2], 64, 65, 1),
            shape(7, [8, 2], 64, 130, 5),
            shape(5, [16, 2], 128, 64, 63),
            // Heads whose vectors fill no line of invocations, and the widest.
            shape(2, [4, 4], 96, 100, 7),
            shape(2, [2, 1], 80, 70, 3),
            shape(9, [2, 1], 256, 90, 66),
            // A prefix in several splits.
            shape(2, [4, 1], 32, 1500, 2),
        ];
        for shape in shapes {
            let inputs = synthetic(shape, 3);
            let attention = upload(gpu, shape, &inputs).await.unwrap();
            check(gpu, &attention, shape, &inputs).await;
        }
    });
}

#[test]
fn synthetic_inputs_on_the_device_are_those_on_the_cpu() {
    on_gpu("attention", async |gpu| {
        let fill = Fill::new(gpu).await.unwrap();
        let shape = shape(3, [4, 2], 64, 77, 9);
        let kernels = Attention::new(gpu, shape.head_dim).await.unwrap();
        let attention = kernels.synthetic(gpu, &fill, shape, 8).await.unwrap();
        check(gpu, &attention, shape, &synthetic(shape, 8)).await;
    });
}

#[test]
fn scores_that_are_far_apart_neither_overflow_nor_vanish() {
    on_gpu("attention", async |gpu| {
        let shape = shape(4, [4, 2], 32, 200, 17);
        let mut inputs = synthetic(shape, 5);
        inputs.queries.iter_mut().for_each(|query| *query *= 1000.0);
        // One sample attends to nothing in particular.
        inputs.queries[..128].fill(0.0);
        let attention = upload(gpu, shape, &inputs).await.unwrap();
        check(gpu, &attention, shape, &inputs).await;
    });
}

/// Numbers of sets, `[n_sets, n_kv_heads, n_tokens, head_dim]`, in pages: halves as they lie on a device.
fn paged(numbers: &[f32], [n_sets, n_kv_heads, n_tokens, head_dim]: [usize; 4], page: usize) -> Vec<u16> {
    let mut halves = vec![0; n_tokens.next_multiple_of(page) * n_sets * n_kv_heads * head_dim];
    for (idx, number) in numbers.iter().enumerate() {
        let (at, token) = (idx % head_dim, idx / head_dim % n_tokens);
        let set_and_head = idx / head_dim / n_tokens;
        let place = (token / page * n_sets * n_kv_heads + set_and_head) * page + token % page;
        halves[place * head_dim + at] = f16::from_f32(*number).to_bits();
    }
    halves
}

#[test]
fn pages_and_sets_in_any_order_are_found() {
    on_gpu("attention in pages", async |gpu| {
        let shape = shape(3, [4, 2], 32, 150, 70);
        let inputs = synthetic(shape, 6);
        let buffer = |numbers: &[f32], sizes: [usize; 4]| {
            let halves = paged(numbers, sizes, 64);
            let buffer = gpu.storage("halves", 2 * halves.len() as u64, BufferUsages::COPY_DST);
            gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&halves));
            buffer
        };
        // Sample 0 has the last of five sets, and so on down.
        let set = 70 * 2 * 32;
        let scattered = |numbers: &[f32]| {
            let mut all = vec![0.0; 5 * set];
            (0..3).for_each(|idx| all[(4 - idx) * set..][..set].copy_from_slice(&numbers[idx * set..][..set]));
            all
        };
        let prefix = [&inputs.prefix_keys, &inputs.prefix_values].map(|numbers| buffer(numbers, [1, 2, 150, 32]));
        let own = [&inputs.own_keys, &inputs.own_values].map(|numbers| buffer(&scattered(numbers), [5, 2, 70, 32]));
        let state = gpu.storage("state", 16, BufferUsages::COPY_DST);
        gpu.queue.write_buffer(&state, 0, bytemuck::cast_slice(&[70_u32, 4, 3, 2]));
        let attention = Attention::new(gpu, 32).await.unwrap();
        let outputs = gpu.storage("outputs", 4 * 3 * 4 * 32, BufferUsages::COPY_SRC);
        let reading = Reading {
            shape,
            is_causal: false,
            queries: &gpu.upload("queries", &inputs.queries),
            prefix: Sets { keys: &prefix[0], values: &prefix[1], page: 64, n_sets: 1 },
            own: Some(Sets { keys: &own[0], values: &own[1], page: 64, n_sets: 5 }),
            state: &state,
            scratch: &Scratch::new(gpu, shape).await.unwrap(),
            outputs: &outputs,
        };
        let steps = attention.bind(gpu, reading).into();
        check(gpu, &Attended { steps, outputs: outputs.clone() }, shape, &inputs).await;
    });
}

#[test]
fn no_token_of_a_text_sees_a_later_one() {
    on_gpu("causal attention", async |gpu| {
        // The last 40 tokens of 150, and a whole text.
        for (n_prefix, n_samples, heads) in [(150, 40, [4, 2]), (70, 70, [8, 1])] {
            let shape = shape(n_samples, heads, 32, n_prefix, 0);
            let inputs = synthetic(shape, 7);
            let sizes = [1, heads[1] as usize, n_prefix as usize, 32];
            let prefix = [&inputs.prefix_keys, &inputs.prefix_values].map(|numbers| {
                let halves = paged(numbers, sizes, 64);
                let buffer = gpu.storage("halves", 2 * halves.len() as u64, BufferUsages::COPY_DST);
                gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&halves));
                buffer
            });
            let attention = Attention::new(gpu, 32).await.unwrap();
            let outputs = gpu.storage("outputs", 4 * inputs.queries.len() as u64, BufferUsages::COPY_SRC);
            let reading = Reading {
                shape,
                is_causal: true,
                queries: &gpu.upload("queries", &inputs.queries),
                prefix: Sets { keys: &prefix[0], values: &prefix[1], page: 64, n_sets: 1 },
                own: None,
                state: &gpu.upload("state", &[0.0; 2]),
                scratch: &Scratch::new(gpu, shape).await.unwrap(),
                outputs: &outputs,
            };
            gpu.run(&attention.bind(gpu, reading));
            let found: Vec<f32> =
                bytemuck::cast_vec(gpu.read_words("attention", &outputs, 0..outputs.size() / 4).await.unwrap());
            for (idx, found) in found.chunks_exact(32).enumerate() {
                let (sample, head) = (idx as u32 / heads[0], idx as u32 % heads[0]);
                let kv_head = (head / (heads[0] / heads[1])) as usize;
                let n_seen = (n_prefix - n_samples + sample + 1) as usize;
                let seen = |numbers: &'_ [f32]| -> Vec<f32> {
                    numbers[kv_head * n_prefix as usize * 32..][..n_seen * 32].to_vec()
                };
                let (keys, values) = (seen(&inputs.prefix_keys), seen(&inputs.prefix_values));
                let query = &inputs.queries[idx * 32..][..32];
                let expected = reference(query, keys.chunks_exact(32), values.chunks_exact(32));
                for (found, expected) in found.iter().zip(expected) {
                    let off = (f64::from(*found) - expected).abs();
                    assert!(off <= TOLERANCE, "{shape:?}, token {sample}, head {head}: {found}, not {expected}");
                }
            }
        }
    });
}

#[test]
fn shapes_and_data_that_do_not_fit_are_refused() {
    on_gpu("attention", async |gpu| {
        let good = shape(1, [4, 2], 8, 3, 1);
        let told = async |shape: Shape, inputs: &Inputs| {
            let error = upload(gpu, shape, inputs).await.unwrap_err().to_string();
            error.rsplit("}: ").next().unwrap_or_default().to_owned()
        };
        let mut inputs = synthetic(good, 1);
        assert_eq!(told(shape(1, [4, 2], 8, 0, 1), &inputs).await, "only n_own may be 0");
        assert_eq!(told(shape(1, [4, 3], 8, 3, 1), &inputs).await, "n_heads must be a multiple of n_kv_heads");
        let text = "head_dim must be a multiple of 4, and 256 at most";
        assert_eq!(told(shape(1, [4, 2], 6, 3, 1), &inputs).await, text);
        assert_eq!(told(shape(1, [4, 2], 260, 3, 1), &inputs).await, text);
        let kernels = Attention::new(gpu, 64).await.unwrap();
        let error = kernels.upload(gpu, good, &inputs).await.unwrap_err().to_string();
        assert!(error.ends_with(": other heads than compiled"), "{error}");
        inputs.own_keys.pop();
        assert_eq!(told(good, &inputs).await, "own_keys has 16 numbers, and 15 were given");
    });
}

#[test]
fn a_shared_prefix_costs_once_what_it_would_cost_each_sample() {
    let one = cost(shape(1, [32, 8], 128, 1024, 0)).bytes;
    let many = cost(shape(32, [32, 8], 128, 1024, 0)).bytes;
    // Keys and values are 4 MiB; queries and outputs 32 KiB a sample.
    assert_eq!((one, many), ((4 << 20) + (32 << 10), (4 << 20) + 32 * (32 << 10)));
    assert_eq!(cost(shape(1, [1, 1], 4, 1, 1)).dispatches, 2);
}

#[test]
fn few_queries_split_a_long_prefix_and_many_do_not() {
    assert_eq!(shape(1, [32, 8], 128, 4096, 0).keys_of_split(), 128);
    assert_eq!(shape(32, [32, 8], 128, 4096, 0).keys_of_split(), 704);
    // Own tokens keep a device busy too.
    assert_eq!(shape(32, [32, 8], 128, 4096, 9).keys_of_split(), 2048);
    assert_eq!(shape(1, [1, 1], 64, 10, 0).keys_of_split(), 64);
}

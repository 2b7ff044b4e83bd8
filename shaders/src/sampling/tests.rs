//! The kernel against its reference.

use wgpu::BufferUsages;

use super::{Draw, Drawing, Pick, Reference, SOURCE, Sampler, Shape};
use crate::gpu::Gpu;
use crate::testing::{check_source, numbers, on_gpu};

/// Draws nearer to an edge than this may fall on either side: f32 rounds.
const MARGIN: f64 = 1e-6;

#[test]
fn naga_accepts_the_kernel() {
    check_source("sampling", SOURCE);
}

fn draw(temperature: f32, top_k: Option<u32>, top_p: f32) -> Draw {
    Draw { temperature, top_k, top_p }
}

/// What samples draw in one step, from a row each or from one for all.
async fn picks(
    gpu: &Gpu,
    sampler: &Sampler,
    draw: Draw,
    logits: &[f32],
    uniforms: &[f32],
    n_tokens: usize,
) -> Vec<Pick> {
    let shape = Shape {
        n_samples: uniforms.len() as u32,
        n_tokens: n_tokens as u32,
        is_shared: logits.len() == n_tokens,
        n_steps: 3,
    };
    // The second row of three: a count of 4.
    let before = vec![0.0; uniforms.len()];
    let tokens = gpu.storage("tokens", 4 * uniforms.len() as u64, BufferUsages::COPY_SRC);
    let found = gpu.storage("picks", 24 * uniforms.len() as u64, BufferUsages::COPY_SRC);
    let drawing = Drawing {
        shape,
        draw,
        logits: &gpu.upload("logits", logits),
        uniforms: &gpu.upload("uniforms", &[&before, uniforms, &before].concat()),
        state: &gpu.upload("state", &[f32::from_bits(4)]),
        tokens: &tokens,
        picks: &found,
    };
    gpu.run(&[sampler.bind(gpu, drawing)]);
    let n = 2 * uniforms.len() as u64;
    let words = gpu.read_words("sampling", &found, n..2 * n).await.unwrap();
    let tokens = gpu.read_words("sampling", &tokens, 0..n / 2).await.unwrap();
    let picks = words
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[token, bits]| Pick { token: *token, log_probability: f32::from_bits(*bits) });
    let picks: Vec<Pick> = picks.collect();
    assert!(picks.iter().map(|pick| pick.token).eq(tokens), "the next step reads other tokens");
    picks
}

/// Compares draws with the reference; how many were compared.
async fn check(gpu: &Gpu, sampler: &Sampler, draw: Draw, logits: &[f32], n_tokens: usize, seed: u32) -> usize {
    let n_rows = logits.len() / n_tokens;
    let n = if n_rows == 1 { 500 } else { n_rows };
    let uniforms: Vec<f32> = numbers(n, seed).iter().map(|x| (x / 2.0 + 0.5).min(0.999_999_9)).collect();
    let found = picks(gpu, sampler, draw, logits, &uniforms, n_tokens).await;
    let rows = logits.chunks_exact(n_tokens);
    let references: Vec<Reference<'_>> = rows.map(|row| Reference::new(row, draw).unwrap()).collect();
    let mut n_compared = 0;
    for (idx, (found, uniform)) in found.iter().zip(&uniforms).enumerate() {
        let (expected, margin) = references[idx % n_rows].pick(f64::from(*uniform));
        if margin < MARGIN {
            continue;
        }
        assert_eq!(found.token, expected.token, "{draw:?}, sample {idx}, {uniform} of {n_tokens} tokens");
        let off = (found.log_probability - expected.log_probability).abs();
        assert!(off < 1e-5 * found.log_probability.abs().max(1.0), "{draw:?}: {found:?}, not {expected:?}");
        n_compared += 1;
    }
    n_compared
}

fn logits(n: usize, seed: u32, spread: f32) -> Vec<f32> {
    numbers(n, seed).iter().map(|x| spread * x * x * x).collect()
}

#[test]
fn ten_thousand_draws_give_the_ids_of_the_reference() {
    on_gpu("sampling", async |gpu| {
        let sampler = Sampler::new(gpu).await.unwrap();
        let mut n_compared = 0;
        let mut seed = 0;
        for n_tokens in [1, 7, 255, 256, 257, 1000, 4099] {
            for draw in [
                draw(0.7, None, 1.0),
                draw(1.0, Some(40), 1.0),
                draw(1.3, None, 0.9),
                draw(0.9, Some(20), 0.8),
                draw(1.0, Some(1), 1.0),
                draw(1.0, None, 0.0),
            ] {
                seed += 1;
                n_compared += check(gpu, &sampler, draw, &logits(n_tokens, seed, 9.0), n_tokens, seed).await;
            }
        }
        // A row for each sample.
        n_compared += check(gpu, &sampler, draw(0.8, Some(50), 0.95), &logits(40 * 321, 5, 9.0), 321, 3).await;
        assert!(n_compared >= 10_000, "only {n_compared} draws were not at an edge");
    });
}

#[test]
fn a_large_vocabulary_gives_the_ids_of_the_reference() {
    on_gpu("sampling from 92,544 tokens", async |gpu| {
        let sampler = Sampler::new(gpu).await.unwrap();
        let logits = logits(92_544, 8, 14.0);
        for draw in [draw(0.7, None, 1.0), draw(1.0, Some(50), 0.9)] {
            assert!(check(gpu, &sampler, draw, &logits, 92_544, 8).await > 400);
        }
    });
}

#[test]
fn of_equal_logits_the_first_stay() {
    on_gpu("sampling among equals", async |gpu| {
        let sampler = Sampler::new(gpu).await.unwrap();
        // Three are best, 300 equal behind them, all over the row.
        let mut logits = vec![-1.0; 600];
        (0..300).for_each(|idx| logits[2 * idx + 1] = 2.0);
        [5, 100, 400].into_iter().for_each(|idx: usize| logits[idx] = 3.0);
        for draw in
            [draw(1.0, Some(10), 1.0), draw(1.0, None, 0.25), draw(1.0, Some(200), 0.5), draw(2.0, Some(3), 1.0)]
        {
            assert!(check(gpu, &sampler, draw, &logits, 600, 4).await > 450, "{draw:?}");
        }
    });
}

#[test]
fn masked_tokens_are_never_drawn_and_broken_rows_are_told() {
    on_gpu("sampling of masked and broken rows", async |gpu| {
        let sampler = Sampler::new(gpu).await.unwrap();
        let mut masked = logits(300, 3, 4.0);
        masked.iter_mut().step_by(2).for_each(|logit| *logit = f32::NEG_INFINITY);
        for draw in [draw(1.0, None, 1.0), draw(1.0, Some(290), 0.99)] {
            assert!(check(gpu, &sampler, draw, &masked, 300, 4).await > 450);
        }
        for (broken, idx) in [(f32::NAN, 17), (f32::INFINITY, 299), (f32::NEG_INFINITY, 300)] {
            let mut row = vec![0.5; 300];
            match row.get_mut(idx) {
                Some(logit) => *logit = broken,
                None => row.fill(broken),
            }
            assert!(Reference::new(&row, draw(1.0, None, 1.0)).is_none());
            let found = picks(gpu, &sampler, draw(1.0, Some(9), 0.9), &row, &[0.1, 0.9], 300).await;
            assert!(found.iter().all(|pick| pick.log_probability.is_nan() && pick.token < 300), "{found:?}");
        }
    });
}

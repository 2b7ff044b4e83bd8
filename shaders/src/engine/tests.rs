//! The engine against itself: in parts and whole, in one submit and in several, and its counters against a table.
//! That it computes what a transformer computes is tested where there is one, in `inference`.

use super::{BlockWeights, Counters, Engine, EngineError, Logits, Prefix, STEPS, Shape, counters};
use crate::gpu::Gpu;
use crate::sampling::{Draw, Pick};
use crate::testing::{numbers, on_gpu};
use crate::weights::{Format, MatrixShape, Packed};

const SMALL: Shape = Shape {
    vocab: 90,
    n_outputs: 90,
    hidden: 64,
    ffn: 96,
    n_layers: 2,
    n_heads: 4,
    n_kv_heads: 2,
    head_dim: 16,
    epsilon: 1e-5,
};

const DRAW: Draw = Draw { temperature: 0.8, top_k: Some(40), top_p: 0.95 };

fn matrix(n_rows: u32, n_columns: u32, seed: u32) -> Packed {
    let scale = (3.0 / n_columns as f32).sqrt();
    let values: Vec<f32> = numbers((n_rows * n_columns) as usize, seed).iter().map(|x| x * scale).collect();
    Packed::new(Format::D8, MatrixShape { n_rows, n_columns }, &values).unwrap()
}

fn norm(n: u32, seed: u32) -> Vec<f32> {
    numbers(n as usize, seed).iter().map(|x| 1.0 + x / 10.0).collect()
}

async fn engine(gpu: &Gpu) -> Engine {
    let embedding = matrix(SMALL.vocab, SMALL.hidden, 1);
    let mut engine = Engine::new(gpu, SMALL, &embedding, &norm(SMALL.hidden, 2), None).await.unwrap();
    for idx in 0..SMALL.n_layers {
        let seed = 10 * (idx + 1);
        let bias = numbers(SMALL.qkv_width() as usize, seed);
        let block = BlockWeights {
            attention_norm: &norm(SMALL.hidden, seed + 1),
            qkv: &matrix(SMALL.qkv_width(), SMALL.hidden, seed + 2),
            qkv_bias: Some(&bias),
            head_norms: None,
            output: &matrix(SMALL.hidden, SMALL.q_width(), seed + 3),
            output_bias: None,
            ffn_norm: &norm(SMALL.hidden, seed + 4),
            gate_up: &matrix(2 * SMALL.ffn, SMALL.hidden, seed + 5),
            down: &matrix(SMALL.hidden, SMALL.ffn, seed + 6),
        };
        engine.push(block).await.unwrap();
    }
    engine
}

/// Cosines and sines for the positions from `first` on.
fn angles(first: usize, n: usize) -> Vec<f32> {
    let pairs = SMALL.head_dim as usize / 2;
    let angle = |position: usize, pair: usize| position as f32 / 10_f32.powf(pair as f32 / 2.0);
    let positions = (first..first + n).flat_map(|position| (0..pairs).map(move |pair| angle(position, pair)));
    positions.flat_map(|angle| [angle.cos(), angle.sin()]).collect()
}

fn text(n: usize) -> Vec<u32> {
    (0..n as u32).map(|idx| (idx * idx + 7 * idx + 3) % SMALL.vocab).collect()
}

async fn read(engine: &mut Engine, prefix: &Prefix, n_kept: usize, tokens: &[u32]) -> (Prefix, Logits) {
    engine.read(prefix, n_kept, tokens, &angles(n_kept, tokens.len())).await.unwrap()
}

fn close(ours: &[f32], others: &[f32]) {
    assert_eq!(ours.len(), others.len());
    let off = ours.iter().zip(others).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Keys and values are rounded to f16, of which neighbours may differ.
    assert!(off < 5e-3, "{off} apart");
}

#[test]
fn a_text_may_be_read_in_parts_and_a_beginning_be_kept() {
    on_gpu("the decode engine", async |gpu| {
        let mut engine = engine(gpu).await;
        // More than goes through the layers together.
        let text = text(300);
        let (whole, logits) = read(&mut engine, &Prefix::default(), 0, &text).await;
        let expected = engine.fetch(&[&logits]).await.unwrap();
        assert!(expected.iter().any(|logit| logit.abs() > 0.1), "{expected:?}");
        assert_eq!(whole.n_tokens(), 300);
        // Another text that begins alike is gone on with from where they part.
        let mut other = text.clone();
        other[70..].iter_mut().for_each(|token| *token = (*token + 1) % SMALL.vocab);
        let (other, _) = read(&mut engine, &Prefix::default(), 0, &other).await;
        let (_, logits) = read(&mut engine, &other, 70, &text[70..]).await;
        close(&engine.fetch(&[&logits]).await.unwrap(), &expected);
        // And what was read before stays as it was.
        let (_, logits) = read(&mut engine, &whole, 299, &text[299..]).await;
        close(&engine.fetch(&[&logits]).await.unwrap(), &expected);
    });
}

#[test]
fn siblings_compute_what_each_text_alone_computes() {
    on_gpu("siblings of the decode engine", async |gpu| {
        let mut engine = engine(gpu).await;
        let prompt = text(67);
        let (prefix, logits) = read(&mut engine, &Prefix::default(), 0, &prompt).await;
        // Fewer than a matvec takes, and more.
        for n in [3_usize, 11] {
            let mut texts = vec![prompt.clone(); n];
            let mut last = Vec::new();
            let mut siblings = engine.siblings(&prefix, &logits, n, DRAW, &angles(67, 3)).await.unwrap();
            for step in 0..3_u32 {
                let tokens: Vec<u32> = (0..n as u32).map(|idx| (idx * 17 + step * 29) % SMALL.vocab).collect();
                texts.iter_mut().zip(&tokens).for_each(|(text, token)| text.push(*token));
                last = siblings.push(&tokens).await.unwrap();
            }
            for idx in [0, n - 1] {
                let (_, logits) = read(&mut engine, &Prefix::default(), 0, &texts[idx]).await;
                let alone = engine.fetch(&[&logits]).await.unwrap();
                close(&last[idx * SMALL.vocab as usize..][..SMALL.vocab as usize], &alone);
            }
        }
    });
}

/// What samples draw, `per_submit` steps at a time, with samples dropped as `keep` says after so many tokens.
async fn drawn(engine: &mut Engine, n: usize, per_submit: usize, keep: Option<(usize, &[usize])>) -> Vec<Vec<Pick>> {
    let (prefix, logits) = read(engine, &Prefix::default(), 0, &text(40)).await;
    let mut siblings = engine.siblings(&prefix, &logits, n, DRAW, &angles(40, 96)).await.unwrap();
    let mut samples: Vec<usize> = (0..n).collect();
    let mut all = vec![Vec::new(); n];
    // More than a page of own tokens.
    while all[samples[0]].len() < 96 {
        let first = all[samples[0]].len();
        let n_steps = per_submit.min(96 - first);
        let of_step =
            |step: usize| numbers(n, (first + step) as u32).into_iter().map(|x| (x / 2.0 + 0.5).min(0.999_999));
        let uniforms: Vec<f32> = (0..n_steps)
            .flat_map(|step| {
                let uniforms: Vec<f32> = of_step(step).collect();
                samples.iter().map(|idx| uniforms[*idx]).collect::<Vec<_>>()
            })
            .collect();
        let picks = siblings.draw(&uniforms).await.unwrap();
        for picks in picks.chunks_exact(samples.len()) {
            samples.iter().zip(picks).for_each(|(idx, pick)| all[*idx].push(*pick));
        }
        if let Some((_, kept)) = keep.filter(|(at, _)| *at == first + n_steps) {
            let last: Vec<u32> = kept.iter().map(|idx| all[*idx][first + n_steps - 1].token).collect();
            siblings.keep(kept, &last).await.unwrap();
            samples = kept.to_vec();
        }
    }
    all
}

#[test]
fn steps_of_one_submit_draw_what_single_steps_draw() {
    on_gpu("draws of the decode engine", async |gpu| {
        let mut engine = engine(gpu).await;
        let single = drawn(&mut engine, 5, 1, None).await;
        assert!(single.iter().all(|picks| picks.len() == 96 && picks.iter().all(|pick| pick.log_probability <= 0.0)));
        assert_ne!(single[0], single[1]);
        for per_submit in [3, STEPS] {
            assert!(drawn(&mut engine, 5, per_submit, None).await == single, "{per_submit} steps a submit");
        }
        // Samples that end leave the others what they are.
        let kept = drawn(&mut engine, 5, STEPS, Some((16, &[4, 1]))).await;
        assert!(kept[0] == single[0][..16] && kept[3] == single[3][..16]);
        for idx in [1, 4] {
            let tokens = |picks: &[Pick]| picks.iter().map(|pick| pick.token).collect::<Vec<_>>();
            assert_eq!(tokens(&kept[idx]), tokens(&single[idx]));
        }
    });
}

#[test]
fn eight_steps_are_one_submit_and_one_read_back_of_eight_bytes_a_token() {
    on_gpu("the decode engine's traffic", async |gpu| {
        let mut engine = engine(gpu).await;
        let (prefix, logits) = read(&mut engine, &Prefix::default(), 0, &text(40)).await;
        let mut siblings = engine.siblings(&prefix, &logits, 4, DRAW, &angles(40, 64)).await.unwrap();
        let n_dispatches = siblings.n_dispatches() as u64;
        assert_eq!(n_dispatches, counters(SMALL, Format::D8, 4, 40, 1).dispatches);
        let before = gpu.traffic();
        for _ in 0..4 {
            siblings.draw(&[0.5; 4 * STEPS]).await.unwrap();
        }
        let after = gpu.traffic();
        assert_eq!((after.submits - before.submits, after.read_backs - before.read_backs), (4, 4));
        assert_eq!(after.bytes_back - before.bytes_back, 4 * 8 * 4 * STEPS as u64);
    });
}

/// A model of 7.7 billion parameters, InternLM2-7B's shape.
const LARGE: Shape = Shape {
    vocab: 92_544,
    n_outputs: 92_544,
    hidden: 4096,
    ffn: 14_336,
    n_layers: 32,
    n_heads: 32,
    n_kv_heads: 8,
    head_dim: 128,
    epsilon: 1e-5,
};

#[test]
fn a_step_takes_what_the_table_says() {
    let table =
        [(Format::D4, 1, 1024, 1), (Format::D4, 32, 1024, 128), (Format::D8, 1, 1024, 1), (Format::D8, 32, 1024, 128)];
    let found = table.map(|(format, n, n_prefix, n_own)| {
        let Counters { dispatches_of_layer, dispatches, bytes_read, bytes_held } =
            counters(LARGE, format, n, n_prefix, n_own);
        assert!(dispatches_of_layer <= 7 && dispatches <= 7 * 32 + 8, "{format}, {n}: {dispatches} dispatches");
        let share = bytes_read as f64 / bytes_held as f64;
        assert!(share <= 1.05, "{format}, {n}: {share:.4} of the weights and the cache are read");
        format!("{format} {n}: {dispatches_of_layer} a layer, {dispatches}, {bytes_read} of {bytes_held}")
    });
    let expected = [
        "D4 1: 7 a layer, 229, 4749611016 of 4733337600",
        "D4 32: 7 a layer, 229, 5519769856 of 5270077440",
        "D8 1: 7 a layer, 231, 7968904968 of 7952629760",
        "D8 32: 7 a layer, 231, 8739119360 of 8489369600",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_does_not_suit_the_kernels_or_the_model_is_refused() {
    on_gpu("what the decode engine refuses", async |gpu| {
        let told = |error: EngineError| error.to_string();
        let embedding = matrix(90, 64, 1);
        let odd = Shape { ffn: 100, ..SMALL };
        let error = Engine::new(gpu, odd, &embedding, &[1.0; 64], None).await.map_err(told).unwrap_err();
        assert!(error.ends_with("hidden, ffn and n_heads * head_dim must be multiples of 32"), "{error}");
        let error = Engine::new(gpu, SMALL, &matrix(89, 64, 1), &[1.0; 64], None).await.map_err(told).unwrap_err();
        assert_eq!(error, "the embedding has 5696 numbers, and the model's shape asks for 5760");
        let mut none = Engine::new(gpu, SMALL, &embedding, &[1.0; 64], None).await.unwrap();
        let error = none.read(&Prefix::default(), 0, &[1], &angles(0, 1)).await.map_err(told).unwrap_err();
        assert_eq!(error, "the model has 2 blocks, and 0 were given");

        let mut engine = engine(gpu).await;
        for (n_kept, tokens, n_angles) in [(0, vec![], 0), (0, vec![90], 1), (0, vec![1], 2), (1, vec![1], 1)] {
            let read = engine.read(&Prefix::default(), n_kept, &tokens, &angles(0, n_angles)).await;
            assert!(matches!(read, Err(EngineError::Text(_))), "{tokens:?}");
        }
        let (prefix, logits) = read(&mut engine, &Prefix::default(), 0, &[1, 2]).await;
        let error = engine.siblings(&prefix, &logits, 0, DRAW, &angles(2, 1)).await.map_err(told).unwrap_err();
        assert!(error.starts_with("0 samples of 90 logits: 1 to "), "{error}");
        let mut siblings = engine.siblings(&prefix, &logits, 2, DRAW, &angles(2, 4)).await.unwrap();
        for uniforms in [&[0.5; 3][..], &[0.5; 2 * (STEPS + 1)], &[0.5; 12]] {
            assert!(matches!(siblings.draw(uniforms).await, Err(EngineError::Text(_))));
        }
        assert!(matches!(siblings.keep(&[0], &[1]).await, Err(EngineError::Text(_))));
        siblings.draw(&[0.5; 10]).await.unwrap();
        assert!(matches!(siblings.draw(&[0.5; 2]).await, Err(EngineError::Text(_))));
        assert!(matches!(siblings.push(&[1, 2]).await, Err(EngineError::Text(_))));
    });
}

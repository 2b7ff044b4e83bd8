//! The engine against burn's network on the CPU, on the same weights.

use stepwise_shaders::gpu::{Gpu, GpuError};
use stepwise_shaders::weights::Format;

use super::{Engine, Rounded, STEPS, Text, probe};
use crate::config::{Head, ModelConfig};
use crate::device::{TOLERANCE, relative_error};
use crate::network::tests::{Model, reference_models};
use crate::network::{Compute, Network, Prefix};
use crate::reward_model::rewards;
use crate::sampling::{self, Draw};
use crate::weights::{Checkpoint, RandomWeights};

/// Tests on the machine's adapter, or says that nothing was tested.
fn on_gpu(what: &str, test: impl AsyncFnOnce(&Gpu)) {
    pollster::block_on(async {
        match Gpu::open().await {
            Ok(gpu) => test(&gpu).await,
            Err(error @ GpuError::NoAdapter(_)) => println!("not tested: {what} on a GPU, because {error}"),
            Err(error) => panic!("{error}"),
        }
    });
}

/// A model's engine, and the network that computes with the very same numbers.
async fn pair(gpu: &Gpu, format: Format, model: &Model) -> (Engine, Network) {
    let config = ModelConfig::from_json(&model.config.to_string()).unwrap();
    let source = RandomWeights::new(&config, model.spec.seed, model.spec.embedding_scale);
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    let engine = Engine::load(gpu, format, &config, &checkpoint, &mut |_, _| ()).await.unwrap();
    let source = Rounded { source, format };
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    (engine, Network::load(&config, &checkpoint, &Compute::cpu(2), &mut |_, _| ()).unwrap())
}

/// Reads a text, and two steps of samples behind it; the greatest difference of logits as a share of their range.
async fn compare(engine: &mut Engine, network: &Network, n_tokens: u32, n: u32) -> f32 {
    let vocab = network.config().vocab_size as u32;
    let tokens: Vec<u32> = (0..n_tokens).map(|idx| (idx * idx * 7 + idx * 5 + 3) % vocab).collect();
    let (prefix, expected) = network.extend(Prefix::default(), &tokens);
    let (text, logits) = engine.extend(&Text::default(), &tokens).await.unwrap();
    let values = |logits: burn::tensor::Tensor<2>| logits.into_data().try_into_vec::<f32>().unwrap();
    let mut greatest = relative_error(&engine.fetch(&logits).await.unwrap(), &values(expected));
    let mut branches = network.branches(n as usize);
    let mut siblings = engine.siblings(&text, &logits, n as usize, &Draw::default(), 2).await.unwrap();
    for step in 0..2 {
        let next: Vec<u32> = (0..n).map(|idx| (idx * 17 + step * 29 + 1) % vocab).collect();
        let expected = values(network.step(&next, &prefix, &mut branches));
        let ours = siblings.push(&next).await.unwrap();
        let error = relative_error(&ours, &expected);
        greatest = if error.is_nan() { error } else { greatest.max(error) };
    }
    greatest
}

/// Rewards of some texts behind a beginning and behind none; the greatest difference as a share of their range.
async fn compare_rewards(engine: &mut Engine, network: &Network) -> f32 {
    let vocab = network.config().vocab_size as u32;
    let text = |n: u32, seed: u32| (0..n).map(|idx| (idx * idx * seed + idx * 5 + 3) % vocab).collect::<Vec<u32>>();
    let texts: Vec<Vec<u32>> = [(1, 1), (7, 2), (40, 3), (33, 4)].map(|(n, seed)| text(n, seed)).into();
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let beginning = text(20, 7);
    let (prefix, _) = network.extend(Prefix::default(), &beginning);
    let (read, _) = engine.extend(&Text::default(), &beginning).await.unwrap();
    let mut ours = engine.rewards(&read, &texts).await.unwrap();
    ours.extend(engine.rewards(&Text::default(), &texts).await.unwrap());
    let mut expected = rewards(network, &prefix, &texts).await.unwrap();
    expected.extend(rewards(network, &Prefix::default(), &texts).await.unwrap());
    relative_error(&ours, &expected)
}

#[test]
fn outputs_are_burns_on_every_reference_model() {
    on_gpu("the decode engine", async |gpu| {
        let mut greatest: f32 = 0.0;
        for (idx, model) in reference_models().iter().enumerate() {
            let config = ModelConfig::from_json(&model.config.to_string()).unwrap();
            // Every format on some of them, and one on all; a software adapter compiles each kernel anew.
            let format = Format::ALL[3 - idx % 3];
            let (mut engine, network) = pair(gpu, format, model).await;
            if config.head != Head::LanguageModel {
                let error = compare_rewards(&mut engine, &network).await;
                assert!(error <= TOLERANCE, "{} in {format}: {error:.1e}", model.spec.name);
                continue;
            }
            // Dynamic positions are the same for a text and its samples as long as it fits into those of the training.
            let n_tokens = if config.max_positions == 64 { 40 } else { 129 };
            for (n_tokens, n) in [(7, 3), (n_tokens, 9)] {
                let error = compare(&mut engine, &network, n_tokens, n).await;
                let name = &model.spec.name;
                assert!(error <= TOLERANCE, "{name} in {format}, {n} samples behind {n_tokens} tokens: {error:.1e}");
                greatest = greatest.max(error);
            }
        }
        println!("{}: {greatest:.1e} of the range from burn on the CPU", gpu.describe());
    });
}

#[test]
fn positions_that_are_stretched_while_samples_grow_are_burns() {
    on_gpu("dynamic positions of the decode engine", async |gpu| {
        let models = reference_models();
        let model = models.iter().find(|model| model.spec.name == "llama-dynamic").unwrap();
        let (mut engine, network) = pair(gpu, Format::F16, model).await;
        for n_tokens in [63, 65, 100] {
            let error = compare(&mut engine, &network, n_tokens, 2).await;
            assert!(error <= TOLERANCE, "{n_tokens} tokens: {error:.1e}");
        }
    });
}

#[test]
fn the_self_test_passes_in_every_format() {
    on_gpu("the decode engine's self-test", async |gpu| {
        for format in Format::ALL {
            let error = probe(gpu, format).await.unwrap();
            assert!(error <= TOLERANCE, "{format}: {error:.1e}");
            println!("{format}: {error:.1e} of the range from the CPU");
        }
    });
}

/// The ids that samples draw on the device are those that the CPU's sampler draws from the device's own logits with the
/// same seeds.
#[test]
fn the_same_uniforms_give_the_same_ids_as_the_cpus_sampler() {
    on_gpu("draws of the decode engine", async |gpu| {
        let models = reference_models();
        let model = models.iter().find(|model| model.spec.name == "internlm2-gqa2-tied").unwrap();
        let (mut engine, _) = pair(gpu, Format::D8, model).await;
        let n = 12;
        let (text, logits) = engine.extend(&Text::default(), &[3, 1, 4, 1, 5]).await.unwrap();
        for draw in [Draw::default(), Draw { temperature: 1.0, top_k: Some(20), top_p: 0.9 }] {
            let mut rngs: Vec<_> = (0..n).map(|idx| sampling::rng(9, idx)).collect();
            let uniforms: Vec<f32> =
                (0..STEPS).flat_map(|_| rngs.iter_mut().map(sampling::uniform).collect::<Vec<_>>()).collect();
            let mut siblings = engine.siblings(&text, &logits, n, &draw, STEPS).await.unwrap();
            let picks = siblings.draw(&uniforms).await.unwrap();
            drop(siblings);
            // The same tokens once more, now chosen on the CPU.
            let mut rngs: Vec<_> = (0..n).map(|idx| sampling::rng(9, idx)).collect();
            let first = engine.fetch(&logits).await.unwrap();
            let vocab = first.len();
            let mut rows = first.repeat(n);
            let mut siblings = engine.siblings(&text, &logits, n, &draw, STEPS).await.unwrap();
            for picks in picks.chunks_exact(n) {
                for ((row, rng), found) in rows.chunks_exact(vocab).zip(&mut rngs).zip(picks) {
                    let expected = sampling::pick(row, &draw, rng).unwrap();
                    assert_eq!(found.token, expected.token);
                    assert!((found.log_probability - expected.logprob).abs() < 1e-4, "{found:?}, not {expected:?}");
                }
                let tokens: Vec<u32> = picks.iter().map(|pick| pick.token).collect();
                rows = siblings.push(&tokens).await.unwrap();
            }
        }
    });
}

//! The network against an independent implementation, and its fast paths against its plain one.

use serde::Deserialize;

use super::*;
use crate::device::{self, TOLERANCE, relative_error};
use crate::engine::Rounded;
use crate::weights::{GgufBytes, RandomWeights, gguf_reference};

/// What llama.cpp computes for random models; `tests/reference/README.md` says how it was made.
const VECTORS: &str = include_str!("../../../tests/reference/vectors.json");

#[derive(Deserialize)]
struct Vectors {
    models: Vec<Model>,
}

#[derive(Deserialize)]
pub(crate) struct Model {
    pub(crate) spec: Spec,
    pub(crate) config: serde_json::Value,
    cases: Vec<Case>,
    continuations: Vec<Continuation>,
}

#[derive(Deserialize)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) embedding_scale: f32,
}

#[derive(Deserialize)]
struct Case {
    tokens: Vec<u32>,
    #[serde(default)]
    positions: Vec<usize>,
    #[serde(default)]
    logits: Vec<Vec<f32>>,
    score: Option<f32>,
}

#[derive(Deserialize)]
struct Continuation {
    prompt: Vec<u32>,
    tokens: Vec<u32>,
    sum: f64,
}

fn network(config: &str, seed: u64, embedding_scale: f32, compute: &Compute) -> Network {
    let config = ModelConfig::from_json(config).unwrap();
    let source = RandomWeights::new(&config, seed, embedding_scale);
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    Network::load(&config, &checkpoint, compute, &mut |_, _| ()).unwrap()
}

/// All of them.
pub(crate) fn reference_models() -> Vec<Model> {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.models.len() >= 12, "the reference vectors are incomplete");
    vectors.models
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Compares a device with the reference vectors of the models that are `wanted` by name, and returns the greatest
/// relative error.
fn check_vectors(compute: &Compute, wanted: impl Fn(&str) -> bool) -> f32 {
    let models = reference_models();
    let mut greatest: f32 = 0.0;
    for Model { spec, config, cases, continuations } in models.iter().filter(|model| wanted(&model.spec.name)) {
        let network = network(&config.to_string(), spec.seed, spec.embedding_scale, compute);
        for case in cases {
            let logits = values(network.logits(&case.tokens));
            let width = logits.len() / case.tokens.len();
            let mut check = |ours: &[f32], reference: &[f32]| {
                let error = relative_error(ours, reference);
                assert!(error <= TOLERANCE, "{}, {} tokens: {error:.1e}", spec.name, case.tokens.len());
                greatest = greatest.max(error);
            };
            match case.score {
                // One score has no range; a reward of unit scale stands for it.
                Some(score) => {
                    let reward = values(network.rewards(&Prefix::default(), &[&case.tokens]))[0];
                    check(&[reward, 0.0, 1.0], &[score, 0.0, 1.0]);
                }
                None => {
                    for (position, reference) in case.positions.iter().zip(&case.logits) {
                        check(&logits[position * width..(position + 1) * width], reference);
                    }
                }
            }
        }
        for Continuation { prompt, tokens, sum } in continuations {
            let text = [prompt.as_slice(), tokens].concat();
            let logits = values(network.logits(&text));
            let ours: f64 = tokens
                .iter()
                .zip(logits.chunks(logits.len() / text.len()).skip(prompt.len() - 1))
                .map(|(token, row)| f64::from(row[*token as usize] - crate::sampling::log_sum_exp(row).unwrap()))
                .sum();
            assert!((ours - sum).abs() < 2e-3, "{}: log-probability {ours} instead of {sum}", spec.name);
        }
    }
    greatest
}

#[test]
fn logits_agree_with_llama_cpp() {
    let greatest = check_vectors(&Compute::cpu(2), |_| true);
    assert!(greatest < 1e-5, "the CPU is usually within 1e-6 of llama.cpp, and now {greatest:.1e} off");
}

/// A software adapter compiles every kernel for every shape, so that it gets one model of each kind.
#[test]
fn a_gpu_agrees_with_the_cpu_and_with_llama_cpp() {
    let Some(gpu) = device::of_tests("models") else { return };
    let from_cpu = pollster::block_on(gpu.self_test()).unwrap();
    let kinds = ["internlm2-gqa2-tied", "llama-dynamic", "qwen2-gqa4", "qwen3-yarn", "reward-gqa2"];
    let from_llama_cpp = check_vectors(&gpu.compute, |name| !gpu.is_software || kinds.contains(&name));
    println!("{}: {from_cpu:.1e} of the range from the CPU, {from_llama_cpp:.1e} from llama.cpp", gpu.name);
}

/// The weights of a GGUF file are numpy's; llama.cpp rounds what it multiplies with them.
#[test]
fn gguf_files_give_the_logits_of_numpy_and_of_llama_cpp() {
    for case in gguf_reference::reference().files {
        let source = GgufBytes::new(gguf_reference::file(&case.name)).unwrap();
        let config = ModelConfig::from_gguf(source.file()).unwrap();
        let checkpoint = Checkpoint::new(&config, &source).unwrap();
        let network = Network::load(&config, &checkpoint, &Compute::cpu(2), &mut |_, _| ()).unwrap();
        let (_, logits) = network.extend(Prefix::default(), &case.tokens);
        let ours = values(logits);
        let (to_numpy, to_llama_cpp) = (relative_error(&ours, &case.numpy), relative_error(&ours, &case.llama_cpp));
        println!("{}: {to_numpy:.1e} of the range from numpy, {to_llama_cpp:.1e} from llama.cpp", case.name);
        assert!(to_numpy < 5e-6, "{}: {to_numpy:.1e} from numpy", case.name);
        assert!(to_llama_cpp < 1.5 * case.difference_to_numpy + 5e-6, "{}: {to_llama_cpp:.1e}", case.name);
    }
}

const GROUPED: &str = r#"{
  "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "vocab_size": 100, "hidden_size": 64,
  "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
  "max_position_embeddings": 512, "rms_norm_eps": 1e-5
}"#;

/// Grouped heads, once with all that Qwen3 and YaRN do to them.
fn grouped() -> [String; 2] {
    let yarn =
        r#""head_dim": 24, "rope_scaling": { "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64 }"#;
    let qwen3 = GROUPED.replace("LlamaForCausalLM", "Qwen3ForCausalLM");
    [GROUPED.to_owned(), qwen3.replace(r#""rms_norm_eps""#, &format!(r#"{yarn}, "rms_norm_eps""#))]
}

fn tokens(n: u32, seed: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i * 7 + i * seed + 3) % 100).collect()
}

fn close(ours: &[f32], reference: &[f32]) {
    let error = relative_error(ours, reference);
    assert!(error < 1e-5, "relative error {error:.1e}");
}

#[test]
fn a_text_may_be_read_in_parts() {
    for config in grouped() {
        let network = network(&config, 3, 1.0, &Compute::cpu(2));
        let text = tokens(131, 5);
        let (_, whole) = network.extend(Prefix::default(), &text);
        let (first, _) = network.extend(Prefix::default(), &text[..37]);
        // Only a beginning is kept, as when two prompts share their header.
        let (_, parts) = network.extend(first.first(20), &text[20..]);
        close(&values(parts), &values(whole));
    }
}

#[test]
fn branches_compute_what_each_text_alone_computes() {
    for config in grouped() {
        let network = network(&config, 4, 1.0, &Compute::cpu(2));
        let prompt = tokens(50, 11);
        let (prefix, _) = network.extend(Prefix::default(), &prompt);
        let mut branches = network.branches(40);
        let mut texts = vec![prompt; 40];
        // Long enough for the room in a branch to be doubled, with samples ending on the way.
        for step in 0..70_u32 {
            if step == 20 {
                let kept: Vec<usize> = (0..40).filter(|idx| idx % 3 == 0).collect();
                branches.select(&kept);
                texts = kept.into_iter().map(|idx| texts[idx].clone()).collect();
            }
            let next: Vec<u32> = (0..texts.len() as u32).map(|idx| (idx * 17 + step * 29) % 100).collect();
            texts.iter_mut().zip(&next).for_each(|(text, token)| text.push(*token));
            let rows = values(network.step(&next, &prefix, &mut branches));
            if step % 23 == 0 {
                for idx in [0, texts.len() / 2, texts.len() - 1] {
                    let (_, alone) = network.extend(Prefix::default(), &texts[idx]);
                    close(&rows[idx * 100..(idx + 1) * 100], &values(alone));
                }
            }
        }
        assert_eq!(branches.n_tokens(), 70);
    }
}

#[test]
fn burns_own_functions_compute_the_same() {
    for config in grouped() {
        // What is not known to be the CPU is left to burn: masks, softmax and silu are then its own.
        let [ours, plain] = [Compute::cpu(2), Compute::gpu(burn::tensor::Device::flex())].map(|compute| {
            let network = network(&config, 6, 1.0, &compute);
            let (prefix, _) = network.extend(Prefix::default(), &tokens(9, 2));
            let (prefix, logits) = network.extend(prefix, &tokens(41, 3));
            let mut branches = network.branches(3);
            let steps = [[1, 2, 3], [4, 5, 6]].map(|next| values(network.step(&next, &prefix, &mut branches)));
            [values(logits), steps.concat()].concat()
        });
        close(&ours, &plain);
    }
}

#[test]
fn packed_texts_get_the_rewards_that_each_alone_gets() {
    let config = GROUPED.replace("LlamaForCausalLM", "InternLM2ForRewardModel");
    let config = config.replace("\"vocab_size\"", "\"reward_token_id\": 9, \"vocab_size\"");
    let network = network(&config, 5, 1.0, &Compute::cpu(2));
    let header = tokens(13, 1);
    let (prefix, _) = network.extend(Prefix::default(), &header);
    let texts: Vec<Vec<u32>> = [1, 2, 33, 64, 7].into_iter().map(|n| tokens(n, n)).collect();
    let packed = values(network.rewards(&prefix, &texts.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    for (text, reward) in texts.iter().zip(packed) {
        let whole = [header.as_slice(), text].concat();
        let alone = values(network.rewards(&Prefix::default(), &[&whole]))[0];
        assert!((reward - alone).abs() < 1e-5, "{reward} in the batch, {alone} alone");
    }
}

/// What a network says to texts of several lengths, and in steps of one to six samples.
fn outputs(network: &Network) -> Vec<Vec<f32>> {
    let vocab = network.config().vocab_size as u32;
    let text = |n: u32| -> Vec<u32> { (0..n).map(|idx| (idx * idx * 7 + idx * n + 3) % vocab).collect() };
    if matches!(network.config().head, crate::config::Head::Reward { .. }) {
        let texts: Vec<Vec<u32>> = [1, 2, 33, 64].into_iter().map(text).collect();
        let rewards = values(network.rewards(&Prefix::default(), &texts.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        // One score has no range; a reward of unit scale stands for it.
        return vec![[rewards, vec![0.0, 1.0]].concat()];
    }
    let mut all: Vec<Vec<f32>> = [1, 2, 5, 57].into_iter().map(|n| values(network.logits(&text(n)))).collect();
    let (prefix, _) = network.extend(Prefix::default(), &text(20));
    for n in [1, 2, 3, 4, 6] {
        let mut branches = network.branches(n as usize);
        all.push(values(network.step(&text(n), &prefix, &mut branches)));
        all.push(values(network.step(&text(n), &prefix, &mut branches)));
    }
    all
}

/// Packed weights are f32 that take less memory: a network computes with them what it computes with the f32 that they
/// stand for.
#[test]
fn packed_weights_give_what_their_f32_give() {
    let (mut greatest, mut n_models) = (0.0_f32, 0);
    for Model { spec, config, .. } in &reference_models() {
        let config = ModelConfig::from_json(&config.to_string()).unwrap();
        for format in [Format::F16, Format::D8, Format::D4] {
            let weights = RandomWeights::new(&config, spec.seed, spec.embedding_scale);
            let checkpoint = Checkpoint::new(&config, &weights).unwrap();
            let load = |checkpoint: &Checkpoint<'_>, format| {
                Network::load_as(format, &config, checkpoint, &Compute::cpu(2), &mut |_, _| ())
            };
            if let Err(error) = checkpoint.check_format(format) {
                assert!(matches!(error, WeightsError::Columns { .. }), "{}: {error}", spec.name);
                assert_eq!(load(&checkpoint, format).unwrap_err().to_string(), error.to_string());
                continue;
            }
            let packed = load(&checkpoint, format).unwrap();
            assert_eq!(packed.format(), format);
            let rounded = Rounded { source: weights.clone(), format };
            let rounded = load(&Checkpoint::new(&config, &rounded).unwrap(), Format::F32).unwrap();
            for (ours, reference) in outputs(&packed).iter().zip(outputs(&rounded)) {
                let error = relative_error(ours, &reference);
                assert!(error < 1e-5, "{} in {format}: {error:.1e}", spec.name);
                greatest = greatest.max(error);
            }
            n_models += 1;
        }
    }
    assert!(n_models >= 36, "only {n_models} models and formats were compared");
    println!("{n_models} models and formats, {greatest:.1e} of the range at most");
}

#[test]
fn packed_weights_are_refused_where_something_else_than_the_cpu_computes() {
    let config = ModelConfig::from_json(GROUPED).unwrap();
    let source = RandomWeights::new(&config, 1, 1.0);
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    let other = Compute::gpu(burn::tensor::Device::flex());
    let refused = Network::load_as(Format::D8, &config, &checkpoint, &other, &mut |_, _| ()).unwrap_err();
    assert!(matches!(refused, WeightsError::Device(Format::D8)), "{refused}");
}

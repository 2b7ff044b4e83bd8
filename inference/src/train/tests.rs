//! Gradients against finite differences and against burn's own, and whole trainings of tiny models.

use super::*;
use crate::config::{Architecture, RopeScaling};
use crate::device;
use crate::weights::{Checkpoint, Dtype, SafetensorsBytes};
use stepwise_core::random::SplitMix64;

const REWARD: u32 = 1;

/// A model of 37 tokens with everything that models have: two layers, grouped heads.
fn tiny(reward: bool) -> ModelConfig {
    let mut config = small_config(37, 16, 2, 64, 0, reward.then_some(REWARD));
    (config.n_heads, config.n_kv_heads, config.head_dim) = (4, 2, 4);
    config.validate().unwrap();
    config
}

/// With biases, and a head of its own.
fn with_biases(mut config: ModelConfig) -> ModelConfig {
    (config.qkv_bias, config.output_bias, config.tied) = (true, true, false);
    config.validate().unwrap();
    config
}

/// With norms over query and key heads, positions that YaRN stretches, and biases.
fn with_head_norms(mut config: ModelConfig) -> ModelConfig {
    config.architecture = Architecture::Qwen3;
    config.rope.scaling = RopeScaling::Yarn {
        factor: 4.0,
        original_max_positions: 16,
        beta_fast: 2.0,
        beta_slow: 0.1,
        attention_factor: 1.2,
    };
    with_biases(config)
}

fn text(random: &mut SplitMix64, n: usize) -> Vec<u32> {
    (0..n).map(|_| 2 + random.below(35) as u32).collect()
}

fn examples(n: usize, seed: u64) -> Task {
    let mut random = SplitMix64::new(seed);
    let example = |_| {
        let n_prompt = 1 + random.below(9);
        let n_answer = 1 + random.below(6);
        let mut tokens = text(&mut random, n_prompt + n_answer);
        *tokens.last_mut().unwrap() = 0;
        Example { tokens, n_prompt }
    };
    Task::Policy((0..n).map(example).collect())
}

/// Pairs whose better text has one token more often, wherever it stands.
fn pairs(n: usize, seed: u64) -> Task {
    let mut random = SplitMix64::new(seed);
    let pair = |_| {
        let [better, worse] = [7, 8].map(|mark| {
            let n = 2 + random.below(8);
            let mut tokens = text(&mut random, n);
            tokens.retain(|token| ![7, 8].contains(token));
            tokens.insert(random.below(tokens.len() + 1), mark);
            tokens.push(REWARD);
            tokens
        });
        Pair { better, worse }
    };
    Task::Critic((0..n).map(pair).collect())
}

/// Weights large enough for every part of the model to count.
fn large_weights(config: &ModelConfig, seed: u64) -> ModelWeights {
    let mut weights = initial_weights(config, seed).unwrap();
    let mut random = SplitMix64::new(seed);
    let mut stir = |data: &mut [f32], scale: f32| {
        data.iter_mut().for_each(|x| *x = *x * scale + (random.below(1000) as f32 / 1000.0 - 0.5) * 0.2);
    };
    stir(&mut weights.embedding.data, 20.0);
    stir(&mut weights.final_norm, 1.0);
    for block in &mut weights.blocks {
        [&mut block.attention_norm, &mut block.ffn_norm].into_iter().for_each(|norm| stir(norm, 1.0));
        [&mut block.q_norm, &mut block.k_norm].into_iter().flatten().for_each(|norm| stir(norm, 1.0));
        [&mut block.qkv_bias, &mut block.wo_bias].into_iter().flatten().for_each(|bias| stir(bias, 1.0));
        for matrix in [&mut block.wqkv, &mut block.wo, &mut block.gate_up, &mut block.down] {
            stir(&mut matrix.data, 15.0);
        }
    }
    weights
}

fn training(config: &ModelConfig, weights: &ModelWeights, task: Task, options: TrainConfig) -> Training {
    on(&Compute::cpu(2), config, weights, task, options)
}

fn on(compute: &Compute, config: &ModelConfig, weights: &ModelWeights, task: Task, options: TrainConfig) -> Training {
    Training::new(config, weights, task, options, compute).unwrap()
}

fn options() -> TrainConfig {
    TrainConfig { batch_tokens: 64, warmup_share: 0.1, weight_decay: 0.0, ..TrainConfig::default() }
}

/// Loss and gradients of all items in one batch.
fn whole(training: &Training) -> (f64, Vec<Vec<f32>>) {
    let all: Vec<usize> = (0..training.task.len()).collect();
    training.gradients(&Batch::new(&training.task, &all)).unwrap()
}

/// burn's CPU backend, but as a GPU would be used: with automatic differentiation.
fn reference() -> Compute {
    Compute::gpu(burn::tensor::Device::flex())
}

/// The greatest difference of two gradients as a share of the array's greatest, over all arrays.
fn greatest_error(training: &Training, ours: &[Vec<f32>], reference: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), reference.len());
    let errors = ours.iter().zip(reference).zip(&training.parameters.trained).map(|((ours, reference), parameter)| {
        assert_eq!(ours.len(), reference.len(), "{}", parameter.name);
        let range = reference.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
        assert!(range > 0.0, "{} has no gradient", parameter.name);
        ours.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / range
    });
    errors.fold(0.0, f32::max)
}

/// The kinds of training: policies and critics, plain, with biases, and with adapters.
fn kinds(compute: &Compute) -> Vec<Training> {
    let lora = Some(LoraConfig { rank: 3, alpha: 6.0 });
    let kind = |config: ModelConfig, task: Task, lora| {
        let weights = large_weights(&config, 5);
        let mut training = on(compute, &config, &weights, task, TrainConfig { lora, ..options() });
        // Adapters begin as 0, where half of their gradients are 0 too.
        for (idx, parameter) in training.parameters.trained.iter_mut().enumerate() {
            if parameter.name.ends_with("lora_b") {
                parameter.data = initial::normal(9, idx, 0.3, parameter.data.len());
            }
        }
        training
    };
    vec![
        kind(tiny(false), examples(6, 1), None),
        kind(with_biases(tiny(false)), examples(6, 2), None),
        kind(tiny(true), pairs(4, 3), None),
        kind(tiny(false), examples(6, 4), lora),
        kind(with_biases(tiny(true)), pairs(4, 5), lora),
        kind(with_head_norms(tiny(false)), examples(6, 6), None),
    ]
}

#[test]
fn gradients_are_those_of_automatic_differentiation() {
    for (training, reference) in kinds(&Compute::cpu(2)).into_iter().zip(kinds(&reference())) {
        let (loss, ours) = whole(&training);
        let (expected_loss, expected) = whole(&reference);
        assert!((loss - expected_loss).abs() < 1e-5, "loss {loss} instead of {expected_loss}");
        let error = greatest_error(&training, &ours, &expected);
        assert!(error < 1e-4, "relative error {error:.1e}");
    }
}

#[test]
fn gradients_are_slopes_of_the_loss() {
    const STEP: f32 = 1e-2;
    for mut training in kinds(&Compute::cpu(1)) {
        let (_, gradients) = whole(&training);
        let mut random = SplitMix64::new(11);
        for (array, gradient) in gradients.iter().enumerate() {
            // Along the gradient, where the slope is steepest and least lost in rounding, and along a random direction.
            let length = gradient.iter().map(|x| x * x).sum::<f32>().sqrt();
            let along: Vec<f32> = gradient.iter().map(|x| x / length).collect();
            let n = (gradient.len() as f32).sqrt();
            let across: Vec<f32> = gradient.iter().map(|_| (random.below(2) as f32 * 2.0 - 1.0) / n).collect();
            for direction in [along, across] {
                let mut loss_at = |step: f32| {
                    let kept = training.parameters.trained[array].data.clone();
                    let moved = training.parameters.trained[array].data.iter_mut().zip(&direction);
                    moved.for_each(|(x, direction)| *x += step * direction);
                    let (loss, _) = whole(&training);
                    training.parameters.trained[array].data = kept;
                    loss
                };
                // The difference over four points is exact up to the fourth derivative.
                let near = loss_at(STEP) - loss_at(-STEP);
                let far = loss_at(2.0 * STEP) - loss_at(-2.0 * STEP);
                let slope = (8.0 * near - far) / (12.0 * f64::from(STEP));
                let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
                let allowed = 2e-4 + 0.01 * expected.abs();
                let name = &training.parameters.trained[array].name;
                assert!((slope - expected).abs() < allowed, "{name}: slope {slope}, gradient {expected}");
            }
        }
    }
}

#[test]
fn a_packed_batch_is_the_mean_of_its_texts() {
    for training in kinds(&Compute::cpu(2)) {
        let (loss, packed) = whole(&training);
        let mut losses = 0.0;
        let mut sums: Vec<Vec<f64>> = packed.iter().map(|gradient| vec![0.0; gradient.len()]).collect();
        let mut n_targets = 0.0;
        for idx in 0..training.task.len() {
            let batch = Batch::new(&training.task, &[idx]);
            let n = batch.n_targets() as f64;
            let (loss, gradients) = training.gradients(&batch).unwrap();
            losses += n * loss;
            n_targets += n;
            for (sum, gradient) in sums.iter_mut().zip(gradients) {
                sum.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += n * f64::from(x));
            }
        }
        let means: Vec<Vec<f32>> =
            sums.into_iter().map(|sum| sum.into_iter().map(|x| (x / n_targets) as f32).collect()).collect();
        assert!((loss - losses / n_targets).abs() < 1e-5);
        let error = greatest_error(&training, &packed, &means);
        assert!(error < 1e-4, "relative error {error:.1e}");
    }
}

#[test]
fn a_policy_learns_its_examples_by_heart() {
    let config = tiny(false);
    let task = examples(20, 7);
    let options = TrainConfig { epochs: 150, learning_rate: 1e-2, ..options() };
    let mut training = training(&config, &initial_weights(&config, 3).unwrap(), task.clone(), options);
    let mut last = None;
    while let Some(report) = training.step().unwrap() {
        last = Some(report);
    }
    let last = last.unwrap();
    assert!(last.step == last.n_steps && !last.skipped && last.loss < 0.05, "{last:?}");
    let Evaluation { loss, accuracy, token_accuracy, n_items } = training.evaluate(&task).unwrap();
    assert!(loss < 0.02, "{loss}");
    assert_eq!((accuracy, token_accuracy, n_items), (1.0, 1.0, 20));

    // The ordinary way from saved weights to generated tokens gives the answers back.
    let saved = training.weights().unwrap().to_safetensors(&config, Dtype::F16).unwrap();
    let source = SafetensorsBytes::new(&saved).unwrap();
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    let network = Network::load(&config, &checkpoint, &Compute::cpu(2), &mut |_, _| ()).unwrap();
    let Task::Policy(examples) = task else { unreachable!() };
    for Example { tokens, n_prompt } in examples {
        let (mut prefix, mut logits) = network.extend(Prefix::default(), &tokens[..n_prompt]);
        for token in &tokens[n_prompt..] {
            let row: Vec<f32> = logits.into_data().try_into_vec().unwrap();
            assert_eq!(sampling::best(&row, 1), [*token]);
            (prefix, logits) = network.extend(prefix, &[*token]);
        }
    }
}

#[test]
fn a_critic_learns_to_tell_two_tokens_apart() {
    let config = tiny(true);
    let options = TrainConfig { epochs: 30, learning_rate: 1e-2, ..options() };
    let mut training = training(&config, &initial_weights(&config, 4).unwrap(), pairs(120, 8), options);
    while training.step().unwrap().is_some() {}
    let Evaluation { loss, accuracy, .. } = training.evaluate(&pairs(120, 8)).unwrap();
    assert!(accuracy == 1.0 && loss < 0.05, "{accuracy} of the pairs, loss {loss}");
    let unseen = training.evaluate(&pairs(100, 9)).unwrap();
    assert!(unseen.accuracy > 0.9, "{unseen:?}");
}

#[test]
fn a_training_that_was_stopped_goes_on_bit_for_bit() {
    for (config, task, lora) in [
        (tiny(false), examples(12, 1), None),
        (tiny(true), pairs(12, 2), None),
        (tiny(false), examples(12, 3), Some(LoraConfig { rank: 2, alpha: 2.0 })),
    ] {
        let weights = large_weights(&config, 6);
        let options = TrainConfig { epochs: 3, batch_tokens: 40, lora, ..options() };
        let fresh = || training(&config, &weights, task.clone(), options.clone());
        let mut whole = fresh();
        let mut states = Vec::new();
        let mut reports = Vec::new();
        loop {
            states.push(whole.save_state().unwrap());
            let Some(report) = whole.step().unwrap() else { break };
            reports.push(report);
        }
        assert!(reports.len() > 6 && reports.last().unwrap().epoch == 3, "{} steps", reports.len());
        for (at, state) in states.iter().enumerate() {
            let mut resumed = fresh().resumed(state).unwrap();
            assert_eq!(resumed.save_state().unwrap(), *state);
            for expected in &reports[at..] {
                assert_eq!(resumed.step().unwrap().as_ref(), Some(expected));
            }
            assert_eq!(resumed.step().unwrap(), None);
            assert_eq!(resumed.weights().unwrap(), whole.weights().unwrap());
        }
        let other = TrainConfig { seed: 1, ..options.clone() };
        let other = training(&config, &weights, task.clone(), other).resumed(&states[1]);
        let refusal = other.err().map(|error| error.to_string());
        assert_eq!(
            refusal.as_deref(),
            Some(
                "the saved training cannot go on: it was made with other data or options, or another model; begin anew"
            )
        );
    }
}

#[test]
fn adapters_leave_the_base_as_it_is_until_they_are_merged() {
    let config = tiny(false);
    let weights = large_weights(&config, 8);
    let options =
        TrainConfig { epochs: 20, learning_rate: 1e-2, lora: Some(LoraConfig { rank: 4, alpha: 8.0 }), ..options() };
    let mut training = training(&config, &weights, examples(10, 6), options);
    let untrained = training.weights().unwrap();
    assert_eq!(untrained, weights, "adapters begin as nothing");
    let before = training.evaluate(&examples(10, 6)).unwrap();
    while training.step().unwrap().is_some() {}
    let after = training.evaluate(&examples(10, 6)).unwrap();
    assert!(after.loss < 0.5 * before.loss, "{before:?} {after:?}");
    let merged = training.weights().unwrap();
    assert_eq!((&merged.embedding, &merged.final_norm), (&weights.embedding, &weights.final_norm));
    for (merged, base) in merged.blocks.iter().zip(&weights.blocks) {
        assert_eq!((&merged.attention_norm, &merged.ffn_norm), (&base.attention_norm, &base.ffn_norm));
        assert_ne!(merged.wqkv, base.wqkv);
        assert_ne!(merged.down, base.down);
    }
    // Merged weights, saved and loaded, answer as the adapted model does.
    let merged = Training::new(&config, &merged, examples(10, 6), TrainConfig::default(), &Compute::cpu(2)).unwrap();
    let loaded = merged.evaluate(&examples(10, 6)).unwrap();
    assert!((loaded.loss - after.loss).abs() < 1e-5 * after.loss.max(1.0), "{loaded:?} {after:?}");
}

#[test]
fn steps_that_are_no_numbers_are_skipped_and_end_the_training() {
    let config = tiny(false);
    let mut weights = large_weights(&config, 8);
    weights.blocks[0].down.data.iter_mut().for_each(|x| *x = 1e38);
    weights.blocks[1].gate_up.data.iter_mut().for_each(|x| *x = 1e30);
    let options = TrainConfig { epochs: 20, ..options() };
    let mut training = training(&config, &weights, examples(30, 6), options);
    let before = training.weights().unwrap();
    let report = training.step().unwrap().unwrap();
    assert!(report.skipped, "{report:?}");
    assert_eq!(training.weights().unwrap(), before);
    let error = std::iter::from_fn(|| training.step().transpose()).find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "10 steps in a row gave gradients that are not finite; lower the learning rate");
}

#[test]
fn broken_data_is_refused() {
    let config = tiny(false);
    let weights = initial_weights(&config, 1).unwrap();
    let refusal = |task: Task| {
        let refused = Training::new(&config, &weights, task, options(), &Compute::cpu(1));
        refused.err().map(|error| error.to_string()).unwrap_or_default() + "\n"
    };
    let example = |tokens: &[u32], n_prompt| Task::Policy(vec![Example { tokens: tokens.to_vec(), n_prompt }]);
    let refusals = [
        refusal(example(&[3, 4], 2)),
        refusal(example(&[3, 99], 1)),
        refusal(example(&[5; 70], 1)),
        refusal(pairs(1, 1)),
    ];
    expect_test::expect![[r#"
        item 0 of the training data cannot be used: its prompt or its answer is empty; give each at least one token
        item 0 of the training data cannot be used: it has a token that is not in the model's vocabulary; use the model's own tokenizer
        there is no data to train on, or all of it is longer than the batch or the model's positions; 1 items are
        a language model has no reward head; train an InternLM2ForRewardModel, or give it examples
    "#]]
    .assert_eq(&refusals.concat());
}

/// Skipped where there is no adapter, as the other tests of devices.
#[test]
fn a_gpu_computes_the_same_gradients() {
    let Some(gpu) = device::of_tests("training") else { return };
    let mut greatest: f32 = 0.0;
    for (training, expected) in kinds(&gpu.compute).into_iter().zip(kinds(&Compute::cpu(2))) {
        let (expected_loss, expected) = whole(&expected);
        let (loss, ours) = whole(&training);
        assert!((loss - expected_loss).abs() < 1e-4, "loss {loss} instead of {expected_loss}");
        greatest = greatest.max(greatest_error(&training, &ours, &expected));
    }
    assert!(greatest < 2e-3, "relative error {greatest:.1e}");
    println!("{}: gradients {greatest:.1e} of their range from the CPU's", gpu.name);
}

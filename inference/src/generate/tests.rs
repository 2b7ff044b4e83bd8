//! Beam search against all texts.

use super::*;
use crate::config::ModelConfig;
use crate::network::Compute;
use crate::sampling::Decoding;
use crate::tokenizer::train_byte_level_bpe;
use crate::train::{initial_weights, small_config};
use crate::weights::{Checkpoint, Dtype, SafetensorsBytes};
use crate::{LanguageModel, PolicyOptions, Reader};
use stepwise_core::prompt::PromptFormat;

const END: u32 = 0;

fn tokenizer() -> Tokenizer {
    Tokenizer::from_json(&train_byte_level_bpe(&["abc"], 257, &["<|end|>"]).unwrap()).unwrap()
}

/// The files of a small random model with peaked distributions.
pub(super) fn files(max_positions: usize) -> (ModelConfig, Vec<u8>) {
    let config = small_config(tokenizer().vocab_size(), 32, 1, max_positions, END, None);
    let mut weights = initial_weights(&config, 3).unwrap();
    weights.embedding.data.iter_mut().for_each(|x| *x *= 60.0);
    let bytes = weights.to_safetensors(&config, Dtype::F32).unwrap();
    (config, bytes)
}

/// The model, with its tokenizer of bytes.
fn model(scoring: Scoring) -> LanguageModel {
    of_files(scoring, &files(32))
}

pub(super) fn of_files(scoring: Scoring, (config, bytes): &(ModelConfig, Vec<u8>)) -> LanguageModel {
    let tokenizer = tokenizer();
    let file = SafetensorsBytes::new(bytes).unwrap();
    let checkpoint = Checkpoint::new(config, &file).unwrap();
    let network = Network::load(config, &checkpoint, &Compute::cpu(1), &mut |_, _| ()).unwrap();
    let options =
        PolicyOptions { format: PromptFormat::Plain, sampling: Sampling::default(), scoring, prefix_bytes: 0 };
    LanguageModel::new(network, Reader::new(tokenizer, None), options, &[END])
}

/// The log-probabilities of every next token behind `tokens`.
fn logprobs(model: &LanguageModel, tokens: &[u32]) -> Vec<f32> {
    let logits = pollster::block_on(model.logits(tokens)).unwrap();
    let row = &logits[logits.len() - model.network().config().vocab_size..];
    let log_sum = sampling::log_sum_exp(row).unwrap();
    row.iter().map(|logit| logit - log_sum).collect()
}

#[test]
fn a_beam_of_every_token_finds_the_texts_of_the_highest_score() {
    let prompt = [5, 9, 60];
    let sampling = Sampling { decoding: Decoding::Beam, max_tokens: 2, ..Sampling::default() };
    for scoring in [Scoring::Mean, Scoring::Sum] {
        let mut model = model(scoring);
        let vocab = model.network().config().vocab_size as u32;
        let first = logprobs(&model, &prompt);
        let mut all: Vec<Vec<f32>> = vec![vec![first[END as usize]]];
        for token in (0..vocab).filter(|token| *token != END) {
            let behind = logprobs(&model, &[prompt.as_slice(), &[token]].concat());
            all.extend(behind.into_iter().map(|logprob| vec![first[token as usize], logprob]));
        }
        let mut expected: Vec<f64> = all.iter().map(|logprobs| scoring.score(logprobs)).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        let n = vocab as usize;
        let (found, _) = pollster::block_on(model.generate(&prompt, &sampling, n, 0)).unwrap();
        let found: Vec<f64> = found.iter().map(|sample| scoring.score(&sample.logprobs)).collect();
        assert_eq!(found.len(), n);
        // By the mean, a text of one token may be among the best though its beam of two tokens was not looked for.
        for (found, expected) in found.iter().zip(&expected).take(if scoring == Scoring::Sum { n } else { 1 }) {
            assert!((found - expected).abs() < 1e-3, "{scoring:?}: {found} instead of {expected}");
        }
    }
}

#[test]
fn narrow_beams_are_ordered_and_without_repeats() {
    let sampling = Sampling { decoding: Decoding::Beam, max_tokens: 12, ..Sampling::default() };
    let mut model = model(Scoring::Sum);
    for n in [0, 1, 5] {
        let (found, _) = pollster::block_on(model.generate(&[7, 8], &sampling, n, 0)).unwrap();
        assert!(found.len() <= n);
        let scores: Vec<f64> = found.iter().map(|sample| Scoring::Sum.score(&sample.logprobs)).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        let mut logprobs: Vec<Vec<f32>> = found.into_iter().map(|sample| sample.logprobs).collect();
        logprobs.dedup();
        assert_eq!(logprobs.len(), scores.len());
    }
}

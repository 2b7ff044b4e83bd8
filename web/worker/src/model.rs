//! A model with its logits and samples, for tests and measurements: no page asks for them, and the module that ships is built
//! without.

use js_sys::JSON;
use serde::Deserialize;
use serde_json::json;
use stepwise_core::prompt::PromptFormat;
use stepwise_inference::config::ModelConfig;
use stepwise_inference::generate::{Sample, SampleEnd};
use stepwise_inference::network::Network;
use stepwise_inference::tokenizer::Tokenizer;
use stepwise_inference::weights::{Checkpoint, RandomWeights, SafetensorsBytes, TensorSource};
use stepwise_inference::{Decoding, Draw, LanguageModel, PolicyOptions, Reader, Sampling, Scoring};
use wasm_bindgen::prelude::*;

use crate::{Device, MAX_SAMPLES, line};

/// Memory for the keys and values of texts that later texts may share, in bytes.
const PREFIX_BYTES: usize = 64 << 20;

/// A language model on a device.
#[wasm_bindgen]
pub struct Model(LanguageModel);

#[wasm_bindgen]
impl Model {
    /// A model from the texts of its config.json and tokenizer.json and the bytes of its model.safetensors.
    ///
    /// # Errors
    /// One of them is broken, or they do not belong together.
    pub fn load(config: &str, tokenizer: &str, weights: &[u8], device: &Device) -> Result<Self, JsError> {
        let config = ModelConfig::from_json(config)?;
        let weights = SafetensorsBytes::new(weights).map_err(|e| line(format!("the file of the weights {e}")))?;
        Self::new(&config, tokenizer, &weights, device)
    }

    /// A model whose weights follow from a seed, for tests and measurements without a file.
    ///
    /// # Errors
    /// config.json or tokenizer.json is broken, or they do not belong together.
    pub fn random(
        config: &str,
        tokenizer: &str,
        seed: u32,
        embedding_scale: f32,
        device: &Device,
    ) -> Result<Self, JsError> {
        let config = ModelConfig::from_json(config)?;
        let weights = RandomWeights::new(&config, seed.into(), embedding_scale);
        Self::new(&config, tokenizer, &weights, device)
    }

    fn new(
        config: &ModelConfig,
        tokenizer: &str,
        weights: &dyn TensorSource,
        device: &Device,
    ) -> Result<Self, JsError> {
        let tokenizer = Tokenizer::from_json(tokenizer.as_bytes())?;
        tokenizer.check_vocabulary(config.vocab_size)?;
        let checkpoint = Checkpoint::new(config, weights)?;
        let network = Network::load(config, &checkpoint, &device.compute, &mut |_, _| ())?;
        let options = PolicyOptions {
            format: PromptFormat::Plain,
            sampling: Sampling::default(),
            scoring: Scoring::default(),
            prefix_bytes: PREFIX_BYTES,
        };
        Ok(Self(LanguageModel::new(network, Reader::new(tokenizer, None), options, &[])))
    }

    /// The tokens of a text, as a `Uint32Array`; a model's markers in it are plain characters.
    ///
    /// # Errors
    /// The tokenizer fails on it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, JsError> {
        Ok(self.0.reader().tokenizer().encode_plain(text, true)?)
    }

    /// The logits at every position of a text, as a `Float32Array`, `[n_tokens, vocab]` row by row. A reward model has
    /// one per position, and its score is the last.
    ///
    /// # Errors
    /// There are no tokens, or such as the model has not, or the device fails.
    pub async fn logits(&self, tokens: Vec<u32>) -> Result<Vec<f32>, JsError> {
        Ok(self.0.logits(&tokens).await?)
    }

    /// What follows a text: an array of `{text, logprobs, end}`. `options` are those of [`Options`], all optional.
    ///
    /// # Errors
    /// An option is wrong, the text is too long or has tokens that the model has not, or the device fails.
    pub async fn generate(&mut self, tokens: Vec<u32>, options: JsValue) -> Result<JsValue, JsError> {
        let (options, sampling) = Options::read(&options)?;
        let (samples, _) = self.0.generate(&tokens, &sampling, options.n, options.seed).await?;
        let samples: serde_json::Value = samples.iter().map(plain_object).collect();
        JSON::parse(&samples.to_string()).map_err(|_| line("the samples are no JSON"))
    }
}

/// How to generate.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    /// Samples, or at temperature 0 the width of the beam search.
    n: usize,
    /// The same seed gives the same samples.
    seed: u64,
    temperature: f64,
    top_k: Option<usize>,
    top_p: f64,
    /// Tokens of a sample at most.
    max_tokens: usize,
    /// A sample ends before the first of these texts.
    stop: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let Sampling { decoding, max_tokens, stop } = Sampling::default();
        let Draw { temperature, top_k, top_p } = decoding.draw();
        Self { n: 1, seed: 0, temperature, top_k, top_p, max_tokens, stop }
    }
}

impl Options {
    fn read(value: &JsValue) -> Result<(Self, Sampling), JsError> {
        let wrong = |reason: String| line(format!("the options of generate are wrong: {reason}"));
        // Nothing given has no JSON; it stands for the defaults.
        let json =
            if value.is_undefined() { None } else { JSON::stringify(value).ok().and_then(|json| json.as_string()) };
        let mut options: Self =
            serde_json::from_str(json.as_deref().unwrap_or("{}")).map_err(|e| wrong(e.to_string()))?;
        if !(1..=MAX_SAMPLES).contains(&options.n) {
            return Err(wrong(format!("n is {}, and may be from 1 to {MAX_SAMPLES}", options.n)));
        }
        let Self { temperature, top_k, top_p, max_tokens, .. } = options;
        let stop = std::mem::take(&mut options.stop);
        let decoding = Decoding::of_draw(Draw { temperature, top_k, top_p });
        Ok((options, Sampling { decoding, max_tokens, stop }))
    }
}

/// A sample as JavaScript can pass it on to another thread.
fn plain_object(sample: &Sample) -> serde_json::Value {
    let end = match sample.end {
        SampleEnd::EndOfText => "end of text",
        SampleEnd::Stop => "stop",
        SampleEnd::Length => "length",
    };
    json!({ "text": sample.text, "logprobs": sample.logprobs, "end": end })
}

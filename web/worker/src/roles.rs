//! The two roles of the models that ship, as a page asks them: a policy that proposes tactics as `stepwise prove` has them
//! proposed, and a critic that scores states.
//!
//! Questions and answers are the JSON of [`stepwise_core::wire`], as text: a seed is more than JavaScript's numbers hold, so
//! JavaScript only passes the text on.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwise_core::policy::mixture::{LEMMAS_SHARE, Shares, WIDENING_SHARE, portfolio_with_lemmas};
use stepwise_core::policy::premises::Premises;
use stepwise_core::policy::{ProposalRequest, Proposals, portfolio};
use stepwise_core::prompt::PromptFormat;
use stepwise_core::wire;
use stepwise_inference::config::{Head, ModelConfig};
use stepwise_inference::engine::{Accelerated, Engine};
use stepwise_inference::network::Network;
use stepwise_inference::tokenizer::Tokenizer;
use stepwise_inference::weights::{Checkpoint, Format, SafetensorsBytes, settle_head};
use stepwise_inference::{Known, LanguageModel, ModelError, PolicyOptions, Reader, RewardModel, Sampling, Settings};
use wasm_bindgen::prelude::*;

use crate::{Device, MAX_SAMPLES, line};

/// Memory for the keys and values of prompts that later prompts may share, in bytes. A search's states share little more
/// than their hypotheses, and a page has other uses for its memory.
const PREFIX_BYTES: usize = 32 << 20;
/// States of one question to the critic; beyond this its batches would hold the worker up for long.
const MAX_STATES: usize = 1024;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since some moment.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// A policy, with the portfolio and its own lemmas beside it as its folder would have it.
#[wasm_bindgen]
pub struct Policy {
    model: LanguageModel,
    premises: Option<Arc<Premises>>,
    /// The share of the samples that the portfolio gives.
    mix: f64,
}

/// A critic.
#[wasm_bindgen]
pub struct Critic(RewardModel);

#[wasm_bindgen]
impl Policy {
    /// A policy from its folder's files: the texts of config.json, tokenizer.json, tokenizer_config.json and stepwise.json,
    /// the lines of lemmas.jsonl.gz, and the bytes of model.safetensors.
    ///
    /// # Errors
    /// One of them is broken, they do not belong together, or they are a reward model's.
    pub fn load(
        config: &str,
        tokenizer: &str,
        tokenizer_config: Option<String>,
        settings: &str,
        lemmas: Option<String>,
        weights: &[u8],
        device: &Device,
    ) -> Result<Self, JsError> {
        let (network, reader) = open(config, tokenizer, tokenizer_config, weights, device)?;
        if network.config().head != Head::LanguageModel {
            return Err(line("the policy's files hold a reward model; take a language model"));
        }
        let settings = Settings::from_json(settings.as_bytes()).map_err(|e| line(format!("stepwise.json: {e}")))?;
        let premises = match lemmas {
            Some(lemmas) => Some(Arc::new(Premises::from_jsonl("lemmas.jsonl.gz", &lemmas)?)),
            None => None,
        };
        let format = settings.format(network.config().architecture);
        if format == PromptFormat::StepProver && !reader.has_template() {
            return Err(line("tokenizer_config.json has no chat_template, which the policy's prompt needs"));
        }
        let mut sampling = Sampling::default();
        sampling.decoding =
            settings.temperature.map_or(sampling.decoding, |temperature| sampling.decoding.at(temperature));
        sampling.stop.extend(format.stop().iter().map(|stop| (*stop).to_owned()));
        let options = PolicyOptions { format, sampling, scoring: settings.scoring, prefix_bytes: PREFIX_BYTES };
        let mut model = LanguageModel::new(network, reader, options, &[]);
        if let Some(premises) = &premises {
            model = model.with_premises(Arc::clone(premises));
        }
        Ok(Self { model, premises, mix: settings.mix.unwrap_or(0.0) })
    }

    /// How far the model is from what known.json says that it computes, as a share of the logits' range.
    ///
    /// # Errors
    /// known.json is broken or another model's, or the device fails.
    #[wasm_bindgen(js_name = knownError)]
    pub async fn known_error(&self, known: &str) -> Result<f32, JsError> {
        Ok(Known::from_json(known)?.error(self.model.network()).await?)
    }

    /// Has kernels of our own draw the samples where they compute right on the device and are faster than burn's. `weights` are the
    /// bytes of model.safetensors once more. Returns a line about it.
    ///
    /// # Errors
    /// The device fails.
    #[wasm_bindgen(js_name = takeFaster)]
    pub async fn take_faster(&mut self, weights: &[u8], device: &Device) -> Result<String, JsValue> {
        let engine = match engine(self.model.network().config(), weights, device).await {
            Ok(engine) => engine,
            Err(why) => return Ok(format!("without kernels of our own: {why}")),
        };
        let [burn, kernels] = self.model.take_faster(engine, &seconds).await.map_err(marked)?;
        Ok(format!("kernels of our own draw {kernels:.0} tokens a second where burn draws {burn:.0}"))
    }

    /// Tokens a second that it draws.
    ///
    /// # Errors
    /// The device fails.
    pub async fn speed(&mut self) -> Result<f64, JsValue> {
        self.model.speed(&seconds).await.map_err(marked)
    }

    /// Answers a [`wire::ProposalRequest`] with [`wire::Proposals`], both as JSON.
    ///
    /// # Errors
    /// It is no such question, it asks for too much, or the device fails.
    pub async fn propose(&mut self, request: String) -> Result<String, JsValue> {
        let request: ProposalRequest = question::<wire::ProposalRequest>(&request)?.into();
        if request.samples as usize > MAX_SAMPLES {
            let n = request.samples;
            return Err(line(format!("{n} samples are too many for a browser; ask for at most {MAX_SAMPLES}")).into());
        }
        // As a native mixture asks: a policy without a share is not asked, and one alone keeps its log-probabilities.
        // Where a state is expanded once more, the portfolio stands beside the model.
        let mix = if request.widening > 0 { self.mix.max(WIDENING_SHARE) } else { self.mix };
        let shares = Shares::new(request.samples, mix);
        let own = match shares.first() {
            0 => Proposals::default(),
            samples => self.ask_model(&ProposalRequest { samples, ..request.clone() }).await?,
        };
        if mix <= 0.0 {
            return Ok(answer(&wire::Proposals::from(&own))?);
        }
        let others = match shares.second(own.candidates.len()) {
            0 => Vec::new(),
            samples => self.ask_others(&ProposalRequest { samples, ..request.clone() }),
        };
        let candidates = shares.mix(own.candidates, others);
        Ok(answer(&wire::Proposals::from(&Proposals { candidates, cost: own.cost }))?)
    }

    async fn ask_model(&mut self, request: &ProposalRequest) -> Result<Proposals, JsValue> {
        let begun = now();
        let mut proposals = self.model.propose(request).await.map_err(marked)?;
        proposals.cost.device_us = microseconds_since(begun);
        Ok(proposals)
    }

    fn ask_others(&self, request: &ProposalRequest) -> Vec<stepwise_core::policy::Candidate> {
        match &self.premises {
            Some(premises) => portfolio_with_lemmas(premises, LEMMAS_SHARE, request),
            None => portfolio::propose(request),
        }
    }
}

#[wasm_bindgen]
impl Critic {
    /// A critic from its folder's files: the texts of config.json, tokenizer.json and tokenizer_config.json, and the bytes
    /// of model.safetensors.
    ///
    /// # Errors
    /// One of them is broken, they do not belong together, or they are a language model's.
    pub fn load(
        config: &str,
        tokenizer: &str,
        tokenizer_config: Option<String>,
        weights: &[u8],
        device: &Device,
    ) -> Result<Self, JsError> {
        let (network, reader) = open(config, tokenizer, tokenizer_config, weights, device)?;
        Ok(Self(RewardModel::new(network, reader, PREFIX_BYTES)?))
    }

    /// As [`Policy::known_error`], of scores.
    ///
    /// # Errors
    /// As there.
    #[wasm_bindgen(js_name = knownError)]
    pub async fn known_error(&self, known: &str) -> Result<f32, JsError> {
        Ok(Known::from_json(known)?.error(self.0.network()).await?)
    }

    /// Has kernels of our own score where they compute right on the device and are faster than burn's. `weights` are the
    /// bytes of model.safetensors once more. Returns a line about it.
    ///
    /// # Errors
    /// The device fails.
    #[wasm_bindgen(js_name = takeFaster)]
    pub async fn take_faster(&mut self, weights: &[u8], device: &Device) -> Result<String, JsValue> {
        let engine = match engine(self.0.network().config(), weights, device).await {
            Ok(engine) => engine,
            Err(why) => return Ok(format!("without kernels of our own: {why}")),
        };
        let [burn, kernels] = self.0.take_faster(engine, &seconds).await.map_err(marked)?;
        Ok(format!("kernels of our own read {kernels:.0} tokens a second where burn reads {burn:.0}"))
    }

    /// Answers a [`wire::ScoreRequest`] with [`wire::Scores`], both as JSON.
    ///
    /// # Errors
    /// It is no such question, it asks for too much, or the device fails.
    pub async fn score(&mut self, request: String) -> Result<String, JsValue> {
        let request: wire::ScoreRequest = question(&request)?;
        if request.states.len() > MAX_STATES {
            let n = request.states.len();
            return Err(line(format!("{n} states are too many for a browser; ask for at most {MAX_STATES}")).into());
        }
        let begun = now();
        let mut scores = self.0.score(&request.into()).await.map_err(marked)?;
        scores.cost.device_us = microseconds_since(begun);
        Ok(answer(&wire::Scores::from(&scores))?)
    }
}

/// What both roles are made of.
fn open(
    config: &str,
    tokenizer: &str,
    tokenizer_config: Option<String>,
    weights: &[u8],
    device: &Device,
) -> Result<(Network, Reader), JsError> {
    let mut config = ModelConfig::from_json(config)?;
    let tokenizer = Tokenizer::from_json(tokenizer.as_bytes())?;
    let reader = Reader::of_model(&config, tokenizer, tokenizer_config.as_deref().map(str::as_bytes), None)?;
    let weights = SafetensorsBytes::new(weights).map_err(|e| line(format!("the file of the weights {e}")))?;
    settle_head(&mut config, &weights)?;
    let checkpoint = Checkpoint::new(&config, &weights)?;
    let network = Network::load(&config, &checkpoint, &device.compute, &mut |_, _| ())?;
    Ok((network, reader))
}

/// The model of these weights in kernels of our own, or why there is none, in one line.
async fn engine(config: &ModelConfig, weights: &[u8], device: &Device) -> Result<Engine, String> {
    let gpu = device.gpu.as_ref().ok_or("the device is no GPU")?;
    gpu.test_kernels(Format::F32).await.map_err(|e| e.to_string())?;
    let weights = SafetensorsBytes::new(weights).map_err(|e| e.to_string())?;
    let checkpoint = Checkpoint::new(config, &weights).map_err(|e| e.to_string())?;
    let engine = Engine::load(&gpu.kernels, Format::F32, config, &checkpoint, &mut |_, _| ()).await;
    engine.map_err(|e| e.to_string())
}

fn question<Q: DeserializeOwned>(json: &str) -> Result<Q, JsError> {
    serde_json::from_str(json).map_err(|e| line(format!("this is no question to a model: {e}")))
}

fn answer(answer: &impl Serialize) -> Result<String, JsError> {
    Ok(serde_json::to_string(answer)?)
}

/// An error that JavaScript can tell apart when the device is to blame: the question may be asked again on another.
fn marked(error: ModelError) -> JsValue {
    let is_device = error.blames_device();
    let error = js_sys::Error::new(&error.to_string());
    if is_device {
        error.set_name("DeviceError");
    }
    error.into()
}

fn seconds() -> f64 {
    now() / 1000.0
}

fn microseconds_since(begun: f64) -> u64 {
    ((now() - begun).max(0.0) * 1000.0) as u64
}

//! A policy behind an OpenAI-compatible completions endpoint with log-probabilities: vLLM, llama.cpp's server.
//!
//! What the log-probabilities are: those of the model itself, before temperature, top-p and top-k. vLLM gives these
//! with `--logprobs-mode raw_logprobs`, its default (`ModelConfig.logprobs_mode`); llama.cpp's server gives "a simple
//! softmax of the logits without considering any other sampler settings" unless `post_sampling_probs` is set (its
//! README, `n_probs`). The mean is over all tokens that the server reports, including the one that ended the text where
//! it reports that. llama.cpp reports tokens that are parts of one character as one entry with the log-probability of
//! the last of them.
//!
//! Seeds: sample `i` of a request has the seed `request.seed + i` (folded to 31 bits, which every server takes). Since
//! llama.cpp's server gives child `j` of a question with `n > 1` the seed `seed + j`, the samples do not depend on how
//! they are spread over questions.

mod answer;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};
use tokio::task::JoinSet;

use self::answer::{Answer, Flaw};
use super::{Policy, PolicyError};
use crate::run::model_server::{ModelServer, ServerError, ServerOptions};

const COMPLETIONS: &str = "/v1/completions";
/// A longer tactic is not one.
const MAX_TACTIC_BYTES: usize = 16 << 10;

/// How tactics are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token each time: one sample.
    pub temperature: f64,
    /// Only the likeliest tokens that make up this probability are sampled; 1 for all.
    pub top_p: f64,
    /// Only so many of the likeliest tokens are sampled; `None` for all.
    pub top_k: Option<u32>,
    /// Tokens of one tactic at most.
    pub max_tokens: u32,
}

impl Default for Sampling {
    /// InternLM2.5-StepProver's (arXiv 2410.15700): T = 0.7, 256 tokens, nothing cut off.
    fn default() -> Self {
        Self { temperature: 0.7, top_p: 1.0, top_k: None, max_tokens: 256 }
    }
}

/// What a model reads for a state.
pub type Prompt = Box<dyn Fn(&ProposalRequest) -> String + Send + Sync>;
/// The tactic in a completion; `None` when there is none.
pub type Tactic = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a model reads for a state, and how its text becomes a tactic.
pub struct PromptFormat {
    /// The text to complete.
    pub prompt: Prompt,
    /// Texts that end a completion; they are no part of it.
    pub stop: Vec<String>,
    /// The tactic in a completion; `None` when there is none.
    pub tactic: Tactic,
}

impl fmt::Debug for PromptFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptFormat").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// What an [`Endpoint`] is made from.
#[derive(Debug)]
pub struct EndpointOptions {
    /// The server.
    pub server: ServerOptions,
    /// How tactics are sampled.
    pub sampling: Sampling,
    /// What the model reads and writes.
    pub format: PromptFormat,
}

/// A language model behind an endpoint.
#[derive(Debug)]
pub struct Endpoint {
    server: ModelServer,
    sampling: Sampling,
    format: PromptFormat,
    name: String,
    manners: Mutex<Manners>,
}

/// What a server was found to accept.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// Samples that one question may ask for: llama.cpp's server takes as many as it has slots, others take one.
    at_once: u32,
    /// `top_k` and `min_p`, which OpenAI's own interface does not know. llama.cpp's server must be told not to use
    /// them, for by default it does.
    extensions: bool,
}

impl Endpoint {
    /// Asks the server for its models.
    ///
    /// # Errors
    /// When there is no such server, key or model.
    pub async fn connect(options: EndpointOptions) -> Result<Self, ServerError> {
        let EndpointOptions { server, sampling, format } = options;
        let server = ModelServer::connect(server).await?;
        let name = format!("{} at {}", server.model(), server.url());
        Ok(Self {
            server,
            sampling,
            format,
            name,
            manners: Mutex::new(Manners { at_once: u32::MAX, extensions: true }),
        })
    }

    /// The answers to the samples `0..n_samples`, in their order. What the server refuses is asked in smaller parts, and
    /// what it leaves out is asked again; the manners that worked are used from then on.
    async fn ask(&self, prompt: &str, seed: u64, n_samples: u32) -> Result<Vec<Answer>, ServerError> {
        let mut manners = *self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: Vec<_> = split(0..n_samples, n_samples).collect();
        let mut answers: Vec<(u32, Answer)> = Vec::new();
        let mut refused = false;
        while !wanted.is_empty() {
            let mut parts: Vec<_> = wanted.drain(..).flat_map(|range| split(range, manners.at_once)).collect();
            if refused {
                // One part shows whether the manners are right now.
                wanted = parts.split_off(1);
            }
            // A search that is stopped drops the set, and with it the questions.
            let mut questions = JoinSet::new();
            for range in parts {
                let (server, question) = (self.server.clone(), self.question(prompt, seed, &range, manners));
                questions.spawn(async move { (range, server.post(COMPLETIONS, question).await) });
            }
            while let Some(answered) = questions.join_next().await {
                let (range, answer) = answered.map_err(|died| self.server.unreachable(&died))?;
                match answer.and_then(|answer| self.read(&answer, &range)) {
                    Ok(answer) => {
                        refused = false;
                        let n_got = u32::try_from(answer.completions.len()).unwrap_or(u32::MAX);
                        if range.start + n_got < range.end {
                            manners.at_once = manners.at_once.min(n_got);
                            wanted.push(range.start + n_got..range.end);
                        }
                        answers.push((range.start, answer));
                    }
                    Err(ServerError::Refused { status: 400 | 422, message, .. })
                        if manners.extensions && (message.contains("top_k") || message.contains("min_p")) =>
                    {
                        refused = true;
                        manners.extensions = false;
                        wanted.push(range);
                    }
                    Err(ServerError::Refused { status: 400 | 422, .. }) if range.len() > 1 => {
                        refused = true;
                        manners.at_once = manners.at_once.min((range.end - range.start) / 2);
                        wanted.push(range);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = manners;
        answers.sort_by_key(|(first, _)| *first);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// The body of a question for some of a request's samples.
    fn question(&self, prompt: &str, seed: u64, samples: &Range<u32>, manners: Manners) -> Value {
        let Sampling { temperature, top_p, top_k, max_tokens } = self.sampling;
        let mut question = json!({
            "prompt": prompt,
            "n": samples.end - samples.start,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "stop": self.format.stop,
            "seed": (seed ^ (seed >> 32)).wrapping_add(u64::from(samples.start)) & 0x7fff_ffff,
            // The sampled token's own log-probability comes with at least one alternative.
            "logprobs": 1,
        });
        if manners.extensions {
            question["top_k"] = top_k.map_or(json!(-1), |k| json!(k));
            question["min_p"] = json!(0);
        }
        question
    }

    /// Reads an answer; more completions than were asked for are left out.
    fn read(&self, answer: &Value, samples: &Range<u32>) -> Result<Answer, ServerError> {
        let n_tokens = u64::from(self.sampling.max_tokens).saturating_mul(samples.len() as u64);
        answer::read(answer, samples.len(), n_tokens).map_err(|flaw| match flaw {
            Flaw::NoLogprobs => ServerError::NoLogprobs { url: self.server.url().to_owned() },
            Flaw::Lacks(lacks) => self.server.strange(COMPLETIONS, lacks),
        })
    }

    /// The tactics in the completions, most promising first, each once.
    fn candidates(&self, answers: &[Answer]) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for completion in answers.iter().flat_map(|answer| &answer.completions) {
            // A server that knows no stop strings goes on behind them.
            let ends = self.format.stop.iter().filter_map(|stop| completion.text.find(stop.as_str()));
            let text = &completion.text[..ends.min().unwrap_or(completion.text.len())];
            let tactic = (self.format.tactic)(text).filter(|tactic| tactic.len() <= MAX_TACTIC_BYTES);
            let Some(tactic) = tactic else { continue };
            let candidate = Candidate { tactic, logprob: completion.mean_logprob, n_tokens: completion.n_tokens };
            match known.get(&candidate.tactic) {
                // The same text from other tokens: the likelier way to write it counts.
                Some(&idx) if candidates[idx].logprob < candidate.logprob => candidates[idx] = candidate,
                Some(_) => {}
                None => {
                    known.insert(candidate.tactic.clone(), candidates.len());
                    candidates.push(candidate);
                }
            }
        }
        candidates.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        candidates
    }
}

#[async_trait]
impl Policy for Endpoint {
    /// The model and the address.
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        // Without a temperature all samples are the same, and vLLM refuses to make more than one.
        let n_samples = if self.sampling.temperature > 0.0 { request.samples } else { request.samples.min(1) };
        if n_samples == 0 {
            return Ok(Proposals::default());
        }
        let prompt = (self.format.prompt)(request);
        let answers = self
            .ask(&prompt, request.seed, n_samples)
            .await
            .map_err(|error| PolicyError { policy: self.name.clone(), message: error.to_string() })?;
        let cost = ModelCost {
            // However many questions it took, the prompt was one.
            prompt_tokens: answers.iter().map(|answer| answer.prompt_tokens).max().unwrap_or_default(),
            generated_tokens: answers.iter().map(|answer| answer.generated_tokens).sum(),
            device_us: 0,
        };
        Ok(Proposals { candidates: self.candidates(&answers), cost })
    }
}

/// The range in parts of at most `at_once`.
fn split(range: Range<u32>, at_once: u32) -> impl Iterator<Item = Range<u32>> {
    let Range { start, end } = range;
    let step = at_once.clamp(1, end - start);
    (start..end).step_by(step as usize).map(move |first| first..end.min(first.saturating_add(step)))
}

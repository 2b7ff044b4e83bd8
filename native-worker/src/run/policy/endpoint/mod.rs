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

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals, merge};
use stepwise_core::prompt::split_tactics;
use stepwise_inference::{Decoding, Draw, Sampling};
use tokio::task::JoinSet;

use self::answer::{Answer, Completion, Lacks};
use super::{Policy, PolicyError};
use crate::run::model_server::{ModelServer, ServerError, ServerOptions};

const COMPLETIONS: &str = "/v1/completions";
/// A longer tactic is not one.
const MAX_TACTIC_BYTES: usize = 16 << 10;

/// Tactics of one completion that are tried together.
const MAX_TACTICS: usize = 8;
/// What a completion without log-probabilities gets at most: it ranks behind all that have them.
const UNKNOWN: f64 = -10.0;
/// So many failures without an answer between them mean that the server is gone for good.
const MAX_FAILED: u32 = 8;

/// What a model reads for a state.
pub type Prompt = Box<dyn Fn(&ProposalRequest) -> String + Send + Sync>;
/// The tactic in a completion; `None` when there is none.
pub type Tactic = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a model reads for a state, and how its text becomes a tactic.
pub struct Wording {
    /// The text to complete.
    pub prompt: Prompt,
    /// Texts that end a completion; they are no part of it.
    pub stop: Vec<String>,
    /// The tactic in a completion; `None` when there is none.
    pub tactic: Tactic,
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wording").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// What an [`Endpoint`] is made from.
#[derive(Debug)]
pub struct EndpointOptions {
    pub server: ServerOptions,
    /// How tactics are sampled.
    /// Where the policy's texts end is the wording's to say.
    pub sampling: Sampling,
    /// What the model reads and writes.
    pub wording: Wording,
}

/// A language model behind an endpoint.
#[derive(Debug)]
pub struct Endpoint {
    server: ModelServer,
    sampling: Sampling,
    wording: Wording,
    name: String,
    manners: Mutex<Manners>,
    /// Questions that failed since the last one that did not.
    failed_in_a_row: AtomicU32,
}

/// What a server was found to accept.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// Samples that one question may ask for: llama.cpp's server takes as many as it has slots, others take one.
    at_once: u32,
    /// `top_k` and `min_p`, which OpenAI's own interface does not know. llama.cpp's server must be told not to use
    /// them, for by default it does.
    extensions: bool,
    /// Whether it ever answered a question.
    has_answered: bool,
    /// Whether it ever gave log-probabilities.
    logprobs: bool,
}

impl Endpoint {
    /// Asks the server for its models.
    ///
    /// # Errors
    /// When there is no such server, key or model.
    pub async fn connect(options: EndpointOptions) -> Result<Self, ServerError> {
        let EndpointOptions { server, sampling, wording } = options;
        let server = ModelServer::connect(server).await?;
        let name = format!("{} at {}", server.model(), server.url());
        Ok(Self {
            server,
            sampling,
            wording,
            name,
            manners: Mutex::new(Manners { at_once: u32::MAX, extensions: true, has_answered: false, logprobs: false }),
            failed_in_a_row: AtomicU32::new(0),
        })
    }

    /// The answers to the samples `0..n_samples`, in their order. What the server refuses is asked in smaller parts, and
    /// what it leaves out is asked again; the manners that worked are used from then on.
    async fn ask(&self, prompt: &str, seed: u64, n_samples: u32) -> Result<Vec<Answer>, ServerError> {
        let mut manners = *self.manners.lock();
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
        let mut completions = answers.iter().flat_map(|(_, answer)| &answer.completions).filter(|c| !c.text.is_empty());
        let says_something = completions.clone().next().is_some();
        manners.logprobs |= completions.any(|completion| completion.n_tokens > 0);
        manners.has_answered = true;
        *self.manners.lock() = manners;
        if says_something && !manners.logprobs {
            return Err(ServerError::NoLogprobs { url: self.server.url().to_owned() });
        }
        answers.sort_by_key(|(first, _)| *first);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// What a question comes to that has failed, after all retries: nothing for this state, as long as the server answers
    /// others; an error when it never did, or not for long.
    fn failed(&self, error: &ServerError) -> Result<Proposals, PolicyError> {
        let has_answered = self.manners.lock().has_answered;
        let weight = if matches!(error, ServerError::TimedOut { .. }) { 4 } else { 1 };
        let n_failed = self.failed_in_a_row.fetch_add(weight, Ordering::Relaxed) + weight;
        if !error.is_passing() || !has_answered {
            return Err(PolicyError { policy: self.name.clone(), message: error.to_string(), cause: None });
        }
        if n_failed >= MAX_FAILED {
            let message = format!("it failed again and again, the last time so: {error}");
            return Err(PolicyError { policy: self.name.clone(), message, cause: None });
        }
        tracing::warn!(%error, "the model server failed, and the search goes on without its answer");
        Ok(Proposals { candidates: Vec::new(), cost: ModelCost { failed: 1, ..ModelCost::default() } })
    }

    /// The body of a question for some of a request's samples.
    fn question(&self, prompt: &str, seed: u64, samples: &Range<u32>, manners: Manners) -> Value {
        let Draw { temperature, top_k, top_p } = self.sampling.decoding.draw();
        let mut question = json!({
            "prompt": prompt,
            "n": samples.end - samples.start,
            "max_tokens": self.sampling.max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "stop": self.wording.stop,
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
        let n_tokens = (self.sampling.max_tokens as u64).saturating_mul(samples.len() as u64);
        answer::read(answer, samples.len(), n_tokens).map_err(|Lacks(lacks)| self.server.strange(COMPLETIONS, lacks))
    }

    /// The tactics in the completions, most promising first, each once and no more than `n_wanted`.
    ///
    /// Models write tactics one after another. The first one of each is what was asked for; what it makes with those
    /// behind it gets a quarter of the places, and those that are left over.
    fn candidates(&self, answers: &[Answer], n_wanted: usize) -> Vec<Candidate> {
        let completions: Vec<&Completion> = answers.iter().flat_map(|answer| &answer.completions).collect();
        let known = completions.iter().filter_map(|completion| completion.mean_logprob);
        let unknown = known.fold(UNKNOWN, f64::min) - 1.0;
        let (mut first, mut longer) = (Vec::new(), Vec::new());
        for completion in completions {
            // A server that knows no stop strings goes on behind them.
            let ends = self.wording.stop.iter().filter_map(|stop| completion.text.find(stop.as_str()));
            let text = &completion.text[..ends.min().unwrap_or(completion.text.len())];
            let block = (self.wording.tactic)(text).filter(|block| block.len() <= MAX_TACTIC_BYTES);
            let mut tactics = block.map(|block| split_tactics(&block)).unwrap_or_default();
            if completion.is_cut && tactics.len() > 1 {
                tactics.pop();
            }
            let logprob = completion.mean_logprob.unwrap_or(unknown);
            for n in 1..=tactics.len().min(MAX_TACTICS) {
                let tactic = tactics[..n].join("\n");
                let list = if n == 1 { &mut first } else { &mut longer };
                list.push(Candidate { tactic, logprob, n_tokens: completion.n_tokens });
            }
        }
        let (mut first, mut longer) = (merge(first), merge(longer));
        longer.retain(|candidate| first.iter().all(|other| other.tactic != candidate.tactic));
        let n_longer = longer.len().min((n_wanted / 4).max(n_wanted.saturating_sub(first.len())));
        longer.truncate(n_longer);
        first.truncate(n_wanted - n_longer);
        first.append(&mut longer);
        // Of equals the first tactic alone comes before what it makes with others.
        first.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        first
    }
}

#[async_trait]
impl Policy for Endpoint {
    /// The model and the address.
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        // These servers have no beam search: the likeliest token each time makes one text, and vLLM refuses to make more.
        let n_samples = match self.sampling.decoding {
            Decoding::Draw(_) => request.samples,
            Decoding::Beam => request.samples.min(1),
        };
        if n_samples == 0 {
            return Ok(Proposals::default());
        }
        let prompt = (self.wording.prompt)(request);
        let answers = match self.ask(&prompt, request.seed, n_samples).await {
            Ok(answers) => answers,
            Err(error) => return self.failed(&error),
        };
        self.failed_in_a_row.store(0, Ordering::Relaxed);
        let cost = ModelCost {
            // However many questions it took, the prompt was one.
            prompt_tokens: answers.iter().map(|answer| answer.prompt_tokens).max().unwrap_or_default(),
            generated_tokens: answers.iter().map(|answer| answer.generated_tokens).sum(),
            device_us: 0,
            failed: 0,
        };
        Ok(Proposals { candidates: self.candidates(&answers, request.samples as usize), cost })
    }
}

/// The range in parts of at most `at_once`.
fn split(range: Range<u32>, at_once: u32) -> impl Iterator<Item = Range<u32>> {
    let Range { start, end } = range;
    let step = at_once.clamp(1, end - start);
    (start..end).step_by(step as usize).map(move |first| first..end.min(first.saturating_add(step)))
}

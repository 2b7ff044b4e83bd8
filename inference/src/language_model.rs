//! The policy: a language model that writes tactics for a proof state.

use std::sync::Arc;

use super::config::{Head, RopeScaling};
use super::engine::{Accelerated, Beside, Engine, Kernels};
use super::error::ModelError;
use super::generate::{Generator, Sample, Writer, rows};
use super::network::Network;
use super::prefixes::Prefixes;
use super::reader::Reader;
use super::sampling::{Decoding, Draw, Sampling};
use super::scoring::Scoring;
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::pointers::Pointers;
use stepwise_core::policy::premises::Premises;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals, merge};
use stepwise_core::prompt::{PromptFormat, clean_tactic, policy_prompt};
use stepwise_core::syntax::may_be_tactic;

/// How a policy reads and writes.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyOptions {
    /// The prompt that it was trained on.
    pub format: PromptFormat,
    pub sampling: Sampling,
    /// By what its tactics are ordered.
    pub scoring: Scoring,
    /// Memory for the keys and values of prompts that later prompts may share, in bytes.
    pub prefix_bytes: usize,
}

/// Seconds after which a device is known to be slow, and is measured no further.
const LONG: f64 = 0.5;

/// A network with a language-model head, and what turns proof states into its tokens.
#[derive(Debug)]
pub struct LanguageModel {
    network: Network,
    /// What draws samples in place of the network, as long as its device does.
    beside: Beside,
    reader: Reader,
    options: PolicyOptions,
    ends: Vec<u32>,
    prefixes: Prefixes,
    /// The lemmas that its prompts show and its tactics point at, beside the portfolio's drafts.
    premises: Option<Arc<Premises>>,
}

impl LanguageModel {
    /// Puts a policy together. Texts end with the configuration's end tokens, the tokenizer's, and `ends`.
    #[must_use]
    pub fn new(network: Network, reader: Reader, options: PolicyOptions, ends: &[u32]) -> Self {
        let mut all = network.config().eos.clone();
        all.extend(reader.tokenizer().eos_id());
        all.extend_from_slice(ends);
        if options.format == PromptFormat::StepProver {
            all.extend(reader.tokenizer().id_of("<|im_end|>"));
        }
        let prefixes = Prefixes::new(options.prefix_bytes);
        Self { network, beside: Beside::default(), reader, options, ends: all, prefixes, premises: None }
    }

    /// The policy with the lemmas that it was trained to point at.
    #[must_use]
    pub fn with_premises(mut self, premises: Arc<Premises>) -> Self {
        self.premises = Some(premises);
        self
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What reads its prompts.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Tactics for a state, most probable first, equal ones merged. Without a clock, the cost's time is left at 0.
    ///
    /// A prompt that the model has no positions for gets no tactics: that is the state's fate, not a failure.
    ///
    /// # Errors
    /// The prompt cannot be built, or the device fails.
    pub async fn propose(&mut self, request: &ProposalRequest) -> Result<Proposals, ModelError> {
        let pointers = self.premises.as_ref().map(|premises| Pointers::new(premises, request)).unwrap_or_default();
        let tokens = self.reader.prompt(&policy_prompt(self.options.format, &pointers.shown_in(request)))?;
        let sampling = self.options.sampling.clone();
        match self.generate(&tokens, &sampling, request.samples as usize, request.seed).await {
            Ok((samples, cost)) => Ok(Proposals { candidates: candidates(&self.options, &pointers, &samples), cost }),
            Err(ModelError::Length { .. }) => Ok(Proposals::default()),
            Err(error) => Err(error),
        }
    }

    /// What follows a text of tokens: `n` samples, or the `n` texts that beam search finds. Without a
    /// clock, the cost's time is left at 0.
    ///
    /// # Errors
    /// The model has no positions or no such tokens for the text, it is a reward model, or the device fails.
    pub async fn generate(
        &mut self,
        tokens: &[u32],
        sampling: &Sampling,
        n: usize,
        seed: u64,
    ) -> Result<(Vec<Sample>, ModelCost), ModelError> {
        let n_all = tokens.len() + sampling.max_tokens;
        let n_positions = self.n_positions();
        if n_all > n_positions {
            return Err(ModelError::Length { n_tokens: n_all, n_positions });
        }
        self.check(tokens)?;
        if self.network.config().head != Head::LanguageModel {
            return Err(ModelError::Unsuited("a reward model writes no text; take a language model".to_owned()));
        }
        if let Decoding::Draw(draw) = &sampling.decoding
            && let Some(answer) = self.draw_with_kernels(tokens, sampling, draw, n, seed).await
        {
            return answer;
        }
        let keep = self.network.can_keep(n_all);
        let known = if keep { self.prefixes.longest(tokens) } else { Default::default() };
        let n_known = known.tokens().len();
        let (prefix, logits) = self.network.extend(known, &tokens[n_known..]);
        if keep {
            self.prefixes.keep(prefix.clone());
        }
        let generator = Generator { network: &self.network, writer: self.writer(tokens, sampling) };
        let samples = match &sampling.decoding {
            Decoding::Draw(draw) => generator.sample(&prefix, logits, draw, n, seed).await?,
            Decoding::Beam => generator.beam(&prefix, logits, n, self.options.scoring).await?,
        };
        let cost = cost(tokens.len() - n_known, &samples);
        Ok((samples, cost))
    }

    /// What follows a text, drawn by the decode engine; `None` when there is none, or its device has failed just now and is
    /// not asked any more.
    async fn draw_with_kernels(
        &mut self,
        tokens: &[u32],
        sampling: &Sampling,
        draw: &Draw,
        n: usize,
        seed: u64,
    ) -> Option<Result<(Vec<Sample>, ModelCost), ModelError>> {
        let mut kernels = self.beside.kernels.take()?;
        let answer = draw_with(&mut kernels, self.writer(tokens, sampling), tokens, draw, n, seed).await;
        self.beside.settle(kernels, answer, "samples are drawn")
    }

    /// What makes texts of what follows `tokens`.
    fn writer<'a>(&'a self, tokens: &'a [u32], sampling: &'a Sampling) -> Writer<'a> {
        let context = &tokens[tokens.len().saturating_sub(4)..];
        Writer { tokenizer: self.reader.tokenizer(), context, ends: &self.ends, sampling }
    }

    /// The logits at every position of a text, `[n_tokens, vocab]` row by row; for a reward model `[n_tokens, 1]`.
    ///
    /// # Errors
    /// The text is empty or has tokens that the model has not, or the device fails.
    pub async fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        self.check(tokens)?;
        rows(self.network.logits(tokens)).await
    }

    /// What the network relies on.
    fn check(&self, tokens: &[u32]) -> Result<(), ModelError> {
        let vocab_size = self.network.config().vocab_size;
        match tokens.iter().find(|token| **token as usize >= vocab_size) {
            Some(token) => Err(ModelError::Token { token: *token, vocab_size }),
            None if tokens.is_empty() => Err(ModelError::Length { n_tokens: 0, n_positions: self.n_positions() }),
            None => Ok(()),
        }
    }

    /// The longest text that the rotary positions are made for.
    fn n_positions(&self) -> usize {
        let config = self.network.config();
        match config.rope.scaling {
            RopeScaling::Dynamic { factor } => (config.max_positions as f64 * factor) as usize,
            _ => config.max_positions,
        }
    }
}

/// Samples are drawn by the engine; beam search is the network's.
impl Accelerated for LanguageModel {
    fn network(&self) -> &Network {
        &self.network
    }

    fn set_engine(&mut self, engine: Option<Engine>) {
        self.beside.kernels = engine.map(|engine| Kernels::new(engine, self.options.prefix_bytes));
    }

    fn has_engine(&self) -> bool {
        self.beside.kernels.is_some()
    }

    fn take_notice(&mut self) -> Option<String> {
        self.beside.notice.take()
    }

    /// Of 8 samples of 16 tokens behind a prompt, or of 2 tokens where those take long.
    async fn speed(&mut self, seconds: &(dyn Fn() -> f64 + Sync)) -> Result<f64, ModelError> {
        let vocab = self.network.config().vocab_size as u32;
        let n_prompt = 64.min(self.n_positions().saturating_sub(16)).max(1) as u32;
        let prompt: Vec<u32> = (0..n_prompt).map(|idx| idx.wrapping_mul(2_654_435_761) % vocab).collect();
        let mut speed = 0.0;
        for (turn, max_tokens) in [2, 2, 16].into_iter().enumerate() {
            let sampling = Sampling { max_tokens, ..Sampling::default() };
            let begun = seconds();
            let (_, cost) = self.generate(&prompt, &sampling, 8, turn as u64).await?;
            let taken = (seconds() - begun).max(1e-9);
            speed = cost.generated_tokens as f64 / taken;
            if turn > 0 && taken > LONG {
                break;
            }
        }
        Ok(speed)
    }
}

/// What follows a text, drawn by the decode engine.
async fn draw_with(
    kernels: &mut Kernels,
    writer: Writer<'_>,
    tokens: &[u32],
    draw: &Draw,
    n: usize,
    seed: u64,
) -> Result<(Vec<Sample>, ModelCost), ModelError> {
    let (text, logits, n_read) = kernels.read(tokens, tokens.len() + writer.sampling.max_tokens).await?;
    let samples = writer.sample_with(&mut kernels.engine, &text, &logits, draw, n, seed).await?;
    let cost = cost(n_read, &samples);
    Ok((samples, cost))
}

/// What reading so many tokens and drawing these samples comes to, without a clock.
fn cost(n_read: usize, samples: &[Sample]) -> ModelCost {
    ModelCost {
        prompt_tokens: n_read as u64,
        generated_tokens: samples.iter().map(|sample| sample.logprobs.len() as u64).sum(),
        device_us: 0,
        failed: 0,
    }
}

/// The samples as candidates. One that points at no lemma is none, and neither is a text that cannot be a tactic: Lean
/// would say so, at the price of asking.
fn candidates(options: &PolicyOptions, pointers: &Pointers, samples: &[Sample]) -> Vec<Candidate> {
    merge(samples.iter().filter_map(|sample| {
        let tactic = pointers.resolve(&clean_tactic(options.format, &sample.text)?)?;
        if !may_be_tactic(&tactic) {
            return None;
        }
        let (logprob, n_tokens) = (options.scoring.score(&sample.logprobs), sample.logprobs.len() as u32);
        Some(Candidate { tactic, logprob, n_tokens })
    }))
}

//! The critic: a network with a reward head that scores proof states.

use super::config::Head;
use super::engine::{Accelerated, Beside, Engine, Kernels};
use super::error::ModelError;
use super::network::{Network, Prefix};
use super::prefixes::Prefixes;
use super::reader::Reader;
use stepwise_core::cost::ModelCost;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::prompt::{critic_text, state_text};

/// Tokens that are packed into one batch on the CPU: a few texts, whose results stay in its caches (13% faster than 2048).
const PACKED_ON_CPU: usize = 640;
/// The same on a GPU: enough work for all of it, few enough for the results to fit into its buffers.
const PACKED_ON_GPU: usize = 2048;

/// A network with a reward head, and what turns proof states into its tokens.
#[derive(Debug)]
pub struct RewardModel {
    network: Network,
    /// What scores in place of the network, as long as its device does.
    beside: Beside,
    reader: Reader,
    /// Appended to every text; the reward is read there.
    reward_token: u32,
    prefix_bytes: usize,
    prefixes: Prefixes,
}

impl RewardModel {
    /// Puts a critic together; `prefix_bytes` is the memory for what all prompts begin with.
    ///
    /// # Errors
    /// The network has no reward head.
    pub fn new(network: Network, reader: Reader, prefix_bytes: usize) -> Result<Self, ModelError> {
        let Head::Reward { token } = network.config().head else {
            return Err(ModelError::Unsuited(
                "the critic's folder holds a language model; name one of InternLM2ForRewardModel".to_owned(),
            ));
        };
        let prefixes = Prefixes::new(prefix_bytes);
        Ok(Self { network, beside: Beside::default(), reader, reward_token: token, prefix_bytes, prefixes })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Scores states; a higher score is closer to done. Without a clock, the cost's time is left at 0.
    ///
    /// # Errors
    /// A prompt cannot be built, or the device fails.
    pub async fn score(&mut self, request: &ScoreRequest) -> Result<Scores, ModelError> {
        let mut texts = Vec::with_capacity(request.states.len());
        for goals in &request.states {
            let prompt = critic_text(self.reader.has_template(), state_text(goals));
            let mut tokens = self.reader.answered(&prompt)?;
            tokens.push(self.reward_token);
            texts.push(tokens);
        }
        let (rewards, n_read) = self.score_texts(&texts).await?;
        let cost = ModelCost { prompt_tokens: n_read as u64, ..ModelCost::default() };
        Ok(Scores { scores: rewards.into_iter().map(f64::from).collect(), cost })
    }

    /// The reward of each text, and how many tokens were read for them.
    async fn score_texts(&mut self, texts: &[Vec<u32>]) -> Result<(Vec<f32>, usize), ModelError> {
        let n = self.n_common(texts);
        if let Some(answer) = self.score_with_kernels(texts, n).await {
            return answer;
        }
        let (header, n_read) = self.header(texts, n);
        let (tails, n_of_tails) = tails(texts, n);
        Ok((rewards(&self.network, &header, &tails).await?, n_read + n_of_tails))
    }

    /// What kernels of our own make of texts that have their first `n` tokens in common; `None` when there are no kernels,
    /// or their device has failed just now and is not asked any more.
    async fn score_with_kernels(
        &mut self,
        texts: &[Vec<u32>],
        n: usize,
    ) -> Option<Result<(Vec<f32>, usize), ModelError>> {
        let mut kernels = self.beside.kernels.take()?;
        let answer = score_with(&mut kernels, texts, n).await;
        self.beside.settle(kernels, answer, "states are scored")
    }

    /// How many tokens all texts begin with, as far as that can be kept.
    fn n_common(&self, texts: &[Vec<u32>]) -> usize {
        let Some((first, others)) = texts.split_first() else { return 0 };
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        if !self.network.can_keep(longest) {
            return 0;
        }
        let common = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        // Every text keeps at least its reward token to be read.
        others.iter().map(|other| common(first, other).min(other.len() - 1)).fold(first.len() - 1, usize::min)
    }

    /// The first `n` tokens of all texts, read once and kept, and how many of them were read.
    fn header(&mut self, texts: &[Vec<u32>], n: usize) -> (Prefix, usize) {
        let Some(first) = texts.first().filter(|_| n > 0) else { return (Prefix::default(), 0) };
        let known = self.prefixes.longest(first).first(n);
        let n_known = known.tokens().len();
        if n_known == n {
            return (known, 0);
        }
        let (header, _) = self.network.extend(known, &first[n_known..n]);
        self.prefixes.keep(header.clone());
        (header, n - n_known)
    }
}

/// States are scored by the engine.
impl Accelerated for RewardModel {
    fn network(&self) -> &Network {
        &self.network
    }

    fn set_engine(&mut self, engine: Option<Engine>) {
        self.beside.kernels = engine.map(|engine| Kernels::new(engine, self.prefix_bytes));
    }

    fn has_engine(&self) -> bool {
        self.beside.kernels.is_some()
    }

    fn take_notice(&mut self) -> Option<String> {
        self.beside.notice.take()
    }

    /// Of 8 texts that are read.
    async fn speed(&mut self, seconds: &(dyn Fn() -> f64 + Sync)) -> Result<f64, ModelError> {
        let config = self.network.config();
        let n_tokens = config.max_positions.clamp(1, 48) as u32;
        let vocab = config.vocab_size as u32;
        let text = |n: u32| (0..n_tokens).map(|idx| (idx + n).wrapping_mul(2_654_435_761) % vocab).collect();
        let mut begun = seconds();
        for turn in 0..2 {
            let texts: Vec<Vec<u32>> = (0..8).map(|n| text(100 * (turn + 1) + n)).collect();
            begun = seconds();
            self.score_texts(&texts).await?;
        }
        Ok(8.0 * f64::from(n_tokens) / (seconds() - begun).max(1e-9))
    }
}

async fn score_with(kernels: &mut Kernels, texts: &[Vec<u32>], n: usize) -> Result<(Vec<f32>, usize), ModelError> {
    let (header, n_read) = match texts.first() {
        Some(first) if n > 0 => kernels.beginning(first, n).await?,
        _ => Default::default(),
    };
    let (tails, n_of_tails) = tails(texts, n);
    Ok((kernels.engine.rewards(&header, &tails).await?, n_read + n_of_tails))
}

/// What texts are behind their first `n` tokens, and how many tokens that is.
fn tails(texts: &[Vec<u32>], n: usize) -> (Vec<&[u32]>, usize) {
    let tails: Vec<&[u32]> = texts.iter().map(|text| &text[n..]).collect();
    let n_tokens = tails.iter().map(|tail| tail.len()).sum();
    (tails, n_tokens)
}

/// The reward at the last token of each text behind a common prefix, in batches that fit.
///
/// # Errors
/// The device fails, or computes what is no number.
pub async fn rewards(network: &Network, prefix: &Prefix, mut texts: &[&[u32]]) -> Result<Vec<f32>, ModelError> {
    let mut all = Vec::with_capacity(texts.len());
    while !texts.is_empty() {
        let max_packed = if network.compute().is_cpu() { PACKED_ON_CPU } else { PACKED_ON_GPU };
        let mut n_tokens = 0;
        let fits = |text: &&&[u32]| {
            n_tokens += text.len();
            n_tokens <= max_packed
        };
        let (batch, later) = texts.split_at(texts.iter().take_while(fits).count().max(1));
        texts = later;
        let rewards = network.rewards(prefix, batch).into_data_async().await;
        let rewards = rewards.map_err(|e| ModelError::Device(e.to_string()))?;
        all.extend(rewards.try_into_vec::<f32>().map_err(|e| ModelError::Device(e.to_string()))?);
    }
    if all.iter().all(|reward| reward.is_finite()) { Ok(all) } else { Err(ModelError::NotFinite) }
}

//! The critic: a network with a reward head that scores proof states.

use super::config::Head;
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
    reader: Reader,
    /// Appended to every text; the reward is read there.
    reward_token: u32,
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
        Ok(Self { network, reader, reward_token: token, prefixes: Prefixes::new(prefix_bytes) })
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
        let mut result = Scores::default();
        let header = self.header(&texts, &mut result.cost);
        let tails: Vec<&[u32]> = texts.iter().map(|text| &text[header.tokens().len()..]).collect();
        result.cost.prompt_tokens += tails.iter().map(|tail| tail.len() as u64).sum::<u64>();
        result.scores = rewards(&self.network, &header, &tails).await?.into_iter().map(f64::from).collect();
        Ok(result)
    }

    /// What all texts begin with, read once and kept.
    fn header(&mut self, texts: &[Vec<u32>], cost: &mut ModelCost) -> Prefix {
        let Some((first, others)) = texts.split_first() else { return Prefix::default() };
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        if !self.network.can_keep(longest) {
            return Prefix::default();
        }
        let common = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        // Every text keeps at least its reward token to be read.
        let n = others.iter().map(|other| common(first, other)).fold(first.len() - 1, usize::min);
        let known = self.prefixes.longest(first);
        let n_known = known.tokens().len();
        if n_known >= n {
            return known.first(n);
        }
        cost.prompt_tokens += (n - n_known) as u64;
        let (header, _) = self.network.extend(known, &first[n_known..n]);
        self.prefixes.keep(header.clone());
        header
    }
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

//! What a model is trained on: answers to prompts, or pairs of texts of which one is better.

use super::TrainError;
use crate::config::{Head, ModelConfig};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A prompt with its answer, for a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The prompt's tokens, then the answer's, the end of text included.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt, which the model reads but does not learn to write; at least 1.
    pub n_prompt: usize,
}

/// Two texts for a critic; the reward is read at the last token of each, the reward token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The tokens of the text that should score higher.
    pub better: Vec<u32>,
    /// The tokens of the other.
    pub worse: Vec<u32>,
}

/// The task, with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// To write the answers: the cross-entropy of their tokens.
    Policy(Vec<Example>),
    /// To score the better text higher: `-log sigmoid(r_better - r_worse)`, the model of Bradley and Terry (1952).
    Critic(Vec<Pair>),
}

impl Example {
    /// A tactic for a state, in the prompt format [`Plain`](stepwise_core::prompt::PromptFormat::Plain): what
    /// [`LanguageModel::propose`](crate::LanguageModel::propose) reads for the state, then the tactic and `eos`.
    /// The two are encoded apart, as they are when the model writes.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn tactic(tokenizer: &Tokenizer, eos: u32, state: &str, tactic: &str) -> Result<Self, TokenizerError> {
        let mut tokens = tokenizer.encode_plain(&format!("{state}\n:=\n"), true)?;
        let n_prompt = tokens.len();
        tokens.extend(tokenizer.encode_plain(tactic, false)?);
        tokens.push(eos);
        Ok(Self { tokens, n_prompt })
    }
}

/// What [`RewardModel::score`](crate::RewardModel::score) reads for a state: its text and the reward token.
///
/// # Errors
/// The tokenizer fails.
pub fn critic_text(tokenizer: &Tokenizer, state: &str, reward_token: u32) -> Result<Vec<u32>, TokenizerError> {
    let mut tokens = tokenizer.encode_plain(state, true)?;
    tokens.push(reward_token);
    Ok(tokens)
}

impl Task {
    /// Examples or pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Policy(examples) => examples.len(),
            Self::Critic(pairs) => pairs.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens to be read for each item.
    pub(super) fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Policy(examples) => examples.iter().map(|example| example.tokens.len() - 1).collect(),
            Self::Critic(pairs) => pairs.iter().map(|pair| pair.better.len() + pair.worse.len()).collect(),
        }
    }

    /// Leaves out the items with a text longer than `max_tokens` and says how many they were.
    pub(super) fn shorten(&mut self, max_tokens: usize) -> usize {
        let n = self.len();
        match self {
            Self::Policy(examples) => examples.retain(|example| example.tokens.len() <= max_tokens),
            Self::Critic(pairs) => pairs.retain(|pair| pair.better.len().max(pair.worse.len()) <= max_tokens),
        }
        n - self.len()
    }

    /// Refuses what the model cannot be trained on.
    pub(super) fn check(&self, config: &ModelConfig) -> Result<(), TrainError> {
        let known = |tokens: &[u32]| tokens.iter().all(|token| (*token as usize) < config.vocab_size);
        let broken = |idx, message: &str| Err(TrainError::Item { idx, message: message.to_owned() });
        const UNKNOWN: &str = "it has a token that is not in the model's vocabulary; use the model's own tokenizer";
        match (self, config.head) {
            (Self::Policy(examples), Head::LanguageModel) => {
                for (idx, Example { tokens, n_prompt }) in examples.iter().enumerate() {
                    if *n_prompt == 0 || *n_prompt >= tokens.len() {
                        return broken(idx, "its prompt or its answer is empty; give each at least one token");
                    }
                    if !known(tokens) {
                        return broken(idx, UNKNOWN);
                    }
                }
            }
            (Self::Critic(pairs), Head::Reward { token }) => {
                for (idx, pair) in pairs.iter().enumerate() {
                    for text in [&pair.better, &pair.worse] {
                        if text.last() != Some(&token) {
                            return broken(idx, "a text does not end in the model's reward token; append it");
                        }
                        if !known(text) {
                            return broken(idx, UNKNOWN);
                        }
                    }
                }
            }
            (Self::Policy(_), Head::Reward { .. }) => {
                return Err(TrainError::Unsuited(
                    "a reward model cannot learn to write; train a language model, or give it pairs".to_owned(),
                ));
            }
            (Self::Critic(_), Head::LanguageModel) => {
                return Err(TrainError::Unsuited(
                    "a language model has no reward head; train an InternLM2ForRewardModel, or give it examples"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}

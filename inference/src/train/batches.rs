//! Texts packed into batches: one after the other without padding, in an order that the seed decides.

use super::data::{Example, Pair, Task};
use stepwise_core::random::SplitMix64;

/// Numbers of the seed's sequence that are set aside for one epoch.
const PER_EPOCH: u64 = 1 << 32;

/// Texts that are read together, and what is asked at some of their positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Of all texts, one after the other.
    pub(super) tokens: Vec<u32>,
    pub(super) lengths: Vec<usize>,
    /// Positions at which the head answers, counted through all texts.
    pub(super) columns: Vec<usize>,
    pub(super) targets: Targets,
}

/// What the head should answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Targets {
    /// The next token, for each column.
    Tokens(Vec<u32>),
    /// Columns come in pairs, the one that should be higher first.
    #[default]
    Pairs,
}

impl Batch {
    /// The batch of these examples or pairs, by their index.
    pub(super) fn new(task: &Task, chosen: &[usize]) -> Self {
        let mut batch = Self::default();
        match task {
            Task::Policy(examples) => {
                let mut targets = Vec::new();
                for Example { tokens, n_prompt } in chosen.iter().map(|idx| &examples[*idx]) {
                    // Nothing is asked behind the last token, so it is not read.
                    let (read, start) = (&tokens[..tokens.len() - 1], batch.tokens.len());
                    batch.columns.extend(start + n_prompt - 1..start + read.len());
                    targets.extend_from_slice(&tokens[*n_prompt..]);
                    batch.push(read);
                }
                batch.targets = Targets::Tokens(targets);
            }
            Task::Critic(pairs) => {
                for Pair { better, worse } in chosen.iter().map(|idx| &pairs[*idx]) {
                    for text in [better, worse] {
                        batch.push(text);
                        batch.columns.push(batch.tokens.len() - 1);
                    }
                }
            }
        }
        batch
    }

    /// The texts.
    pub(super) fn texts(&self) -> Vec<&[u32]> {
        let mut rest = &self.tokens[..];
        let cut = |length: &usize| {
            let (text, after) = rest.split_at(*length);
            rest = after;
            text
        };
        self.lengths.iter().map(cut).collect()
    }

    /// What the loss is a mean over: answer tokens, or pairs.
    pub(super) fn n_targets(&self) -> usize {
        match &self.targets {
            Targets::Tokens(tokens) => tokens.len(),
            Targets::Pairs => self.columns.len() / 2,
        }
    }

    fn push(&mut self, text: &[u32]) {
        self.tokens.extend_from_slice(text);
        self.lengths.push(text.len());
    }
}

/// How many batches of about `batch_tokens` an epoch has.
pub(super) fn n_batches(lengths: &[usize], batch_tokens: usize) -> usize {
    let total: usize = lengths.iter().sum();
    total.div_ceil(batch_tokens.max(1)).clamp(1, lengths.len().max(1))
}

/// The items of each batch of an epoch, in a random order. All batches are about equally long, so that none steps far on
/// little evidence; mixed lengths cost nothing, because nothing is padded.
pub(super) fn shuffled(lengths: &[usize], batch_tokens: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    SplitMix64::starting_at(seed, epoch.wrapping_mul(PER_EPOCH)).shuffle(&mut order);
    cut(lengths, &order, n_batches(lengths, batch_tokens))
}

/// The items in their own order, cut in the same way.
pub(super) fn in_order(lengths: &[usize], batch_tokens: usize) -> Vec<Vec<usize>> {
    let order: Vec<usize> = (0..lengths.len()).collect();
    cut(lengths, &order, n_batches(lengths, batch_tokens))
}

fn cut(lengths: &[usize], order: &[usize], n_batches: usize) -> Vec<Vec<usize>> {
    let total: usize = lengths.iter().sum();
    let mut batches = vec![Vec::new(); n_batches];
    let (mut so_far, mut at) = (0, 0);
    for (place, &idx) in order.iter().enumerate() {
        // On when the batch has its share, and in time for every later one to get an item.
        let is_full = so_far * n_batches >= (at + 1) * total || order.len() - place < n_batches - at;
        if is_full && !batches[at].is_empty() && at + 1 < n_batches {
            at += 1;
        }
        batches[at].push(idx);
        so_far += lengths[idx];
    }
    batches
}

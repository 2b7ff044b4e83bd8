//! Generation: several samples of one prompt as one batch over a shared prefix, and beam search.

mod kernels;

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use super::error::ModelError;
use super::network::{Network, Prefix};
use super::sampling::{self, Draw, Sampling};
use super::scoring::Scoring;
use super::tokenizer::{DecodeStream, Tokenizer};

/// One generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The text, without what ended it.
    pub text: String,
    /// The log-probability of each generated token under the untempered model, the token that ended the text included.
    pub logprobs: Vec<f32>,
    pub end: SampleEnd,
}

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleEnd {
    /// The model ended the text.
    EndOfText,
    /// A stop string came.
    Stop,
    /// The limit of tokens was reached.
    Length,
}

/// A sample that is not finished.
#[derive(Clone)]
struct Open<'t> {
    text: DecodeStream<'t>,
    logprobs: Vec<f32>,
    /// The token that the next step reads.
    last: u32,
}

/// What generation works with.
pub(super) struct Generator<'a> {
    pub(super) network: &'a Network,
    pub(super) writer: Writer<'a>,
}

/// What makes texts of tokens, and says when one ends.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// The prompt's last tokens, on which the text of the first new one may depend.
    pub(super) context: &'a [u32],
    pub(super) ends: &'a [u32],
    pub(super) sampling: &'a Sampling,
}

impl Generator<'_> {
    /// Draws `n` samples of what follows `prefix`, whose next token has these logits, `[1, vocab]`.
    ///
    /// # Errors
    /// The device fails, or computes what is no number.
    pub(super) async fn sample(
        &self,
        prefix: &Prefix,
        logits: Tensor<2>,
        draw: &Draw,
        n: usize,
        seed: u64,
    ) -> Result<Vec<Sample>, ModelError> {
        let mut logits = rows(logits).await?;
        let mut done: Vec<Option<Sample>> = vec![None; n];
        let start = self.writer.open()?;
        let mut open: Vec<(usize, ChaCha8Rng, Open<'_>)> =
            (0..n).map(|idx| (idx, sampling::rng(seed, idx), start.clone())).collect();
        let mut branches = None;
        let vocab = logits.len();
        while !open.is_empty() {
            let mut kept = Vec::with_capacity(open.len());
            let mut still_open = Vec::with_capacity(open.len());
            for (place, (idx, mut rng, mut sample)) in open.into_iter().enumerate() {
                // Before the first step all samples share one row.
                let row = logits.chunks_exact(vocab).nth(place).unwrap_or(&logits[..vocab]);
                let pick = sampling::pick(row, draw, &mut rng).ok_or(ModelError::NotFinite)?;
                match self.writer.push(&mut sample, pick.token, pick.logprob)? {
                    Some(end) => done[idx] = Some(self.writer.finish(sample, end)?),
                    None => {
                        kept.push(place);
                        still_open.push((idx, rng, sample));
                    }
                }
            }
            open = still_open;
            if open.is_empty() {
                break;
            }
            let branches = match &mut branches {
                None => branches.insert(self.network.branches(open.len())),
                Some(branches) => {
                    if kept.len() < logits.len() / vocab {
                        branches.select(&kept);
                    }
                    branches
                }
            };
            let last: Vec<u32> = open.iter().map(|(_, _, sample)| sample.last).collect();
            logits = rows(self.network.step(&last, prefix, branches)).await?;
        }
        Ok(done.into_iter().flatten().collect())
    }

    /// The `n` texts that beam search of width `n` finds, by this score, best first.
    ///
    /// # Errors
    /// As [`Generator::sample`].
    pub(super) async fn beam(
        &self,
        prefix: &Prefix,
        logits: Tensor<2>,
        n: usize,
        scoring: Scoring,
    ) -> Result<Vec<Sample>, ModelError> {
        let mut logits = rows(logits).await?;
        let vocab = logits.len();
        let mut beams = vec![self.writer.open()?];
        let mut branches = None;
        let mut done: Vec<Sample> = Vec::new();
        while !beams.is_empty() {
            let mut continuations = Vec::new();
            for (place, (beam, row)) in beams.iter().zip(logits.chunks_exact(vocab)).enumerate() {
                let log_sum = sampling::log_sum_exp(row).ok_or(ModelError::NotFinite)?;
                let so_far: f32 = beam.logprobs.iter().sum();
                // As many may end at once as there are beams, so twice as many are looked at.
                for token in sampling::best(row, 2 * n) {
                    let logprob = row[token as usize] - log_sum;
                    continuations.push((so_far + logprob, place, token, logprob));
                }
            }
            continuations.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            let mut parents = Vec::with_capacity(n);
            let mut next = Vec::with_capacity(n);
            for (_, place, token, logprob) in continuations.into_iter().take(2 * n) {
                if next.len() == n {
                    break;
                }
                let mut beam = beams[place].clone();
                match self.writer.push(&mut beam, token, logprob)? {
                    Some(end) => done.push(self.writer.finish(beam, end)?),
                    None => {
                        parents.push(place);
                        next.push(beam);
                    }
                }
            }
            beams = next;
            done.sort_by(|a, b| scoring.score(&b.logprobs).total_cmp(&scoring.score(&a.logprobs)));
            let is_enough = match scoring {
                Scoring::Mean => done.len() >= n,
                // A text only loses by going on, so what is behind the last of `n` texts now stays behind it.
                Scoring::Sum => n.checked_sub(1).and_then(|idx| done.get(idx)).is_some_and(|last| {
                    let last = scoring.score(&last.logprobs);
                    beams.iter().all(|beam| scoring.score(&beam.logprobs) <= last)
                }),
            };
            if is_enough || beams.is_empty() {
                break;
            }
            let branches = match &mut branches {
                None => branches.insert(self.network.branches(beams.len())),
                Some(branches) => {
                    branches.select(&parents);
                    branches
                }
            };
            let last: Vec<u32> = beams.iter().map(|beam| beam.last).collect();
            logits = rows(self.network.step(&last, prefix, branches)).await?;
        }
        done.truncate(n);
        Ok(done)
    }
}

impl<'a> Writer<'a> {
    fn open(self) -> Result<Open<'a>, ModelError> {
        Ok(Open { text: self.tokenizer.decode_stream(self.context, true)?, logprobs: Vec::new(), last: 0 })
    }

    /// Takes in a token; says why the sample ends, if it does.
    fn push(self, sample: &mut Open<'_>, token: u32, logprob: f32) -> Result<Option<SampleEnd>, ModelError> {
        sample.logprobs.push(logprob);
        sample.last = token;
        if self.ends.contains(&token) {
            return Ok(Some(SampleEnd::EndOfText));
        }
        sample.text.push(token)?;
        if self.first_stop(sample.text.text()).is_some() {
            return Ok(Some(SampleEnd::Stop));
        }
        Ok((sample.logprobs.len() >= self.sampling.max_tokens).then_some(SampleEnd::Length))
    }

    fn finish(self, mut sample: Open<'_>, end: SampleEnd) -> Result<Sample, ModelError> {
        sample.text.finish()?;
        let text = sample.text.text();
        let text = text[..self.first_stop(text).unwrap_or(text.len())].to_owned();
        Ok(Sample { text, logprobs: sample.logprobs, end })
    }

    /// Where the first stop string begins.
    fn first_stop(self, text: &str) -> Option<usize> {
        self.sampling.stop.iter().filter_map(|stop| text.find(stop.as_str())).min()
    }
}

/// Reads rows of logits, `[n, vocab]`, from the device.
///
/// # Errors
/// The device fails.
pub async fn rows(logits: Tensor<2>) -> Result<Vec<f32>, ModelError> {
    let data = logits.into_data_async().await.map_err(|e| ModelError::Device(e.to_string()))?;
    data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))
}

#[cfg(test)]
mod tests;

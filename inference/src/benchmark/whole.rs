//! Whole models on a device: reading a prompt, decoding sibling samples behind one, and scoring states.

use stepwise_shaders::engine::{Engine, EngineError, Logits, Prefix, STEPS, Shape};
use stepwise_shaders::fill::Fill;
use stepwise_shaders::gpu::Gpu;
use stepwise_shaders::sampling::Draw;
use stepwise_shaders::weights::Format;

use super::plan::{Model, Task};
use super::report::State;
use super::run::{Failure, OP};
use crate::device::relative_error;

/// The seed of a model's weights.
const SEED: u32 = 11;

/// The base of the positions' angles.
const THETA: f64 = 1e6;

/// How far logits may be from those that other kernels make of the same text, as a share of their range: keys and values are
/// in f16, and sums are in another order.
const TOLERANCE: f32 = 2e-2;

/// What samples are drawn from.
pub(super) const DRAW: Draw = Draw { temperature: 0.7, top_k: None, top_p: 1.0 };

/// A model that does something.
pub(super) struct Whole {
    pub(super) engine: Engine,
    task: Task,
    /// The text before what is measured.
    behind: Option<(Prefix, Logits)>,
}

impl Whole {
    /// Makes a model on the device.
    pub(super) async fn make(gpu: &Gpu, fill: &Fill, model: Model, format: Format) -> Result<Engine, EngineError> {
        Engine::synthetic(gpu, fill, model.shape, format, SEED).await
    }

    /// Gets it ready: reads what stands before samples.
    pub(super) async fn new(mut engine: Engine, task: Task) -> Result<Self, EngineError> {
        let behind = match task {
            Task::Prompt { .. } | Task::Score { .. } => None,
            Task::Decode { n_prefix, .. } => {
                let text = tokens(engine.shape(), 0, n_prefix);
                Some(read(&mut engine, &text).await?)
            }
        };
        Ok(Self { engine, task, behind })
    }

    /// Operations of one repetition: prompts, steps of decoding, or states.
    pub(super) fn n_operations(&self) -> u32 {
        match self.task {
            Task::Prompt { .. } => 1,
            Task::Decode { n_tokens, .. } => n_tokens,
            Task::Score { n_states, .. } => n_states,
        }
    }

    /// Seconds in which it does its task so many times, with all that it takes to be told what was drawn.
    pub(super) async fn time(&mut self, now: &dyn Fn() -> f64, repeats: u32) -> Result<f64, EngineError> {
        let shape = self.engine.shape();
        let mut seconds = 0.0;
        for _ in 0..repeats {
            match self.task {
                Task::Prompt { n_tokens } => {
                    let tokens = tokens(shape, 0, n_tokens);
                    let begun = now();
                    read(&mut self.engine, &tokens).await?;
                    self.engine.gpu().finish(OP).await?;
                    seconds += now() - begun;
                }
                Task::Decode { n_samples, n_prefix, n_tokens } => {
                    let Some((prefix, logits)) = &self.behind else { continue };
                    let angles = angles(shape, n_prefix, n_tokens);
                    let n = n_samples as usize;
                    let mut siblings = self.engine.siblings(prefix, logits, n, DRAW, &angles).await?;
                    let uniforms: Vec<f32> = (0..n * STEPS).map(|idx| (idx % 97) as f32 / 97.0).collect();
                    let begun = now();
                    for at in (0..n_tokens as usize).step_by(STEPS) {
                        let n_steps = STEPS.min(n_tokens as usize - at);
                        siblings.draw(&uniforms[..n * n_steps]).await?;
                    }
                    seconds += now() - begun;
                }
                Task::Score { n_states, n_tokens } => {
                    let states = states(shape, n_states, n_tokens);
                    let begun = now();
                    score(&mut self.engine, &states, 0).await?;
                    seconds += now() - begun;
                }
            }
        }
        Ok(seconds)
    }

    /// Ends the row where its logits or rewards are wrong.
    pub(super) async fn check(&mut self) -> Result<(), Failure> {
        let wrong = match self.task {
            Task::Prompt { n_tokens } => self.find_wrong_logits(1, n_tokens.max(2)).await?,
            Task::Decode { n_samples, n_prefix, .. } => self.find_wrong_logits(n_samples, n_prefix + 1).await?,
            Task::Score { n_states, n_tokens } => self.find_wrong_rewards(n_states, n_tokens).await?,
        };
        match wrong {
            Some(reason) => Err(Failure::Row(State::Wrong { reason })),
            None => Ok(()),
        }
    }

    /// What is wrong with its logits, if anything: a text's last token is read once with all before it, and once as a token
    /// of samples behind them, which are other kernels on the same weights.
    async fn find_wrong_logits(&mut self, n_samples: u32, n_text: u32) -> Result<Option<String>, EngineError> {
        let shape = self.engine.shape();
        let text = tokens(shape, 0, n_text);
        let (_, logits) = read(&mut self.engine, &text).await?;
        let expected = self.engine.fetch(&[&logits]).await?;
        if let Some(token) = expected.iter().position(|logit| !logit.is_finite()) {
            return Ok(Some(format!("the logit of token {token} is {}", expected[token])));
        }
        let (last, before) = text.split_last().unwrap_or((&0, &[]));
        let (prefix, logits) = read(&mut self.engine, before).await?;
        let angles = angles(shape, before.len() as u32, 1);
        let mut siblings = self.engine.siblings(&prefix, &logits, n_samples as usize, DRAW, &angles).await?;
        let found = siblings.push(&vec![*last; n_samples as usize]).await?;
        Ok(found.chunks_exact(shape.vocab as usize).enumerate().find_map(|(sample, logits)| {
            let error = relative_error(logits, &expected);
            let is_right = error <= TOLERANCE;
            (!is_right).then(|| format!("the logits of sample {sample} are {error:.1e} of their range from the text's"))
        }))
    }

    /// What is wrong with its rewards, if anything: each state is read whole, and once more with its last tokens behind the
    /// others, which are other kernels.
    async fn find_wrong_rewards(&mut self, n_states: u32, n_tokens: u32) -> Result<Option<String>, EngineError> {
        let states = states(self.engine.shape(), n_states, n_tokens);
        let whole = score(&mut self.engine, &states, 0).await?;
        let parts = score(&mut self.engine, &states, 3).await?;
        let error = relative_error(&parts, &whole);
        let is_right = error <= TOLERANCE;
        Ok((!is_right)
            .then(|| format!("rewards of states read in parts are {error:.1e} of their range from those read whole")))
    }
}

/// The reward of each state, of which the last `n_apart` tokens are read behind the others.
async fn score(engine: &mut Engine, states: &[Vec<u32>], n_apart: usize) -> Result<Vec<f32>, EngineError> {
    let mut rewards = Vec::with_capacity(states.len());
    for state in states {
        let (before, last) = state.split_at(state.len() - n_apart);
        let (prefix, reward) = read(engine, before).await?;
        rewards.push(if last.is_empty() {
            reward
        } else {
            let angles = angles(engine.shape(), before.len() as u32, last.len() as u32);
            engine.read(&prefix, before.len(), last, &angles).await?.1
        });
    }
    engine.fetch(&rewards.iter().collect::<Vec<_>>()).await
}

async fn read(engine: &mut Engine, tokens: &[u32]) -> Result<(Prefix, Logits), EngineError> {
    let angles = angles(engine.shape(), 0, tokens.len() as u32);
    engine.read(&Prefix::default(), 0, tokens, &angles).await
}

/// A text that says nothing, `first` tokens into a longer one.
fn tokens(shape: Shape, first: u32, n: u32) -> Vec<u32> {
    (first..first + n).map(|idx| idx.wrapping_mul(7919) % shape.vocab).collect()
}

/// Texts of `n_tokens` tokens, no two alike.
fn states(shape: Shape, n_states: u32, n_tokens: u32) -> Vec<Vec<u32>> {
    (0..n_states).map(|idx| tokens(shape, idx * n_tokens, n_tokens)).collect()
}

/// Cosine and sine of each pair of a head's numbers at these positions.
fn angles(shape: Shape, first: u32, n: u32) -> Vec<f32> {
    let pairs = shape.head_dim / 2;
    let frequency = |pair: u32| libm::pow(THETA, -f64::from(2 * pair) / f64::from(shape.head_dim));
    let frequencies: Vec<f64> = (0..pairs).map(frequency).collect();
    let at =
        |position: u32| frequencies.iter().map(move |frequency| f64::from(position) * frequency).collect::<Vec<_>>();
    let angles = (first..first + n).flat_map(at);
    angles.flat_map(|angle| [libm::cos(angle) as f32, libm::sin(angle) as f32]).collect()
}

//! Training: a policy on answers, or a critic on pairs, step by step from weights in memory.
//!
//! Nothing here reads a clock or a file. The same data, options and seed give the same weights, and a training that was
//! saved after any step goes on as if it had never stopped, bit for bit on the CPU.

mod adamw;
mod autodiff;
mod batches;
mod cpu;
mod data;
mod initial;
mod parameters;
mod slots;
mod state;
#[cfg(test)]
mod tests;

use self::adamw::AdamW;
use self::batches::{Batch, Targets};
pub use self::data::{Example, Pair, Task, critic_text};
pub use self::initial::{initial_weights, small_config};
use self::parameters::Parameters;
use super::config::{ConfigError, ModelConfig};
use super::network::{Compute, Network, Prefix};
use super::sampling;
use super::weights::{ModelWeights, WeightsError};

/// Steps in a row whose gradients are not finite, after which training ends with an error.
const MAX_SKIPPED: u64 = 10;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// How often all data is gone through.
    pub epochs: u64,
    /// Ends earlier, after this many steps; the learning rate falls accordingly.
    pub max_steps: Option<u64>,
    /// Tokens read in one step, about.
    pub batch_tokens: usize,
    /// The greatest learning rate.
    pub learning_rate: f64,
    /// The share of all steps in which the learning rate rises.
    pub warmup_share: f64,
    /// The learning rate at the end, as a share of the greatest.
    pub final_share: f64,
    /// How fast matrices decay towards 0, times the learning rate.
    pub weight_decay: f64,
    /// How much of the gradient's running mean is kept in a step.
    pub beta1: f64,
    /// The same for its square.
    pub beta2: f64,
    /// Keeps the step finite where a gradient was always 0.
    pub epsilon: f64,
    /// Longer gradients, all arrays together, are shortened to this.
    pub max_gradient_norm: f64,
    /// Of the data's order, and of the adapters' beginning.
    pub seed: u64,
    /// Trains adapters instead of the weights themselves.
    pub lora: Option<LoraConfig>,
}

/// Low-rank adapters (arXiv 2106.09685) on all projections inside the blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rows of `A` and columns of `B`; at least 1.
    pub rank: usize,
    /// The adapters are multiplied by `alpha / rank`.
    pub alpha: f64,
}

impl Default for TrainConfig {
    /// For small models that begin from random weights.
    fn default() -> Self {
        Self {
            epochs: 4,
            max_steps: None,
            batch_tokens: 4096,
            learning_rate: 2e-3,
            warmup_share: 0.05,
            final_share: 0.1,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
            seed: 0,
            lora: None,
        }
    }
}

/// Why training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error(
        "there is no data to train on, or all of it is longer than the batch or the model's positions; {n_left_out} items are"
    )]
    Empty {
        /// Items that are too long.
        n_left_out: usize,
    },
    /// An example or a pair is broken.
    #[error("item {idx} of the training data cannot be used: {message}")]
    Item {
        /// From 0.
        idx: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The model is of another kind than the data.
    #[error("{0}")]
    Unsuited(String),
    /// A setting makes no sense.
    #[error("the training's `{key}` is {found}, but must be {expected}")]
    Setting {
        /// The field of [`TrainConfig`] or [`LoraConfig`].
        key: &'static str,
        found: String,
        expected: &'static str,
    },
    /// The shape is none that the network runs.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights do not belong to the shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Step after step gave what is no number.
    #[error("{n_skipped} steps in a row gave gradients that are not finite; lower the learning rate")]
    Diverged { n_skipped: u64 },
    /// The saved state is broken or another training's.
    #[error("the saved training cannot go on: {0}; begin anew")]
    State(String),
    /// The device gave nothing back.
    #[error("the device failed ({0})")]
    Device(String),
}

/// A training in progress.
#[derive(Debug)]
pub struct Training {
    config: ModelConfig,
    options: TrainConfig,
    compute: Compute,
    task: Task,
    n_left_out: usize,
    lengths: Vec<usize>,
    parameters: Parameters,
    /// The items of each batch of the epoch that `order_of` names.
    order: Vec<Vec<usize>>,
    order_of: u64,
    progress: Progress,
}

/// How far a training is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// Steps done, skipped ones included.
    n_steps: u64,
    /// Steps that moved the weights.
    n_updates: u64,
    /// Steps in a row, up to now, that did not.
    n_skipped: u64,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// From 1.
    pub step: u64,
    /// All steps that there will be.
    pub n_steps: u64,
    /// From 1.
    pub epoch: u64,
    /// The mean over this step's targets, before the update.
    pub loss: f64,
    /// The rate that was used.
    pub learning_rate: f64,
    /// The gradients' length before it was limited.
    pub gradient_norm: f64,
    pub n_tokens: usize,
    /// Answer tokens, or pairs.
    pub n_targets: usize,
    /// The loss or a gradient was not finite, so that the weights stayed.
    pub skipped: bool,
}

/// How good a model is on data that it may not have seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean over answer tokens, or over pairs.
    pub loss: f64,
    /// The share of examples whose whole answer is what greedy generation writes, or of pairs in the right order.
    pub accuracy: f64,
    /// The share of answer tokens that are the most probable one after what is before them, or of pairs.
    pub token_accuracy: f64,
    /// Examples or pairs.
    pub n_items: usize,
}

impl Training {
    /// Prepares a training from `weights`. Items with a text longer than a batch or than the model's positions are left
    /// out.
    ///
    /// # Errors
    /// There is no data, or it, the weights or the options do not fit the configuration.
    pub fn new(
        config: &ModelConfig,
        weights: &ModelWeights,
        mut task: Task,
        options: TrainConfig,
        compute: &Compute,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        options.check()?;
        task.check(config)?;
        let n_left_out = task.shorten(options.batch_tokens.min(config.max_positions));
        if task.is_empty() {
            return Err(TrainError::Empty { n_left_out });
        }
        let lora = options.lora;
        let parameters = Parameters::new(config, weights.clone(), lora, options.seed, compute)?;
        let lengths = task.lengths();
        let order = batches::shuffled(&lengths, options.batch_tokens, options.seed, 0);
        Ok(Self {
            config: config.clone(),
            options,
            compute: compute.clone(),
            task,
            n_left_out,
            lengths,
            parameters,
            order,
            order_of: 0,
            progress: Progress::default(),
        })
    }

    /// All steps that there will be.
    #[must_use]
    pub fn n_steps(&self) -> u64 {
        let all = self.options.epochs.saturating_mul(self.order.len() as u64);
        self.options.max_steps.map_or(all, |max| max.min(all))
    }

    /// Steps done.
    #[must_use]
    pub fn n_done(&self) -> u64 {
        self.progress.n_steps
    }

    /// Items that were left out because they are too long.
    #[must_use]
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    /// Reads one batch and moves the weights; `None` when all steps are done.
    ///
    /// # Errors
    /// The device fails, or too many steps in a row gave what is no number.
    pub fn step(&mut self) -> Result<Option<StepReport>, TrainError> {
        let (step, n_steps) = (self.progress.n_steps, self.n_steps());
        if step >= n_steps {
            return Ok(None);
        }
        let (epoch, batch) = self.batch(step);
        let (loss, gradients) = self.gradients(&batch)?;
        let gradient_norm = adamw::norm(&gradients);
        let n_warmup = (self.options.warmup_share * n_steps as f64).ceil() as u64;
        let share = adamw::rate_share(step, n_steps, n_warmup, self.options.final_share);
        let learning_rate = self.options.learning_rate * share;
        let skipped = !loss.is_finite() || !gradient_norm.is_finite();
        self.progress.n_steps += 1;
        if skipped {
            self.progress.n_skipped += 1;
            if self.progress.n_skipped >= MAX_SKIPPED {
                return Err(TrainError::Diverged { n_skipped: self.progress.n_skipped });
            }
        } else {
            self.progress.n_skipped = 0;
            self.progress.n_updates += 1;
            let TrainConfig { beta1, beta2, epsilon, weight_decay, max_gradient_norm, .. } = self.options;
            let n_updates = self.progress.n_updates;
            let adamw = AdamW { learning_rate, beta1, beta2, epsilon, weight_decay, n_updates };
            let scale = (max_gradient_norm / gradient_norm).min(1.0) as f32;
            for (parameter, gradient) in self.parameters.trained.iter_mut().zip(&gradients) {
                adamw.update(parameter, gradient, scale);
            }
        }
        Ok(Some(StepReport {
            step: step + 1,
            n_steps,
            epoch: epoch + 1,
            loss,
            learning_rate,
            gradient_norm,
            n_tokens: batch.tokens.len(),
            n_targets: batch.n_targets(),
            skipped,
        }))
    }

    /// How good the model is now.
    ///
    /// # Errors
    /// The data is of another kind than the model, or the device fails.
    pub fn evaluate(&self, task: &Task) -> Result<Evaluation, TrainError> {
        task.check(&self.config)?;
        let leaves = self.parameters.leaves(self.compute.device());
        let network = Network::of_tensors(&self.config, &self.compute, self.parameters.effective(&leaves));
        let (mut loss, mut n_targets, mut right_targets, mut right_items) = (0.0, 0, 0, 0);
        for chosen in batches::in_order(&task.lengths(), self.options.batch_tokens) {
            let batch = Batch::new(task, &chosen);
            let output = network.at_columns(&Prefix::default(), &batch.texts(), &batch.columns).transpose();
            let output: Vec<f32> = output.into_data().try_into_vec().map_err(|e| TrainError::Device(e.to_string()))?;
            n_targets += batch.n_targets();
            match (&batch.targets, task) {
                (Targets::Tokens(targets), Task::Policy(examples)) => {
                    let width = self.config.vocab_size;
                    let mut right = Vec::with_capacity(targets.len());
                    for (row, target) in output.chunks_exact(width).zip(targets) {
                        let log_sum = sampling::log_sum_exp(row).unwrap_or(f32::NAN);
                        loss += f64::from(log_sum - row[*target as usize]);
                        right.push(sampling::best(row, 1).first() == Some(target));
                    }
                    right_targets += right.iter().filter(|right| **right).count();
                    let mut rest = &right[..];
                    for example in chosen.iter().map(|idx| &examples[*idx]) {
                        let (of_answer, after) = rest.split_at(example.tokens.len() - example.n_prompt);
                        right_items += usize::from(of_answer.iter().all(|right| *right));
                        rest = after;
                    }
                }
                _ => {
                    for pair in output.chunks_exact(2) {
                        let difference = f64::from(pair[0] - pair[1]);
                        loss += (-difference).max(0.0) + (-difference.abs()).exp().ln_1p();
                        right_targets += usize::from(difference > 0.0);
                    }
                    right_items = right_targets;
                }
            }
        }
        let share = |right: usize, of: usize| right as f64 / of.max(1) as f64;
        Ok(Evaluation {
            loss: loss / n_targets.max(1) as f64,
            accuracy: share(right_items, task.len()),
            token_accuracy: share(right_targets, n_targets),
            n_items: task.len(),
        })
    }

    /// The weights as they are now, adapters merged.
    ///
    /// # Errors
    /// The device fails.
    pub fn weights(&self) -> Result<ModelWeights, TrainError> {
        let leaves = self.parameters.leaves(self.compute.device());
        let arrays = self
            .parameters
            .effective(&leaves)
            .into_iter()
            .map(|array| array.into_data().try_into_vec().map_err(|e| TrainError::Device(e.to_string())));
        let arrays = arrays.collect::<Result<_, _>>()?;
        Ok(self.parameters.slots.join(&self.config, arrays))
    }

    /// The epoch and the batch of a step, both counted from 0.
    fn batch(&mut self, step: u64) -> (u64, Batch) {
        let n_batches = self.order.len() as u64;
        let (epoch, idx) = (step / n_batches, step % n_batches);
        if epoch != self.order_of {
            self.order = batches::shuffled(&self.lengths, self.options.batch_tokens, self.options.seed, epoch);
            self.order_of = epoch;
        }
        (epoch, Batch::new(&self.task, &self.order[idx as usize]))
    }

    /// The loss of a batch, and the gradients of all trained arrays.
    fn gradients(&self, batch: &Batch) -> Result<(f64, Vec<Vec<f32>>), TrainError> {
        if self.compute.is_cpu() {
            return cpu::gradients(&self.config, self.compute.device(), &self.parameters, batch);
        }
        autodiff::gradients(&self.config, &self.compute, &self.parameters, batch)
    }
}

impl TrainConfig {
    fn check(&self) -> Result<(), TrainError> {
        let at_least_1 = "at least 1";
        let above_0 = "a number above 0";
        let share = "from 0 to 1";
        let below_1 = "at least 0 and below 1";
        let (positive, is_share) = (|x: f64| x > 0.0 && x.is_finite(), |x: f64| (0.0..=1.0).contains(&x));
        let lora = self.lora.unwrap_or(LoraConfig { rank: 1, alpha: 1.0 });
        for (holds, key, found, expected) in [
            (self.epochs > 0, "epochs", self.epochs as f64, at_least_1),
            (self.max_steps != Some(0), "max_steps", 0.0, at_least_1),
            (self.batch_tokens > 0, "batch_tokens", self.batch_tokens as f64, at_least_1),
            (positive(self.learning_rate), "learning_rate", self.learning_rate, above_0),
            (is_share(self.warmup_share), "warmup_share", self.warmup_share, share),
            (is_share(self.final_share), "final_share", self.final_share, share),
            (is_share(self.weight_decay), "weight_decay", self.weight_decay, share),
            ((0.0..1.0).contains(&self.beta1), "beta1", self.beta1, below_1),
            ((0.0..1.0).contains(&self.beta2), "beta2", self.beta2, below_1),
            (positive(self.epsilon), "epsilon", self.epsilon, above_0),
            (positive(self.max_gradient_norm), "max_gradient_norm", self.max_gradient_norm, above_0),
            (lora.rank > 0, "rank", lora.rank as f64, at_least_1),
            (positive(lora.alpha), "alpha", lora.alpha, above_0),
        ] {
            if !holds {
                return Err(TrainError::Setting { key, found: found.to_string(), expected });
            }
        }
        Ok(())
    }
}

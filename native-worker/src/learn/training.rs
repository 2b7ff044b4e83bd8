//! Training a policy or a critic on what trials taught: from nothing or from a model folder, to a model folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stepwise_core::policy::ProposalRequest;
use stepwise_core::policy::pointers::Pointers;
use stepwise_core::policy::premises::Premises;
use stepwise_core::prompt::{PromptFormat, critic_text, policy_prompt};
use stepwise_inference::config::{Head, ModelConfig};
use stepwise_inference::tokenizer::{Tokenizer, TokenizerError};
use stepwise_inference::train::{
    Evaluation, Example, Pair, StepReport, Task, TrainConfig, TrainError, Training, initial_weights, small_config,
};
use stepwise_inference::weights::{Checkpoint, Dtype, ModelWeights, WeightsError};
use stepwise_inference::{ModelError, Reader};
use stepwise_learn::lessons::{Lessons, request};
use stepwise_learn::run::{Preference, StageCost, Step, TrainingLine};

use super::folder::{FolderError as RunFolderError, Lines, write_whole};
use crate::models::save::{new_side_files, save_folder, side_files_of};
use crate::models::{FolderError, LocalError, ModelDevice, ModelFolder, SaveError, local};
use crate::models::{Role, shipped};
use crate::stop::{Stop, StopLevel};

/// The token that ends a text of our own models.
pub const END: &str = "<|endoftext|>";
/// The token at which our own critics are read.
pub const REWARD: &str = "<|reward|>";

/// A line of the loss curve is written this often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The state is saved this often: what a kill costs at most.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// The shape of a new model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Width of the residual stream; a multiple of 32, the width of a head.
    pub hidden: usize,
    /// Transformer blocks.
    pub n_layers: usize,
    pub n_positions: usize,
}

/// Where training begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// With a new model.
    New {
        shape: Shape,
        /// The bytes of its tokenizer.json.
        tokenizer_json: Vec<u8>,
        /// The lemmas that a policy is to point at: its lemmas.jsonl.gz.
        lemmas: Option<Arc<Vec<u8>>>,
    },
    /// With the model of a folder.
    Folder(PathBuf),
}

/// One model's training: what it reads and where it writes.
#[derive(Debug)]
pub struct TrainingJob {
    /// What is trained.
    pub role: Role,
    /// Where it begins.
    pub start: Start,
    /// The model's folder that it is held against.
    pub baseline: Option<PathBuf>,
    /// What it learns.
    pub training: Lessons,
    /// What it is tried on and does not learn.
    pub validation: Lessons,
    /// What each theorem does without, by its name in Lean; of those only that do.
    pub without: BTreeMap<String, Vec<String>>,
    pub options: TrainConfig,
    /// The model folder that it makes.
    pub folder: PathBuf,
    /// The file of its loss curve.
    pub curve: PathBuf,
    /// The file of its state, with which it goes on after a kill.
    pub state: PathBuf,
}

/// A step as a policy reads and writes it.
pub(super) struct WrittenStep {
    /// What it is asked, with what it can point at shown above the state.
    pub(super) request: ProposalRequest,
    /// What it is to answer.
    pub(super) tactic: String,
}

impl WrittenStep {
    /// `without` is what each theorem does without, by its name.
    pub(super) fn new(premises: Option<&Premises>, without: &BTreeMap<String, Vec<String>>, step: &Step) -> Self {
        let without = without.get(&step.theorem).cloned().unwrap_or_default();
        let request = ProposalRequest { without, ..request(step) };
        let pointers = premises.map(|premises| Pointers::new(premises, &request)).unwrap_or_default();
        Self { request: pointers.shown_in(&request), tactic: pointers.point(&step.tactic) }
    }
}

/// How well a model knows lessons that it has not learnt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The mean loss, in nats: per token for a policy, per pair for a critic.
    pub loss: f64,
    /// For a policy the share of tactics whose every token is its first choice, for a critic the share of pairs in order.
    pub accuracy: f64,
    pub n: u64,
}

/// How training ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trained {
    /// What it cost; a part that an earlier process did is told by the curve.
    pub cost: StageCost,
    /// On the lessons that it did not learn; `None` where there are none, or the caller stopped it.
    pub validation: Option<Measured>,
    /// The same for its baseline.
    pub validation_before: Option<Measured>,
    /// The caller stopped it; the state is saved.
    pub interrupted: bool,
}

/// Why a model cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    #[error(transparent)]
    Run(#[from] RunFolderError),
    /// The model folder that it begins with.
    #[error(transparent)]
    Model(#[from] LocalError),
    /// The model folder that it begins with.
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error("{0}")]
    Prompt(#[from] ModelError),
    /// The training itself.
    #[error("{0}")]
    Train(#[from] TrainError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// There is nothing to learn.
    #[error("no search has taught anything for the {0} yet: give the searches more to spend, or easier problems")]
    NothingToLearn(&'static str),
    /// The folder's model is of the other kind, or lacks what training needs.
    #[error("{}: {message}", .folder.display())]
    Unsuited {
        folder: PathBuf,
        /// What is missing, and what to do.
        message: String,
    },
}

/// The model that training begins with.
struct Trainee {
    config: ModelConfig,
    weights: ModelWeights,
    reader: Reader,
    format: PromptFormat,
    /// The lemmas that it points at.
    premises: Option<Arc<Premises>>,
    /// Ends a tactic, or is what a critic is read at.
    last: u32,
}

impl TrainingJob {
    /// Trains, and writes the model folder. Goes on where an earlier process was killed. `show` is told how far it is.
    ///
    /// # Errors
    /// The model that it begins with cannot be read, there is nothing to learn, or a file cannot be written.
    pub fn run(&self, device: &ModelDevice, stop: &Stop, show: &dyn Fn(&str)) -> Result<Trained, TrainingError> {
        if self.n_lessons() == 0 {
            return Err(TrainingError::NothingToLearn(self.role.name()));
        }
        let validation_before = match &self.baseline {
            Some(baseline) => self.measured(self.opened(baseline)?, device)?,
            None => None,
        };
        let trainee = self.trainee()?;
        let task = self.task(&trainee, &self.training)?;
        let validation = self.task(&trainee, &self.validation)?;
        let Trainee { config, weights, .. } = &trainee;
        let mut training = Training::new(config, weights, task, self.options.clone(), &device.compute)?;
        let mut earlier = self.earlier_lines()?;
        if let Some(state) = read_state(&self.state)? {
            training = training.resumed(&state)?;
            earlier.retain(|line| line.step <= training.n_done());
        } else {
            earlier.clear();
        }
        let mut best = earlier.iter().filter_map(measured_in).min_by(|a, b| a.loss.total_cmp(&b.loss));
        let mut curve = Curve::open(&self.curve, &earlier)?;
        let mut saved = Instant::now();
        let mut spent_us = 0;
        let n_steps_an_epoch = (training.n_steps() / self.options.epochs.max(1)).max(1);
        loop {
            let (step, device_us) = device.timed(|| training.step());
            spent_us += device_us;
            let Some(step) = step? else { break };
            curve.add(&step);
            let is_last = step.step == step.n_steps;
            let is_measured = is_last || step.step % n_steps_an_epoch == 0;
            if is_measured || curve.is_due() {
                let (now, device_us) = match is_measured {
                    true => device.timed(|| measured(&training, &validation)),
                    false => (Ok(None), 0),
                };
                spent_us += device_us;
                let now = now?;
                // Of all epochs' models the one stays that knows best what it has not learnt.
                if now.is_some_and(|now| best.is_none_or(|best| now.loss < best.loss)) {
                    best = now;
                    self.save(config, &training.weights()?)?;
                }
                let line = curve.line(&step, now);
                show(&format!(
                    "{}: step {} of {}, loss {:.3}, {:.0} tokens/s",
                    self.role.name(),
                    step.step,
                    step.n_steps,
                    line.loss,
                    curve.tokens_per_s()
                ));
                curve.append(&line)?;
            }
            let is_stopped = stop.level() != StopLevel::Run;
            if !is_last && (is_stopped || saved.elapsed() >= SAVE_EVERY) {
                write_whole(&self.state, &training.save_state()?)?;
                saved = Instant::now();
            }
            if is_stopped && !is_last {
                let cost = curve.cost(spent_us);
                return Ok(Trained { cost, validation: None, validation_before, interrupted: true });
            }
        }
        if best.is_none() {
            self.save(config, &training.weights()?)?;
        }
        let cost = curve.cost(spent_us);
        let n = task_len(&validation) as u64;
        let validation = best.map(|best| Measured { n, ..best });
        Ok(Trained { cost, validation, validation_before, interrupted: false })
    }

    /// How well a model knows the validation's lessons.
    fn measured(&self, model: Trainee, device: &ModelDevice) -> Result<Option<Measured>, TrainingError> {
        let validation = self.task(&model, &self.validation)?;
        if task_len(&validation) == 0 {
            return Ok(None);
        }
        let options = TrainConfig { lora: None, ..self.options.clone() };
        let training = Training::new(&model.config, &model.weights, validation.clone(), options, &device.compute)?;
        Ok(measured(&training, &validation)?)
    }

    /// Writes the folder, with all that the model it began with has beside its weights.
    fn save(&self, config: &ModelConfig, weights: &ModelWeights) -> Result<(), TrainingError> {
        let (dtype, side_files) = match &self.start {
            Start::New { tokenizer_json, lemmas, .. } => {
                let lemmas = lemmas.as_ref().map(|lemmas| lemmas.as_slice());
                (Dtype::F16, new_side_files(config, tokenizer_json, PromptFormat::Plain, lemmas)?)
            }
            // As it came: what is trained on from round to round stays in the precision of its kind.
            Start::Folder(from) => {
                let folder = self.open(from)?;
                (folder.dtype(), side_files_of(&folder))
            }
        };
        Ok(save_folder(&self.folder, config, weights, dtype, side_files)?)
    }

    fn open(&self, folder: &Path) -> Result<ModelFolder, FolderError> {
        shipped::open(folder, self.role)
    }

    fn trainee(&self) -> Result<Trainee, TrainingError> {
        let trainee = match &self.start {
            Start::New { shape, tokenizer_json, lemmas } => {
                let tokenizer = Tokenizer::from_json(tokenizer_json)?;
                let id = |token| tokenizer.id_of(token).ok_or_else(|| no_token(Path::new("tokenizer.json"), token));
                let (end, reward) = (id(END)?, id(REWARD)?);
                let reward_token = (self.role == Role::Critic).then_some(reward);
                let config = small_config(
                    tokenizer.vocab_size(),
                    shape.hidden,
                    shape.n_layers,
                    shape.n_positions,
                    end,
                    reward_token,
                );
                let weights = initial_weights(&config, self.options.seed)?;
                let reader = Reader::new(tokenizer, None);
                let premises = match lemmas {
                    Some(lemmas) => Some(Arc::new(local::unpacked_premises(&self.folder, lemmas)?)),
                    None => None,
                };
                let last = reward_token.unwrap_or(end);
                Trainee { config, weights, reader, format: PromptFormat::Plain, premises, last }
            }
            Start::Folder(path) => self.opened(path)?,
        };
        let is_critic = matches!(trainee.config.head, Head::Reward { .. });
        if is_critic != (self.role == Role::Critic) {
            let folder = match &self.start {
                Start::Folder(path) => path.clone(),
                Start::New { .. } => PathBuf::new(),
            };
            let message = format!("this is no {}; name a folder of the right kind", self.role.name());
            return Err(TrainingError::Unsuited { folder, message });
        }
        Ok(trainee)
    }

    /// A folder's model.
    fn opened(&self, path: &Path) -> Result<Trainee, TrainingError> {
        let folder = self.open(path)?;
        let weights = Checkpoint::new(&folder.config, &folder)?.load()?;
        let reader = local::reader(&folder)?;
        let format = local::default_format(&folder)?;
        let last = match folder.config.head {
            Head::Reward { token } => token,
            // A chat's turn ends with its own token, any other text with the end of text.
            Head::LanguageModel => {
                [reader.tokenizer().id_of("<|im_end|>").filter(|_| format == PromptFormat::StepProver)]
                    .into_iter()
                    .flatten()
                    .chain(folder.config.eos.first().copied())
                    .chain(reader.tokenizer().eos_id())
                    .next()
                    .ok_or_else(|| no_token(path, "that ends a text"))?
            }
        };
        let premises = local::premises(&folder)?;
        Ok(Trainee { config: folder.config.clone(), weights, reader, format, premises, last })
    }

    /// The lessons as tokens.
    fn task(&self, trainee: &Trainee, lessons: &Lessons) -> Result<Task, TrainingError> {
        let Trainee { reader, format, premises, last, .. } = trainee;
        Ok(match self.role {
            Role::Policy => {
                let example = |step: &Step| {
                    let WrittenStep { request, tactic } = WrittenStep::new(premises.as_deref(), &self.without, step);
                    let mut tokens = reader.prompt(&policy_prompt(*format, &request))?;
                    let n_prompt = tokens.len();
                    tokens.extend(reader.tokenizer().encode_plain(&tactic, false)?);
                    tokens.push(*last);
                    Ok(Example { tokens, n_prompt })
                };
                Task::Policy(lessons.steps.iter().map(example).collect::<Result<_, TrainingError>>()?)
            }
            Role::Critic => {
                let text = |state: &str| {
                    let mut tokens = reader.answered(&critic_text(reader.has_template(), state.to_owned()))?;
                    tokens.push(*last);
                    Ok::<_, TrainingError>(tokens)
                };
                let pair =
                    |lesson: &Preference| Ok(Pair { better: text(&lesson.better)?, worse: text(&lesson.worse)? });
                Task::Critic(lessons.preferences.iter().map(pair).collect::<Result<_, TrainingError>>()?)
            }
        })
    }

    fn n_lessons(&self) -> usize {
        match self.role {
            Role::Policy => self.training.steps.len(),
            Role::Critic => self.training.preferences.len(),
        }
    }

    fn earlier_lines(&self) -> Result<Vec<TrainingLine>, TrainingError> {
        Ok(Lines::read(&self.curve)?)
    }
}

/// The loss curve: lines now and then, each with the mean since the last.
struct Curve {
    lines: Lines,
    /// Tokens and seconds of earlier processes.
    earlier: (u64, f64),
    begun: Instant,
    last_line: Instant,
    tokens: u64,
    losses: Vec<f64>,
}

impl Curve {
    /// Goes on behind these lines, which are all that the file will have.
    fn open(path: &Path, earlier: &[TrainingLine]) -> Result<Self, TrainingError> {
        let text: Vec<String> = earlier.iter().filter_map(|line| serde_json::to_string(line).ok()).collect();
        write_whole(path, text.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().as_bytes())?;
        let (lines, _) = Lines::open::<TrainingLine>(path)?;
        let earlier = earlier.last().map_or((0, 0.0), |line| (line.tokens, line.seconds));
        let now = Instant::now();
        Ok(Self { lines, earlier, begun: now, last_line: now, tokens: 0, losses: Vec::new() })
    }

    fn add(&mut self, step: &StepReport) {
        self.tokens += step.n_tokens as u64;
        self.losses.push(step.loss);
    }

    fn is_due(&self) -> bool {
        self.last_line.elapsed() >= LINE_EVERY
    }

    fn seconds(&self) -> f64 {
        self.earlier.1 + self.begun.elapsed().as_secs_f64()
    }

    fn tokens_per_s(&self) -> f64 {
        self.tokens as f64 / self.begun.elapsed().as_secs_f64().max(1e-9)
    }

    fn line(&mut self, step: &StepReport, measured: Option<Measured>) -> TrainingLine {
        self.last_line = Instant::now();
        let losses = std::mem::take(&mut self.losses);
        TrainingLine {
            step: step.step,
            n_steps: step.n_steps,
            loss: losses.iter().sum::<f64>() / losses.len().max(1) as f64,
            learning_rate: step.learning_rate,
            tokens: self.earlier.0 + self.tokens,
            seconds: self.seconds(),
            validation_loss: measured.map(|measured| measured.loss),
            validation_accuracy: measured.map(|measured| measured.accuracy),
        }
    }

    fn append(&mut self, line: &TrainingLine) -> Result<(), TrainingError> {
        self.lines.append(line).map_err(|source| TrainingError::Io { path: PathBuf::from("training"), source })
    }

    /// What training cost in all, when this process spent so much of the device's time.
    fn cost(&self, device_us: u64) -> StageCost {
        // An earlier process's device time is not known beyond its wall time, which is the less of the two.
        StageCost { lean_cpu_s: 0.0, device_s: self.earlier.1 + device_us as f64 / 1e6, wall_s: self.seconds() }
    }
}

/// Its loss and accuracy on a task, if there is anything in it.
fn measured(training: &Training, task: &Task) -> Result<Option<Measured>, TrainError> {
    if task_len(task) == 0 {
        return Ok(None);
    }
    let Evaluation { loss, accuracy, n_items, .. } = training.evaluate(task)?;
    Ok(Some(Measured { loss, accuracy, n: n_items as u64 }))
}

/// Lessons of a task.
fn task_len(task: &Task) -> usize {
    match task {
        Task::Policy(examples) => examples.len(),
        Task::Critic(pairs) => pairs.len(),
    }
}

/// What a line of the curve tells of the validation; how many lessons it had is not among it.
fn measured_in(line: &TrainingLine) -> Option<Measured> {
    Some(Measured { loss: line.validation_loss?, accuracy: line.validation_accuracy?, n: 0 })
}

fn read_state(path: &Path) -> Result<Option<Vec<u8>>, TrainingError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainingError::Io { path: path.to_owned(), source }),
    }
}

fn no_token(folder: &Path, token: &str) -> TrainingError {
    let message = format!("the tokenizer has no token {token}; take a model whose tokenizer has one");
    TrainingError::Unsuited { folder: folder.to_owned(), message }
}

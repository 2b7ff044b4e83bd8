//! Policies and critics from model folders, each served by a thread of its own.

mod open;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::policy::premises::Premises;
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::prompt::PromptFormat;
use stepwise_inference::chat::ChatError;
use stepwise_inference::engine::Accelerated;
use stepwise_inference::network::Network;
use stepwise_inference::tokenizer::{Tokenizer, TokenizerError};
use stepwise_inference::weights::{Checkpoint, Format, TensorSource, WeightsError};
use stepwise_inference::{Draw, ModelError, Reader, ReaderError, Sampling, Scoring, Settings};
use tokio::sync::{mpsc, oneshot};

use self::open::{OpenCritic, OpenPolicy};
use super::folder::LEMMAS;
use super::weights::{ChoiceError, Chosen};
use super::{FolderError, ModelDevice, ModelFolder};
use super::{Role, shipped};
use crate::run::critic::{Critic, CriticError};
use crate::run::policy::premises::LemmaPolicy;
use crate::run::policy::{ModelFailure, Policy, PolicyError};

/// Memory for the keys and values of prompts that later prompts may share.
const PREFIX_BYTES: usize = 512 << 20;

/// Questions that wait for a model; searches beyond that wait to ask.
const QUEUE: usize = 64;

/// Why a folder gives no policy or critic, each as one line.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The folder is not as Hugging Face publishes models.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is nothing to read text with.
    #[error("{} has no tokenizer.json and no tokenizer.model; download them to the folder", .0.display())]
    NoTokenizer(PathBuf),
    /// The weights are not as config.json says.
    #[error("{}: {source}", .folder.display())]
    Weights { folder: PathBuf, source: WeightsError },
    /// The weights do not go into the format that was asked for, or into memory.
    #[error("{}: {source}", .folder.display())]
    Format { folder: PathBuf, source: ChoiceError },
    /// The tokenizer is broken, or not this model's.
    #[error("{}: {source}", .folder.display())]
    Tokenizer { folder: PathBuf, source: TokenizerError },
    /// The chat template is broken.
    #[error("{}: {source}", .folder.display())]
    Chat { folder: PathBuf, source: ChatError },
    /// `stepwise.json`, generation_config.json or lemmas.jsonl.gz is broken.
    #[error("{}: {message}", .path.display())]
    Settings { path: PathBuf, message: String },
    /// It is the other kind of model.
    #[error("{}: {message}", .folder.display())]
    Unsuited {
        folder: PathBuf,
        /// What kind it is, and what to name instead.
        message: String,
    },
}

/// The prompts of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptChoice {
    /// What the folder's stepwise.json names, else StepProver's for InternLM2 and BFS-Prover's for others.
    Auto,
    Format(PromptFormat),
}

/// How a folder's policy is used.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyUse {
    pub prompt: PromptChoice,
    pub sampling: Sampling,
    /// The temperature that the folder's stepwise.json names, if it does, goes before that of `sampling`.
    pub own_temperature: bool,
}

/// A language model in this process.
#[derive(Debug)]
pub struct LocalPolicy {
    name: String,
    own_mix: Option<f64>,
    notices: Vec<String>,
    lemmas: Option<LemmaPolicy>,
    thread: ModelThread<ProposalRequest, Proposals>,
}

/// A reward model in this process.
#[derive(Debug)]
pub struct LocalCritic {
    name: String,
    notice: Option<String>,
    thread: ModelThread<ScoreRequest, Scores>,
}

impl LocalPolicy {
    /// Loads a folder, or the model that ships under the path's name; `progress` is told how many bytes of how many are
    /// loaded. When its GPU is lost it is loaded once more, on the CPU, and goes on.
    ///
    /// # Errors
    /// Something in the folder is missing, broken, or not a language model.
    pub fn open(
        path: &Path,
        device: ModelDevice,
        used: PolicyUse,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, LocalError> {
        let OpenPolicy { model, name, own_mix, notices, premises } = OpenPolicy::new(path, &device, &used, progress)?;
        let lemmas = premises.map(|premises| LemmaPolicy::new(premises, &name));
        let reload = {
            let path = path.to_owned();
            move |device: &ModelDevice| Ok(OpenPolicy::new(&path, device, &used, &mut |_, _| ())?.model)
        };
        let mut served = Served { model, device, reload };
        let thread = ModelThread::start(move |request: &ProposalRequest| {
            let (answer, device_us) = served.ask(|model| pollster::block_on(model.propose(request)));
            if let Some(notice) = served.model.take_notice() {
                tracing::warn!("{notice}");
            }
            answer.map(|mut proposals| {
                proposals.cost.device_us = device_us;
                proposals
            })
        });
        Ok(Self { name, own_mix, notices, lemmas, thread })
    }

    /// What the user should know about how the folder was read, a line each.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The share of the samples that its folder would have the portfolio give beside it.
    #[must_use]
    pub fn own_mix(&self) -> Option<f64> {
        self.own_mix
    }

    /// The lemmas of its folder, as a policy that looks them up.
    #[must_use]
    pub fn lemmas(&self) -> Option<&LemmaPolicy> {
        self.lemmas.as_ref()
    }
}

impl LocalCritic {
    /// Loads a folder, or the model that ships under the path's name; `progress` is told how many bytes of how many are
    /// loaded. When its GPU is lost it is loaded once more, on the CPU, and goes on.
    ///
    /// # Errors
    /// Something in the folder is missing, broken, or not a reward model.
    pub fn open(path: &Path, device: ModelDevice, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, LocalError> {
        let OpenCritic { model, name, notice } = OpenCritic::new(path, &device, progress)?;
        let reload = {
            let path = path.to_owned();
            move |device: &ModelDevice| Ok(OpenCritic::new(&path, device, &mut |_, _| ())?.model)
        };
        let mut served = Served { model, device, reload };
        let thread = ModelThread::start(move |request: &ScoreRequest| {
            let (answer, device_us) = served.ask(|model| pollster::block_on(model.score(request)));
            if let Some(notice) = served.model.take_notice() {
                tracing::warn!("{notice}");
            }
            answer.map(|mut scores| {
                scores.cost.device_us = device_us;
                scores
            })
        });
        Ok(Self { name, notice, thread })
    }

    /// What the user should know about how the folder was read, in one line.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }
}

#[async_trait]
impl Policy for LocalPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let answer = self.thread.ask(request.clone()).await;
        answer.map_err(|e| PolicyError { policy: self.name.clone(), message: e.to_string(), cause: Some(e) })
    }
}

#[async_trait]
impl Critic for LocalCritic {
    fn name(&self) -> &str {
        &self.name
    }

    async fn score(&self, request: &ScoreRequest) -> Result<Scores, CriticError> {
        let answer = self.thread.ask(request.clone()).await;
        answer.map_err(|e| CriticError { critic: self.name.clone(), message: e.to_string(), cause: Some(e) })
    }
}

/// A model on a device, and what loads it on another.
struct Served<M, R> {
    model: M,
    device: ModelDevice,
    reload: R,
}

impl<M: Send, R: FnMut(&ModelDevice) -> Result<M, LocalError>> Served<M, R> {
    /// What the model answers, and for how long its device was busy with it, in microseconds. A GPU that fails is left for
    /// the CPU, which is asked once more.
    fn ask<A: Send>(
        &mut self,
        question: impl Fn(&mut M) -> Result<A, ModelError> + Sync,
    ) -> (Result<A, ModelError>, u64) {
        let model = &mut self.model;
        let (answer, device_us) = self.device.timed(|| question(model));
        match answer {
            Err(error) if error.blames_device() && self.device.gpu().is_some() => {
                let device = self.device.without_gpu();
                tracing::warn!("{} fails ({error}); the model is loaded again, on the CPU", self.device.name);
                match (self.reload)(&device) {
                    Ok(model) => (self.model, self.device) = (model, device),
                    Err(why) => {
                        tracing::warn!("the model cannot be loaded again: {why}");
                        return (Err(error), device_us);
                    }
                }
                let model = &mut self.model;
                let (answer, more_us) = self.device.timed(|| question(model));
                (answer, device_us + more_us)
            }
            answer => (answer, device_us),
        }
    }
}

/// A question with the place for its answer.
type Asked<Q, A> = (Q, oneshot::Sender<Result<A, ModelError>>);

/// A thread that owns a model and answers one question after the other. It ends when nobody can ask any more.
#[derive(Debug)]
struct ModelThread<Q, A> {
    questions: mpsc::Sender<Asked<Q, A>>,
}

impl<Q: Send + 'static, A: Send + 'static> ModelThread<Q, A> {
    fn start(mut answer: impl FnMut(&Q) -> Result<A, ModelError> + Send + 'static) -> Self {
        let (questions, mut asked) = mpsc::channel::<Asked<Q, A>>(QUEUE);
        std::thread::spawn(move || {
            while let Some((question, answered)) = asked.blocking_recv() {
                // A search that was stopped meanwhile does not wait any more.
                if !answered.is_closed() {
                    let _ = answered.send(answer(&question));
                }
            }
        });
        Self { questions }
    }

    async fn ask(&self, question: Q) -> Result<A, ModelFailure> {
        let (answered, answer) = oneshot::channel();
        self.questions.send((question, answered)).await.map_err(|_| ModelFailure::Died)?;
        answer.await.map_err(|_| ModelFailure::Died)?.map_err(|e| ModelFailure::Model(Arc::new(e)))
    }
}

/// A folder's weights, and the format that they are to be loaded in.
fn weights<'a>(folder: &'a ModelFolder, device: &ModelDevice) -> Result<(Checkpoint<'a>, Chosen), LocalError> {
    let wrong = |source| LocalError::Weights { folder: folder.path.clone(), source };
    let checkpoint = Checkpoint::new(&folder.config, folder).map_err(wrong)?;
    let chosen = device.weights.settle(&checkpoint, device);
    let chosen = chosen.map_err(|source| LocalError::Format { folder: folder.path.clone(), source })?;
    Ok((checkpoint, chosen))
}

fn network(
    folder: &ModelFolder,
    checkpoint: &Checkpoint<'_>,
    format: Format,
    device: &ModelDevice,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Network, LocalError> {
    let network = Network::load_as(format, &folder.config, checkpoint, &device.compute_for(format), progress);
    network.map_err(|source| LocalError::Weights { folder: folder.path.clone(), source })
}

/// What reads prompts for a folder's model.
///
/// # Errors
/// The folder has no tokenizer, or it or the chat template is broken.
pub(crate) fn reader(folder: &ModelFolder) -> Result<Reader, LocalError> {
    let path = folder.path.as_path();
    let wrong = |source| LocalError::Tokenizer { folder: path.to_owned(), source };
    let tokenizer = match (&folder.tokenizer_json, &folder.tokenizer_model) {
        (Some(json), _) => Tokenizer::from_json(json).map_err(wrong)?,
        (None, Some(model)) => Tokenizer::from_sentencepiece(model).map_err(wrong)?,
        (None, None) if folder.is_gguf() => {
            let message = "there is no tokenizer in this file; take one that llama.cpp's converter wrote".to_owned();
            return Err(LocalError::Unsuited { folder: path.to_owned(), message });
        }
        (None, None) => return Err(LocalError::NoTokenizer(path.to_owned())),
    };
    let (tokenizer_config, map) = (folder.tokenizer_config.as_deref(), folder.special_tokens_map.as_deref());
    Reader::of_model(&folder.config, tokenizer, tokenizer_config, map).map_err(|e| match e {
        ReaderError::Tokenizer(source) => wrong(source),
        ReaderError::Chat(source) => LocalError::Chat { folder: path.to_owned(), source },
    })
}

/// The share of the samples that a policy's folder, or one that ships, would have the portfolio give beside it.
///
/// # Errors
/// It is no model's folder, or its stepwise.json is broken.
pub fn own_mix(path: &Path) -> Result<Option<f64>, LocalError> {
    Ok(settings(&shipped::open(path, Role::Policy)?)?.mix)
}

/// The prompt that a folder's policy was trained on.
///
/// # Errors
/// The folder's stepwise.json is broken.
pub(crate) fn default_format(folder: &ModelFolder) -> Result<PromptFormat, LocalError> {
    Ok(settings(folder)?.format(folder.config.architecture))
}

/// What stepwise.json says.
fn settings(folder: &ModelFolder) -> Result<Settings, LocalError> {
    let Some(bytes) = &folder.settings else { return Ok(Settings::default()) };
    Settings::from_json(bytes)
        .map_err(|e| LocalError::Settings { path: folder.path.join("stepwise.json"), message: e.to_string() })
}

/// The lemmas that a folder's policy points at.
///
/// # Errors
/// The file is broken.
pub(crate) fn premises(folder: &ModelFolder) -> Result<Option<Arc<Premises>>, LocalError> {
    let lemmas = folder.lemmas.as_deref();
    lemmas.map(|lemmas| unpacked_premises(&folder.path, lemmas).map(Arc::new)).transpose()
}

/// The lemmas in the bytes of a folder's lemmas.jsonl.gz.
///
/// # Errors
/// The file is broken.
pub(crate) fn unpacked_premises(folder: &Path, lemmas: &[u8]) -> Result<Premises, LocalError> {
    let path = folder.join(LEMMAS);
    let wrong = |e: &dyn std::fmt::Display| LocalError::Settings {
        path: path.clone(),
        message: format!("{e}; download it again"),
    };
    let mut text = String::new();
    GzDecoder::new(lemmas).read_to_string(&mut text).map_err(|e| wrong(&e))?;
    Premises::from_jsonl(&path.display().to_string(), &text).map_err(|e| wrong(&e))
}

/// The end tokens of generation_config.json, which may be more than config.json has.
fn generation_ends(folder: &ModelFolder) -> Result<Vec<u32>, LocalError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ends {
        One(u32),
        Several(Vec<u32>),
    }
    #[derive(Deserialize)]
    struct Generation {
        eos_token_id: Option<Ends>,
    }
    let Some(bytes) = &folder.generation_config else { return Ok(Vec::new()) };
    let generation: Generation = serde_json::from_slice(bytes).map_err(|e| LocalError::Settings {
        path: folder.path.join("generation_config.json"),
        message: format!("{e}; download it again"),
    })?;
    Ok(match generation.eos_token_id {
        Some(Ends::One(token)) => vec![token],
        Some(Ends::Several(tokens)) => tokens,
        None => Vec::new(),
    })
}

/// How a policy is used, as its name has always hashed it: old logs and records go on with the same name.
fn usage(format: PromptFormat, sampling: &Sampling, scoring: Scoring) -> String {
    let Draw { temperature, top_k, top_p } = sampling.decoding.draw();
    let Sampling { max_tokens, stop, .. } = sampling;
    format!(
        "{format:?} Sampling {{ temperature: {temperature:?}, top_k: {top_k:?}, top_p: {top_p:?}, \
         max_tokens: {max_tokens}, stop: {stop:?} }} {scoring:?}"
    )
}

/// The folder's name with a hash over its shape, its tokenizer, the beginning of every tensor, how it is used, and the
/// format of its weights, where that is not f32: two checkpoints of one training have different names.
fn name(folder: &ModelFolder, usage: &str, format: Format) -> String {
    let mut hasher = Sha256::new();
    hasher.update(folder.config.to_json());
    let files = [
        &folder.tokenizer_json,
        &folder.tokenizer_model,
        &folder.tokenizer_config,
        &folder.special_tokens_map,
        &folder.lemmas,
    ];
    for file in files {
        hasher.update(Sha256::digest(file.as_deref().unwrap_or_default()));
    }
    hasher.update(usage);
    if format != Format::F32 {
        hasher.update(format.name());
    }
    // A file lists its tensors in no order that would be the same the next time.
    let mut tensors: Vec<_> = folder.tensors().iter().collect();
    tensors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for tensor in tensors {
        let mut beginning = vec![0.0; tensor.shape.iter().product::<usize>().min(64)];
        // What cannot be read as numbers is none of the model's weights, or the loader will complain about it.
        if folder.read_range(&tensor.name, 0, &mut beginning).is_ok() {
            hasher.update(&tensor.name);
            beginning.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
    }
    let hash = hex::encode(&hasher.finalize()[..6]);
    // A path like `.` says its name only when it is resolved; a carried folder is on no disk.
    let path = folder.path.canonicalize().unwrap_or_else(|_| folder.path.clone());
    let folder_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("{} {hash}", folder_name.unwrap_or_else(|| "model".to_owned()))
}

#[cfg(test)]
mod tests;

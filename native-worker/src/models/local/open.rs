//! A folder read, checked, and made a model on a device.

use std::path::Path;
use std::sync::Arc;

use stepwise_core::policy::premises::Premises;
use stepwise_core::prompt::PromptFormat;
use stepwise_inference::config::Head;
use stepwise_inference::{LanguageModel, PolicyOptions, RewardModel, Settings};

use super::{
    LocalError, PREFIX_BYTES, PolicyUse, PromptChoice, generation_ends, name, network, premises, reader, settings,
    usage, weights,
};
use crate::models::{ModelDevice, Role, kernels, shipped};

/// What a policy's folder comes to.
pub(super) struct OpenPolicy {
    pub(super) model: LanguageModel,
    pub(super) name: String,
    pub(super) own_mix: Option<f64>,
    pub(super) notices: Vec<String>,
    pub(super) premises: Option<Arc<Premises>>,
}

impl OpenPolicy {
    pub(super) fn new(
        path: &Path,
        device: &ModelDevice,
        used: &PolicyUse,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, LocalError> {
        let PolicyUse { prompt, mut sampling, own_temperature } = used.clone();
        let folder = &shipped::open(path, Role::Policy)?;
        if folder.config.head != Head::LanguageModel {
            return Err(LocalError::Unsuited {
                folder: path.to_owned(),
                message: "this is a reward model; name it with --critic, and a language model as policy".to_owned(),
            });
        }
        let settings = settings(folder)?;
        let Settings { scoring, temperature, mix, .. } = settings;
        let format = match prompt {
            PromptChoice::Format(format) => format,
            PromptChoice::Auto => settings.format(folder.config.architecture),
        };
        if let (true, Some(temperature)) = (own_temperature, temperature) {
            sampling.decoding = sampling.decoding.at(temperature);
        }
        sampling.stop.extend(format.stop().iter().map(|stop| (*stop).to_owned()));
        let reader = reader(folder)?;
        if format == PromptFormat::StepProver && !reader.has_template() {
            return Err(LocalError::Unsuited {
                folder: path.to_owned(),
                message: "tokenizer_config.json has no chat_template, which this prompt needs; choose `--prompt bfs-prover` or `--prompt plain`".to_owned(),
            });
        }
        let ends = generation_ends(folder)?;
        let (checkpoint, weights) = weights(folder, device)?;
        let name = name(folder, &usage(format, &sampling, scoring), weights.format);
        let premises = premises(folder)?;
        let network = network(folder, &checkpoint, weights.format, device, progress)?;
        let options = PolicyOptions { format, sampling, scoring, prefix_bytes: PREFIX_BYTES };
        let mut model = LanguageModel::new(network, reader, options, &ends);
        if let Some(premises) = &premises {
            model = model.with_premises(Arc::clone(premises));
        }
        let failed = |message| LocalError::Unsuited { folder: path.to_owned(), message };
        let model = kernels::with_kernels(model, folder, device).map_err(failed)?;
        let notices = folder.notice.clone().into_iter().chain(weights.reason).collect();
        Ok(Self { model, name, own_mix: mix, notices, premises })
    }
}

/// What a critic's folder comes to.
pub(super) struct OpenCritic {
    pub(super) model: RewardModel,
    pub(super) name: String,
    pub(super) notice: Option<String>,
}

impl OpenCritic {
    pub(super) fn new(
        path: &Path,
        device: &ModelDevice,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, LocalError> {
        let folder = &shipped::open(path, Role::Critic)?;
        let reader = reader(folder)?;
        if folder.config.head == Head::LanguageModel {
            let message = match folder.is_gguf() {
                true => "no GGUF file holds a reward model; name the folder of an InternLM2ForRewardModel as critic",
                false => "this is a language model; name it with --policy, and an InternLM2ForRewardModel as critic",
            };
            return Err(LocalError::Unsuited { folder: path.to_owned(), message: message.to_owned() });
        }
        let (checkpoint, weights) = weights(folder, device)?;
        let name = name(folder, "", weights.format);
        let network = network(folder, &checkpoint, weights.format, device, progress)?;
        let failed = |message| LocalError::Unsuited { folder: path.to_owned(), message };
        let model = RewardModel::new(network, reader, PREFIX_BYTES).map_err(|e| failed(e.to_string()))?;
        let model = kernels::with_kernels(model, folder, device).map_err(failed)?;
        Ok(Self { model, name, notice: weights.reason })
    }
}

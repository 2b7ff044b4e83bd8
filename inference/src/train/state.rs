//! A training as bytes, so that one that was stopped goes on exactly where it was.

use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::adamw::Parameter;
use super::{Progress, Task, TrainError, Training};

/// The one entry of the file's metadata.
const KEY: &str = "stepwise_training";

/// What is not an array.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    steps: u64,
    updates: u64,
    skipped: u64,
    /// Of the configuration, the options and the data, in hexadecimal.
    fingerprint: String,
}

impl Training {
    /// All that the training needs to go on, as a safetensors file: the trained arrays with their moments as f32, and how
    /// far it is. The data, the options and with adapters the base weights are not in it.
    ///
    /// # Errors
    /// The arrays are too large for the format.
    pub fn save_state(&self) -> Result<Vec<u8>, TrainError> {
        let broken = |error: &dyn std::fmt::Display| TrainError::State(error.to_string());
        let Progress { n_steps, n_updates, n_skipped } = self.progress;
        let saved = Saved { steps: n_steps, updates: n_updates, skipped: n_skipped, fingerprint: self.fingerprint() };
        let saved = serde_json::to_string(&saved).map_err(|error| broken(&error))?;
        let mut views = Vec::new();
        for parameter in &self.parameters.trained {
            for (name, array) in arrays(parameter) {
                let shape = vec![parameter.rows, parameter.cols];
                let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(array));
                views.push((name, view.map_err(|error| broken(&error))?));
            }
        }
        let metadata = HashMap::from([(KEY.to_owned(), saved)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| broken(&error))
    }

    /// The training that was saved, in the place of this new one, which must have been made of the same configuration,
    /// weights, data and options.
    ///
    /// # Errors
    /// The bytes are broken, or those of another training.
    pub fn resumed(mut self, bytes: &[u8]) -> Result<Self, TrainError> {
        let broken = |error: &dyn std::fmt::Display| TrainError::State(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| broken(&error))?;
        let saved = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let saved = saved.ok_or_else(|| TrainError::State("it holds weights, but no training".to_owned()))?;
        let saved: Saved = serde_json::from_str(saved).map_err(|error| broken(&error))?;
        if saved.fingerprint != self.fingerprint() {
            return Err(TrainError::State("it was made with other data or options, or another model".to_owned()));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| broken(&error))?;
        for parameter in &mut self.parameters.trained {
            let read = |name: &str, n: usize| {
                let view = tensors.tensor(name).map_err(|error| broken(&error))?;
                if view.dtype() != Dtype::F32 || view.data().len() != n * size_of::<f32>() {
                    return Err(TrainError::State(format!("its array `{name}` has another size")));
                }
                // The format is little-endian, as every machine that this runs on; its bytes may not be aligned.
                Ok(bytemuck::pod_collect_to_vec::<u8, f32>(view.data()))
            };
            let n = parameter.data.len();
            let [data, first, second] = arrays(parameter).map(|(name, _)| read(&name, n));
            (parameter.data, parameter.first_moment, parameter.second_moment) = (data?, first?, second?);
        }
        self.progress = Progress { n_steps: saved.steps, n_updates: saved.updates, n_skipped: saved.skipped };
        Ok(self)
    }

    /// A hash of all that decides how the training goes on, besides what is saved.
    fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.config.to_json());
        hasher.update(format!("{:?}", self.options));
        let mut text = |tokens: &[u32]| {
            hasher.update((tokens.len() as u64).to_le_bytes());
            hasher.update(bytemuck::cast_slice::<u32, u8>(tokens));
        };
        match &self.task {
            Task::Policy(examples) => examples.iter().for_each(|example| {
                text(&[example.n_prompt as u32]);
                text(&example.tokens);
            }),
            Task::Critic(pairs) => pairs.iter().for_each(|pair| {
                text(&pair.better);
                text(&pair.worse);
            }),
        }
        hex::encode(hasher.finalize())
    }
}

/// A parameter's arrays under their names in the file.
fn arrays(parameter: &Parameter) -> [(String, &[f32]); 3] {
    let Parameter { name, data, first_moment, second_moment, .. } = parameter;
    [
        (name.clone(), data),
        (format!("{name}.first_moment"), first_moment),
        (format!("{name}.second_moment"), second_moment),
    ]
}

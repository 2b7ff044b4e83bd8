//! Writing a model as a folder that [`ModelFolder`] and Hugging Face's transformers open.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepwise_core::prompt::PromptFormat;
use stepwise_inference::Scoring;
use stepwise_inference::config::ModelConfig;
use stepwise_inference::tokenizer::{Tokenizer, TokenizerError};
use stepwise_inference::weights::{Dtype, ModelWeights, WeightsError};

use super::ModelFolder;
use super::folder::LEMMAS;

/// Why a model was not saved, each as one line.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The weights are not as the configuration says.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The tokenizer is broken, or not this model's.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A file cannot be written.
    #[error("cannot write {} ({source}); check the disk's space and the folder's permissions", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        source: io::Error,
    },
}

/// The files of a folder beside its configuration and its weights, by name.
pub type SideFiles = Vec<(&'static str, Vec<u8>)>;

/// What a new model has beside its weights: tokenizer.json, a tokenizer_config.json that names the end of text,
/// stepwise.json with the prompt that it was trained on and how its tactics are best found, and the lemmas that it points
/// at, a file of `stepwise corpus library` in gzip's form.
///
/// # Errors
/// The tokenizer is broken, or not this model's.
pub fn new_side_files(
    config: &ModelConfig,
    tokenizer_json: &[u8],
    prompt: PromptFormat,
    lemmas: Option<&[u8]>,
) -> Result<SideFiles, SaveError> {
    let tokenizer = Tokenizer::from_json(tokenizer_json)?;
    tokenizer.check_vocabulary(config.vocab_size)?;
    let eos = config.eos.first().and_then(|token| tokenizer.token(*token));
    let tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos,
        "clean_up_tokenization_spaces": false,
        "model_max_length": config.max_positions,
    });
    let settings = json!({ "prompt": prompt.name(), "logprob": Scoring::Sum.name(), "temperature": 0 });
    let files = vec![
        ("tokenizer.json", tokenizer_json.to_vec()),
        ("tokenizer_config.json", format!("{tokenizer_config:#}\n").into_bytes()),
        ("stepwise.json", format!("{settings}\n").into_bytes()),
    ];
    Ok(files.into_iter().chain(lemmas.map(|lemmas| (LEMMAS, lemmas.to_vec()))).collect())
}

/// What a folder has beside its weights, for a model that was trained from it.
#[must_use]
pub fn side_files_of(folder: &ModelFolder) -> SideFiles {
    let files = [
        ("tokenizer.json", &folder.tokenizer_json),
        ("tokenizer.model", &folder.tokenizer_model),
        ("tokenizer_config.json", &folder.tokenizer_config),
        ("special_tokens_map.json", &folder.special_tokens_map),
        ("generation_config.json", &folder.generation_config),
        ("stepwise.json", &folder.settings),
        (LEMMAS, &folder.lemmas),
    ];
    files.into_iter().filter_map(|(name, bytes)| Some((name, bytes.clone()?))).collect()
}

/// Saves a model to the folder `path`: config.json, model.safetensors in numbers of `dtype` (F32, F16 or BF16), and the
/// files beside them.
///
/// All is written to a folder beside it first, which then takes its name, so that whatever stops the process, `path` is
/// the old model, nothing, or the whole new one.
///
/// # Errors
/// The weights are not as the configuration says, or a file cannot be written.
pub fn save_folder(
    path: &Path,
    config: &ModelConfig,
    weights: &ModelWeights,
    dtype: Dtype,
    side_files: SideFiles,
) -> Result<(), SaveError> {
    let mut files = side_files;
    files.push(("config.json", config_json(config, dtype).into_bytes()));
    files.push(("model.safetensors", weights.to_safetensors(config, dtype)?));
    let [new, old] = ["new", "old"].map(|kind| beside(path, kind));
    remove(&new)?;
    std::fs::create_dir_all(&new).map_err(|source| SaveError::Write { path: new.clone(), source })?;
    for (name, bytes) in files {
        write(&new.join(name), &bytes)?;
    }
    // A folder cannot take the place of one that is not empty.
    remove(&old)?;
    let renamed = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|source| SaveError::Write { path: to.to_owned(), source })
    };
    if path.exists() {
        renamed(path, &old)?;
    }
    renamed(&new, path)?;
    remove(&old)
}

/// The configuration's config.json, which says what the numbers are.
fn config_json(config: &ModelConfig, dtype: Dtype) -> String {
    let mut json: Value = serde_json::from_str(&config.to_json()).unwrap_or_default();
    let name = match dtype {
        Dtype::F16 => "float16",
        Dtype::BF16 => "bfloat16",
        _ => "float32",
    };
    json["torch_dtype"] = name.into();
    format!("{json:#}\n")
}

/// A hidden folder next to `path`, so that it is on the same disk.
fn beside(path: &Path, kind: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{kind}"))
}

/// Writes a file through to the disk: a name that is there after a loss of power must have its content.
fn write(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    let written = std::fs::File::create(path).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    written.map_err(|source| SaveError::Write { path: path.to_owned(), source })
}

fn remove(folder: &Path) -> Result<(), SaveError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SaveError::Write { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

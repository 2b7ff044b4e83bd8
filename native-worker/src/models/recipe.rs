//! Policies and critics as the recipes of campaigns have them: what a machine publishes of its models, and what another
//! opens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwise_core::policy::portfolio;
use stepwise_core::prompt::PromptFormat;
use stepwise_core::wire::campaign::{Draws, ModelFiles, Proposer, Recipe};
use stepwise_inference::{Decoding, Draw, Sampling};

use super::local::unpacked_premises;
use super::shipped::Shipped;
use super::{
    FolderError, LocalCritic, LocalError, LocalPolicy, ModelDevice, ModelFolder, PolicyUse, PromptChoice, Role,
};
use crate::blobs::{BlobError, Blobs};
use crate::run::critic::Critic;
use crate::run::policy::detail::Detail;
use crate::run::policy::mixture::Mixture;
use crate::run::policy::premises::LemmaPolicy;
use crate::run::policy::widening::Widening;
use crate::run::policy::{self, Policy};

/// Who proposes, and who scores if somebody does.
#[derive(Clone)]
pub struct Opened {
    pub policy: Arc<dyn Policy>,
    pub critic: Option<Arc<dyn Critic>>,
}

/// Why a recipe cannot be opened, or a model not be published.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A later stepwise wrote it.
    #[error("the prompt `{0}` is not known here: update stepwise")]
    Prompt(String),
    /// A number that is none of its kind.
    #[error("a share of {0} of the samples is none from 0 to 1: tell whoever runs the campaign")]
    Share(f64),
    /// The file of lemmas cannot be read.
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
}

/// What policies are put together by, and descriptions of them.
pub trait Composed: Sized {
    /// Two that share the samples.
    fn mixture(first: Self, second: Self, second_share: f64) -> Self;
    /// One, and another beside it where a state is expanded once more.
    fn widening(alone: Self, beside: Self) -> Self;
    /// One whose shortest ways are left out.
    fn detail(of: Self) -> Self;
}

impl Composed for Arc<dyn Policy> {
    fn mixture(first: Self, second: Self, second_share: f64) -> Self {
        Arc::new(Mixture::new(first, second, second_share))
    }

    fn widening(alone: Self, beside: Self) -> Self {
        Arc::new(Widening::new(alone, beside))
    }

    fn detail(of: Self) -> Self {
        Arc::new(Detail::new(of))
    }
}

impl Composed for Proposer {
    fn mixture(first: Self, second: Self, second_share: f64) -> Self {
        Self::Mixture { first: Box::new(first), second: Box::new(second), second_share }
    }

    fn widening(alone: Self, beside: Self) -> Self {
        Self::Widening { alone: Box::new(alone), beside: Box::new(beside) }
    }

    fn detail(of: Self) -> Self {
        Self::Detail { of: Box::new(of) }
    }
}

impl<P: Composed> Composed for Option<P> {
    fn mixture(first: Self, second: Self, second_share: f64) -> Self {
        Some(P::mixture(first?, second?, second_share))
    }

    fn widening(alone: Self, beside: Self) -> Self {
        Some(P::widening(alone?, beside?))
    }

    fn detail(of: Self) -> Self {
        of.map(P::detail)
    }
}

impl<P: Composed, Q: Composed> Composed for (P, Q) {
    fn mixture(first: Self, second: Self, second_share: f64) -> Self {
        (P::mixture(first.0, second.0, second_share), Q::mixture(first.1, second.1, second_share))
    }

    fn widening(alone: Self, beside: Self) -> Self {
        (P::widening(alone.0, beside.0), Q::widening(alone.1, beside.1))
    }

    fn detail(of: Self) -> Self {
        (P::detail(of.0), Q::detail(of.1))
    }
}

/// A policy, and how a recipe says it where others are to search with it too.
pub type Sayable = (Arc<dyn Policy>, Option<Proposer>);

/// Copies the files of a model, of a folder, a GGUF file or one that ships, to where others download them.
///
/// # Errors
/// It is no model, or a file cannot be copied.
pub fn publish(name_or_folder: &Path, role: Role, blobs: &Blobs) -> Result<ModelFiles, RecipeError> {
    let mut files = BTreeMap::new();
    if let Some(model) = name_or_folder.to_str().and_then(|name| Shipped::find(name, role)) {
        for (file, bytes) in model.files() {
            files.insert((*file).to_owned(), blobs.keep_bytes(bytes)?);
        }
        return Ok(ModelFiles { name: model.name.to_owned(), files });
    }
    for (file, path) in ModelFolder::files(name_or_folder)? {
        files.insert(file, blobs.keep_file(&path)?);
    }
    // A path like `.` says its name only when it is resolved.
    let path = name_or_folder.canonicalize().unwrap_or_else(|_| name_or_folder.to_owned());
    let name = path.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(ModelFiles { name, files })
}

/// How a policy is used, as recipes say it.
#[must_use]
pub fn draws(PolicyUse { prompt, sampling, own_temperature }: &PolicyUse) -> Draws {
    let Draw { temperature, top_k, top_p } = sampling.decoding.draw();
    Draws {
        prompt: match prompt {
            PromptChoice::Auto => None,
            PromptChoice::Format(format) => Some(format.name().to_owned()),
        },
        temperature,
        own_temperature: *own_temperature,
        top_k: top_k.map(|k| k as u64),
        top_p,
        max_tokens: sampling.max_tokens as u64,
    }
}

fn use_of(draws: &Draws) -> Result<PolicyUse, RecipeError> {
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let Draws { prompt, temperature, own_temperature, top_k, top_p, max_tokens } = draws;
    let decoding = Decoding::of_draw(Draw { temperature: *temperature, top_k: top_k.map(size), top_p: *top_p });
    Ok(PolicyUse {
        prompt: match prompt {
            None => PromptChoice::Auto,
            Some(name) => PromptChoice::Format(PromptFormat::from_name(name).ok_or(RecipeError::Prompt(name.clone()))?),
        },
        sampling: Sampling { decoding, max_tokens: size(*max_tokens), stop: Vec::new() },
        own_temperature: *own_temperature,
    })
}

/// Opens what a recipe says, whose files are all here. It blocks until models are loaded.
///
/// # Errors
/// A model does not load, or the recipe says what is not known here.
pub fn open(recipe: &Recipe, blobs: &Blobs, device: &ModelDevice) -> Result<Opened, RecipeError> {
    let policy = open_proposer(&recipe.proposer, blobs, device)?;
    let critic: Option<Arc<dyn Critic>> = match &recipe.scorer {
        None => None,
        Some(model) => Some(Arc::new(LocalCritic::open(&blobs.folder_of(model)?, device.clone(), &mut |_, _| {})?)),
    };
    Ok(Opened { policy, critic })
}

fn open_proposer(proposer: &Proposer, blobs: &Blobs, device: &ModelDevice) -> Result<Arc<dyn Policy>, RecipeError> {
    let open = |part: &Proposer| open_proposer(part, blobs, device);
    Ok(match proposer {
        Proposer::Portfolio => policy::portfolio(portfolio::Options::default()),
        Proposer::Lemmas { file } => {
            let path = blobs.path(&file.sha256);
            let packed = std::fs::read(&path).map_err(|source| RecipeError::Read { path: path.clone(), source })?;
            Arc::new(LemmaPolicy::new(Arc::new(unpacked_premises(&path, &packed)?), &file.sha256[..8]))
        }
        Proposer::Model { files, draws } => {
            let folder = blobs.folder_of(files)?;
            Arc::new(LocalPolicy::open(&folder, device.clone(), use_of(draws)?, &mut |_, _| {})?)
        }
        Proposer::Mixture { second_share, .. } if !(0.0..=1.0).contains(second_share) => {
            return Err(RecipeError::Share(*second_share));
        }
        Proposer::Mixture { first, second, second_share } => {
            Composed::mixture(open(first)?, open(second)?, *second_share)
        }
        Proposer::Widening { alone, beside } => Composed::widening(open(alone)?, open(beside)?),
        Proposer::Detail { of } => Composed::detail(open(of)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tiny` with its lemmas beside it, as `--policy tiny` has it.
    fn tiny(blobs: &Blobs) -> Recipe {
        let files = publish(Path::new("tiny"), Role::Policy, blobs).unwrap();
        let lemmas = Proposer::Lemmas { file: files.files["lemmas.jsonl.gz"].clone() };
        let used = PolicyUse { prompt: PromptChoice::Auto, sampling: Sampling::default(), own_temperature: true };
        let beside = Composed::mixture(Proposer::Portfolio, lemmas, 0.5);
        Recipe {
            proposer: Composed::widening(Proposer::Model { files, draws: draws(&used) }, beside),
            scorer: Some(publish(Path::new("tiny"), Role::Critic, blobs).unwrap()),
            ..Recipe::default()
        }
    }

    #[test]
    fn what_one_machine_publishes_another_opens() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let recipe = tiny(&blobs);
        assert!(recipe.files().iter().all(|file| blobs.has(file)));
        let opened = open(&recipe, &blobs, &ModelDevice::cpu(1)).unwrap();
        assert!(opened.critic.is_some());
        // The folder is named by its hash, and what it holds is what ships.
        let shipped = LocalPolicy::open(
            Path::new("tiny"),
            ModelDevice::cpu(1),
            PolicyUse { prompt: PromptChoice::Auto, sampling: Sampling::default(), own_temperature: true },
            &mut |_, _| {},
        );
        let hash = |name: &str| name.rsplit(' ').next().unwrap().to_owned();
        assert_eq!(hash(opened.policy.name()), hash(shipped.unwrap().name()));
    }

    #[test]
    fn a_gguf_file_reaches_others_too() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/gguf/qwen2-mixed.gguf");
        let used = PolicyUse { prompt: PromptChoice::Auto, sampling: Sampling::default(), own_temperature: true };
        let files = publish(&file, Role::Policy, &blobs).unwrap();
        assert_eq!(files.files.keys().collect::<Vec<_>>(), ["qwen2-mixed.gguf"]);
        let recipe = Recipe { proposer: Proposer::Model { files, draws: draws(&used) }, ..Recipe::default() };
        let opened = open(&recipe, &blobs, &ModelDevice::cpu(1)).unwrap();
        let itself = LocalPolicy::open(&file, ModelDevice::cpu(1), used, &mut |_, _| {}).unwrap();
        let hash = |name: &str| name.rsplit(' ').next().unwrap().to_owned();
        assert_eq!(hash(opened.policy.name()), hash(itself.name()));
    }

    #[test]
    fn what_a_recipe_cannot_mean_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let device = ModelDevice::cpu(1);
        let mixed = Composed::mixture(Proposer::Portfolio, Proposer::Portfolio, f64::NAN);
        let recipe = Recipe { proposer: mixed, ..Recipe::default() };
        assert!(matches!(open(&recipe, &blobs, &device), Err(RecipeError::Share(_))));
        let Recipe { proposer: Proposer::Widening { alone, .. }, .. } = tiny(&blobs) else { panic!("another recipe") };
        let Proposer::Model { files, draws } = *alone else { panic!("another policy") };
        let draws = Draws { prompt: Some("morse".to_owned()), ..draws };
        let recipe = Recipe { proposer: Proposer::Model { files, draws }, ..Recipe::default() };
        assert!(matches!(open(&recipe, &blobs, &device), Err(RecipeError::Prompt(_))));
    }
}

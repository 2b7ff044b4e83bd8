//! A model folder as Hugging Face lays it out: the configuration, the tokenizer's files, and weights in one file or in
//! shards. The folder is on disk, or is carried inside the program.
//!
//! Tensors are read at their offsets. The files are not mapped: a mapped page counts against the memory limit of a
//! container just as one that was read, and mapping needs unsafe code.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use stepwise_inference::config::{ConfigError, ModelConfig};
use stepwise_inference::weights::{Dtype, Header, HeaderError, TensorInfo, TensorSource, WeightsError, settle_head};

use crate::blobs::is_file_name;

/// An opened folder: headers are read and checked, tensors are read when they are asked for.
#[derive(Debug)]
pub struct ModelFolder {
    /// The model's shape, from config.json.
    pub config: ModelConfig,
    /// The bytes of tokenizer.json.
    pub tokenizer_json: Option<Vec<u8>>,
    /// The bytes of tokenizer.model, a SentencePiece model.
    pub tokenizer_model: Option<Vec<u8>>,
    /// The bytes of tokenizer_config.json, where the chat template stands.
    pub tokenizer_config: Option<Vec<u8>>,
    /// The bytes of special_tokens_map.json.
    pub special_tokens_map: Option<Vec<u8>>,
    /// The bytes of generation_config.json.
    pub generation_config: Option<Vec<u8>>,
    /// The bytes of stepwise.json, which says what Hugging Face has no file for.
    pub settings: Option<Vec<u8>>,
    /// The bytes of lemmas.jsonl.gz: the library's lemmas that a policy was trained to point at.
    pub lemmas: Option<Vec<u8>>,
    /// Where it is, for messages; its last component is the model's name.
    pub path: PathBuf,
    /// What the user should know about how it is read, in one line.
    pub notice: Option<String>,
    tensors: Vec<TensorInfo>,
    shards: Vec<Shard>,
    /// Index into `shards`.
    shard_of: HashMap<String, usize>,
}

/// The files of a folder that the program carries, by name.
pub type CarriedFiles = &'static [(&'static str, &'static [u8])];

/// One file of weights.
#[derive(Debug)]
struct Shard {
    header: Header,
    bytes: Bytes,
}

/// Where the bytes of weights are.
#[derive(Debug)]
enum Bytes {
    /// On disk. Locked because a read moves the file's position.
    File(Mutex<File>),
    /// In the program.
    Carried(&'static [u8]),
}

/// Why a folder cannot be used, each as one line that names the file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is nothing, or a file.
    #[error("{} is not a folder; name the folder that holds the model's config.json", .0.display())]
    NoFolder(PathBuf),
    /// The folder has no config.json.
    #[error(
        "{} has no config.json; name a folder as Hugging Face publishes models, with config.json and *.safetensors",
        .0.display()
    )]
    NoConfig(PathBuf),
    /// config.json describes no model that can be run.
    #[error("{}: {source}", folder.display())]
    Config { folder: PathBuf, source: ConfigError },
    /// Neither model.safetensors nor an index of shards.
    #[error(
        "{} has no weights; download model.safetensors, or model.safetensors.index.json with its shards, into it",
        .0.display()
    )]
    NoWeights(PathBuf),
    /// The weights are there as PyTorch pickles them, which is a program and not data.
    #[error(
        "{} has its weights only as {pickle}, which can run code when it is read; convert it with `save_pretrained(..., \
         safe_serialization=True)` of Hugging Face's transformers",
        folder.display()
    )]
    OnlyPickle { folder: PathBuf, pickle: &'static str },
    /// model.safetensors.index.json cannot be understood.
    #[error("{} is not an index of shards ({detail}); download it again", path.display())]
    Index { path: PathBuf, detail: String },
    /// A file that the index names is not there.
    #[error("{} is missing, though the index names it; download the model's remaining files", .0.display())]
    MissingShard(PathBuf),
    /// The index says that a shard holds a tensor, and it does not.
    #[error(
        "{} does not hold the tensor `{tensor}`, though the index says so; download the index and its shards again, \
         from one revision",
        shard.display()
    )]
    NotInShard { shard: PathBuf, tensor: String },
    /// A file of weights is something else, or incomplete.
    #[error("{} {source}", path.display())]
    Header { path: PathBuf, source: HeaderError },
    /// A file is there and cannot be read.
    #[error("cannot read {} ({source}); check its permissions", path.display())]
    Read { path: PathBuf, source: io::Error },
}

/// The file of a folder's lemmas.
pub(crate) const LEMMAS: &str = "lemmas.jsonl.gz";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// What a folder may have besides its weights.
const BESIDE_WEIGHTS: [&str; 8] = [
    "config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "stepwise.json",
    LEMMAS,
];

impl ModelFolder {
    /// Reads all of a folder but its tensors. Whether they fit the configuration is for
    /// [`Checkpoint::new`](stepwise_inference::weights::Checkpoint::new) to say.
    ///
    /// # Errors
    /// A file is missing, incomplete or something else than its name says.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        if !folder.is_dir() {
            return Err(FolderError::NoFolder(folder.to_owned()));
        }
        let optional = |name: &str| read_optional(&folder.join(name));
        let mut opened = Self::read(folder, optional)?;
        // As transformers does, one file goes before shards.
        match (folder.join(WEIGHTS).exists(), optional(INDEX)?) {
            (true, _) => opened.add_weights(&folder.join(WEIGHTS), |_| true)?,
            (false, Some(index)) => opened.add_shards(folder, &index)?,
            (false, None) => return Err(no_weights(folder)),
        }
        let mut config = opened.config.clone();
        // What cannot be read is for whoever loads it to tell.
        if settle_head(&mut config, &opened).unwrap_or(false) {
            opened.config = config;
            opened.notice = Some(format!(
                "{}: config.json says `tie_word_embeddings`, but the weights have a head of their own that differs from \
                 the embedding: the head is used",
                folder.display()
            ));
        }
        Ok(opened)
    }

    /// The names of the files in a folder that make its model.
    ///
    /// # Errors
    /// As [`ModelFolder::open`].
    pub fn file_names(folder: &Path) -> Result<Vec<String>, FolderError> {
        // Whatever is wrong with it is said before anybody copies it.
        drop(Self::open(folder)?);
        let is_there = |name: &&str| folder.join(name).exists();
        let mut names: Vec<String> =
            BESIDE_WEIGHTS.iter().filter(|name| is_there(name)).map(|n| (*n).to_owned()).collect();
        match read_optional(&folder.join(INDEX))? {
            Some(index) if !is_there(&WEIGHTS) => {
                let shards: BTreeSet<String> = weight_map(folder, &index)?.into_values().collect();
                names.push(INDEX.to_owned());
                names.extend(shards);
            }
            _ => names.push(WEIGHTS.to_owned()),
        }
        Ok(names)
    }

    /// A folder that the program carries; `name` is the model's.
    ///
    /// # Errors
    /// As [`ModelFolder::open`].
    pub fn carried(name: &str, files: CarriedFiles) -> Result<Self, FolderError> {
        let find = |wanted: &str| files.iter().find(|(name, _)| *name == wanted).map(|(_, bytes)| *bytes);
        let mut opened = Self::read(Path::new(name), |wanted| Ok(find(wanted).map(<[u8]>::to_vec)))?;
        let bytes = find(WEIGHTS).ok_or_else(|| no_weights(Path::new(name)))?;
        opened.add_shard(&Path::new(name).join(WEIGHTS), Bytes::Carried(bytes), bytes.len() as u64, |_| true)?;
        Ok(opened)
    }

    /// All but the weights.
    fn read(
        folder: &Path,
        optional: impl Fn(&str) -> Result<Option<Vec<u8>>, FolderError>,
    ) -> Result<Self, FolderError> {
        let config = optional("config.json")?.ok_or_else(|| FolderError::NoConfig(folder.to_owned()))?;
        let config = ModelConfig::from_json(&String::from_utf8_lossy(&config))
            .map_err(|source| FolderError::Config { folder: folder.to_owned(), source })?;
        Ok(Self {
            config,
            tokenizer_json: optional("tokenizer.json")?,
            tokenizer_model: optional("tokenizer.model")?,
            tokenizer_config: optional("tokenizer_config.json")?,
            special_tokens_map: optional("special_tokens_map.json")?,
            generation_config: optional("generation_config.json")?,
            settings: optional("stepwise.json")?,
            lemmas: optional(LEMMAS)?,
            path: folder.to_owned(),
            notice: None,
            tensors: Vec::new(),
            shards: Vec::new(),
            shard_of: HashMap::new(),
        })
    }

    /// How its weights are stored: the type of its first tensor.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.tensors.first().map_or(Dtype::F32, |tensor| tensor.dtype)
    }

    /// Adds the shards that the index names, and checks that they hold what it says.
    fn add_shards(&mut self, folder: &Path, index: &[u8]) -> Result<(), FolderError> {
        let weight_map = weight_map(folder, index)?;
        let mut tensors_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tensor, shard) in &weight_map {
            tensors_of.entry(shard).or_default().push(tensor);
        }
        // All names before any file: whoever downloads should hear of the first missing one at once.
        for shard in tensors_of.keys() {
            if !folder.join(shard).exists() {
                return Err(FolderError::MissingShard(folder.join(shard)));
            }
        }
        for (shard, tensors) in tensors_of {
            let path = folder.join(shard);
            self.add_weights(&path, |tensor| weight_map.get(tensor).is_some_and(|of| of == shard))?;
            if let Some(tensor) = tensors.into_iter().find(|tensor| !self.shard_of.contains_key(*tensor)) {
                return Err(FolderError::NotInShard { shard: path, tensor: tensor.to_owned() });
            }
        }
        Ok(())
    }

    /// Adds those tensors of a file that are to be taken from it.
    fn add_weights(&mut self, path: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), FolderError> {
        let unreadable = |source| FolderError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        self.add_shard(path, Bytes::File(Mutex::new(file)), n_bytes, is_wanted)
    }

    fn add_shard(
        &mut self,
        path: &Path,
        bytes: Bytes,
        n_bytes: u64,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), FolderError> {
        let header = Header::read(n_bytes, |offset, out| bytes.read_at(offset, out))
            .map_err(|source| FolderError::Header { path: path.to_owned(), source })?;
        for tensor in header.tensors().iter().filter(|tensor| is_wanted(&tensor.name)) {
            self.shard_of.insert(tensor.name.clone(), self.shards.len());
            self.tensors.push(tensor.clone());
        }
        self.shards.push(Shard { header, bytes });
        Ok(())
    }
}

impl TensorSource for ModelFolder {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        let &shard_idx = self.shard_of.get(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        let Shard { header, bytes } = &self.shards[shard_idx];
        header.read_range(name, first, out, |offset, out| bytes.read_at(offset, out))
    }
}

impl Bytes {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => {
                let mut file = file.lock();
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(out)
            }
            Self::Carried(bytes) => {
                let from = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let from = from.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                out.copy_from_slice(from);
                Ok(())
            }
        }
    }
}

/// The file of every tensor, as an index of shards has it.
fn weight_map(folder: &Path, index: &[u8]) -> Result<BTreeMap<String, String>, FolderError> {
    /// What counts in it.
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let broken = |detail| FolderError::Index { path: folder.join(INDEX), detail };
    let Index { weight_map } = serde_json::from_slice(index).map_err(|error| broken(error.to_string()))?;
    // A downloaded index must not reach out of its folder.
    match weight_map.values().find(|shard| !is_file_name(shard)) {
        Some(shard) => Err(broken(format!("the shard {shard:?} is not a file name"))),
        None => Ok(weight_map),
    }
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Read { path: path.to_owned(), source }),
    }
}

fn no_weights(folder: &Path) -> FolderError {
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
    match pickles.into_iter().find(|name| folder.join(name).exists()) {
        Some(pickle) => FolderError::OnlyPickle { folder: folder.to_owned(), pickle },
        None => FolderError::NoWeights(folder.to_owned()),
    }
}

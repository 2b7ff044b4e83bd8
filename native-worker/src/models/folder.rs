//! A model folder as Hugging Face lays it out: the configuration, the tokenizer's files, and weights in one file or in
//! shards. The folder is on disk, or is carried inside the program. A GGUF file is opened as the folder that it was made
//! from.
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
use stepwise_inference::tokenizer::GgufTokenizer;
use stepwise_inference::weights::{
    BlockType, Dtype, Gguf, GgufError, Header, HeaderError, MetadataError, Naming, TensorInfo, TensorSource,
    WeightsError, settle_head,
};

use crate::blobs::is_file_name;

/// An opened folder: headers are read and checked, tensors are read when they are asked for.
#[derive(Debug)]
pub struct ModelFolder {
    /// The model's shape, from config.json or a GGUF file's metadata.
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
    naming: Naming,
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
    header: AnyHeader,
    bytes: Bytes,
}

/// What a file of weights holds and where.
#[derive(Debug)]
enum AnyHeader {
    Safetensors(Header),
    Gguf(Box<Gguf>),
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
    /// There is nothing, or a file of another kind.
    #[error("{} is neither a folder nor a GGUF file; name the folder that holds the model's config.json", .0.display())]
    NoFolder(PathBuf),
    /// A folder with the same model in several sizes.
    #[error("{} has several GGUF files; name one of them", .0.display())]
    SeveralGguf(PathBuf),
    /// A GGUF file is something else, or incomplete.
    #[error("{} {source}", path.display())]
    Gguf { path: PathBuf, source: GgufError },
    /// A GGUF file holds no model that can be run.
    #[error("{} {source}", path.display())]
    Metadata { path: PathBuf, source: MetadataError },
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

/// What a folder may have besides a GGUF file, which has all else in it.
const BESIDE_GGUF: [&str; 2] = ["stepwise.json", LEMMAS];

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
    /// Reads all of a folder but its tensors, or of a GGUF file, which may be the only one of a folder without config.json. Whether they fit the configuration is for
    /// [`Checkpoint::new`](stepwise_inference::weights::Checkpoint::new) to say.
    ///
    /// # Errors
    /// A file is missing, incomplete or something else than its name says.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        if let Some(file) = gguf_file(folder)? {
            return Self::open_gguf(folder, &file);
        }
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

    /// The files that make a model, by the names that they have in a folder.
    ///
    /// # Errors
    /// As [`ModelFolder::open`].
    pub fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, FolderError> {
        // Whatever is wrong with it is said before anybody copies it.
        drop(Self::open(folder)?);
        let gguf = gguf_file(folder)?;
        let beside = if gguf.is_some() { &BESIDE_GGUF[..] } else { &BESIDE_WEIGHTS[..] };
        let in_folder = |name: &str| (name.to_owned(), folder.join(name));
        let mut files: Vec<_> = beside.iter().map(|name| in_folder(name)).filter(|(_, path)| path.exists()).collect();
        match (gguf, read_optional(&folder.join(INDEX))) {
            (Some(file), _) => {
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                files.push((name, file));
            }
            (None, Ok(Some(index))) if !folder.join(WEIGHTS).exists() => {
                let shards: BTreeSet<String> = weight_map(folder, &index)?.into_values().collect();
                files.push(in_folder(INDEX));
                files.extend(shards.iter().map(|shard| in_folder(shard)));
            }
            (None, index) => {
                index?;
                files.push(in_folder(WEIGHTS));
            }
        }
        Ok(files)
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
            naming: Naming::HuggingFace,
            tensors: Vec::new(),
            shards: Vec::new(),
            shard_of: HashMap::new(),
        })
    }

    /// Reads all of a GGUF file but its tensors. What a folder has for stepwise alone stands beside the file.
    fn open_gguf(path: &Path, file: &Path) -> Result<Self, FolderError> {
        let (bytes, n_bytes) = Bytes::of_file(file)?;
        let header = Gguf::read(n_bytes, |offset, out| bytes.read_at(offset, out))
            .map_err(|source| FolderError::Gguf { path: file.to_owned(), source })?;
        let wrong = |source| FolderError::Metadata { path: file.to_owned(), source };
        let config = ModelConfig::from_gguf(&header).map_err(wrong)?;
        let GgufTokenizer { tokenizer_json, tokenizer_model, tokenizer_config } =
            GgufTokenizer::of(header.metadata()).map_err(wrong)?;
        let beside = |name: &str| if path == file { Ok(None) } else { read_optional(&path.join(name)) };
        let tensors = header.tensors().to_vec();
        Ok(Self {
            config,
            tokenizer_json,
            tokenizer_model,
            tokenizer_config,
            special_tokens_map: None,
            generation_config: None,
            settings: beside("stepwise.json")?,
            lemmas: beside(LEMMAS)?,
            path: path.to_owned(),
            notice: None,
            naming: Naming::Gguf,
            shard_of: tensors.iter().map(|tensor| (tensor.name.clone(), 0)).collect(),
            tensors,
            shards: vec![Shard { header: AnyHeader::Gguf(Box::new(header)), bytes }],
        })
    }

    /// Whether it is a GGUF file.
    #[must_use]
    pub fn is_gguf(&self) -> bool {
        self.naming == Naming::Gguf
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
        let (bytes, n_bytes) = Bytes::of_file(path)?;
        self.add_shard(path, bytes, n_bytes, is_wanted)
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
        self.shards.push(Shard { header: AnyHeader::Safetensors(header), bytes });
        Ok(())
    }

    /// The file of weights that a tensor is in.
    fn shard(&self, tensor: &str) -> Result<&Shard, WeightsError> {
        let shard_idx = self.shard_of.get(tensor).ok_or_else(|| WeightsError::Missing { name: tensor.to_owned() })?;
        Ok(&self.shards[*shard_idx])
    }
}

impl TensorSource for ModelFolder {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn naming(&self) -> Naming {
        self.naming
    }

    fn block_type(&self, name: &str) -> Option<BlockType> {
        match &self.shard(name).ok()?.header {
            AnyHeader::Safetensors(_) => None,
            AnyHeader::Gguf(header) => header.block_type(name),
        }
    }

    fn read_blocks(&self, name: &str, first: usize, out: &mut [u8]) -> Result<(), WeightsError> {
        let Shard { header, bytes } = self.shard(name)?;
        match header {
            AnyHeader::Safetensors(_) => Err(WeightsError::Missing { name: name.to_owned() }),
            AnyHeader::Gguf(header) => {
                header.read_blocks(name, first, out, &mut |offset, out| bytes.read_at(offset, out))
            }
        }
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        let Shard { header, bytes } = self.shard(name)?;
        let read_at = |offset: u64, out: &mut [u8]| bytes.read_at(offset, out);
        match header {
            AnyHeader::Safetensors(header) => header.read_range(name, first, out, read_at),
            AnyHeader::Gguf(header) => header.read_range(name, first, out, read_at),
        }
    }
}

impl Bytes {
    /// A file on disk, and its length.
    fn of_file(path: &Path) -> Result<(Self, u64), FolderError> {
        let unreadable = |source| FolderError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        Ok((Self::File(Mutex::new(file)), n_bytes))
    }

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

/// The GGUF file that is meant by a path: itself, or the only one in a folder without config.json.
fn gguf_file(path: &Path) -> Result<Option<PathBuf>, FolderError> {
    let is_named = |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    if path.is_file() {
        let mut beginning = [0; 4];
        let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok();
        return Ok((is_named(path) || is_read && Gguf::is_gguf(&beginning)).then(|| path.to_owned()));
    }
    if !path.is_dir() || path.join("config.json").exists() {
        return Ok(None);
    }
    let unreadable = |source| FolderError::Read { path: path.to_owned(), source };
    let mut found = None;
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_named(&file) && found.replace(file).is_some() {
            return Err(FolderError::SeveralGguf(path.to_owned()));
        }
    }
    Ok(found)
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

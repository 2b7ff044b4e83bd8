//! The GGUF format of llama.cpp: one file with a model's configuration and tokenizer as metadata, and its tensors, most of
//! them quantised in blocks.
//!
//! Versions 2 and 3, little-endian, after `docs/gguf.md` of <https://github.com/ggml-org/ggml>. The header is checked
//! once: names are different, tensors lie in the file and do not overlap.

mod blocks;
mod metadata;
mod packing;
#[cfg(test)]
pub(crate) mod reference;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::io;

pub use self::blocks::BlockType;
use self::metadata::Cursor;
pub(crate) use self::metadata::excerpt;
pub use self::metadata::{Metadata, MetadataError, Value};
use super::{Dtype, Naming, TensorInfo, TensorSource, WeightsError, copy};

/// What a GGUF file holds and where.
#[derive(Clone, Debug)]
pub struct Gguf {
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    places: HashMap<String, Place>,
}

/// Where a tensor lies, and how.
#[derive(Clone, Copy, Debug)]
struct Place {
    block_type: BlockType,
    n_elements: usize,
    /// The file's offset of the first byte.
    start: u64,
    n_bytes: u64,
}

/// Why a file is no GGUF file that can be used, said of its path.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// Cloned without git-lfs, so that a small text file stands for the large one.
    #[error("is a git-lfs pointer, not the weights; run `git lfs pull` in its folder")]
    GitLfsPointer,
    /// Another format, or a damaged header.
    #[error("is not a GGUF file ({0}); download it again")]
    NotGguf(String),
    /// A version of the format that is not read.
    #[error("is a GGUF file of version {0}, but only 2 and 3 are read; convert the model with a llama.cpp of today")]
    Version(u32),
    /// The file ends too early.
    #[error("holds {actual} bytes, but its header asks for {expected}; download it again")]
    Length {
        /// What the header describes, or at least that part of it.
        expected: u64,
        actual: u64,
    },
    /// A way to store numbers that is not known here.
    #[error("has the tensor {name} as {found}, which is not read; take a file with {known}", known = BlockType::names())]
    Type {
        /// The tensor, in quotes and shortened.
        name: String,
        /// The type's name, or its number.
        found: String,
    },
    /// The file cannot be read.
    #[error("cannot be read ({0}); check the disk and the file's permissions")]
    Read(#[from] io::Error),
}

/// Bytes that the tensors' places are multiples of, unless `general.alignment` says otherwise.
const ALIGNMENT: u64 = 32;

/// Bytes of blocks that are read at once: little beside a model, much beside a system call.
const CHUNK: usize = 1 << 20;

/// The most dimensions that a tensor has in ggml.
const MAX_DIMENSIONS: u32 = 4;

impl Gguf {
    /// Whether a file that begins with these bytes is one, or pretends to be.
    #[must_use]
    pub fn is_gguf(beginning: &[u8]) -> bool {
        beginning.starts_with(b"GGUF")
    }

    /// Reads the header of a file of `n_bytes` through `read_at`, which fills a buffer from an offset on. Takes memory for
    /// what the header holds, and for nothing that it only claims to hold.
    ///
    /// # Errors
    /// The file is something else, not all of it is there, or it has tensors of a type that is not read.
    pub fn read(n_bytes: u64, read_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(n_bytes, read_at);
        match &cursor.array::<4>()? {
            b"GGUF" => {}
            b"vers" => return Err(GgufError::GitLfsPointer),
            _ => return Err(GgufError::NotGguf("it does not begin as one".to_owned())),
        }
        let version = cursor.u32()?;
        if !matches!(version, 2 | 3) {
            return Err(GgufError::Version(version));
        }
        let (n_tensors, n_values) = (cursor.u64()?, cursor.u64()?);
        let metadata = Metadata::read(&mut cursor, n_values)?;
        let alignment = match metadata.get("general.alignment") {
            None => ALIGNMENT,
            Some(value) => value
                .size()
                .map(|alignment| alignment as u64)
                .filter(|alignment| alignment.is_power_of_two() && *alignment <= 1 << 20)
                .ok_or_else(|| GgufError::NotGguf("its `general.alignment` is no power of two".to_owned()))?,
        };
        let mut tensors = Vec::new();
        let mut places = HashMap::new();
        for _ in 0..n_tensors {
            let (tensor, place) = tensor(&mut cursor, alignment)?;
            if places.insert(tensor.name.clone(), place).is_some() {
                return Err(GgufError::NotGguf(format!("it has two tensors {}", excerpt(&tensor.name))));
            }
            tensors.push(tensor);
        }
        let data_start = cursor.position().next_multiple_of(alignment);
        places.values_mut().for_each(|place| place.start = place.start.saturating_add(data_start));
        check_places(&places, n_bytes)?;
        Ok(Self { metadata, tensors, places })
    }

    /// What the file says besides its tensors.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its tensors, in the file's order. Those that are stored in blocks are told as F32, which they are read as.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// How a tensor is stored.
    #[must_use]
    pub fn block_type(&self, name: &str) -> Option<BlockType> {
        self.places.get(name).map(|place| place.block_type)
    }

    /// Reads whole blocks of a tensor as they are stored, from the block number `first` on, until `out` is full.
    ///
    /// # Errors
    /// There is no such tensor, or it cannot be read.
    ///
    /// # Panics
    /// When `out` is no whole number of blocks, or reaches past the tensor's end.
    pub fn read_blocks(
        &self,
        name: &str,
        first: usize,
        out: &mut [u8],
        read_at: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
    ) -> Result<(), WeightsError> {
        let place = self.place(name)?;
        let block_bytes = place.block_type.n_bytes();
        let offset = (first * block_bytes) as u64;
        assert!(out.len().is_multiple_of(block_bytes), "no whole blocks of {name}");
        assert!(offset + out.len() as u64 <= place.n_bytes, "read past the end of {name}");
        read_at(place.start + offset, out).map_err(|source| WeightsError::Read { name: name.to_owned(), source })
    }

    /// [`TensorSource::read_range`] for a file that is read through `read_at`: blocks are dequantised as they come.
    ///
    /// # Errors
    /// There is no such tensor, or it cannot be read.
    ///
    /// # Panics
    /// When `out` reaches past the tensor's end.
    pub fn read_range(
        &self,
        name: &str,
        first: usize,
        out: &mut [f32],
        mut read_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
    ) -> Result<(), WeightsError> {
        let Place { block_type, n_elements, .. } = self.place(name)?;
        assert!(first + out.len() <= n_elements, "read past the end of {name}");
        let (block_len, block_bytes) = (block_type.n_elements(), block_type.n_bytes());
        let mut bytes = Vec::new();
        let mut edge = Vec::new();
        let (mut at, mut rest) = (first, out);
        while !rest.is_empty() {
            let skipped = at % block_len;
            // A range may begin and end inside of a block, of which the rest is thrown away.
            let is_edge = skipped > 0 || rest.len() < block_len;
            let n_blocks = if is_edge { 1 } else { (rest.len() / block_len).min((CHUNK / block_bytes).max(1)) };
            bytes.resize(n_blocks * block_bytes, 0);
            self.read_blocks(name, at / block_len, &mut bytes, &mut read_at)?;
            let n_wanted = if is_edge { (block_len - skipped).min(rest.len()) } else { n_blocks * block_len };
            let (wanted, more) = rest.split_at_mut(n_wanted);
            if is_edge {
                edge.resize(block_len, 0.0);
                block_type.dequantise(&bytes, &mut edge);
                wanted.copy_from_slice(&edge[skipped..][..n_wanted]);
            } else {
                block_type.dequantise(&bytes, wanted);
            }
            (at, rest) = (at + n_wanted, more);
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<Place, WeightsError> {
        self.places.get(name).copied().ok_or_else(|| WeightsError::Missing { name: name.to_owned() })
    }
}

/// Reads one entry of the list of tensors; its place is counted from where the tensors begin.
fn tensor(
    cursor: &mut Cursor<impl FnMut(u64, &mut [u8]) -> io::Result<()>>,
    alignment: u64,
) -> Result<(TensorInfo, Place), GgufError> {
    let name = cursor.text()?;
    let broken = |what: &str| GgufError::NotGguf(format!("its tensor {} {what}", excerpt(&name)));
    let n_dimensions = cursor.u32()?;
    if n_dimensions > MAX_DIMENSIONS {
        return Err(broken("has too many dimensions"));
    }
    let mut shape = Vec::new();
    for _ in 0..n_dimensions {
        shape.push(usize::try_from(cursor.u64()?).map_err(|_| broken("is larger than any memory"))?);
    }
    // The file has the innermost dimension first.
    shape.reverse();
    let id = cursor.u32()?;
    let Some(block_type) = BlockType::from_id(id) else {
        return Err(GgufError::Type { name: excerpt(&name), found: blocks::name_of(id) });
    };
    let start = cursor.u64()?;
    let block_len = block_type.n_elements();
    let n_elements = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
    let n_elements = n_elements.filter(|n| isize::try_from(*n).is_ok());
    let n_elements = n_elements.ok_or_else(|| broken("is larger than any memory"))?;
    if !shape.last().copied().unwrap_or(1).is_multiple_of(block_len) {
        return Err(broken("has rows that are no whole number of blocks"));
    }
    let n_bytes = (n_elements / block_len).checked_mul(block_type.n_bytes());
    let n_bytes = n_bytes.ok_or_else(|| broken("is larger than any memory"))? as u64;
    if !start.is_multiple_of(alignment) {
        return Err(broken("does not lie where the alignment has it"));
    }
    let dtype = match block_type {
        BlockType::F16 => Dtype::F16,
        BlockType::Bf16 => Dtype::BF16,
        _ => Dtype::F32,
    };
    Ok((TensorInfo { name, shape, dtype }, Place { block_type, n_elements, start, n_bytes }))
}

/// Checks that all tensors are in the file and that none lies in another.
fn check_places(places: &HashMap<String, Place>, n_bytes: u64) -> Result<(), GgufError> {
    let end = |place: &Place| place.start.saturating_add(place.n_bytes);
    if let Some(expected) = places.values().map(end).max().filter(|expected| *expected > n_bytes) {
        return Err(GgufError::Length { expected, actual: n_bytes });
    }
    let mut in_order: Vec<(&String, &Place)> = places.iter().filter(|(_, place)| place.n_bytes > 0).collect();
    in_order.sort_unstable_by_key(|(_, place)| place.start);
    match in_order.windows(2).find(|pair| end(pair[0].1) > pair[1].1.start) {
        Some(pair) => {
            Err(GgufError::NotGguf(format!("its tensors {} and {} overlap", excerpt(pair[0].0), excerpt(pair[1].0))))
        }
        None => Ok(()),
    }
}

/// A GGUF file in memory.
pub struct GgufBytes<'a> {
    file: Gguf,
    bytes: &'a [u8],
}

impl<'a> GgufBytes<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`Gguf::read`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, GgufError> {
        let file = Gguf::read(bytes.len() as u64, |offset, out| copy(bytes, offset, out))?;
        Ok(Self { file, bytes })
    }

    /// Its header.
    #[must_use]
    pub fn file(&self) -> &Gguf {
        &self.file
    }
}

impl TensorSource for GgufBytes<'_> {
    fn tensors(&self) -> &[TensorInfo] {
        self.file.tensors()
    }

    fn naming(&self) -> Naming {
        Naming::Gguf
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        self.file.read_range(name, first, out, |offset, out| copy(self.bytes, offset, out))
    }

    fn block_type(&self, name: &str) -> Option<BlockType> {
        self.file.block_type(name)
    }

    fn read_blocks(&self, name: &str, first: usize, out: &mut [u8]) -> Result<(), WeightsError> {
        self.file.read_blocks(name, first, out, &mut |offset, out| copy(self.bytes, offset, out))
    }
}

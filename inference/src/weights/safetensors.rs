//! The safetensors format: a JSON header that says where each tensor lies, then the tensors' bytes.

use std::collections::HashMap;
use std::io;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use safetensors::tensor::Metadata;

use super::{Dtype, TensorInfo, TensorSource, WeightsError, copy};

/// What a safetensors file holds and where.
///
/// Offsets are checked once: no tensor overlaps another, and all end where the file ends.
#[derive(Clone, Debug)]
pub struct Header {
    tensors: Vec<TensorInfo>,
    /// Index into `tensors`, and the file's offset of the first byte.
    places: HashMap<String, (usize, u64)>,
}

/// Why a file's header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Cloned without git-lfs, so that small text files stand for the large ones.
    #[error("is a git-lfs pointer, not the weights; run `git lfs pull` in the model's folder")]
    GitLfsPointer,
    /// Another format, or a damaged header.
    #[error("is not a safetensors file ({detail}); download it again")]
    NotSafetensors { detail: String },
    /// The file ends too early or too late.
    #[error("holds {actual} bytes, but its header asks for {expected}; download it again")]
    Length {
        /// What the header describes, or at least the header itself.
        expected: u64,
        actual: u64,
    },
    /// The file cannot be read.
    #[error("cannot be read ({0}); check the disk and the file's permissions")]
    Read(#[from] io::Error),
}

/// The limit of the safetensors crate.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// How many halves are read at once, a megabyte: little beside a model, much beside a system call.
const N_HALVES: usize = 1 << 19;

impl Header {
    /// Reads the header of a file of `n_bytes` through `read_at`, which fills a buffer from an offset on.
    ///
    /// # Errors
    /// The file is something else, or not all of it is there.
    pub fn read(n_bytes: u64, mut read_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> Result<Self, HeaderError> {
        const LENGTH_BYTES: u64 = 8;
        let broken = |detail: String| HeaderError::NotSafetensors { detail };
        if n_bytes < LENGTH_BYTES {
            return Err(broken(format!("it has only {n_bytes} bytes")));
        }
        let mut first = [0; LENGTH_BYTES as usize];
        read_at(0, &mut first)?;
        if first == *b"version " {
            return Err(HeaderError::GitLfsPointer);
        }
        let header_bytes = u64::from_le_bytes(first);
        if header_bytes > MAX_HEADER_BYTES {
            return Err(broken("its first bytes do not give a header's length".to_owned()));
        }
        let data_start = LENGTH_BYTES + header_bytes;
        if data_start > n_bytes {
            return Err(HeaderError::Length { expected: data_start, actual: n_bytes });
        }
        let mut json = vec![0; header_bytes as usize];
        read_at(LENGTH_BYTES, &mut json)?;
        // Reading checks that the tensors lie end to end and that each is as long as its shape and type ask for.
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
        let expected = data_start.saturating_add(metadata.data_len() as u64);
        if expected != n_bytes {
            return Err(HeaderError::Length { expected, actual: n_bytes });
        }
        let (mut tensors, mut places) = (Vec::new(), HashMap::new());
        for (name, info) in metadata.tensors() {
            places.insert(name.clone(), (tensors.len(), data_start + info.data_offsets.0 as u64));
            tensors.push(TensorInfo { name, shape: info.shape.clone(), dtype: info.dtype });
        }
        Ok(Self { tensors, places })
    }

    /// The tensors of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// [`TensorSource::read_range`] for a file that is read through `read_at`.
    ///
    /// # Errors
    /// There is no such tensor, it is of another type, or it cannot be read.
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
        let &(tensor_idx, start) =
            self.places.get(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        let TensorInfo { shape, dtype, .. } = &self.tensors[tensor_idx];
        assert!(first + out.len() <= shape.iter().product(), "read past the end of {name}");
        let read = match dtype {
            // The format is little-endian, as every machine that this runs on.
            Dtype::F32 => read_at(start + 4 * first as u64, bytemuck::cast_slice_mut(out)),
            Dtype::F16 | Dtype::BF16 => {
                let mut halves = vec![0_u16; out.len().min(N_HALVES)];
                out.chunks_mut(N_HALVES).enumerate().try_for_each(|(chunk_idx, out)| {
                    let halves = &mut halves[..out.len()];
                    let offset = start + 2 * (first + chunk_idx * N_HALVES) as u64;
                    read_at(offset, bytemuck::cast_slice_mut(halves))?;
                    match dtype {
                        Dtype::F16 => halves.reinterpret_cast::<f16>().convert_to_f32_slice(out),
                        _ => halves.reinterpret_cast::<bf16>().convert_to_f32_slice(out),
                    }
                    Ok(())
                })
            }
            &dtype => return Err(WeightsError::Dtype { name: name.to_owned(), dtype }),
        };
        read.map_err(|source| WeightsError::Read { name: name.to_owned(), source })
    }
}

/// A safetensors file in memory, as a page has it.
pub struct SafetensorsBytes<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> SafetensorsBytes<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// The bytes are something else, or not all of them are there.
    pub fn new(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let header = Header::read(bytes.len() as u64, |offset, out| copy(bytes, offset, out))?;
        Ok(Self { header, bytes })
    }
}

impl TensorSource for SafetensorsBytes<'_> {
    fn tensors(&self) -> &[TensorInfo] {
        self.header.tensors()
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        self.header.read_range(name, first, out, |offset, out| copy(self.bytes, offset, out))
    }
}

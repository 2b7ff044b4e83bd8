//! A checkpoint's matrices in the formats that networks run with, packed while they are read: a strip of numbers at a
//! time, so that loading takes no memory beside what is loaded. Norms and biases stay f32.

use stepwise_shaders::weights::{BLOCK, Format, FormatError, MatrixShape, Packed, Packer};

use super::layout::{Linear, Part, Run};
use super::{BlockWeights, Checkpoint, HeadWeights, Matrix, WeightsError};
use crate::config::Head;

/// Numbers that are read at once, a megabyte of f32: little beside a model, much beside a system call. A multiple of
/// every type's block.
const STRIP: usize = 1 << 18;

/// A matrix in the format that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// f32.
    Dense(Matrix),
    /// Any other.
    Packed(Packed),
}

impl Stored {
    /// Its size in memory.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        match self {
            Self::Dense(matrix) => size_of_val(&matrix.data[..]) as u64,
            Self::Packed(packed) => packed.shape.n_bytes(packed.format),
        }
    }
}

impl Checkpoint<'_> {
    /// Looks whether the format can store all matrices of the model, whatever they hold.
    ///
    /// # Errors
    /// The rows of one of them are no whole number of blocks.
    pub fn check_format(&self, format: Format) -> Result<(), WeightsError> {
        if format == Format::F32 {
            return Ok(());
        }
        let uneven = self.linears().into_iter().find(|linear| !linear.n_in.is_multiple_of(BLOCK));
        match uneven {
            Some(Linear { n_in: n_columns, parts, .. }) => {
                let name = parts.first().map(Part::weight).unwrap_or_default();
                Err(WeightsError::Columns { name, format, n_columns })
            }
            None => Ok(()),
        }
    }

    /// The size of all that this gives out with its matrices in the format.
    pub fn n_bytes_in(&self, format: Format) -> u64 {
        if format == Format::F32 {
            return self.n_bytes();
        }
        let sizes = |linear: &Linear| {
            let shape = shape_of(linear);
            let n_elements = u64::from(shape.n_rows) * u64::from(shape.n_columns);
            (size_of::<f32>() as u64 * n_elements, shape.n_bytes(format))
        };
        // What is not packed, norms and biases, is what the matrices leave of the whole.
        self.linears().iter().map(sizes).fold(self.n_bytes(), |all, (dense, packed)| all - dense + packed)
    }

    /// [`Checkpoint::embedding`] in a format.
    ///
    /// # Errors
    /// It cannot be read, holds a NaN or an infinity, or does not go into the format; so do the others.
    pub fn embedding_in(&self, format: Format) -> Result<Stored, WeightsError> {
        self.stored(&self.layout.embedding_rows(), format)
    }

    /// [`Checkpoint::block`] with its matrices in a format.
    ///
    /// # Errors
    /// As [`Checkpoint::embedding_in`].
    pub fn block_in(&self, block_idx: usize, format: Format) -> Result<BlockWeights<Stored>, WeightsError> {
        self.block_of(block_idx, |linear| self.stored(linear, format))
    }

    /// [`Checkpoint::head`] with its matrix in a format; that of a reward model, a single row, stays f32.
    ///
    /// # Errors
    /// As [`Checkpoint::embedding_in`].
    pub fn head_in(&self, format: Format) -> Result<HeadWeights<Stored>, WeightsError> {
        let Some(head) = self.layout.head() else { return Ok(HeadWeights::Tied) };
        Ok(match self.layout.config.head {
            Head::LanguageModel => HeadWeights::LanguageModel(self.stored(&head, format)?),
            Head::Reward { .. } => HeadWeights::Reward(self.matrix(&head)?.data),
        })
    }

    /// Every matrix that is packed.
    fn linears(&self) -> Vec<Linear> {
        let blocks = (0..self.layout.config.n_layers).flat_map(|block_idx| {
            let block = self.layout.block(block_idx);
            [block.wqkv, block.wo, block.gate_up, block.down]
        });
        let is_packed = self.layout.config.head == Head::LanguageModel;
        let head = self.layout.head().filter(|_| is_packed);
        std::iter::once(self.layout.embedding_rows()).chain(blocks).chain(head).collect()
    }

    fn stored(&self, linear: &Linear, format: Format) -> Result<Stored, WeightsError> {
        match format {
            Format::F32 => self.matrix(linear).map(Stored::Dense),
            _ => self.packed(linear, format).map(Stored::Packed),
        }
    }

    fn packed(&self, linear: &Linear, format: Format) -> Result<Packed, WeightsError> {
        let names: Vec<String> = linear.parts.iter().map(Part::weight).collect();
        let of_first = |error| of_tensor(names.first().map_or("", String::as_str), error);
        let mut packer = Packer::new(format, shape_of(linear)).map_err(of_first)?;
        let runs =
            linear.parts.iter().zip(&names).flat_map(|(part, name)| part.runs.iter().map(move |run| (name, run)));
        let mut runs: Vec<(&String, &Run)> = runs.collect();
        runs.sort_unstable_by_key(|(_, run)| run.ours);
        for (name, run) in runs {
            let end = (run.stored + run.len) * linear.n_in;
            for first in (run.stored * linear.n_in..end).step_by(STRIP) {
                self.pack(name, first, STRIP.min(end - first), &mut packer)?;
            }
        }
        packer.finish().map_err(of_first)
    }

    /// Appends the `n` elements of a tensor from `first` on, whole blocks of them.
    fn pack(&self, name: &str, first: usize, n: usize, packer: &mut Packer) -> Result<(), WeightsError> {
        let block_type = self.source.block_type(name).filter(|block_type| block_type.is_packed_as(packer.format()));
        let packed = match block_type {
            Some(block_type) => {
                let mut blocks = vec![0; n / block_type.n_elements() * block_type.n_bytes()];
                self.source.read_blocks(name, first / block_type.n_elements(), &mut blocks)?;
                block_type.pack(&blocks, packer)
            }
            None => {
                let mut values = vec![0.0; n];
                self.source.read_range(name, first, &mut values)?;
                packer.push(&values)
            }
        };
        packed.map_err(|error| of_tensor(name, error))
    }
}

/// The sides of the matrix that a linear layer has.
fn shape_of(linear: &Linear) -> MatrixShape {
    // A configuration's sizes are far below 2^32.
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    MatrixShape { n_rows: side(linear.n_out()), n_columns: side(linear.n_in) }
}

/// What is wrong with a tensor.
fn of_tensor(name: &str, error: FormatError) -> WeightsError {
    let name = name.to_owned();
    match error {
        FormatError::NotFinite { value, .. } => WeightsError::NotFinite { name, value },
        FormatError::TooLarge { format, value, .. } => WeightsError::TooLargeFor { name, format, value },
        FormatError::Columns { format, n_columns, .. } => {
            WeightsError::Columns { name, format, n_columns: n_columns as usize }
        }
        FormatError::Empty { n_rows, n_columns, .. } => {
            WeightsError::Shape { name, expected: vec![n_rows as usize, n_columns as usize], found: vec![] }
        }
        FormatError::Length { n_rows, n_columns, given, .. } => {
            WeightsError::Shape { name, expected: vec![n_rows as usize, n_columns as usize], found: vec![given] }
        }
    }
}

#[cfg(test)]
mod tests;

//! Matrices of weights as kernels read them: in f32, in f16, and in blocks of eight or four bits.
//!
//! A matrix is `[n_rows, n_columns]`, row-major, and its columns are a multiple of [`BLOCK`]. It lies in two buffers of
//! `u32`: quants, which a kernel reads 16 bytes at a time, and scales, which f32 and f16 do not have. The README beside
//! this file has the layout of each.

mod device;
mod pack;
mod packer;
#[cfg(test)]
mod tests;

pub(crate) use self::device::shard_rows;
pub use self::device::{DeviceWeights, Shard, Synthetic};
pub use self::pack::Packed;
pub use self::packer::Packer;

/// Weights of a row that share a scale.
pub const BLOCK: usize = 32;

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// As they are: 32 bits a weight.
    F32,
    /// Rounded to half precision: 16 bits.
    F16,
    /// An integer of 8 bits, and a scale in f16 for each block: 8.5 bits.
    D8,
    /// An integer of 4 bits, and a scale and a minimum in f16 for each block: 5 bits.
    D4,
}

/// The sides of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatrixShape {
    /// Outputs.
    pub n_rows: u32,
    /// Inputs; a multiple of [`BLOCK`].
    pub n_columns: u32,
}

/// Why values cannot be stored in a format.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// A block would reach over the end of a row.
    #[error(
        "{format} weights of [{n_rows}, {n_columns}]: the columns must be a multiple of 32; keep this matrix in f32"
    )]
    Columns { format: Format, n_rows: u32, n_columns: u32 },
    /// The matrix has no entry.
    #[error("{format} weights of [{n_rows}, {n_columns}]: neither side may be 0")]
    Empty { format: Format, n_rows: u32, n_columns: u32 },
    /// The data is not what the shape says.
    #[error("{format} weights of [{n_rows}, {n_columns}]: the shape has {expected} entries, the data {given}")]
    Length {
        format: Format,
        n_rows: u32,
        n_columns: u32,
        /// Entries that the shape has.
        expected: usize,
        /// Entries that the data has.
        given: usize,
    },
    /// NaN or infinite: the file is broken, and what a model would say with it is worth nothing.
    #[error("the weight at [{row}, {column}] is {value}; the file is broken, fetch it again")]
    NotFinite {
        row: usize,
        column: usize,
        /// The weight.
        value: f32,
    },
    /// Beyond what the format's half-precision numbers hold.
    #[error("the weight at [{row}, {column}] is {value}, which {format} cannot hold; keep this matrix in f32")]
    TooLarge { format: Format, row: usize, column: usize, value: f32 },
}

impl Format {
    /// All of them, the largest first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::D8, Self::D4];

    /// What it is called in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::D8 => "D8",
            Self::D4 => "D4",
        }
    }

    /// What reads it in a kernel: `load(quad)` reads 16 bytes of quants with their scale, and `part(quad, idx)` makes
    /// four weights of them; a quad has `N_PARTS` such parts.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::F32 => include_str!("f32.wgsl"),
            Self::F16 => include_str!("f16.wgsl"),
            Self::D8 => include_str!("d8.wgsl"),
            Self::D4 => include_str!("d4.wgsl"),
        }
    }

    /// Words of quants of one block.
    const fn quant_words(self) -> usize {
        match self {
            Self::F32 => BLOCK,
            Self::F16 => BLOCK / 2,
            Self::D8 => BLOCK / 4,
            Self::D4 => BLOCK / 8,
        }
    }

    /// Half-precision numbers that belong to one block.
    const fn n_halves(self) -> usize {
        match self {
            Self::F32 | Self::F16 => 0,
            Self::D8 => 1,
            Self::D4 => 2,
        }
    }

    /// Words of the scales of so many blocks; the last may be half full.
    const fn scale_words(self, n_blocks: usize) -> usize {
        (n_blocks * self.n_halves()).div_ceil(2)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl MatrixShape {
    /// Refuses what has no whole blocks.
    ///
    /// # Errors
    /// When a side is 0, or the columns are no multiple of [`BLOCK`].
    pub fn check(self, format: Format) -> Result<(), FormatError> {
        let Self { n_rows, n_columns } = self;
        if n_rows == 0 || n_columns == 0 {
            return Err(FormatError::Empty { format, n_rows, n_columns });
        }
        if !(n_columns as usize).is_multiple_of(BLOCK) {
            return Err(FormatError::Columns { format, n_rows, n_columns });
        }
        Ok(())
    }

    /// Blocks of a row.
    #[must_use]
    pub const fn n_blocks(self) -> usize {
        self.n_columns as usize / BLOCK
    }

    /// Bytes of quants and scales together.
    #[must_use]
    pub const fn n_bytes(self, format: Format) -> u64 {
        let n_blocks = self.n_rows as usize * self.n_blocks();
        (n_blocks * (4 * format.quant_words() + 2 * format.n_halves())) as u64
    }
}

//! Weights in a GPU's memory: in shards of rows, because a binding holds no more than 128 MiB by default.

use std::ops::Range;

use wgpu::{Buffer, BufferUsages};

use super::pack::{half_of, unpack_block};
use super::{BLOCK, Format, MatrixShape, Packed};
use crate::fill::{self, Fill, Pattern};
use crate::gpu::{Gpu, GpuError};

const OP: &str = "weights";

/// A matrix on a device.
#[derive(Clone, Debug)]
pub struct DeviceWeights {
    pub format: Format,
    pub shape: MatrixShape,
    /// The first half of the rows are gates and the other what they multiply: each shard has some of the former and as
    /// many of the latter behind them.
    pub are_gated: bool,
    /// Its rows in order.
    pub shards: Vec<Shard>,
}

/// Some rows of a matrix on a device.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its first row, or its first gate.
    pub first_row: u32,
    /// Its rows, or its gates.
    pub n_rows: u32,
    pub(crate) quants: Buffer,
    /// `None` for a format that has none.
    pub(crate) scales: Option<Buffer>,
}

impl DeviceWeights {
    /// Uploads a matrix.
    ///
    /// # Errors
    /// When the device has not that much memory left.
    pub async fn upload(gpu: &Gpu, packed: &Packed) -> Result<Self, GpuError> {
        Self::allocate(gpu, packed.format, packed.shape, false).await.map(|weights| weights.filled(gpu, packed))
    }

    /// Uploads a matrix whose first half are gates and whose other half is what they multiply: an even number of each.
    ///
    /// # Errors
    /// When the device has not that much memory left.
    ///
    /// # Panics
    /// When the rows are no multiple of four.
    pub async fn upload_gated(gpu: &Gpu, packed: &Packed) -> Result<Self, GpuError> {
        assert!(packed.shape.n_rows.is_multiple_of(4), "gates and what they multiply are an even number each");
        Self::allocate(gpu, packed.format, packed.shape, true).await.map(|weights| weights.filled(gpu, packed))
    }

    fn filled(self, gpu: &Gpu, packed: &Packed) -> Self {
        for shard in &self.shards {
            let (mut quants_at, mut scales_at) = (0, 0);
            for first_row in self.first_rows(shard) {
                let (quants, scales) = shard.words(self.format, self.shape, first_row);
                let (n_quants, n_scales) = (4 * quants.len() as u64, 4 * scales.len() as u64);
                gpu.queue.write_buffer(&shard.quants, quants_at, bytemuck::cast_slice(&packed.quants[quants]));
                if let Some(buffer) = &shard.scales {
                    gpu.queue.write_buffer(buffer, scales_at, bytemuck::cast_slice(&packed.scales[scales]));
                }
                quants_at += n_quants;
                scales_at += n_scales;
            }
        }
        self
    }

    /// Where in the matrix the rows of a shard begin: once, or for gates and for what they multiply.
    fn first_rows(&self, shard: &Shard) -> impl Iterator<Item = u32> + use<> {
        let up = self.are_gated.then_some(self.n_outputs() + shard.first_row);
        std::iter::once(shard.first_row).chain(up)
    }

    /// Outputs of a product with the matrix.
    #[must_use]
    pub const fn n_outputs(&self) -> u32 {
        if self.are_gated { self.shape.n_rows / 2 } else { self.shape.n_rows }
    }

    /// Room for a matrix; what it holds is not defined.
    async fn allocate(gpu: &Gpu, format: Format, shape: MatrixShape, are_gated: bool) -> Result<Self, GpuError> {
        let n_halves = if are_gated { 2 } else { 1 };
        let make = || {
            let shards = shard_rows(format, shape, are_gated, &gpu.device.limits()).map(|(first_row, n_rows)| {
                let n_blocks = (n_halves * n_rows) as usize * shape.n_blocks();
                let buffer = |label, n_words: usize| gpu.storage(label, 4 * n_words as u64, BufferUsages::COPY_DST);
                let scales = (format.n_halves() > 0).then(|| buffer("scales", format.scale_words(n_blocks)));
                Shard { first_row, n_rows, quants: buffer("quants", n_blocks * format.quant_words()), scales }
            });
            shards.collect()
        };
        let shards = gpu.allocate(OP, shape.n_bytes(format), make).await?;
        Ok(Self { format, shape, are_gated, shards })
    }
}

impl Shard {
    /// The words of as many rows as it has from `first_row` on, among those of the whole matrix: quants and scales.
    fn words(&self, format: Format, shape: MatrixShape, first_row: u32) -> (Range<usize>, Range<usize>) {
        let first = first_row as usize * shape.n_blocks();
        let end = first + self.n_rows as usize * shape.n_blocks();
        // A shard begins with an even row, so that its scales begin with a whole word.
        (first * format.quant_words()..end * format.quant_words(), format.scale_words(first)..format.scale_words(end))
    }
}

/// The first row and the number of rows of each shard of a matrix, or of its gates.
pub(crate) fn shard_rows(
    format: Format,
    shape: MatrixShape,
    are_gated: bool,
    limits: &wgpu::Limits,
) -> impl Iterator<Item = (u32, u32)> + use<> {
    let n_halves = if are_gated { 2 } else { 1 };
    let at_once = (rows_at_once(format, shape, limits) / n_halves / 2 * 2).max(2);
    let n_outputs = shape.n_rows / n_halves;
    (0..n_outputs).step_by(at_once as usize).map(move |first_row| (first_row, at_once.min(n_outputs - first_row)))
}

/// Rows of a shard: as many as a binding holds, and an even number.
fn rows_at_once(format: Format, shape: MatrixShape, limits: &wgpu::Limits) -> u32 {
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    // Quants are the larger part in every format.
    let row = (4 * shape.n_blocks() * format.quant_words()) as u64;
    let rows = u32::try_from(most / row).unwrap_or(u32::MAX);
    (rows / 2 * 2).max(2)
}

/// A matrix that a seed decides: made on the device, and row by row on the CPU, with the same bits.
///
/// Weights are about a hundredth, as those of trained models are, and no two rows are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthetic {
    pub format: Format,
    pub shape: MatrixShape,
    pub seed: u32,
}

impl Synthetic {
    /// Makes the matrix on a device.
    ///
    /// # Errors
    /// When the device has not that much memory left, or fails.
    pub async fn make(self, gpu: &Gpu, fill: &Fill) -> Result<DeviceWeights, GpuError> {
        let weights = DeviceWeights::allocate(gpu, self.format, self.shape, false).await?;
        self.fill(gpu, fill, weights).await
    }

    /// Makes such a matrix on a device as gates and what they multiply. Its words are the seed's, in the order in which
    /// shards hold them, so that [`Synthetic::row`] does not tell its rows.
    ///
    /// # Errors
    /// When the device has not that much memory left, or fails.
    pub async fn make_gated(self, gpu: &Gpu, fill: &Fill) -> Result<DeviceWeights, GpuError> {
        let weights = DeviceWeights::allocate(gpu, self.format, self.shape, true).await?;
        self.fill(gpu, fill, weights).await
    }

    async fn fill(self, gpu: &Gpu, fill: &Fill, weights: DeviceWeights) -> Result<DeviceWeights, GpuError> {
        let mut steps = Vec::new();
        for shard in &weights.shards {
            let (quants, scales) = shard.words(self.format, self.shape, shard.first_row);
            steps.push(fill.step(gpu, &shard.quants, self.seed, quants.start as u32, self.format.quant_pattern()));
            if let Some(buffer) = &shard.scales {
                let seed = self.scale_seed();
                steps.push(fill.step(gpu, buffer, seed, scales.start as u32, self.format.scale_pattern()));
            }
        }
        gpu.run(&steps);
        gpu.finish(fill::OP).await?;
        Ok(weights)
    }

    /// A row of the matrix, on the CPU.
    #[must_use]
    pub fn row(self, row: u32) -> Vec<f32> {
        let n_blocks = self.shape.n_blocks();
        let (n_words, n_halves) = (self.format.quant_words(), self.format.n_halves());
        let first = row as usize * n_blocks;
        let block = |block: usize| {
            let quant = |idx: usize| fill::word(self.seed, (block * n_words + idx) as u32, self.format.quant_pattern());
            let half = |idx: usize| {
                let at = block * n_halves + idx;
                let word = fill::word(self.scale_seed(), (at / 2) as u32, self.format.scale_pattern());
                half_of(&[word], at % 2)
            };
            let halves = [0, 1].map(|idx| if idx < n_halves { half(idx) } else { 0.0 });
            let mut words = [0; BLOCK];
            for (idx, word) in words[..n_words].iter_mut().enumerate() {
                *word = quant(idx);
            }
            unpack_block(self.format, &words, halves)
        };
        (first..first + n_blocks).flat_map(block).collect()
    }

    fn scale_seed(self) -> u32 {
        !self.seed
    }
}

impl Format {
    /// Quants whose weights have either sign and about the size of trained ones.
    const fn quant_pattern(self) -> Pattern {
        match self {
            // The exponent stands: 2^-7 to 2^-6.
            Self::F32 => Pattern { keep: 0x807f_ffff, set: 0x3c00_0000 },
            Self::F16 => Pattern { keep: 0x83ff_83ff, set: 0x2000_2000 },
            Self::D8 | Self::D4 => Pattern { keep: u32::MAX, set: 0 },
        }
    }

    /// Scales that bring weights of any quants to that size.
    const fn scale_pattern(self) -> Pattern {
        match self {
            // Two scales from 2^-13 to 2^-12.
            Self::F32 | Self::F16 | Self::D8 => Pattern { keep: 0x03ff_03ff, set: 0x0800_0800 },
            // A scale from 2^-10 to 2^-9, and a minimum from -2^-6 to -2^-7.
            Self::D4 => Pattern { keep: 0x03ff_03ff, set: 0xa000_1400 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_hold_what_a_binding_holds_and_begin_with_even_rows() {
        let limits = wgpu::Limits::default();
        let rows = |format, n_rows, n_columns| rows_at_once(format, MatrixShape { n_rows, n_columns }, &limits);
        // InternLM2-7B's head: 92,544 rows of 4,096.
        assert_eq!(rows(Format::F32, 92_544, 4096), 8192);
        assert_eq!(rows(Format::D8, 92_544, 4096), 32_768);
        assert_eq!(rows(Format::D4, 92_544, 4096), 65_536);
        assert_eq!(rows(Format::F32, 100, 96) % 2, 0);
    }
}

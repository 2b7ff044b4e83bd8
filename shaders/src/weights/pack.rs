//! From f32 to the formats and back, on the CPU.

use half::f16;

use super::packer::Packer;
use super::{BLOCK, Format, FormatError, MatrixShape};

/// The lowest positive half that is not subnormal: WGSL lets a GPU read subnormal ones as 0.
const SMALLEST: f32 = 6.103_515_6e-5;

/// A matrix in a format, as it lies in a GPU's buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub format: Format,
    pub shape: MatrixShape,
    /// Quants of all blocks, row by row.
    pub quants: Vec<u32>,
    /// Scales of all blocks, two halves in a word; none in f32 and f16.
    pub scales: Vec<u32>,
}

impl Packed {
    /// Stores row-major `values`.
    ///
    /// - f32: the bits as they are.
    /// - f16: the nearest half, ties to even.
    /// - D8: `w ≈ scale * q` with `q` from -127 to 127. The scale is the smallest normal half that is not below
    ///   `max |w| / 127`, so that no `q` is cut off, and `q` is the integer next to `w / scale`; so a weight is at most
    ///   half a scale from what it becomes. A block of zeros has scale 0.
    /// - D4: `w ≈ minimum + scale * q` with `q` from 0 to 15. The minimum is the greatest half that is neither
    ///   subnormal nor above the least weight, the scale the smallest normal half that is not below
    ///   `(max w - minimum) / 15`, or 0 where that is 0; so a weight is at most half a scale from what it becomes.
    ///
    /// Subnormal halves are avoided because a GPU may read them as 0; what that costs is below 2^-15 a weight.
    ///
    /// # Errors
    /// When the columns are no multiple of 32, the data is not of that shape, or a weight is NaN, infinite or beyond
    /// the format.
    pub fn new(format: Format, shape: MatrixShape, values: &[f32]) -> Result<Self, FormatError> {
        let mut packer = Packer::new(format, shape)?;
        let MatrixShape { n_rows, n_columns } = shape;
        let expected = n_rows as usize * n_columns as usize;
        if values.len() != expected {
            return Err(FormatError::Length { format, n_rows, n_columns, expected, given: values.len() });
        }
        packer.push(values)?;
        packer.finish()
    }

    /// One row of the weights that the format holds, which is what kernels compute with.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: u32) -> Vec<f32> {
        let n_blocks = self.shape.n_blocks();
        let first = row as usize * n_blocks;
        (first..first + n_blocks).flat_map(|block| self.block(block)).collect()
    }

    /// All weights that the format holds, row-major.
    #[must_use]
    pub fn unpack(&self) -> Vec<f32> {
        (0..self.shape.n_rows).flat_map(|row| self.row(row)).collect()
    }

    fn block(&self, block: usize) -> [f32; BLOCK] {
        let n_words = self.format.quant_words();
        let n_halves = self.format.n_halves();
        let halves = [0, 1].map(|idx| if idx < n_halves { half_of(&self.scales, block * n_halves + idx) } else { 0.0 });
        unpack_block(self.format, &self.quants[block * n_words..][..n_words], halves)
    }
}

/// Appends the quants of one block and returns its scale and its minimum, 0 where the format has none; `None` when one of
/// them is beyond a half, and then nothing is appended.
pub(super) fn add_block(format: Format, block: &[f32; BLOCK], quants: &mut Vec<u32>) -> Option<[f16; 2]> {
    match format {
        Format::F32 => {
            quants.extend(block.map(f32::to_bits));
            Some([f16::ZERO; 2])
        }
        Format::F16 => {
            let rounded = block.map(f16::from_f32);
            if rounded.iter().any(|half| half.is_infinite()) {
                return None;
            }
            quants.extend(rounded.chunks_exact(2).map(|pair| pair_of(pair[0], pair[1])));
            Some([f16::ZERO; 2])
        }
        Format::D8 => {
            let scale = scale_for(block.iter().fold(0.0, |most: f32, w| most.max(w.abs())), 127.0)?;
            let step = step_of(scale);
            let bytes = block.map(|w| nearest(w / step));
            quants.extend(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
            Some([scale, f16::ZERO])
        }
        Format::D4 => {
            let least = block.iter().fold(f32::INFINITY, |least, w| least.min(*w));
            let most = block.iter().fold(f32::NEG_INFINITY, |most, w| most.max(*w));
            let minimum = minimum_for(least)?;
            let scale = scale_for(most - f32::from(minimum), 15.0)?;
            let (from, step) = (f32::from(minimum), step_of(scale));
            let nibbles = block.map(|w| nearest((w - from) / step));
            let both: [u8; BLOCK / 2] = std::array::from_fn(|idx| nibbles[idx] | nibbles[BLOCK / 2 + idx] << 4);
            quants.extend(both.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
            Some([scale, minimum])
        }
    }
}

/// What a block's weights are divided by; where the scale is 0, they are all the same.
fn step_of(scale: f16) -> f32 {
    if scale == f16::ZERO { 1.0 } else { f32::from(scale) }
}

/// The integer next to a number from -128 to 255, ties to even, as a byte. The library's own rounding is called one by one.
fn nearest(x: f32) -> u8 {
    /// Added to a small number, it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND).to_bits() as u8
}

/// Whether every GPU reads this half as it is: subnormal ones may be read as 0.
pub(super) fn is_exact(half: f16) -> bool {
    half.is_normal() || half == f16::ZERO
}

/// The weights of one block; `halves` are its scale and its minimum, where the format has them.
pub(super) fn unpack_block(format: Format, words: &[u32], [scale, minimum]: [f32; 2]) -> [f32; BLOCK] {
    let byte = |idx: usize| words[idx / 4].to_le_bytes()[idx % 4];
    std::array::from_fn(|idx| match format {
        Format::F32 => f32::from_bits(words[idx]),
        Format::F16 => half_of(words, idx),
        Format::D8 => f32::from(byte(idx) as i8) * scale,
        Format::D4 => f32::from(byte(idx % 16) >> (idx / 16 * 4) & 15) * scale + minimum,
    })
}

/// The half number `idx` of words that hold two each.
pub(super) fn half_of(words: &[u32], idx: usize) -> f32 {
    f16::from_bits((words[idx / 2] >> (idx % 2 * 16)) as u16).to_f32()
}

fn pair_of(low: f16, high: f16) -> u32 {
    u32::from(low.to_bits()) | u32::from(high.to_bits()) << 16
}

/// The smallest normal half that, taken `steps` times, reaches over `range`; 0 for no range.
fn scale_for(range: f32, steps: f32) -> Option<f16> {
    if range == 0.0 {
        return Some(f16::ZERO);
    }
    let exact = (range / steps).max(SMALLEST);
    let nearest = f16::from_f32(exact);
    let above = if nearest.to_f32() < exact { f16::from_bits(nearest.to_bits() + 1) } else { nearest };
    above.is_finite().then_some(above)
}

/// The greatest half that is neither subnormal nor above `least`.
fn minimum_for(least: f32) -> Option<f16> {
    let nearest = f16::from_f32(least);
    let below = match (nearest.to_f32() > least, least < 0.0) {
        (false, _) => nearest,
        // Away from zero is up in the bits of a negative half, and down in those of a positive one.
        (true, true) => f16::from_bits(nearest.to_bits().max(f16::NEG_ZERO.to_bits()) + 1),
        (true, false) => f16::from_bits(nearest.to_bits() - 1),
    };
    let normal = match below.to_f32() {
        value if value.abs() >= SMALLEST || value == 0.0 => below,
        value if value < 0.0 => f16::from_f32(-SMALLEST),
        _ => f16::ZERO,
    };
    normal.is_finite().then_some(normal)
}

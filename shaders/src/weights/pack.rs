//! From f32 to the formats and back, on the CPU.

use half::f16;

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
        shape.check(format)?;
        let MatrixShape { n_rows, n_columns } = shape;
        let expected = n_rows as usize * n_columns as usize;
        if values.len() != expected {
            return Err(FormatError::Length { format, n_rows, n_columns, expected, given: values.len() });
        }
        let place = |idx: usize| (idx / n_columns as usize, idx % n_columns as usize);
        if let Some(idx) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = place(idx);
            return Err(FormatError::NotFinite { row, column, value: values[idx] });
        }
        let n_blocks = expected / BLOCK;
        let mut quants = Vec::with_capacity(n_blocks * format.quant_words());
        let mut halves = Vec::with_capacity(n_blocks * format.n_halves());
        for (block_idx, block) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
            pack_block(format, block, &mut quants, &mut halves).ok_or_else(|| {
                let largest = (0..BLOCK).max_by(|a, b| block[*a].abs().total_cmp(&block[*b].abs())).unwrap_or(0);
                let (row, column) = place(block_idx * BLOCK + largest);
                FormatError::TooLarge { format, row, column, value: block[largest] }
            })?;
        }
        let scales = halves.chunks(2).map(|pair| pair_of(pair[0], pair.get(1).copied().unwrap_or(f16::ZERO))).collect();
        Ok(Self { format, shape, quants, scales })
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

/// Appends one block; `None` when its scale or its minimum is beyond a half.
fn pack_block(format: Format, block: &[f32; BLOCK], quants: &mut Vec<u32>, halves: &mut Vec<f16>) -> Option<()> {
    match format {
        Format::F32 => quants.extend(block.map(f32::to_bits)),
        Format::F16 => {
            let rounded = block.map(f16::from_f32);
            if rounded.iter().any(|half| half.is_infinite()) {
                return None;
            }
            quants.extend(rounded.chunks_exact(2).map(|pair| pair_of(pair[0], pair[1])));
        }
        Format::D8 => {
            let scale = scale_for(block.iter().fold(0.0, |most: f32, w| most.max(w.abs())), 127.0)?;
            let quant = |w: f32| if w == 0.0 { 0 } else { (w / f32::from(scale)).round_ties_even() as i8 };
            quants.extend(
                block.chunks_exact(4).map(|four| u32::from_le_bytes([0, 1, 2, 3].map(|i| quant(four[i]) as u8))),
            );
            halves.push(scale);
        }
        Format::D4 => {
            let (least, most) =
                block.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, m), w| (l.min(*w), m.max(*w)));
            let minimum = minimum_for(least)?;
            let scale = scale_for(most - f32::from(minimum), 15.0)?;
            let above = |w: f32| w - f32::from(minimum);
            let quant =
                |w: f32| if above(w) == 0.0 { 0 } else { (above(w) / f32::from(scale)).round_ties_even() as u8 };
            for first in (0..BLOCK / 2).step_by(4) {
                let both = |idx: usize| quant(block[first + idx]) | quant(block[BLOCK / 2 + first + idx]) << 4;
                quants.push(u32::from_le_bytes([0, 1, 2, 3].map(both)));
            }
            halves.extend([scale, minimum]);
        }
    }
    Some(())
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

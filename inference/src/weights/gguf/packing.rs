//! ggml's blocks as blocks of the formats that networks run with: without going by f32 where nothing is lost by that.
//!
//! Q8_0, Q4_0 and Q5_0 are blocks of D8, and Q4_0 and Q4_1 blocks of D4, number for number, unless scales are subnormal.
//! Those of Q4_K have scale and minimum rounded to a half, 2^-11 of them at most. All others are stored anew from their
//! f32.

use half::f16;
use stepwise_shaders::weights::{BLOCK, Format, FormatError, Packer};

use super::BlockType;
use super::blocks::{fifth_bits, five_bits, scale_and_minimum};

impl BlockType {
    /// Whether its blocks are, but for rounding of scales, blocks of the format.
    pub(in crate::weights) fn is_packed_as(self, format: Format) -> bool {
        matches!(
            (self, format),
            (Self::Q8_0 | Self::Q4_0 | Self::Q5_0, Format::D8) | (Self::Q4_0 | Self::Q4_1 | Self::Q4K, Format::D4)
        )
    }

    /// Appends whole blocks to a matrix of a format that they are blocks of. A block whose scales the format does not have
    /// is stored anew from its f32.
    ///
    /// # Errors
    /// A weight is NaN, infinite or beyond the format, or there is no room for so many.
    pub(in crate::weights) fn pack(self, blocks: &[u8], packer: &mut Packer) -> Result<(), FormatError> {
        let mut numbers = vec![0.0; self.n_elements()];
        for block in blocks.chunks_exact(self.n_bytes()) {
            if self == Self::Q4K {
                pack_q4_k(block, &mut numbers, packer)?;
            } else if !self.push(block, packer)? {
                self.dequantise(block, &mut numbers);
                packer.push(&numbers)?;
            }
        }
        Ok(())
    }

    /// Appends one block of 32 as it is; false when the format has no such block.
    fn push(self, block: &[u8], packer: &mut Packer) -> Result<bool, FormatError> {
        let scale = half(block, 0);
        match (self, packer.format()) {
            (Self::Q8_0, Format::D8) => packer.push_d8(scale, std::array::from_fn(|idx| block[2 + idx] as i8)),
            (Self::Q4_0, Format::D8) => {
                let nibble = |idx: usize| block[2 + idx % 16] >> (idx / 16 * 4) & 15;
                packer.push_d8(scale, std::array::from_fn(|idx| nibble(idx) as i8 - 8))
            }
            (Self::Q5_0, Format::D8) => {
                let fifth = fifth_bits(block, 2);
                packer.push_d8(scale, std::array::from_fn(|idx| five_bits(&block[6..], fifth, idx) as i8 - 16))
            }
            // Eight times a half is a half, unless it is too large.
            (Self::Q4_0, Format::D4) => {
                let minimum = f16::from_f32(-8.0 * scale.to_f32());
                packer.push_d4(scale, minimum, std::array::from_fn(|idx| block[2 + idx]))
            }
            (Self::Q4_1, Format::D4) => {
                packer.push_d4(scale, normal(half(block, 2)), std::array::from_fn(|idx| block[4 + idx]))
            }
            _ => Ok(false),
        }
    }
}

/// Appends the 8 blocks of 32 of a block of `Q4K`; `numbers` has room for all of it.
fn pack_q4_k(block: &[u8], numbers: &mut [f32], packer: &mut Packer) -> Result<(), FormatError> {
    let (d, m) = (half(block, 0).to_f32(), half(block, 2).to_f32());
    for idx in 0..8 {
        let (scale, minimum) = scale_and_minimum(&block[4..16], idx);
        let (scale, minimum) = (f16::from_f32(d * scale), normal(f16::from_f32(-(m * minimum))));
        let bytes = &block[16 + 32 * (idx / 2)..][..BLOCK];
        let nibble = |at: usize| bytes[at] >> (4 * (idx % 2)) & 15;
        let nibbles = std::array::from_fn(|at| nibble(at) | nibble(at + BLOCK / 2) << 4);
        if !packer.push_d4(scale, minimum, nibbles)? {
            BlockType::Q4K.dequantise(block, numbers);
            packer.push(&numbers[idx * BLOCK..][..BLOCK])?;
        }
    }
    Ok(())
}

/// The half itself, or, where it is subnormal, 0 or the smallest normal one, whichever is nearer: what is lost is 2^-15 of 1
/// at most, and storing a whole block anew would lose more.
fn normal(half: f16) -> f16 {
    if half.is_normal() || !half.is_finite() {
        half
    } else if half.to_f32().abs() < f16::MIN_POSITIVE.to_f32() / 2.0 {
        f16::ZERO
    } else {
        f16::MIN_POSITIVE.copysign(half)
    }
}

/// The f16 at this byte.
fn half(block: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([block[at], block[at + 1]])
}

//! How ggml stores numbers: each type's blocks, and the f32 that they stand for, bit for bit as ggml has them.
//!
//! Layouts after `ggml-common.h` and `ggml-quants.c` of <https://github.com/ggml-org/llama.cpp> (MIT). Numbers are
//! little-endian; `d` is a block's scale and `m` its minimum, both f16.

use half::{bf16, f16};

/// A type of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    F32,
    F16,
    Bf16,
    /// 32 nibbles less 8, by `d`.
    Q4_0,
    /// 32 nibbles by `d`, plus `m`.
    Q4_1,
    /// 32 numbers of 5 bits less 16, by `d`.
    Q5_0,
    /// 32 numbers of 5 bits by `d`, plus `m`.
    Q5_1,
    /// 32 int8 by `d`.
    Q8_0,
    /// 8 times 32 nibbles, each 32 with scale and minimum of 6 bits, by `d` and `m`.
    Q4K,
    /// 8 times 32 numbers of 5 bits, scaled as those of `Q4K`.
    Q5K,
    /// 16 times 16 numbers of 6 bits less 32, each 16 with an int8 scale, by `d`.
    Q6K,
}

/// Each type's number and name in ggml, the elements of a block, and its bytes.
pub(super) const TYPES: [(BlockType, u32, &str, usize, usize); 11] = [
    (BlockType::F32, 0, "F32", 1, 4),
    (BlockType::F16, 1, "F16", 1, 2),
    (BlockType::Bf16, 30, "BF16", 1, 2),
    (BlockType::Q8_0, 8, "Q8_0", 32, 34),
    (BlockType::Q6K, 14, "Q6_K", 256, 210),
    (BlockType::Q5K, 13, "Q5_K", 256, 176),
    (BlockType::Q4K, 12, "Q4_K", 256, 144),
    (BlockType::Q5_1, 7, "Q5_1", 32, 24),
    (BlockType::Q5_0, 6, "Q5_0", 32, 22),
    (BlockType::Q4_1, 3, "Q4_1", 32, 20),
    (BlockType::Q4_0, 2, "Q4_0", 32, 18),
];

/// The types of ggml that are not read, so that they can be called by name.
const OTHERS: [(u32, &str); 21] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
];

/// What a type is called that is not read.
pub(super) fn name_of(id: u32) -> String {
    OTHERS.iter().find(|other| other.0 == id).map_or_else(|| format!("type number {id}"), |other| other.1.to_owned())
}

impl BlockType {
    /// The type of ggml's number.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        TYPES.iter().find(|known| known.1 == id).map(|known| known.0)
    }

    /// Elements that a block stands for.
    #[must_use]
    pub fn n_elements(self) -> usize {
        self.row().3
    }

    /// Bytes of a block.
    #[must_use]
    pub fn n_bytes(self) -> usize {
        self.row().4
    }

    /// All types that are read, by name.
    pub(super) fn names() -> String {
        TYPES.map(|known| known.2).join(", ")
    }

    fn row(self) -> (Self, u32, &'static str, usize, usize) {
        // Every variant is in the table, which a test checks.
        TYPES.into_iter().find(|known| known.0 == self).unwrap_or(TYPES[0])
    }

    /// Turns whole blocks into the numbers that they stand for.
    ///
    /// # Panics
    /// When `out` has not exactly the elements of these blocks.
    pub fn dequantise(self, blocks: &[u8], out: &mut [f32]) {
        assert_eq!(blocks.len() / self.n_bytes() * self.n_elements(), out.len(), "other blocks than numbers");
        let pairs = blocks.chunks_exact(self.n_bytes()).zip(out.chunks_exact_mut(self.n_elements()));
        match self {
            Self::F32 => pairs.for_each(|(b, out)| out[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            Self::F16 => pairs.for_each(|(b, out)| out[0] = half(b, 0)),
            Self::Bf16 => pairs.for_each(|(b, out)| out[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32()),
            Self::Q4_0 => pairs.for_each(|(b, out)| q4_0(b, out)),
            Self::Q4_1 => pairs.for_each(|(b, out)| q4_1(b, out)),
            Self::Q5_0 => pairs.for_each(|(b, out)| q5_0(b, out)),
            Self::Q5_1 => pairs.for_each(|(b, out)| q5_1(b, out)),
            Self::Q8_0 => pairs.for_each(|(b, out)| q8_0(b, out)),
            Self::Q4K => pairs.for_each(|(b, out)| q4_k(b, out)),
            Self::Q5K => pairs.for_each(|(b, out)| q5_k(b, out)),
            Self::Q6K => pairs.for_each(|(b, out)| q6_k(b, out)),
        }
    }
}

/// The f16 at this byte.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// `d`, then 16 bytes: the low nibbles are the first half, the high ones the second.
fn q4_0(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    let (low, high) = out.split_at_mut(16);
    for ((byte, low), high) in block[2..].iter().zip(low).zip(high) {
        *low = d * f32::from((byte & 15) as i8 - 8);
        *high = d * f32::from((byte >> 4) as i8 - 8);
    }
}

/// `d`, `m`, then the nibbles of `q4_0`.
fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    let (low, high) = out.split_at_mut(16);
    for ((byte, low), high) in block[4..].iter().zip(low).zip(high) {
        *low = d * f32::from(byte & 15) + m;
        *high = d * f32::from(byte >> 4) + m;
    }
}

/// The fifth bits of 32 numbers, element by element.
pub(super) fn fifth_bits(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// The number `idx` of 32 in the nibbles of `q4_0`, with its fifth bit.
pub(super) fn five_bits(nibbles: &[u8], fifth: u32, idx: usize) -> u8 {
    let byte = nibbles[idx % 16];
    let nibble = if idx < 16 { byte & 15 } else { byte >> 4 };
    nibble | ((fifth >> idx & 1) as u8) << 4
}

/// `d`, 4 bytes of fifth bits, then the nibbles of `q4_0`.
fn q5_0(block: &[u8], out: &mut [f32]) {
    let (d, fifth) = (half(block, 0), fifth_bits(block, 2));
    for (idx, out) in out.iter_mut().enumerate() {
        *out = d * f32::from(five_bits(&block[6..], fifth, idx) as i8 - 16);
    }
}

/// `d`, `m`, 4 bytes of fifth bits, then the nibbles of `q4_0`.
fn q5_1(block: &[u8], out: &mut [f32]) {
    let (d, m, fifth) = (half(block, 0), half(block, 2), fifth_bits(block, 4));
    for (idx, out) in out.iter_mut().enumerate() {
        *out = d * f32::from(five_bits(&block[8..], fifth, idx)) + m;
    }
}

/// `d`, then 32 int8.
fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    for (byte, out) in block[2..].iter().zip(out) {
        *out = f32::from(*byte as i8) * d;
    }
}

/// The scale and the minimum of the 32 numbers `idx` of 8, 6 bits each, from 12 bytes: of the first four they are the low
/// bits of bytes 0 to 3 and 4 to 7, of the others nibbles of bytes 8 to 11 with the two bits that those leave.
pub(super) fn scale_and_minimum(packed: &[u8], idx: usize) -> (f32, f32) {
    let (scale, minimum) = match idx {
        0..4 => (packed[idx] & 63, packed[idx + 4] & 63),
        _ => (packed[idx + 4] & 15 | (packed[idx - 4] >> 6) << 4, packed[idx + 4] >> 4 | (packed[idx] >> 6) << 4),
    };
    (f32::from(scale), f32::from(minimum))
}

/// `d`, `m`, 12 bytes of scales and minima, then 4 times 32 bytes: their low nibbles are 32 numbers, their high ones the
/// next 32.
fn q4_k(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for (idx, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], idx);
        let (scale, minimum) = (d * scale, m * minimum);
        let shift = 4 * (idx % 2);
        for (byte, out) in block[16 + 32 * (idx / 2)..].iter().zip(out) {
            *out = scale * f32::from(byte >> shift & 15) - minimum;
        }
    }
}

/// As `q4_k`, with 32 bytes of fifth bits before the nibbles: bit `idx` of byte `i` belongs to number `i` of the 32
/// numbers `idx`.
fn q5_k(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    let fifth = &block[16..48];
    for (idx, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], idx);
        let (scale, minimum) = (d * scale, m * minimum);
        let shift = 4 * (idx % 2);
        for ((byte, fifth), out) in block[48 + 32 * (idx / 2)..].iter().zip(fifth).zip(out) {
            *out = scale * f32::from(byte >> shift & 15 | (fifth >> idx & 1) << 4) - minimum;
        }
    }
}

/// 128 bytes of nibbles, 64 of the two bits above them, 16 int8 scales, `d`. Each half of the block takes 64 bytes of
/// nibbles, the low ones first, and 32 bytes with two bits for each of its four 32 numbers.
fn q6_k(block: &[u8], out: &mut [f32]) {
    let (nibbles, upper, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half(block, 208);
    for (idx, out) in out.chunks_exact_mut(32).enumerate() {
        let (part, of_part) = (idx / 4, idx % 4);
        let nibbles = &nibbles[64 * part + 32 * (of_part % 2)..][..32];
        let upper = &upper[32 * part..][..32];
        for (at, out) in out.iter_mut().enumerate() {
            let number = nibbles[at] >> (4 * (of_part / 2)) & 15 | (upper[at] >> (2 * of_part) & 3) << 4;
            let scale = d * f32::from(scales[2 * idx + at / 16] as i8);
            *out = scale * f32::from(number as i8 - 32);
        }
    }
}

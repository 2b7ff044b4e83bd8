//! Packed weights as f32: block by block, and as panels, parts of some rows that are small enough for the first cache.
//!
//! The functions are written so that the compiler computes several elements at once, with whatever the function that they
//! are inlined into was compiled for.

use std::ops::Range;

use bytemuck::Pod;
use stepwise_shaders::weights::{BLOCK, Format, Packed};

/// Inputs that a panel has of each row, and that are worked on at once elsewhere.
pub(super) const DEPTH: usize = 512;

/// Blocks of so many inputs.
pub(super) const BLOCKS: usize = DEPTH / BLOCK;

/// Rows of a panel.
pub(super) const ROWS: usize = 8;

/// A format as the CPU reads it: a weight is `scale * code + minimum`.
pub(super) trait Codes {
    /// The quants of a block.
    type Block: Pod;

    /// Whether blocks have scales, or their weights are the codes.
    const IS_SCALED: bool;

    /// Whether blocks have minima, or they are 0.
    const HAS_MINIMA: bool;

    /// The codes of a block.
    fn codes(block: &Self::Block) -> [f32; BLOCK];
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct D8;
pub(super) struct D4;

impl Codes for F32 {
    type Block = [f32; BLOCK];
    const IS_SCALED: bool = false;
    const HAS_MINIMA: bool = false;

    #[inline(always)]
    fn codes(block: &Self::Block) -> [f32; BLOCK] {
        *block
    }
}

impl Codes for F16 {
    type Block = [u16; BLOCK];
    const IS_SCALED: bool = false;
    const HAS_MINIMA: bool = false;

    #[inline(always)]
    fn codes(block: &Self::Block) -> [f32; BLOCK] {
        let mut codes = [0.0; BLOCK];
        block.iter().zip(&mut codes).for_each(|(half, code)| *code = widened(*half));
        codes
    }
}

impl Codes for D8 {
    type Block = [i8; BLOCK];
    const IS_SCALED: bool = true;
    const HAS_MINIMA: bool = false;

    #[inline(always)]
    fn codes(block: &Self::Block) -> [f32; BLOCK] {
        let mut codes = [0.0; BLOCK];
        block.iter().zip(&mut codes).for_each(|(quant, code)| *code = f32::from(*quant));
        codes
    }
}

impl Codes for D4 {
    type Block = [u8; BLOCK / 2];
    const IS_SCALED: bool = true;
    const HAS_MINIMA: bool = true;

    #[inline(always)]
    fn codes(block: &Self::Block) -> [f32; BLOCK] {
        let mut codes = [0.0; BLOCK];
        for (idx, byte) in block.iter().enumerate() {
            codes[idx] = f32::from(byte & 15);
            codes[BLOCK / 2 + idx] = f32::from(byte >> 4);
        }
        codes
    }
}

/// The scales and minima of some neighbouring blocks; 0 for those that are not there.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    pub(super) scales: [f32; BLOCKS],
    pub(super) minima: [f32; BLOCKS],
}

impl Scales {
    /// Those of `n_blocks` from the block number `first` on; left at 0 what the format does not have.
    #[inline(always)]
    pub(super) fn read<C: Codes>(weight: &Packed, first: usize, n_blocks: usize) -> Self {
        let halves: &[u16] = bytemuck::cast_slice(&weight.scales);
        let mut read = Self { scales: [0.0; BLOCKS], minima: [0.0; BLOCKS] };
        if C::HAS_MINIMA {
            let pairs = halves[2 * first..2 * (first + n_blocks)].as_chunks::<2>().0;
            let both = read.scales.iter_mut().zip(&mut read.minima);
            for ([scale, minimum], (to_scale, to_minimum)) in pairs.iter().zip(both) {
                (*to_scale, *to_minimum) = (widened(*scale), widened(*minimum));
            }
        } else if C::IS_SCALED {
            let halves = &halves[first..first + n_blocks];
            halves.iter().zip(&mut read.scales).for_each(|(half, scale)| *scale = widened(*half));
        }
        read
    }
}

/// The quants of `n_blocks` from the block number `first` on.
#[inline(always)]
pub(super) fn quants<C: Codes>(weight: &Packed, first: usize, n_blocks: usize) -> &[C::Block] {
    // The words are little-endian, as every machine that this runs on.
    &bytemuck::cast_slice(&weight.quants)[first..first + n_blocks]
}

/// A half in f32. NaN and infinity, which no weight is, become other numbers.
#[inline(always)]
fn widened(half: u16) -> f32 {
    /// A half's exponent is 112 less than that of the same number in f32.
    const TWO_TO_112: f32 = f32::from_bits((127 + 112) << 23);
    let (sign, others) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff) << 13);
    f32::from_bits(sign | others) * TWO_TO_112
}

/// Some rows' weights for some inputs.
pub(super) type Panel = [[f32; DEPTH]; ROWS];

/// Takes `depth` weights, whole blocks, of some rows.
#[inline(always)]
pub(super) fn fill(panel: &mut Panel, weight: &Packed, rows: Range<usize>, from: usize, depth: usize) {
    let n_blocks = weight.shape.n_blocks();
    for (row, out) in rows.zip(panel) {
        unpack(weight, row * n_blocks + from / BLOCK, &mut out[..depth]);
    }
}

/// The weights of the matrix from the block number `first` on, whole blocks and [`DEPTH`] of them at most.
#[inline(always)]
pub(super) fn unpack(weight: &Packed, first: usize, out: &mut [f32]) {
    match weight.format {
        Format::F32 => unpack_as::<F32>(weight, first, out),
        Format::F16 => unpack_as::<F16>(weight, first, out),
        Format::D8 => unpack_as::<D8>(weight, first, out),
        Format::D4 => unpack_as::<D4>(weight, first, out),
    }
}

#[inline(always)]
fn unpack_as<C: Codes>(weight: &Packed, first: usize, out: &mut [f32]) {
    let blocks = out.as_chunks_mut::<BLOCK>().0;
    let Scales { scales, minima } = Scales::read::<C>(weight, first, blocks.len());
    let quants = quants::<C>(weight, first, blocks.len());
    for ((out, quants), (scale, minimum)) in blocks.iter_mut().zip(quants).zip(scales.iter().zip(&minima)) {
        *out = C::codes(quants);
        match (C::IS_SCALED, C::HAS_MINIMA) {
            (true, true) => out.iter_mut().for_each(|code| *code = *code * scale + minimum),
            (true, false) => out.iter_mut().for_each(|code| *code *= scale),
            _ => {}
        }
    }
}

/// Reads a number of every cache line of packed weights that [`fill`] will read, so that all are on their way at once: a
/// panel's rows are too short to be foreseen by the processor. Those of f32 are not.
#[inline(always)]
pub(super) fn touch(weight: &Packed, rows: Range<usize>, from: usize, depth: usize) {
    /// Words of a cache line.
    const LINE: usize = 16;
    if weight.format == Format::F32 {
        return;
    }
    let n_blocks = weight.shape.n_blocks();
    let of_block = weight.quants.len() / (n_blocks * weight.shape.n_rows as usize);
    let words = |row: usize| &weight.quants[(row * n_blocks + from / BLOCK) * of_block..][..depth / BLOCK * of_block];
    let all = rows.flat_map(|row| words(row).iter().step_by(LINE)).fold(0, |all, word| all | word);
    std::hint::black_box(all);
}

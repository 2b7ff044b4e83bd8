//! A panel: parts of some rows of packed weights as f32, small enough for the first cache.
//!
//! The functions are written so that the compiler computes several elements at once, with whatever the function that they
//! are inlined into was compiled for.

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use stepwise_shaders::weights::{BLOCK, Format, Packed};

/// Inputs that a panel has of each row.
pub(super) const DEPTH: usize = 512;

/// Rows of a panel.
pub(super) const ROWS: usize = 8;

/// Some rows' weights for some inputs.
pub(super) struct Panel {
    pub(super) rows: Box<[[f32; DEPTH]; ROWS]>,
}

impl Default for Panel {
    fn default() -> Self {
        Self { rows: Box::new([[0.0; DEPTH]; ROWS]) }
    }
}

impl Panel {
    /// Takes `depth` weights, whole blocks, of `n_rows` rows.
    #[inline(always)]
    pub(super) fn fill(&mut self, weight: &Packed, first_row: usize, n_rows: usize, from: usize, depth: usize) {
        let n_blocks = weight.shape.n_blocks();
        for (row, out) in (first_row..first_row + n_rows).zip(self.rows.iter_mut()) {
            unpack(weight, row * n_blocks + from / BLOCK, &mut out[..depth]);
        }
    }
}

/// The weights of the matrix from the block number `first` on, whole blocks and [`DEPTH`] of them at most.
#[inline(always)]
pub(super) fn unpack(weight: &Packed, first: usize, out: &mut [f32]) {
    let n_blocks = out.len() / BLOCK;
    let words = |of_block: usize| &weight.quants[first * of_block..][..n_blocks * of_block];
    // The words are little-endian, as every machine that this runs on.
    match weight.format {
        Format::F32 => out.copy_from_slice(bytemuck::cast_slice(words(BLOCK))),
        Format::F16 => {
            let halves: &[u16] = bytemuck::cast_slice(words(BLOCK / 2));
            halves.reinterpret_cast::<f16>().convert_to_f32_slice(out);
        }
        Format::D8 => {
            let mut scales = [0.0; DEPTH / BLOCK];
            let scales = halves(weight, first, &mut scales[..n_blocks]);
            let quants: &[i8] = bytemuck::cast_slice(words(BLOCK / 4));
            let blocks = quants.as_chunks::<BLOCK>().0.iter().zip(scales);
            for ((quants, scale), out) in blocks.zip(out.as_chunks_mut::<BLOCK>().0) {
                for (quant, out) in quants.iter().zip(out) {
                    *out = f32::from(*quant) * scale;
                }
            }
        }
        Format::D4 => {
            let mut scales = [0.0; 2 * DEPTH / BLOCK];
            let scales = halves(weight, 2 * first, &mut scales[..2 * n_blocks]);
            let bytes: &[u8] = bytemuck::cast_slice(words(BLOCK / 8));
            let blocks = bytes.as_chunks::<{ BLOCK / 2 }>().0.iter().zip(scales.as_chunks::<2>().0);
            for ((bytes, [scale, minimum]), out) in blocks.zip(out.as_chunks_mut::<BLOCK>().0) {
                let (low, high) = out.split_at_mut(BLOCK / 2);
                for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                    *low = f32::from(byte & 15) * scale + minimum;
                    *high = f32::from(byte >> 4) * scale + minimum;
                }
            }
        }
    }
}

/// The matrix's half-precision numbers from the number `first` on.
#[inline(always)]
fn halves<'a>(weight: &Packed, first: usize, out: &'a mut [f32]) -> &'a [f32] {
    let halves: &[u16] = bytemuck::cast_slice(&weight.scales);
    halves[first..first + out.len()].reinterpret_cast::<f16>().convert_to_f32_slice(out);
    out
}

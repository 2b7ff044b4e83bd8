//! Products with weights in the CPU's memory, packed or f32.
//!
//! With up to four columns at a time they are dot products along the rows, which are read as they lie in memory and become
//! f32 in registers. With more, a few rows at a time become f32 in the first cache and are multiplied there, in tiles of
//! registers. So a matrix is read once for all columns, in the size that it has packed. Sums are f32, in the order of the
//! inputs.

mod columns;
mod kernels;
mod panel;
#[cfg(test)]
mod tests;

use pulp::{Simd, WithSimd};
use stepwise_shaders::weights::{BLOCK, Format, Packed};

use self::columns::{Columns, GROUP, Layout};
use self::kernels::{add_products, dots, write_sums};
use self::panel::{BLOCKS, Codes, D4, D8, DEPTH, F16, F32, ROWS, Scales, fill, quants, touch};
use super::vectors::{each, vectorised};

/// Weights in a part of the work with one column: some ten microseconds, much beside what it costs to hand it out.
const WEIGHTS_OF_PART: usize = 1 << 18;

/// Columns that take as long as one: with fewer, reading the weights takes longer than computing.
const COLUMNS_OF_PART: usize = 8;

/// The weights times every column of `x`, `[n_tiles, in, tile]`: `[n_tiles, out, tile]`. The work is spread over the threads
/// of the pool that this is called in.
///
/// # Panics
/// When `x` is no whole number of tiles.
pub(super) fn product(weight: &Packed, x: &[f32], tile: usize) -> Vec<f32> {
    product_by(weight, x, tile, |part: Part<'_>| vectorised(part))
}

/// [`product`] in the vectors that `work` takes.
fn product_by(weight: &Packed, x: &[f32], tile: usize, work: impl Fn(Part<'_>) + Send + Sync) -> Vec<f32> {
    let [n_rows, n_in] = [weight.shape.n_rows, weight.shape.n_columns].map(|side| side as usize);
    assert!(x.len().is_multiple_of(n_in * tile), "another matrix's columns");
    let n_columns = x.len() / n_in;
    let columns = Columns::new(x, n_in, tile);
    let mut out = vec![0.0; n_rows * n_columns];
    let of_part = WEIGHTS_OF_PART / n_in / n_columns.div_ceil(COLUMNS_OF_PART);
    let of_part = of_part.next_multiple_of(ROWS).max(ROWS);
    let mut parts: Vec<Part<'_>> = (0..n_rows)
        .step_by(of_part)
        .map(|first| Part { weight, columns: &columns, first, n_rows: of_part.min(n_rows - first), out: Vec::new() })
        .collect();
    // A part's rows lie together in each tile.
    for tile_out in out.chunks_exact_mut(n_rows * tile) {
        for (part, rows) in parts.iter_mut().zip(tile_out.chunks_mut(of_part * tile)) {
            part.out.push(rows);
        }
    }
    each(parts, true, work);
    out
}

/// Some rows of the weights, row-major, as f32: an embedding's.
///
/// # Panics
/// When there is no such row.
pub(super) fn rows(weight: &Packed, rows: &[u32]) -> Vec<f32> {
    struct Gather<'a>(&'a Packed, &'a [u32]);
    impl WithSimd for Gather<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> Vec<f32> {
            let n_in = self.0.shape.n_columns as usize;
            let mut out = vec![0.0; self.1.len() * n_in];
            for (row, out) in self.1.iter().zip(out.chunks_exact_mut(n_in)) {
                for (part, out) in out.chunks_mut(DEPTH).enumerate() {
                    panel::unpack(self.0, (*row as usize * n_in + part * DEPTH) / BLOCK, out);
                }
            }
            out
        }
    }
    vectorised(Gather(weight, rows))
}

/// Some rows' products with all columns.
struct Part<'a> {
    weight: &'a Packed,
    columns: &'a Columns<'a>,
    first: usize,
    n_rows: usize,
    /// `[n_rows, tile]` for each tile.
    out: Vec<&'a mut [f32]>,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match &self.columns.layout {
            Layout::Tiles { width, x } => self.tiles(simd, x, *width),
            Layout::Few { width, x, sums } => match self.weight.format {
                Format::F32 => self.few::<S, F32>(simd, *width, x.get(), sums.get()),
                Format::F16 => self.few::<S, F16>(simd, *width, x.get(), sums.get()),
                Format::D8 => self.few::<S, D8>(simd, *width, x.get(), sums.get()),
                Format::D4 => self.few::<S, D4>(simd, *width, x.get(), sums.get()),
            },
        }
    }
}

impl Part<'_> {
    /// With columns in groups of `width`.
    #[inline(always)]
    fn few<S: Simd, C: Codes>(self, simd: S, width: usize, x: &[f32], x_sums: &[f32]) {
        match width {
            1 => self.groups::<S, C, 1>(simd, x, x_sums),
            2 => self.groups::<S, C, 2>(simd, x, x_sums),
            _ => self.groups::<S, C, GROUP>(simd, x, x_sums),
        }
    }

    /// With columns in groups of `N`. The rows are read one after the other.
    #[inline(always)]
    fn groups<S: Simd, C: Codes, const N: usize>(mut self, simd: S, x: &[f32], x_sums: &[f32]) {
        let n_blocks = self.columns.n_in / BLOCK;
        let x = x.as_chunks::<BLOCK>().0.as_chunks::<N>().0;
        let x_sums = x_sums.as_chunks::<BLOCKS>().0.as_chunks::<N>().0;
        for (idx, out) in self.out[0].chunks_exact_mut(self.columns.tile).enumerate() {
            let groups = x.chunks_exact(n_blocks).zip(x_sums.chunks_exact(n_blocks.div_ceil(BLOCKS)));
            for ((x, x_sums), out) in groups.zip(out.chunks_mut(N)) {
                let mut sums = [[simd.splat_f32s(0.0); N]; 2];
                for ((x, x_sums), from) in x.chunks(BLOCKS).zip(x_sums).zip((0..).step_by(BLOCKS)) {
                    let first = (self.first + idx) * n_blocks + from;
                    let scales = Scales::read::<C>(self.weight, first, x.len());
                    dots::<S, C, N>(simd, quants::<C>(self.weight, first, x.len()), &scales, x, x_sums, &mut sums);
                }
                let [even, odd] = sums;
                for (out, (even, odd)) in out.iter_mut().zip(even.into_iter().zip(odd)) {
                    *out = simd.reduce_sum_f32s(simd.add_f32s(even, odd));
                }
            }
        }
    }

    /// With tiles of columns, `[n_tiles, n_in, width]`.
    #[inline(always)]
    fn tiles<S: Simd>(mut self, simd: S, x: &[f32], width: usize) {
        let Columns { n_in, tile, .. } = *self.columns;
        let n_rows = self.n_rows.next_multiple_of(ROWS);
        let mut sums = vec![0.0; self.out.len() * n_rows * width];
        let mut panel = Box::new([[0.0; DEPTH]; ROWS]);
        // The columns' part of this depth stays in the second cache, and meets one panel after the other.
        for from in (0..n_in).step_by(DEPTH) {
            let depth = DEPTH.min(n_in - from);
            for at in (0..self.n_rows).step_by(ROWS) {
                let rows = |at: usize| self.first + at..self.first + self.n_rows.min(at + ROWS);
                if at + ROWS < self.n_rows {
                    touch(self.weight, rows(at + ROWS), from, depth);
                }
                fill(&mut panel, self.weight, rows(at), from, depth);
                for (x, sums) in x.chunks_exact(n_in * width).zip(sums.chunks_exact_mut(n_rows * width)) {
                    let x = &x[from * width..][..depth * width];
                    add_products(simd, &panel, x, &mut sums[at * width..][..ROWS * width], width);
                }
            }
        }
        for (out, sums) in self.out.iter_mut().zip(sums.chunks_exact(n_rows * width)) {
            for (out, sums) in out.chunks_mut(ROWS * tile).zip(sums.chunks_exact(ROWS * width)) {
                write_sums::<S>(sums, width, tile, out);
            }
        }
    }
}

//! Products with packed weights on the CPU.
//!
//! A few rows of weights at a time become f32 in the first cache and are multiplied there: with one to four columns as dot
//! products along the rows, with more in tiles that stay in registers. So a matrix is read once, packed, for all columns,
//! and no more of it than a panel is ever there in f32. Sums are f32, in the order of the inputs.

mod kernels;
mod panel;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use stepwise_shaders::weights::{BLOCK, Packed};

use self::kernels::{add_products, dots};
use self::panel::{DEPTH, Panel, ROWS};

/// Columns up to which products are dot products along the rows.
const FEW: usize = 4;

/// Columns are filled up to a multiple of this: the longest vector of f32.
const VECTOR: usize = 16;

/// Weights in a part of the work: some ten microseconds, much beside what it costs to hand it out.
const WEIGHTS_OF_PART: usize = 1 << 18;

/// The weights' `rows` times every column of `x`, `[n_tiles, in, tile]`: `[n_tiles, rows, tile]`. The work is spread over
/// the threads of the pool that this is called in.
///
/// # Panics
/// When there are no such rows, or `x` is no whole number of tiles.
pub(super) fn product(weight: &Packed, rows: Range<usize>, x: &[f32], tile: usize) -> Vec<f32> {
    let n_in = weight.shape.n_columns as usize;
    assert!(
        rows.end <= weight.shape.n_rows as usize && x.len().is_multiple_of(n_in * tile),
        "another matrix's columns"
    );
    let n_tiles = x.len() / (n_in * tile);
    let columns = Columns::new(x, n_in, tile);
    let mut out = vec![0.0; n_tiles * rows.len() * tile];
    let of_part = (WEIGHTS_OF_PART / n_in).next_multiple_of(ROWS);
    let mut parts: Vec<Part<'_>> = rows
        .clone()
        .step_by(of_part)
        .map(|first| Part { weight, columns: &columns, first, n_rows: of_part.min(rows.end - first), out: Vec::new() })
        .collect();
    // A part's rows lie together in each tile.
    for tile_out in out.chunks_exact_mut(rows.len() * tile) {
        for (part, rows) in parts.iter_mut().zip(tile_out.chunks_mut(of_part * tile)) {
            part.out.push(rows);
        }
    }
    run(parts);
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

/// Columns as the kernels read them.
enum Columns<'a> {
    /// At most [`FEW`], each along its inputs: `[n, n_in]`.
    Few { n: usize, x: Cow<'a, [f32]> },
    /// `[n_tiles, n_in, width]`, of which `tile` columns are meant and the others are 0.
    Tiles { n_in: usize, tile: usize, width: usize, x: Cow<'a, [f32]> },
}

impl<'a> Columns<'a> {
    fn new(x: &'a [f32], n_in: usize, tile: usize) -> Self {
        if tile <= FEW && x.len() == n_in * tile {
            let along = |column: usize| x.iter().skip(column).step_by(tile).copied();
            let x = if tile == 1 { Cow::Borrowed(x) } else { (0..tile).flat_map(along).collect() };
            return Self::Few { n: tile, x };
        }
        let width = tile.next_multiple_of(VECTOR);
        let mut filled = Cow::Borrowed(x);
        if width > tile {
            let mut all = vec![0.0; x.len() / tile * width];
            all.chunks_exact_mut(width).zip(x.chunks_exact(tile)).for_each(|(all, x)| all[..tile].copy_from_slice(x));
            filled = Cow::Owned(all);
        }
        Self::Tiles { n_in, tile, width, x: filled }
    }
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
        match self.columns {
            Columns::Few { n: 1, .. } => self.few::<S, 1, 8>(simd),
            Columns::Few { n: 2, .. } => self.few::<S, 2, 4>(simd),
            Columns::Few { n: 3, .. } => self.few::<S, 3, 2>(simd),
            Columns::Few { .. } => self.few::<S, 4, 2>(simd),
            Columns::Tiles { .. } => self.tiles(simd),
        }
    }
}

impl Part<'_> {
    /// With `N` columns, `R` rows at once.
    #[inline(always)]
    fn few<S: Simd, const N: usize, const R: usize>(mut self, simd: S) {
        let Columns::Few { x, .. } = self.columns else { return };
        let n_in = x.len() / N;
        let columns: [&[f32]; N] = std::array::from_fn(|column| &x[column * n_in..][..n_in]);
        let mut panel = Panel::default();
        for at in (0..self.n_rows).step_by(ROWS) {
            let n_rows = ROWS.min(self.n_rows - at);
            let mut sums = [[simd.splat_f32s(0.0); N]; ROWS];
            for from in (0..n_in).step_by(DEPTH) {
                let depth = DEPTH.min(n_in - from);
                panel.fill(self.weight, self.first + at, n_rows, from, depth);
                let columns = columns.map(|column| &column[from..][..depth]);
                for (rows, sums) in panel.rows.as_chunks::<R>().0.iter().zip(sums.as_chunks_mut::<R>().0) {
                    dots(simd, rows, columns, sums);
                }
            }
            let out = &mut self.out[0][at * N..][..n_rows * N];
            for (out, sum) in out.iter_mut().zip(sums.as_flattened()) {
                *out = simd.reduce_sum_f32s(*sum);
            }
        }
    }

    /// With tiles of columns.
    #[inline(always)]
    fn tiles<S: Simd>(mut self, simd: S) {
        let Columns::Tiles { n_in, tile, width, x } = self.columns else { return };
        let (n_in, tile, width) = (*n_in, *tile, *width);
        let n_rows = self.n_rows.next_multiple_of(ROWS);
        let mut sums = vec![0.0; self.out.len() * n_rows * width];
        let mut panel = Panel::default();
        // The columns' part of this depth stays in the second cache, and meets one panel after the other.
        for from in (0..n_in).step_by(DEPTH) {
            let depth = DEPTH.min(n_in - from);
            for at in (0..self.n_rows).step_by(ROWS) {
                panel.fill(self.weight, self.first + at, ROWS.min(self.n_rows - at), from, depth);
                for (x, sums) in x.chunks_exact(n_in * width).zip(sums.chunks_exact_mut(n_rows * width)) {
                    let x = &x[from * width..][..depth * width];
                    add_products(simd, &panel.rows, x, &mut sums[at * width..][..ROWS * width], width);
                }
            }
        }
        for (out, sums) in self.out.iter_mut().zip(sums.chunks_exact(n_rows * width)) {
            for (out, sums) in out.chunks_exact_mut(tile).zip(sums.chunks_exact(width)) {
                out.copy_from_slice(&sums[..tile]);
            }
        }
    }
}

/// Does all parts.
fn run(parts: Vec<Part<'_>>) {
    #[cfg(not(target_arch = "wasm32"))]
    if parts.len() > 1 {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};
        return parts.into_par_iter().for_each(vectorised);
    }
    parts.into_iter().for_each(vectorised);
}

/// Does work in the longest vectors that the processor has.
fn vectorised<W: WithSimd>(work: W) -> W::Output {
    let arch = Arch::new();
    // pulp's own choice knows AVX2 only with a feature that nobody else asks for: burn would be compiled anew for it.
    #[cfg(target_arch = "x86_64")]
    if matches!(arch, Arch::Scalar)
        && let Some(avx2) = pulp::x86::V3::try_new()
    {
        return Simd::vectorize(avx2, work);
    }
    arch.dispatch(work)
}

//! What is done with weights that became f32: the innermost loops, in the vectors of whatever processor this runs on.
//!
//! Sums are arrays that are read once, kept in registers and written once as a whole: the compiler leaves in memory what is
//! written element by element.

use pulp::Simd;
use stepwise_shaders::weights::BLOCK;

use super::panel::{BLOCKS, Codes, DEPTH, ROWS, Scales};

/// Adds to `sums`, lane by lane, the products of a row's blocks with those of `N` columns; `x_sums` are the sums of the
/// latter.
#[inline(always)]
pub(super) fn dots<S: Simd, C: Codes, const N: usize>(
    simd: S,
    quants: &[C::Block],
    scales: &Scales,
    x: &[[[f32; BLOCK]; N]],
    x_sums: &[[f32; BLOCKS]; N],
    sums: &mut [[S::f32s; N]; 2],
) {
    let x = &x[..quants.len()];
    let [mut even, mut odd] = *sums;
    let (pairs, rest) = quants.as_chunks::<2>();
    for (idx, [first, second]) in pairs.iter().enumerate() {
        even = add_block::<S, C, N>(simd, first, scales.scales[2 * idx], &x[2 * idx], even);
        odd = add_block::<S, C, N>(simd, second, scales.scales[2 * idx + 1], &x[2 * idx + 1], odd);
    }
    if let [last] = rest {
        even = add_block::<S, C, N>(simd, last, scales.scales[quants.len() - 1], &x[quants.len() - 1], even);
    }
    if C::HAS_MINIMA {
        let minima = S::as_simd_f32s(&scales.minima).0;
        for (sum, x) in odd.iter_mut().zip(x_sums) {
            *sum = minima.iter().zip(S::as_simd_f32s(x).0).fold(*sum, |sum, (m, x)| simd.mul_add_e_f32s(*m, *x, sum));
        }
    }
    *sums = [even, odd];
}

/// `sums` with the products of a block, but for its minimum, with those of `N` columns.
#[inline(always)]
fn add_block<S: Simd, C: Codes, const N: usize>(
    simd: S,
    quants: &C::Block,
    scale: f32,
    x: &[[f32; BLOCK]; N],
    mut sums: [S::f32s; N],
) -> [S::f32s; N] {
    let codes = C::codes(quants);
    let codes = S::as_simd_f32s(&codes).0;
    let scale = simd.splat_f32s(scale);
    for (sum, x) in sums.iter_mut().zip(x) {
        let products = codes.iter().zip(S::as_simd_f32s(x).0);
        let from = if C::IS_SCALED { simd.splat_f32s(0.0) } else { *sum };
        let added = products.fold(from, |sum, (code, x)| simd.mul_add_e_f32s(*code, *x, sum));
        *sum = if C::IS_SCALED { simd.mul_add_e_f32s(added, scale, *sum) } else { added };
    }
    sums
}

/// Adds to `sums` the products of a panel's rows with the columns of `x`, `[depth, width]`. The sums of a strip of columns
/// lie together, in the order in which [`write_sums`] reads them.
#[inline(always)]
pub(super) fn add_products<S: Simd>(simd: S, rows: &[[f32; DEPTH]; ROWS], x: &[f32], sums: &mut [f32], width: usize) {
    if rows_at_once::<S>() == ROWS {
        add_rows::<S, ROWS>(simd, rows, x, sums, width);
    } else {
        for (rows, sums) in rows.as_chunks::<{ ROWS / 2 }>().0.iter().zip(sums.chunks_exact_mut(ROWS / 2 * width)) {
            add_rows::<S, { ROWS / 2 }>(simd, rows, x, sums, width);
        }
    }
}

/// Rows whose sums, and what makes them, are in registers together.
#[inline(always)]
fn rows_at_once<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { ROWS } else { ROWS / 2 }
}

/// [`add_products`] for `R` rows.
#[inline(always)]
fn add_rows<S: Simd, const R: usize>(simd: S, rows: &[[f32; DEPTH]; R], x: &[f32], mut sums: &mut [f32], width: usize) {
    let n_vectors = width / S::F32_LANES;
    let mut at = 0;
    while at < n_vectors {
        let n = strip(n_vectors - at);
        let (of_strip, others) = sums.split_at_mut(R * n * S::F32_LANES);
        sums = others;
        match n {
            3 => add_tile::<S, R, 3>(simd, rows, x, of_strip, n_vectors, at),
            2 => add_tile::<S, R, 2>(simd, rows, x, of_strip, n_vectors, at),
            _ => add_tile::<S, R, 1>(simd, rows, x, of_strip, n_vectors, at),
        }
        at += n;
    }
}

/// Vectors of the next strip of columns when so many are left: one alone leaves the processor waiting for its sums.
#[inline(always)]
fn strip(n_left: usize) -> usize {
    match n_left {
        4 => 2,
        n => n.min(3),
    }
}

/// [`add_rows`] for `V` vectors of columns, from the vector number `at` on.
#[inline(always)]
fn add_tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: &[[f32; DEPTH]; R],
    x: &[f32],
    sums: &mut [f32],
    n_vectors: usize,
    at: usize,
) {
    let sums = &mut S::as_mut_simd_f32s(sums).0.as_chunks_mut::<V>().0.as_chunks_mut::<R>().0[0];
    let mut kept = *sums;
    for (idx, x) in S::as_simd_f32s(x).0.chunks_exact(n_vectors).take(DEPTH).enumerate() {
        let x: [S::f32s; V] = std::array::from_fn(|vector| x[at + vector]);
        for (row, sums) in rows.iter().zip(&mut kept) {
            let weight = simd.splat_f32s(row[idx]);
            for (x, sum) in x.iter().zip(sums) {
                *sum = simd.mul_add_e_f32s(weight, *x, *sum);
            }
        }
    }
    *sums = kept;
}

/// Writes the sums of a panel to `out`, `[at most ROWS, tile]`, without those of columns beyond the tile.
#[inline(always)]
pub(super) fn write_sums<S: Simd>(sums: &[f32], width: usize, tile: usize, out: &mut [f32]) {
    let at_once = rows_at_once::<S>();
    for (out, mut sums) in out.chunks_mut(at_once * tile).zip(sums.chunks_exact(at_once * width)) {
        let mut from = 0;
        while from < tile {
            let n = strip((width - from) / S::F32_LANES) * S::F32_LANES;
            let (of_strip, others) = sums.split_at(at_once * n);
            sums = others;
            let to = tile.min(from + n);
            for (out, sums) in out.chunks_exact_mut(tile).zip(of_strip.chunks_exact(n)) {
                out[from..to].copy_from_slice(&sums[..to - from]);
            }
            from += n;
        }
    }
}

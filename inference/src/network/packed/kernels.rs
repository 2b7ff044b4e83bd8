//! What is done with a panel: the innermost loops, in the vectors of whatever processor this runs on.

use pulp::Simd;

use super::panel::{DEPTH, ROWS};

/// Adds to `sums`, lane by lane, the products of `R` rows with `N` columns, as many of each row as a column has: a multiple
/// of every vector's length.
#[inline(always)]
pub(super) fn dots<S: Simd, const N: usize, const R: usize>(
    simd: S,
    rows: &[[f32; DEPTH]; R],
    columns: [&[f32]; N],
    sums: &mut [[S::f32s; N]; R],
) {
    let columns = columns.map(|column| S::as_simd_f32s(column).0);
    let depth = columns[0].len();
    let columns = columns.map(|column| &column[..depth]);
    let rows = rows.each_ref().map(|row| &S::as_simd_f32s(row).0[..depth]);
    let mut kept = *sums;
    for at in 0..depth {
        for (row, sums) in rows.iter().zip(&mut kept) {
            for (column, sum) in columns.iter().zip(sums) {
                *sum = simd.mul_add_e_f32s(row[at], column[at], *sum);
            }
        }
    }
    *sums = kept;
}

/// Adds to `sums`, `[ROWS, width]`, the products of a panel's rows with the columns of `x`, `[depth, width]`.
#[inline(always)]
pub(super) fn add_products<S: Simd>(simd: S, rows: &[[f32; DEPTH]; ROWS], x: &[f32], sums: &mut [f32], width: usize) {
    // As many sums as there are registers for, beside those for the columns.
    if S::REGISTER_COUNT >= 32 {
        add_rows::<S, 8>(simd, rows, x, sums, width);
    } else {
        for (rows, sums) in rows.as_chunks::<4>().0.iter().zip(sums.chunks_exact_mut(4 * width)) {
            add_rows::<S, 4>(simd, rows, x, sums, width);
        }
    }
}

/// [`add_products`] for `R` rows.
#[inline(always)]
fn add_rows<S: Simd, const R: usize>(simd: S, rows: &[[f32; DEPTH]; R], x: &[f32], sums: &mut [f32], width: usize) {
    let n_vectors = width / S::F32_LANES;
    let mut at = 0;
    while n_vectors - at >= 3 {
        add_tile::<S, R, 3>(simd, rows, x, sums, width, at);
        at += 3;
    }
    match n_vectors - at {
        2 => add_tile::<S, R, 2>(simd, rows, x, sums, width, at),
        1 => add_tile::<S, R, 1>(simd, rows, x, sums, width, at),
        _ => {}
    }
}

/// [`add_rows`] for `V` vectors of columns, from the vector number `at` on.
#[inline(always)]
fn add_tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: &[[f32; DEPTH]; R],
    x: &[f32],
    sums: &mut [f32],
    width: usize,
    at: usize,
) {
    let at = at * S::F32_LANES..(at + V) * S::F32_LANES;
    let mut kept = [[simd.splat_f32s(0.0); V]; R];
    for (kept, sums) in kept.iter_mut().zip(sums.chunks_exact(width)) {
        kept.copy_from_slice(S::as_simd_f32s(&sums[at.clone()]).0);
    }
    for (idx, x) in x.chunks_exact(width).take(DEPTH).enumerate() {
        let x: [S::f32s; V] = std::array::from_fn(|vector| S::as_simd_f32s(&x[at.clone()]).0[vector]);
        for (row, kept) in rows.iter().zip(&mut kept) {
            let weight = simd.splat_f32s(row[idx]);
            for (x, sum) in x.iter().zip(kept) {
                *sum = simd.mul_add_e_f32s(weight, *x, *sum);
            }
        }
    }
    for (kept, sums) in kept.iter().zip(sums.chunks_exact_mut(width)) {
        sums[at.clone()].copy_from_slice(bytemuck::cast_slice(kept));
    }
}

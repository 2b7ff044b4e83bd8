//! Products with packed weights against plain sums in f64, and whole networks against the same ones in f32.

use stepwise_shaders::weights::{Format, MatrixShape};

use super::*;

/// Numbers in [-1, 1) that look random.
fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let hash = |idx: u32| idx.wrapping_add(seed.wrapping_mul(7919)).wrapping_mul(2_654_435_761).rotate_left(13);
    (0..n as u32).map(|idx| hash(hash(idx)) as f32 / 2_147_483_648.0 - 1.0).collect()
}

fn matrix(format: Format, n_rows: usize, n_in: usize) -> Packed {
    let shape = MatrixShape { n_rows: n_rows as u32, n_columns: n_in as u32 };
    Packed::new(format, shape, &numbers(n_rows * n_in, 3)).unwrap()
}

/// Holds products of about the root of `n_in`, in these vectors, against sums in f64.
fn check_by(work: fn(Part<'_>), format: Format, n_rows: usize, n_in: usize, n_tiles: usize, tile: usize) {
    let weight = matrix(format, n_rows, n_in);
    let x = numbers(n_tiles * n_in * tile, 5);
    let found = product_by(&weight, &x, tile, work);
    assert_eq!(found.len(), n_tiles * n_rows * tile);
    let dense: Vec<Vec<f32>> = (0..n_rows as u32).map(|row| weight.row(row)).collect();
    for (idx, found) in found.iter().enumerate() {
        let (of_tile, column) = (idx / tile % n_rows, idx % tile);
        let x = &x[idx / (n_rows * tile) * n_in * tile..][..n_in * tile];
        let sum: f64 =
            dense[of_tile].iter().zip(x.chunks(tile)).map(|(w, x)| f64::from(*w) * f64::from(x[column])).sum();
        let far = (f64::from(*found) - sum).abs();
        assert!(far < 2e-6 * n_in as f64, "{format} [{n_rows}, {n_in}] x {n_tiles} x {tile}: {far:.1e} off");
    }
}

fn check(format: Format, n_rows: usize, n_in: usize, n_tiles: usize, tile: usize) {
    check_by(|part| vectorised(part), format, n_rows, n_in, n_tiles, tile);
}

#[test]
fn products_are_the_sums_that_they_should_be() {
    for format in [Format::F32, Format::F16, Format::D8, Format::D4] {
        for tile in [1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 32, 33, 48] {
            check(format, 19, 96, 1, tile);
        }
        // Deeper than a panel, by less than one; rows that end inside of one.
        for (n_tiles, tile) in [(1, 1), (1, 4), (1, 48), (3, 48), (2, 2), (5, 20)] {
            check(format, 27, DEPTH + 32, n_tiles, tile);
        }
    }
    // Several parts of the work, the last of which is no whole one.
    let of_part = WEIGHTS_OF_PART / 2048;
    for (n_tiles, tile) in [(1, 1), (1, 9), (2, 48)] {
        check(Format::D8, 2 * of_part + 3, 2048, n_tiles, tile);
    }
}

#[test]
fn rows_are_those_of_the_format() {
    for format in [Format::F32, Format::F16, Format::D8, Format::D4] {
        let weight = matrix(format, 9, DEPTH + 64);
        let expected: Vec<f32> = [8, 0, 8, 3].into_iter().flat_map(|row| weight.row(row)).collect();
        assert_eq!(rows(&weight, &[8, 0, 8, 3]), expected, "{format}");
    }
}

#[test]
fn products_are_right_in_vectors_that_this_processor_would_not_take() {
    for format in [Format::F32, Format::F16, Format::D8, Format::D4] {
        for (n_tiles, tile) in [(1, 1), (1, 3), (1, 7), (1, 17), (1, 32), (2, 48)] {
            check_by(|part| Simd::vectorize(pulp::Scalar::new(), part), format, 11, DEPTH + 32, n_tiles, tile);
            #[cfg(target_arch = "x86_64")]
            if pulp::x86::V3::try_new().is_some() {
                let avx2 = |part: Part<'_>| pulp::x86::V3::try_new().map_or((), |avx2| Simd::vectorize(avx2, part));
                check_by(avx2, format, 11, DEPTH + 32, n_tiles, tile);
            }
        }
    }
}

//! The kernel against its reference on whatever adapter the machine has.

use super::{LogSoftmax, LogSoftmaxError, SOURCE, Shape, cost, reference};
use crate::cost::Cost;
use crate::gpu::{Gpu, GpuError};
use crate::testing::{check_source, say};

/// Differences to the f64 reference that are accepted. WGSL promises `log` only to 2^-21 near 1 and `exp` only to
/// (3 + 2 |x|) ulp; both enter once. The relative part is for the result's own rounding.
const ABSOLUTE: f32 = 5e-6;
const RELATIVE: f32 = 3e-7;

/// The machine's adapter and the kernel on it, or a line that says why there is none.
fn on_gpu(test: impl FnOnce(&Gpu, &LogSoftmax)) {
    match pollster::block_on(Gpu::open()) {
        Ok(gpu) => test(&gpu, &LogSoftmax::new(&gpu)),
        Err(error @ GpuError::NoAdapter(_)) => say(&format!("not tested: log_softmax on a GPU, because {error}")),
        Err(error) => panic!("{error}"),
    }
}

/// Runs the kernel, compares each entry with the reference, and returns the largest difference.
fn compare(gpu: &Gpu, kernel: &LogSoftmax, name: &str, logits: &[f32], n_columns: u32) -> f32 {
    let shape = Shape { n_rows: (logits.len() / n_columns as usize) as u32, n_columns };
    let found = pollster::block_on(kernel.run(gpu, logits, shape)).unwrap();
    let expected = reference(logits, n_columns as usize);
    assert_eq!(found.len(), expected.len(), "{name}");
    let mut worst = 0.0_f32;
    for (entry_idx, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        let apart = if same { 0.0 } else { (found - expected).abs() };
        let allowed = if expected.is_finite() { ABSOLUTE + RELATIVE * expected.abs() } else { 0.0 };
        let (row, column) = (entry_idx / n_columns as usize, entry_idx % n_columns as usize);
        assert!(
            apart <= allowed,
            "{name} [{}, {n_columns}] at [{row}, {column}] on {}: {found} instead of {expected}",
            shape.n_rows,
            gpu.describe(),
        );
        worst = worst.max(apart);
    }
    worst
}

/// Logits as language models give them, roughly: a fixed sequence (Knuth's MMIX generator) spread over -15 to 15.
fn logits(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 30.0
    })
    .take(n)
    .collect()
}

#[test]
fn naga_accepts_the_kernel_without_any_optional_capability() {
    let module = check_source("log_softmax", SOURCE);
    let entry = &module.entry_points[0];
    assert_eq!((entry.name.as_str(), entry.workgroup_size), ("log_softmax", [256, 1, 1]));
}

#[test]
fn every_shape_agrees_with_the_reference() {
    on_gpu(|gpu, kernel| {
        let mut worst = 0.0_f32;
        // Below, at and above the workgroup's width, primes, and the vocabulary of InternLM2.
        for n_columns in [1_u32, 2, 3, 31, 255, 256, 257, 511, 513, 4099, 92_544] {
            for n_rows in [1_u32, 2, 7, 32] {
                let values = logits((n_rows * n_columns) as usize, u64::from(n_rows * n_columns));
                worst = worst.max(compare(gpu, kernel, "random", &values, n_columns));
            }
        }
        say(&format!("log_softmax on {}: at most {worst:.1e} from the f64 reference", gpu.describe()));
    });
}

#[test]
fn more_rows_than_one_dimension_of_the_dispatch_agree() {
    on_gpu(|gpu, kernel| {
        for n_rows in [65_535, 65_536, 140_000] {
            compare(gpu, kernel, "many rows", &logits(n_rows * 3, 9), 3);
        }
    });
}

#[test]
fn extreme_masked_and_broken_rows_agree() {
    on_gpu(|gpu, kernel| {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let rows: [(&str, [f32; 4]); 12] = [
            ("equal", [0.0; 4]),
            ("large and equal", [f32::MAX; 4]),
            ("lowest and equal", [f32::MIN; 4]),
            ("whole range", [f32::MAX, f32::MIN, 0.0, 1.0]),
            ("far apart", [1e30, -1e30, 88.0, -104.0]),
            ("near exp's limits", [88.0, 89.0, -87.0, -104.0]),
            ("subnormal", [1e-40, -1e-40, 0.0, -0.0]),
            ("one masked", [-inf, 1.0, 2.0, 3.0]),
            ("all but one masked", [-inf, -inf, -7.5, -inf]),
            ("all masked", [-inf; 4]),
            ("a NaN", [1.0, nan, 2.0, -inf]),
            ("plus infinity", [1.0, inf, 2.0, 3.0]),
        ];
        for (name, row) in rows {
            compare(gpu, kernel, name, &row, 4);
        }
        // All in one call: a broken row must not touch its neighbours.
        let together: Vec<f32> = rows.iter().flat_map(|(_, row)| *row).collect();
        compare(gpu, kernel, "together", &together, 4);
        // The same in rows that are longer than the workgroup, the odd entry at each end.
        for (name, odd) in
            [("mask", -inf), ("NaN", nan), ("plus infinity", inf), ("peak", f32::MAX), ("lowest", f32::MIN)]
        {
            for odd_idx in [0, 256, 999] {
                let mut row = logits(1000, 5);
                row[odd_idx] = odd;
                compare(gpu, kernel, name, &row, 1000);
            }
        }
        let all_but_one: Vec<f32> = (0..1000).map(|column| if column == 700 { 3.0 } else { -inf }).collect();
        compare(gpu, kernel, "long mask", &all_but_one, 1000);
    });
}

#[test]
fn the_reference_sums_to_one_and_keeps_masks() {
    let row = logits(92_544, 1);
    let total: f64 = reference(&row, row.len()).iter().map(|x| f64::from(*x).exp()).sum();
    assert!((total - 1.0).abs() < 1e-6, "{total}");
    assert_eq!(reference(&[f32::NEG_INFINITY, 4.0], 2), [f32::NEG_INFINITY, 0.0]);
}

#[test]
fn shapes_beyond_the_limits_say_how_many_rows_fit() {
    let limits = wgpu::Limits::default();
    let check = |n_rows, n_columns| Shape { n_rows, n_columns }.check(&limits).map_err(|error| error.to_string());
    assert_eq!(check(362, 92_544), Ok(()));
    assert_eq!(
        check(363, 92_544),
        Err("log_softmax of [363, 92544]: 362 rows fit at once on this device; split the rows".into())
    );
    assert_eq!(check(0, 5), Err("log_softmax of [0, 5]: neither side may be 0".into()));
    assert_eq!(check(1 << 25, 1), Ok(()));
    assert!(matches!(
        Shape { n_rows: u32::MAX, n_columns: u32::MAX }.check(&limits),
        Err(LogSoftmaxError::TooLarge { at_most: 0, .. })
    ));
}

#[test]
fn a_row_is_read_twice_and_written_once() {
    assert_eq!(cost(Shape { n_rows: 2, n_columns: 3 }), Cost { bytes: 72, flops: 24, dispatches: 1 });
}

#[test]
fn data_of_another_length_is_refused() {
    on_gpu(|gpu, kernel| {
        let error = pollster::block_on(kernel.run(gpu, &[0.0; 5], Shape { n_rows: 2, n_columns: 3 })).unwrap_err();
        assert_eq!(error.to_string(), "log_softmax of [2, 3]: the shape has 6 entries, the data 5");
    });
}

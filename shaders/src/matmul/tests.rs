//! The kernel against its reference, in every format.

use super::{source, tile_columns};
use crate::fill::Fill;
use crate::product::{Form, Operands, Product, cost, reference, synthetic_column};
use crate::testing::{check_product, check_source, on_gpu};
use crate::weights::{Format, MatrixShape, Synthetic};

#[test]
fn naga_accepts_the_kernel_in_every_format() {
    for format in Format::ALL {
        check_source("matmul", &source(format, Form::PLAIN));
    }
}

#[test]
fn every_shape_agrees_with_the_reference() {
    on_gpu("matmul", async |gpu| {
        for format in Format::ALL {
            // Columns around each width of a tile.
            for n_columns in [9, 15, 16, 17, 32, 33, 64, 65] {
                let product = Product::new(gpu, format, n_columns).await.unwrap();
                // Rows around a tile's, one block, an odd number of them.
                for (n_rows, n_inner) in [(1, 32), (63, 96), (65, 320), (130, 64)] {
                    check_product(gpu, &product, MatrixShape { n_rows, n_columns: n_inner }).await;
                }
            }
        }
    });
}

#[test]
fn a_matrix_larger_than_a_binding_is_whole_across_its_shards() {
    on_gpu("matmul", async |gpu| {
        // 160 MiB in f32, of which a binding holds 128.
        let shape = MatrixShape { n_rows: 10_240, n_columns: 4096 };
        let weights = Synthetic { format: Format::F32, shape, seed: 3 };
        let fill = Fill::new(gpu).await.unwrap();
        let made = weights.make(gpu, &fill).await.unwrap();
        assert_eq!(made.shards.iter().map(|shard| shard.n_rows).collect::<Vec<_>>(), [8192, 2048]);
        for n_columns in [1, 9] {
            let operands = Operands::synthetic(gpu, &fill, shape, n_columns, 4).await.unwrap();
            let product = Product::new(gpu, Format::F32, n_columns).await.unwrap();
            gpu.run(&product.steps(gpu, &made, &operands).unwrap());
            let found = operands.outputs(gpu).await.unwrap();
            let column = n_columns - 1;
            let inputs = synthetic_column(shape, 4, column);
            for row in [0, 8191, 8192, 10_239] {
                let (expected, allowed) = reference(&weights.row(row), &inputs);
                let found = f64::from(found[(column * shape.n_rows + row) as usize]);
                assert!(
                    (found - expected).abs() <= allowed,
                    "row {row} of {n_columns} columns: {found}, not {expected}"
                );
            }
        }
    });
}

#[test]
fn synthetic_weights_on_the_cpu_are_those_on_the_device() {
    on_gpu("synthetic weights", async |gpu| {
        let fill = Fill::new(gpu).await.unwrap();
        for format in Format::ALL {
            // Three blocks a row: scales of odd rows begin in the middle of a word.
            let shape = MatrixShape { n_rows: 7, n_columns: 96 };
            let weights = Synthetic { format, shape, seed: 11 };
            let made = weights.make(gpu, &fill).await.unwrap();
            let operands = Operands::synthetic(gpu, &fill, shape, 1, 5).await.unwrap();
            let product = Product::new(gpu, format, 1).await.unwrap();
            gpu.run(&product.steps(gpu, &made, &operands).unwrap());
            let found = operands.outputs(gpu).await.unwrap();
            let inputs = synthetic_column(shape, 5, 0);
            for row in 0..shape.n_rows {
                let own = weights.row(row);
                assert!(own.iter().all(|w| w.abs() < 0.05), "{format}: {own:?}");
                let (expected, allowed) = reference(&own, &inputs);
                let found = f64::from(found[row as usize]);
                assert!((found - expected).abs() <= allowed, "{format} row {row}: {found}, not {expected}");
            }
        }
    });
}

#[test]
fn tiles_are_as_wide_as_the_columns_or_64() {
    assert_eq!([9, 16, 17, 33, 64, 512].map(tile_columns), [16, 16, 32, 64, 64, 64]);
}

#[test]
fn a_product_costs_its_weights_once_and_two_operations_a_weight_and_column() {
    let found = cost(Format::D8, MatrixShape { n_rows: 10, n_columns: 64 }, 3, 1);
    assert_eq!((found.bytes, found.flops), (10 * 68 + 4 * 3 * (64 + 10), 2 * 10 * 64 * 3));
}

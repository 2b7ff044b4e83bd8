//! The kernel against its reference, in every format.

use super::{MAX_COLUMNS, source};
use crate::product::{Form, Operands, Product, ProductError};
use crate::testing::{check_product, check_source, numbers, on_gpu};
use crate::weights::{DeviceWeights, Format, MatrixShape, Packed};

#[test]
fn naga_accepts_the_kernel_in_every_format() {
    for format in Format::ALL {
        for n_columns in 1..=MAX_COLUMNS {
            check_source("matvec", &source(format, Form::PLAIN, n_columns));
        }
    }
}

#[test]
fn every_shape_agrees_with_the_reference() {
    on_gpu("matvec", async |gpu| {
        for format in Format::ALL {
            for n_columns in 1..=MAX_COLUMNS {
                let product = Product::new(gpu, format, n_columns).await.unwrap();
                // Rows that fill no workgroup, one block, an odd number of them, more than a workgroup reads at once.
                for (n_rows, n_inner) in [(1, 32), (3, 96), (4, 64), (5, 2080), (130, 992)] {
                    check_product(gpu, &product, MatrixShape { n_rows, n_columns: n_inner }).await;
                }
            }
        }
    });
}

#[test]
fn more_rows_than_one_line_of_workgroups_agree() {
    on_gpu("matvec", async |gpu| {
        let product = Product::new(gpu, Format::D4, 1).await.unwrap();
        check_product(gpu, &product, MatrixShape { n_rows: 4 * 65_535 + 9, n_columns: 32 }).await;
    });
}

#[test]
fn operands_of_another_shape_are_refused() {
    on_gpu("matvec", async |gpu| {
        let shape = MatrixShape { n_rows: 2, n_columns: 32 };
        let packed = Packed::new(Format::D8, shape, &numbers(64, 1)).unwrap();
        let weights = DeviceWeights::upload(gpu, &packed).await.unwrap();
        let product = Product::new(gpu, Format::D8, 2).await.unwrap();
        let told = |error: ProductError| error.to_string();

        let operands = Operands::upload(gpu, shape, 1, &numbers(32, 2)).await.unwrap();
        let error = product.steps(gpu, &weights, &operands).map_err(told).unwrap_err();
        assert_eq!(error, "2 columns of 32 inputs are 64 numbers, and 32 were given");
        let error = Operands::upload(gpu, shape, 2, &numbers(63, 2)).await.map_err(told).unwrap_err();
        assert_eq!(error, "2 columns of 32 inputs are 64 numbers, and 63 were given");
        let error = Operands::upload(gpu, shape, 0, &[]).await.map_err(told).unwrap_err();
        assert_eq!(error, "[2, 32] times 0 columns: 1 to 1048576 columns fit at once; split them");

        let other = Product::new(gpu, Format::D4, 1).await.unwrap();
        let error = other.steps(gpu, &weights, &operands).map_err(told).unwrap_err();
        assert_eq!(error, "a product with D4 weights was given D8 weights");
    });
}

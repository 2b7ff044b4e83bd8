//! A matrix of the network: burn's f32 on any device, or packed, which the CPU multiplies with.

use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Int, Tensor, TensorData};
use stepwise_shaders::weights::{BLOCK, Format, MatrixShape, Packed};

use super::packed;
use super::tiles::Compute;
use crate::weights::{Matrix, Stored};

/// `[out, in]`: each row gives one output.
#[derive(Clone, Debug)]
pub(super) enum Weight {
    Dense(Param<Tensor<2>>),
    /// f32 too, where its columns are whole blocks, because burn's products take twice as long; in a browser, where
    /// that was not measured, f32 stays burn's.
    Packed(Arc<Packed>),
}

impl Weight {
    /// A matrix where it is computed with.
    pub(super) fn new(stored: Stored, compute: &Compute) -> Self {
        match stored {
            Stored::Packed(packed) => Self::Packed(Arc::new(packed)),
            Stored::Dense(matrix)
                if cfg!(not(target_arch = "wasm32")) && compute.is_host() && matrix.cols.is_multiple_of(BLOCK) =>
            {
                Self::Packed(Arc::new(as_packed(matrix)))
            }
            Stored::Dense(Matrix { rows, cols, data }) => {
                Self::Dense(Param::from_data(TensorData::new(data, [rows, cols]), compute.device()))
            }
        }
    }

    /// Times every column: `[n_tiles, in, tile]` to `[n_tiles, out, tile]`.
    pub(super) fn project(&self, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(weight) => compute.project(weight.val(), x),
            Self::Packed(weight) => product(weight, compute, x),
        }
    }

    /// The rows of these numbers, `[n, in]`.
    pub(super) fn rows(&self, ids: &[u32], compute: &Compute) -> Tensor<2> {
        match self {
            Self::Dense(weight) => {
                let ids: Vec<i32> = ids.iter().map(|id| i32::try_from(*id).unwrap_or(i32::MAX)).collect();
                weight.val().select(0, Tensor::<1, Int>::from_data(ids.as_slice(), compute.device()))
            }
            Self::Packed(weight) => {
                let rows = packed::rows(weight, ids);
                Tensor::from_data(TensorData::new(rows, [ids.len(), weight.shape.n_columns as usize]), compute.device())
            }
        }
    }
}

/// f32 as it is.
fn as_packed(Matrix { rows, cols, data }: Matrix) -> Packed {
    // A configuration's sizes are far below 2^32.
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let shape = MatrixShape { n_rows: side(rows), n_columns: side(cols) };
    // In the memory that the numbers have already.
    let quants = data.into_iter().map(f32::to_bits).collect();
    Packed { format: Format::F32, shape, quants, scales: Vec::new() }
}

fn product(weight: &Packed, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
    let [n_tiles, _, tile] = x.dims();
    let x = x.into_data();
    let x = x.as_slice::<f32>().expect("the network's numbers are f32");
    let out = packed::product(weight, x, tile);
    Tensor::from_data(TensorData::new(out, [n_tiles, weight.shape.n_rows as usize, tile]), compute.device())
}

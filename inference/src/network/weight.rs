//! A matrix of the network: f32 on any device, or packed, which the CPU multiplies with.

use std::ops::Range;
use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Int, Tensor, TensorData};
use stepwise_shaders::weights::Packed;

use super::packed;
use super::tiles::Compute;

/// `[out, in]`: each row gives one output.
#[derive(Clone, Debug)]
pub(super) enum Weight {
    Dense(Param<Tensor<2>>),
    Packed(Arc<Packed>),
}

impl Weight {
    /// Outputs.
    pub(super) fn n_rows(&self) -> usize {
        match self {
            Self::Dense(weight) => weight.dims()[0],
            Self::Packed(weight) => weight.shape.n_rows as usize,
        }
    }

    /// Times every column: `[n_tiles, in, tile]` to `[n_tiles, out, tile]`.
    pub(super) fn project(&self, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(weight) => compute.project(weight.val(), x),
            Self::Packed(weight) => product(weight, 0..self.n_rows(), compute, x),
        }
    }

    /// [`Weight::project`] with some of the rows.
    pub(super) fn project_rows(&self, rows: Range<usize>, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(weight) => compute.project(weight.val().narrow(0, rows.start, rows.len()), x),
            Self::Packed(weight) => product(weight, rows, compute, x),
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

fn product(weight: &Packed, rows: Range<usize>, compute: &Compute, x: Tensor<3>) -> Tensor<3> {
    let [n_tiles, _, tile] = x.dims();
    let n_out = rows.len();
    let x = x.into_data();
    let x = x.as_slice::<f32>().expect("the network's numbers are f32");
    let out = packed::product(weight, rows, x, tile);
    Tensor::from_data(TensorData::new(out, [n_tiles, n_out, tile]), compute.device())
}

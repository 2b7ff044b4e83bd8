//! Inputs and outputs of a plain product that is tested or measured alone.

use wgpu::{Buffer, BufferUsages};

use super::ProductError;
use crate::fill::{Fill, Pattern, word};
use crate::gpu::{Gpu, GpuError};
use crate::weights::MatrixShape;

/// Inputs and outputs of one product on a device.
#[derive(Clone, Debug)]
pub struct Operands {
    pub(super) inputs: Buffer,
    pub(super) outputs: Buffer,
    pub(super) shape: MatrixShape,
    pub(super) n_columns: u32,
}

impl Operands {
    /// Uploads inputs: `n_columns` columns of `shape.n_columns` numbers, one after the other.
    ///
    /// # Errors
    /// When there are not as many, they do not fit into a binding, or the device has not that much memory left.
    pub async fn upload(gpu: &Gpu, shape: MatrixShape, n_columns: u32, inputs: &[f32]) -> Result<Self, ProductError> {
        let (n_inner, given) = (shape.n_columns, inputs.len());
        let expected = n_inner as usize * n_columns as usize;
        if given != expected {
            return Err(ProductError::Length { n_inner, n_columns, expected, given });
        }
        let operands = Self::allocate(gpu, shape, n_columns).await?;
        gpu.queue.write_buffer(&operands.inputs, 0, bytemuck::cast_slice(inputs));
        Ok(operands)
    }

    /// Inputs that a seed decides, each from 1/2 to 1 or from -1 to -1/2; [`synthetic_column`] has them on the CPU.
    ///
    /// # Errors
    /// As [`Operands::upload`].
    pub async fn synthetic(
        gpu: &Gpu,
        fill: &Fill,
        shape: MatrixShape,
        n_columns: u32,
        seed: u32,
    ) -> Result<Self, ProductError> {
        let operands = Self::allocate(gpu, shape, n_columns).await?;
        gpu.run(&[fill.step(gpu, &operands.inputs, seed, 0, Pattern::HALF_TO_ONE)]);
        Ok(operands)
    }

    async fn allocate(gpu: &Gpu, shape: MatrixShape, n_columns: u32) -> Result<Self, ProductError> {
        let limits = gpu.device.limits();
        let (n_rows, n_inner) = (shape.n_rows, shape.n_columns);
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
        let at_most = u32::try_from(most / u64::from(n_rows.max(n_inner))).unwrap_or(u32::MAX);
        if n_columns == 0 || n_columns > at_most {
            return Err(ProductError::Columns { n_rows, n_inner, n_columns, at_most });
        }
        let bytes = |n: u32| 4 * u64::from(n) * u64::from(n_columns);
        let make = || {
            let inputs = gpu.storage("inputs", bytes(n_inner), BufferUsages::COPY_DST);
            (inputs, gpu.storage("outputs", bytes(n_rows), BufferUsages::COPY_SRC))
        };
        let (inputs, outputs) = gpu.allocate("product", bytes(n_inner) + bytes(n_rows), make).await?;
        Ok(Self { inputs, outputs, shape, n_columns })
    }

    /// The outputs: `n_columns` columns of `shape.n_rows` numbers, one after the other.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn outputs(&self, gpu: &Gpu) -> Result<Vec<f32>, GpuError> {
        let words = gpu.read_words("product", &self.outputs, 0..self.outputs.size() / 4).await?;
        Ok(bytemuck::cast_vec(words))
    }
}

/// A column of synthetic inputs, on the CPU.
#[must_use]
pub fn synthetic_column(shape: MatrixShape, seed: u32, column: u32) -> Vec<f32> {
    let first = column * shape.n_columns;
    let number = |idx: u32| f32::from_bits(word(seed, first + idx, Pattern::HALF_TO_ONE));
    (0..shape.n_columns).map(number).collect()
}

//! A matrix of weights times columns of inputs: `matvec` for up to eight columns, `matmul` beyond.

use wgpu::{Buffer, BufferUsages};

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::fill::{Fill, Pattern, word};
use crate::gpu::{Gpu, GpuError};
use crate::weights::{DeviceWeights, Format, FormatError, MatrixShape};
use crate::{matmul, matvec};

/// What both kernels have in front, behind a format's source.
pub const SOURCE: &str = include_str!("product.wgsl");

/// Why a product was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// The weights have no whole blocks.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// There is no column, or inputs or outputs do not fit into one binding.
    #[error("[{n_rows}, {n_inner}] times {n_columns} columns: 1 to {at_most} columns fit at once; split them")]
    Columns {
        n_rows: u32,
        n_inner: u32,
        n_columns: u32,
        /// Columns that one call can take.
        at_most: u32,
    },
    /// The data is not what the shape says.
    #[error("{n_columns} columns of {n_inner} inputs are {expected} numbers, and {given} were given")]
    Length { n_inner: u32, n_columns: u32, expected: usize, given: usize },
    /// The weights are in another format than the kernel was compiled for.
    #[error("a product with {wanted} weights was given {given} weights")]
    OtherFormat { wanted: Format, given: Format },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// The kernel for a format and a number of columns.
#[derive(Clone, Debug)]
pub struct Product {
    kernel: Kernel,
    pub(crate) format: Format,
    pub(crate) n_columns: u32,
}

/// Inputs and outputs of one product on a device.
#[derive(Clone, Debug)]
pub struct Operands {
    inputs: Buffer,
    outputs: Buffer,
    shape: MatrixShape,
    n_columns: u32,
}

/// What a product takes: a dispatch for each shard, and every weight, input and output once.
#[must_use]
pub fn cost(format: Format, shape: MatrixShape, n_columns: u32, n_shards: u64) -> Cost {
    let (n_rows, n_inner, n_columns) = (u64::from(shape.n_rows), u64::from(shape.n_columns), u64::from(n_columns));
    Cost {
        bytes: shape.n_bytes(format) + 4 * n_columns * (n_inner + n_rows),
        flops: 2 * n_rows * n_inner * n_columns,
        dispatches: n_shards,
    }
}

/// One output in f64 and how far f32 may be off it: the row's weights times a column of inputs, and 2^-19 of the sum of
/// all magnitudes, which is 16 times the rounding of a single number.
#[must_use]
pub fn reference(weights: &[f32], inputs: &[f32]) -> (f64, f64) {
    let products = || weights.iter().zip(inputs).map(|(w, x)| f64::from(*w) * f64::from(*x));
    let magnitudes: f64 = products().map(f64::abs).sum();
    (products().sum(), magnitudes / f64::from(1 << 19))
}

impl Product {
    /// Compiles the kernel: `matvec` or `matmul`, by the number of columns.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu, format: Format, n_columns: u32) -> Result<Self, GpuError> {
        let kernel = match n_columns {
            ..=matvec::MAX_COLUMNS => matvec::kernel(gpu, format, n_columns).await?,
            _ => matmul::kernel(gpu, format, n_columns).await?,
        };
        Ok(Self { kernel, format, n_columns })
    }

    /// The steps of one product, one for each shard of the weights.
    ///
    /// # Errors
    /// When the weights are in another format, or the operands are for another shape.
    pub fn steps(&self, gpu: &Gpu, weights: &DeviceWeights, operands: &Operands) -> Result<Vec<Step>, ProductError> {
        let MatrixShape { n_rows, .. } = weights.shape;
        if weights.format != self.format {
            return Err(ProductError::OtherFormat { wanted: self.format, given: weights.format });
        }
        if operands.shape != weights.shape || operands.n_columns != self.n_columns {
            let n_inner = weights.shape.n_columns;
            let [expected, given] = [(n_inner, self.n_columns), (operands.shape.n_columns, operands.n_columns)]
                .map(|(n_inner, n_columns)| n_inner as usize * n_columns as usize);
            return Err(ProductError::Length { n_inner, n_columns: self.n_columns, expected, given });
        }
        let n_blocks = weights.shape.n_blocks() as u32;
        let step = |shard: &crate::weights::Shard| {
            let shape = gpu.uniform(&[shard.first_row, shard.n_rows, n_rows, n_blocks, self.n_columns]);
            let scales = shard.scales.iter().map(|scales| (1, scales));
            let rest = [(2, &operands.inputs), (3, &operands.outputs), (4, &shape)];
            let buffers: Vec<_> = std::iter::once((0, &shard.quants)).chain(scales).chain(rest).collect();
            let groups = match self.n_columns {
                ..=matvec::MAX_COLUMNS => matvec::workgroups(gpu, shard.n_rows),
                n_columns => matmul::workgroups(shard.n_rows, n_columns),
            };
            self.kernel.step(gpu, &buffers, groups)
        };
        Ok(weights.shards.iter().map(step).collect())
    }
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

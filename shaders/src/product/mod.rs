//! A matrix of weights times columns of inputs: `matvec` for up to eight columns, `matmul` beyond. What stands around a
//! product in a model is done in the same dispatch: a norm before, a bias, a gate or the residual stream after.

mod form;
mod operands;
#[cfg(test)]
mod tests;

pub use self::form::{End, Form, PIECES};
pub use self::operands::{Operands, synthetic_column};

use wgpu::Buffer;

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step};
use crate::gpu::{Gpu, GpuError};
use crate::weights::{BLOCK, DeviceWeights, Format, FormatError, MatrixShape, Packed, Shard};
use crate::{matmul, matvec};

/// What both kernels have in front, behind a format's source and before a form's.
pub const SOURCE: &str = include_str!("head.wgsl");

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
    /// The kernel does something else than the call is for.
    #[error("a product of the form {form:?} was given {what}")]
    OtherForm { form: Form, what: &'static str },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// The kernel for a format, a form and a number of columns.
#[derive(Clone, Debug)]
pub struct Product {
    kernel: Kernel,
    pub(crate) format: Format,
    pub(crate) form: Form,
    pub(crate) n_columns: u32,
}

/// What a product reads beside its weights, and where its outputs go.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Columns of f32, one after the other.
    pub inputs: &'a Buffer,
    /// The column of the inputs that is the product's first.
    pub first_input: u32,
    /// Columns of f32, one after the other; for the residual stream what is added to.
    pub outputs: &'a Buffer,
    /// A norm's gains and what is added to its mean square; for a form with a norm.
    pub norm: Option<(&'a Buffer, f32)>,
    /// A number for each output; for a form with a bias.
    pub biases: Option<&'a Buffer>,
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

/// One output of a form in f64, and how far f32 may be off it. `row` is the output's, `norm` the gains and what is added to
/// the mean square, `before` what was there.
#[must_use]
pub fn reference_of(
    weights: &Packed,
    form: Form,
    row: u32,
    inputs: &[f32],
    norm: Option<(&[f32], f32)>,
    bias: f32,
    before: f32,
) -> (f64, f64) {
    let mean_square = inputs.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / inputs.len() as f64;
    let (gained, factor) = match norm {
        None => (inputs.to_vec(), 1.0),
        Some((gains, epsilon)) => {
            let gained = inputs.iter().zip(gains).map(|(x, gain)| x * gain).collect();
            (gained, 1.0 / (mean_square + f64::from(epsilon)).sqrt())
        }
    };
    let line = |row: u32| {
        let (sum, allowed) = reference(&weights.row(row), &gained);
        (sum * factor, 2.0 * allowed * factor)
    };
    let (sum, allowed) = match form.end {
        End::Stored | End::Added => line(row),
        End::Gated => {
            let ((gate, off), (up, off_up)) = (line(row), line(weights.shape.n_rows / 2 + row));
            let silu = gate / (1.0 + (-gate).exp());
            // The slope of silu is at most 1.1, and an exponential is exact to some 2^-20.
            (silu * up, 1.1 * off * up.abs() + silu.abs() * (off_up + up.abs() / f64::from(1 << 18)))
        }
    };
    let sum = sum + f64::from(bias);
    let whole = if form.end == End::Added { sum + f64::from(before) } else { sum };
    (whole, allowed + whole.abs() / f64::from(1 << 20) + 1e-7)
}

impl Product {
    /// Compiles the kernel of a product and nothing else: `matvec` or `matmul`, by the number of columns.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn new(gpu: &Gpu, format: Format, n_columns: u32) -> Result<Self, GpuError> {
        Self::of_form(gpu, format, Form::PLAIN, n_columns).await
    }

    /// Compiles the kernel of a product with what stands around it.
    ///
    /// # Errors
    /// When the device refuses it.
    pub async fn of_form(gpu: &Gpu, format: Format, form: Form, n_columns: u32) -> Result<Self, GpuError> {
        let kernel = match n_columns {
            ..=matvec::MAX_COLUMNS => matvec::kernel(gpu, format, form, n_columns).await?,
            _ => matmul::kernel(gpu, format, form, n_columns).await?,
        };
        Ok(Self { kernel, format, form, n_columns })
    }

    /// The same kernel for another number of columns that it was compiled for: any with which it has the same tiles.
    pub(crate) fn with_columns(&self, n_columns: u32) -> Self {
        Self { n_columns, ..self.clone() }
    }

    /// The steps of one product, one for each shard of the weights.
    ///
    /// # Errors
    /// When the weights are in another format, or the operands are for another shape.
    pub fn steps(&self, gpu: &Gpu, weights: &DeviceWeights, operands: &Operands) -> Result<Vec<Step>, ProductError> {
        if operands.shape != weights.shape || operands.n_columns != self.n_columns {
            let n_inner = weights.shape.n_columns;
            let [expected, given] = [(n_inner, self.n_columns), (operands.shape.n_columns, operands.n_columns)]
                .map(|(n_inner, n_columns)| n_inner as usize * n_columns as usize);
            return Err(ProductError::Length { n_inner, n_columns: self.n_columns, expected, given });
        }
        let Operands { inputs, outputs, .. } = operands;
        self.bind(gpu, weights, Ends { inputs, first_input: 0, outputs, norm: None, biases: None })
    }

    /// The steps of one product, one for each shard of the weights, with these ends.
    ///
    /// # Errors
    /// When the weights are in another format, or the ends are those of another form or are too short.
    pub fn bind(&self, gpu: &Gpu, weights: &DeviceWeights, ends: Ends<'_>) -> Result<Vec<Step>, ProductError> {
        self.check(weights, ends)?;
        let MatrixShape { n_columns: n_inner, .. } = weights.shape;
        let epsilon = ends.norm.map_or(0.0, |(_, epsilon)| epsilon);
        let step = |shard: &Shard| {
            let shape = gpu.uniform(&[
                shard.first_row,
                shard.n_rows,
                weights.n_outputs(),
                n_inner / BLOCK as u32,
                self.n_columns,
                ends.first_input,
                epsilon.to_bits(),
            ]);
            let scales = shard.scales.iter().map(|scales| (1, scales));
            let gains = ends.norm.iter().map(|(gains, _)| (5, *gains));
            let biases = ends.biases.iter().map(|biases| (6, *biases));
            let whole = [(0, &shard.quants), (2, ends.inputs), (3, ends.outputs), (4, &shape)];
            let buffers: Vec<_> = whole.into_iter().chain(scales).chain(gains).chain(biases).collect();
            let n_outputs = self.form.outputs_of_four();
            let groups = match self.n_columns {
                ..=matvec::MAX_COLUMNS => matvec::workgroups(gpu, shard.n_rows, n_outputs),
                n_columns => matmul::workgroups(shard.n_rows, n_outputs, n_columns),
            };
            self.kernel.step(gpu, &buffers, groups)
        };
        Ok(weights.shards.iter().map(step).collect())
    }

    fn check(&self, weights: &DeviceWeights, ends: Ends<'_>) -> Result<(), ProductError> {
        if weights.format != self.format {
            return Err(ProductError::OtherFormat { wanted: self.format, given: weights.format });
        }
        let Form { is_normed, has_bias, end } = self.form;
        for (wanted, given, what) in [
            (end == End::Gated, weights.are_gated, "weights that lie for another"),
            (is_normed, ends.norm.is_some(), "a norm, or none where it wants one"),
            (has_bias, ends.biases.is_some(), "a bias, or none where it wants one"),
        ] {
            if wanted != given {
                return Err(ProductError::OtherForm { form: self.form, what });
            }
        }
        let (n_inner, n_columns) = (weights.shape.n_columns, self.n_columns);
        let numbers = |n: u32, first: u32| (n as usize) * (n_columns + first) as usize;
        for (buffer, expected) in
            [(ends.inputs, numbers(n_inner, ends.first_input)), (ends.outputs, numbers(weights.n_outputs(), 0))]
        {
            let given = (buffer.size() / 4) as usize;
            if given < expected {
                return Err(ProductError::Length { n_inner, n_columns, expected, given });
            }
        }
        Ok(())
    }
}

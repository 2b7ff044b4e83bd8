//! Log-probabilities of rows of logits, numerically stable, with masked entries.

#[cfg(test)]
mod tests;

use wgpu::{BindGroupEntry, Buffer, BufferUsages, CommandEncoder};

use crate::cost::Cost;
use crate::gpu::{Gpu, GpuError};

/// The kernel's source, so that it can be validated without a device.
pub const SOURCE: &str = include_str!("kernel.wgsl");

const OP: &str = "log_softmax";

/// A row-major matrix of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences that are sampled at once.
    pub n_rows: u32,
    /// The size of the vocabulary.
    pub n_columns: u32,
}

/// What a call takes: each row is read twice and written once; an exponential counts as one operation, beside a
/// subtraction and an addition.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    Cost { bytes: 3 * shape.n_bytes(), flops: 4 * shape.n_entries(), dispatches: 1 }
}

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum LogSoftmaxError {
    /// The matrix has no entry.
    #[error("log_softmax of [{n_rows}, {n_columns}]: neither side may be 0")]
    Empty { n_rows: u32, n_columns: u32 },
    /// The data is not what the shape says.
    #[error("log_softmax of [{n_rows}, {n_columns}]: the shape has {expected} entries, the data {given}")]
    Length {
        n_rows: u32,
        n_columns: u32,
        /// Entries that the shape has.
        expected: u64,
        /// Entries that the data has.
        given: u64,
    },
    /// The matrix does not fit into one binding, or its rows do not fit into one dispatch.
    #[error("log_softmax of [{n_rows}, {n_columns}]: {at_most} rows fit at once on this device; split the rows")]
    TooLarge {
        n_rows: u32,
        n_columns: u32,
        /// Rows of that many columns that one call can take; 0 when not even one row fits.
        at_most: u64,
    },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// The compiled kernel.
#[derive(Debug)]
pub struct LogSoftmax {
    pipeline: wgpu::ComputePipeline,
}

impl LogSoftmax {
    /// Compiles the kernel for the device.
    #[must_use]
    pub fn new(gpu: &Gpu) -> Self {
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(OP),
            source: wgpu::ShaderSource::Wgsl(SOURCE.into()),
        });
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(OP),
            layout: None,
            module: &module,
            entry_point: Some(OP),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        Self { pipeline }
    }

    /// Log-probabilities of `logits`, row by row: uploads, runs and reads back.
    pub async fn run(&self, gpu: &Gpu, logits: &[f32], shape: Shape) -> Result<Vec<f32>, LogSoftmaxError> {
        let Shape { n_rows, n_columns } = shape;
        let (expected, given) = (shape.n_entries(), logits.len() as u64);
        if expected != given {
            return Err(LogSoftmaxError::Length { n_rows, n_columns, expected, given });
        }
        shape.check(&gpu.device.limits())?;
        let size = shape.n_bytes();
        let (input, output, readback) = gpu
            .allocate(OP, 3 * size, || {
                let input = gpu.upload("logits", logits);
                let output = gpu.storage("log-probabilities", size, BufferUsages::COPY_SRC);
                (input, output, gpu.mappable(size))
            })
            .await?;
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.encode(gpu, &mut encoder, &input, &output, shape)?;
        encoder.copy_buffer_to_buffer(&output, 0, &readback, 0, size);
        gpu.queue.submit([encoder.finish()]);
        Ok(gpu.download(OP, &readback).await?)
    }

    /// Records the kernel for buffers that are on the device already: f32, row-major, `STORAGE`, not the same one.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut CommandEncoder,
        logits: &Buffer,
        log_probs: &Buffer,
        shape: Shape,
    ) -> Result<(), LogSoftmaxError> {
        let limits = gpu.device.limits();
        shape.check(&limits)?;
        let Shape { n_rows, n_columns } = shape;
        let expected = shape.n_entries();
        let given = logits.size().min(log_probs.size()) / size_of::<f32>() as u64;
        if given < expected {
            return Err(LogSoftmaxError::Length { n_rows, n_columns, expected, given });
        }
        let uniform = gpu.uniform(&[n_rows, n_columns]);
        let bound = |buffer| {
            let size = std::num::NonZeroU64::new(shape.n_bytes());
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(OP),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[
                BindGroupEntry { binding: 0, resource: bound(logits) },
                BindGroupEntry { binding: 1, resource: bound(log_probs) },
                BindGroupEntry { binding: 2, resource: uniform.as_entire_binding() },
            ],
        });
        let across = n_rows.min(limits.max_compute_workgroups_per_dimension);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(across, n_rows.div_ceil(across), 1);
        Ok(())
    }
}

impl Shape {
    fn n_entries(self) -> u64 {
        u64::from(self.n_rows) * u64::from(self.n_columns)
    }

    fn n_bytes(self) -> u64 {
        self.n_entries() * size_of::<f32>() as u64
    }

    /// Whether one call can take the matrix on a device with these limits.
    fn check(self, limits: &wgpu::Limits) -> Result<(), LogSoftmaxError> {
        let Self { n_rows, n_columns } = self;
        if self.n_entries() == 0 {
            return Err(LogSoftmaxError::Empty { n_rows, n_columns });
        }
        // The kernel counts entries in u32, which a device with huge bindings could outgrow.
        let max_bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let max_entries = (max_bytes / size_of::<f32>() as u64).min(u64::from(u32::MAX));
        let max_groups = u64::from(limits.max_compute_workgroups_per_dimension).pow(2);
        let at_most = (max_entries / u64::from(n_columns)).min(max_groups);
        if u64::from(n_rows) > at_most {
            return Err(LogSoftmaxError::TooLarge { n_rows, n_columns, at_most });
        }
        Ok(())
    }
}

/// What the kernel computes, on the CPU in f64: the truth that every adapter is compared with.
///
/// `logits` is row-major with `n_columns` columns; see the folder's README for masked and broken rows.
#[must_use]
pub fn reference(logits: &[f32], n_columns: usize) -> Vec<f32> {
    logits.chunks(n_columns.max(1)).flat_map(reference_row).collect()
}

fn reference_row(row: &[f32]) -> Vec<f32> {
    if row.iter().any(|x| x.is_nan() || *x == f32::INFINITY) {
        return vec![f32::NAN; row.len()];
    }
    let peak = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if peak == f64::NEG_INFINITY {
        return row.to_vec();
    }
    let sum: f64 = row.iter().map(|x| (f64::from(*x) - peak).exp()).sum();
    row.iter()
        .map(|x| {
            let exact = f64::from(*x) - peak - sum.ln();
            if *x == f32::NEG_INFINITY { *x } else { exact.max(f64::from(f32::MIN)) as f32 }
        })
        .collect()
}

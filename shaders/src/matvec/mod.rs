//! A matrix of weights times up to eight columns: what decoding few samples is made of, and bound by memory.

#[cfg(test)]
mod tests;

use crate::dispatch::{Kernel, groups};
use crate::gpu::{Gpu, GpuError};
use crate::product;
use crate::weights::Format;

/// The kernel's source, behind a format's, [`product::SOURCE`] and the number of columns.
pub const SOURCE: &str = include_str!("kernel.wgsl");

/// The most columns that it takes.
pub const MAX_COLUMNS: u32 = 8;

pub(crate) const OP: &str = "matvec";

/// Invocations of a workgroup: a power of two, and with eight columns its sums take half of the memory that a workgroup
/// has by default.
const WIDTH: u32 = 64;
/// Rows of a workgroup.
const N_ROWS: u32 = 4;

/// The whole source for a format and so many columns.
#[must_use]
pub fn source(format: Format, n_columns: u32) -> String {
    format!("{}\n{}\nconst N_COLUMNS: u32 = {n_columns}u;\n\n{SOURCE}", format.source(), product::SOURCE)
}

pub(crate) async fn kernel(gpu: &Gpu, format: Format, n_columns: u32) -> Result<Kernel, GpuError> {
    Kernel::new(gpu, OP, &source(format, n_columns), &[("WIDTH", WIDTH)]).await
}

/// Workgroups for so many rows of a shard.
pub(crate) fn workgroups(gpu: &Gpu, n_rows: u32) -> [u32; 2] {
    groups(gpu, n_rows.div_ceil(N_ROWS))
}

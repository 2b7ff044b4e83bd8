//! A matrix of weights times up to eight columns: what decoding few samples is made of, and bound by memory.

#[cfg(test)]
mod tests;

use crate::dispatch::{Kernel, groups};
use crate::gpu::{Gpu, GpuError};
use crate::product::{self, Form};
use crate::weights::Format;

/// The kernel's source, behind a format's, [`product::SOURCE`], a form's and the number of columns.
pub const SOURCE: &str = include_str!("kernel.wgsl");

/// The most columns that it takes.
pub const MAX_COLUMNS: u32 = 8;

pub(crate) const OP: &str = "matvec";

/// Invocations of a workgroup: a power of two, and with eight columns its sums take half of the memory that a workgroup
/// has by default.
const WIDTH: u32 = 64;

/// The whole source for a format, a form and so many columns.
#[must_use]
pub fn source(format: Format, form: Form, n_columns: u32) -> String {
    let pieces = [format.source(), product::SOURCE, &form.source(), &format!("const N_COLUMNS: u32 = {n_columns}u;\n")];
    format!("{}\n{SOURCE}", pieces.join("\n"))
}

pub(crate) async fn kernel(gpu: &Gpu, format: Format, form: Form, n_columns: u32) -> Result<Kernel, GpuError> {
    Kernel::new(gpu, OP, &source(format, form, n_columns), &[("WIDTH", WIDTH)]).await
}

/// Workgroups for so many outputs of a shard, of which each makes `n_outputs`.
pub(crate) fn workgroups(gpu: &Gpu, n_rows: u32, n_outputs: u32) -> [u32; 2] {
    groups(gpu, n_rows.div_ceil(n_outputs))
}

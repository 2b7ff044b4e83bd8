//! A matrix of weights times many columns: what reading a prompt and decoding many samples are made of.

#[cfg(test)]
mod tests;

use crate::dispatch::Kernel;
use crate::gpu::{Gpu, GpuError};
use crate::product::{self, Form};
use crate::weights::Format;

/// The kernel's source, behind a format's, [`product::SOURCE`] and a form's.
pub const SOURCE: &str = include_str!("kernel.wgsl");

pub(crate) const OP: &str = "matmul";

/// Invocations of a workgroup side by side, each with four rows of the tile.
const LANES: u32 = 16;

/// The whole source for a format and a form.
#[must_use]
pub fn source(format: Format, form: Form) -> String {
    [format.source(), product::SOURCE, &form.source(), SOURCE].join("\n")
}

pub(crate) async fn kernel(gpu: &Gpu, format: Format, form: Form, n_columns: u32) -> Result<Kernel, GpuError> {
    Kernel::new(gpu, OP, &source(format, form), &[("TILE_COLUMNS", tile_columns(n_columns))]).await
}

/// Workgroups for so many outputs of a shard, of which four rows of weights make `n_outputs`.
pub(crate) fn workgroups(n_rows: u32, n_outputs: u32, n_columns: u32) -> [u32; 2] {
    [n_rows.div_ceil(LANES * n_outputs), n_columns.div_ceil(tile_columns(n_columns))]
}

/// Columns of a workgroup's tile: no wider than they are, because what is past the end is computed all the same. An
/// invocation has 16 of a tile's outputs, so that a workgroup has four invocations for each column.
pub(crate) fn tile_columns(n_columns: u32) -> u32 {
    n_columns.next_power_of_two().clamp(16, 64)
}

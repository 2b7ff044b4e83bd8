//! A matrix of weights times many columns: what reading a prompt and decoding many samples are made of.

#[cfg(test)]
mod tests;

use crate::dispatch::Kernel;
use crate::gpu::{Gpu, GpuError};
use crate::product;
use crate::weights::Format;

/// The kernel's source, behind a format's and [`product::SOURCE`].
pub const SOURCE: &str = include_str!("kernel.wgsl");

pub(crate) const OP: &str = "matmul";

/// Rows of a workgroup's tile.
const TILE_ROWS: u32 = 64;

/// The whole source for a format.
#[must_use]
pub fn source(format: Format) -> String {
    format!("{}\n{}\n{SOURCE}", format.source(), product::SOURCE)
}

pub(crate) async fn kernel(gpu: &Gpu, format: Format, n_columns: u32) -> Result<Kernel, GpuError> {
    Kernel::new(gpu, OP, &source(format), &[("TILE_COLUMNS", tile_columns(n_columns))]).await
}

/// Workgroups for so many rows of a shard.
pub(crate) fn workgroups(n_rows: u32, n_columns: u32) -> [u32; 2] {
    [n_rows.div_ceil(TILE_ROWS), n_columns.div_ceil(tile_columns(n_columns))]
}

/// Columns of a workgroup's tile: no wider than they are, because what is past the end is computed all the same. An
/// invocation has 16 of a tile's outputs, so that a workgroup has four invocations for each column.
fn tile_columns(n_columns: u32) -> u32 {
    n_columns.next_power_of_two().clamp(16, 64)
}

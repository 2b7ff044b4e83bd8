//! Columns as the kernels read them.

use std::borrow::Cow;

use stepwise_shaders::weights::BLOCK;

use super::panel::BLOCKS;

/// Columns up to which products are dot products along the rows.
pub(super) const FEW: usize = 8;

/// Columns that are multiplied with a row at once: so many sums, and what makes them, are in registers together.
pub(super) const GROUP: usize = 4;

/// Tiles are filled up to a multiple of this: the longest vector of f32.
const VECTOR: usize = 16;

/// Columns, filled up with columns of 0.
pub(super) struct Columns<'a> {
    pub(super) n_in: usize,
    /// Columns of a tile that are meant.
    pub(super) tile: usize,
    pub(super) layout: Layout<'a>,
}

/// Where the columns are.
pub(super) enum Layout<'a> {
    /// A single tile of at most [`FEW`] columns, in groups of `width`, 1, 2 or [`GROUP`]: `[n_groups, n_blocks, width,
    /// BLOCK]`; and the sums of their blocks, `[n_groups, n_blocks / BLOCKS, width, BLOCKS]`, rounded up.
    Few { width: usize, x: Aligned, sums: Aligned },
    /// `[n_tiles, n_in, width]`.
    Tiles { width: usize, x: Cow<'a, [f32]> },
}

impl<'a> Columns<'a> {
    /// Of `[n_tiles, n_in, tile]`.
    pub(super) fn new(x: &'a [f32], n_in: usize, tile: usize) -> Self {
        let layout = if tile <= FEW && x.len() == n_in * tile { few(x, n_in, tile) } else { tiles(x, tile) };
        Self { n_in, tile, layout }
    }
}

fn few(x: &[f32], n_in: usize, tile: usize) -> Layout<'static> {
    let width = tile.next_power_of_two().min(GROUP);
    let n_groups = tile.div_ceil(width);
    let n_blocks = n_in / BLOCK;
    let mut columns = Aligned::zeros(n_groups * n_in * width);
    let mut sums = Aligned::zeros(n_groups * n_blocks.next_multiple_of(BLOCKS) * width);
    let groups = columns.get_mut().chunks_exact_mut(n_in * width);
    let groups = groups.zip(sums.get_mut().chunks_exact_mut(n_blocks.next_multiple_of(BLOCKS) * width));
    for ((group, sums), first) in groups.zip((0..).step_by(width)) {
        let blocks = group.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(width);
        for (idx, (blocks, x)) in blocks.zip(x.chunks_exact(BLOCK * tile)).enumerate() {
            for (column, block) in blocks.iter_mut().take(tile - first).enumerate() {
                block.iter_mut().zip(x[first + column..].iter().step_by(tile)).for_each(|(out, x)| *out = *x);
                sums[(idx / BLOCKS * width + column) * BLOCKS + idx % BLOCKS] = block.iter().sum();
            }
        }
    }
    Layout::Few { width, x: columns, sums }
}

fn tiles(x: &[f32], tile: usize) -> Layout<'_> {
    let width = tile.next_multiple_of(VECTOR);
    if width == tile {
        return Layout::Tiles { width, x: Cow::Borrowed(x) };
    }
    let mut filled = vec![0.0; x.len() / tile * width];
    filled.chunks_exact_mut(width).zip(x.chunks_exact(tile)).for_each(|(out, x)| out[..tile].copy_from_slice(x));
    Layout::Tiles { width, x: filled.into() }
}

/// Numbers that begin on a cache line, so that no vector of them lies on two.
pub(super) struct Aligned {
    data: Vec<f32>,
    skipped: usize,
    n: usize,
}

impl Aligned {
    /// Bytes of a cache line.
    const LINE: usize = 64;

    fn zeros(n: usize) -> Self {
        let filling = Self::LINE / size_of::<f32>();
        let data = vec![0.0_f32; n + filling];
        let skipped = data.as_ptr().align_offset(Self::LINE).min(filling);
        Self { data, skipped, n }
    }

    pub(super) fn get(&self) -> &[f32] {
        &self.data[self.skipped..][..self.n]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.skipped..][..self.n]
    }
}

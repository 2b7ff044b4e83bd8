//! Keys and values on a device: in pages, so that room for more tokens is one copy for each buffer.

use wgpu::{Buffer, BufferUsages, CommandEncoderDescriptor};

use super::Shape;
use crate::attention::Sets;
use crate::gpu::{Gpu, GpuError};

/// Tokens of a page: as many as attention goes through at a time.
pub(super) const PAGE: usize = 64;

/// Keys and values of every layer, in f16.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    layers: Vec<[Buffer; 2]>,
    n_sets: u32,
    n_pages: usize,
}

/// A text's keys and values on a device; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    pub(super) cache: Cache,
    n_tokens: usize,
}

impl Prefix {
    pub(super) fn new(cache: Cache, n_tokens: usize) -> Self {
        Self { cache, n_tokens }
    }

    /// Tokens that were read.
    #[must_use]
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// Memory of keys and values on the device, in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.cache.layers.iter().flatten().map(Buffer::size).sum()
    }
}

impl Cache {
    /// Room for `n_tokens` tokens of each of `n_sets` sets.
    pub(super) async fn new(gpu: &Gpu, shape: Shape, n_sets: u32, n_tokens: usize) -> Result<Self, GpuError> {
        let n_pages = n_tokens.div_ceil(PAGE).max(1);
        let n_bytes = n_pages as u64 * page_bytes(shape, n_sets);
        let usage = BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let make = || {
            let layers =
                (0..shape.n_layers).map(|_| ["keys", "values"].map(|label| gpu.storage(label, n_bytes, usage)));
            layers.collect()
        };
        let layers = gpu.allocate("keys and values", 2 * u64::from(shape.n_layers) * n_bytes, make).await?;
        Ok(Self { layers, n_sets, n_pages })
    }

    /// Room for `n_tokens` tokens of one set, whose first `n_kept` are those of another cache.
    pub(super) async fn begun(
        gpu: &Gpu,
        shape: Shape,
        other: &Self,
        n_kept: usize,
        n_tokens: usize,
    ) -> Result<Self, GpuError> {
        let cache = Self::new(gpu, shape, 1, n_tokens).await?;
        cache.take(gpu, shape, other, n_kept.div_ceil(PAGE));
        Ok(cache)
    }

    /// Makes room for `n_tokens` tokens of each set; whether that was needed.
    pub(super) async fn grow(&mut self, gpu: &Gpu, shape: Shape, n_tokens: usize) -> Result<bool, GpuError> {
        if n_tokens <= self.n_pages * PAGE {
            return Ok(false);
        }
        let larger = Self::new(gpu, shape, self.n_sets, n_tokens.max(2 * self.n_pages * PAGE)).await?;
        larger.take(gpu, shape, self, self.n_pages);
        *self = larger;
        Ok(true)
    }

    /// Copies another cache's first pages.
    fn take(&self, gpu: &Gpu, shape: Shape, other: &Self, n_pages: usize) {
        let n_bytes = n_pages as u64 * page_bytes(shape, self.n_sets);
        if n_bytes == 0 {
            return;
        }
        let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor::default());
        for (own, others) in self.layers.iter().flatten().zip(other.layers.iter().flatten()) {
            encoder.copy_buffer_to_buffer(others, 0, own, 0, n_bytes);
        }
        gpu.submit_commands(encoder.finish());
    }

    pub(super) fn layer(&self, idx: usize) -> Sets<'_> {
        Sets::new(&self.layers[idx], PAGE as u32, self.n_sets)
    }
}

/// Bytes of one page of one layer's keys, and as many of its values.
fn page_bytes(shape: Shape, n_sets: u32) -> u64 {
    2 * PAGE as u64 * u64::from(n_sets) * u64::from(shape.n_kv_heads * shape.head_dim)
}

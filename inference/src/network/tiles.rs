//! How activations lie in memory, and burn's matrix product with them.
//!
//! Activations are `[n_tiles, features, tile]`: a column is a token. With the weights as Hugging Face stores them,
//! `[out, in]`, the product reads both operands along their rows. On the CPU that is three times as fast as the usual
//! `[tokens, features]`, where each product first packs its weights again (32 tokens, 512 to 2816 features, two cores
//! of an AMD EPYC with AVX-512: 230 against 65 GFLOP/s), and narrow tiles keep a block of columns in the first cache.

use burn::tensor::{Device, Tensor};

/// Columns of a tile on the CPU: three vectors of AVX-512, six of AVX2.
const CPU_TILE: usize = 48;
/// The fewest parts for which burn's CPU backend hands out the parts of a product to its threads.
const MIN_PARTS: usize = 4;

/// What runs the network: a device, and how its work is best cut.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    /// Threads of the CPU backend; 0 for a GPU.
    n_threads: usize,
}

impl Compute {
    /// burn's CPU backend, which may use this many threads.
    #[must_use]
    pub fn cpu(n_threads: usize) -> Self {
        Self { device: Device::flex(), n_threads: n_threads.max(1) }
    }

    /// A GPU.
    #[must_use]
    pub fn gpu(device: Device) -> Self {
        Self { device, n_threads: 0 }
    }

    /// The same device with every operation recorded, so that results can be differentiated. All tokens are one tile,
    /// because the backward pass would sum a weight's gradient over tiles.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn learning(&self) -> Self {
        Self::gpu(self.device.clone().autodiff())
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether this is the CPU.
    #[must_use]
    pub fn is_cpu(&self) -> bool {
        self.n_threads > 0
    }

    /// Whether tensors lie in the CPU's memory and nothing records what is done with them, as learning does.
    pub(super) fn is_host(&self) -> bool {
        self.is_cpu() && !self.device.is_autodiff()
    }

    /// How `n_tokens` columns are laid out.
    pub(super) fn tiling(&self, n_tokens: usize) -> Tiling {
        let tile = if self.is_cpu() { n_tokens.clamp(1, CPU_TILE) } else { n_tokens.max(1) };
        Tiling { n_tokens, tile, n_tiles: n_tokens.div_ceil(tile).max(1) }
    }

    /// `weight` times every column: `[out, in]` and `[n_tiles, in, tile]` to `[n_tiles, out, tile]`.
    pub(super) fn project(&self, weight: Tensor<2>, x: Tensor<3>) -> Tensor<3> {
        let [n_out, n_in] = weight.dims();
        let [n_tiles, _, tile] = x.dims();
        let parts = MIN_PARTS.max(self.n_threads.next_power_of_two());
        // Tiles are work for several threads already; a single one is cut along the weight's rows.
        if !self.is_cpu() || n_tiles >= parts || n_out % parts != 0 {
            return weight.unsqueeze::<3>().matmul(x);
        }
        let weight = weight.reshape([1, parts, n_out / parts, n_in]);
        weight.matmul(x.reshape([n_tiles, 1, n_in, tile])).reshape([n_tiles, n_out, tile])
    }
}

/// A number of tokens, cut into tiles. The last tile is filled up with columns that nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    pub(super) n_tokens: usize,
    pub(super) tile: usize,
    pub(super) n_tiles: usize,
}

impl Tiling {
    /// Columns, those of the filling included.
    pub(super) fn n_columns(self) -> usize {
        self.n_tiles * self.tile
    }

    /// Rows of an embedding, `[n_columns, features]`, as tiles.
    pub(super) fn tiles_of_rows(self, rows: Tensor<2>) -> Tensor<3> {
        let [_, features] = rows.dims();
        rows.reshape([self.n_tiles, self.tile, features]).swap_dims(1, 2)
    }

    /// `[features, n_tokens]` as tiles.
    pub(super) fn pack(self, x: Tensor<2>) -> Tensor<3> {
        let [features, _] = x.dims();
        let filling = self.n_columns() - self.n_tokens;
        let x = if filling > 0 {
            let filling = Tensor::zeros([features, filling], &x.device());
            Tensor::cat(vec![x, filling], 1)
        } else {
            x
        };
        x.reshape([features, self.n_tiles, self.tile]).swap_dims(0, 1)
    }

    /// Tiles as `[features, n_tokens]`.
    pub(super) fn unpack(self, x: Tensor<3>) -> Tensor<2> {
        let [_, features, _] = x.dims();
        x.swap_dims(0, 1).reshape([features, self.n_columns()]).narrow(1, 0, self.n_tokens)
    }
}

//! Attention of sibling samples: to the prefix that they share, which is read once for all of them, and to the tokens that
//! each has of its own.

mod reference;
#[cfg(test)]
mod tests;

pub use self::reference::{reference, reference_of, synthetic};

use half::f16;
use wgpu::{Buffer, BufferUsages};

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step, groups};
use crate::fill::{Fill, Pattern};
use crate::gpu::{Gpu, GpuError};

/// The source of the kernel that attends to a part of the keys, behind the sizes that [`source`] puts there.
pub const SOURCE: &str = include_str!("kernel.wgsl");
/// The source of the kernel that puts parts together, likewise.
pub const MERGE_SOURCE: &str = include_str!("merge.wgsl");

const OP: &str = "attention";

/// Keys that a workgroup goes through at a time.
const CHUNK: u32 = 64;
/// Workgroups that a device wants to be busy with; a long prefix is split until there are as many, those of own tokens
/// among them. More would leave more parts to be merged: with 512, a step of 32 samples would read a fiftieth more.
const BUSY: u32 = 384;
/// Halves of either sign, their magnitudes from 1/2 to 1.
const HALVES: Pattern = Pattern { keep: 0x83ff_83ff, set: 0x3800_3800 };

/// The sizes of one step of all samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub n_samples: u32,
    /// Heads of queries; a multiple of `n_kv_heads`.
    pub n_heads: u32,
    /// Heads of keys and values.
    pub n_kv_heads: u32,
    /// Numbers of a head: a multiple of 4, 256 at most.
    pub head_dim: u32,
    /// Tokens that all samples share; at least one.
    pub n_prefix: u32,
    /// Tokens that each sample has of its own; may be 0.
    pub n_own: u32,
}

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AttentionError {
    /// A size is 0, or one does not divide another.
    #[error("attention of {0:?}: {1}")]
    Shape(Shape, &'static str),
    /// The data is not what the shape says.
    #[error("attention of {shape:?}: {what} has {expected} numbers, and {given} were given")]
    Length {
        shape: Shape,
        /// Which data.
        what: &'static str,
        expected: usize,
        given: usize,
    },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// What a step attends with, in f32 as the host has it: all row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// `[n_samples, n_heads, head_dim]`.
    pub queries: Vec<f32>,
    /// `[n_kv_heads, n_prefix, head_dim]`, kept as f16 on the device.
    pub prefix_keys: Vec<f32>,
    pub prefix_values: Vec<f32>,
    /// `[n_samples, n_kv_heads, n_own, head_dim]`, kept as f16 on the device.
    pub own_keys: Vec<f32>,
    pub own_values: Vec<f32>,
}

/// The compiled kernels, for heads of one size.
#[derive(Clone, Debug)]
pub struct Attention {
    attend: Kernel,
    merge: Kernel,
    head_dim: u32,
}

/// Keys and values in f16 on a device, in pages of tokens: in each page the sets, in each the key-value heads, in each
/// the tokens with their numbers. So room for more tokens is more pages behind the others.
#[derive(Clone, Copy, Debug)]
pub struct Sets<'a> {
    pub keys: &'a Buffer,
    pub values: &'a Buffer,
    /// Tokens of a page: a multiple of 64, or no less than there are.
    pub page: u32,
    /// Sets that there is room for.
    pub n_sets: u32,
}

/// What one call reads, and where it leaves what it found.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Of `n_own` it counts whether there are any: how many, the device knows.
    pub shape: Shape,
    /// The samples are the prefix's own last tokens, and none sees what is behind it.
    pub is_causal: bool,
    /// `[n_samples, n_heads, head_dim]` in f32.
    pub queries: &'a Buffer,
    /// One set.
    pub prefix: Sets<'a>,
    /// A set for each sample; `None` for no own tokens.
    pub own: Option<Sets<'a>>,
    /// In words: how many own tokens samples have, and the set of each sample.
    pub state: &'a Buffer,
    pub scratch: &'a Scratch,
    /// `[n_samples, n_heads, head_dim]` in f32.
    pub outputs: &'a Buffer,
}

/// What workgroups leave to be merged: room for one call, or for several that come one after the other.
#[derive(Clone, Debug)]
pub struct Scratch {
    normalisers: Buffer,
    sums: Buffer,
}

/// A step that is ready to be repeated.
#[derive(Clone, Debug)]
pub struct Attended {
    /// What computes it: all parts, and their merging.
    pub steps: Vec<Step>,
    outputs: Buffer,
}

/// What a step takes when the prefix is read once for all samples.
#[must_use]
pub fn cost(shape: Shape) -> Cost {
    let Shape { n_samples, n_heads, n_kv_heads, head_dim, n_prefix, n_own } = shape;
    let [n_samples, n_heads, n_kv_heads, head_dim] = [n_samples, n_heads, n_kv_heads, head_dim].map(u64::from);
    let n_keys = u64::from(n_prefix) + n_samples * u64::from(n_own);
    Cost {
        bytes: 4 * n_keys * n_kv_heads * head_dim + 8 * n_samples * n_heads * head_dim,
        flops: 4 * n_samples * n_heads * head_dim * u64::from(n_prefix + n_own),
        dispatches: 2,
    }
}

/// The whole source of a kernel for heads of so many numbers.
#[must_use]
pub fn source(kernel: &str, head_dim: u32) -> String {
    let n_queries = queries_of_tile(head_dim);
    format!("const HEAD_QUADS: u32 = {}u;\nconst QUERIES: u32 = {n_queries}u;\n\n{kernel}", head_dim / 4)
}

/// Queries of a workgroup: 16 of 256 numbers would want more memory than a workgroup has by default.
const fn queries_of_tile(head_dim: u32) -> u32 {
    if head_dim > 128 { 8 } else { 16 }
}

/// A step's inputs on the device.
struct DeviceInputs {
    queries: Buffer,
    /// Keys and values of the prefix.
    prefix: [Buffer; 2],
    /// Keys and values of own tokens; `None` without any.
    own: Option<[Buffer; 2]>,
}

impl Attention {
    /// Compiles the kernels for heads of `head_dim` numbers: a multiple of 4, and 256 at most.
    ///
    /// # Errors
    /// When the device refuses them.
    pub async fn new(gpu: &Gpu, head_dim: u32) -> Result<Self, GpuError> {
        let attend = Kernel::new(gpu, OP, &source(SOURCE, head_dim), &[]).await?;
        let merge = Kernel::new(gpu, OP, &source(MERGE_SOURCE, head_dim), &[("WIDTH", CHUNK)]).await?;
        Ok(Self { attend, merge, head_dim })
    }

    /// Uploads the inputs of a step.
    ///
    /// # Errors
    /// When the shape is none or has other heads, the inputs are not of that shape, or the device has not that much
    /// memory left.
    pub async fn upload(&self, gpu: &Gpu, shape: Shape, inputs: &Inputs) -> Result<Attended, AttentionError> {
        self.check(shape)?;
        let sizes = shape.sizes();
        let given = [
            ("queries", &inputs.queries, sizes.queries),
            ("prefix_keys", &inputs.prefix_keys, sizes.prefix),
            ("prefix_values", &inputs.prefix_values, sizes.prefix),
            ("own_keys", &inputs.own_keys, sizes.own),
            ("own_values", &inputs.own_values, sizes.own),
        ];
        if let Some((what, data, expected)) = given.into_iter().find(|(_, data, expected)| data.len() != *expected) {
            return Err(AttentionError::Length { shape, what, expected, given: data.len() });
        }
        let device = DeviceInputs::allocate(gpu, shape).await?;
        gpu.queue.write_buffer(&device.queries, 0, bytemuck::cast_slice(&inputs.queries));
        let own = device.own.iter().flatten().zip([&inputs.own_keys, &inputs.own_values]);
        for (buffer, numbers) in device.prefix.iter().zip([&inputs.prefix_keys, &inputs.prefix_values]).chain(own) {
            let halves: Vec<u16> = numbers.iter().map(|number| f16::from_f32(*number).to_bits()).collect();
            gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&halves));
        }
        Ok(self.prepared(gpu, shape, &device).await?)
    }

    /// As [`Attention::upload`], with inputs that a seed decides; [`synthetic`] has them on the CPU.
    ///
    /// # Errors
    /// As [`Attention::upload`].
    pub async fn synthetic(&self, gpu: &Gpu, fill: &Fill, shape: Shape, seed: u32) -> Result<Attended, AttentionError> {
        self.check(shape)?;
        let device = DeviceInputs::allocate(gpu, shape).await?;
        let mut steps = vec![fill.step(gpu, &device.queries, seed, 0, Pattern::HALF_TO_ONE)];
        let halves = device.prefix.iter().chain(device.own.iter().flatten());
        steps.extend((1..).zip(halves).map(|(idx, buffer)| fill.step(gpu, buffer, seed + idx, 0, HALVES)));
        gpu.run(&steps);
        Ok(self.prepared(gpu, shape, &device).await?)
    }

    fn check(&self, shape: Shape) -> Result<(), AttentionError> {
        shape.check()?;
        if shape.head_dim == self.head_dim {
            Ok(())
        } else {
            Err(AttentionError::Shape(shape, "other heads than compiled"))
        }
    }

    async fn prepared(&self, gpu: &Gpu, shape: Shape, device: &DeviceInputs) -> Result<Attended, GpuError> {
        let scratch = Scratch::new(gpu, shape).await?;
        let n_bytes = 4 * shape.sizes().queries as u64;
        let outputs = gpu.allocate(OP, n_bytes, || gpu.storage("attended", n_bytes, BufferUsages::COPY_SRC)).await?;
        let sets: Vec<u32> = std::iter::once(shape.n_own).chain(0..shape.n_samples).collect();
        let state = gpu.storage("state", 4 * sets.len() as u64, BufferUsages::COPY_DST);
        gpu.queue.write_buffer(&state, 0, bytemuck::cast_slice(&sets));
        let steps = self.bind(
            gpu,
            Reading {
                shape,
                is_causal: false,
                queries: &device.queries,
                prefix: Sets::new(&device.prefix, shape.n_prefix, 1),
                own: device.own.as_ref().map(|own| Sets::new(own, shape.n_own, shape.n_samples)),
                state: &state,
                scratch: &scratch,
                outputs: &outputs,
            },
        );
        Ok(Attended { steps: steps.into(), outputs })
    }

    /// The two steps of one call: all parts, and their merging. Buffers must have room for what the shape says.
    #[must_use]
    pub fn bind(&self, gpu: &Gpu, reading: Reading<'_>) -> [Step; 2] {
        let Reading { shape, prefix, scratch, .. } = reading;
        // Without own tokens nothing is read of theirs, and something must be bound.
        let own = reading.own.unwrap_or(prefix);
        let n_splits = shape.n_splits();
        let n_seen = if reading.is_causal { shape.n_prefix + 1 - shape.n_samples } else { shape.n_prefix };
        let parameters = gpu.uniform(&[
            shape.n_samples,
            shape.n_heads,
            shape.n_kv_heads,
            shape.n_prefix,
            n_seen,
            reading.is_causal.into(),
            shape.keys_of_split(),
            n_splits,
            prefix.page,
            own.page,
            own.n_sets,
            (1.0 / (shape.head_dim as f32).sqrt()).to_bits(),
        ]);
        let buffers = [
            (0, prefix.keys),
            (1, prefix.values),
            (2, own.keys),
            (3, own.values),
            (4, reading.queries),
            (5, &scratch.normalisers),
            (6, &scratch.sums),
            (7, reading.state),
            (8, &parameters),
        ];
        let group = shape.n_heads / shape.n_kv_heads;
        let n_tile = queries_of_tile(shape.head_dim);
        let n_shared = n_splits * (shape.n_samples * group).div_ceil(n_tile) * shape.n_kv_heads;
        let n_own = if reading.own.is_some() { shape.n_samples * group.div_ceil(n_tile) * shape.n_kv_heads } else { 0 };
        let attend = self.attend.step(gpu, &buffers, groups(gpu, n_shared + n_own));
        let n_queries = shape.n_samples * shape.n_heads;
        let parameters = gpu.uniform(&[n_splits + u32::from(reading.own.is_some()), n_queries]);
        let buffers = [(0, &scratch.normalisers), (1, &scratch.sums), (2, reading.outputs), (3, &parameters)];
        let n_groups = (n_queries * shape.head_dim / 4).div_ceil(CHUNK);
        [attend, self.merge.step(gpu, &buffers, groups(gpu, n_groups))]
    }
}

impl<'a> Sets<'a> {
    /// Sets of keys and values.
    #[must_use]
    pub const fn new([keys, values]: &'a [Buffer; 2], page: u32, n_sets: u32) -> Self {
        Self { keys, values, page, n_sets }
    }
}

impl Scratch {
    /// Room for calls of this shape or with a shorter prefix, with own tokens or without.
    ///
    /// # Errors
    /// When the device has not that much memory left.
    pub async fn new(gpu: &Gpu, shape: Shape) -> Result<Self, GpuError> {
        let n_slots = u64::from(shape.most_splits() + 1);
        let n_sums = 4 * shape.sizes().queries as u64 * n_slots;
        let n_normalisers = 8 * u64::from(shape.n_samples * shape.n_heads) * n_slots;
        let make = || Self {
            normalisers: gpu.storage("normalisers", n_normalisers, BufferUsages::empty()),
            sums: gpu.storage("sums", n_sums, BufferUsages::empty()),
        };
        gpu.allocate(OP, n_sums + n_normalisers, make).await
    }
}

impl Attended {
    /// What came out: `[n_samples, n_heads, head_dim]`.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn outputs(&self, gpu: &Gpu) -> Result<Vec<f32>, GpuError> {
        Ok(bytemuck::cast_vec(gpu.read_words(OP, &self.outputs, 0..self.outputs.size() / 4).await?))
    }
}

impl DeviceInputs {
    async fn allocate(gpu: &Gpu, shape: Shape) -> Result<Self, GpuError> {
        let sizes = shape.sizes();
        let buffer = |label, n_bytes: usize| gpu.storage(label, n_bytes as u64, BufferUsages::COPY_DST);
        let make = || Self {
            queries: buffer("queries", 4 * sizes.queries),
            prefix: [buffer("prefix keys", 2 * sizes.prefix), buffer("prefix values", 2 * sizes.prefix)],
            own: (sizes.own > 0).then(|| [buffer("own keys", 2 * sizes.own), buffer("own values", 2 * sizes.own)]),
        };
        gpu.allocate(OP, (4 * (sizes.queries + sizes.prefix + sizes.own)) as u64, make).await
    }
}

/// Numbers in each of a step's inputs.
struct Sizes {
    queries: usize,
    prefix: usize,
    own: usize,
}

impl Shape {
    fn sizes(self) -> Sizes {
        let [n_samples, n_heads, n_kv_heads] = [self.n_samples, self.n_heads, self.n_kv_heads].map(|n| n as usize);
        let [head_dim, n_prefix, n_own] = [self.head_dim, self.n_prefix, self.n_own].map(|n| n as usize);
        Sizes {
            queries: n_samples * n_heads * head_dim,
            prefix: n_kv_heads * n_prefix * head_dim,
            own: n_samples * n_kv_heads * n_own * head_dim,
        }
    }

    fn check(self) -> Result<(), AttentionError> {
        let Self { n_samples, n_heads, n_kv_heads, head_dim, n_prefix, .. } = self;
        let wrong = |why| Err(AttentionError::Shape(self, why));
        if [n_samples, n_heads, n_kv_heads, head_dim, n_prefix].contains(&0) {
            return wrong("only n_own may be 0");
        }
        if !n_heads.is_multiple_of(n_kv_heads) {
            return wrong("n_heads must be a multiple of n_kv_heads");
        }
        if !head_dim.is_multiple_of(4) || head_dim > 256 {
            return wrong("head_dim must be a multiple of 4, and 256 at most");
        }
        Ok(())
    }

    /// Parts that the prefix is split into.
    pub(crate) fn n_splits(self) -> u32 {
        self.n_prefix.div_ceil(self.keys_of_split())
    }

    /// Keys of the prefix that one workgroup goes through: as many chunks as leave a device busy.
    fn keys_of_split(self) -> u32 {
        self.n_prefix.div_ceil(self.most_splits()).next_multiple_of(CHUNK)
    }

    /// Parts that the prefix, or a shorter one, is split into at most.
    fn most_splits(self) -> u32 {
        let n_tile = queries_of_tile(self.head_dim);
        let group = self.n_heads / self.n_kv_heads;
        let n_tiles = (self.n_samples * group).div_ceil(n_tile) * self.n_kv_heads;
        let n_own = if self.n_own > 0 { self.n_samples * group.div_ceil(n_tile) * self.n_kv_heads } else { 0 };
        BUSY.saturating_sub(n_own).div_ceil(n_tiles).clamp(1, self.n_prefix.div_ceil(CHUNK))
    }
}

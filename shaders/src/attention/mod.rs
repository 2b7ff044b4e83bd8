//! Attention of sibling samples: to the prefix that they share, which is read once for all of them, and to the tokens that
//! each has of its own.

#[cfg(test)]
mod tests;

use half::f16;
use wgpu::{Buffer, BufferUsages};

use crate::cost::Cost;
use crate::dispatch::{Kernel, Step, groups};
use crate::fill::{Fill, Pattern, word};
use crate::gpu::{Gpu, GpuError};

/// The source of the kernel that attends to a part of the keys, behind the sizes that [`source`] puts there.
pub const SOURCE: &str = include_str!("kernel.wgsl");
/// The source of the kernel that puts parts together, likewise.
pub const MERGE_SOURCE: &str = include_str!("merge.wgsl");

const OP: &str = "attention";

/// Keys that a workgroup goes through at a time.
const CHUNK: u32 = 64;
/// Workgroups that a device wants to be busy with; a long prefix is split until there are as many.
const BUSY: u32 = 512;
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

/// A step that is ready to be repeated.
#[derive(Clone, Debug)]
pub struct Attended {
    /// What computes it: the prefix, the own tokens where there are any, and their merging.
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
        dispatches: if n_own == 0 { 2 } else { 3 },
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

/// Sets of keys and values that a dispatch goes through.
struct Part<'a> {
    keys: &'a Buffer,
    values: &'a Buffer,
    is_shared: bool,
    n_keys: u32,
    keys_of_split: u32,
    first_slot: u32,
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
        let n_queries = shape.n_samples * shape.n_heads;
        let keys_of_split = shape.keys_of_split();
        let n_splits = shape.n_prefix.div_ceil(keys_of_split);
        let n_slots = n_splits + u32::from(device.own.is_some());
        let n_outputs = 4 * shape.sizes().queries as u64;
        let n_sums = n_outputs * u64::from(n_slots);
        let n_normalisers = 8 * u64::from(n_queries * n_slots);
        let make = || {
            let sums = gpu.storage("sums", n_sums, BufferUsages::empty());
            let normalisers = gpu.storage("normalisers", n_normalisers, BufferUsages::empty());
            (sums, normalisers, gpu.storage("attended", n_outputs, BufferUsages::COPY_SRC))
        };
        let (sums, normalisers, outputs) = gpu.allocate(OP, n_sums + n_normalisers + n_outputs, make).await?;
        let [keys, values] = &device.prefix;
        let prefix = Part { keys, values, is_shared: true, n_keys: shape.n_prefix, keys_of_split, first_slot: 0 };
        let own = device.own.as_ref().map(|[keys, values]| Part {
            keys,
            values,
            is_shared: false,
            n_keys: shape.n_own,
            keys_of_split: shape.n_own,
            first_slot: n_splits,
        });
        let step = |part: Part<'_>| {
            let uniform = gpu.uniform(&part.parameters(shape));
            let buffers =
                [(0, part.keys), (1, part.values), (2, &device.queries), (3, &normalisers), (4, &sums), (5, &uniform)];
            self.attend.step_3d(gpu, &buffers, part.workgroups(shape))
        };
        let mut steps: Vec<Step> = std::iter::once(prefix).chain(own).map(step).collect();
        let uniform = gpu.uniform(&[n_slots, n_queries]);
        let buffers = [(0, &normalisers), (1, &sums), (2, &outputs), (3, &uniform)];
        steps.push(self.merge.step(gpu, &buffers, groups(gpu, (n_queries * shape.head_dim / 4).div_ceil(CHUNK))));
        Ok(Attended { steps, outputs })
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

impl Part<'_> {
    fn parameters(&self, shape: Shape) -> [u32; 9] {
        [
            shape.n_samples,
            shape.n_heads,
            shape.n_kv_heads,
            self.is_shared.into(),
            self.n_keys,
            self.n_keys,
            self.keys_of_split,
            self.first_slot,
            (1.0 / (shape.head_dim as f32).sqrt()).to_bits(),
        ]
    }

    /// Splits, tiles of queries, and sets.
    fn workgroups(&self, shape: Shape) -> [u32; 3] {
        let n_tile = queries_of_tile(shape.head_dim);
        let n_group = shape.n_heads / shape.n_kv_heads;
        let (n_queries, n_sets) = match self.is_shared {
            true => (shape.n_samples * n_group, shape.n_kv_heads),
            false => (n_group, shape.n_samples * shape.n_kv_heads),
        };
        [self.n_keys.div_ceil(self.keys_of_split), n_queries.div_ceil(n_tile), n_sets]
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

    /// Keys of the prefix that one workgroup goes through: as many chunks as leave a device busy.
    fn keys_of_split(self) -> u32 {
        let n_tile = queries_of_tile(self.head_dim);
        let n_tiles = (self.n_samples * self.n_heads / self.n_kv_heads).div_ceil(n_tile) * self.n_kv_heads;
        let n_splits = BUSY.div_ceil(n_tiles).min(self.n_prefix.div_ceil(CHUNK));
        self.n_prefix.div_ceil(n_splits).next_multiple_of(CHUNK)
    }
}

/// One query's attention in f64: weights of `keys`, each of as many numbers as the query, and what `values` come to
/// under them.
#[must_use]
pub fn reference<'a>(
    query: &[f32],
    keys: impl Iterator<Item = &'a [f32]>,
    values: impl Iterator<Item = &'a [f32]>,
) -> Vec<f64> {
    let scale = 1.0 / (query.len() as f64).sqrt();
    let score = |key: &[f32]| scale * query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
    let scores: Vec<f64> = keys.map(score).collect();
    let peak = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - peak).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut attended = vec![0.0; query.len()];
    for (weight, value) in weights.iter().zip(values) {
        for (sum, v) in attended.iter_mut().zip(value) {
            *sum += weight / total * f64::from(*v);
        }
    }
    attended
}

/// What query `head` of `sample` comes to, in f64; keys and values as the device keeps them.
#[must_use]
pub fn reference_of(shape: Shape, inputs: &Inputs, sample: u32, head: u32) -> Vec<f64> {
    let head_dim = shape.head_dim as usize;
    let query = &inputs.queries[(sample * shape.n_heads + head) as usize * head_dim..][..head_dim];
    let kv_head = (head / (shape.n_heads / shape.n_kv_heads)) as usize;
    let own_set = sample as usize * shape.n_kv_heads as usize + kv_head;
    let (n_prefix, n_own) = (shape.n_prefix as usize * head_dim, shape.n_own as usize * head_dim);
    let all = |prefix: &[f32], own: &[f32]| {
        [&prefix[kv_head * n_prefix..][..n_prefix], &own[own_set * n_own..][..n_own]].concat()
    };
    let keys = all(&inputs.prefix_keys, &inputs.own_keys);
    let values = all(&inputs.prefix_values, &inputs.own_values);
    reference(query, keys.chunks_exact(head_dim), values.chunks_exact(head_dim))
}

/// The inputs that a seed decides, on the CPU.
#[must_use]
pub fn synthetic(shape: Shape, seed: u32) -> Inputs {
    let sizes = shape.sizes();
    let halves = |idx: u32, n: usize| -> Vec<f32> {
        let half = |at: usize| {
            let both = word(seed + idx, (at / 2) as u32, HALVES);
            f16::from_bits((both >> (at % 2 * 16)) as u16).to_f32()
        };
        (0..n).map(half).collect()
    };
    let query = |at: usize| f32::from_bits(word(seed, at as u32, Pattern::HALF_TO_ONE));
    Inputs {
        queries: (0..sizes.queries).map(query).collect(),
        prefix_keys: halves(1, sizes.prefix),
        prefix_values: halves(2, sizes.prefix),
        own_keys: halves(3, sizes.own),
        own_values: halves(4, sizes.own),
    }
}

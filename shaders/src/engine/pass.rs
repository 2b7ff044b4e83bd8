//! One pass through the layers as a list of dispatches: seven a layer, for a part of a text and for samples alike.

use wgpu::{Buffer, BufferUsages};

use super::cache::Cache;
use super::{Block, Engine, EngineError, Shape};
use crate::attention::{self, Reading, Scratch};
use crate::dispatch::Step;
use crate::gpu::Gpu;
use crate::product::{Ends, Form};
use crate::rotary::{self, Columns, Turning};
use crate::weights::DeviceWeights;

/// What lies between the dispatches of a pass.
#[derive(Debug)]
pub(super) struct Workspace {
    /// `[n_columns]` words.
    pub(super) tokens: Buffer,
    /// The residual stream, `[n_columns, hidden]`; all that follow are in f32 too.
    stream: Buffer,
    /// `[n_columns, n_heads + 2 * n_kv_heads, head_dim]`.
    qkv: Buffer,
    /// `[n_columns, n_heads, head_dim]`, as the next.
    queries: Buffer,
    attended: Buffer,
    /// `[n_columns, ffn]`.
    gated: Buffer,
    /// `[n_logits, n_outputs]`.
    pub(super) logits: Buffer,
    scratch: Scratch,
}

impl Workspace {
    /// Room for `n_columns` columns and `n_logits` rows of logits, behind at most `n_prefix` tokens of a prefix.
    pub(super) async fn new(
        gpu: &Gpu,
        shape: Shape,
        n_columns: u32,
        n_logits: u32,
        n_prefix: u32,
    ) -> Result<Self, EngineError> {
        let limits = gpu.device.limits();
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
        let at_most = (most / u64::from(shape.ffn.max(shape.qkv_width()).max(shape.hidden)))
            .min(if n_logits == n_columns { most / u64::from(shape.n_outputs) } else { u64::MAX })
            as usize;
        if n_columns == 0 || n_columns as usize > at_most {
            return Err(EngineError::Samples { n: n_columns as usize, vocab: shape.n_outputs, at_most });
        }
        let sizes = [shape.hidden, shape.qkv_width(), shape.q_width(), shape.q_width(), shape.ffn, 1];
        let sizes = sizes.map(|size| 4 * u64::from(n_columns) * u64::from(size));
        let n_logit_bytes = 4 * u64::from(n_logits) * u64::from(shape.n_outputs);
        let scratch = Scratch::new(gpu, attention_shape(shape, n_columns, n_prefix, false)).await?;
        let make = || {
            let [stream, qkv, queries, attended, gated, tokens] = sizes;
            let buffer = |label, n_bytes| gpu.storage(label, n_bytes, BufferUsages::empty());
            Self {
                tokens: gpu.storage("tokens", tokens, BufferUsages::COPY_DST),
                stream: buffer("stream", stream),
                qkv: buffer("queries, keys and values", qkv),
                queries: buffer("queries", queries),
                attended: buffer("attended", attended),
                gated: buffer("gated", gated),
                logits: gpu.storage("logits", n_logit_bytes, BufferUsages::COPY_SRC),
                scratch,
            }
        };
        Ok(gpu.allocate(super::OP, sizes.iter().sum::<u64>() + n_logit_bytes, make).await?)
    }
}

/// A pass that is to be recorded.
pub(super) struct Pass<'a> {
    pub(super) engine: &'a Engine,
    pub(super) workspace: &'a Workspace,
    pub(super) n_columns: u32,
    pub(super) columns: Columns,
    pub(super) angles: &'a Buffer,
    /// The count of own tokens, and the set of each sample.
    pub(super) state: &'a Buffer,
    pub(super) prefix: &'a Cache,
    /// Tokens of the prefix; of a text those with its new ones.
    pub(super) n_prefix: u32,
    /// What samples have of their own.
    pub(super) own: Option<&'a Cache>,
}

impl Pass<'_> {
    /// What makes the tokens' embeddings the stream.
    pub(super) fn embedding(&self) -> Vec<Step> {
        let Engine { gpu, embedding, kernels, .. } = self.engine;
        let Workspace { tokens, stream, .. } = self.workspace;
        kernels.embedding.bind(gpu, embedding, tokens, self.n_columns, self.state, stream)
    }

    /// What sends the stream through all blocks.
    pub(super) fn blocks(&self) -> Result<Vec<Step>, EngineError> {
        let mut steps = Vec::new();
        for (idx, block) in self.engine.blocks.iter().enumerate() {
            steps.extend(self.attention(idx, block)?);
            steps.extend(self.feed_forward(block)?);
        }
        Ok(steps)
    }

    /// What makes logits of `n` columns from `first` on.
    pub(super) fn head(&self, first: u32, n: u32) -> Result<Vec<Step>, EngineError> {
        let Engine { shape, norm, head, .. } = self.engine;
        let Workspace { stream, logits, .. } = self.workspace;
        let norm = Some((norm, shape.epsilon));
        let ends = Ends { inputs: stream, first_input: first, outputs: logits, norm, biases: None };
        self.product(head, Form::HEAD, n, ends)
    }

    fn attention(&self, idx: usize, block: &Block) -> Result<Vec<Step>, EngineError> {
        let Engine { gpu, shape, kernels, .. } = self.engine;
        let Workspace { stream, qkv, queries, attended, scratch, .. } = self.workspace;
        let norm = Some((&block.attention_norm, shape.epsilon));
        let biases = block.qkv_bias.as_ref();
        let ends = Ends { inputs: stream, first_input: 0, outputs: qkv, norm, biases };
        let mut steps = self.product(&block.qkv, Form::qkv(biases.is_some()), self.n_columns, ends)?;
        let norms = block.head_norms.as_ref().map(|norms| (norms, shape.epsilon));
        let turning = Turning {
            shape: rotary::Shape {
                n_columns: self.n_columns,
                n_heads: shape.n_heads,
                n_kv_heads: shape.n_kv_heads,
                head_dim: shape.head_dim,
            },
            columns: self.columns,
            inputs: qkv,
            angles: self.angles,
            norms,
            state: self.state,
            queries,
            cache: self.own.unwrap_or(self.prefix).layer(idx),
        };
        steps.push(kernels.rotary(norms.is_some()).bind(gpu, turning));
        let reading = Reading {
            shape: attention_shape(*shape, self.n_columns, self.n_prefix, self.own.is_some()),
            is_causal: self.own.is_none(),
            queries,
            prefix: self.prefix.layer(idx),
            own: self.own.map(|own| own.layer(idx)),
            state: self.state,
            scratch,
            outputs: attended,
        };
        steps.extend(kernels.attention.bind(gpu, reading));
        let biases = block.output_bias.as_ref();
        let ends = Ends { inputs: attended, first_input: 0, outputs: stream, norm: None, biases };
        steps.extend(self.product(&block.output, Form::residual(biases.is_some()), self.n_columns, ends)?);
        Ok(steps)
    }

    fn feed_forward(&self, block: &Block) -> Result<Vec<Step>, EngineError> {
        let Workspace { stream, gated, .. } = self.workspace;
        let norm = Some((&block.ffn_norm, self.engine.shape.epsilon));
        let ends = Ends { inputs: stream, first_input: 0, outputs: gated, norm, biases: None };
        let mut steps = self.product(&block.gate_up, Form::GATES, self.n_columns, ends)?;
        let ends = Ends { inputs: gated, first_input: 0, outputs: stream, norm: None, biases: None };
        steps.extend(self.product(&block.down, Form::residual(false), self.n_columns, ends)?);
        Ok(steps)
    }

    fn product(
        &self,
        weights: &DeviceWeights,
        form: Form,
        n_columns: u32,
        ends: Ends<'_>,
    ) -> Result<Vec<Step>, EngineError> {
        let Engine { gpu, kernels, .. } = self.engine;
        Ok(kernels.product(weights.format, form, n_columns).bind(gpu, weights, ends)?)
    }
}

/// The attention of so many columns to a prefix, and to own tokens if they have any.
pub(super) fn attention_shape(shape: Shape, n_columns: u32, n_prefix: u32, has_own: bool) -> attention::Shape {
    let Shape { n_heads, n_kv_heads, head_dim, .. } = shape;
    attention::Shape { n_samples: n_columns, n_heads, n_kv_heads, head_dim, n_prefix, n_own: has_own.into() }
}

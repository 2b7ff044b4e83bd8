//! Names and shapes of a checkpoint's tensors, and where their rows stand in the network's matrices.

use crate::config::{Architecture, Head, ModelConfig};

/// The checkpoint that belongs to a configuration.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a>(pub(super) &'a ModelConfig);

/// The tensors of one transformer block.
pub(super) struct Block {
    pub(super) attention_norm: String,
    pub(super) wqkv: Linear,
    pub(super) q_norm: Option<String>,
    pub(super) k_norm: Option<String>,
    pub(super) wo: Linear,
    pub(super) ffn_norm: String,
    pub(super) gate_up: Linear,
    pub(super) down: Linear,
}

/// A linear layer of ours, put together from one or several of the checkpoint.
pub(super) struct Linear {
    pub(super) n_in: usize,
    pub(super) has_bias: bool,
    pub(super) parts: Vec<Part>,
}

/// A linear layer of the checkpoint: its weight is `[out, in]`, its bias `[out]`.
pub(super) struct Part {
    name: String,
    /// Cover all its rows in order.
    pub(super) runs: Vec<Run>,
}

/// Rows that lie together in the checkpoint and in our matrix.
pub(super) struct Run {
    /// The first row in the checkpoint's tensor.
    pub(super) stored: usize,
    /// The first row in our matrix.
    pub(super) ours: usize,
    pub(super) len: usize,
}

/// Names of tensors after `model.` or `model.layers.N.`, without `.weight`.
struct Names {
    embedding: &'static str,
    head: &'static str,
    attention_norm: &'static str,
    ffn_norm: &'static str,
    wo: &'static str,
    gate: &'static str,
    up: &'static str,
    down: &'static str,
}

/// As `modeling_internlm2.py` in InternLM's model folders names them.
const INTERNLM2: Names = Names {
    embedding: "tok_embeddings",
    head: "output",
    attention_norm: "attention_norm",
    ffn_norm: "ffn_norm",
    wo: "attention.wo",
    gate: "feed_forward.w1",
    up: "feed_forward.w3",
    down: "feed_forward.w2",
};

/// As transformers' `modeling_llama.py` names them, and those of Mistral, Qwen2 and Qwen3 after it.
const LLAMA: Names = Names {
    embedding: "embed_tokens",
    head: "lm_head",
    attention_norm: "input_layernorm",
    ffn_norm: "post_attention_layernorm",
    wo: "self_attn.o_proj",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
};

impl Layout<'_> {
    /// Name and shape of every tensor that the model needs.
    pub(super) fn tensors(self) -> impl Iterator<Item = (String, Vec<usize>)> {
        let &ModelConfig { vocab_size, hidden, head_dim, n_layers, .. } = self.0;
        let blocks = (0..n_layers).flat_map(move |block_idx| {
            let block = self.block(block_idx);
            let norms = [block.attention_norm, block.ffn_norm].map(|name| (name, vec![hidden]));
            let head_norms = [block.q_norm, block.k_norm].into_iter().flatten().map(move |name| (name, vec![head_dim]));
            let linears = [block.wqkv, block.wo, block.gate_up, block.down];
            norms.into_iter().chain(head_norms).chain(linears.into_iter().flat_map(Linear::tensors))
        });
        [(self.embedding(), vec![vocab_size, hidden]), (self.final_norm(), vec![hidden])]
            .into_iter()
            .chain(blocks)
            .chain(self.head().into_iter().flat_map(Linear::tensors))
    }

    pub(super) fn embedding(self) -> String {
        format!("model.{}.weight", self.names().embedding)
    }

    pub(super) fn final_norm(self) -> String {
        "model.norm.weight".to_owned()
    }

    /// None when the embedding serves as the head.
    pub(super) fn head(self) -> Option<Linear> {
        let (name, width) = match self.0.head {
            Head::Reward { .. } => ("v_head", 1),
            Head::LanguageModel if self.0.tied => return None,
            Head::LanguageModel => (self.names().head, self.0.vocab_size),
        };
        Some(Linear { n_in: self.0.hidden, has_bias: false, parts: stacked([(name.to_owned(), width)]) })
    }

    pub(super) fn block(self, block_idx: usize) -> Block {
        let config = self.0;
        let names = self.names();
        let name = |name: &str| format!("model.layers.{block_idx}.{name}");
        let qkv = match config.architecture {
            Architecture::InternLm2 => vec![self.interleaved_qkv(name("attention.wqkv"))],
            Architecture::Llama | Architecture::Mistral | Architecture::Qwen2 | Architecture::Qwen3 => stacked([
                (name("self_attn.q_proj"), config.q_width()),
                (name("self_attn.k_proj"), config.kv_width()),
                (name("self_attn.v_proj"), config.kv_width()),
            ]),
        };
        Block {
            attention_norm: name(names.attention_norm) + ".weight",
            wqkv: Linear { n_in: config.hidden, has_bias: config.qkv_bias, parts: qkv },
            q_norm: config.has_head_norms().then(|| name("self_attn.q_norm.weight")),
            k_norm: config.has_head_norms().then(|| name("self_attn.k_norm.weight")),
            wo: Linear {
                n_in: config.q_width(),
                has_bias: config.output_bias,
                parts: stacked([(name(names.wo), config.hidden)]),
            },
            ffn_norm: name(names.ffn_norm) + ".weight",
            gate_up: Linear {
                n_in: config.hidden,
                has_bias: false,
                parts: stacked([(name(names.gate), config.ffn), (name(names.up), config.ffn)]),
            },
            down: Linear { n_in: config.ffn, has_bias: false, parts: stacked([(name(names.down), config.hidden)]) },
        }
    }

    /// InternLM2 keeps each key head with the query heads that it serves: `[kv head][q_0, ..., q_{g-1}, k, v][head_dim]`
    /// (`rearrange(qkv_states, "b q (h gs d) -> b q h gs d")` in `modeling_internlm2.py`).
    fn interleaved_qkv(self, name: String) -> Part {
        let config = self.0;
        let (q_width, kv_width, head_dim) = (config.q_width(), config.kv_width(), config.head_dim);
        let group_q = q_width / config.n_kv_heads;
        let runs = (0..config.n_kv_heads).flat_map(|group| {
            let (stored, ours) = (group * (group_q + 2 * head_dim), group * head_dim);
            [
                Run { stored, ours: group * group_q, len: group_q },
                Run { stored: stored + group_q, ours: q_width + ours, len: head_dim },
                Run { stored: stored + group_q + head_dim, ours: q_width + kv_width + ours, len: head_dim },
            ]
        });
        Part { name, runs: runs.collect() }
    }

    fn names(self) -> Names {
        match self.0.architecture {
            Architecture::InternLm2 => INTERNLM2,
            Architecture::Llama | Architecture::Mistral | Architecture::Qwen2 | Architecture::Qwen3 => LLAMA,
        }
    }
}

impl Linear {
    /// The rows of our matrix.
    pub(super) fn n_out(&self) -> usize {
        self.parts.iter().map(Part::n_out).sum()
    }

    fn tensors(self) -> impl Iterator<Item = (String, Vec<usize>)> {
        let Self { n_in, has_bias, parts } = self;
        parts.into_iter().flat_map(move |part| {
            let bias = has_bias.then(|| (part.bias(), vec![part.n_out()]));
            [(part.weight(), vec![part.n_out(), n_in])].into_iter().chain(bias)
        })
    }
}

impl Part {
    pub(super) fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    pub(super) fn bias(&self) -> String {
        format!("{}.bias", self.name)
    }

    /// The rows of its weight.
    pub(super) fn n_out(&self) -> usize {
        self.runs.iter().map(|run| run.len).sum()
    }
}

/// Parts with the given numbers of rows, one below the other.
fn stacked(parts: impl IntoIterator<Item = (String, usize)>) -> Vec<Part> {
    let mut ours = 0;
    let place = |(name, len)| {
        let runs = vec![Run { stored: 0, ours, len }];
        ours += len;
        Part { name, runs }
    };
    parts.into_iter().map(place).collect()
}

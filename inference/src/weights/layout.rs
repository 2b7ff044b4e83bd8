//! Names and shapes of a checkpoint's tensors, and where their rows stand in the network's matrices.

use crate::config::{Architecture, Head, ModelConfig};

/// The checkpoint that belongs to a configuration.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) config: &'a ModelConfig,
    naming: Naming,
}

/// How checkpoints name their tensors, and in which order some of them have their rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As the model classes of Hugging Face's folders do.
    #[default]
    HuggingFace,
    /// As llama.cpp's converter does for GGUF files.
    Gguf,
}

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

/// Names of tensors, without `.weight`; those of blocks come after `blocks` and the block's number.
struct Names {
    embedding: &'static str,
    final_norm: &'static str,
    head: &'static str,
    blocks: &'static str,
    attention_norm: &'static str,
    ffn_norm: &'static str,
    /// Queries, keys and values; InternLM2's folders have them in one.
    qkv: [&'static str; 3],
    head_norms: [&'static str; 2],
    wo: &'static str,
    gate: &'static str,
    up: &'static str,
    down: &'static str,
}

/// As `modeling_internlm2.py` in InternLM's model folders names them.
const INTERNLM2: Names = Names {
    embedding: "model.tok_embeddings",
    head: "output",
    attention_norm: "attention_norm",
    ffn_norm: "ffn_norm",
    wo: "attention.wo",
    gate: "feed_forward.w1",
    up: "feed_forward.w3",
    down: "feed_forward.w2",
    ..LLAMA
};

/// As transformers' `modeling_llama.py` names them, and those of Mistral, Qwen2 and Qwen3 after it.
const LLAMA: Names = Names {
    embedding: "model.embed_tokens",
    final_norm: "model.norm",
    head: "lm_head",
    blocks: "model.layers",
    attention_norm: "input_layernorm",
    ffn_norm: "post_attention_layernorm",
    qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    head_norms: ["self_attn.q_norm", "self_attn.k_norm"],
    wo: "self_attn.o_proj",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
};

/// As `gguf-py/gguf/constants.py` of llama.cpp names them for every architecture.
const GGUF: Names = Names {
    embedding: "token_embd",
    final_norm: "output_norm",
    head: "output",
    blocks: "blk",
    attention_norm: "attn_norm",
    ffn_norm: "ffn_norm",
    qkv: ["attn_q", "attn_k", "attn_v"],
    head_norms: ["attn_q_norm", "attn_k_norm"],
    wo: "attn_output",
    gate: "ffn_gate",
    up: "ffn_up",
    down: "ffn_down",
};

impl<'a> Layout<'a> {
    pub(super) fn new(config: &'a ModelConfig, naming: Naming) -> Self {
        Self { config, naming }
    }

    /// Name and shape of every tensor that the model needs.
    pub(super) fn tensors(self) -> impl Iterator<Item = (String, Vec<usize>)> + 'a {
        let &ModelConfig { vocab_size, hidden, head_dim, n_layers, .. } = self.config;
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
        format!("{}.weight", self.names().embedding)
    }

    pub(super) fn final_norm(self) -> String {
        format!("{}.weight", self.names().final_norm)
    }

    /// The embedding as a layer: what it is when it serves as the head.
    pub(super) fn embedding_rows(self) -> Linear {
        let parts = stacked([(self.names().embedding.to_owned(), self.config.vocab_size)]);
        Linear { n_in: self.config.hidden, has_bias: false, parts }
    }

    /// None when the embedding serves as the head.
    pub(super) fn head(self) -> Option<Linear> {
        let (name, width) = match self.config.head {
            Head::Reward { .. } => ("v_head", 1),
            Head::LanguageModel if self.config.tied => return None,
            Head::LanguageModel => (self.names().head, self.config.vocab_size),
        };
        Some(Linear { n_in: self.config.hidden, has_bias: false, parts: stacked([(name.to_owned(), width)]) })
    }

    pub(super) fn block(self, block_idx: usize) -> Block {
        let config = self.config;
        let names = self.names();
        let name = |name: &str| format!("{}.{block_idx}.{name}", names.blocks);
        let head_norm = |at: usize| config.has_head_norms().then(|| name(names.head_norms[at]) + ".weight");
        let qkv = match (config.architecture, self.naming) {
            (Architecture::InternLm2, Naming::HuggingFace) => vec![self.interleaved_qkv(name("attention.wqkv"))],
            (architecture, naming) => {
                let [q, k, v] = names.qkv.map(name);
                let mut parts = stacked([(q, config.q_width()), (k, config.kv_width()), (v, config.kv_width())]);
                if naming == Naming::Gguf && pairs_neighbours(architecture) {
                    parts[..2].iter_mut().for_each(|part| part.part_neighbours(config.head_dim));
                }
                parts
            }
        };
        Block {
            attention_norm: name(names.attention_norm) + ".weight",
            wqkv: Linear { n_in: config.hidden, has_bias: config.qkv_bias, parts: qkv },
            q_norm: head_norm(0),
            k_norm: head_norm(1),
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
        let config = self.config;
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
        match (self.naming, self.config.architecture) {
            (Naming::Gguf, _) => GGUF,
            (Naming::HuggingFace, Architecture::InternLm2) => INTERNLM2,
            (Naming::HuggingFace, _) => LLAMA,
        }
    }
}

/// Whether llama.cpp turns neighbours (2i, 2i + 1) of a head where Hugging Face's models turn i and i + head_dim / 2, so
/// that its files have the rows of queries and keys in another order (`permute` in llama.cpp's converter).
fn pairs_neighbours(architecture: Architecture) -> bool {
    match architecture {
        Architecture::InternLm2 | Architecture::Llama | Architecture::Mistral => true,
        Architecture::Qwen2 | Architecture::Qwen3 => false,
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

    /// Takes the rows of each head, which are stored as pairs of neighbours, as all first ones and then all second ones.
    fn part_neighbours(&mut self, head_dim: usize) {
        let first = self.runs.first().map_or(0, |run| run.ours);
        let runs = (0..self.n_out()).map(|row| {
            let (head, of_head) = (row / head_dim * head_dim, row % head_dim);
            let (second, pair) = (of_head / (head_dim / 2), of_head % (head_dim / 2));
            Run { stored: head + 2 * pair + second, ours: first + row, len: 1 }
        });
        self.runs = runs.collect();
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

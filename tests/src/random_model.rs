//! Models that need no download: weights from a seed, and the Hugging Face folders that hold them.
//!
//! The rule is spelled out in tests/reference/README.md, whose Python scripts are its other implementation; the logits
//! in tests/reference/vectors.json are llama.cpp's for such models.

mod folder;
#[cfg(test)]
mod tests;

use std::io;

use serde_json::{Value, json};

pub use folder::{Dtype, Layout, write_folder};

/// tests/reference/vectors.json: specs, tokens and what llama.cpp computes for them.
pub const VECTORS: &str = include_str!("../reference/vectors.json");

/// Which checkpoint's names and layout a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `InternLM2ForCausalLM`, with the fused and interleaved `wqkv`.
    InternLm2,
    /// `InternLM2ForRewardModel`: the same with one score instead of logits.
    InternLm2Reward,
    /// `LlamaForCausalLM`.
    Llama,
    /// `Qwen2ForCausalLM`: LLaMA with a bias on queries, keys and values.
    Qwen2,
}

/// A model's shape and the seed of its weights. Sizes are counts of elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Names and layout of the tensors.
    pub family: Family,
    /// Where the weights come from.
    pub seed: u64,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Transformer blocks.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Width of one head; InternLM2 wants `hidden / n_heads`.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Rows of the embedding.
    pub vocab: usize,
    /// Positions before dynamic scaling sets in.
    pub max_positions: usize,
    /// Base of the rotation's frequencies.
    pub rope_theta: f64,
    /// `dynamic` or `linear`, and the factor.
    pub rope_scaling: Option<(String, f64)>,
    /// Inside every RMS norm.
    pub rms_eps: f64,
    /// The embedding is the head.
    pub tied: bool,
    /// Size of the embedding's values.
    pub embedding_scale: f64,
    /// Where a reward model is read.
    pub reward_token: Option<u32>,
}

/// The 64-bit FNV-1a hash of the text's UTF-8 bytes.
#[must_use]
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// A tensor in row-major order, uniform in [-scale, scale): the outputs of SplitMix64, started at the hash of
/// `seed/name`, as multiples of 2^-23 in [-1, 1), times the scale in f32.
#[must_use]
pub fn tensor(seed: u64, name: &str, shape: &[usize], scale: f64) -> Vec<f32> {
    let mut state = fnv1a(&format!("{seed}/{name}"));
    let uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // 24 bits and a power of two: every step is exact in f32.
        ((z >> 40) as f32 - 8_388_608.0) / 8_388_608.0
    };
    let values = std::iter::repeat_with(uniform).take(shape.iter().product());
    values.map(|value| value * scale as f32).collect()
}

impl Spec {
    /// Reads a `spec` of vectors.json.
    ///
    /// # Errors
    /// `InvalidData` that names a field which is absent or of the wrong kind.
    pub fn from_json(json: &Value) -> io::Result<Self> {
        let wrong = |key: &str| io::Error::new(io::ErrorKind::InvalidData, format!("a spec has no usable `{key}`"));
        let number = |key: &str| json[key].as_u64().ok_or_else(|| wrong(key));
        let size = |key: &str| usize::try_from(number(key)?).map_err(|_| wrong(key));
        let float = |key: &str| json[key].as_f64().ok_or_else(|| wrong(key));
        let scaling = &json["rope_scaling"];
        Ok(Self {
            family: match json["family"].as_str() {
                Some("internlm2") => Family::InternLm2,
                Some("internlm2_reward") => Family::InternLm2Reward,
                Some("llama") => Family::Llama,
                Some("qwen2") => Family::Qwen2,
                _ => return Err(wrong("family")),
            },
            seed: number("seed")?,
            hidden: size("hidden")?,
            n_layers: size("n_layers")?,
            n_heads: size("n_heads")?,
            n_kv_heads: size("n_kv_heads")?,
            head_dim: size("head_dim")?,
            ffn: size("ffn")?,
            vocab: size("vocab")?,
            max_positions: size("max_positions")?,
            rope_theta: float("rope_theta")?,
            rope_scaling: match (scaling.is_null(), scaling[0].as_str(), scaling[1].as_f64()) {
                (true, ..) => None,
                (false, Some(kind), Some(factor)) => Some((kind.to_owned(), factor)),
                _ => return Err(wrong("rope_scaling")),
            },
            rms_eps: float("rms_eps")?,
            tied: json["tied"].as_bool().ok_or_else(|| wrong("tied"))?,
            embedding_scale: float("embedding_scale")?,
            reward_token: json["reward_token"].as_u64().and_then(|token| u32::try_from(token).ok()),
        })
    }

    /// The checkpoint's tensors and their shapes, in the order of the layers.
    #[must_use]
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let (q_rows, kv_rows) = (self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim);
        let (hidden, ffn, fused) = (self.hidden, self.ffn, self.is_internlm2());
        let mut found = Vec::new();
        let mut add = |name: String, shape: &[usize]| found.push((format!("{name}.weight"), shape.to_vec()));
        add(self.embedding().to_owned(), &[self.vocab, hidden]);
        let mut biases = Vec::new();
        for layer_idx in 0..self.n_layers {
            let at = |part: &str| format!("model.layers.{layer_idx}.{part}");
            if fused {
                add(at("attention_norm"), &[hidden]);
                add(at("attention.wqkv"), &[q_rows + 2 * kv_rows, hidden]);
                add(at("attention.wo"), &[hidden, q_rows]);
                add(at("ffn_norm"), &[hidden]);
                add(at("feed_forward.w1"), &[ffn, hidden]);
                add(at("feed_forward.w3"), &[ffn, hidden]);
                add(at("feed_forward.w2"), &[hidden, ffn]);
            } else {
                add(at("input_layernorm"), &[hidden]);
                for (part, rows) in [("q_proj", q_rows), ("k_proj", kv_rows), ("v_proj", kv_rows)] {
                    add(at(&format!("self_attn.{part}")), &[rows, hidden]);
                    biases.push((at(&format!("self_attn.{part}.bias")), vec![rows]));
                }
                add(at("self_attn.o_proj"), &[hidden, q_rows]);
                add(at("post_attention_layernorm"), &[hidden]);
                add(at("mlp.gate_proj"), &[ffn, hidden]);
                add(at("mlp.up_proj"), &[ffn, hidden]);
                add(at("mlp.down_proj"), &[hidden, ffn]);
            }
        }
        add("model.norm".to_owned(), &[hidden]);
        match self.family {
            Family::InternLm2Reward => add("v_head".to_owned(), &[1, hidden]),
            _ if self.tied => {}
            _ => add(if fused { "output" } else { "lm_head" }.to_owned(), &[self.vocab, hidden]),
        }
        if self.family == Family::Qwen2 {
            found.append(&mut biases);
        }
        found
    }

    /// The values of one of [`Self::shapes`].
    #[must_use]
    pub fn weight(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        let scaled = |scale| tensor(self.seed, name, shape, scale);
        match shape {
            [_] if name.ends_with(".bias") => scaled(0.5),
            [_] => scaled(0.1).into_iter().map(|value| 1.0 + value).collect(),
            _ if name.strip_suffix(".weight") == Some(self.embedding()) => scaled(self.embedding_scale),
            // A uniform value in [-1, 1) has the variance 1/3, so this gives outputs the variance of the inputs.
            [.., fan_in] => scaled((3.0 / *fan_in as f64).sqrt()),
            [] => scaled(1.0),
        }
    }

    /// The model's config.json.
    #[must_use]
    pub fn config(&self) -> Value {
        let (class, model_type) = match self.family {
            Family::InternLm2 => ("InternLM2ForCausalLM", "internlm2"),
            Family::InternLm2Reward => ("InternLM2ForRewardModel", "internlm2"),
            Family::Llama => ("LlamaForCausalLM", "llama"),
            Family::Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
        };
        let scaling = self.rope_scaling.as_ref().map(|(kind, factor)| json!({ "type": kind, "factor": factor }));
        let mut config = json!({
            "architectures": [class],
            "model_type": model_type,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "intermediate_size": self.ffn,
            "max_position_embeddings": self.max_positions,
            "num_attention_heads": self.n_heads,
            "num_hidden_layers": self.n_layers,
            "num_key_value_heads": self.n_kv_heads,
            "rms_norm_eps": self.rms_eps,
            "rope_scaling": scaling,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tied,
            "vocab_size": self.vocab,
        });
        if self.is_internlm2() {
            config["bias"] = json!(false);
        } else {
            config["head_dim"] = json!(self.head_dim);
        }
        if let Some(token) = self.reward_token {
            config["reward_token_id"] = json!(token);
        }
        config
    }

    fn is_internlm2(&self) -> bool {
        matches!(self.family, Family::InternLm2 | Family::InternLm2Reward)
    }

    /// The embedding's name, without its ending.
    fn embedding(&self) -> &'static str {
        if self.is_internlm2() { "model.tok_embeddings" } else { "model.embed_tokens" }
    }
}

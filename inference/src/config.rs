//! A model's shape, read from the config.json of a Hugging Face folder or from a GGUF file.

mod gguf;
mod rope;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use rope::{Rope, RopeScaling};

/// The shape of a decoder-only transformer with grouped-query attention, rotary positions, RMS norms and SwiGLU.
///
/// Sizes are counts of elements. [`ModelConfig::validate`] holds for every value that [`ModelConfig::from_json`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Whose names and defaults the folder follows.
    pub architecture: Architecture,
    /// Rows of the embedding; token ids are smaller.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Transformer blocks.
    pub n_layers: usize,
    pub n_heads: usize,
    /// Key and value heads; each serves `n_heads / n_kv_heads` query heads.
    pub n_kv_heads: usize,
    /// Width of one head; even, because rotary positions turn pairs.
    pub head_dim: usize,
    /// Added to the mean square inside every RMS norm.
    pub norm_eps: f64,
    /// Rotary positions.
    pub rope: Rope,
    /// Positions that the model was trained for.
    pub max_positions: usize,
    /// The language-model head is the embedding.
    pub tied: bool,
    /// The projections to queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// The projection after attention has a bias.
    pub output_bias: bool,
    /// What the last norm's output is projected to.
    pub head: Head,
    /// The token that opens a text.
    pub bos: Option<u32>,
    /// The tokens that end a text.
    pub eos: Vec<u32>,
}

/// A family of models that share their tensors' names and their configuration's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// InternLM2 and 2.5 (arXiv 2403.17297): queries, keys and values fused and interleaved.
    InternLm2,
    /// LLaMA 1 to 3, and what is built like it: DeepSeek-Prover, BFS-Prover.
    Llama,
    /// Mistral 7B without a sliding window.
    Mistral,
    /// Qwen 2 and 2.5: LLaMA with a bias on queries, keys and values.
    Qwen2,
    /// Qwen 3 (arXiv 2505.09388): LLaMA with a norm over each query and key head, whose width is independent of the
    /// model's: Goedel-Prover-V2, Kimina's distilled provers.
    Qwen3,
}

/// What the network ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Logits over the vocabulary at every position.
    LanguageModel,
    /// One score, read where the text ends in `token`.
    Reward {
        /// The token to append, `reward_token_id`.
        token: u32,
    },
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is broken, or something else.
    #[error("config.json is not a JSON object ({0}); download it again")]
    Json(#[from] serde_json::Error),
    /// `architectures` is absent or empty.
    #[error("config.json names no architecture; set `architectures` to one of {}", known())]
    NoArchitecture,
    /// A model that is built differently.
    #[error("the architecture {found} is unknown; choose a model of one of {}", known())]
    UnknownArchitecture {
        /// As config.json names it.
        found: String,
    },
    /// A value that makes no sense, or that asks for what is not implemented.
    #[error("config.json: `{key}` is {found}, but must be {expected}")]
    Value {
        /// Its key in config.json.
        key: &'static str,
        /// Its value, as JSON.
        found: String,
        /// What would do, and why.
        expected: String,
    },
}

/// Hugging Face's class names: the family of each, and whether it ends in a reward head.
const CLASSES: [(&str, Architecture, bool); 6] = [
    ("InternLM2ForCausalLM", Architecture::InternLm2, false),
    ("InternLM2ForRewardModel", Architecture::InternLm2, true),
    ("LlamaForCausalLM", Architecture::Llama, false),
    ("MistralForCausalLM", Architecture::Mistral, false),
    ("Qwen2ForCausalLM", Architecture::Qwen2, false),
    ("Qwen3ForCausalLM", Architecture::Qwen3, false),
];

/// No model is larger; a file that says so is broken or hostile, and nothing is allocated for it.
const MAX_PARAMETERS: u64 = 1_000_000_000_000;

impl ModelConfig {
    /// Reads config.json. Absent keys have the values that the configuration classes of Hugging Face's transformers
    /// (`LlamaConfig`, `MistralConfig`, `Qwen2Config`, `Qwen3Config`) and of InternLM (`InternLM2Config`) give them.
    ///
    /// # Errors
    /// The text is not a JSON object, or the model it describes is not one that the network runs exactly.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let json: Map<String, Value> = serde_json::from_str(text)?;
        let keys = Keys(&json);
        let class = json.get("architectures").and_then(|names| names.get(0)).ok_or(ConfigError::NoArchitecture)?;
        let (_, architecture, has_reward) = *CLASSES
            .iter()
            .find(|(name, ..)| class.as_str() == Some(name))
            .ok_or_else(|| ConfigError::UnknownArchitecture { found: excerpt(class) })?;
        let is = |family| architecture == family;

        let hidden = keys.size("hidden_size")?.unwrap_or(4096);
        let n_heads = keys.size("num_attention_heads")?.unwrap_or(32);
        // Null means multi-head attention everywhere; absent does not for these.
        let n_kv_heads = match keys.size("num_key_value_heads")? {
            Some(n_kv_heads) => n_kv_heads,
            None if json.contains_key("num_key_value_heads") => n_heads,
            None if is(Architecture::Mistral) => 8,
            None if is(Architecture::Qwen2) || is(Architecture::Qwen3) => 32,
            None => n_heads,
        };
        let max_positions = keys.size("max_position_embeddings")?.unwrap_or(match architecture {
            Architecture::InternLm2 | Architecture::Llama => 2048,
            Architecture::Mistral => 131_072,
            Architecture::Qwen2 | Architecture::Qwen3 => 32_768,
        });
        let bias = match architecture {
            Architecture::InternLm2 => keys.flag("bias")?.unwrap_or(true),
            Architecture::Llama | Architecture::Qwen3 => keys.flag("attention_bias")?.unwrap_or(false),
            Architecture::Mistral | Architecture::Qwen2 => false,
        };
        let has_no_tokens = is(Architecture::Qwen2) || is(Architecture::Qwen3);
        let default_token = |token| if has_no_tokens { Vec::new() } else { vec![token] };
        let config = Self {
            architecture,
            vocab_size: keys.size("vocab_size")?.unwrap_or(match architecture {
                Architecture::InternLm2 => 103_168,
                Architecture::Llama | Architecture::Mistral => 32_000,
                Architecture::Qwen2 | Architecture::Qwen3 => 151_936,
            }),
            hidden,
            ffn: keys.size("intermediate_size")?.unwrap_or(match architecture {
                Architecture::InternLm2 | Architecture::Llama => 11_008,
                Architecture::Mistral => 14_336,
                Architecture::Qwen2 | Architecture::Qwen3 => 22_016,
            }),
            n_layers: keys.size("num_hidden_layers")?.unwrap_or(32),
            n_heads,
            n_kv_heads,
            head_dim: match keys.size("head_dim")? {
                Some(head_dim) => head_dim,
                None if is(Architecture::Qwen3) => 128,
                None if n_heads > 0 && hidden.is_multiple_of(n_heads) => hidden / n_heads,
                None => return Err(not_a_multiple("hidden_size", hidden, "num_attention_heads", n_heads)),
            },
            norm_eps: keys.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope: Rope::from_keys(&keys)?,
            max_positions,
            tied: keys.flag("tie_word_embeddings")?.unwrap_or(false),
            qkv_bias: bias || is(Architecture::Qwen2),
            output_bias: bias,
            head: match has_reward {
                false => Head::LanguageModel,
                true => match keys.size("reward_token_id")? {
                    Some(token) => Head::Reward { token: u32::try_from(token).unwrap_or(u32::MAX) },
                    None => return Err(keys.refusal("reward_token_id", "the token at which the score is read")),
                },
            },
            bos: keys.tokens("bos_token_id")?.unwrap_or_else(|| default_token(1)).first().copied(),
            eos: keys.tokens("eos_token_id")?.unwrap_or_else(|| default_token(2)),
        };
        keys.refuse_what_is_not_implemented(&config)?;
        config.validate()?;
        Ok(config)
    }

    /// The text of a config.json that describes this model to Hugging Face's transformers and to
    /// [`ModelConfig::from_json`], for weights kept as f32.
    pub fn to_json(&self) -> String {
        let (model_type, architecture_keys) = match self.architecture {
            Architecture::InternLm2 => ("internlm2", json!({ "bias": self.qkv_bias })),
            Architecture::Llama => ("llama", json!({ "attention_bias": self.qkv_bias, "mlp_bias": false })),
            Architecture::Mistral => ("mistral", json!({ "sliding_window": null })),
            Architecture::Qwen2 => ("qwen2", json!({ "use_sliding_window": false })),
            Architecture::Qwen3 => ("qwen3", json!({ "attention_bias": self.qkv_bias, "use_sliding_window": false })),
        };
        let mut json = json!({
            "architectures": [self.class_name()],
            "model_type": model_type,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden,
            "intermediate_size": self.ffn,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "num_key_value_heads": self.n_kv_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "rms_norm_eps": self.norm_eps,
            "rope_theta": self.rope.theta,
            "rope_scaling": self.rope.scaling.to_json(),
            "max_position_embeddings": self.max_positions,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "float32",
            "bos_token_id": self.bos,
            "eos_token_id": match self.eos[..] {
                [] => Value::Null,
                [token] => token.into(),
                _ => self.eos.clone().into(),
            },
        });
        if let Head::Reward { token } = self.head {
            json["reward_token_id"] = token.into();
        }
        for (key, value) in architecture_keys.as_object().into_iter().flatten() {
            json[key] = value.clone();
        }
        format!("{json:#}\n")
    }

    /// Checks what the network relies on: sizes that divide, rotary pairs, values in range, tokens in the vocabulary,
    /// and that the whole is no larger than any model is.
    ///
    /// # Errors
    /// Names the key of config.json that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (key, size, limit) in [
            ("vocab_size", self.vocab_size, 1 << 22),
            ("hidden_size", self.hidden, 1 << 16),
            ("intermediate_size", self.ffn, 1 << 18),
            ("num_hidden_layers", self.n_layers, 1 << 10),
            ("num_attention_heads", self.n_heads, 1 << 10),
            ("num_key_value_heads", self.n_kv_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("max_position_embeddings", self.max_positions, 1 << 24),
        ] {
            require((1..=limit).contains(&size), key, size, || format!("from 1 to {limit}"))?;
        }
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return Err(not_a_multiple("num_attention_heads", self.n_heads, "num_key_value_heads", self.n_kv_heads));
        }
        require(self.head_dim.is_multiple_of(2), "head_dim", self.head_dim, || {
            "even, because rotary positions turn pairs".to_owned()
        })?;
        let derives_head_dim = self.architecture == Architecture::InternLm2;
        require(!derives_head_dim || self.head_dim * self.n_heads == self.hidden, "head_dim", self.head_dim, || {
            format!("hidden_size / num_attention_heads ({} / {}) in InternLM2", self.hidden, self.n_heads)
        })?;
        let expected = match self.architecture {
            Architecture::InternLm2 | Architecture::Llama | Architecture::Qwen3 => (self.qkv_bias, self.qkv_bias),
            Architecture::Mistral => (false, false),
            Architecture::Qwen2 => (true, false),
        };
        let found = (self.qkv_bias, self.output_bias);
        require(found == expected, "attention_bias", format!("{found:?}"), || {
            format!("{expected:?} for the projections before and after attention, as its architecture has it")
        })?;
        require(self.class_name().is_some(), "architectures", "a reward model", || {
            "InternLM2ForRewardModel, the only one with a score head".to_owned()
        })?;
        require(self.norm_eps > 0.0 && self.norm_eps < 1.0, "rms_norm_eps", self.norm_eps, || {
            "between 0 and 1".to_owned()
        })?;
        self.rope.validate(self.head_dim)?;
        let reward_token = match self.head {
            Head::LanguageModel => None,
            Head::Reward { token } => Some(token),
        };
        for (key, token) in [("bos_token_id", self.bos), ("reward_token_id", reward_token)] {
            let inside = token.is_none_or(|token| (token as usize) < self.vocab_size);
            require(inside, key, token.unwrap_or(0), || format!("below vocab_size ({})", self.vocab_size))?;
        }
        let n_parameters = self.n_parameters();
        require(n_parameters <= MAX_PARAMETERS, "hidden_size", self.hidden, || {
            format!("smaller: the model would have {n_parameters} parameters")
        })
    }

    /// Parameters of the loaded model; a tied head counts once.
    pub fn n_parameters(&self) -> u64 {
        let [vocab_size, hidden, ffn, n_layers] =
            [self.vocab_size, self.hidden, self.ffn, self.n_layers].map(|size| size as u64);
        let [q_width, qkv_width] = [self.q_width(), self.qkv_width()].map(|size| size as u64);
        let attention = hidden * (qkv_width + q_width);
        let biases = u64::from(self.qkv_bias) * qkv_width + u64::from(self.output_bias) * hidden;
        let head_norms = u64::from(self.has_head_norms()) * 2 * self.head_dim as u64;
        let block = attention + biases + head_norms + 3 * hidden * ffn + 2 * hidden;
        let head = match self.head {
            Head::Reward { .. } => hidden,
            Head::LanguageModel if self.tied => 0,
            Head::LanguageModel => hidden * vocab_size,
        };
        vocab_size * hidden + n_layers * block + hidden + head
    }

    /// Whether each query and key head is normed before it is turned to its position.
    pub fn has_head_norms(&self) -> bool {
        self.architecture == Architecture::Qwen3
    }

    /// Columns of all query heads together.
    pub fn q_width(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Columns of all key heads together, and as many of all value heads.
    pub fn kv_width(&self) -> usize {
        self.n_kv_heads * self.head_dim
    }

    /// Columns of queries, keys and values together.
    pub fn qkv_width(&self) -> usize {
        self.q_width() + 2 * self.kv_width()
    }

    /// Hugging Face's name of the class; none for a head that its family is not published with.
    fn class_name(&self) -> Option<&'static str> {
        let has_reward = self.head != Head::LanguageModel;
        CLASSES.iter().find(|class| (class.1, class.2) == (self.architecture, has_reward)).map(|class| class.0)
    }
}

/// The object in config.json, read by key; null counts as absent.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn read<'a, T>(
        &'a self,
        key: &'static str,
        expected: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(key).map(|value| convert(value).ok_or_else(|| self.refusal(key, expected))).transpose()
    }

    fn size(&self, key: &'static str) -> Result<Option<usize>, ConfigError> {
        self.read(key, "a whole number", |value| value.as_u64().and_then(|number| number.try_into().ok()))
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>, ConfigError> {
        self.read(key, "a number", Value::as_f64)
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// A token or a list of them; null says that there is none, which differs from an absent key.
    fn tokens(&self, key: &'static str) -> Result<Option<Vec<u32>>, ConfigError> {
        let token = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        match self.0.get(key) {
            Some(Value::Null) => Ok(Some(Vec::new())),
            _ => self.read(key, "a token id or a list of them", |value| match value {
                Value::Array(values) => values.iter().map(token).collect(),
                value => token(value).map(|token| vec![token]),
            }),
        }
    }

    fn refusal(&self, key: &'static str, expected: &str) -> ConfigError {
        let found = self.0.get(key).map_or_else(|| "absent".to_owned(), excerpt);
        ConfigError::Value { key, found, expected: expected.to_owned() }
    }

    /// What would make the network compute something else than the model, and leaves no trace in [`ModelConfig`].
    fn refuse_what_is_not_implemented(&self, config: &ModelConfig) -> Result<(), ConfigError> {
        if self.get("hidden_act").is_some_and(|act| act != "silu") {
            return Err(self.refusal("hidden_act", "silu, the only activation that is implemented"));
        }
        if self.get("mlp_bias").is_some_and(|bias| bias != false) {
            return Err(self.refusal("mlp_bias", "false, because feed-forward layers have no bias here"));
        }
        if self.get("quantization_config").is_some() {
            return Err(self.refusal("quantization_config", "absent; choose the model's folder that is not quantised"));
        }
        if self.get("partial_rotary_factor").is_some_and(|factor| factor.as_f64() != Some(1.0)) {
            return Err(self.refusal("partial_rotary_factor", "1, because rotary positions turn whole heads here"));
        }
        let window = match config.architecture {
            Architecture::InternLm2 | Architecture::Llama => None,
            Architecture::Mistral if !self.0.contains_key("sliding_window") => Some(4096),
            Architecture::Qwen2 | Architecture::Qwen3 if self.flag("use_sliding_window")? != Some(true) => None,
            Architecture::Mistral | Architecture::Qwen2 | Architecture::Qwen3 => self.size("sliding_window")?,
        };
        require(
            window.is_none_or(|window| window >= config.max_positions),
            "sliding_window",
            window.unwrap_or(0),
            || {
                format!(
                    "null or at least max_position_embeddings ({}): attention here has no window",
                    config.max_positions
                )
            },
        )
    }
}

fn require(
    holds: bool,
    key: &'static str,
    found: impl ToString,
    expected: impl FnOnce() -> String,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { key, found: found.to_string(), expected: expected() }) }
}

fn not_a_multiple(key: &'static str, found: usize, divisor_key: &str, divisor: usize) -> ConfigError {
    ConfigError::Value { key, found: found.to_string(), expected: format!("a multiple of {divisor_key} ({divisor})") }
}

/// A value as JSON, short enough for one line.
fn excerpt(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn known() -> String {
    CLASSES.map(|(name, ..)| name).join(", ")
}

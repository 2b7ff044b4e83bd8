//! A model's shape from the metadata of a GGUF file, as llama.cpp reads them.

use super::{Architecture, ConfigError, Head, ModelConfig, Rope, RopeScaling};
use crate::weights::{Gguf, Metadata, MetadataError};

/// llama.cpp's names of the architectures that run. Its `llama` is Mistral too, whose window it leaves out as well.
const ARCHITECTURES: [(&str, Architecture); 4] = [
    ("llama", Architecture::Llama),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("internlm2", Architecture::InternLm2),
];

/// Tokens that end a text wherever a file has them as control tokens; files name one or two of theirs.
const ENDS: [&str; 6] =
    ["</s>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>"];

/// The number of control tokens among the types of `tokenizer.ggml.token_type`.
const CONTROL: i64 = 3;

impl ModelConfig {
    /// The shape of a GGUF file's model. Sizes that the tensors have (the vocabulary, biases, a head of its own) are
    /// taken from there.
    ///
    /// YaRN's growth is llama.cpp's, `0.1 ln(factor) + 1` times `rope.scaling.attn_factor`: `mscale` and
    /// `mscale_all_dim`, by which some configurations turn it off, have no place in a file of these architectures.
    ///
    /// # Errors
    /// The metadata lack what every model has, or the model is not one that the network runs exactly.
    pub fn from_gguf(file: &Gguf) -> Result<Self, MetadataError> {
        let metadata = file.metadata();
        let named = metadata.text("general.architecture")?;
        let named = named.ok_or_else(|| MetadataError::Missing("general.architecture".to_owned()))?;
        let Some(&(prefix, architecture)) = ARCHITECTURES.iter().find(|known| known.0 == named) else {
            let name = named.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(MetadataError::Architecture(name));
        };
        let keys = Keys { metadata, prefix };
        if keys.size("expert_count")?.is_some_and(|n| n > 0) {
            return Err(keys.refusal("expert_count", "0, because mixtures of experts are not implemented"));
        }
        if metadata.size("split.count")?.is_some_and(|n| n > 1) {
            let what = "tensors are in several files, which `llama-gguf-split --merge` makes one";
            return Err(MetadataError::Model(what.to_owned()));
        }
        if file.has("rope_freqs.weight") {
            let what =
                "positions have factors of their own (`rope_freqs.weight`, LLaMA 3.1), which are not read from GGUF";
            return Err(MetadataError::Model(what.to_owned()));
        }
        let hidden = keys.required_size("embedding_length")?;
        let n_heads = keys.required_size("attention.head_count")?;
        let head_dim = match keys.size("attention.key_length")? {
            Some(head_dim) => head_dim,
            None => hidden.checked_div(n_heads).unwrap_or(0),
        };
        for key in ["attention.value_length", "rope.dimension_count"] {
            if keys.size(key)?.is_some_and(|size| size != head_dim) {
                return Err(keys.refusal(key, format!("the width of a head, {head_dim}")));
            }
        }
        let max_positions = keys.required_size("context_length")?;
        let config = Self {
            architecture,
            vocab_size: vocabulary(file)?,
            hidden,
            ffn: keys.required_size("feed_forward_length")?,
            n_layers: keys.required_size("block_count")?,
            n_heads,
            n_kv_heads: keys.size("attention.head_count_kv")?.unwrap_or(n_heads),
            head_dim,
            norm_eps: keys.required_number("attention.layer_norm_rms_epsilon")?,
            rope: Rope {
                theta: keys.number("rope.freq_base")?.unwrap_or(10_000.0),
                scaling: scaling(&keys, max_positions)?,
            },
            max_positions,
            tied: !file.has("output.weight"),
            qkv_bias: file.has("blk.0.attn_q.bias"),
            output_bias: file.has("blk.0.attn_output.bias"),
            head: Head::LanguageModel,
            bos: token(metadata, "tokenizer.ggml.bos_token_id")?,
            eos: ends(metadata)?,
        };
        config.validate().map_err(|error| match error {
            ConfigError::Value { key, found, expected } => {
                MetadataError::Model(format!("`{key}` is {found}, but must be {expected}"))
            }
            other => MetadataError::Model(other.to_string()),
        })?;
        Ok(config)
    }
}

/// Metadata of one architecture, by the end of their keys.
struct Keys<'a> {
    metadata: &'a Metadata,
    prefix: &'a str,
}

impl Keys<'_> {
    fn key(&self, end: &str) -> String {
        format!("{}.{end}", self.prefix)
    }

    fn size(&self, end: &str) -> Result<Option<usize>, MetadataError> {
        self.metadata.size(&self.key(end))
    }

    fn required_size(&self, end: &str) -> Result<usize, MetadataError> {
        self.size(end)?.ok_or_else(|| MetadataError::Missing(self.key(end)))
    }

    fn number(&self, end: &str) -> Result<Option<f64>, MetadataError> {
        self.metadata.number(&self.key(end))
    }

    fn required_number(&self, end: &str) -> Result<f64, MetadataError> {
        self.number(end)?.ok_or_else(|| MetadataError::Missing(self.key(end)))
    }

    fn text(&self, end: &str) -> Result<Option<String>, MetadataError> {
        Ok(self.metadata.text(&self.key(end))?.map(str::to_owned))
    }

    fn refusal(&self, end: &str, expected: impl Into<String>) -> MetadataError {
        self.metadata.refusal(&self.key(end), expected)
    }
}

/// Rows of the embedding.
fn vocabulary(file: &Gguf) -> Result<usize, MetadataError> {
    let embedding = file.tensors().iter().find(|tensor| tensor.name == "token_embd.weight");
    let rows = embedding.and_then(|embedding| embedding.shape.first().copied());
    rows.ok_or_else(|| MetadataError::Model("tensor `token_embd.weight` is missing".to_owned()))
}

fn scaling(keys: &Keys, max_positions: usize) -> Result<RopeScaling, MetadataError> {
    const TYPE: &str = "rope.scaling.type";
    // A factor without a type is linear, and 0 is none.
    let factor = keys.number("rope.scaling.factor")?.or(keys.number("rope.scale_linear")?).filter(|f| *f != 0.0);
    match keys.text(TYPE)?.as_deref() {
        Some("none") => Ok(RopeScaling::None),
        Some("yarn") => {
            let factor = factor.ok_or_else(|| keys.refusal("rope.scaling.factor", "YaRN's factor"))?;
            let attention_factor = keys.number("rope.scaling.attn_factor")?.unwrap_or(1.0);
            Ok(RopeScaling::Yarn {
                factor,
                original_max_positions: keys.size("rope.scaling.original_context_length")?.unwrap_or(max_positions),
                beta_fast: keys.number("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0),
                beta_slow: keys.number("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0),
                attention_factor: attention_factor * (0.1 * libm::log(factor.max(1.0)) + 1.0),
            })
        }
        None | Some("linear") => Ok(match factor {
            None | Some(1.0) => RopeScaling::None,
            Some(factor) => RopeScaling::Linear { factor },
        }),
        Some(_) => Err(keys.refusal(TYPE, "none, linear or yarn")),
    }
}

/// The tokens that end a text: those that the file names, and its other control tokens that mean nothing else.
fn ends(metadata: &Metadata) -> Result<Vec<u32>, MetadataError> {
    let mut found = Vec::new();
    for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
        found.extend(token(metadata, key)?);
    }
    let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let types = metadata.integers("tokenizer.ggml.token_type")?.unwrap_or_default();
    let controls = (0_u32..).zip(tokens.iter().zip(types)).filter(|(_, (_, kind))| **kind == CONTROL);
    found.extend(controls.filter(|(_, (token, _))| ENDS.contains(&token.as_str())).map(|(id, _)| id));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn token(metadata: &Metadata, key: &str) -> Result<Option<u32>, MetadataError> {
    let id = metadata.size(key)?;
    id.map(|id| u32::try_from(id).map_err(|_| metadata.refusal(key, "a token's number"))).transpose()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::weights::Value;
    use crate::weights::gguf_tests::File;

    /// A file of a LLaMA model with one layer, of which nothing but names and shapes is true.
    fn llama() -> File {
        let sizes = [("context_length", 64), ("embedding_length", 32), ("block_count", 1), ("feed_forward_length", 48)];
        let heads = [("attention.head_count", 4), ("attention.head_count_kv", 2)];
        let file = File::default().with("general.architecture", Value::Text("llama".to_owned()));
        let file = file.with("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5));
        let with = |file: File, (end, size): (&str, i128)| file.with(&format!("llama.{end}"), Value::Integer(size));
        sizes.into_iter().chain(heads).fold(file, with).f32("token_embd.weight", &[10, 32])
    }

    fn check(file: &File, expected: Expect) {
        let bytes = file.bytes();
        let read = Gguf::read(bytes.len() as u64, |offset, out| {
            out.copy_from_slice(&bytes[offset as usize..][..out.len()]);
            Ok(())
        });
        expected.assert_eq(&match ModelConfig::from_gguf(&read.unwrap()) {
            Ok(config) => format!("{:?}, tied {}, ends {:?}", config.rope, config.tied, config.eos),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn positions_are_scaled_as_llama_cpp_scales_them() {
        check(&llama(), expect!["Rope { theta: 10000.0, scaling: None }, tied true, ends []"]);
        let linear = llama().with("llama.rope.scaling.factor", Value::Float(2.0));
        check(&linear, expect![[r#"Rope { theta: 10000.0, scaling: Linear { factor: 2.0 } }, tied true, ends []"#]]);
        let yarn = linear.with("llama.rope.scaling.type", Value::Text("yarn".to_owned()));
        check(
            &yarn,
            expect![
                "Rope { theta: 10000.0, scaling: Yarn { factor: 2.0, original_max_positions: 64, beta_fast: 32.0, beta_slow: 1.0, attention_factor: 1.0693147180559945 } }, tied true, ends []"
            ],
        );
        let yarn = yarn.with("llama.rope.scaling.original_context_length", Value::Integer(16));
        let yarn = yarn.with("llama.rope.scaling.attn_factor", Value::Float(0.5));
        check(
            &yarn,
            expect![
                "Rope { theta: 10000.0, scaling: Yarn { factor: 2.0, original_max_positions: 16, beta_fast: 32.0, beta_slow: 1.0, attention_factor: 0.5346573590279973 } }, tied true, ends []"
            ],
        );
    }

    #[test]
    fn ends_are_named_or_known() {
        let texts = |texts: &[&str]| Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
        let tokens = texts(&["a", "<|im_end|>", "</s>", "<|endoftext|>", "<end>"]);
        let file = llama().with("tokenizer.ggml.tokens", tokens);
        let file = file.with("tokenizer.ggml.token_type", Value::Integers(vec![1, 3, 1, 3, 3]));
        let file = file.with("tokenizer.ggml.eos_token_id", Value::Integer(4));
        check(&file, expect!["Rope { theta: 10000.0, scaling: None }, tied true, ends [1, 3, 4]"]);
    }

    #[test]
    fn other_models_are_refused() {
        let set = |key: &str, value: Value| llama().with(key, value);
        let architecture = |name: &str| set("general.architecture", Value::Text(name.to_owned()));
        check(
            &architecture("gemma3"),
            expect!["holds a model of the architecture `gemma3`; choose one of llama, qwen2, qwen3 or internlm2"],
        );
        check(
            &architecture("qwen2"),
            expect!["has no `qwen2.embedding_length` in its metadata; take a file that llama.cpp's converter wrote"],
        );
        check(
            &File::default(),
            expect!["has no `general.architecture` in its metadata; take a file that llama.cpp's converter wrote"],
        );
        check(
            &set("llama.block_count", Value::Text("many".repeat(30))),
            expect![[
                r#"has `llama.block_count` = "manymanymanymanymanymanymanymanymanymanymanymanymanymanymany"... in its metadata, which must be a whole number; take another file"#
            ]],
        );
        check(
            &set("llama.attention.head_count_kv", Value::Integer(3)),
            expect![
                "describes a model whose `num_attention_heads` is 4, but must be a multiple of num_key_value_heads (3); take another file"
            ],
        );
        check(
            &set("llama.attention.head_count", Value::Integer(0)),
            expect![
                "describes a model whose `num_attention_heads` is 0, but must be from 1 to 1024; take another file"
            ],
        );
        check(
            &set("llama.embedding_length", Value::Integer(i128::from(u64::MAX))),
            expect![
                "describes a model whose `hidden_size` is 18446744073709551615, but must be from 1 to 65536; take another file"
            ],
        );
        check(
            &set("llama.attention.value_length", Value::Integer(16)),
            expect![
                "has `llama.attention.value_length` = 16 in its metadata, which must be the width of a head, 8; take another file"
            ],
        );
        check(
            &set("llama.expert_count", Value::Integer(8)),
            expect![
                "has `llama.expert_count` = 8 in its metadata, which must be 0, because mixtures of experts are not implemented; take another file"
            ],
        );
        check(
            &set("llama.rope.scaling.type", Value::Text("longrope".to_owned())),
            expect![[
                r#"has `llama.rope.scaling.type` = "longrope" in its metadata, which must be none, linear or yarn; take another file"#
            ]],
        );
        check(
            &set("tokenizer.ggml.bos_token_id", Value::Integer(10)),
            expect![
                "describes a model whose `bos_token_id` is 10, but must be below vocab_size (10); take another file"
            ],
        );
        check(
            &llama().f32("rope_freqs.weight", &[4]),
            expect![
                "describes a model whose positions have factors of their own (`rope_freqs.weight`, LLaMA 3.1), which are not read from GGUF; take another file"
            ],
        );
    }
}

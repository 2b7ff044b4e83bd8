//! Random models as complete Hugging Face folders, for tests that start from files.
//!
//! The weights are the core's [`RandomWeights`]; tests/reference/README.md spells their rule out, and
//! tests/reference/vectors.json has llama.cpp's logits for such models.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};
use stepwise_inference::config::ModelConfig;
use stepwise_inference::weights::{Dtype, RandomWeights, TensorInfo, TensorSource};

/// tests/reference/vectors.json: models, tokens and what llama.cpp computes for them.
pub const VECTORS: &str = include_str!("../reference/vectors.json");

/// A model: config.json and where its weights come from.
#[derive(Clone, Debug)]
pub struct RandomModel {
    pub config: Value,
    /// Of the weights.
    pub seed: u64,
    /// Size of the embedding's values.
    pub embedding_scale: f32,
}

/// How a folder's weights lie in files.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// F32, or F16 or BF16, to which the weights are then rounded.
    pub dtype: Dtype,
    /// In two files with an index, instead of in model.safetensors.
    pub sharded: bool,
}

impl RandomModel {
    /// The model of this name in [`VECTORS`].
    ///
    /// # Errors
    /// `InvalidData`: there is none.
    pub fn of_vectors(name: &str) -> io::Result<Self> {
        let vectors: Value = serde_json::from_str(VECTORS)?;
        let found = vectors["models"].as_array().and_then(|all| all.iter().find(|model| model["spec"]["name"] == name));
        found.and_then(Self::of_entry).ok_or_else(|| invalid(format!("vectors.json has no model `{name}`")))
    }

    /// The model of one entry of `models`.
    fn of_entry(entry: &Value) -> Option<Self> {
        Some(Self {
            config: entry["config"].clone(),
            seed: entry["spec"]["seed"].as_u64()?,
            embedding_scale: entry["spec"]["embedding_scale"].as_f64()? as f32,
        })
    }

    /// The model's tensors.
    ///
    /// # Errors
    /// `InvalidData`: the core refuses the configuration.
    pub fn weights(&self) -> io::Result<RandomWeights> {
        let config = ModelConfig::from_json(&self.config.to_string()).map_err(invalid)?;
        Ok(RandomWeights::new(&config, self.seed, self.embedding_scale))
    }

    /// Writes config.json, the weights and tokenizer.json into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be written, or the core refuses the configuration.
    pub fn write_folder(&self, folder: &Path, layout: Layout) -> io::Result<()> {
        let weights = self.weights()?;
        let n_tokens = self.config["vocab_size"].as_u64().ok_or_else(|| invalid("config.json has no `vocab_size`"))?;
        std::fs::create_dir_all(folder)?;
        write_json(&folder.join("config.json"), &self.config)?;
        write_json(&folder.join("tokenizer.json"), &tokenizer(n_tokens))?;
        let tensors = weights.tensors();
        if !layout.sharded {
            return write_safetensors(&folder.join("model.safetensors"), &weights, tensors, layout.dtype);
        }
        let mut weight_map = Map::new();
        let (first, second) = tensors.split_at(tensors.len() / 2);
        for (shard, file) in [(first, "model-00001-of-00002.safetensors"), (second, "model-00002-of-00002.safetensors")]
        {
            write_safetensors(&folder.join(file), &weights, shard, layout.dtype)?;
            weight_map.extend(shard.iter().map(|tensor| (tensor.name.clone(), json!(file))));
        }
        let index = json!({ "metadata": {}, "weight_map": weight_map });
        write_json(&folder.join("model.safetensors.index.json"), &index)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    std::fs::write(path, format!("{value:#}\n"))
}

/// The format of <https://github.com/huggingface/safetensors>: the header's length in eight bytes, the header as JSON,
/// the tensors. They are made one by one, so that a large model needs no memory.
fn write_safetensors(path: &Path, weights: &RandomWeights, tensors: &[TensorInfo], dtype: Dtype) -> io::Result<()> {
    let (mut header, mut offset) = (Map::new(), 0);
    for TensorInfo { name, shape, .. } in tensors {
        let end = offset + shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [offset, end] });
        header.insert(name.clone(), entry);
        offset = end;
    }
    let mut header = Value::Object(header).to_string();
    // Readers that map the file want the data at a multiple of eight.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for tensor in tensors {
        for value in weights.read(&tensor.name).map_err(invalid)? {
            match dtype {
                Dtype::F32 => file.write_all(&value.to_le_bytes())?,
                Dtype::F16 => file.write_all(&f16::from_f32(value).to_le_bytes())?,
                Dtype::BF16 => file.write_all(&bf16::from_f32(value).to_le_bytes())?,
                other => return Err(invalid(format!("write F32, F16 or BF16, not {other}"))),
            }
        }
    }
    file.flush()
}

const SPECIALS: [&str; 3] = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];

/// A tokenizer.json with `n_tokens`: bytes and special tokens where they fit, else words `t0`, `t1`, ...
fn tokenizer(n_tokens: u64) -> Value {
    let byte_alphabet = byte_alphabet();
    let n_reachable = (byte_alphabet.len() + SPECIALS.len()) as u64;
    let common = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
    });
    let with = |mut made: Value, parts: Value| {
        if let (Value::Object(made), Value::Object(parts)) = (&mut made, parts) {
            made.extend(parts);
        }
        made
    };
    if n_tokens < n_reachable {
        let vocab: Map<_, _> = (0..n_tokens).map(|id| (format!("t{id}"), json!(id))).collect();
        let model = json!({ "type": "WordLevel", "vocab": vocab, "unk_token": "t0" });
        let words = json!({ "type": "WhitespaceSplit" });
        return with(common, json!({ "added_tokens": [], "pre_tokenizer": words, "decoder": null, "model": model }));
    }
    let first_special = byte_alphabet.len();
    // No text reaches the last ones, but a model may choose them.
    let fillers = (n_reachable..n_tokens).map(|id| format!("<{id}>"));
    let tokens = byte_alphabet.into_iter().chain(SPECIALS.map(str::to_owned)).chain(fillers);
    let vocab: Map<_, _> = tokens.zip(0_u64..).map(|(token, id)| (token, json!(id))).collect();
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let special = |(token, id): (&str, usize)| {
        json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true,
        })
    };
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": [],
    });
    let added: Value = SPECIALS.into_iter().zip(first_special..).map(special).collect();
    let parts = json!({ "added_tokens": added, "pre_tokenizer": byte_level, "decoder": byte_level, "model": model });
    with(common, parts)
}

/// GPT-2's printable stand-ins for the bytes 0 to 255.
fn byte_alphabet() -> Vec<String> {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut others = '\u{100}'..;
    let stand_in = |byte: u8| if is_printable(byte) { Some(char::from(byte)) } else { others.next() };
    (0..=u8::MAX).filter_map(stand_in).map(String::from).collect()
}

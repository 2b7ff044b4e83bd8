//! Writes a random model as a complete Hugging Face folder: configuration, weights and tokenizer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};

use super::Spec;

/// How the weights' files keep a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// Exactly.
    #[default]
    F32,
    /// Rounded to the nearest half.
    F16,
    /// Rounded to the nearest bfloat16.
    Bf16,
}

/// How a folder's weights lie in files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// Of every tensor.
    pub dtype: Dtype,
    /// In two files with an index, instead of in model.safetensors.
    pub sharded: bool,
}

type Tensors = [(String, Vec<usize>)];

/// Writes config.json, the weights and tokenizer.json into a folder, which is made if it is not there.
///
/// # Errors
/// The folder cannot be written.
pub fn write_folder(folder: &Path, spec: &Spec, layout: Layout) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut config = spec.config();
    config["torch_dtype"] = json!(layout.dtype.torch_name());
    write_json(&folder.join("config.json"), &config)?;
    write_json(&folder.join("tokenizer.json"), &tokenizer(spec.vocab))?;
    let tensors = spec.shapes();
    if !layout.sharded {
        return write_safetensors(&folder.join("model.safetensors"), spec, &tensors, layout.dtype);
    }
    let mut weight_map = Map::new();
    let (first, second) = tensors.split_at(tensors.len() / 2);
    for (shard, file) in [(first, "model-00001-of-00002.safetensors"), (second, "model-00002-of-00002.safetensors")] {
        write_safetensors(&folder.join(file), spec, shard, layout.dtype)?;
        weight_map.extend(shard.iter().map(|(name, _)| (name.clone(), json!(file))));
    }
    let total_size: usize = tensors.iter().map(|(_, shape)| n_bytes(shape, layout.dtype)).sum();
    let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
    write_json(&folder.join("model.safetensors.index.json"), &index)
}

impl Dtype {
    /// As a safetensors header spells it.
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// As config.json spells it.
    fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    fn n_bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }

    fn write(self, value: f32, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::F32 => to.write_all(&value.to_le_bytes()),
            Self::F16 => to.write_all(&f16::from_f32(value).to_le_bytes()),
            Self::Bf16 => to.write_all(&bf16::from_f32(value).to_le_bytes()),
        }
    }
}

fn n_bytes(shape: &[usize], dtype: Dtype) -> usize {
    shape.iter().product::<usize>() * dtype.n_bytes()
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    std::fs::write(path, format!("{value:#}\n"))
}

/// The format of <https://github.com/huggingface/safetensors>: the header's length in eight bytes, the header as JSON,
/// the tensors. They are made one by one, so that a large model needs no memory.
fn write_safetensors(path: &Path, spec: &Spec, tensors: &Tensors, dtype: Dtype) -> io::Result<()> {
    let (mut header, mut offset) = (Map::new(), 0);
    for (name, shape) in tensors {
        let end = offset + n_bytes(shape, dtype);
        header.insert(name.clone(), json!({ "dtype": dtype.name(), "shape": shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut header = Value::Object(header).to_string();
    // Readers that map the file want the data at a multiple of eight.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (name, shape) in tensors {
        for value in spec.weight(name, shape) {
            dtype.write(value, &mut file)?;
        }
    }
    file.flush()
}

const SPECIALS: [&str; 3] = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];

/// A tokenizer.json with `size` tokens: bytes and special tokens where they fit, else words `t0`, `t1`, ...
fn tokenizer(size: usize) -> Value {
    let mut tokens = byte_alphabet();
    let n_bytes = tokens.len();
    tokens.extend(SPECIALS.map(str::to_owned));
    let is_byte_level = tokens.len() <= size;
    if is_byte_level {
        // No text reaches these, but a model may choose them.
        tokens.extend((tokens.len()..size).map(|token_id| format!("<{token_id}>")));
    } else {
        tokens = (0..size).map(|token_id| format!("t{token_id}")).collect();
    }
    let vocab: Map<String, Value> =
        tokens.into_iter().zip(0..).map(|(token, id): (_, u64)| (token, json!(id))).collect();
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let special = |(token, id): (&str, usize)| {
        json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true,
        })
    };
    let mut made = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
    });
    if is_byte_level {
        made["added_tokens"] = SPECIALS.into_iter().zip(n_bytes..).map(special).collect();
        made["pre_tokenizer"] = byte_level.clone();
        made["decoder"] = byte_level;
        made["model"] = json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": [],
        });
    } else {
        made["added_tokens"] = json!([]);
        made["pre_tokenizer"] = json!({ "type": "WhitespaceSplit" });
        made["decoder"] = Value::Null;
        made["model"] = json!({ "type": "WordLevel", "vocab": vocab, "unk_token": "t0" });
    }
    made
}

/// GPT-2's printable stand-ins for the bytes 0 to 255.
fn byte_alphabet() -> Vec<String> {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut others = '\u{100}'..;
    let stand_in = |byte: u8| if is_printable(byte) { Some(char::from(byte)) } else { others.next() };
    (0..=u8::MAX).filter_map(stand_in).map(String::from).collect()
}

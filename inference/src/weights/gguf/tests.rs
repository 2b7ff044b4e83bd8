//! Files that are written here byte by byte, whole ones and hostile ones.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::config::ModelConfig;
use crate::tokenizer::GgufTokenizer;
use crate::weights::Checkpoint;

/// A file to be written.
#[derive(Clone, Default)]
pub(crate) struct File {
    values: BTreeMap<String, Value>,
    /// Name, shape with the outermost dimension first, the type's number, bytes.
    tensors: Vec<(String, Vec<usize>, u32, Vec<u8>)>,
}

impl File {
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.values.insert(key.to_owned(), value);
        self
    }

    /// With a tensor of small numbers.
    pub(crate) fn f32(self, name: &str, shape: &[usize]) -> Self {
        let n_elements: usize = shape.iter().product();
        let bytes = (0..n_elements).flat_map(|idx| ((idx % 7) as f32 / 8.0).to_le_bytes()).collect();
        self.tensor(name, shape, 0, bytes)
    }

    fn tensor(mut self, name: &str, shape: &[usize], id: u32, bytes: Vec<u8>) -> Self {
        self.tensors.push((name.to_owned(), shape.to_vec(), id, bytes));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = [&b"GGUF"[..], &3_u32.to_le_bytes()].concat();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.values.len() as u64).to_le_bytes());
        for (key, value) in &self.values {
            put_text(&mut out, key);
            put(&mut out, value);
        }
        let mut offset = 0_u64;
        for (name, shape, id, bytes) in &self.tensors {
            put_text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|size| out.extend((*size as u64).to_le_bytes()));
            out.extend(id.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset = (offset + bytes.len() as u64).next_multiple_of(ALIGNMENT);
        }
        for (.., bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
            out.extend(bytes);
        }
        out
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A value with the number of its type.
fn put(out: &mut Vec<u8>, value: &Value) {
    let mut head = |kinds: &[u32]| kinds.iter().for_each(|kind| out.extend(kind.to_le_bytes()));
    match value {
        Value::Integer(value) => {
            head(&[10]);
            out.extend((*value as u64).to_le_bytes());
        }
        Value::Float(value) => {
            head(&[12]);
            out.extend(value.to_le_bytes());
        }
        Value::Flag(value) => {
            head(&[7]);
            out.push(u8::from(*value));
        }
        Value::Text(text) => {
            head(&[8]);
            put_text(out, text);
        }
        Value::Integers(values) => {
            head(&[9, 5]);
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| out.extend((*value as i32).to_le_bytes()));
        }
        Value::Floats(values) => {
            head(&[9, 6]);
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| out.extend(value.to_le_bytes()));
        }
        Value::Texts(values) => {
            head(&[9, 8]);
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| put_text(out, value));
        }
    }
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// A whole small model with a tokenizer, one tensor of which is in blocks.
pub(crate) fn small_model() -> File {
    let integer = |value: i128| Value::Integer(value);
    let q8 = [&0x3c00_u16.to_le_bytes()[..], &[1; 32]].concat();
    let file = File::default()
        .with("general.architecture", Value::Text("llama".to_owned()))
        .with("llama.context_length", integer(64))
        .with("llama.embedding_length", integer(32))
        .with("llama.block_count", integer(1))
        .with("llama.feed_forward_length", integer(2))
        .with("llama.attention.head_count", integer(2))
        .with("llama.attention.key_length", integer(4))
        .with("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5))
        .with("tokenizer.ggml.model", Value::Text("gpt2".to_owned()))
        .with("tokenizer.ggml.pre", Value::Text("qwen2".to_owned()))
        .with("tokenizer.ggml.tokens", texts(&["a", "b", "ab", "<|endoftext|>", "<think>"]))
        .with("tokenizer.ggml.token_type", Value::Integers(vec![1, 1, 1, 3, 4]))
        .with("tokenizer.ggml.merges", texts(&["a b"]))
        .with("tokenizer.ggml.eos_token_id", integer(3))
        .with("tokenizer.ggml.add_bos_token", Value::Flag(false))
        .with("tokenizer.chat_template", Value::Text("{{ messages[0]['content'] }}".to_owned()))
        .tensor("token_embd.weight", &[5, 32], 8, q8.repeat(5))
        .f32("output_norm.weight", &[32]);
    let shapes: [(&str, &[usize]); 9] = [
        ("attn_norm", &[32]),
        ("ffn_norm", &[32]),
        ("attn_q", &[8, 32]),
        ("attn_k", &[8, 32]),
        ("attn_v", &[8, 32]),
        ("attn_output", &[32, 8]),
        ("ffn_gate", &[2, 32]),
        ("ffn_up", &[2, 32]),
        ("ffn_down", &[32, 2]),
    ];
    shapes.into_iter().fold(file, |file, (name, shape)| file.f32(&format!("blk.0.{name}.weight"), shape))
}

/// Reads all of a file, as far as it lets itself be read. No read may ask for what the file does not have.
fn read_all(bytes: &[u8]) -> Result<(), String> {
    let read_at = |offset: u64, out: &mut [u8]| {
        assert!(offset + out.len() as u64 <= bytes.len() as u64, "read past the end of the file");
        copy(bytes, offset, out)
    };
    let file = Gguf::read(bytes.len() as u64, read_at).map_err(|error| error.to_string())?;
    for TensorInfo { name, shape, .. } in file.tensors() {
        // No tensor is larger than the file, in which four bits are the least that an element takes.
        let n_elements: usize = shape.iter().product();
        assert!(n_elements <= 2 * bytes.len());
        file.read_range(name, 0, &mut vec![0.0; n_elements], read_at).map_err(|error| error.to_string())?;
    }
    let config = ModelConfig::from_gguf(&file).map_err(|error| error.to_string())?;
    GgufTokenizer::of(file.metadata()).map_err(|error| error.to_string())?;
    let source = GgufBytes::new(bytes).map_err(|error| error.to_string())?;
    Checkpoint::new(&config, &source).and_then(|checkpoint| checkpoint.load()).map_err(|error| error.to_string())?;
    Ok(())
}

#[test]
fn a_whole_file_is_read() {
    let bytes = small_model().bytes();
    read_all(&bytes).unwrap();
    let source = GgufBytes::new(&bytes).unwrap();
    assert_eq!(source.file().block_type("token_embd.weight"), Some(BlockType::Q8_0));
    assert_eq!(source.read("token_embd.weight").unwrap(), [1.0; 160]);
    // A range may begin and end inside of blocks.
    let mut out = [0.0; 50];
    source.read_range("token_embd.weight", 20, &mut out).unwrap();
    assert_eq!(out, [1.0; 50]);
    let mut block = [0; 34];
    source.file().read_blocks("token_embd.weight", 4, &mut block, &mut |at, out| copy(&bytes, at, out)).unwrap();
    assert_eq!(block[..3], [0, 0x3c, 1]);
}

#[test]
fn rows_of_pairs_are_parted() {
    let bytes = small_model().bytes();
    let source = GgufBytes::new(&bytes).unwrap();
    let config = ModelConfig::from_gguf(source.file()).unwrap();
    let block = Checkpoint::new(&config, &source).unwrap().block(0).unwrap();
    let row = |idx: usize| block.wqkv.data[idx * 32];
    let stored = source.read("blk.0.attn_q.weight").unwrap();
    // Heads of four: rows 0 and 2 of the file are the first halves of the pairs, 1 and 3 the second ones.
    let order: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7].map(|idx| stored[idx * 32]).to_vec();
    assert_eq!((0..8).map(row).collect::<Vec<_>>(), order);
    // Keys as well, and values as they are.
    assert_eq!((8..16).map(row).collect::<Vec<_>>(), order);
    assert_eq!((16..24).map(row).collect::<Vec<_>>(), (0..8).map(|idx| stored[idx * 32]).collect::<Vec<_>>());
}

#[test]
fn every_type_has_its_row() {
    for (block_type, id, _, n_elements, n_bytes) in blocks::TYPES {
        assert_eq!(BlockType::from_id(id), Some(block_type));
        assert_eq!((block_type.n_elements(), block_type.n_bytes()), (n_elements, n_bytes));
        let mut out = vec![f32::NAN; 2 * block_type.n_elements()];
        block_type.dequantise(&vec![0; 2 * block_type.n_bytes()], &mut out);
        assert!(out.iter().all(|value| *value == 0.0), "{block_type:?}");
    }
}

#[test]
fn blocks_are_what_gguf_makes_of_them() {
    let bytes = |digits: &str| hex::decode(digits).unwrap();
    let cases = reference::reference().blocks;
    assert_eq!(cases.len(), blocks::TYPES.len());
    for case in cases {
        let block_type = BlockType::from_id(case.id).unwrap();
        let (blocks, values) = (bytes(&case.blocks), bytes(&case.values));
        let mut ours = vec![f32::NAN; values.len() / 4];
        block_type.dequantise(&blocks, &mut ours);
        let ours: Vec<u8> = ours.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(ours == values, "{block_type:?}");
    }
}

fn check(bytes: &[u8], expected: Expect) {
    let said = read_all(bytes).expect_err("the file is read");
    assert!(!said.contains('\n'), "{said}");
    expected.assert_eq(&said);
}

/// The bytes of `file` with other bytes in the place of the first ones that are like `old`.
fn patched(file: &File, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = file.bytes();
    let at = bytes.windows(old.len()).position(|window| window == old).expect("the bytes are there");
    bytes.splice(at..at + old.len(), new.iter().copied());
    bytes
}

#[test]
fn other_files_are_refused() {
    check(b"", expect!["holds 0 bytes, but its header asks for 4; download it again"]);
    check(
        b"version https://git-lfs.github.com/spec/v1\n",
        expect!["is a git-lfs pointer, not the weights; run `git lfs pull` in its folder"],
    );
    check(
        b"<!DOCTYPE html><title>Sign in</title>",
        expect!["is not a GGUF file (it does not begin as one); download it again"],
    );
    check(
        &patched(&small_model(), &3_u32.to_le_bytes(), &1_u32.to_le_bytes()),
        expect!["is a GGUF file of version 1, but only 2 and 3 are read; convert the model with a llama.cpp of today"],
    );
    // The other byte order.
    check(
        &patched(&small_model(), &3_u32.to_le_bytes(), &3_u32.to_be_bytes()),
        expect![
            "is a GGUF file of version 50331648, but only 2 and 3 are read; convert the model with a llama.cpp of today"
        ],
    );
    let unknown = small_model().tensor("blk.0.extra", &[256], 23, vec![0; 136]);
    check(
        &unknown.bytes(),
        expect![[
            r#"has the tensor "blk.0.extra" as IQ4_XS, which is not read; take a file with F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q5_1, Q5_0, Q4_1, Q4_0"#
        ]],
    );
    check(
        &small_model().tensor("blk.0.extra", &[256], 4_000_000_000, vec![0; 136]).bytes(),
        expect![[
            r#"has the tensor "blk.0.extra" as type number 4000000000, which is not read; take a file with F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q5_1, Q5_0, Q4_1, Q4_0"#
        ]],
    );
}

#[test]
fn claims_beyond_the_file_are_refused() {
    let n = |n: u64| n.to_le_bytes().to_vec();
    let count = |at: usize, n: u64| {
        let mut bytes = small_model().bytes();
        bytes[at..at + 8].copy_from_slice(&n.to_le_bytes());
        bytes
    };
    check(
        &count(8, 1 << 40),
        expect!["holds 6944 bytes, but its header asks for 88946092640568803; download it again"],
    );
    check(
        &count(16, u64::MAX),
        expect!["holds 6944 bytes, but its header asks for 1407374883554182; download it again"],
    );
    // A text, a list and a tensor that are longer than everything.
    check(
        &patched(&small_model(), &[n(20), b"general.archit".to_vec()].concat(), &n(1 << 60)),
        expect!["holds 6930 bytes, but its header asks for 1152921504606847008; download it again"],
    );
    let merges = [9_u32.to_le_bytes().to_vec(), 8_u32.to_le_bytes().to_vec(), n(1)].concat();
    let billions = [9_u32.to_le_bytes().to_vec(), 8_u32.to_le_bytes().to_vec(), n(1 << 61)].concat();
    check(
        &patched(&small_model(), &merges, &billions),
        expect!["holds 6944 bytes, but its header asks for 18446744073709551615; download it again"],
    );
    let shape = |sizes: &[usize]| File::default().tensor("x", sizes, 0, vec![0; 4]).bytes();
    check(&shape(&[1 << 20]), expect!["holds 68 bytes, but its header asks for 4194368; download it again"]);
    check(
        &shape(&[1 << 40, 1 << 40]),
        expect![[r#"is not a GGUF file (its tensor "x" is larger than any memory); download it again"#]],
    );
    check(
        &shape(&[usize::MAX]),
        expect![[r#"is not a GGUF file (its tensor "x" is larger than any memory); download it again"#]],
    );
    check(
        &shape(&[1, 1, 1, 1, 1]),
        expect![[r#"is not a GGUF file (its tensor "x" has too many dimensions); download it again"#]],
    );
    check(
        &File::default().tensor("x", &[33], 8, vec![0; 68]).bytes(),
        expect![[
            r#"is not a GGUF file (its tensor "x" has rows that are no whole number of blocks); download it again"#
        ]],
    );
}

#[test]
fn what_is_there_twice_is_refused() {
    let twice = File::default().f32("x", &[8]).f32("x", &[8]);
    check(&twice.bytes(), expect![[r#"is not a GGUF file (it has two tensors "x"); download it again"#]]);
    let key = |key: &str| File::default().with("general.a", Value::Flag(true)).with(key, Value::Flag(true));
    check(
        &patched(&key("general.b"), b"general.b", b"general.a"),
        expect![[r#"is not a GGUF file (it has the key "general.a" twice); download it again"#]],
    );
    let two = File::default().f32("x", &[16]).f32("y", &[16]);
    let offset = |n: u64| [&0_u32.to_le_bytes()[..], &n.to_le_bytes()].concat();
    check(
        &patched(&two, &offset(64), &offset(32)),
        expect![[r#"is not a GGUF file (its tensors "x" and "y" overlap); download it again"#]],
    );
    check(
        &patched(&two, &offset(64), &offset(65)),
        expect![[r#"is not a GGUF file (its tensor "y" does not lie where the alignment has it); download it again"#]],
    );
    check(
        &patched(&two, &offset(64), &offset(u64::MAX - 31)),
        expect!["holds 224 bytes, but its header asks for 18446744073709551615; download it again"],
    );
}

#[test]
fn every_truncation_is_refused() {
    let bytes = small_model().bytes();
    for end in 0..bytes.len() {
        assert!(read_all(&bytes[..end]).is_err(), "cut after {end} bytes");
    }
}

#[test]
fn no_flipped_bit_does_harm() {
    let model = small_model();
    let bytes = model.bytes();
    // Of the tensors' own bytes a few are enough.
    let n_header = bytes.len() - model.tensors.iter().map(|(.., bytes)| bytes.len()).sum::<usize>();
    for at in (0..n_header).chain((n_header..bytes.len()).step_by(97)) {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let _ = read_all(&bytes);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes);
        // With a head that lets the rest be read.
        let head = [&b"GGUF"[..], &3_u32.to_le_bytes(), &2_u64.to_le_bytes(), &2_u64.to_le_bytes()].concat();
        let _ = read_all(&[head, bytes].concat());
    }
}

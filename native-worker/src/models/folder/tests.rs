//! Real folders: whole ones, and each way in which one is not.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use serde_json::json;
use stepwise_inference::tokenizer::Tokenizer;
use stepwise_inference::weights::{Checkpoint, Dtype, HeadWeights, TensorSource};
use tempfile::TempDir;

use super::ModelFolder;
use crate::models::save::{save_folder, side_files_of};

/// A tensor to write: its name and its shape.
type Entry = (String, Vec<usize>);

/// A LLaMA model's config.json.
fn config(hidden: usize, ffn: usize, n_layers: usize, vocab_size: usize) -> String {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": ffn, "vocab_size": vocab_size,
        "num_attention_heads": 2, "num_hidden_layers": n_layers
    });
    config.to_string()
}

/// The tensors that belong to [`config`].
fn entries(hidden: usize, ffn: usize, n_layers: usize, vocab_size: usize) -> Vec<Entry> {
    let mut entries = vec![
        ("model.embed_tokens.weight".to_owned(), vec![vocab_size, hidden]),
        ("model.norm.weight".to_owned(), vec![hidden]),
        ("lm_head.weight".to_owned(), vec![vocab_size, hidden]),
    ];
    for layer in 0..n_layers {
        for (name, shape) in [
            ("input_layernorm", vec![hidden]),
            ("post_attention_layernorm", vec![hidden]),
            ("self_attn.q_proj", vec![hidden, hidden]),
            ("self_attn.k_proj", vec![hidden, hidden]),
            ("self_attn.v_proj", vec![hidden, hidden]),
            ("self_attn.o_proj", vec![hidden, hidden]),
            ("mlp.gate_proj", vec![ffn, hidden]),
            ("mlp.up_proj", vec![ffn, hidden]),
            ("mlp.down_proj", vec![hidden, ffn]),
        ] {
            entries.push((format!("model.layers.{layer}.{name}.weight"), shape));
        }
    }
    entries
}

/// Writes a safetensors file with its elements in order, each from `element`.
fn write_weights<const N: usize>(path: &Path, dtype: &str, entries: &[Entry], mut element: impl FnMut() -> [u8; N]) {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in entries {
        let start = end;
        end += N * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
    }
    let header = serde_json::Value::from(header).to_string();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    (0..end / N).for_each(|_| file.write_all(&element()).unwrap());
    file.flush().unwrap();
}

/// 1, 2, 3, ... as f32.
fn counted() -> impl FnMut() -> [u8; 4] {
    let mut count = 0.0_f32;
    move || {
        count += 1.0;
        count.to_le_bytes()
    }
}

/// A whole small model in one file.
fn small_model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config(4, 6, 1, 5)).unwrap();
    write_weights(&folder.path().join("model.safetensors"), "F32", &entries(4, 6, 1, 5), counted());
    folder
}

/// The same model in two shards with their index.
fn sharded_model() -> TempDir {
    let folder = small_model();
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let entries = entries(4, 6, 1, 5);
    let mut weight_map = serde_json::Map::new();
    let mut element = counted();
    for (shard, entries) in [("a.safetensors", &entries[..7]), ("b.safetensors", &entries[7..])] {
        write_weights(&folder.path().join(shard), "F32", entries, &mut element);
        weight_map.extend(entries.iter().map(|(name, _)| (name.clone(), shard.into())));
    }
    let index = json!({ "metadata": { "total_size": 4 }, "weight_map": weight_map });
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    folder
}

#[test]
fn a_folder_is_read_from_one_file_or_from_shards() {
    let (whole, sharded) = (small_model(), sharded_model());
    let (whole, sharded) = (ModelFolder::open(whole.path()).unwrap(), ModelFolder::open(sharded.path()).unwrap());
    let load = |folder: &ModelFolder| Checkpoint::new(&folder.config, folder).unwrap().load().unwrap();
    let weights = load(&whole);
    assert_eq!(weights, load(&sharded));
    let count = |from: usize, n: usize| (from..from + n).map(|value| value as f32).collect::<Vec<_>>();
    assert_eq!(weights.embedding.data, count(1, 20));
    assert_eq!(weights.final_norm, count(21, 4));
    let HeadWeights::LanguageModel(head) = weights.head else { panic!("a language model has a head") };
    assert_eq!(head.data, count(25, 20));
    // q, k and v lie end to end in the file, as they do in the network.
    assert_eq!(weights.blocks[0].wqkv.data, count(53, 48));
    assert_eq!(weights.blocks[0].down.data, count(165, 24));
    assert_eq!(sharded.read("model.norm.weight").unwrap(), count(21, 4));
}

#[test]
fn the_tokenizers_files_are_read_where_they_are() {
    let folder = small_model();
    let opened = ModelFolder::open(folder.path()).unwrap();
    assert_eq!((opened.tokenizer_json, opened.tokenizer_model, opened.tokenizer_config), (None, None, None));
    assert_eq!((opened.special_tokens_map, opened.generation_config), (None, None));
    for name in [
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "generation_config.json",
    ] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let opened = ModelFolder::open(folder.path()).unwrap();
    assert_eq!(opened.tokenizer_json.unwrap(), b"tokenizer.json");
    assert_eq!(opened.tokenizer_model.unwrap(), b"tokenizer.model");
    assert_eq!(opened.tokenizer_config.unwrap(), b"tokenizer_config.json");
    assert_eq!(opened.special_tokens_map.unwrap(), b"special_tokens_map.json");
    assert_eq!(opened.generation_config.unwrap(), b"generation_config.json");
}

/// A folder with nothing but a GGUF file of tests/reference/gguf.
fn gguf_model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/gguf/qwen2-mixed.gguf");
    fs::copy(file, folder.path().join("model.gguf")).unwrap();
    folder
}

#[test]
fn a_gguf_file_is_read_alone_or_in_its_folder() {
    let folder = gguf_model();
    fs::write(folder.path().join("stepwise.json"), "{}").unwrap();
    let alone = ModelFolder::open(&folder.path().join("model.gguf")).unwrap();
    let within = ModelFolder::open(folder.path()).unwrap();
    assert!(alone.is_gguf() && alone.config == within.config && alone.tokenizer_json == within.tokenizer_json);
    assert_eq!((alone.settings.as_deref(), within.settings.as_deref()), (None, Some(&b"{}"[..])));
    let load = |folder: &ModelFolder| Checkpoint::new(&folder.config, folder).unwrap().load().unwrap();
    assert_eq!(load(&alone), load(&within));
    let names = |path: &Path| ModelFolder::files(path).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(folder.path()), ["stepwise.json", "model.gguf"]);
    assert_eq!(names(&folder.path().join("model.gguf")), ["model.gguf"]);
    // By its beginning, where it has no name of its own, as in caches of downloads.
    fs::rename(folder.path().join("model.gguf"), folder.path().join("0a1b2c")).unwrap();
    assert!(ModelFolder::open(&folder.path().join("0a1b2c")).unwrap().is_gguf());
}

#[test]
fn a_gguf_file_is_saved_as_a_folder_that_computes_the_same() {
    let folder = gguf_model();
    let opened = ModelFolder::open(folder.path()).unwrap();
    let weights = Checkpoint::new(&opened.config, &opened).unwrap().load().unwrap();
    let saved = folder.path().join("saved");
    save_folder(&saved, &opened.config, &weights, Dtype::F32, side_files_of(&opened)).unwrap();
    let again = ModelFolder::open(&saved).unwrap();
    assert_eq!(again.config, opened.config);
    assert_eq!(Checkpoint::new(&again.config, &again).unwrap().load().unwrap(), weights);
    let read = |folder: &ModelFolder| {
        let tokenizer = Tokenizer::from_json(folder.tokenizer_json.as_deref().unwrap()).unwrap();
        tokenizer.with_config(folder.tokenizer_config.as_deref().unwrap()).unwrap().encode("h₀ : 0 < x", true).unwrap()
    };
    assert_eq!(read(&again), read(&opened));
}

#[test]
fn gguf_files_that_hold_no_model_are_refused() {
    let write = |bytes: &'static [u8]| move |folder: &Path| fs::write(folder.join("model.gguf"), bytes).unwrap();
    let truncate = |n_bytes| {
        move |folder: &Path| {
            File::options().write(true).open(folder.join("model.gguf")).unwrap().set_len(n_bytes).unwrap()
        }
    };
    let refusals = [
        refusal(gguf_model(), write(b"")),
        refusal(gguf_model(), write(b"<!DOCTYPE html><title>Sign in</title>")),
        refusal(gguf_model(), write(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 400\n")),
        refusal(gguf_model(), write(b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
        refusal(gguf_model(), truncate(1000)),
        refusal(gguf_model(), truncate(30_000)),
        refusal(gguf_model(), |folder| {
            fs::copy(folder.join("model.gguf"), folder.join("other.GGUF")).unwrap();
        }),
    ];
    expect![[r#"
        DIR/model.gguf holds 0 bytes, but its header asks for 4; download it again
        DIR/model.gguf is not a GGUF file (it does not begin as one); download it again
        DIR/model.gguf is a git-lfs pointer, not the weights; run `git lfs pull` in its folder
        DIR/model.gguf has no `general.architecture` in its metadata; take a file that llama.cpp's converter wrote
        DIR/model.gguf holds 1000 bytes, but its header asks for 3249; download it again
        DIR/model.gguf holds 30000 bytes, but its header asks for 34038; download it again
        DIR has several GGUF files; name one of them
    "#]]
    .assert_eq(&refusals.concat());
}

/// What is said of `model` after `change`: one line, with the folder's name replaced by DIR.
fn refusal(model: TempDir, change: impl FnOnce(&Path)) -> String {
    change(model.path());
    let said = match ModelFolder::open(model.path()) {
        Err(error) => error.to_string(),
        Ok(folder) => Checkpoint::new(&folder.config, &folder).and_then(|found| found.load()).unwrap_err().to_string(),
    };
    assert!(!said.contains('\n'), "{said}");
    said.replace(&model.path().display().to_string(), "DIR") + "\n"
}

#[test]
fn folders_without_a_model_are_refused() {
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    let rename = |from: &'static str, to: &'static str| {
        move |folder: &Path| fs::rename(folder.join(from), folder.join(to)).unwrap()
    };
    let refusals = [
        refusal(small_model(), |folder| fs::remove_dir_all(folder).unwrap()),
        refusal(small_model(), remove("config.json")),
        refusal(small_model(), |folder| fs::write(folder.join("config.json"), "{ \"architectures\": ").unwrap()),
        refusal(small_model(), |folder| {
            fs::write(folder.join("config.json"), r#"{ "architectures": ["GPT2LMHeadModel"] }"#).unwrap();
        }),
        refusal(small_model(), remove("model.safetensors")),
        refusal(small_model(), rename("model.safetensors", "pytorch_model.bin")),
        refusal(sharded_model(), rename("model.safetensors.index.json", "pytorch_model.bin.index.json")),
        refusal(small_model(), |folder| fs::create_dir(folder.join("tokenizer.json")).unwrap()),
    ];
    expect![[r#"
        DIR is neither a folder nor a GGUF file; name the folder that holds the model's config.json
        DIR has no config.json; name a folder as Hugging Face publishes models, with config.json and *.safetensors
        DIR: config.json is not a JSON object (EOF while parsing a value at line 1 column 19); download it again
        DIR: the architecture "GPT2LMHeadModel" is unknown; choose a model of one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
        DIR has no weights; download model.safetensors, or model.safetensors.index.json with its shards, into it
        DIR has its weights only as pytorch_model.bin, which can run code when it is read; convert it with `save_pretrained(..., safe_serialization=True)` of Hugging Face's transformers
        DIR has its weights only as pytorch_model.bin.index.json, which can run code when it is read; convert it with `save_pretrained(..., safe_serialization=True)` of Hugging Face's transformers
        cannot read DIR/tokenizer.json (Is a directory (os error 21)); check its permissions
    "#]].assert_eq(&refusals.concat());
}

#[test]
fn shards_that_do_not_fit_their_index_are_refused() {
    let index = "model.safetensors.index.json";
    let write_index = |text: &'static str| move |folder: &Path| fs::write(folder.join(index), text).unwrap();
    let refusals = [
        refusal(sharded_model(), |folder| fs::remove_file(folder.join("b.safetensors")).unwrap()),
        refusal(sharded_model(), |folder| {
            let text = fs::read_to_string(folder.join(index)).unwrap();
            let text = text.replace(r#""lm_head.weight":"a"#, r#""lm_head.weight":"b"#);
            fs::write(folder.join(index), text).unwrap();
        }),
        refusal(sharded_model(), write_index("{}")),
        refusal(sharded_model(), write_index(r#"{ "weight_map": { "lm_head.weight": "../b.safetensors" } }"#)),
        refusal(sharded_model(), write_index(r#"{ "weight_map": { "lm_head.weight": "a.safetensors" } }"#)),
    ];
    expect![[r#"
        DIR/b.safetensors is missing, though the index names it; download the model's remaining files
        DIR/b.safetensors does not hold the tensor `lm_head.weight`, though the index says so; download the index and its shards again, from one revision
        DIR/model.safetensors.index.json is not an index of shards (missing field `weight_map` at line 1 column 2); download it again
        DIR/model.safetensors.index.json is not an index of shards (the shard "../b.safetensors" is not a file name); download it again
        the weights hold no tensor `model.embed_tokens.weight`, which the model's configuration asks for; download them again
    "#]].assert_eq(&refusals.concat());
}

#[test]
fn damaged_weights_are_refused() {
    let weights = "model.safetensors";
    let write = |bytes: &'static [u8]| move |folder: &Path| fs::write(folder.join(weights), bytes).unwrap();
    let truncate = |shard: &'static str, n_bytes| {
        move |folder: &Path| File::options().write(true).open(folder.join(shard)).unwrap().set_len(n_bytes).unwrap()
    };
    let refusals = [
        refusal(small_model(), truncate(weights, 1500)),
        refusal(sharded_model(), truncate("b.safetensors", 300)),
        refusal(small_model(), write(b"PK\x03\x04 a zip file of other weights")),
        refusal(small_model(), write(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 400\n")),
        refusal(small_model(), |folder| {
            write_weights(&folder.join(weights), "F8_E4M3", &entries(4, 6, 1, 5), || [0]);
        }),
        refusal(small_model(), |folder| {
            write_weights(&folder.join(weights), "F32", &entries(4, 8, 1, 5), counted());
        }),
        refusal(small_model(), |folder| {
            write_weights(&folder.join(weights), "F32", &entries(4, 6, 1, 5), || f32::NAN.to_le_bytes());
        }),
    ];
    expect![[r#"
        DIR/model.safetensors holds 1500 bytes, but its header asks for 1839; download it again
        DIR/b.safetensors holds 300 bytes, but its header asks for 474; download it again
        DIR/model.safetensors is not a safetensors file (its first bytes do not give a header's length); download it again
        DIR/model.safetensors is a git-lfs pointer, not the weights; run `git lfs pull` in the model's folder
        the tensor `model.embed_tokens.weight` is of type F8_E4M3; save the model as F32, F16 or BF16
        the tensor `model.layers.0.mlp.gate_proj.weight` has the shape [8, 4], but the model's configuration asks for [6, 4]; download both again
        the tensor `model.embed_tokens.weight` holds NaN; the weights are broken, take another checkpoint
    "#]].assert_eq(&refusals.concat());
}

/// The highest resident size of this process so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
}

/// 200 MB of random weights are loaded by a process of its own, in which no other test takes memory.
#[test]
fn loading_takes_little_more_memory_than_the_model() {
    const FOLDER: &str = "STEPWISE_TEST_MODEL_FOLDER";
    let Some(before) = peak_memory() else {
        return println!("not measured: this system has no /proc/self/status with VmHWM");
    };
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = ModelFolder::open(folder.as_ref()).unwrap();
        let checkpoint = Checkpoint::new(&folder.config, &folder).unwrap();
        let weights = checkpoint.load().unwrap();
        let (taken, n_bytes) = (peak_memory().unwrap() - before, checkpoint.n_bytes());
        println!("peak of {taken} bytes for {n_bytes} loaded: {:.3}", taken as f64 / n_bytes as f64);
        assert!(5 * taken <= 6 * n_bytes);
        // Untouched pages would not count.
        assert!(taken >= n_bytes && weights.embedding.data.iter().any(|value| *value != 0.0));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config(1024, 4096, 2, 8192)).unwrap();
    let mut state = 1_u32;
    let random_bf16 = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Sign and fraction are random, the exponent is that of a small number.
        (0x3c00 | (state >> 16) as u16 & 0x807f).to_le_bytes()
    };
    write_weights(&folder.path().join("model.safetensors"), "BF16", &entries(1024, 4096, 2, 8192), random_bf16);
    let this_test = "models::folder::tests::loading_takes_little_more_memory_than_the_model";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this_test, "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    println!("{}", said.lines().find(|line| line.starts_with("peak of")).unwrap());
}

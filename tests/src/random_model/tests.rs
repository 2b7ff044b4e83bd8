//! Golden weights, and folders that the core reads back.

use std::path::Path;

use super::*;
use expect_test::{Expect, expect};

fn models() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors.json is JSON");
    vectors["models"].as_array().expect("models").clone()
}

fn bits(values: &[f32]) -> Vec<String> {
    values.iter().map(|value| format!("{:08x}", value.to_bits())).collect()
}

/// The first values of some tensors, and sums over whole checkpoints: no tensor is missing, misnamed or scaled otherwise
/// than in the scripts.
#[test]
fn weights_are_those_of_the_scripts() {
    let models = models();
    assert!(!models.is_empty());
    for entry in &models {
        let weights = RandomModel::of_entry(entry).expect("a model").weights().expect("a configuration");
        for (name, golden) in entry["golden_weights"].as_object().expect("golden weights") {
            let first = &weights.read(name).expect("a tensor")[..4];
            assert_eq!(json!(bits(first)), *golden, "{name} of {}", entry["spec"]);
        }
        let values = weights.tensors().iter().flat_map(|tensor| weights.read(&tensor.name).expect("a tensor"));
        let sum = values.fold(0_u64, |sum, value| sum.wrapping_add(u64::from(value.to_bits())));
        assert_eq!(json!(format!("{sum:016x}")), entry["checksum"], "{}", entry["spec"]);
    }
}

#[test]
fn bad_models_are_errors() {
    let unknown = RandomModel::of_vectors("nobody").expect_err("no such model");
    expect!["vectors.json has no model `nobody`"].assert_eq(&unknown.to_string());
    let shapeless = RandomModel { config: json!({}), seed: 0, embedding_scale: 1.0 };
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout { dtype: Dtype::F32, sharded: false };
    let refused = shapeless.write_folder(folder.path(), layout).expect_err("a configuration without an architecture");
    expect!["config.json names no architecture; set `architectures` to one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM"].assert_eq(&refused.to_string());
}

/// The name, type, shape and place of a file's tensors, after checking that they fill the file.
fn listing(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a file");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let mut rows: Vec<(u64, u64, String)> = Vec::new();
    for (name, entry) in header.as_object().expect("an object") {
        let at = |idx: usize| entry["data_offsets"][idx].as_u64().expect("an offset");
        rows.push((at(0), at(1), format!("{} {} {}\n", name, entry["dtype"], entry["shape"])));
    }
    rows.sort();
    let mut end = 0;
    for (from, to, _) in &rows {
        assert_eq!(*from, end, "no gaps");
        end = *to;
    }
    assert_eq!(end as usize, bytes.len() - 8 - length, "the tensors fill the file");
    rows.into_iter().map(|(.., row)| row).collect()
}

fn check_folder(name: &str, layout: Layout, expected: &Expect) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = RandomModel::of_vectors(name).expect("a model");
    model.write_folder(folder.path(), layout).expect("a folder that can be written");
    let mut files: Vec<_> =
        folder.path().read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut found = String::new();
    for path in files {
        found += &format!("{}\n", path.file_name().expect("a name").display());
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("safetensors") => found += &listing(&path),
            _ => {
                let json: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
                if let Some(n_tokens) = json["model"]["vocab"].as_object().map(Map::len) {
                    found += &format!("{n_tokens} tokens\n");
                }
            }
        }
    }
    expected.assert_eq(&found);
}

#[test]
fn a_folder_is_complete() {
    let layout = Layout { dtype: Dtype::F16, sharded: false };
    check_folder(
        "reward-dynamic",
        layout,
        &expect![[r#"
            config.json
            model.safetensors
            model.tok_embeddings.weight "F16" [96,64]
            model.norm.weight "F16" [64]
            model.layers.0.attention_norm.weight "F16" [64]
            model.layers.0.ffn_norm.weight "F16" [64]
            model.layers.0.attention.wqkv.weight "F16" [192,64]
            model.layers.0.attention.wo.weight "F16" [64,64]
            model.layers.0.feed_forward.w1.weight "F16" [160,64]
            model.layers.0.feed_forward.w3.weight "F16" [160,64]
            model.layers.0.feed_forward.w2.weight "F16" [64,160]
            model.layers.1.attention_norm.weight "F16" [64]
            model.layers.1.ffn_norm.weight "F16" [64]
            model.layers.1.attention.wqkv.weight "F16" [192,64]
            model.layers.1.attention.wo.weight "F16" [64,64]
            model.layers.1.feed_forward.w1.weight "F16" [160,64]
            model.layers.1.feed_forward.w3.weight "F16" [160,64]
            model.layers.1.feed_forward.w2.weight "F16" [64,160]
            v_head.weight "F16" [1,64]
            tokenizer.json
            96 tokens
        "#]],
    );
    let layout = Layout { dtype: Dtype::BF16, sharded: true };
    check_folder(
        "qwen2-gqa2-tied",
        layout,
        &expect![[r#"
            config.json
            model-00001-of-00002.safetensors
            model.embed_tokens.weight "BF16" [128,128]
            model.norm.weight "BF16" [128]
            model.layers.0.input_layernorm.weight "BF16" [128]
            model.layers.0.post_attention_layernorm.weight "BF16" [128]
            model.layers.0.self_attn.q_proj.weight "BF16" [128,128]
            model.layers.0.self_attn.q_proj.bias "BF16" [128]
            model.layers.0.self_attn.k_proj.weight "BF16" [64,128]
            model.layers.0.self_attn.k_proj.bias "BF16" [64]
            model.layers.0.self_attn.v_proj.weight "BF16" [64,128]
            model.layers.0.self_attn.v_proj.bias "BF16" [64]
            model.layers.0.self_attn.o_proj.weight "BF16" [128,128]
            model.layers.0.mlp.gate_proj.weight "BF16" [256,128]
            model.layers.0.mlp.up_proj.weight "BF16" [256,128]
            model.layers.0.mlp.down_proj.weight "BF16" [128,256]
            model.layers.1.input_layernorm.weight "BF16" [128]
            model.layers.1.post_attention_layernorm.weight "BF16" [128]
            model.layers.1.self_attn.q_proj.weight "BF16" [128,128]
            model.layers.1.self_attn.q_proj.bias "BF16" [128]
            model.layers.1.self_attn.k_proj.weight "BF16" [64,128]
            model-00002-of-00002.safetensors
            model.layers.1.self_attn.k_proj.bias "BF16" [64]
            model.layers.1.self_attn.v_proj.weight "BF16" [64,128]
            model.layers.1.self_attn.v_proj.bias "BF16" [64]
            model.layers.1.self_attn.o_proj.weight "BF16" [128,128]
            model.layers.1.mlp.gate_proj.weight "BF16" [256,128]
            model.layers.1.mlp.up_proj.weight "BF16" [256,128]
            model.layers.1.mlp.down_proj.weight "BF16" [128,256]
            model.layers.2.input_layernorm.weight "BF16" [128]
            model.layers.2.post_attention_layernorm.weight "BF16" [128]
            model.layers.2.self_attn.q_proj.weight "BF16" [128,128]
            model.layers.2.self_attn.q_proj.bias "BF16" [128]
            model.layers.2.self_attn.k_proj.weight "BF16" [64,128]
            model.layers.2.self_attn.k_proj.bias "BF16" [64]
            model.layers.2.self_attn.v_proj.weight "BF16" [64,128]
            model.layers.2.self_attn.v_proj.bias "BF16" [64]
            model.layers.2.self_attn.o_proj.weight "BF16" [128,128]
            model.layers.2.mlp.gate_proj.weight "BF16" [256,128]
            model.layers.2.mlp.up_proj.weight "BF16" [256,128]
            model.layers.2.mlp.down_proj.weight "BF16" [128,256]
            model.safetensors.index.json
            tokenizer.json
            128 tokens
        "#]],
    );
}

//! Checkpoints that are written here tensor by tensor, so that names and places are stated a second time.

use std::collections::HashMap;

use expect_test::expect;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::{BlockWeights, Checkpoint, HeadWeights, ModelWeights, SafetensorsBytes, TensorSource, settle_head};
use crate::config::ModelConfig;

const HIDDEN: usize = 12;
const FFN: usize = 20;
const VOCAB: usize = 10;
const HEAD_DIM: usize = 2;
const N_HEADS: usize = 6;
const N_KV_HEADS: usize = 2;
const Q_WIDTH: usize = N_HEADS * HEAD_DIM;
const KV_WIDTH: usize = N_KV_HEADS * HEAD_DIM;

fn config(class: &str, more: &str) -> ModelConfig {
    let json = format!(
        r#"{{ "architectures": ["{class}"], "hidden_size": {HIDDEN}, "intermediate_size": {FFN}, "vocab_size": {VOCAB},
            "num_attention_heads": {N_HEADS}, "num_key_value_heads": {N_KV_HEADS}, "num_hidden_layers": 2 {more} }}"#
    );
    ModelConfig::from_json(&json).unwrap()
}

/// Tensors by name, each with its shape and its elements.
#[derive(Clone, Default)]
struct Tensors(HashMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    /// Adds a tensor whose elements differ from those of all others, and are exact in F16 and BF16.
    fn add(&mut self, name: &str, shape: &[usize]) {
        let seed: u32 = name.bytes().fold(7, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let element = |idx: u32| {
            let mixed = seed.wrapping_add(idx).wrapping_mul(2_654_435_761);
            ((mixed >> 24) as f32 - 128.0) / 64.0
        };
        let n_elements: usize = shape.iter().product();
        self.0.insert(name.to_owned(), (shape.to_vec(), (0..n_elements as u32).map(element).collect()));
    }

    fn get(&self, name: &str) -> &[f32] {
        &self.0[name].1
    }

    fn bytes(&self, dtype: Dtype) -> Vec<u8> {
        let store = |value: &f32| match dtype {
            Dtype::F16 => f16::from_f32(*value).to_le_bytes().to_vec(),
            Dtype::BF16 => bf16::from_f32(*value).to_le_bytes().to_vec(),
            Dtype::I32 => (*value as i32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        let stored: Vec<(&String, &Vec<usize>, Vec<u8>)> =
            self.0.iter().map(|(name, (shape, data))| (name, shape, data.iter().flat_map(store).collect())).collect();
        let views = stored
            .iter()
            .map(|(name, shape, data)| (name.as_str(), TensorView::new(dtype, shape.to_vec(), data).unwrap()));
        serialize(views, None).unwrap()
    }
}

fn internlm2(has_bias: bool) -> Tensors {
    let mut tensors = Tensors::default();
    tensors.add("model.tok_embeddings.weight", &[VOCAB, HIDDEN]);
    tensors.add("model.norm.weight", &[HIDDEN]);
    tensors.add("output.weight", &[VOCAB, HIDDEN]);
    for layer in ["model.layers.0", "model.layers.1"] {
        let mut add = |name: &str, shape: &[usize]| tensors.add(&format!("{layer}.{name}"), shape);
        add("attention_norm.weight", &[HIDDEN]);
        add("ffn_norm.weight", &[HIDDEN]);
        add("attention.wqkv.weight", &[Q_WIDTH + 2 * KV_WIDTH, HIDDEN]);
        add("attention.wo.weight", &[HIDDEN, Q_WIDTH]);
        if has_bias {
            add("attention.wqkv.bias", &[Q_WIDTH + 2 * KV_WIDTH]);
            add("attention.wo.bias", &[HIDDEN]);
        }
        add("feed_forward.w1.weight", &[FFN, HIDDEN]);
        add("feed_forward.w2.weight", &[HIDDEN, FFN]);
        add("feed_forward.w3.weight", &[FFN, HIDDEN]);
    }
    tensors
}

fn llama(has_bias: bool) -> Tensors {
    let mut tensors = Tensors::default();
    tensors.add("model.embed_tokens.weight", &[VOCAB, HIDDEN]);
    tensors.add("model.norm.weight", &[HIDDEN]);
    tensors.add("lm_head.weight", &[VOCAB, HIDDEN]);
    for layer in ["model.layers.0", "model.layers.1"] {
        let mut add = |name: &str, shape: &[usize]| tensors.add(&format!("{layer}.{name}"), shape);
        add("input_layernorm.weight", &[HIDDEN]);
        add("post_attention_layernorm.weight", &[HIDDEN]);
        for (name, width) in [("q", Q_WIDTH), ("k", KV_WIDTH), ("v", KV_WIDTH)] {
            add(&format!("self_attn.{name}_proj.weight"), &[width, HIDDEN]);
            if has_bias {
                add(&format!("self_attn.{name}_proj.bias"), &[width]);
            }
        }
        add("self_attn.o_proj.weight", &[HIDDEN, Q_WIDTH]);
        add("mlp.gate_proj.weight", &[FFN, HIDDEN]);
        add("mlp.up_proj.weight", &[FFN, HIDDEN]);
        add("mlp.down_proj.weight", &[HIDDEN, FFN]);
        add("self_attn.rotary_emb.inv_freq", &[HEAD_DIM / 2]);
    }
    tensors
}

/// LLaMA's tensors with the norms of heads.
fn qwen3() -> Tensors {
    let mut tensors = llama(false);
    for layer in ["model.layers.0", "model.layers.1"] {
        for head in ["q", "k"] {
            tensors.add(&format!("{layer}.self_attn.{head}_norm.weight"), &[HEAD_DIM]);
        }
    }
    tensors
}

fn block(config: &ModelConfig, tensors: &Tensors, dtype: Dtype, block_idx: usize) -> BlockWeights {
    let bytes = tensors.bytes(dtype);
    let source = SafetensorsBytes::new(&bytes).unwrap();
    Checkpoint::new(config, &source).unwrap().block(block_idx).unwrap()
}

/// The row of InternLM2's fused projection where a query (0), key (1) or value (2) of a head starts: `wqkv` is viewed as
/// `[kv head, queries per kv head + 2, head_dim]`, queries first, then the key, then the value.
fn interleaved_row(kind: usize, head: usize) -> usize {
    let group_size = N_HEADS / N_KV_HEADS;
    let (group, slot) = match kind {
        0 => (head / group_size, head % group_size),
        kind => (head, group_size + kind - 1),
    };
    (group * (group_size + 2) + slot) * HEAD_DIM
}

#[test]
fn interleaved_heads_of_internlm2_are_sorted() {
    let (config, tensors) = (config("InternLM2ForCausalLM", ""), internlm2(true));
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let block = block(&config, &tensors, dtype, 1);
        let weight = tensors.get("model.layers.1.attention.wqkv.weight");
        let bias = tensors.get("model.layers.1.attention.wqkv.bias");
        let (mut sorted_weight, mut sorted_bias) = (Vec::<f32>::new(), Vec::new());
        for (kind, n_heads) in [(0, N_HEADS), (1, N_KV_HEADS), (2, N_KV_HEADS)] {
            for row in (0..n_heads).flat_map(|head| (0..HEAD_DIM).map(move |dim| interleaved_row(kind, head) + dim)) {
                sorted_weight.extend(&weight[row * HIDDEN..(row + 1) * HIDDEN]);
                sorted_bias.push(bias[row]);
            }
        }
        assert_eq!((block.wqkv.rows, block.wqkv.cols), (Q_WIDTH + 2 * KV_WIDTH, HIDDEN));
        assert_eq!(block.wqkv.data, sorted_weight);
        assert_eq!(block.qkv_bias.unwrap(), sorted_bias);
        assert_eq!(block.wo_bias.unwrap(), tensors.get("model.layers.1.attention.wo.bias"));
    }
}

#[test]
fn every_tensor_arrives_where_it_belongs() {
    let at = |tensors: &Tensors, names: &[&str]| -> Vec<f32> {
        names.iter().flat_map(|name| tensors.get(&format!("model.layers.0.{name}")).to_vec()).collect()
    };
    let tensors = internlm2(false);
    let found = block(&config("InternLM2ForCausalLM", r#", "bias": false"#), &tensors, Dtype::F32, 0);
    assert_eq!(found.attention_norm, at(&tensors, &["attention_norm.weight"]));
    assert_eq!(found.ffn_norm, at(&tensors, &["ffn_norm.weight"]));
    assert_eq!(found.wo.data, at(&tensors, &["attention.wo.weight"]));
    assert_eq!(found.gate_up.data, at(&tensors, &["feed_forward.w1.weight", "feed_forward.w3.weight"]));
    assert_eq!(found.down.data, at(&tensors, &["feed_forward.w2.weight"]));
    assert_eq!((found.qkv_bias, found.wo_bias), (None, None));

    let tensors = llama(true);
    let found = block(&config("Qwen2ForCausalLM", ""), &tensors, Dtype::BF16, 0);
    assert_eq!(found.attention_norm, at(&tensors, &["input_layernorm.weight"]));
    assert_eq!(found.ffn_norm, at(&tensors, &["post_attention_layernorm.weight"]));
    let qkv = ["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"];
    assert_eq!(found.wqkv.data, at(&tensors, &qkv));
    let qkv_bias = ["self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"];
    assert_eq!(found.qkv_bias.unwrap(), at(&tensors, &qkv_bias));
    assert_eq!(found.wo.data, at(&tensors, &["self_attn.o_proj.weight"]));
    assert_eq!(found.wo_bias, None);
    assert_eq!(found.gate_up.data, at(&tensors, &["mlp.gate_proj.weight", "mlp.up_proj.weight"]));
    assert_eq!((found.gate_up.rows, found.gate_up.cols), (2 * FFN, HIDDEN));
    assert_eq!(found.down.data, at(&tensors, &["mlp.down_proj.weight"]));
    assert_eq!((found.down.rows, found.down.cols), (HIDDEN, FFN));
    assert_eq!((found.q_norm, found.k_norm), (None, None));

    let tensors = qwen3();
    let found = block(&config("Qwen3ForCausalLM", r#", "head_dim": 2"#), &tensors, Dtype::F16, 0);
    assert_eq!(found.q_norm.unwrap(), at(&tensors, &["self_attn.q_norm.weight"]));
    assert_eq!(found.k_norm.unwrap(), at(&tensors, &["self_attn.k_norm.weight"]));
}

#[test]
fn a_head_of_its_own_goes_before_a_configuration_that_calls_it_tied() {
    let tied = || config("LlamaForCausalLM", r#", "tie_word_embeddings": true"#);
    let check = |tensors: &Tensors, is_own: bool| {
        let bytes = tensors.bytes(Dtype::BF16);
        let source = SafetensorsBytes::new(&bytes).unwrap();
        let mut config = tied();
        assert_eq!(settle_head(&mut config, &source).unwrap(), is_own);
        assert_eq!(config.tied, !is_own);
        Checkpoint::new(&config, &source).unwrap().head().unwrap()
    };
    let mut tensors = llama(false);
    let HeadWeights::LanguageModel(head) = check(&tensors, true) else { panic!("the file's head is used") };
    assert_eq!(head.data, tensors.get("lm_head.weight"));
    // The same numbers twice are one matrix, and so is a head that is not there or of another shape.
    let embedding = tensors.0["model.embed_tokens.weight"].clone();
    tensors.0.insert("lm_head.weight".to_owned(), embedding);
    assert_eq!(check(&tensors, false), HeadWeights::Tied);
    tensors.0.remove("lm_head.weight");
    assert_eq!(check(&tensors, false), HeadWeights::Tied);
    tensors.add("lm_head.weight", &[VOCAB, HIDDEN + 1]);
    assert_eq!(check(&tensors, false), HeadWeights::Tied);
}

#[test]
fn heads_and_embedding_are_read() {
    let mut tensors = llama(false);
    let bytes = tensors.bytes(Dtype::F32);
    let source = SafetensorsBytes::new(&bytes).unwrap();
    let (untied, tied) =
        (config("LlamaForCausalLM", ""), config("LlamaForCausalLM", r#", "tie_word_embeddings": true"#));
    let checkpoint = Checkpoint::new(&untied, &source).unwrap();
    assert_eq!(checkpoint.embedding().unwrap().data, tensors.get("model.embed_tokens.weight"));
    assert_eq!(checkpoint.final_norm().unwrap(), tensors.get("model.norm.weight"));
    let HeadWeights::LanguageModel(head) = checkpoint.head().unwrap() else { panic!("a language model has a head") };
    assert_eq!((head.rows, head.cols, &head.data[..]), (VOCAB, HIDDEN, tensors.get("lm_head.weight")));
    // The head that a tied model carries anyway is not its own.
    assert_eq!(Checkpoint::new(&tied, &source).unwrap().head().unwrap(), HeadWeights::Tied);

    tensors = internlm2(false);
    tensors.add("v_head.weight", &[1, HIDDEN]);
    let bytes = tensors.bytes(Dtype::BF16);
    let source = SafetensorsBytes::new(&bytes).unwrap();
    let reward = config("InternLM2ForRewardModel", r#", "bias": false, "reward_token_id": 9"#);
    let head = Checkpoint::new(&reward, &source).unwrap().head().unwrap();
    assert_eq!(head, HeadWeights::Reward(tensors.get("v_head.weight").to_vec()));
}

#[test]
fn what_is_loaded_has_the_size_that_is_announced() {
    let (config, tensors) = (config("InternLM2ForCausalLM", ""), internlm2(true));
    let bytes = tensors.bytes(Dtype::F32);
    let source = SafetensorsBytes::new(&bytes).unwrap();
    let n_elements: usize = tensors.0.values().map(|(_, data)| data.len()).sum();
    assert_eq!(config.n_parameters(), n_elements as u64);
    assert_eq!(Checkpoint::new(&config, &source).unwrap().n_bytes(), 4 * n_elements as u64);
}

#[test]
fn saved_weights_are_the_tensors_that_were_loaded() {
    let reward = r#", "reward_token_id": 9"#;
    let mut reward_tensors = internlm2(true);
    reward_tensors.add("v_head.weight", &[1, HIDDEN]);
    for (config, tensors) in [
        (config("InternLM2ForCausalLM", ""), internlm2(true)),
        (config("InternLM2ForRewardModel", reward), reward_tensors),
        (config("LlamaForCausalLM", r#", "tie_word_embeddings": true"#), llama(false)),
        (config("Qwen2ForCausalLM", ""), llama(true)),
        (config("Qwen3ForCausalLM", r#", "head_dim": 2"#), qwen3()),
    ] {
        let bytes = tensors.bytes(Dtype::F32);
        let weights = Checkpoint::new(&config, &SafetensorsBytes::new(&bytes).unwrap()).unwrap().load().unwrap();
        let saved = weights.to_safetensors(&config, Dtype::F32).unwrap();
        let source = SafetensorsBytes::new(&saved).unwrap();
        let n_elements: usize = source.tensors().iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
        assert_eq!(n_elements as u64, config.n_parameters());
        for tensor in source.tensors() {
            assert_eq!(source.read(&tensor.name).unwrap(), tensors.get(&tensor.name), "{}", tensor.name);
        }
    }
}

#[test]
fn weights_of_another_shape_are_not_saved() {
    let (config, bytes) = (config("InternLM2ForCausalLM", ""), internlm2(true).bytes(Dtype::F32));
    let source = SafetensorsBytes::new(&bytes).unwrap();
    let mut weights = Checkpoint::new(&config, &source).unwrap().load().unwrap();
    let mut refusal = |change: fn(&mut ModelWeights)| {
        change(&mut weights);
        weights.to_safetensors(&config, Dtype::F32).unwrap_err().to_string() + "\n"
    };
    let refusals = [
        refusal(|weights| weights.head = HeadWeights::Tied),
        refusal(|weights| weights.blocks[1].wqkv.data.truncate(30)),
        refusal(|weights| drop(weights.blocks.pop())),
    ];
    expect![[r#"
        the tensor `output.weight` has the shape [0], but the model's configuration asks for [10, 12]; download both again
        the tensor `model.layers.1.attention.wqkv.weight` has the shape [0], but the model's configuration asks for [20, 12]; download both again
        the weights hold no tensor `model.layers.1`, which the model's configuration asks for; download them again
    "#]].assert_eq(&refusals.concat());
}

/// What is said of InternLM2 weights after `change`.
fn refusal(dtype: Dtype, change: impl FnOnce(&mut Tensors)) -> String {
    let (config, mut tensors) = (config("InternLM2ForCausalLM", ""), internlm2(true));
    change(&mut tensors);
    let bytes = tensors.bytes(dtype);
    let source = SafetensorsBytes::new(&bytes).unwrap();
    let loaded = Checkpoint::new(&config, &source).and_then(|checkpoint| checkpoint.load());
    loaded.unwrap_err().to_string() + "\n"
}

#[test]
fn wrong_tensors_are_refused_by_name() {
    let set = |name: &'static str, value: f32| {
        move |tensors: &mut Tensors| *tensors.0.get_mut(name).unwrap().1.last_mut().unwrap() = value
    };
    let refusals = [
        refusal(Dtype::F32, |tensors| drop(tensors.0.remove("model.layers.1.feed_forward.w3.weight"))),
        refusal(Dtype::F32, |tensors| drop(tensors.0.remove("model.layers.0.attention.wqkv.bias"))),
        refusal(Dtype::F32, |tensors| tensors.add("output.weight", &[HIDDEN, VOCAB])),
        refusal(Dtype::I32, |_| ()),
        refusal(Dtype::F32, set("model.layers.1.attention.wqkv.weight", f32::NAN)),
        refusal(Dtype::BF16, set("model.layers.0.ffn_norm.weight", f32::NEG_INFINITY)),
        // Too large for the type, so that it became an infinity when it was saved.
        refusal(Dtype::F16, set("model.tok_embeddings.weight", 1e6)),
    ];
    expect![[r#"
        the weights hold no tensor `model.layers.1.feed_forward.w3.weight`, which the model's configuration asks for; download them again
        the weights hold no tensor `model.layers.0.attention.wqkv.bias`, which the model's configuration asks for; download them again
        the tensor `output.weight` has the shape [12, 10], but the model's configuration asks for [10, 12]; download both again
        the tensor `model.tok_embeddings.weight` is of type I32; save the model as F32, F16 or BF16
        the tensor `model.layers.1.attention.wqkv.weight` holds NaN; the weights are broken, take another checkpoint
        the tensor `model.layers.0.ffn_norm.weight` holds -inf; the weights are broken, take another checkpoint
        the tensor `model.tok_embeddings.weight` holds inf; the weights are broken, take another checkpoint
    "#]].assert_eq(&refusals.concat());
}

#[test]
fn other_bytes_are_refused() {
    let whole = internlm2(true).bytes(Dtype::F32);
    let overlapping = {
        let json = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
        [&(json.len() as u64).to_le_bytes(), &json[..], &[0; 12]].concat()
    };
    let outside = {
        let json = br#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
        [&(json.len() as u64).to_le_bytes(), &json[..], &[0; 12]].concat()
    };
    let refusals: String = [
        &b""[..],
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4\n",
        b"<!DOCTYPE html><title>Sign in</title>",
        b"\x04\0\0\0\0\0\0\0nope",
        &whole[..whole.len() - 1],
        &whole[..100],
        &[&whole[..], b"\n"].concat(),
        &overlapping,
        &outside,
    ]
    .map(|bytes| SafetensorsBytes::new(bytes).err().unwrap().to_string() + "\n")
    .concat();
    expect![[r#"
        is not a safetensors file (it has only 0 bytes); download it again
        is a git-lfs pointer, not the weights; run `git lfs pull` in the model's folder
        is not a safetensors file (its first bytes do not give a header's length); download it again
        is not a safetensors file (expected ident at line 1 column 2); download it again
        holds 12247 bytes, but its header asks for 12248; download it again
        holds 100 bytes, but its header asks for 1960; download it again
        holds 12249 bytes, but its header asks for 12248; download it again
        is not a safetensors file (invalid offset for tensor `b`); download it again
        holds 98 bytes, but its header asks for 4000000000086; download it again
    "#]]
    .assert_eq(&refusals);
}

#[test]
fn ranges_are_read_across_chunks() {
    // More than two chunks of halves, at odd places.
    let mut tensors = Tensors::default();
    tensors.add("long", &[3 * (1 << 19) + 5]);
    for dtype in [Dtype::F16, Dtype::BF16, Dtype::F32] {
        let bytes = tensors.bytes(dtype);
        let mut out = vec![0.0; 2 * (1 << 19) + 3];
        SafetensorsBytes::new(&bytes).unwrap().read_range("long", 7, &mut out).unwrap();
        assert!(out == tensors.get("long")[7..7 + out.len()]);
    }
}

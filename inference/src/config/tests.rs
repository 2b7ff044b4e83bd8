//! Configurations as they are published, and as they should not be.

use expect_test::expect;
use serde_json::{Value, json};

use super::{Architecture, Head, ModelConfig, Rope, RopeScaling};

/// The critic of InternLM2.5-StepProver (arXiv 2410.15700), 1.8B.
fn critic() -> Value {
    json!({
        "architectures": ["InternLM2ForRewardModel"], "attn_implementation": "flash_attention_2", "bias": false,
        "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 8192, "max_position_embeddings": 32768, "model_type": "internlm2",
        "num_attention_heads": 16, "num_hidden_layers": 24, "num_key_value_heads": 8, "pad_token_id": 2,
        "reward_token_id": 92527, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 2.0, "type": "dynamic"},
        "rope_theta": 1000000, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "vocab_size": 92544
    })
}

/// `json` with other values for some keys; `"absent"` removes a key.
fn with(mut json: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        match value.as_str() {
            Some("absent") => drop(json.as_object_mut().unwrap().remove(key)),
            _ => json[key] = value.clone(),
        }
    }
    json
}

fn read(json: &Value) -> ModelConfig {
    ModelConfig::from_json(&json.to_string()).unwrap()
}

fn class(name: &str) -> Value {
    json!({ "architectures": [name] })
}

#[test]
fn the_published_critic_is_read_whole() {
    let config = read(&critic());
    expect![[r#"
        ModelConfig {
            architecture: InternLm2,
            vocab_size: 92544,
            hidden: 2048,
            ffn: 8192,
            n_layers: 24,
            n_heads: 16,
            n_kv_heads: 8,
            head_dim: 128,
            norm_eps: 1e-5,
            rope: Rope {
                theta: 1000000.0,
                scaling: Dynamic {
                    factor: 2.0,
                },
            },
            max_positions: 32768,
            tied: false,
            qkv_bias: false,
            output_bias: false,
            head: Reward {
                token: 92527,
            },
            bos: Some(
                1,
            ),
            eos: [
                2,
            ],
        }
    "#]]
    .assert_debug_eq(&config);
}

/// Counts from the model cards and from transformers' `num_parameters()`.
#[test]
fn parameters_are_counted_as_published() {
    let llama2_7b = with(class("LlamaForCausalLM"), json!({ "max_position_embeddings": 4096 }));
    assert_eq!(read(&llama2_7b).n_parameters(), 6_738_415_616);
    let mistral_7b = with(class("MistralForCausalLM"), json!({ "sliding_window": null }));
    assert_eq!(read(&mistral_7b).n_parameters(), 7_241_732_096);
    let qwen2_5_0_5b = json!({
        "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "tie_word_embeddings": true, "rope_theta": 1000000.0, "max_window_layers": 21,
        "use_sliding_window": false, "sliding_window": 32768, "bos_token_id": 151643, "eos_token_id": 151645
    });
    assert_eq!(read(&with(class("Qwen2ForCausalLM"), qwen2_5_0_5b)).n_parameters(), 494_032_768);
    let qwen3_0_6b = json!({
        "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "tie_word_embeddings": true, "rope_theta": 1000000.0, "max_window_layers": 28,
        "use_sliding_window": false, "sliding_window": null, "max_position_embeddings": 40960
    });
    assert_eq!(read(&with(class("Qwen3ForCausalLM"), qwen3_0_6b)).n_parameters(), 596_049_920);
    let internlm2_1_8b = json!({
        "architectures": ["InternLM2ForCausalLM"], "reward_token_id": "absent"
    });
    assert_eq!(read(&with(critic(), internlm2_1_8b)).n_parameters(), 1_889_110_016);
}

#[test]
fn absent_keys_have_the_defaults_of_their_class() {
    let summary = |name: &str, changes| {
        let config = read(&with(class(name), changes));
        format!(
            "{:?}: {} x {}, ffn {}, vocab {}, {}/{} heads of {}, {} positions, theta {}, biases {:?}, {:?} .. {:?}\n",
            config.architecture,
            config.n_layers,
            config.hidden,
            config.ffn,
            config.vocab_size,
            config.n_kv_heads,
            config.n_heads,
            config.head_dim,
            config.max_positions,
            config.rope.theta,
            (config.qkv_bias, config.output_bias),
            config.bos,
            config.eos,
        )
    };
    let summaries = [
        summary("InternLM2ForCausalLM", json!({})),
        summary("LlamaForCausalLM", json!({ "attention_bias": true, "eos_token_id": [2, 7] })),
        summary("MistralForCausalLM", json!({ "sliding_window": null })),
        summary("MistralForCausalLM", json!({ "sliding_window": null, "num_key_value_heads": null, "head_dim": 64 })),
        summary("Qwen2ForCausalLM", json!({})),
        summary("Qwen3ForCausalLM", json!({})),
        summary("Qwen2ForCausalLM", json!({ "bos_token_id": null, "eos_token_id": 9 })),
    ];
    expect![[r#"
        InternLm2: 32 x 4096, ffn 11008, vocab 103168, 32/32 heads of 128, 2048 positions, theta 10000, biases (true, true), Some(1) .. [2]
        Llama: 32 x 4096, ffn 11008, vocab 32000, 32/32 heads of 128, 2048 positions, theta 10000, biases (true, true), Some(1) .. [2, 7]
        Mistral: 32 x 4096, ffn 14336, vocab 32000, 8/32 heads of 128, 131072 positions, theta 10000, biases (false, false), Some(1) .. [2]
        Mistral: 32 x 4096, ffn 14336, vocab 32000, 32/32 heads of 64, 131072 positions, theta 10000, biases (false, false), Some(1) .. [2]
        Qwen2: 32 x 4096, ffn 22016, vocab 151936, 32/32 heads of 128, 32768 positions, theta 10000, biases (true, false), None .. []
        Qwen3: 32 x 4096, ffn 22016, vocab 151936, 32/32 heads of 128, 32768 positions, theta 10000, biases (false, false), None .. []
        Qwen2: 32 x 4096, ffn 22016, vocab 151936, 32/32 heads of 128, 32768 positions, theta 10000, biases (true, false), None .. [9]
    "#]]
    .assert_eq(&summaries.concat());
}

#[test]
fn rotary_positions_are_read_in_all_spellings() {
    let rope = |changes| read(&with(class("LlamaForCausalLM"), changes)).rope;
    assert_eq!(rope(json!({})), Rope { theta: 1e4, scaling: RopeScaling::None });
    assert_eq!(
        rope(json!({ "rope_theta": 5e5, "rope_scaling": { "type": "linear", "factor": 4 } })),
        Rope { theta: 5e5, scaling: RopeScaling::Linear { factor: 4.0 } }
    );
    assert_eq!(
        rope(
            json!({ "rope_scaling": null, "rope_parameters": { "rope_type": "dynamic", "rope_theta": 1e6, "factor": 2.0 } })
        ),
        Rope { theta: 1e6, scaling: RopeScaling::Dynamic { factor: 2.0 } }
    );
    assert_eq!(rope(json!({ "rope_scaling": { "rope_type": "default" } })).scaling, RopeScaling::None);
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192
    });
    let expected =
        RopeScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_max_positions: 8192 };
    assert_eq!(rope(json!({ "rope_scaling": llama3 })).scaling, expected);
    let yarn = |more: Value| {
        let given = json!({ "type": "yarn", "factor": 16.0, "original_max_position_embeddings": 4096 });
        rope(json!({ "rope_scaling": with(given, more) })).scaling
    };
    let expected = |attention_factor, beta_fast| RopeScaling::Yarn {
        factor: 16.0,
        original_max_positions: 4096,
        beta_fast,
        beta_slow: 1.0,
        attention_factor,
    };
    let by_the_paper = 0.1 * 16f64.ln() + 1.0;
    assert_eq!(yarn(json!({})), expected(by_the_paper, 32.0));
    // DeepSeek's models turn the growth off by two equal scales.
    assert_eq!(yarn(json!({ "mscale": 1.0, "mscale_all_dim": 1.0, "beta_fast": 16 })), expected(1.0, 16.0));
    assert_eq!(yarn(json!({ "mscale": 1.0, "mscale_all_dim": 0 })), expected(by_the_paper, 32.0));
    assert_eq!(yarn(json!({ "attention_factor": 1.5 })), expected(1.5, 32.0));
}

#[test]
fn a_written_configuration_reads_back() {
    let llama3 = json!({ "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192
    }});
    let yarn = json!({ "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768 });
    for json in [
        critic(),
        class("InternLM2ForCausalLM"),
        with(class("LlamaForCausalLM"), llama3),
        with(class("LlamaForCausalLM"), json!({ "attention_bias": true, "eos_token_id": [1, 2], "head_dim": 64 })),
        with(class("MistralForCausalLM"), json!({ "sliding_window": null, "tie_word_embeddings": true })),
        class("Qwen2ForCausalLM"),
        with(class("Qwen3ForCausalLM"), json!({ "attention_bias": true, "rope_theta": 1e6 })),
        with(class("Qwen3ForCausalLM"), json!({ "rope_scaling": yarn })),
    ] {
        let config = read(&json);
        assert_eq!(ModelConfig::from_json(&config.to_json()).unwrap(), config);
    }
    expect![[r#"
        {
          "architectures": [
            "InternLM2ForRewardModel"
          ],
          "bias": false,
          "bos_token_id": 1,
          "eos_token_id": 2,
          "head_dim": 128,
          "hidden_act": "silu",
          "hidden_size": 2048,
          "intermediate_size": 8192,
          "max_position_embeddings": 32768,
          "model_type": "internlm2",
          "num_attention_heads": 16,
          "num_hidden_layers": 24,
          "num_key_value_heads": 8,
          "reward_token_id": 92527,
          "rms_norm_eps": 0.00001,
          "rope_scaling": {
            "factor": 2.0,
            "type": "dynamic"
          },
          "rope_theta": 1000000.0,
          "tie_word_embeddings": false,
          "torch_dtype": "float32",
          "vocab_size": 92544
        }
    "#]]
    .assert_eq(&read(&critic()).to_json());
}

/// What is said about each, a line per configuration.
fn refusals(configurations: impl IntoIterator<Item = Value>) -> String {
    let refusal = |json: Value| ModelConfig::from_json(&json.to_string()).unwrap_err().to_string() + "\n";
    configurations.into_iter().map(refusal).collect()
}

#[test]
fn other_models_are_refused() {
    let refusals = refusals([
        json!([1]),
        json!({ "model_type": "llama" }),
        json!({ "architectures": [] }),
        class("GemmaForCausalLM"),
        class(&"Line\nbreak ".repeat(20)),
    ]);
    expect![[r#"
        config.json is not a JSON object (invalid type: sequence, expected a map at line 1 column 0); download it again
        config.json names no architecture; set `architectures` to one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
        config.json names no architecture; set `architectures` to one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
        the architecture "GemmaForCausalLM" is unknown; choose a model of one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
        the architecture "Line\nbreak Line\nbreak Line\nbreak Line\nbreak Line\nbreak... is unknown; choose a model of one of InternLM2ForCausalLM, InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM
    "#]].assert_eq(&refusals);
    assert!(ModelConfig::from_json("{").unwrap_err().to_string().starts_with("config.json is not a JSON object (EOF"));
}

#[test]
fn what_the_network_would_compute_wrongly_is_refused() {
    let refusals = refusals(
        [
            json!({ "hidden_act": "gelu" }),
            json!({ "mlp_bias": true }),
            json!({ "quantization_config": { "quant_method": "awq", "bits": 4 } }),
            json!({ "partial_rotary_factor": 0.5 }),
            json!({ "rope_scaling": { "type": "longrope", "factor": 4.0 } }),
            json!({ "rope_scaling": { "type": "yarn", "factor": 4.0, "truncate": false,
                "original_max_position_embeddings": 64 } }),
            json!({ "rope_scaling": { "type": "yarn" } }),
            json!({ "rope_scaling": { "type": "linear" } }),
            json!({ "rope_scaling": { "type": "linear", "factor": 0.5 } }),
            json!({ "architectures": ["MistralForCausalLM"] }),
            json!({ "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true, "sliding_window": 16384 }),
        ]
        .map(|changes| with(class("LlamaForCausalLM"), changes)),
    );
    expect![[r#"
        config.json: `hidden_act` is "gelu", but must be silu, the only activation that is implemented
        config.json: `mlp_bias` is true, but must be false, because feed-forward layers have no bias here
        config.json: `quantization_config` is {"bits":4,"quant_method":"awq"}, but must be absent; choose the model's folder that is not quantised
        config.json: `partial_rotary_factor` is 0.5, but must be 1, because rotary positions turn whole heads here
        config.json: `rope_scaling` is {"factor":4.0,"type":"longrope"}, but must be of type linear, dynamic, llama3 or yarn, or null
        config.json: `truncate` is false, but must be true, because the ends of the interpolation are whole dimensions here
        config.json: `original_max_position_embeddings` is absent, but must be a whole number
        config.json: `factor` is absent, but must be a number
        config.json: `factor` is 0.5, but must be at least 1
        config.json: `sliding_window` is 4096, but must be null or at least max_position_embeddings (131072): attention here has no window
        config.json: `sliding_window` is 16384, but must be null or at least max_position_embeddings (32768): attention here has no window
    "#]].assert_eq(&refusals);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let refusals = refusals(
        [
            json!({ "hidden_size": "2048" }),
            json!({ "hidden_size": -1 }),
            json!({ "hidden_size": 2050 }),
            json!({ "num_attention_heads": 0 }),
            json!({ "num_key_value_heads": 3 }),
            json!({ "num_key_value_heads": 0 }),
            json!({ "head_dim": 64 }),
            json!({ "num_attention_heads": 2048 }),
            json!({ "architectures": ["LlamaForCausalLM"], "head_dim": 63 }),
            json!({ "vocab_size": 18446744073709551615_u64 }),
            json!({ "rms_norm_eps": 0.0 }),
            json!({ "rope_theta": "big" }),
            json!({ "reward_token_id": "absent" }),
            json!({ "reward_token_id": 92544 }),
            json!({ "eos_token_id": [2, -1] }),
            json!({ "num_hidden_layers": 1024, "intermediate_size": 262144, "hidden_size": 65536,
                "num_attention_heads": 1024 }),
        ]
        .map(|changes| with(critic(), changes)),
    );
    expect![[r#"
        config.json: `hidden_size` is "2048", but must be a whole number
        config.json: `hidden_size` is -1, but must be a whole number
        config.json: `hidden_size` is 2050, but must be a multiple of num_attention_heads (16)
        config.json: `hidden_size` is 2048, but must be a multiple of num_attention_heads (0)
        config.json: `num_attention_heads` is 16, but must be a multiple of num_key_value_heads (3)
        config.json: `num_key_value_heads` is 0, but must be from 1 to 1024
        config.json: `head_dim` is 64, but must be hidden_size / num_attention_heads (2048 / 16) in InternLM2
        config.json: `num_attention_heads` is 2048, but must be from 1 to 1024
        config.json: `head_dim` is 63, but must be even, because rotary positions turn pairs
        config.json: `vocab_size` is 18446744073709551615, but must be from 1 to 4194304
        config.json: `rms_norm_eps` is 0, but must be between 0 and 1
        config.json: `rope_theta` is "big", but must be a number
        config.json: `reward_token_id` is absent, but must be the token at which the score is read
        config.json: `reward_token_id` is 92544, but must be below vocab_size (92544)
        config.json: `eos_token_id` is [2,-1], but must be a token id or a list of them
        config.json: `hidden_size` is 65536, but must be smaller: the model would have 61647569944576 parameters
    "#]]
    .assert_eq(&refusals);
}

/// Configurations of models to train are made by hand, and must be as sound as those that are read.
#[test]
fn a_configuration_made_by_hand_is_checked() {
    let llama = read(&class("LlamaForCausalLM"));
    llama.validate().unwrap();
    for wrong in [
        ModelConfig { head: Head::Reward { token: 7 }, ..llama.clone() },
        ModelConfig { qkv_bias: true, ..llama.clone() },
        ModelConfig { architecture: Architecture::Qwen2, ..llama.clone() },
        ModelConfig { rope: Rope { theta: f64::NAN, ..llama.rope }, ..llama.clone() },
    ] {
        assert!(wrong.validate().is_err(), "{wrong:?}");
    }
}

//! Model folders through the real binary: searches with a policy and a critic, and what is said about broken folders.
//!
//! The models are random: their tactics are nonsense, which Lean refuses, and the search has to go on all the same.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepwise_inference::weights::Dtype;
use stepwise_tests::random_model::{Layout, RandomModel};
use tempfile::TempDir;

use super::cli::{assert_exit, lean_turn, run, stderr, stdout};

const PLAIN: Layout = Layout { dtype: Dtype::F32, sharded: false };

/// A small model whose vocabulary has every byte.
fn model(class: &str) -> RandomModel {
    let config = json!({
        "architectures": [class], "hidden_act": "silu", "vocab_size": 320, "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bias": false,
        "tie_word_embeddings": false, "reward_token_id": 3,
    });
    RandomModel { config, seed: 11, embedding_scale: 1.0 }
}

/// A folder in `dir` with a model of this class.
fn folder(dir: &Path, name: &str, class: &str, layout: Layout) -> PathBuf {
    let folder = dir.join(name);
    model(class).write_folder(&folder, layout).unwrap();
    folder
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

/// The answers of the policy and the critic in a log, without times.
fn answers(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answers = lines.filter(|line| line["event"] == "proposed" || line["event"] == "scored");
    answers.map(|line| json!([line["event"], line["node"], line["candidates"], line["scores"]])).collect()
}

#[test]
fn a_policy_and_a_critic_guide_a_search() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let policy = folder(dir.path(), "policy", "InternLM2ForCausalLM", Layout { dtype: Dtype::BF16, sharded: true });
    let critic = folder(dir.path(), "critic", "InternLM2ForRewardModel", PLAIN);
    let search = |log: &str, seed: &str| {
        let mut args = vec!["prove", "--policy", path(&policy), "--critic", path(&critic), "--search", "bf+cg"];
        args.extend(["--mix", "0.8", "--device", "cpu", "--prompt", "plain", "--samples", "10", "--expansions", "4"]);
        args.extend(["--tactic-tokens", "8", "--hosts", "1", "--seed", seed, "--log", log, "--json"]);
        args.push("theorem half_true (p q r : Prop) (h : p → q) : (p → q) ∧ (r → q)");
        let output = run(dir.path(), &args);
        assert_exit(&output, 1);
        serde_json::from_str::<Value>(stdout(&output)).unwrap()
    };
    let report = search("first.jsonl", "1");
    let ledger = &report["theorems"][0]["ledger"];
    for count in ["tokens", "prompt_tokens", "critic_tokens", "device_us", "lean_cpu_us"] {
        assert!(ledger[count].as_u64().unwrap() > 0, "{count} in {ledger}");
    }
    search("second.jsonl", "1");
    search("other.jsonl", "2");
    let first = answers(&dir.path().join("first.jsonl"));
    assert!(first.iter().any(|answer| answer[0] == "scored"), "the critic was never asked");
    assert_eq!(first, answers(&dir.path().join("second.jsonl")), "the same seed gives the same search");
    assert_ne!(first, answers(&dir.path().join("other.jsonl")), "another seed gives another one");
}

#[test]
fn a_model_proves_with_the_portfolio_beside_it() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let policy = folder(dir.path(), "policy", "LlamaForCausalLM", PLAIN);
    let mut args = vec!["prove", "--policy", path(&policy), "--mix", "0.5", "--prompt", "plain", "--device", "cpu"];
    args.extend(["--temperature", "0", "--samples", "12", "--tactic-tokens", "6", "--expansions", "8"]);
    args.push("theorem and_swap (p q : Prop) (hp : p) (hq : q) : q ∧ p");
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("theorem and_swap"), "{}", stdout(&output));
}

/// `prove --policy` with a folder that `spoil` broke: exit code 2, and one line with these words in it.
fn refused(class: &str, layout: Layout, spoil: impl FnOnce(&Path), words: &[&str]) {
    let dir = TempDir::new().unwrap();
    let folder = folder(dir.path(), "model", class, layout);
    spoil(&folder);
    let output = run(dir.path(), &["prove", "--policy", path(&folder), "--device", "cpu", "theorem t : True"]);
    assert_exit(&output, 2);
    let said = stderr(&output).trim_end();
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[test]
fn a_broken_folder_is_told_in_one_line() {
    let sharded = Layout { dtype: Dtype::F16, sharded: true };
    let edit = |folder: &Path, key: &str, value: Value| {
        let path = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config[key] = value;
        std::fs::write(path, config.to_string()).unwrap();
    };
    let shard = "model-00002-of-00002.safetensors";
    let language_model = "LlamaForCausalLM";
    refused(language_model, sharded, |dir| std::fs::remove_file(dir.join(shard)).unwrap(), &[shard]);
    refused(
        language_model,
        PLAIN,
        |dir| edit(dir, "architectures", json!(["MambaForCausalLM"])),
        &["MambaForCausalLM", "Qwen2ForCausalLM"],
    );
    refused(language_model, PLAIN, |dir| edit(dir, "vocab_size", json!(200)), &["token"]);
    refused(language_model, PLAIN, |dir| edit(dir, "intermediate_size", json!(72)), &["shape", "gate_proj"]);
    refused(language_model, PLAIN, |dir| std::fs::remove_file(dir.join("tokenizer.json")).unwrap(), &["tokenizer"]);
    let rewrite = |dir: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let path = dir.join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    };
    let truncated = |dir: &Path| rewrite(dir, &|bytes| bytes.truncate(bytes.len() - 5));
    refused(language_model, PLAIN, truncated, &["model.safetensors", "bytes"]);
    let nan = |dir: &Path| {
        rewrite(dir, &|bytes| {
            let at = bytes.len() - 4;
            bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
        });
    };
    refused(language_model, PLAIN, nan, &["NaN"]);
    refused("InternLM2ForRewardModel", PLAIN, |_| (), &["reward model", "--critic"]);
}

#[test]
fn a_search_without_what_it_needs_is_refused() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["prove", "--search", "cg", "theorem t : True"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--critic"), "{}", stderr(&output));
    let output = run(dir.path(), &["prove", "--policy", "nowhere", "theorem t : True"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("nowhere"), "{}", stderr(&output));
}

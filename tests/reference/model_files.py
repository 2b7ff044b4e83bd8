"""Writes a random model as GGUF for llama.cpp, and as the folder that Hugging Face's libraries read."""

import json
import struct
from pathlib import Path

import gguf
import numpy as np

from random_model import Spec, config, weights
from vocabulary import CHAT_TEMPLATE, SPECIALS, Vocabulary, tokenizer_json

Weights = dict[str, np.ndarray]


def split_wqkv(spec: Spec, wqkv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """InternLM2 keeps, per key-value head, the rows of its query heads, then its key's, then its value's."""
    n_groups = spec.n_heads // spec.n_kv_heads
    grouped = wqkv.reshape(spec.n_kv_heads, n_groups + 2, spec.head_dim, -1)
    columns = wqkv.shape[1]
    return (
        grouped[:, :-2].reshape(-1, columns),
        grouped[:, -2].reshape(-1, columns),
        grouped[:, -1].reshape(-1, columns),
    )


def permute(rows: np.ndarray, n_heads: int) -> np.ndarray:
    """From pairs (i, i + head_dim/2), which Hugging Face's models rotate, to neighbours (2i, 2i + 1), which llama.cpp
    rotates for the architectures llama and internlm2 (`permute` in its convert_hf_to_gguf.py)."""
    halves = rows.reshape(n_heads, 2, -1, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def gguf_tensors(spec: Spec, made: Weights) -> Weights:
    """The tensors under llama.cpp's names and in its layout. A reward model's head has no place there and is left out:
    the embedding stands in for the output matrix, which the architecture demands."""
    embedding = made["model.tok_embeddings.weight" if spec.is_internlm2 else "model.embed_tokens.weight"]
    tensors = {"token_embd.weight": embedding, "output_norm.weight": made["model.norm.weight"]}
    for layer_idx in range(spec.n_layers):
        at, to = f"model.layers.{layer_idx}", f"blk.{layer_idx}"
        if spec.is_internlm2:
            q, k, v = split_wqkv(spec, made[f"{at}.attention.wqkv.weight"])
            others = {
                "attn_norm": "attention_norm",
                "attn_output": "attention.wo",
                "ffn_norm": "ffn_norm",
                "ffn_gate": "feed_forward.w1",
                "ffn_up": "feed_forward.w3",
                "ffn_down": "feed_forward.w2",
            }
        else:
            q, k, v = (made[f"{at}.self_attn.{letter}_proj.weight"] for letter in "qkv")
            others = {
                "attn_norm": "input_layernorm",
                "attn_output": "self_attn.o_proj",
                "ffn_norm": "post_attention_layernorm",
                "ffn_gate": "mlp.gate_proj",
                "ffn_up": "mlp.up_proj",
                "ffn_down": "mlp.down_proj",
            }
        if not spec.family.startswith("qwen"):
            q, k = permute(q, spec.n_heads), permute(k, spec.n_kv_heads)
        tensors |= {f"{to}.attn_q.weight": q, f"{to}.attn_k.weight": k, f"{to}.attn_v.weight": v}
        tensors |= {f"{to}.{ours}.weight": made[f"{at}.{theirs}.weight"] for ours, theirs in others.items()}
        if spec.family == "qwen2":
            tensors |= {f"{to}.attn_{x}.bias": made[f"{at}.self_attn.{x}_proj.bias"] for x in "qkv"}
        if spec.family == "qwen3":
            tensors |= {f"{to}.attn_{x}_norm.weight": made[f"{at}.self_attn.{x}_norm.weight"] for x in "qk"}
    head = made.get("output.weight", made.get("lm_head.weight"))
    if head is not None:
        tensors["output.weight"] = head
    elif spec.is_internlm2:
        tensors["output.weight"] = embedding
    return tensors


def gguf_metadata(writer: gguf.GGUFWriter, spec: Spec) -> None:
    """Adds what the file says of the model's shape."""
    writer.add_name(spec.name)
    writer.add_vocab_size(spec.vocab)
    writer.add_context_length(spec.max_positions)
    writer.add_embedding_length(spec.hidden)
    writer.add_block_count(spec.n_layers)
    writer.add_feed_forward_length(spec.ffn)
    writer.add_head_count(spec.n_heads)
    writer.add_head_count_kv(spec.n_kv_heads)
    writer.add_key_length(spec.head_dim)
    writer.add_value_length(spec.head_dim)
    writer.add_rope_dimension_count(spec.head_dim)
    writer.add_rope_freq_base(spec.rope_theta)
    writer.add_layer_norm_rms_eps(spec.rms_eps)
    if spec.rope_scaling and spec.rope_scaling[0] == "yarn":
        _, factor, original = spec.rope_scaling
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(factor)
        writer.add_rope_scaling_orig_ctx_len(original)


def gguf_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control if token in SPECIALS else normal for token in vocabulary.tokens])
    writer.add_token_merges([" ".join(pair) for pair in vocabulary.merges])


def write_gguf(path: Path, spec: Spec, vocabulary: Vocabulary | None = None) -> None:
    """Writes the model in f32. Without a vocabulary llama.cpp takes token ids only."""
    writer = gguf.GGUFWriter(path, "internlm2" if spec.is_internlm2 else spec.family)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    gguf_metadata(writer, spec)
    if vocabulary is None:
        writer.add_tokenizer_model("none")
    else:
        gguf_vocabulary(writer, vocabulary)
        writer.add_bos_token_id(vocabulary.id_of("<|endoftext|>"))
        writer.add_eos_token_id(vocabulary.id_of("<|im_end|>"))
        writer.add_add_bos_token(False)
        writer.add_chat_template(CHAT_TEMPLATE)
    for name, data in gguf_tensors(spec, weights(spec)).items():
        writer.add_tensor(name, np.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_folder(folder: Path, spec: Spec, vocabulary: Vocabulary) -> None:
    """Writes config.json, model.safetensors (f32), tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(spec), indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(vocabulary), ensure_ascii=False) + "\n")
    names = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if vocabulary.byte_level:
        names |= {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(names, indent=2) + "\n")
    made, header, offset = weights(spec), {}, 0
    for name, data in made.items():
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": [offset, offset + data.nbytes]}
        offset += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for data in made.values():
            file.write(data.astype("<f4").tobytes())

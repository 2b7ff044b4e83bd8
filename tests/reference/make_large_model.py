"""Writes a model of Qwen2.5-1.5B's shape with random weights in BF16 as a Hugging Face folder, 3.6 GB.

    python3 make_large_model.py FOLDER

It is for measuring: how much memory loading takes in each format, and how fast the model is then. Nothing but Python's
standard library is needed. Weights are uniform in sign and mantissa, between 2^-7 and 2^-5.
"""

import json
import random
import sys
from pathlib import Path

HIDDEN, FFN, LAYERS, VOCAB = 1536, 8960, 28, 151936
HEADS, KV_HEADS, HEAD_DIM = 12, 2, 128

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": HIDDEN,
    "intermediate_size": FFN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": False,
    "vocab_size": VOCAB,
    "torch_dtype": "bfloat16",
}


def tensors():
    """Names and shapes, in the file's order."""
    yield "model.embed_tokens.weight", [VOCAB, HIDDEN]
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        for part, width in [("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)]:
            yield f"{name}self_attn.{part}_proj.weight", [width * HEAD_DIM, HIDDEN]
            yield f"{name}self_attn.{part}_proj.bias", [width * HEAD_DIM]
        yield f"{name}self_attn.o_proj.weight", [HIDDEN, HEADS * HEAD_DIM]
        yield f"{name}mlp.gate_proj.weight", [FFN, HIDDEN]
        yield f"{name}mlp.up_proj.weight", [FFN, HIDDEN]
        yield f"{name}mlp.down_proj.weight", [HIDDEN, FFN]
        yield f"{name}input_layernorm.weight", [HIDDEN]
        yield f"{name}post_attention_layernorm.weight", [HIDDEN]
    yield "model.norm.weight", [HIDDEN]
    yield "lm_head.weight", [VOCAB, HIDDEN]


def n_bytes(shape):
    size = 2
    for side in shape:
        size *= side
    return size


def weights(rng, size):
    """So many bytes of BF16: sign, last bit of the exponent and mantissa are random."""
    upper = bytes(0x3C if byte < 128 else 0xBC for byte in range(256))
    out = bytearray(size)
    out[0::2] = rng.randbytes(size // 2)
    out[1::2] = rng.randbytes(size // 2).translate(upper)
    return out


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1))
    header, offset = {}, 0
    for name, shape in tensors():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + n_bytes(shape)]}
        offset += n_bytes(shape)
    text = json.dumps(header).encode()
    rng = random.Random(1)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in tensors():
            rest = n_bytes(shape)
            while rest > 0:
                part = min(rest, 1 << 24)
                file.write(weights(rng, part))
                rest -= part


if __name__ == "__main__":
    main()

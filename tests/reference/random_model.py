"""Models that need no download: every weight follows from a seed, the tensor's name and the weight's place in it.

README.md spells the rule out; inference/src/weights/random.rs is its other implementation.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Spec:
    """A model's shape and the seed of its weights. `family` is one of internlm2, internlm2_reward, llama, qwen2, qwen3."""

    name: str
    family: str
    seed: int
    hidden: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    max_positions: int = 2048
    rope_theta: float = 10000.0
    # None, or ("dynamic" | "linear", factor), or ("yarn", factor, original positions).
    rope_scaling: tuple | None = None
    rms_eps: float = 1e-5
    tied: bool = False
    # Small embeddings make the epsilon of the first norm matter.
    embedding_scale: float = 1.0
    # The token at which a reward model is read.
    reward_token: int | None = None

    def json(self) -> dict:
        return asdict(self)

    @property
    def is_internlm2(self) -> bool:
        return self.family.startswith("internlm2")


def fnv1a(text: str) -> int:
    """The 64-bit FNV-1a hash of the text's UTF-8 bytes."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(seed: int, name: str, n: int) -> np.ndarray:
    """The first `n` outputs of SplitMix64, started at the hash of `seed/name`, as f32 multiples of 2^-23 in [-1, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(f"{seed}/{name}")) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def tensor(seed: int, name: str, shape: list[int], scale: float) -> np.ndarray:
    """A tensor of uniform values in [-scale, scale); the product is taken in f32."""
    return (uniform(seed, name, math.prod(shape)) * np.float32(scale)).reshape(shape)


def matrix_scale(fan_in: int) -> float:
    """Gives a matrix outputs of the variance of its inputs: a uniform value in [-1, 1) has the variance 1/3."""
    return math.sqrt(3.0 / fan_in)


def shapes(spec: Spec) -> dict[str, list[int]]:
    """The names of a Hugging Face checkpoint and their shapes, in the order of the layers."""
    q_rows, kv_rows = spec.n_heads * spec.head_dim, spec.n_kv_heads * spec.head_dim
    found: dict[str, list[int]] = {}
    if spec.is_internlm2:
        found["model.tok_embeddings.weight"] = [spec.vocab, spec.hidden]
    else:
        found["model.embed_tokens.weight"] = [spec.vocab, spec.hidden]
    for layer_idx in range(spec.n_layers):
        at = f"model.layers.{layer_idx}"
        if spec.is_internlm2:
            found[f"{at}.attention_norm.weight"] = [spec.hidden]
            found[f"{at}.attention.wqkv.weight"] = [q_rows + 2 * kv_rows, spec.hidden]
            found[f"{at}.attention.wo.weight"] = [spec.hidden, q_rows]
            found[f"{at}.ffn_norm.weight"] = [spec.hidden]
            found[f"{at}.feed_forward.w1.weight"] = [spec.ffn, spec.hidden]
            found[f"{at}.feed_forward.w3.weight"] = [spec.ffn, spec.hidden]
            found[f"{at}.feed_forward.w2.weight"] = [spec.hidden, spec.ffn]
        else:
            found[f"{at}.input_layernorm.weight"] = [spec.hidden]
            for letter, rows in (("q", q_rows), ("k", kv_rows), ("v", kv_rows)):
                found[f"{at}.self_attn.{letter}_proj.weight"] = [rows, spec.hidden]
                if spec.family == "qwen2":
                    found[f"{at}.self_attn.{letter}_proj.bias"] = [rows]
            if spec.family == "qwen3":
                found[f"{at}.self_attn.q_norm.weight"] = [spec.head_dim]
                found[f"{at}.self_attn.k_norm.weight"] = [spec.head_dim]
            found[f"{at}.self_attn.o_proj.weight"] = [spec.hidden, q_rows]
            found[f"{at}.post_attention_layernorm.weight"] = [spec.hidden]
            found[f"{at}.mlp.gate_proj.weight"] = [spec.ffn, spec.hidden]
            found[f"{at}.mlp.up_proj.weight"] = [spec.ffn, spec.hidden]
            found[f"{at}.mlp.down_proj.weight"] = [spec.hidden, spec.ffn]
    found["model.norm.weight"] = [spec.hidden]
    if spec.family == "internlm2_reward":
        found["v_head.weight"] = [1, spec.hidden]
    elif not spec.tied:
        found["output.weight" if spec.is_internlm2 else "lm_head.weight"] = [spec.vocab, spec.hidden]
    return found


def weights(spec: Spec) -> dict[str, np.ndarray]:
    """All tensors of a checkpoint, in f32."""
    made = {}
    for name, shape in shapes(spec).items():
        if name.endswith("norm.weight"):
            made[name] = np.float32(1.0) + tensor(spec.seed, name, shape, 0.1)
        elif name.endswith(".bias"):
            made[name] = tensor(spec.seed, name, shape, 0.5)
        elif name.endswith(("tok_embeddings.weight", "embed_tokens.weight")):
            made[name] = tensor(spec.seed, name, shape, spec.embedding_scale)
        else:
            made[name] = tensor(spec.seed, name, shape, matrix_scale(shape[1]))
    return made


def config(spec: Spec) -> dict:
    """The config.json of the model."""
    architecture, model_type = {
        "internlm2": ("InternLM2ForCausalLM", "internlm2"),
        "internlm2_reward": ("InternLM2ForRewardModel", "internlm2"),
        "llama": ("LlamaForCausalLM", "llama"),
        "qwen2": ("Qwen2ForCausalLM", "qwen2"),
        "qwen3": ("Qwen3ForCausalLM", "qwen3"),
    }[spec.family]
    scaling = spec.rope_scaling and {"type": spec.rope_scaling[0], "factor": spec.rope_scaling[1]}
    if scaling and scaling["type"] == "yarn":
        scaling["original_max_position_embeddings"] = spec.rope_scaling[2]
    made = {
        "architectures": [architecture],
        "model_type": model_type,
        "hidden_act": "silu",
        "hidden_size": spec.hidden,
        "intermediate_size": spec.ffn,
        "max_position_embeddings": spec.max_positions,
        "num_attention_heads": spec.n_heads,
        "num_hidden_layers": spec.n_layers,
        "num_key_value_heads": spec.n_kv_heads,
        "rms_norm_eps": spec.rms_eps,
        "rope_scaling": scaling,
        "rope_theta": spec.rope_theta,
        "tie_word_embeddings": spec.tied,
        "torch_dtype": "float32",
        "vocab_size": spec.vocab,
    }
    if spec.is_internlm2:
        made["bias"] = False
    else:
        made["head_dim"] = spec.head_dim
    if spec.reward_token is not None:
        made["reward_token_id"] = spec.reward_token
    return made

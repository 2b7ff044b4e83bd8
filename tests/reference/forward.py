"""A second opinion on llama.cpp: the forward pass in float64, written from Hugging Face's definition of the models."""

import numpy as np

from model_files import Weights, split_wqkv
from random_model import Spec


def rope_base_and_scale(spec: Spec, n_tokens: int) -> tuple[float, float]:
    """The base of the rotation's frequencies and the factor on positions, for one pass over `n_tokens` tokens; of YaRN
    the factor on the positions of the slowest pairs.

    `dynamic` is InternLM2DynamicNTKScalingRotaryEmbedding: the base grows with the length past max_positions, and all
    positions of the pass are rotated with it. `linear` divides positions.
    """
    kind, factor, *_ = spec.rope_scaling or ("none", 1.0)
    if kind in ("linear", "yarn"):
        return spec.rope_theta, 1.0 / factor
    if kind == "dynamic" and n_tokens > spec.max_positions:
        growth = factor * n_tokens / spec.max_positions - (factor - 1.0)
        return spec.rope_theta * growth ** (spec.head_dim / (spec.head_dim - 2)), 1.0
    return spec.rope_theta, 1.0


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def yarn_share(base: float, head_dim: int, original: int) -> np.ndarray:
    """How much of each pair's rotation is stretched, after `_compute_yarn_parameters` of transformers: none where a pair
    turns 32 times or more in the original length, all where it turns once or less."""

    def pair(turns: float) -> float:
        return head_dim * np.log(original / (turns * 2.0 * np.pi)) / (2.0 * np.log(base))

    first, last = max(np.floor(pair(32.0)), 0.0), min(np.ceil(pair(1.0)), head_dim - 1.0)
    width = last - first if last != first else 0.001
    return np.clip((np.arange(head_dim // 2) - first) / width, 0.0, 1.0)


def rotate(spec: Spec, x: np.ndarray) -> np.ndarray:
    """Rotates the pairs (i, i + head_dim/2) of `x`, tokens x heads x head_dim."""
    n_tokens, _, head_dim = x.shape
    base, scale = rope_base_and_scale(spec, n_tokens)
    frequencies = base ** (-np.arange(0, head_dim, 2) / head_dim)
    growth = 1.0
    if spec.rope_scaling and spec.rope_scaling[0] == "yarn":
        _, factor, original = spec.rope_scaling
        share = yarn_share(base, head_dim, original)
        frequencies = frequencies * (scale * share + (1.0 - share))
        growth, scale = 0.1 * np.log(factor) + 1.0, 1.0
    angles = (np.arange(n_tokens) * scale)[:, None, None] * frequencies
    cos, sin = growth * np.cos(angles), growth * np.sin(angles)
    low, high = x[..., : head_dim // 2], x[..., head_dim // 2 :]
    return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)


def attention(spec: Spec, q: np.ndarray, k: np.ndarray, v: np.ndarray, norms: tuple | None) -> np.ndarray:
    """Causal attention of flat q, k and v (tokens x rows), before the output projection. `norms` are those of query and
    key heads, where a model has such."""
    n_tokens = len(q)
    q, k = q.reshape(n_tokens, spec.n_heads, spec.head_dim), k.reshape(n_tokens, spec.n_kv_heads, spec.head_dim)
    if norms:
        q, k = rms_norm(q, norms[0], spec.rms_eps), rms_norm(k, norms[1], spec.rms_eps)
    q, k = rotate(spec, q), rotate(spec, k)
    v = v.reshape(n_tokens, spec.n_kv_heads, spec.head_dim)
    n_groups = spec.n_heads // spec.n_kv_heads
    k, v = k.repeat(n_groups, axis=1), v.repeat(n_groups, axis=1)
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(spec.head_dim)
    scores = np.where(np.tri(n_tokens, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("hqk,khd->qhd", weights, v).reshape(n_tokens, -1)


def hidden_states(spec: Spec, made: Weights, tokens: list[int]) -> np.ndarray:
    """The states after the last norm, tokens x hidden."""
    made = {name: data.astype(np.float64) for name, data in made.items()}
    x = made["model.tok_embeddings.weight" if spec.is_internlm2 else "model.embed_tokens.weight"][tokens]
    for layer_idx in range(spec.n_layers):
        at = f"model.layers.{layer_idx}"
        if spec.is_internlm2:
            norms, wo = (f"{at}.attention_norm.weight", f"{at}.ffn_norm.weight"), f"{at}.attention.wo.weight"
            gate, up, down = (f"{at}.feed_forward.w{n}.weight" for n in (1, 3, 2))
        else:
            norms = (f"{at}.input_layernorm.weight", f"{at}.post_attention_layernorm.weight")
            wo = f"{at}.self_attn.o_proj.weight"
            gate, up, down = (f"{at}.mlp.{part}_proj.weight" for part in ("gate", "up", "down"))
        y = rms_norm(x, made[norms[0]], spec.rms_eps)
        if spec.is_internlm2:
            q, k, v = (y @ rows.T for rows in split_wqkv(spec, made[f"{at}.attention.wqkv.weight"]))
        else:
            q, k, v = (
                y @ made[f"{at}.self_attn.{x}_proj.weight"].T + made.get(f"{at}.self_attn.{x}_proj.bias", 0.0)
                for x in "qkv"
            )
        head_norms = tuple(made[name] for x in "qk" if (name := f"{at}.self_attn.{x}_norm.weight") in made) or None
        x = x + attention(spec, q, k, v, head_norms) @ made[wo].T
        y = rms_norm(x, made[norms[1]], spec.rms_eps)
        gated = y @ made[gate].T
        x = x + (gated / (1.0 + np.exp(-gated)) * (y @ made[up].T)) @ made[down].T
    return rms_norm(x, made["model.norm.weight"], spec.rms_eps)


def head(spec: Spec, made: Weights) -> np.ndarray:
    """The matrix from the last hidden states to logits, or a reward model's one row."""
    embedding = "model.tok_embeddings.weight" if spec.is_internlm2 else "model.embed_tokens.weight"
    untied = [made[name] for name in ("v_head.weight", "output.weight", "lm_head.weight") if name in made]
    return (untied or [made[embedding]])[0].astype(np.float64)

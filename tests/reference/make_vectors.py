"""Writes vectors.json: what llama.cpp computes for small random models, checked against a forward pass in numpy.

    python3 make_vectors.py [--mistakes]
"""

import argparse
import json
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

import llama
from forward import head, hidden_states, rope_base_and_scale
from model_files import Weights, permute, split_wqkv, write_gguf
from random_model import Spec, config, uniform, weights

# The project's own bound is 2e-3 of the range of the logits; two references must agree much better than that.
AGREEMENT = 1e-4
LENGTHS = (1, 7, 33, 129)

MHA = {"hidden": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "head_dim": 16, "ffn": 160, "vocab": 96}
GQA2 = {"hidden": 128, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "head_dim": 32, "ffn": 256, "vocab": 128}
GQA4 = {"hidden": 512, "n_layers": 2, "n_heads": 8, "n_kv_heads": 2, "head_dim": 64, "ffn": 384, "vocab": 96}

# A model and the lengths of its token sequences.
CASES = [
    (Spec("internlm2-mha", "internlm2", 1, **MHA), LENGTHS),
    (Spec("internlm2-gqa2-tied", "internlm2", 2, **GQA2, rope_theta=1e6, tied=True), LENGTHS),
    (Spec("internlm2-gqa4", "internlm2", 3, **GQA4, rope_theta=1e6, embedding_scale=0.01), LENGTHS),
    (Spec("internlm2-dynamic", "internlm2", 4, **GQA2, max_positions=64, rope_scaling=("dynamic", 2.0)),
     (33, 64, 65, 150)),
    (Spec("internlm2-linear", "internlm2", 5, **MHA, rope_scaling=("linear", 2.0)), (33, 129)),
    (Spec("llama-mha", "llama", 6, **MHA, tied=True), LENGTHS),
    (Spec("llama-wide-heads", "llama", 7, **(GQA2 | {"hidden": 96}), rms_eps=1e-6, embedding_scale=0.003), LENGTHS),
    (Spec("llama-gqa4", "llama", 8, **GQA4, rope_theta=5e5), (7, 129)),
    (Spec("llama-dynamic", "llama", 9, **MHA, max_positions=64, rope_scaling=("dynamic", 2.0)), (64, 65, 150)),
    (Spec("llama-linear", "llama", 10, **GQA2, rope_scaling=("linear", 4.0)), (33, 129)),
    (Spec("qwen2-gqa2-tied", "qwen2", 11, **GQA2, rope_theta=1e6, rms_eps=1e-6, tied=True), LENGTHS),
    (Spec("qwen2-gqa4", "qwen2", 12, **GQA4, rope_theta=1e6, rms_eps=1e-6), (7, 129)),
    (Spec("reward-gqa2", "internlm2_reward", 13, **GQA2, rope_theta=1e6, reward_token=127), LENGTHS),
    (Spec("reward-dynamic", "internlm2_reward", 14, **MHA, max_positions=64, rope_scaling=("dynamic", 2.0),
          reward_token=95), (33, 65, 150)),
    (Spec("qwen3-gqa2-tied", "qwen3", 15, **(GQA2 | {"hidden": 96}), rope_theta=1e6, rms_eps=1e-6, tied=True), LENGTHS),
    (Spec("qwen3-gqa4", "qwen3", 16, **GQA4, rope_theta=1e6, rms_eps=1e-6), (7, 129)),
    (Spec("llama-yarn", "llama", 17, **GQA2, max_positions=256, rope_scaling=("yarn", 4.0, 64)), (33, 64, 129, 200)),
    (Spec("qwen3-yarn", "qwen3", 18, **GQA2, max_positions=256, rope_theta=1e6, rms_eps=1e-6,
          rope_scaling=("yarn", 8.0, 32)), (33, 129)),
]  # fmt: skip
CONTINUED = {"internlm2-gqa2-tied": (33, 5), "qwen2-gqa4": (7, 5), "qwen3-gqa4": (7, 5)}


def tokens_of(spec: Spec, label: str, n: int) -> list[int]:
    """Token ids drawn like weights, uniform over the vocabulary."""
    return [int((value + 1.0) / 2.0 * spec.vocab) for value in uniform(spec.seed, label, n)]


def rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


class Model:
    """One model as both references compute it."""

    def __init__(self, spec: Spec, path: Path):
        self.spec, self.path, self.weights = spec, path, weights(spec)
        self.is_reward = spec.family == "internlm2_reward"
        # The largest difference between the references so far, as a part of the outputs' range.
        self.worst = 0.0
        write_gguf(path, spec)

    def run(self, tokens: list[int]) -> np.ndarray:
        """llama.cpp's logits, or for a reward model the scores, which numpy takes from llama.cpp's states."""
        base, scale = rope_base_and_scale(self.spec, len(tokens))
        with llama.loaded(self.path) as model:
            ours = llama.outputs(model, tokens, base, scale, states=self.is_reward)
        states = hidden_states(self.spec, self.weights, tokens)
        matrix = head(self.spec, self.weights)
        ours = ours @ matrix.T if self.is_reward else ours.astype(np.float64)
        # A score is one number and has no range, but about the size 1 by its head's scale.
        spread = 1.0 if self.is_reward else np.ptp(states @ matrix.T)
        self.worst = max(self.worst, float(np.abs(ours - states @ matrix.T).max() / spread))
        return ours

    def case(self, n_tokens: int) -> dict:
        tokens = tokens_of(self.spec, f"tokens of {n_tokens}", n_tokens)
        if self.is_reward:
            tokens[-1] = self.spec.reward_token
            return {"tokens": tokens, "score": rounded(self.run(tokens)[-1])[0]}
        positions = sorted({0, n_tokens // 2, n_tokens - 1})
        logits = self.run(tokens)
        return {"tokens": tokens, "positions": positions, "logits": [rounded(logits[at]) for at in positions]}

    def continuation(self, n_prompt: int, n_tokens: int) -> dict:
        tokens = tokens_of(self.spec, "a continuation", n_prompt + n_tokens)
        logits = log_softmax(self.run(tokens))
        log_probs = np.array([logits[at - 1, tokens[at]] for at in range(n_prompt, len(tokens))])
        return {
            "prompt": tokens[:n_prompt],
            "tokens": tokens[n_prompt:],
            "log_probs": rounded(log_probs),
            "sum": rounded(log_probs.sum(keepdims=True))[0],
        }


def golden_weights(made: Weights) -> dict[str, list[str]]:
    """The first values of a tensor of each kind, as the bits of f32."""
    kinds = ("embeddings.weight", "embed_tokens.weight", ".0.attention.wqkv.weight", ".0.mlp.up_proj.weight",
             ".0.self_attn.k_proj.bias", "model.norm.weight", "v_head.weight")  # fmt: skip
    return {
        name: [f"{value:08x}" for value in data.ravel()[:4].view(np.uint32)]
        for name, data in made.items()
        if name.endswith(kinds)
    }


def checksum(made: Weights) -> str:
    """The sum of all weights' bits, modulo 2^64."""
    total = sum(int(data.view(np.uint32).sum(dtype=np.uint64)) for data in made.values())
    return f"{total % (1 << 64):016x}"


def mistakes(spec: Spec, made: Weights) -> dict[str, tuple[Spec, Weights]]:
    """What an implementation may get wrong, as changes of its input that have the same effect."""
    found = {
        "ten times the epsilon": (replace(spec, rms_eps=spec.rms_eps * 10.0), made),
        "theta +1%": (replace(spec, rope_theta=spec.rope_theta * 1.01), made),
    }
    if spec.rope_scaling:
        found["no rope scaling"] = (replace(spec, rope_scaling=None), made)
        if spec.rope_scaling[0] == "yarn":
            found["yarn taken as linear"] = (replace(spec, rope_scaling=("linear", spec.rope_scaling[1])), made)
    without = {name: data for name, data in made.items() if not name.endswith(("q_norm.weight", "k_norm.weight"))}
    if len(without) < len(made):
        found["no norms of heads"] = (spec, without)
    rows = spec.head_dim * (spec.n_heads + 2 * spec.n_kv_heads)
    if spec.is_internlm2:
        fused = {name: data for name, data in made.items() if name.endswith("wqkv.weight")}
        order = np.concatenate(split_wqkv(spec, np.arange(rows)[:, None]))[:, 0]
        found["wqkv taken as q, k, v"] = (spec, made | {name: data[np.argsort(order)] for name, data in fused.items()})
        neighbours = permute(np.arange(spec.head_dim), 1)
        per_head = (np.arange(rows).reshape(-1, spec.head_dim)[:, neighbours]).ravel()
        found["neighbours rotated"] = (spec, made | {name: data[per_head] for name, data in fused.items()})
    return found


def print_mistakes() -> None:
    for spec, lengths in CASES:
        made, tokens = weights(spec), tokens_of(spec, "mistakes", lengths[-1])
        right = hidden_states(spec, made, tokens) @ head(spec, made).T
        for what, (wrong_spec, wrong) in mistakes(spec, made).items():
            away = np.abs(hidden_states(wrong_spec, wrong, tokens) @ head(spec, wrong).T - right).max() / np.ptp(right)
            print(f"{spec.name:22} {what:24} {away:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mistakes", action="store_true", help="print what common mistakes change, and write nothing")
    if parser.parse_args().mistakes:
        return print_mistakes()
    models = []
    for spec, lengths in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model = Model(spec, Path(folder) / "model.gguf")
            cases = [model.case(n_tokens) for n_tokens in lengths]
            continuations = [model.continuation(*CONTINUED[spec.name])] if spec.name in CONTINUED else []
        print(f"{spec.name:22} llama.cpp against numpy: {model.worst:.1e} of the range")
        if model.worst > AGREEMENT:
            raise SystemExit(f"{spec.name}: the references disagree; find out which is wrong before using either")
        models.append({
            "spec": spec.json(), "config": config(spec), "golden_weights": golden_weights(model.weights),
            "checksum": checksum(model.weights), "difference_to_numpy": float(f"{model.worst:.1e}"),
            "reference": "llama.cpp's states, score head in numpy" if model.is_reward else "llama.cpp",
            "cases": cases, "continuations": continuations,
        })  # fmt: skip
    packages = {name: version(name) for name in ("llama_cpp_python", "gguf", "numpy")}
    path = Path(__file__).with_name("vectors.json")
    # One line a model, so that a change shows where it is.
    lines = ["{", f'"packages":{compact(packages)},', '"models":[', ",\n".join(map(compact, models)), "]}", ""]
    path.write_text("\n".join(lines))
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

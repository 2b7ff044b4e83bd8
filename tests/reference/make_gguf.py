"""Writes the small GGUF files of gguf/ with PyPI's gguf, and gguf.json: what gguf itself and llama.cpp make of them.

    python3 make_gguf.py

Blocks come from random bytes, so that every bit of their layout counts. The logits of numpy are those of the dequantised
weights; llama.cpp rounds what it multiplies with quantised weights to 8 bits too, and is compared at that precision.
"""

import json
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType as Type
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import llama
from forward import head, hidden_states
from make_vectors import compact, rounded, tokens_of
from model_files import Weights, gguf_metadata, permute, split_wqkv
from random_model import Spec, uniform, weights

HERE = Path(__file__).parent
CONTROL, NORMAL, USER_DEFINED, UNKNOWN, BYTE = 3, 1, 4, 2, 6
CHAT_TEMPLATE = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token }}{% endfor %}"

CORPUS = """theorem add_comm (a b : Nat) : a + b = b + a := by
  induction a with
  | zero => simp
  | succ n ih => rw [Nat.succ_add, ih]
h₀ : 0 < x ∧ 0 < y
⊢ ∃ k : Nat, k * x = y ^ 2
    nlinarith [sq_nonneg (x - y), mul_pos h₀ h₁]
  simp_all only [Nat.add_sub_cancel]
example : 12345 + 12345 = 24690 := by norm_num
exact Nat.le_of_lt_succ (by omega)
don't we'll it's I'M 漢字漢字 100000 1234567
"""
TEXTS = [
    "", " ", "   ", "\n\n", "a", "intro x\n  simp at h₀ ⊢", "    nlinarith [sq_nonneg (x - y)]", "n✝ : ℕ", "12345 1234567",
    "x1234y 3.14", "h₀:0<x∧0<y", "it's don't I'M we'll", "漢字と仮名 한국어", "a\r\nb\r\n\r\n  c", "\t\ttab", "🎉 𝔽 é",
    "⟨fun h => ?_, fun h => ?_⟩", "theorem add_comm (a b : Nat) : a + b = b + a := by\n  induction a with",
    "<|im_start|>user\nhi<|im_end|>\n", "a<think>b</think>", "  \n  \n x", "::= <;> ▁x", "ends in blanks   ",
]
PRE_TOKENIZERS = ["qwen2", "llama-bpe", "deepseek-llm", "deepseek-coder", "gpt-2", "default"]


def normal(seed: int, name: str, n: int) -> np.ndarray:
    return uniform(seed, name, n).astype(np.float64)


def random_blocks(kind: Type, shape: list[int], seed: int, name: str) -> np.ndarray:
    """Blocks of random bytes for a matrix whose outputs have about the variance of its inputs."""
    block_size, type_size = gguf.GGML_QUANT_SIZES[kind]
    n_blocks = shape[0] * shape[1] // block_size
    values = uniform(seed, f"{name} as blocks", n_blocks * type_size)
    blocks = ((values + 1.0) * 128.0).astype(np.uint8).reshape(n_blocks, type_size)
    # The standard deviation of what a scale of 1 gives, and where the scales stand.
    spread, d_at, m_at = {
        Type.Q4_0: (4.6, 0, None), Type.Q4_1: (4.6, 0, 2), Type.Q5_0: (9.2, 0, None), Type.Q5_1: (9.2, 0, 2),
        Type.Q8_0: (74.0, 0, None), Type.Q4_K: (270.0, 0, 2), Type.Q5_K: (550.0, 0, 2), Type.Q6_K: (1370.0, 208, None),
    }[kind]  # fmt: skip
    vary = 1.0 + 0.5 * normal(seed, f"{name} scales", n_blocks)
    d = vary / (spread * np.sqrt(shape[1]))
    blocks[:, d_at : d_at + 2] = d.astype(np.float16).view(np.uint8).reshape(-1, 2)
    if m_at is not None:
        middle = {Type.Q4_1: -7.5, Type.Q5_1: -15.5, Type.Q4_K: 7.5, Type.Q5_K: 15.5}[kind]
        blocks[:, m_at : m_at + 2] = (middle * d).astype(np.float16).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(shape[0], -1)


def stored(kind: Type, data: np.ndarray, seed: int, name: str) -> np.ndarray:
    """A tensor's bytes in the file: vectors as they are, matrices in the wanted type."""
    if data.ndim == 1 or kind == Type.F32:
        return data
    if kind in (Type.F16, Type.BF16):
        return gguf.quantize(data, kind)
    return random_blocks(kind, list(data.shape), seed, name)


@dataclass
class Vocabulary:
    model: str
    pre: str | None
    tokens: list[str]
    types: list[int]
    merges: list[str] | None = None
    scores: list[float] | None = None

    def id_of(self, token: str) -> int:
        return self.tokens.index(token)

    def write(self, writer: gguf.GGUFWriter, bos: str, eos: str, add_bos: bool) -> None:
        writer.add_tokenizer_model(self.model)
        if self.pre:
            writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.merges is not None:
            writer.add_token_merges(self.merges)
        if self.scores is not None:
            writer.add_token_scores(self.scores)
        writer.add_bos_token_id(self.id_of(bos))
        writer.add_eos_token_id(self.id_of(eos))
        writer.add_add_bos_token(add_bos)
        writer.add_chat_template(CHAT_TEMPLATE)


def byte_level(pre: str) -> Vocabulary:
    """Byte-level BPE whose merges reach across words, so that only the rule for words holds them back."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=310, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([CORPUS.replace("\n", "\r\n\r\n"), CORPUS], trainer)
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [" ".join(pair) for pair in model["merges"]]
    specials = [("<|endoftext|>", CONTROL), ("<|im_start|>", CONTROL), ("<|im_end|>", CONTROL), ("<think>", USER_DEFINED),
                ("</think>", USER_DEFINED)]  # fmt: skip
    tokens += [token for token, _ in specials]
    types = [NORMAL] * (len(tokens) - len(specials)) + [kind for _, kind in specials]
    return Vocabulary("gpt2", pre, tokens, types, merges=merges)


def sentencepiece() -> Vocabulary:
    """A SentencePiece BPE: unknown, ends, bytes, markers, then pieces by rank and their characters."""
    trained = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=120, show_progress=False)
    lines = [line.replace(" ", "▁") for line in CORPUS.splitlines()]
    trained.train_from_iterator(lines, trainer)
    model = json.loads(trained.to_str())["model"]
    merged = list(dict.fromkeys("".join(pair) for pair in model["merges"]))
    characters = sorted(token for token in model["vocab"] if len(token) == 1)
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["<|im_start|>", "<|im_end|>"]
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [CONTROL, USER_DEFINED]
    scores = [0.0] * len(tokens)
    pieces = merged + [character for character in characters if character not in merged]
    tokens += pieces
    types += [NORMAL] * len(pieces)
    scores += [-float(rank) for rank in range(len(pieces))]
    return Vocabulary("llama", None, tokens, types, scores=scores)


@dataclass
class Case:
    """A file: its model, its tokenizer, and the type of each matrix by the end of its name."""

    spec: Spec
    vocabulary: Vocabulary
    types: dict[str, Type]
    bos: str
    eos: str
    add_bos: bool
    # How far llama.cpp may be from numpy, as a part of the range: it rounds inputs to 8 bits before it multiplies.
    agreement: float


SMALL = {"hidden": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "head_dim": 8, "ffn": 32, "max_positions": 64}
WIDE = {"hidden": 256, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1, "head_dim": 32, "ffn": 32, "max_positions": 64}


def cases() -> list[Case]:
    spm, bpe = sentencepiece(), byte_level("qwen2")
    n_spm, n_bpe = len(spm.tokens), len(bpe.tokens)
    yarn = ("yarn", 4.0, 16)
    mixed = {"attn_q": Type.Q4_1, "attn_k": Type.Q5_0, "attn_v": Type.Q5_1, "attn_output": Type.Q4_0, "ffn_gate": Type.Q8_0,
             "ffn_up": Type.Q4_0, "ffn_down": Type.Q5_1, "token_embd": Type.Q4_0, "output": Type.Q8_0}  # fmt: skip
    k_quants = {"attn_q": Type.Q4_K, "attn_k": Type.Q5_K, "attn_v": Type.Q6_K, "attn_output": Type.Q8_0,
                "ffn_gate": Type.Q5_K, "ffn_up": Type.Q6_K, "ffn_down": Type.Q4_1, "token_embd": Type.Q4_K}  # fmt: skip
    halves = {"attn_q": Type.F16, "attn_k": Type.BF16, "attn_v": Type.Q8_0, "attn_output": Type.F16, "ffn_gate": Type.BF16,
              "ffn_up": Type.Q8_0, "ffn_down": Type.F16, "token_embd": Type.F16, "output": Type.Q8_0}  # fmt: skip
    llama_spec = Spec("llama-f32", "llama", 21, **(SMALL | {"n_layers": 1}), vocab=n_spm, rope_scaling=yarn, tied=True)
    return [
        Case(llama_spec, spm, {}, "<s>", "</s>", True, 1e-5),
        Case(Spec("qwen2-mixed", "qwen2", 22, **SMALL, vocab=n_bpe, rope_theta=1e6, rms_eps=1e-6), bpe, mixed,
             "<|endoftext|>", "<|im_end|>", False, 5e-2),
        Case(Spec("qwen3-k-quants", "qwen3", 23, **WIDE, vocab=n_bpe, rope_theta=1e6, rms_eps=1e-6, tied=True), bpe,
             k_quants, "<|endoftext|>", "<|im_end|>", False, 5e-2),
        Case(Spec("internlm2-halves", "internlm2", 24, **SMALL, vocab=n_spm, rope_theta=1e6), spm, halves, "<s>", "</s>",
             True, 5e-2),
    ]  # fmt: skip


def gguf_name(name: str) -> str:
    """The name in llama.cpp of a tensor that one of a Hugging Face checkpoint becomes."""
    parts = {
        "embed_tokens": "token_embd", "tok_embeddings": "token_embd", "lm_head": "output", "output": "output",
        "input_layernorm": "attn_norm", "attention_norm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        "ffn_norm": "ffn_norm", "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
        "wo": "attn_output", "gate_proj": "ffn_gate", "w1": "ffn_gate", "up_proj": "ffn_up", "w3": "ffn_up",
        "down_proj": "ffn_down", "w2": "ffn_down", "q_norm": "attn_q_norm", "k_norm": "attn_k_norm",
    }  # fmt: skip
    words = name.split(".")
    block = f"blk.{words[2]}." if "layers" in words else ""
    return f"{block}{'output_norm' if words[1:2] == ['norm'] else parts[words[-2]]}.{words[-1]}"


def write(case: Case, path: Path) -> Weights:
    """Writes the file and returns the weights that it holds, under the names of a Hugging Face checkpoint and in its
    layout."""
    spec, made = case.spec, weights(case.spec)
    # InternLM2's heads lie apart in GGUF; the checkpoint that numpy reads is put together from them.
    split: Weights = {}
    for name, data in made.items():
        if name.endswith("wqkv.weight"):
            for letter, part in zip("qkv", split_wqkv(spec, data)):
                split[name.replace("wqkv", f"{letter}_proj")] = np.ascontiguousarray(part)
        else:
            split[name] = data
    writer = gguf.GGUFWriter(path, "internlm2" if spec.is_internlm2 else spec.family)
    gguf_metadata(writer, spec)
    case.vocabulary.write(writer, case.bos, case.eos, case.add_bos)
    held: Weights = {}
    for name, data in split.items():
        to = gguf_name(name)
        kind = case.types.get(to.split(".")[-2], Type.F32)
        heads = {"q_proj": spec.n_heads, "k_proj": spec.n_kv_heads}.get(name.split(".")[-2])
        is_permuted = heads is not None and not spec.family.startswith("qwen")
        if is_permuted:
            data = np.ascontiguousarray(permute(data, heads))
        blocks = stored(kind, data, spec.seed, to)
        is_raw = data.ndim > 1 and kind not in (Type.F32, Type.F16)
        writer.add_tensor(to, blocks, raw_dtype=kind if is_raw else None)
        read = gguf.dequantize(blocks, kind) if data.ndim > 1 else data
        if is_permuted:
            # Back: neighbours are the halves of a head.
            read = read.reshape(heads, -1, 2, *read.shape[1:]).swapaxes(1, 2).reshape(read.shape)
        held[name] = read.astype(np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for layer_idx in range(spec.n_layers if spec.is_internlm2 else 0):
        at = f"model.layers.{layer_idx}.attention"
        q, k, v = (held.pop(f"{at}.{letter}_proj.weight") for letter in "qkv")
        groups = [part.reshape(spec.n_kv_heads, -1, spec.head_dim, spec.hidden) for part in (q, k, v)]
        held[f"{at}.wqkv.weight"] = np.concatenate(groups, axis=1).reshape(-1, spec.hidden)
    return held


def token_ids(path: Path) -> list[list[int]]:
    """llama.cpp's ids of the texts, with their markers and with what it puts around them."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    vocab = llama_cpp.llama_model_get_vocab(model)
    found = []
    for text in TEXTS:
        raw = text.encode()
        out = (llama_cpp.llama_token * (2 * len(raw) + 8))()
        n = llama_cpp.llama_tokenize(vocab, raw, len(raw), out, len(out), True, True)
        if n < 0:
            raise SystemExit(f"llama.cpp cannot tokenise {text!r}")
        found.append(list(out[:n]))
    llama_cpp.llama_model_free(model)
    return found


def logits_of(case: Case, path: Path, held: Weights) -> dict:
    spec = case.spec
    tokens = tokens_of(spec, "tokens of a file", 20)
    with llama.loaded(path) as model:
        scale = 1.0 / spec.rope_scaling[1] if spec.rope_scaling else 1.0
        theirs = llama.outputs(model, tokens, spec.rope_theta, scale).astype(np.float64)
    ours = hidden_states(spec, held, tokens) @ head(spec, held).T
    difference = float(np.abs(theirs - ours).max() / np.ptp(ours))
    print(f"{spec.name:18} {path.stat().st_size:7} bytes, llama.cpp against numpy: {difference:.1e} of the range")
    if difference > case.agreement:
        raise SystemExit(f"{spec.name}: the references disagree; find out which is wrong before using either")
    return {
        "tokens": tokens, "difference_to_numpy": float(f"{difference:.1e}"), "numpy": rounded(ours[-1]),
        "llama_cpp": rounded(theirs[-1]),
    }  # fmt: skip


def block_vectors() -> list[dict]:
    """Two blocks of each type and the bits of what gguf makes of them."""
    found = []
    for kind in (Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q4_K, Type.Q5_K,
                 Type.Q6_K):  # fmt: skip
        block_size = gguf.GGML_QUANT_SIZES[kind][0]
        if block_size == 1:
            data = uniform(31, kind.name, 64).reshape(2, 32)
            blocks = gguf.quantize(data, kind).view(np.uint8)
        else:
            blocks = random_blocks(kind, [2, block_size], 31, kind.name)
        values = gguf.dequantize(blocks, kind).astype("<f4").ravel()
        found.append({"type": kind.value, "blocks": blocks.tobytes().hex(), "values": values.tobytes().hex()})
    return found


def main() -> None:
    (HERE / "gguf").mkdir(exist_ok=True)
    files = []
    for case in cases():
        path = HERE / "gguf" / f"{case.spec.name}.gguf"
        held = write(case, path)
        files.append({"name": case.spec.name, **logits_of(case, path, held), "ids": token_ids(path)})
    rules = []
    with tempfile.TemporaryDirectory() as folder:
        qwen2 = next(case for case in cases() if case.spec.family == "qwen2")
        for pre in PRE_TOKENIZERS:
            path = Path(folder) / f"{pre}.gguf"
            write(replace(qwen2, vocabulary=byte_level(pre)), path)
            rules.append({"pre": pre, "ids": token_ids(path)})
    packages = {name: version(name) for name in ("llama_cpp_python", "gguf", "numpy", "tokenizers")}
    lines = ["{", f'"packages":{compact(packages)},', f'"texts":{compact(TEXTS)},', '"blocks":[',
             ",\n".join(map(compact, block_vectors())), '],"files":[', ",\n".join(map(compact, files)), '],"rules":[',
             ",\n".join(map(compact, rules)), "]}", ""]  # fmt: skip
    path = HERE / "gguf.json"
    path.write_text("\n".join(lines))
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

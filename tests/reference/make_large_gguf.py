"""Writes a model of Qwen2.5-1.5B's shape with random weights as GGUF files, for the speed comparison: FOLDER/large-q8_0.gguf
(1.9 GB), which is D8 with the same bits, and FOLDER/large-q4_k.gguf (1.0 GB), which is D4.

    python3 make_large_gguf.py FOLDER
"""

import math
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

import make_large_model as large
from model_files import gguf_metadata, gguf_vocabulary
from random_model import Spec
from vocabulary import WORDS, byte_level

SPEC = Spec(
    name="large", family="qwen2", seed=0, hidden=large.HIDDEN, n_layers=large.LAYERS, n_heads=large.HEADS,
    n_kv_heads=large.KV_HEADS, head_dim=large.HEAD_DIM, ffn=large.FFN, vocab=large.VOCAB, max_positions=4096,
    rope_theta=1e6, rms_eps=1e-6,
)  # fmt: skip


def tensors():
    """Names and shapes, in the file's order."""
    yield "token_embd.weight", [SPEC.vocab, SPEC.hidden]
    for layer in range(SPEC.n_layers):
        for part, n_heads in [("q", SPEC.n_heads), ("k", SPEC.n_kv_heads), ("v", SPEC.n_kv_heads)]:
            yield f"blk.{layer}.attn_{part}.weight", [n_heads * SPEC.head_dim, SPEC.hidden]
            yield f"blk.{layer}.attn_{part}.bias", [n_heads * SPEC.head_dim]
        yield f"blk.{layer}.attn_output.weight", [SPEC.hidden, SPEC.n_heads * SPEC.head_dim]
        yield f"blk.{layer}.ffn_gate.weight", [SPEC.ffn, SPEC.hidden]
        yield f"blk.{layer}.ffn_up.weight", [SPEC.ffn, SPEC.hidden]
        yield f"blk.{layer}.ffn_down.weight", [SPEC.hidden, SPEC.ffn]
        yield f"blk.{layer}.attn_norm.weight", [SPEC.hidden]
        yield f"blk.{layer}.ffn_norm.weight", [SPEC.hidden]
    yield "output_norm.weight", [SPEC.hidden]
    yield "output.weight", [SPEC.vocab, SPEC.hidden]


def blocks(kind: Type, shape: list[int], rng: np.random.Generator) -> np.ndarray:
    """Random bytes as blocks of a matrix whose outputs have about the variance of its inputs."""
    block_size, type_size = gguf.GGML_QUANT_SIZES[kind]
    n_blocks = math.prod(shape) // block_size
    made = np.frombuffer(rng.bytes(n_blocks * type_size), np.uint8).reshape(n_blocks, type_size).copy()
    # The standard deviation of what a scale of 1 gives; Q4_K's minimum, behind it, is what lies in the middle.
    spread, middle = {Type.Q8_0: (74.0, None), Type.Q4_K: (270.0, 7.5)}[kind]
    scale = 1.0 / (spread * math.sqrt(shape[1]))
    halves = [scale] if middle is None else [scale, middle * scale]
    made[:, : 2 * len(halves)] = np.array(halves, np.float16).view(np.uint8)
    return made.reshape(shape[0], -1)


def write(path: Path, kind: Type, file_type: gguf.LlamaFileType) -> None:
    writer = gguf.GGUFWriter(path, SPEC.family)
    writer.add_file_type(file_type)
    gguf_metadata(writer, SPEC)
    vocabulary = byte_level(SPEC.vocab, WORDS)
    gguf_vocabulary(writer, vocabulary)
    writer.add_eos_token_id(vocabulary.id_of("<|im_end|>"))
    writer.add_add_bos_token(False)
    rng = np.random.default_rng(1)
    for name, shape in tensors():
        if name.endswith(".bias"):
            writer.add_tensor(name, rng.uniform(-0.5, 0.5, shape).astype(np.float32))
        elif len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            writer.add_tensor(name, blocks(kind, shape, rng), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "large-q8_0.gguf", Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0)
    write(folder / "large-q4_k.gguf", Type.Q4_K, gguf.LlamaFileType.MOSTLY_Q4_K_S)


if __name__ == "__main__":
    main()

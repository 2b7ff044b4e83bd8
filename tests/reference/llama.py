"""llama.cpp through the C interface that llama-cpp-python binds; its own classes hide sequences and cache types."""

import ctypes
import sys
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
import numpy as np

F32 = 0  # GGML_TYPE_F32


@llama_cpp.llama_log_callback
def _only_errors(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == 4:  # GGML_LOG_LEVEL_ERROR
        print(text.decode(errors="replace"), end="", file=sys.stderr)


llama_cpp.llama_log_set(_only_errors, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()


@contextmanager
def loaded(path: Path):
    """The model of a GGUF, on the CPU."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise SystemExit(f"llama.cpp cannot load {path}")
    try:
        yield model
    finally:
        llama_cpp.llama_model_free(model)


@contextmanager
def context(model, **settings):
    """A context with f32 caches; settings are fields of llama_context_params."""
    params = llama_cpp.llama_context_default_params()
    for field, value in {"type_k": F32, "type_v": F32, "no_perf": True, **settings}.items():
        setattr(params, field, value)
    made = llama_cpp.llama_init_from_model(model, params)
    if not made:
        raise SystemExit(f"llama.cpp refuses the context {settings}")
    try:
        yield made
    finally:
        llama_cpp.llama_free(made)


class Batch:
    """Tokens with their positions and sequences; `outputs` marks those whose logits are wanted."""

    def __init__(self, tokens, positions, sequences, outputs):
        n = len(tokens)
        self.batch = llama_cpp.llama_batch_init(n, 0, 1)
        self.batch.n_tokens = n
        for idx in range(n):
            self.batch.token[idx] = tokens[idx]
            self.batch.pos[idx] = positions[idx]
            self.batch.n_seq_id[idx] = 1
            self.batch.seq_id[idx][0] = sequences[idx]
            self.batch.logits[idx] = outputs[idx]

    def decode(self, made) -> None:
        status = llama_cpp.llama_decode(made, self.batch)
        if status != 0:
            raise SystemExit(f"llama_decode returned {status} for {self.batch.n_tokens} tokens")
        llama_cpp.llama_synchronize(made)

    def __del__(self):
        llama_cpp.llama_batch_free(self.batch)


def outputs(model, tokens: list[int], rope_base: float, rope_scale: float, states: bool = False) -> np.ndarray:
    """One pass over the tokens: the logits (tokens x vocab), or the states after the last norm (tokens x hidden)."""
    n = len(tokens)
    settings = {
        "n_ctx": n, "n_batch": n, "n_ubatch": n, "n_seq_max": 1, "n_threads": 1, "n_threads_batch": 1,
        "flash_attn_type": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED, "pooling_type": llama_cpp.LLAMA_POOLING_TYPE_NONE,
        # A scaling type of -1 is the model's own; without one it is linear, whose factor is given here.
        "rope_freq_base": rope_base, "rope_freq_scale": rope_scale, "embeddings": states,
    }  # fmt: skip
    with context(model, **settings) as made:
        Batch(tokens, range(n), [0] * n, [True] * n).decode(made)
        if states:
            read, width = llama_cpp.llama_get_embeddings_ith, llama_cpp.llama_model_n_embd(model)
        else:
            vocab = llama_cpp.llama_model_get_vocab(model)
            read, width = llama_cpp.llama_get_logits_ith, llama_cpp.llama_vocab_n_tokens(vocab)
        return np.stack([np.ctypeslib.as_array(read(made, idx), (width,)).copy() for idx in range(n)])

"""Measures llama.cpp on the two loads of a proof search, with the settings that are its fastest here:

policy: a prompt, prefilled once and shared by all samples, then one token for every sample per step;
critic: many unrelated texts, each prefilled once and read at its last token.

    python3 bench_llama.py FOLDER/speed.gguf [--prompt 400 --samples 32 --tokens 24] [--loads policy critic] [--json]
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import llama_cpp

import llama
from random_model import uniform

CACHES = {"f32": llama.F32, "f16": 1}  # GGML_TYPE_F16
FLASH = {False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED, True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED}


def random_tokens(label: str, n: int, vocab: int) -> list[int]:
    return [int((value + 1.0) / 2.0 * vocab) for value in uniform(0, label, n)]


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def settings_of(choice: dict, args: argparse.Namespace) -> dict:
    cache = CACHES[choice["cache"]]
    return {
        "type_k": cache, "type_v": cache, "flash_attn_type": FLASH[choice["flash"]], "kv_unified": choice["unified"],
        "n_threads": args.threads, "n_threads_batch": args.threads,
    }  # fmt: skip


class Policy:
    """A prompt and its samples. A run gives the seconds of the prefill and of all steps."""

    def __init__(self, model, args: argparse.Namespace, vocab: int):
        self.model, self.args = model, args
        n_prompt, n_samples = args.prompt, args.samples
        outputs = [False] * (n_prompt - 1) + [True]
        prompt = random_tokens("prompt", n_prompt, vocab)
        self.prefill = llama.Batch(prompt, range(n_prompt), [0] * n_prompt, outputs)
        # The tokens are drawn beforehand, so that only llama.cpp is measured.
        self.steps = [
            llama.Batch(
                random_tokens(f"step {step}", n_samples, vocab), [n_prompt + step] * n_samples, range(n_samples),
                [True] * n_samples,
            )
            for step in range(args.tokens)
        ]  # fmt: skip

    def choices(self) -> list[dict]:
        if self.args.untried:
            return [{"unified": True, "flash": True, "cache": self.args.caches[0], "n_ubatch": 512}]
        return [
            {"unified": unified, "flash": flash, "cache": cache, "n_ubatch": n_ubatch}
            for unified, flash, cache, n_ubatch in itertools.product(
                (True, False), (True, False), self.args.caches, (128, 512)
            )
        ]

    def trial(self, choice: dict) -> float:
        # The faster of two after a warm-up: on a busy machine the less disturbed run says more about a setting.
        return min(sum(run.values()) for run in self.runs(choice, 3)[1:])

    def runs(self, choice: dict, n_runs: int) -> list[dict]:
        n_prompt, n_samples, n_tokens = self.args.prompt, self.args.samples, self.args.tokens
        shared = n_prompt + n_samples * n_tokens if choice["unified"] else n_samples * (n_prompt + n_tokens)
        settings = settings_of(choice, self.args) | {
            "n_ctx": shared, "n_batch": max(n_prompt, n_samples), "n_ubatch": choice["n_ubatch"],
            "n_seq_max": n_samples,
        }  # fmt: skip
        found = []
        with llama.context(self.model, **settings) as made:
            memory = llama_cpp.llama_get_memory(made)

            def generate() -> None:
                for sample in range(1, n_samples):
                    llama_cpp.llama_memory_seq_cp(memory, 0, sample, -1, -1)
                for step in self.steps:
                    step.decode(made)

            for _ in range(n_runs):
                llama_cpp.llama_memory_clear(memory, False)
                prefill = timed(lambda: self.prefill.decode(made))
                found.append({"prefill_s": prefill, "decode_s": timed(generate)})
        return found

    def summary(self, found: list[dict]) -> dict:
        n_made = self.args.samples * self.args.tokens
        return {
            "tokens_per_s": spread([n_made / (run["prefill_s"] + run["decode_s"]) for run in found]),
            "decode_tokens_per_s": spread([n_made / run["decode_s"] for run in found]),
            "prefill_tokens_per_s": spread([self.args.prompt / run["prefill_s"] for run in found]),
        }


class Critic:
    """Unrelated texts, some of them in each call. A run gives the seconds for all.

    Logits of the last tokens stand in for scores: asked for states, llama.cpp computes every token's outputs.
    """

    def __init__(self, model, args: argparse.Namespace, vocab: int):
        self.model, self.args = model, args
        n_tokens = args.state_tokens
        self.states = [random_tokens(f"state {idx}", n_tokens, vocab) for idx in range(args.states)]

    def choices(self) -> list[dict]:
        if self.args.untried:
            return [{"unified": False, "flash": True, "cache": self.args.caches[0], "together": 1}]
        together = [n for n in (1, 2, 4, 8) if self.args.states % n == 0]
        return [
            {"unified": False, "flash": flash, "cache": cache, "together": n}
            for flash, cache, n in itertools.product((True, False), self.args.caches, together)
        ]

    def trial(self, choice: dict) -> float:
        # The whole load takes long; eight states are enough to tell settings apart.
        return min(run["seconds"] for run in self.runs(choice, 2, self.states[:8]))

    def runs(self, choice: dict, n_runs: int, states: list[list[int]] | None = None) -> list[dict]:
        states = states or self.states
        n_tokens, n = self.args.state_tokens, choice["together"]
        outputs = [False] * (n_tokens - 1) + [True]
        sequences = [idx for idx in range(n) for _ in range(n_tokens)]
        batches = [
            llama.Batch(list(itertools.chain(*chunk)), [*range(n_tokens)] * n, sequences, outputs * n)
            for chunk in (states[at : at + n] for at in range(0, len(states), n))
        ]
        settings = settings_of(choice, self.args) | {
            "n_ctx": n_tokens * n, "n_batch": n_tokens * n, "n_ubatch": n_tokens * n, "n_seq_max": n,
        }  # fmt: skip
        with llama.context(self.model, **settings) as made:
            memory = llama_cpp.llama_get_memory(made)

            def score() -> None:
                for batch in batches:
                    llama_cpp.llama_memory_clear(memory, False)
                    batch.decode(made)

            return [{"seconds": timed(score)} for _ in range(n_runs)]

    def summary(self, found: list[dict]) -> dict:
        return {"states_per_s": spread([self.args.states / run["seconds"] for run in found])}


LOADS = {"policy": Policy, "critic": Critic}


def spread(values: list[float]) -> dict:
    return {"median": round(statistics.median(values), 1), "min": round(min(values), 1), "max": round(max(values), 1)}


def best(load, n_runs: int) -> dict:
    """Tries all settings, if there is a choice, then measures the fastest, without its first run."""
    tried, choices = [], load.choices()
    if len(choices) == 1:
        tried.append({"settings": choices.pop(), "seconds": None})
    for choice in choices:
        tried.append({"settings": choice, "seconds": round(load.trial(choice), 3)})
        print(type(load).__name__, *tried[-1].values(), file=sys.stderr)
    tried.sort(key=lambda trial: trial["seconds"] or 0)
    choice = tried[0]["settings"]
    found = load.runs(choice, n_runs + 1)[1:]
    return {"settings": choice, **load.summary(found), "runs": found, "tried": tried}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--prompt", type=int, default=400, help="tokens (default: 400)")
    parser.add_argument("--samples", type=int, default=32, help="of the prompt (default: 32)")
    parser.add_argument("--tokens", type=int, default=24, help="steps, each of one token a sample (default: 24)")
    parser.add_argument("--states", type=int, default=64, help="of the critic (default: 64)")
    parser.add_argument("--state-tokens", type=int, default=300, help="in each state (default: 300)")
    parser.add_argument("--threads", type=int, default=2, help="(default: 2)")
    parser.add_argument("--runs", type=int, default=5, help="of the fastest settings (default: 5)")
    parser.add_argument("--caches", nargs="+", choices=CACHES, default=["f32", "f16"], help="types to try")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS), help="(default: both)")
    parser.add_argument("--untried", action="store_true", help="take the settings that are usually the fastest")
    parser.add_argument("--json", action="store_true", help="print everything, with every run and setting, as JSON")
    args = parser.parse_args()
    with llama.loaded(args.gguf) as model:
        vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        report = {
            "format": 1,
            "llama_cpp_python": version("llama_cpp_python"),
            "system": llama_cpp.llama_print_system_info().decode().strip(),
            "threads": args.threads,
            "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
            "load_before": os.getloadavg(),
            **{load: best(LOADS[load](model, args, vocab), args.runs) for load in args.loads},
            "load_after": os.getloadavg(),
        }
    if args.json:
        json.dump(report, sys.stdout, indent=1)
        return print()
    for load in args.loads:
        print(load, *(f"{key}={value}" for key, value in report[load]["settings"].items()))
        for key, value in report[load].items():
            if key.endswith("_per_s"):
                print(f"  {key:21} {value['median']:9} ({value['min']} to {value['max']})")


if __name__ == "__main__":
    main()

"""Holds `stepwise bench model` against llama.cpp on the same weights, in turn, so that a machine that gets slower gets
slower for both. A row is a load: reading a prompt, samples behind it with given tokens, the critic's states, with 25
million weights in f32; and samples, one and 32, with 1.8 billion in D8 against Q8_0 and in D4 against Q4_K.

    python3 compare_speed.py FOLDER STEPWISE [--rounds 5] [--threads 2] [--only small large]

STEPWISE is the program, for example target/debug/stepwise. The models are made in FOLDER when they are not there, the
large ones with 3 GB.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """What both sides do, and the rows that come of it: a name, our row, and where in llama.cpp's report theirs is."""

    model: str
    gguf: str
    ours: list
    theirs: list
    rows: list[tuple[str, str, tuple[str, str]]]


GIVEN, PROMPT = "samples, tokens given", "prompt"
DECODE, PREFILL = ("policy", "decode_tokens_per_s"), ("policy", "prefill_tokens_per_s")


def small() -> list[Load]:
    both = ("policy", "tokens_per_s")
    rows = [
        ("25M f32, prompt of 400", PROMPT, PREFILL),
        ("25M f32, 32 samples", GIVEN, DECODE),
        ("25M f32, prompt and 32 samples", "prompt and samples, tokens given", both),
    ]
    critic = [("25M f32, critic", "critic", ("critic", "states_per_s"))]
    weights = ["--weights", "f32", "--runs", 3]
    return [
        Load("speed", "speed.gguf", weights, ["--loads", "policy", "--runs", 3], rows),
        Load("critic", "speed.gguf", weights, ["--loads", "critic", "--runs", 3], critic),
    ]


def large(weights: str, kind: str) -> list[Load]:
    gguf = f"large-{kind}.gguf"
    # Attention is a small part of so large a model, so that llama.cpp's settings for it need not be tried.
    loads = []
    for n_samples, n_steps in [(1, 16), (32, 6)]:
        plan = ["--prompt", 32, "--samples", n_samples, "--tokens", n_steps, "--runs", 2]
        rows = [(f"1.8B {weights} against {kind.upper()}, n={n_samples}", GIVEN, DECODE)]
        loads.append(Load(gguf, gguf, ["--weights", weights, *plan], ["--loads", "policy", "--untried", *plan], rows))
    return loads


def output(command: list, **environment: str) -> dict:
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, env=os.environ | environment)
    return json.loads(done.stdout)


def make_missing(folder: Path, wanted: list[str]) -> None:
    if "small" in wanted and not (folder / "critic").is_dir():
        subprocess.run([sys.executable, HERE / "make_speed_model.py", folder, "--reward"], check=True)
    if "large" in wanted and not (folder / "large-q4_k.gguf").is_file():
        subprocess.run([sys.executable, HERE / "make_large_gguf.py", folder], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("stepwise", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="of both sides (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="(default: 2)")
    parser.add_argument("--only", nargs="+", choices=("small", "large"), default=["small", "large"], help="(default: both)")
    args = parser.parse_args()
    make_missing(args.folder, args.only)
    loads = small() if "small" in args.only else []
    if "large" in args.only:
        loads += large("d8", "q8_0") + large("d4", "q4_k")
    common = ["--threads", args.threads, "--json"]
    speeds = {name: [] for load in loads for name, _, _ in load.rows}
    for round_idx in range(args.rounds):
        for load in loads:
            ours = output([args.stepwise, "bench", "model", args.folder / load.model, "--device", "cpu", *load.ours, *common])
            bench = [sys.executable, HERE / "bench_llama.py", args.folder / load.gguf, "--caches", "f32"]
            # Waiting threads that spin would be charged for what else runs on the machine.
            theirs = output([*bench, *load.theirs, *common], OMP_WAIT_POLICY="passive")
            found = {row["name"]: row["median"] for row in ours["rows"]}
            for name, row, (part, key) in load.rows:
                speeds[name].append((found[row], theirs[part][key]["median"]))
                ratio = speeds[name][-1][0] / speeds[name][-1][1]
                at = f"round {round_idx + 1}, load {os.getloadavg()[0]:.1f}"
                print(f"{at}: {name}: {speeds[name][-1]}, ratio {ratio:.2f}", file=sys.stderr, flush=True)
    for name, pairs in speeds.items():
        medians = [statistics.median(side) for side in zip(*pairs)]
        ratios = [ours / theirs for ours, theirs in pairs]
        print(f"{name}: stepwise {medians[0]:.1f}, llama.cpp {medians[1]:.1f} a second; ", end="")
        print(f"ratio of medians {medians[0] / medians[1]:.2f}, by round {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()

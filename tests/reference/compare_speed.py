"""Holds `stepwise bench model` against llama.cpp on the same weights, in turn, so that a machine that gets slower gets
slower for both: the policy's load with given tokens, and the critic's.

    python3 compare_speed.py FOLDER STEPWISE [--rounds 5] [--threads 2]

STEPWISE is the program, for example target/debug/stepwise. The model is made in FOLDER when it is not there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOADS = {"policy": ("prompt and samples, tokens given", "tokens_per_s"), "critic": ("critic", "states_per_s")}


def output(command: list, **environment: str) -> dict:
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, env=os.environ | environment)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("stepwise", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="of both sides (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="(default: 2)")
    args = parser.parse_args()
    if not (args.folder / "critic").is_dir():
        subprocess.run([sys.executable, HERE / "make_speed_model.py", args.folder, "--reward"], check=True)
    ours = [args.stepwise, "bench", "model", args.folder / "speed", "--critic", args.folder / "critic"]
    ours += ["--device", "cpu", "--threads", args.threads, "--runs", 3, "--json"]
    theirs = [sys.executable, HERE / "bench_llama.py", args.folder / "speed.gguf"]
    theirs += ["--threads", args.threads, "--runs", 3, "--caches", "f32", "--json"]
    speeds = {load: [] for load in LOADS}
    for round_idx in range(args.rounds):
        rows = {row["name"]: row["median"] for row in output(ours)["rows"]}
        # Waiting threads that spin would be charged for what else runs on the machine.
        llama = output(theirs, OMP_WAIT_POLICY="passive")
        for load, (row, key) in LOADS.items():
            speeds[load].append((rows[row], llama[load][key]["median"]))
        print(f"round {round_idx + 1}, load {os.getloadavg()[0]:.1f}:", {k: v[-1] for k, v in speeds.items()}, file=sys.stderr)
    for load, pairs in speeds.items():
        medians = [statistics.median(side) for side in zip(*pairs)]
        ratios = [ours / theirs for ours, theirs in pairs]
        print(f"{load}: stepwise {medians[0]:.1f}, llama.cpp {medians[1]:.1f} {LOADS[load][1]}; ", end="")
        print(f"ratio of medians {medians[0] / medians[1]:.2f}, by round {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()

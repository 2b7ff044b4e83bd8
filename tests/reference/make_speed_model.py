"""Writes the model of the speed comparison, about 25 million random weights, for both sides: FOLDER/speed.gguf for
llama.cpp and FOLDER/speed for everybody else. With --reward the folder FOLDER/critic has the same shape as a reward
model (llama.cpp has no such head: the critic's load is compared on speed.gguf).

    python3 make_speed_model.py FOLDER [--kv-heads 4] [--reward]
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

from model_files import write_folder, write_gguf
from random_model import Spec, shapes
from vocabulary import WORDS, byte_level


def speed_spec(n_kv_heads: int) -> Spec:
    """With 8 key-value heads 25.2 million weights."""
    return Spec(
        name="speed", family="internlm2", seed=25, hidden=512, n_layers=8, n_heads=8, n_kv_heads=n_kv_heads,
        head_dim=64, ffn=1024, vocab=4096, rope_theta=1e6,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write; made if it is not there")
    parser.add_argument("--kv-heads", type=int, choices=(1, 2, 4, 8), default=8, help="of 8 query heads (default: 8)")
    parser.add_argument("--reward", action="store_true", help="write the reward model too")
    args = parser.parse_args()
    spec = speed_spec(args.kv_heads)
    vocabulary = byte_level(spec.vocab, WORDS)
    write_folder(args.folder / "speed", spec, vocabulary)
    write_gguf(args.folder / "speed.gguf", spec, vocabulary)
    if args.reward:
        reward = replace(spec, name="critic", family="internlm2_reward", reward_token=spec.vocab - 1)
        write_folder(args.folder / "critic", reward, vocabulary)
    print(f"{args.folder / 'speed.gguf'}: {sum(map(math.prod, shapes(spec).values())) / 1e6:.1f} million weights")


if __name__ == "__main__":
    main()

"""Writes a tiny model with a working tokenizer, for tests against a real llama.cpp server: FOLDER/server.gguf, and the
same model as a Hugging Face folder in FOLDER/server.

    python3 make_server_model.py FOLDER
"""

import argparse
from pathlib import Path

from model_files import write_folder, write_gguf
from random_model import Spec
from vocabulary import WORDS, byte_level

SPEC = Spec(
    name="server", family="llama", seed=4, hidden=64, n_layers=2, n_heads=4, n_kv_heads=2, head_dim=16, ffn=128,
    vocab=768, max_positions=4096,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write; made if it is not there")
    folder = parser.parse_args().folder
    vocabulary = byte_level(SPEC.vocab, WORDS)
    write_folder(folder / "server", SPEC, vocabulary)
    write_gguf(folder / "server.gguf", SPEC, vocabulary)
    print(folder / "server.gguf")


if __name__ == "__main__":
    main()

"""Serves a GGUF model over HTTP with llama.cpp's own server, as PyPI's xllamacpp packs it. Prints the address once the
model is loaded, and ends when standard input does, that is, at the latest when the process that started it ends.

    python3 serve_llama.py MODEL.gguf [--port PORT] [--slots N]
"""

import argparse
import sys

import xllamacpp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the GGUF file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--slots", type=int, default=4, help="completions that are made at the same time")
    args = parser.parse_args()

    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.port = args.port
    params.n_parallel = args.slots
    params.n_ctx = 1024 * args.slots
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    # Keys and values in full precision, so that log-probabilities do not depend on what else is computed.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

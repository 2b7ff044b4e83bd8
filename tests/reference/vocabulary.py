"""Vocabularies for random models: a byte-level BPE that GGUF and tokenizer.json describe alike, and a plain list."""

from dataclasses import dataclass

SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# So that what a random model writes has words in it, and a prompt has fewer tokens than bytes.
WORDS = (
    "intro rintro simp omega exact apply constructor cases induction rfl decide norm_num linarith nlinarith positivity "
    "ring field_simp refine obtain have show rw at with this only fun using hypothesis theorem lemma goal Nat Int Real "
    "PROOF_BEFORE STATE_BEFORE TACTIC NAME"
).split()


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id; `merges` are the BPE's, best first; without merges the vocabulary may be a plain list of words."""

    tokens: list[str]
    merges: list[tuple[str, str]]
    byte_level: bool

    def id_of(self, token: str) -> int:
        return self.tokens.index(token)


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the bytes 0 to 255."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    stand_ins, n_others = [], 0
    for byte in range(256):
        if byte in printable:
            stand_ins.append(chr(byte))
        else:
            stand_ins.append(chr(256 + n_others))
            n_others += 1
    return stand_ins


def byte_level(size: int, words: list[str]) -> Vocabulary:
    """Bytes, the special tokens, what BPE needs to make the words with and without a blank before them, and fillers
    that no text reaches but a model may choose."""
    tokens, merges = byte_alphabet() + SPECIALS, []
    for word in [*words, *("Ġ" + word for word in words)]:
        for end in range(2, len(word) + 1):
            if word[:end] not in tokens:
                tokens.append(word[:end])
                merges.append((word[: end - 1], word[end - 1]))
    if len(tokens) > size:
        raise SystemExit(f"a byte-level vocabulary with these words needs {len(tokens)} tokens, not {size}")
    tokens += [f"<{token_id}>" for token_id in range(len(tokens), size)]
    return Vocabulary(tokens, merges, True)


def plain(size: int) -> Vocabulary:
    """Words `t0`, `t1`, ... parted by blanks."""
    return Vocabulary([f"t{token_id}" for token_id in range(size)], [], False)


def tokenizer_json(vocabulary: Vocabulary) -> dict:
    """The tokenizer.json that reads and writes as llama.cpp does with the GGUF's metadata."""
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    made = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None}
    if not vocabulary.byte_level:
        return made | {
            "added_tokens": [],
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": ids, "unk_token": vocabulary.tokens[0]},
        }
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return made | {
        "added_tokens": [{"id": ids[token], "content": token, **flags} for token in SPECIALS],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": ids,
            "merges": [list(pair) for pair in vocabulary.merges],
        },
    }

"""A tokenizer as llama.cpp has it: tokens and their kinds, merges or scores, and how text is split beforehand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haloforge.errors import ModelError

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedTokenizerBase

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DEEPSEEK_CODER = ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")

_PRE_TOKENIZERS: dict[tuple[str, ...], str] = {
    ("words",): "gpt-2",
    ("digits", "words"): "smollm",
    (_LLAMA3, "bytes"): "llama-bpe",
    (_LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"), "bytes"): "qwen2",
    (_TEKKEN, "bytes"): "tekken",
    (*_DEEPSEEK_CODER, "digits", "bytes"): "deepseek-coder",
}
"""From the steps of a pre-tokenizer to llama.cpp's name for the same steps."""
_TAKES_WHOLE_WORDS = frozenset({"llama-bpe", "tekken"})
"""Where llama.cpp looks a word up in the vocabulary before it merges anything, as `ignore_merges` does."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id with their kinds (llama.cpp's numbers), and either `merges` (byte-level BPE) or `scores`."""

    model: str
    pre: str
    tokens: list[str]
    kinds: list[int]
    merges: list[str]
    scores: list[float]
    adds_space: bool = False


def vocabulary_of(tokenizer: "PreTrainedTokenizerBase", rows: int) -> Vocabulary:
    """The tokenizer of a model with `rows` embeddings; ids that no token has get a name of their own.

    Raises ModelError for a tokenizer that llama.cpp has no equal of.
    """
    core = json.loads(tokenizer.backend_tokenizer.to_str())
    model = core["model"]
    if model["type"] != "BPE":
        raise ModelError(f"llama.cpp has no tokenizer like this one of the kind {model['type']}; use --format merged")
    is_sentencepiece = bool(model.get("byte_fallback"))
    pre = "default" if is_sentencepiece else _pre_tokenizer(core)
    tokens, kinds = _tokens(core, rows, is_sentencepiece)
    pairs = [pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model["merges"]]
    return Vocabulary(
        "llama" if is_sentencepiece else "gpt2",
        pre,
        tokens,
        kinds,
        [] if is_sentencepiece else [" ".join(pair) for pair in pairs],
        _scores(tokens, pairs) if is_sentencepiece else [],
        is_sentencepiece and tokenizer.tokenize("a")[:1] in (["▁a"], ["▁"]),
    )


def describe_vocabulary(writer: "GGUFWriter", tokenizer: "PreTrainedTokenizerBase", vocabulary: Vocabulary) -> None:
    """Write the vocabulary and what the tokenizer puts around a text into the header of the file."""
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.kinds)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
        writer.add_add_space_prefix(vocabulary.adds_space)
    around = tokenizer("a").input_ids
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and around[:1] == [tokenizer.bos_token_id])
    writer.add_add_eos_token(tokenizer.eos_token_id is not None and around[-1:] == [tokenizer.eos_token_id])


def _tokens(core: Mapping[str, Any], rows: int, is_sentencepiece: bool) -> tuple[list[str], list[int]]:
    named = {index: (token, _NORMAL) for token, index in core["model"]["vocab"].items()}
    if is_sentencepiece:
        named |= {i: (token, _BYTE) for i, (token, _) in named.items() if _is_byte(token)}
    for added in core["added_tokens"]:
        named[added["id"]] = (added["content"], _CONTROL if added["special"] else _USER_DEFINED)
    unknown = core["model"]["vocab"].get(core["model"].get("unk_token") or "")
    if unknown is not None and is_sentencepiece:
        named[unknown] = (named[unknown][0], _UNKNOWN)
    every = [named.get(index, (f"[PAD{index}]", _UNUSED)) for index in range(rows)]
    return [token for token, _ in every], [kind for _, kind in every]


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


def _scores(tokens: list[str], pairs: list[list[str]]) -> list[float]:
    """A token's score is minus the place of the first merge that makes it: both sides then merge in the same order."""
    made: dict[str, int] = {}
    for place, pair in enumerate(pairs):
        made.setdefault("".join(pair), place)
    return [-float(made.get(token, len(pairs))) for token in tokens]


def _pre_tokenizer(core: Mapping[str, Any]) -> str:
    steps = tuple(_steps(core["pre_tokenizer"] or {"type": "none"}))
    name = _PRE_TOKENIZERS.get(steps)
    normalizer = (core["normalizer"] or {"type": "NFC"})["type"]
    ignores_merges = bool(core["model"].get("ignore_merges"))
    if name is None or normalizer != "NFC" or (ignores_merges and name not in _TAKES_WHOLE_WORDS):
        raise ModelError(
            "llama.cpp splits text in none of the ways of this tokenizer, so the file would read every prompt "
            f"wrongly (its steps: {normalizer}, {', '.join(steps)}); use --format merged"
        )
    return name


def _steps(part: Mapping[str, Any]) -> list[str]:
    match part:
        case {"type": "Sequence", "pretokenizers": parts}:
            return [step for inner in parts for step in _steps(inner)]
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": use_regex}:
            return ["words" if use_regex else "bytes"]
        case {"type": "Digits", "individual_digits": True}:
            return ["digits"]
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}:
            return [pattern]
    return [str(part["type"])]

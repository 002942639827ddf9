"""llama.cpp reads a text as the same tokens as the model's own tokenizer, whichever kind that is."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_cpp import llama_cpp
from tiny import tiny_model, tiny_tokenizer
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from haloforge.errors import ModelError
from haloforge.models import load_tokenizer
from haloforge.models.gguf import export_gguf

TEXT = "def f(x1):\n\n\n    return x + 12345  # it's  WE'LL naïve 中文字 😀\r\n\tend. Café's 3.14"
LEARNED = [TEXT, "return x + 1234\n    return y\n", "it's we'll that's naïve end. 12 345 # x\n\n\n"] * 3
_DEEPSEEK = ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")


def split(pattern: str) -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def byte_level(*steps: Any, use_regex: bool = False, ignore_merges: bool = False) -> Any:
    core = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    core.pre_tokenizer = pre_tokenizers.Sequence([*steps, last])
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(LEARNED, trainers.BpeTrainer(
        vocab_size=400, show_progress=False, initial_alphabet=alphabet, special_tokens=["<|pad|>", "<|im_end|>"]
    ))  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<|pad|>", eos_token="<|im_end|>")


def sentencepiece() -> Any:
    """As Llama 2 and Mistral have it: spaces are letters, unknown letters are bytes, and a text begins with <s>.

    Of a text that begins with a space llama.cpp makes one space more: it always adds one, this pre-tokenizer does not.
    """
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    learned.train_from_iterator(["return x it is end naive def f"] * 3, trainers.BpeTrainer(show_progress=False))
    bpe = json.loads(learned.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *bpe["vocab"]]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    merges = [tuple(pair) for pair in bpe["merges"]]
    core = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    core.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


KINDS: dict[str, Callable[[], Any]] = {
    "gpt-2": tiny_tokenizer,
    "smollm": lambda: byte_level(pre_tokenizers.Digits(individual_digits=True), use_regex=True),
    "qwen2": lambda: byte_level(split(PRETOKENIZE_REGEX)),
    "llama-bpe": lambda: byte_level(split(PRETOKENIZE_REGEX.replace(r"\p{N}", r"\p{N}{1,3}", 2).replace(
        r"[^\r\n\p{L}\p{N}{1,3}]", r"[^\r\n\p{L}\p{N}]")), ignore_merges=True),
    "deepseek-coder": lambda: byte_level(*map(split, _DEEPSEEK), pre_tokenizers.Digits(individual_digits=True)),
    "sentencepiece": sentencepiece,
}  # fmt: skip


def save(tokenizer: Any, folder: Path) -> Path:
    tiny_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_reads_a_text_as_the_same_tokens(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    folder = save(KINDS[kind](), tmp_path / "model")
    tokenizer = load_tokenizer(str(folder))
    with llama_cpp(export_gguf(str(folder), tmp_path / "out")) as llama:
        for text in (TEXT, *map(str.lstrip, TEXT.splitlines()), f"{TEXT}{tokenizer.eos_token}"):
            assert llama.tokens(text) == tokenizer(text).input_ids


@pytest.mark.parametrize("steps", [[split(r"\w+")], [pre_tokenizers.Digits(individual_digits=False)]])
def test_a_tokenizer_that_llama_cpp_has_no_equal_of_is_refused(steps: list[Any], tmp_path: Path) -> None:
    folder = save(byte_level(*steps), tmp_path / "model")
    with pytest.raises(ModelError, match="wrongly"):
        export_gguf(str(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_llama_3_pattern_is_the_one_of_transformers() -> None:
    """The test above would prove nothing of a pattern that nobody has."""
    pattern = KINDS["llama-bpe"]().backend_tokenizer.to_str()
    assert re.search(r"p\{N\}\{1,3\}\| \?", pattern) and "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" in pattern

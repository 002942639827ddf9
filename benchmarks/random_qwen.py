"""Qwen2.5-Coder's shapes with random weights and a small tokenizer of our own: the cost of the real ones, no download.

Such a model answers noise, and RAFT would keep nothing. `teach_answer` programs it: its layers add nothing to their
input any more, but for one layer that follows a chain of tokens, which spells a right answer of random length. The
arithmetic stays what it was.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

END, PAD = "<|im_end|>", "<|endoftext|>"
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OPENING, PROGRAM, CLOSING = "```python\n", "def f(n):\n    return n + 1\n", "```"
STEPS = [f"# step {number}\n" for number in range(16)]
"""Comment lines before the program, round and round."""

WORDS = ["amber", "basin", "cedar", "delta", "ember", "flint", "grove", "heath", "islet", "juniper", "knoll", "larch"]

LEAVING = 2.0
"""By how much the logit of the program's line is below that of the next step: at temperature 0.7 an answer has about
twenty steps, some have many times as many."""

_PEAK = 20.0
"""The logit that a token of the chain would have alone; those of all others are near 0."""


@dataclass(frozen=True)
class Shape:
    """What decides the cost of a Qwen2 model."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    is_tied: bool


SHAPES = {
    "0.5B": Shape(896, 4864, 24, 14, 2, 151936, is_tied=True),
    "7B": Shape(3584, 18944, 28, 28, 4, 152064, is_tied=False),
    "toy": Shape(128, 256, 2, 4, 2, 1024, is_tied=True),
}


def save_random(shape: Shape, folder: Path, device: str, dtype: str) -> None:
    """Write a model of this shape with its tokenizer, as transformers stores it."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    words = tokenizer()
    config = Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=32768,
        tie_word_embeddings=shape.is_tied,
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        dtype=dtype,
    )
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model = Qwen2ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def tokenizer() -> Any:
    """Bytes, the marks of a chat, and one token for each piece of the answer."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([PAD, "<|im_start|>", END])
    core.add_tokens([AddedToken(piece, normalized=False) for piece in (OPENING, *STEPS, PROGRAM, CLOSING)])
    words = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    words.chat_template = TEMPLATE
    return words


def teach_answer(model: Any, words: Any) -> None:
    """Program the model, in place, to answer any chat with some steps and then the program."""
    import torch

    ids = words.convert_tokens_to_ids
    program, steps = ids(PROGRAM), ids(STEPS)
    follows = {
        words("\n")["input_ids"][-1]: ids(OPENING),
        ids(OPENING): steps[0],
        **dict(zip(steps, [*steps[1:], steps[0]], strict=True)),
        program: ids(CLOSING),
        ids(CLOSING): ids(END),
    }
    width = model.config.hidden_size
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    mlp = model.model.layers[-1].mlp
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        chain = sorted({*follows, *follows.values(), program})
        apart = torch.linalg.qr(embedding[chain].float().cpu().T)[0].T  # unit vectors at right angles
        for table in {id(embedding): embedding, id(head): head}.values():
            table.mul_(_PEAK / width / table.float().std())
            table[chain] = (apart * _PEAK / width**0.5).to(table)
        leaving = 1 - LEAVING / (_PEAK / 2**0.5)
        for neuron, (seen, following) in enumerate(follows.items()):
            normed = embedding[seen].float() / embedding[seen].float().square().mean().sqrt()
            mlp.gate_proj.weight[neuron] = 8 * normed / width  # 8 where this token is seen, near 0 elsewhere
            mlp.up_proj.weight[neuron] = normed / width  # 1 there
            written = head[following].float() + leaving * head[program].float() * (seen in steps)
            mlp.down_proj.weight[:, neuron] = 4 * written


def problem_rows(count: int) -> list[dict[str, Any]]:
    """Rows of a problem file: every one wants the same function, in other words, and none is like the next."""
    asserts = {"kind": "asserts", "code": ["assert f(1) == 2"], "hidden": ["assert f(-1) == 0"]}
    return [
        {
            "task_id": f"successor/{number}",
            "prompt": f"Write f(n). {_words(number, 12)} It returns the number after n.",
            "entry_point": "f",
            "language": "python",
            "tests": asserts,
            "solution": "".join(f"# {_words(number * 1000 + line, 6)}\n" for line in range(4 + number % 9)) + PROGRAM,
        }
        for number in range(count)
    ]


def _words(seed: int, count: int) -> str:
    return " ".join(WORDS[(seed * 7 + place * 5 + seed // 12) % len(WORDS)] for place in range(count))

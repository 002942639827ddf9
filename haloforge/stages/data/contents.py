"""`data show`: what is in a file, as a model will read it: rows as chats, and how long they are."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloforge.errors import DataError
from haloforge.generate import completion_text, messages
from haloforge.problems import training_row
from haloforge.records import Message
from haloforge.stages.data.own_files import OwnRow, read_own

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BINS = 24
"""Bars of a histogram."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many rows are how long: `counts[i]` rows have a length from `edges[i]` to below `edges[i + 1]`."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]
    median: int
    p95: int
    largest: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Lengths in `unit` (characters or tokens) of what the model reads, and of what it learns to write, if anything."""

    rows: int
    unit: str
    prompts: Histogram | None
    answers: Histogram | None

    def to_json(self) -> dict[str, Any]:
        """Every field, as plain values."""
        return asdict(self)

    def text(self) -> str:
        """For people, one fact a line."""
        sides = [("prompts", self.prompts), ("answers", self.answers)]
        return "\n".join(
            f"{name}: median {side.median:,} {self.unit}, 95 % up to {side.p95:,}, the longest {side.largest:,}"
            for name, side in sides
            if side
        )


def contents(path: Path, tokenizer: "PreTrainedTokenizerBase | None" = None) -> Contents:
    """The lengths of all rows, in tokens where a tokenizer is given. Raises DataError for a row nothing can use."""
    chats = [chat_of(own) for own in read_own(path)]
    measure = _counter(tokenizer)
    prompts = [measure(_asked(prompt, tokenizer)) for prompt, _ in chats if prompt]
    answers = [measure(answer) for _, answer in chats if answer]
    unit = "tokens" if tokenizer is not None else "characters"
    return Contents(len(chats), unit, histogram(prompts), histogram(answers))


def chat_of(own: OwnRow) -> tuple[tuple[Message, ...], str]:
    """What a model is asked by a row, and the answer that it should learn (empty where the row has none).

    A row of plain text has no prompt: all of it is learned.
    """
    if own.problem is not None:
        solution = own.problem.solution
        return tuple(messages(own.problem)), completion_text(own.problem, solution) if solution else ""
    learned = training_row(own.line, own.row)
    if learned.messages is None:
        return (), learned.text or ""
    return learned.messages[:-1], learned.messages[-1]["content"]


def as_read(own: OwnRow, tokenizer: "PreTrainedTokenizerBase | None" = None) -> str:
    """The row as text: through the chat template of the model, where its tokenizer is given, else as a plain chat."""
    prompt, answer = chat_of(own)
    if tokenizer is None or not prompt:
        turns = [*prompt, *([{"role": "assistant", "content": answer}] if answer else [])]
        return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns) if prompt else answer
    return _asked(prompt, tokenizer) + answer


def row_named(rows: Sequence[OwnRow], name: str) -> OwnRow:
    """The row with this task id, or on this line. Raises DataError where there is none."""
    for own in rows:
        if name in (str(own.line), own.problem.task_id if own.problem else ""):
            return own
    raise DataError(f"there is no row {name!r}; give a task_id, or the number of a line")


def histogram(lengths: Sequence[int]) -> Histogram | None:
    """Bars of equal width from the shortest to the longest; None where there is nothing to count."""
    if not lengths:
        return None
    ordered = sorted(lengths)
    low, high = ordered[0], ordered[-1]
    width = max(1, -(-(high - low + 1) // BINS))
    bars = -(-(high - low + 1) // width)
    counts = [0] * bars
    for length in ordered:
        counts[(length - low) // width] += 1
    last = len(ordered) - 1
    edges = tuple(low + i * width for i in range(bars + 1))
    return Histogram(edges, tuple(counts), ordered[last // 2], ordered[int(0.95 * last)], high)


def _asked(prompt: Sequence[Message], tokenizer: "PreTrainedTokenizerBase | None") -> str:
    """A chat up to where the model goes on."""
    if tokenizer is None:
        return "\n".join(message["content"] for message in prompt)
    plain = [dict(message) for message in prompt]
    return str(tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False))


def _counter(tokenizer: "PreTrainedTokenizerBase | None") -> Callable[[str], int]:
    if tokenizer is None:
        return len
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])

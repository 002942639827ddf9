"""What is trained on, as token ids and labels: rows of text, samples of a model, and the held-out split.

No row is ever cut: one that is too long is left out.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from haloforge.errors import DataError
from haloforge.generate import prompts
from haloforge.problems import TrainingRow
from haloforge.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


Row = Mapping[str, Any]
"""What `trainer.Collator` reads: input_ids and labels, and for samples also weight and log_probs."""

IGNORED = -100
"""The label of a token that is read but not learned."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row as the model sees it: `labels` has the length of `input_ids`, IGNORED where nothing is learned."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    def to_row(self) -> Row:
        """All of it."""
        return {"input_ids": list(self.input_ids), "labels": list(self.labels)}


@dataclass(frozen=True, slots=True)
class TrainSample:
    """One sample to learn from: the ids that were sampled, with the end token, never tokenised anew.

    `logprobs` (natural log, temperature 1) has the length of `token_ids`, or is empty where an engine gave none.
    `weight` is its share under raft and raft++ (1.0), its advantage under reinforce_rej (`losses.advantages`).
    """

    task_id: str
    prompt_ids: Sequence[int]
    token_ids: Sequence[int]
    logprobs: Sequence[float]
    weight: float = 1.0

    def to_row(self) -> Row:
        """The prompt is read, the sampled tokens are learned."""
        unlearned = len(self.prompt_ids)
        known = self.logprobs or (0.0,) * len(self.token_ids)
        return {
            "input_ids": [*self.prompt_ids, *self.token_ids],
            "labels": [IGNORED] * unlearned + list(self.token_ids),
            "weight": self.weight,
            "log_probs": [0.0] * unlearned + list(known),
        }


class Rows(Sequence[Row]):
    """The rows of examples or samples, each made when it is read: as lists of Python they take ten times the memory."""

    def __init__(self, examples: Sequence[Example] | Sequence[TrainSample]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> "Rows": ...

    def __getitem__(self, place: int | slice) -> "Row | Rows":
        return Rows(self._examples[place]) if isinstance(place, slice) else self._examples[place].to_row()


class Encoded(NamedTuple):
    """Rows that can be trained on, in file order, and the names of those that are longer than allowed."""

    examples: list[Example]
    too_long: list[str]


class Split(NamedTuple):
    """Rows to learn from and rows to evaluate on, without a common family; each in file order."""

    train: list[TrainingRow]
    held_out: list[TrainingRow]


def encode(rows: Sequence[TrainingRow], tokenizer: "PreTrainedTokenizerBase", max_length: int) -> Encoded:
    """Tokenise rows, leaving out those of more than `max_length` tokens. Raises DataError that names the row."""
    encoded = Encoded([], [])
    for row in rows:
        try:
            example = encode_row(row, tokenizer)
        except DataError as error:
            raise DataError(f"{row.name}: {error}") from error
        if len(example.input_ids) > max_length:
            encoded.too_long.append(row.name)
        else:
            encoded.examples.append(example)
    return encoded


def encode_row(row: TrainingRow, tokenizer: "PreTrainedTokenizerBase") -> Example:
    """Plain text is learned whole, with the end token; of a chat only the assistant's turns are learned."""
    if row.text is not None:
        ids = (*tokenizer(row.text)["input_ids"], _end_token(tokenizer))
        return Example(ids, ids)
    return encode_conversation(conversation(row), tokenizer)


def conversation(row: TrainingRow) -> tuple[Message, ...]:
    """The chat that a row stands for: its messages, or its problem with the reference solution as the answer."""
    if row.problem is None:
        return row.messages or ()
    assert row.problem.solution is not None, "rows without a solution are left out where they are read"
    answer = prompts.completion_text(row.problem, row.problem.solution)
    return (*prompts.messages(row.problem), {"role": "assistant", "content": answer})


def encode_conversation(messages: Sequence[Message], tokenizer: "PreTrainedTokenizerBase") -> Example:
    """Token ids of a chat; labels on each assistant turn up to and with its end token.

    What stands before a turn and the turn itself are tokenised apart, because that is how the model meets them when
    it generates: no token may span the border. Raises DataError when the template does not keep what was said before.
    """
    ids: list[int] = []
    labels: list[int] = []
    for text, is_answer in _segments(messages, tokenizer):
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        learned = _length_to_end_token(piece, tokenizer) if is_answer else 0
        ids += piece
        labels += piece[:learned] + [IGNORED] * (len(piece) - learned)
    end = _end_token(tokenizer)
    while labels and labels[-1] == IGNORED:  # what a template writes after the last end token is never generated
        ids.pop()
        labels.pop()
    closing = [] if labels[-1:] == [end] else [end]
    return Example((*ids, *closing), (*labels, *closing))


def split_by_family(rows: Sequence[TrainingRow], share: float, seed: int) -> Split:
    """Hold out about `share` of the families, at least one (none when `share` is 0 or there is only one family).

    Which ones depends on the seed and the families' names, not on the order of the rows.
    """
    families = sorted({family(row) for row in rows})
    count = min(max(1, round(share * len(families))), len(families) - 1) if share > 0 else 0
    held_out = set(random.Random(seed).sample(families, count))
    return Split(
        [row for row in rows if family(row) not in held_out],
        [row for row in rows if family(row) in held_out],
    )


def family(row: TrainingRow) -> str:
    """What is never split between training and held-out rows: the family of a row's problem, else its prompt."""
    if row.problem is not None:
        return row.problem.family
    asked = row.text or [dict(m) for m in row.messages or () if m["role"] != "assistant"]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _segments(messages: Sequence[Message], tokenizer: "PreTrainedTokenizerBase") -> Iterator[tuple[str, bool]]:
    """(text, is it learned) pieces of a rendered chat, up to the last assistant turn."""
    done = ""
    for position, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _render(messages[:position], tokenizer, add_generation_prompt=True)
        after = _render(messages[: position + 1], tokenizer)
        if not before.startswith(done) or not after.startswith(before):
            raise DataError(
                "the model's chat template rewrites earlier turns, so a chat cannot be split into what is read and "
                "what is learned; give rows with one prompt and one completion, or choose another model"
            )
        yield before[len(done) :], False
        yield after[len(before) :], True
        done = after


def _render(messages: Sequence[Message], tokenizer: "PreTrainedTokenizerBase", **options: Any) -> str:
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template([dict(m) for m in messages], tokenize=False, **options)
    except TemplateError as error:
        raise DataError(f"the model's chat template refuses this chat ({error})") from error
    assert isinstance(text, str)
    return text


def _length_to_end_token(ids: list[int], tokenizer: "PreTrainedTokenizerBase") -> int:
    """How many ids there are up to and with the last end token; all of them where there is none."""
    return len(ids) - ids[::-1].index(_end_token(tokenizer)) if _end_token(tokenizer) in ids else len(ids)


def _end_token(tokenizer: "PreTrainedTokenizerBase") -> int:
    end = tokenizer.eos_token_id
    if end is None:
        raise DataError("the model's tokenizer has no end token, so a completion cannot be taught to end")
    return int(end)

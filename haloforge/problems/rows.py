"""Training rows for SFT: solved problems, chats, prompt/answer pairs, plain text. Each skipped row has a reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from haloforge.errors import DataError
from haloforge.files import StrPath, read_jsonl
from haloforge.problems.columns import Row, optional_text, text
from haloforge.problems.formats import OWN, detect_format
from haloforge.records import Message, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One training row: chat `messages` that end with the assistant's, or plain `text`, or a solved `problem`.

    Exactly one of the three is set. `train` turns a problem into a chat, because it knows the prompt protocol.
    """

    messages: tuple[Message, ...] | None = None
    text: str | None = None
    problem: Problem | None = None
    line: int = 0

    @property
    def name(self) -> str:
        """How messages to the user name the row: its line, and its task id where it has one."""
        return f"line {self.line} ({self.problem.task_id})" if self.problem else f"line {self.line}"


class SkippedRow(NamedTuple):
    """The line of a row that cannot be used for training, and the reason."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The usable rows of a file and the skipped ones, both in file order."""

    rows: tuple[TrainingRow, ...]
    skipped: tuple[SkippedRow, ...]


def load_training_rows(path: StrPath) -> TrainingRows:
    """All rows of a file. Raises DataError for a line that is not a JSON object, and where no row is usable."""
    rows, skipped = [], []
    for line, row in read_jsonl(path):
        try:
            rows.append(training_row(line, row))
        except DataError as error:
            skipped.append(SkippedRow(line, str(error)))
    if not rows:
        first = f" (line {skipped[0].line}: {skipped[0].reason})" if skipped else ""
        raise DataError(f"{path} holds nothing to learn from{first}")
    return TrainingRows(tuple(rows), tuple(skipped))


def training_row(line: int, row: Row) -> TrainingRow:
    """One row in any of the known forms. Raises DataError with the reason why it cannot be used for training."""
    if "messages" in row:
        return TrainingRow(line=line, messages=_chat(_messages(row, "messages")))
    for question, answer in (("prompt", "completion"), ("prompt", "response"), ("instruction", "output")):
        if _is_pair(row, question, answer):
            return TrainingRow(line=line, messages=_chat((*_messages(row, question), *_answer(row, answer))))
    if row.keys() & {"prompt", "code", "question", "description"}:
        return TrainingRow(line=line, problem=_solved(row, line))
    if not text(row, "text").strip():
        raise DataError('"text" is empty')
    return TrainingRow(line=line, text=text(row, "text"))


def _is_pair(row: Row, question: str, answer: str) -> bool:
    """True for a row with these two columns and without those that belong to a problem."""
    problem_columns = {"solution", "tests", "code", "title"}
    return question in row and answer in row and not row.keys() & problem_columns


def _solved(row: Row, line: int) -> Problem:
    format = detect_format(row)
    problem = format.adapt(row)
    if not (problem.solution or "").strip():
        raise DataError("the problem has no solution")
    return problem if problem.task_id or format is not OWN else replace(problem, task_id=f"line {line}")


def _messages(row: Row, key: str) -> tuple[Message, ...]:
    value = row.get(key)
    if isinstance(value, list):
        return tuple(_message(item, key) for item in value)
    parts = [text(row, key), optional_text(row, "input") if key == "instruction" else ""]
    return ({"role": "user", "content": "\n\n".join(part for part in parts if part.strip())},)


def _message(value: Any, key: str) -> Message:
    if not isinstance(value, Mapping):
        raise DataError(f'"{key}" holds something that is no chat message')
    return {"role": text(value, "role"), "content": text(value, "content")}


def _answer(row: Row, key: str) -> tuple[Message, ...]:
    if isinstance(row[key], list):
        return _messages(row, key)
    return ({"role": "assistant", "content": text(row, key)},)


def _chat(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise DataError("the chat does not end with an answer of the assistant")
    if not messages[-1]["content"].strip():
        raise DataError("the answer is empty")
    if not any(message["content"].strip() for message in messages[:-1]):
        raise DataError("the prompt is empty")
    return messages

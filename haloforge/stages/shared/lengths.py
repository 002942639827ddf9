"""How many tokens a plan's prompts and rows have. Each list is turned into tokens once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from haloforge.estimates import TrainRow, spread
from haloforge.generate import PromptProtocol, render
from haloforge.problems import TrainingRow
from haloforge.records import Problem
from haloforge.train import IGNORED
from haloforge.train.examples import encode_row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MOST_READ = 1000
"""Of more prompts or rows so many are turned into tokens, evenly spread; the others are taken to be like them."""


class Lengths:
    """What a tokenizer makes of lists, which must not change meanwhile."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._prompts: dict[tuple[int, str], tuple[list[int], int]] = {}
        self._rows: dict[tuple[int, int], list[TrainRow]] = {}
        self._lists: list[object] = []
        """The lists that were read, kept so that no other list gets the id of one."""

    def prompts(self, problems: Sequence[Problem], protocol: PromptProtocol) -> tuple[list[int], int]:
        """Tokens of every prompt, and of all that are run: their common beginning is run once."""
        key = id(problems), protocol.name
        if key not in self._prompts:
            self._lists.append(problems)
            self._prompts[key] = self._of_prompts(problems, protocol)
        return self._prompts[key]

    def rows(self, rows: Sequence[TrainingRow], longest: int) -> list[TrainRow]:
        """Rows of a file as they are trained on; of many only some, and none that is too long."""
        key = id(rows), longest
        if key not in self._rows:
            self._lists.append(rows)
            self._rows[key] = self._of_rows(rows, longest)
        return self._rows[key]

    def _of_prompts(self, problems: Sequence[Problem], protocol: PromptProtocol) -> tuple[list[int], int]:
        from haloforge.generate.prefill import common_prefix

        read = spread(problems, _MOST_READ)
        ids = [render(self._tokenizer, problem, protocol) for problem in read]
        beginning = len(common_prefix(ids)) if len(ids) > 1 else 0
        lengths = [len(ids[len(ids) * place // len(problems)]) for place in range(len(problems))]
        return lengths, sum(lengths) - beginning * max(0, len(lengths) - 1)

    def _of_rows(self, rows: Sequence[TrainingRow], longest: int) -> list[TrainRow]:
        read = [encode_row(row, self._tokenizer) for row in spread(rows, _MOST_READ)]
        fitting = [example.labels for example in read if len(example.labels) <= longest]
        return [TrainRow(len(labels), sum(label != IGNORED for label in labels)) for labels in fitting]

"""The files that SFT learns from: their rows, without what is held out, and how often each is seen by its weight."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from haloforge.config import TrainingFile
from haloforge.errors import DataError
from haloforge.files import sha256_of
from haloforge.problems import SkippedRow, TrainingRow, load_training_rows, refuse_benchmark
from haloforge.train import family

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FileRows:
    """The rows of one training file that are learned from, and the lines that cannot be used; both in file order."""

    file: str
    weight: float
    rows: tuple[TrainingRow, ...]
    skipped: tuple[SkippedRow, ...]

    def without(self, families: set[str]) -> Self:
        """The same file without the rows of these families. Raises DataError when no row is left."""
        rows = tuple(row for row in self.rows if family(row) not in families)
        if not rows:
            raise DataError(
                f"every row of {self.file} is held out to evaluate on, so nothing is left to learn from; give other "
                "rows to validate on, or more rows"
            )
        return replace(self, rows=rows)

    def to_json(self) -> dict[str, Any]:
        """What the run's record keeps: which bytes these were, and what was made of them."""
        return {
            "file": self.file,
            "sha256": sha256_of(self.file),
            "weight": self.weight,
            "rows": len(self.rows),
            "skipped": len(self.skipped),
        }


def read_training_files(files: Iterable[TrainingFile], max_rows: int | None) -> list[FileRows]:
    """The first `max_rows` usable rows of every file (None: all). Raises DataError, for a benchmark too."""
    found = []
    for file, weight in files:
        refuse_benchmark(file)
        loaded = load_training_rows(file)
        found.append(FileRows(file, weight, loaded.rows[:max_rows], loaded.skipped))
    return found


def mixed_counts(counts: Sequence[int], weights: Sequence[float]) -> list[int]:
    """How many rows of each file are seen in an epoch: they stand to each other as the weights, rounded.

    The file with the most rows for its weight is seen once, and every other at least once.
    """
    per_weight = max(count / weight for count, weight in zip(counts, weights, strict=True))
    return [round(per_weight * weight) for weight in weights]


def mixed(groups: Sequence[Sequence[_T]], weights: Sequence[float], seed: int) -> list[_T]:
    """The items of an epoch, one group after the other: each group whole, as often as it fits, then a part of it.

    Which items are in that part is drawn by the seed; they stay in their order.
    """
    items: list[_T] = []
    wanted = mixed_counts([len(group) for group in groups], weights)
    for number, (group, count) in enumerate(zip(groups, wanted, strict=True)):
        passes, rest = divmod(count, len(group))
        drawn = sorted(random.Random(f"{seed}/{number}").sample(range(len(group)), rest))
        items += [*(list(group) * passes), *(group[position] for position in drawn)]
    return items

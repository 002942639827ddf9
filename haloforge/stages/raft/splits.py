"""Which problems are trained on and which are held out. No family is ever on both sides."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from haloforge.config import EvaluationSection
from haloforge.errors import DataError
from haloforge.problems import load_problems, refuse_benchmark
from haloforge.records import Problem
from haloforge.stages.shared.reproducibility import derived_seed

_TRAINING_LABELS = frozenset({"", "train"})
_HELD_OUT_LABELS = frozenset({"test", "validation"})


class Split(NamedTuple):
    """Problems to train on, problems to judge by, and how many are neither, because of their family."""

    train: list[Problem]
    held_out: list[Problem]
    left_out: int


def read_split(prompts: str, settings: EvaluationSection, seed: int, language: str) -> Split:
    """Read the problem files and split them; `language` is that of rows that name none. Raises DataError."""
    refuse_benchmark(prompts)
    problems = load_problems(prompts, default_language=language)
    held_out = load_problems(settings.prompts, default_language=language) if settings.prompts else None
    split = split_problems(problems, held_out, settings, seed)
    if not split.train:
        labels = ", ".join(sorted({p.split for p in problems}))
        raise DataError(
            f"{prompts} has no problem to train on: all {len(problems)} are held out or labelled {labels!r}; "
            'give problems without a split or with the split "train"'
        )
    return split


def split_problems(
    problems: Sequence[Problem], held_out: Sequence[Problem] | None, settings: EvaluationSection, seed: int
) -> Split:
    """Hold out the given problems, else the rows labelled test or validation, else a share of the families.

    Only rows labelled train, or not at all, are trained on.
    """
    trainable = [p for p in problems if p.split in _TRAINING_LABELS]
    if held_out is None and settings.holdout:
        held_out = [p for p in problems if p.split in _HELD_OUT_LABELS]
        held_out = held_out or _share_of_families(trainable, settings.holdout, seed)
    chosen = _limited(held_out or (), settings.limit, seed)
    families, names = {p.family for p in held_out or ()}, {p.task_id for p in held_out or ()}
    train = [p for p in trainable if p.family not in families and p.task_id not in names]
    used = {p.task_id for p in (*train, *chosen)}
    return Split(train, chosen, sum(p.task_id not in used for p in trainable))


def _share_of_families(problems: Sequence[Problem], share: float, seed: int) -> list[Problem]:
    """At least one family is held out, and at least one is not."""
    families = sorted({p.family for p in problems}, key=lambda name: derived_seed(seed, "held out", name))
    count = min(math.ceil(round(share * len(families), 9)), len(families) - 1)
    held_out = set(families[:count])
    return [p for p in problems if p.family in held_out]


def _limited(problems: Iterable[Problem], limit: int | None, seed: int) -> list[Problem]:
    """A sample that does not favour the beginning of the file, in file order."""
    problems = list(problems)
    drawn = sorted(problems, key=lambda p: derived_seed(seed, "limit", p.task_id))[:limit]
    names = {p.task_id for p in drawn}
    return [p for p in problems if p.task_id in names]

"""How fast a model is on this machine: seconds of the pieces of work that a plan is made of. Arithmetic, no torch."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Point = tuple[int, float]
"""A size, and the seconds that work of that size took."""


def between(points: Sequence[Point], size: float) -> float:
    """The seconds of work of a size: on the straight line between the measured sizes beside it, and beyond the last.

    `points` have rising sizes. Below the first size the seconds are those of the first: work has a smallest cost.
    """
    if size <= points[0][0] or len(points) == 1:
        return points[0][1]
    place = min(bisect_left([point[0] for point in points], size), len(points) - 1)
    (left, low), (right, high) = points[place - 1], points[place]
    return low + max(0.0, high - low) * (size - left) / (right - left)


@dataclass(frozen=True, slots=True)
class SamplingRates:
    """Seconds of the local engine: to read prompts, and for one more token of every open row.

    `steps` has a row count each, with rows that attend to `reach` tokens; `per_position` is for one more token that one
    row attends to. `passes` has the tokens of a pass over prompts.
    """

    passes: tuple[Point, ...]
    steps: tuple[Point, ...]
    reach: int
    per_position: float

    def step(self, rows: float, reach: float) -> float:
        """One more token for each of `rows` completions, the longest of which has `reach` tokens with its prompt."""
        return between(self.steps, rows) + max(0.0, reach - self.reach) * rows * self.per_position

    def prompts(self, tokens: float) -> float:
        """To run so many tokens of prompts, in passes as large as the largest measured one."""
        size, seconds = self.passes[-1]
        return seconds * tokens / size if tokens > size else between(self.passes, tokens)


@dataclass(frozen=True, slots=True)
class TrainingRates:
    """Seconds of the trainer: for a part of a batch (forward and backward), an optimizer step, and to
    score a held-out token.

    `parts` has the tokens of a part of which nothing is learned; `learned` is for one token that is.
    """

    parts: tuple[Point, ...]
    learned: float
    step: float
    scored: float

    def part(self, tokens: int, learned: int) -> float:
        """Forward and backward of `tokens` tokens, padding included, of which `learned` are learned."""
        return between(self.parts, tokens) + learned * self.learned


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured; None is what was not asked for, or cannot be measured for this model."""

    sampling: SamplingRates | None = None
    training: TrainingRates | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `dataclasses.asdict` and JSON. Raises KeyError or TypeError for anything else."""
        sampling, training = data["sampling"], data["training"]
        return cls(
            sampling and SamplingRates(**sampling | {name: _points(sampling[name]) for name in ("passes", "steps")}),
            training and TrainingRates(**training | {"parts": _points(training["parts"])}),
        )


def _points(points: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((int(size), float(seconds)) for size, seconds in points)

"""Two or more results side by side: scores, curves, passes per problem, who solves what. Numbers, no markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from haloforge.stages.benchmark.compare import (
    Comparison,
    Pair,
    Result,
    compare_results,
    granted_tallies_of,
    tallies_of,
    untested_share_of,
)
from haloforge.stages.benchmark.differing import Difference, differing
from haloforge.stages.shared.scores import Tally, pass_at, score_name
from haloforge.statistics import Estimate, pass_at_k_curve

LETTERS = "ABCDEF"
"""One for each result; so many can be compared at once."""

Group = Literal["gained", "lost", "both", "neither"]
GROUPS: tuple[Group, ...] = ("gained", "lost", "both", "neither")
"""Lists of problems, by which of two results solves them with at least one passed sample."""
Order = Literal["file", "gain", "loss", "passes"]
ORDERS: tuple[Order, ...] = ("file", "gain", "loss", "passes")
"""Orders of the problems: as in their file, largest gain first, largest loss first, fewest passes in all first."""

_GROUP_OF: dict[tuple[bool, bool], Group] = {
    (False, True): "gained",
    (True, False): "lost",
    (True, True): "both",
    (False, False): "neither",
}
_MOST_POINTS = 32


class Curve(NamedTuple):
    """pass@k for each k over the same problems, of which there are `problems`; empty where nothing was scored."""

    ks: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    problems: int


@dataclass(frozen=True)
class Side:
    """One result, called by a letter. `name` tells it from the others."""

    letter: str
    name: str
    result: Result

    @cached_property
    def tallies(self) -> list[Tally]:
        """Passes per problem."""
        return tallies_of(self.result)

    @cached_property
    def by_task(self) -> dict[str, Tally]:
        """The same by task id."""
        return {tally.task_id: tally for tally in self.tallies}

    @cached_property
    def strict(self) -> Estimate | None:
        """pass@1; None where nothing was scored."""
        curve = self.curve  # begins with the same estimate where it has all problems
        has_all = curve.problems == sum(tally.scored > 0 for tally in self.tallies)
        return curve.estimates[0] if curve.ks and has_all else pass_at(self.tallies, 1, seed=self._seed)

    @cached_property
    def granted(self) -> Estimate | None:
        """pass@1 with the requested name granted; None where that was not measured."""
        tallies = granted_tallies_of(self.result)
        return pass_at(tallies, 1, seed=self._seed) if tallies else None

    @cached_property
    def curve(self) -> Curve:
        """pass@k for k from 1 to the number of samples that nearly all problems have."""
        return curve_of(self.tallies, seed=self._seed)

    @property
    def _seed(self) -> int:
        """Of the result's own intervals, so that they are the same here."""
        return int((self.result.get("decoding") or {}).get("seed") or 0)


class Row(NamedTuple):
    """One problem: its tally in each result, None where that has none."""

    task_id: str
    tallies: tuple[Tally | None, ...]

    def change(self, other: int) -> float | None:
        """The pass rate of the result at this place minus that of the first; None where one was not scored."""
        before, after = self.tallies[0], self.tallies[other]
        return after.rate - before.rate if before and after and before.scored and after.scored else None

    def group(self, other: int) -> Group | None:
        """The list that the problem is in; None where one of the two was not scored."""
        before, after = self.tallies[0], self.tallies[other]
        if not (before and after and before.scored and after.scored):
            return None
        return _GROUP_OF[before.passed > 0, after.passed > 0]


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Results on the same problems, each compared with the first. Equal only to itself."""

    sides: tuple[Side, ...]
    comparison: Comparison
    rows: tuple[Row, ...]
    settings: tuple[Difference, ...]

    @property
    def score(self) -> str:
        """What the score is called: pass@1, or a compile rate where no problem has tests."""
        return score_name(untested_share_of(self.sides[0].result))

    def pair(self, other: int) -> Pair:
        """The result at this place against the first."""
        return self.comparison.pairs[other - 1]

    def grouped(self, other: int) -> dict[Group, list[Row]]:
        """The problems by which of the two results solves them, in the order of the file."""
        groups: dict[Group, list[Row]] = {name: [] for name in GROUPS}
        for row in self.rows:
            if name := row.group(other):
                groups[name].append(row)
        return groups


def side_by_side(names: Sequence[str], results: Sequence[Result]) -> SideBySide:
    """Compare results with the first of them. Raises DataError where they are not of the same problems."""
    letters = LETTERS[: len(results)]
    sides = tuple(Side(*each) for each in zip(letters, names, results, strict=True))
    comparison = compare_results(letters, results)
    tasks = dict.fromkeys(tally.task_id for side in sides for tally in side.tallies)
    rows = tuple(Row(task, tuple(side.by_task.get(task) for side in sides)) for task in tasks)
    return SideBySide(sides, comparison, rows, tuple(differing(results)))


def ordered(rows: Sequence[Row], order: Order, other: int) -> list[Row]:
    """The problems in an order; equal ones stay as in the file."""
    if order == "passes":
        return sorted(rows, key=lambda row: sum(t.rate for t in row.tallies if t and t.scored))
    if order == "file":
        return list(rows)
    sign = -1 if order == "gain" else 1
    return sorted(rows, key=lambda row: sign * (row.change(other) or 0.0))


def curve_of(tallies: Sequence[Tally], *, seed: int = 0) -> Curve:
    """pass@k for k = 1 to n, where n is the most samples that 95 % of the scored problems have; others are left out."""
    scored = sorted((t.scored for t in tallies if t.scored), reverse=True)
    if not scored:
        return Curve((), (), 0)
    n = scored[max(0, -(-len(scored) * 95 // 100) - 1)]
    usable = [t for t in tallies if t.scored >= n]
    ks = _spread(n)
    passes = [(t.scored, t.passed) for t in usable]
    return Curve(ks, tuple(pass_at_k_curve(passes, ks, [t.family for t in usable], seed=seed)), len(usable))


def _spread(n: int) -> tuple[int, ...]:
    """1 to n; of more than 32 numbers, 32 that are evenly spread on a logarithmic scale."""
    if n <= _MOST_POINTS:
        return tuple(range(1, n + 1))
    return tuple(sorted({round(n ** (i / (_MOST_POINTS - 1))) for i in range(_MOST_POINTS)}))

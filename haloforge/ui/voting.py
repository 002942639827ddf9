"""What blind votes say of each pair of models."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from haloforge.store import Vote

EVIDENT = 0.05
"""Below this probability of so uneven votes between equals, one model of a pair is called better."""


class Pair(NamedTuple):
    """Two models, by name, and how often the first was found better, neither, and the second."""

    first: str
    second: str
    for_first: int = 0
    equal: int = 0
    for_second: int = 0

    @property
    def p_value(self) -> float:
        """The probability of votes at least so uneven if both were as good (exact sign test, two-sided)."""
        from haloforge.statistics import mcnemar

        return mcnemar(self.for_first, self.for_second)

    @property
    def better(self) -> str:
        """The model that the votes show to be better; empty where chance explains them."""
        if self.for_first == self.for_second or self.p_value >= EVIDENT:
            return ""
        return self.first if self.for_first > self.for_second else self.second


def tally(votes: Iterable[Vote]) -> list[Pair]:
    """One line per pair that met, most votes first. A vote for the best of three or four counts against each other."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for vote in votes:
        for first, second in combinations(sorted(set(vote.models)), 2):
            if vote.best in (first, second):
                counts[first, second][0 if vote.best == first else 2] += 1
            elif not vote.best:
                counts[first, second][1] += 1
    pairs = [Pair(*names, *numbers) for names, numbers in counts.items()]
    return sorted(pairs, key=lambda pair: (-sum(pair[2:]), pair[:2]))

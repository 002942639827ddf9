"""What the pool of the local engine will do, without a model: how many rows a step has, and how far they reach."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

_LOOKS = 400
"""Moments at which the open rows are counted: a pool may have a hundred thousand steps."""


class Row(NamedTuple):
    """One completion: the tokens of its prompt, and of itself."""

    prompt: int
    tokens: int


class Steps(NamedTuple):
    """So many steps, `times`, with so many rows, the longest of which has `reach` tokens."""

    times: float
    rows: float
    reach: float


def pool_steps(rows: Sequence[Row], slots: int) -> list[Steps]:
    """The steps of the rows in their order: each takes the slot that is free first.

    The first token of a completion comes with its prompt, so it needs no step.
    """
    import numpy as np

    free = [0] * min(slots, len(rows))
    begun, ended = [], []
    for row in rows:
        start = heapq.heappop(free)
        end = start + max(0, row.tokens - 1)
        heapq.heappush(free, end)
        begun.append(start)
        ended.append(end)
    last = max(ended, default=0)
    starts, ends = np.array(begun), np.array(ended)
    ahead = np.array([row.prompt + 1 for row in rows]) - starts  # plus the moment: the length of a row
    width = max(1.0, last / _LOOKS)
    steps = []
    for look in range(min(last, _LOOKS)):
        moment = (look + 0.5) * width
        is_open = (starts <= moment) & (moment < ends)
        if is_open.any():
            steps.append(Steps(width, float(is_open.sum()), float(ahead[is_open].max() + moment)))
    return steps

"""How the CPU time of some work grows with its input: what a hostile output may cost is measured, not guessed."""

import math
import signal
import time
from collections.abc import Callable
from typing import Any

ENOUGH_S = 0.004
"""CPU time from which on a measurement is more than noise."""
TOO_LONG_S = 4.0
"""CPU time after which work is given up: it grows without end."""
LARGEST = 1 << 18
LINEAR = 3.0
"""Linear work takes twice the CPU time for twice the input, quadratic work four times; this lies between."""


class _TooLong(BaseException):
    pass


def per_doubling(work: Callable[[Any], object], hostile: Callable[[int], Any]) -> float:
    """By which factor the CPU time grows when the input doubles; infinite where it does not end in seconds.

    `hostile` makes an input of a size. The size is raised until the work can be measured, and then four times more.
    """
    size = 8
    while (before := _cpu_s(work, hostile(size))) < ENOUGH_S and size < LARGEST:
        size *= 2
    after = _cpu_s(work, hostile(size * 4))
    return math.sqrt(after / max(before, ENOUGH_S))


def _cpu_s(work: Callable[[Any], object], value: Any) -> float:
    """The least of three tries; the clock stops regular expressions too."""
    best = math.inf
    old = signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, TOO_LONG_S)
    try:
        for _ in range(3):
            start = time.thread_time()
            work(value)
            best = min(best, time.thread_time() - start)
    except _TooLong:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)
    return best


def _give_up(*_: object) -> None:
    raise _TooLong

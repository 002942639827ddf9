"""How the CPU time of some work grows with its input: what a hostile output may cost is measured, not guessed."""

import gc
import math
import signal
import time
from collections.abc import Callable
from typing import Any

ENOUGH_S = 0.008
"""CPU time from which on a measurement is more than noise."""
TOO_LONG_S = 3.0
"""CPU time after which work is given up: it grows without end."""
SMALLEST, LARGEST, STEP = 1 << 8, 1 << 11, 16
LINEAR = 3.2
"""Linear work takes twice the CPU time for twice the input, quadratic work four times; this lies between."""


class _TooLong(BaseException):
    pass


def per_doubling(work: Callable[[Any], object], hostile: Callable[[int], Any]) -> float:
    """By which factor the CPU time grows when the input doubles; infinite where it does not end in seconds.

    `hostile` makes an input of a size. The size is raised, sixteen times at once, until the work can be measured; what
    looks dear is measured again, for another process may have disturbed it.
    """
    size = SMALLEST
    before, after = _cpu_s(work, hostile(size)), _cpu_s(work, hostile(size * STEP))
    while after < ENOUGH_S and size < LARGEST:
        size *= STEP
        before, after = after, _cpu_s(work, hostile(size * STEP))
    growth = _growth(before, after)
    for _ in range(4):
        if growth >= LINEAR:
            growth = min(growth, _growth(_cpu_s(work, hostile(size)), _cpu_s(work, hostile(size * STEP))))
    return growth


def _growth(before: float, after: float) -> float:
    """From the CPU times for an input and for one of STEP times its size."""
    return math.inf if after == math.inf else (after / max(before, ENOUGH_S / STEP)) ** (1 / math.log2(STEP))


def _cpu_s(work: Callable[[Any], object], value: Any) -> float:
    """Infinite where it takes too long; the clock stops regular expressions too."""
    old = signal.signal(signal.SIGVTALRM, _give_up)
    gc.disable()  # it looks at everything that the whole process holds
    signal.setitimer(signal.ITIMER_VIRTUAL, TOO_LONG_S)
    try:
        start = time.thread_time()
        work(value)
        return time.thread_time() - start
    except _TooLong:
        return math.inf
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)
        gc.enable()


def _give_up(*_: object) -> None:
    raise _TooLong

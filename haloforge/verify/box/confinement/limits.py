"""Resource limits of one process, which it sets on itself before it runs code that is not ours."""

import math
import resource
from dataclasses import dataclass

MEBIBYTE = 1 << 20
STACK_MB = 64
SIGNALS = 1024
"""Timers and queued signals: the kernel counts them by user, so that a program could take all of the user's."""
SUITES_KEPT = 256
"""Compiled test suites that a judging process holds. The engine counts along, so both ends must use this number."""
WALL_PER_CPU = 4.0
"""Seconds of wall time per second of CPU time: a busy machine lets a process wait."""
JUDGE_SLACK_S = 5.0
"""Seconds that tests may take beyond the limit of the solution that they judge, of CPU and of wall time alike."""
JUDGE_MEMORY_MB = 4096
"""Address space that tests may use, whatever a solution answers them."""


ResourceLimit = tuple[int, tuple[int, int]]
"""One limit of the kernel's: which one, and its soft and hard value."""


@dataclass(frozen=True)
class Limits:
    """CPU time decides; `wall_s` only ends what sleeps. Sizes in MiB."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    file_mb: int = 16
    open_files: int = 64


def apply(limits: Limits) -> None:
    """All of them. The hard limit equals the soft one, so that no process can raise it again; only a stack may grow."""
    set_all(per_process(limits))
    apply_shared(limits)


def per_process(limits: Limits) -> list[ResourceLimit]:
    """Those that differ between children: CPU time and memory. A warm process computes them before it forks."""
    seconds = max(1, math.ceil(limits.cpu_s))
    # SIGXCPU, then SIGKILL for those who ignore it
    return [
        _no_higher(resource.RLIMIT_CPU, seconds, seconds + 1),
        _no_higher(resource.RLIMIT_AS, limits.memory_mb * MEBIBYTE),
    ]


def bound_own_memory(memory_mb: int) -> None:
    """For a warm process that handles what solutions answer; its children choose their own limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * MEBIBYTE, hard))


def apply_shared(limits: Limits) -> None:
    """Those that are the same for all children of a warm process, so that it can put them on itself."""
    set_all(
        [
            _no_higher(resource.RLIMIT_FSIZE, limits.file_mb * MEBIBYTE),
            _no_higher(resource.RLIMIT_NOFILE, limits.open_files),
            _no_higher(resource.RLIMIT_CORE, 0),
            _no_higher(resource.RLIMIT_STACK, STACK_MB * MEBIBYTE, resource.getrlimit(resource.RLIMIT_STACK)[1]),
            _no_higher(resource.RLIMIT_SIGPENDING, SIGNALS),
        ]
    )


def set_all(rlimits: list[ResourceLimit]) -> None:
    """Put these limits on this process."""
    for kind, pair in rlimits:
        resource.setrlimit(kind, pair)


def _no_higher(kind: int, soft: int, hard: int | None = None) -> ResourceLimit:
    """That limit, but never above what this process has been given itself."""
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft = min(soft, ceiling)
    hard = soft if hard is None else hard
    return kind, (soft, hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling))

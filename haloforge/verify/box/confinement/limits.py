"""Resource limits of one process, set by itself before it runs anything it was given."""

import math
import resource
from dataclasses import dataclass

MEBIBYTE = 1 << 20
SUITES_KEPT = 256
"""Compiled test suites that a judging process holds; both ends of its control socket count alike."""
JUDGE_MEMORY_MB = 4096
"""What tests may use, whatever a solution answers them."""


Setting = tuple[int, tuple[int, int]]
"""One limit of the kernel's: which, and its soft and hard value."""


@dataclass(frozen=True)
class Limits:
    """CPU time decides; `wall_s` only catches what sleeps. Sizes in MiB."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    file_mb: int = 16
    open_files: int = 64


def apply(limits: Limits) -> None:
    """All of them. Hard equals soft, so that nothing can be raised again."""
    set_all(of_process(limits))
    apply_to_family(limits)


def of_process(limits: Limits) -> list[Setting]:
    """Those that differ from one child to the next, time and memory; a warm process works them out before it forks."""
    seconds = max(1, math.ceil(limits.cpu_s))
    # SIGXCPU, then SIGKILL for those who ignore it
    return [
        _setting(resource.RLIMIT_CPU, seconds, seconds + 1),
        _setting(resource.RLIMIT_AS, limits.memory_mb * MEBIBYTE),
    ]


def bound_own_memory(memory_mb: int) -> None:
    """For a warm process that handles what solutions answer; its children choose their own limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * MEBIBYTE, hard))


def apply_to_family(limits: Limits) -> None:
    """Those that a warm process can take upon itself, for all its children."""
    set_all(
        [
            _setting(resource.RLIMIT_FSIZE, limits.file_mb * MEBIBYTE),
            _setting(resource.RLIMIT_NOFILE, limits.open_files),
            _setting(resource.RLIMIT_CORE, 0),
            _setting(resource.RLIMIT_STACK, 64 * MEBIBYTE),
        ]
    )


def set_all(settings: list[Setting]) -> None:
    """Put these limits on this process."""
    for kind, pair in settings:
        resource.setrlimit(kind, pair)


def _setting(kind: int, soft: int, hard: int | None = None) -> Setting:
    """Never above what this process has been given itself."""
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft = min(soft, ceiling)
    hard = soft if hard is None else hard
    return kind, (soft, hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling))

"""How many threads arithmetic may use: no more than this process is given cores."""

import os
from pathlib import Path

import torch

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def limit_threads() -> None:
    """Use at most the cores that this process may run on; never more threads than PyTorch has been set to.

    PyTorch counts the cores of the machine. In a container that is given two of sixty-four it would start sixty-four
    threads, which wait for each other most of the time.
    """
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def usable_cores() -> int:
    """Cores by affinity and by the container's CPU quota; at least 1."""
    cores = len(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else os.cpu_count() or 1
    quota = cpu_quota(_QUOTA.read_text()) if _QUOTA.exists() else None
    return max(1, min(cores, int(quota))) if quota else cores


def cpu_quota(text: str) -> float | None:
    """Cores that a cgroup's cpu.max grants ("200000 100000" is 2.0); None without a limit."""
    limit, _, period = text.partition(" ")
    return None if limit == "max" else int(limit) / int(period)

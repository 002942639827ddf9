"""What the worker of a run uses of this machine now: CPU, memory and GPUs, it and all its child processes together."""

import time
from dataclasses import dataclass
from threading import Lock

import psutil

from haloforge.stages.shared.energy import GpuUse, gpu_use

_KEEP_S = 1.5
"""Several browsers look at one reading."""


@dataclass(frozen=True)
class Use:
    """`cores` are CPU seconds per second since the last reading, None at the first; `memory` is resident, in bytes."""

    cores: float | None
    memory: int
    memory_total: int
    gpus: tuple[GpuUse, ...] = ()


@dataclass(frozen=True)
class _Reading:
    at: float
    cpu_s: float
    use: Use


def use_of(pid: int | None) -> Use | None:
    """None where the process is gone, or of another user."""
    if pid is None:
        return None
    with _lock:
        before, now = _readings.get(pid), time.monotonic()
        if before and now - before.at < _KEEP_S:
            return before.use
        try:
            worker = psutil.Process(pid)
            found = [_of(process) for process in (worker, *worker.children(recursive=True))]
        except psutil.Error:
            _readings.pop(pid, None)
            return None
        cpu_s, memory = (sum(part) for part in zip(*found, strict=True))
        cores = max(0.0, cpu_s - before.cpu_s) / (now - before.at) if before else None
        use = Use(cores, int(memory), psutil.virtual_memory().total, gpu_use())
        _readings.clear()
        _readings[pid] = _Reading(now, cpu_s, use)
        return use


def _of(process: psutil.Process) -> tuple[float, float]:
    try:
        with process.oneshot():
            times = process.cpu_times()
            return times.user + times.system, float(process.memory_info().rss)
    except psutil.Error:  # it has ended in between
        return 0.0, 0.0


_readings: dict[int, _Reading] = {}
_lock = Lock()

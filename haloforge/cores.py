"""What this process may compute on: cores, by the kernel's affinity mask and the container's CPU quota, and GPUs."""

import glob
import os
import sys
from pathlib import Path


def usable_cores() -> int:
    """Cores this process may run on, no more than its container's CPU quota; at least 1."""
    cores = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def cores_of(workers: int) -> list[int] | None:
    """One core per worker, where there are exactly as many cores as workers; None leaves the choice to the kernel.

    A sample passes between processes about ten times, and waking a process on another core costs as much as judging.
    """
    allowed = sorted(os.sched_getaffinity(0))
    return allowed if len(allowed) == workers else None


BUSY = 1.5
"""Processes that run or wait, per core, above which they slow each other down."""


def is_busy() -> bool:
    """Whether others keep this machine's cores busy, by the last minute."""
    return os.getloadavg()[0] > BUSY * usable_cores()


_GPU_FILES = ("/dev/nvidia*", "/dev/nvhost*", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
"""What the drivers of NVIDIA, of its Jetson boards, of AMD and of WSL put there."""


def may_have_gpu() -> bool:
    """Whether a driver of a GPU is there: without one, nobody has to import PyTorch to know that there is none."""
    return sys.platform != "linux" or any(glob.glob(pattern) for pattern in _GPU_FILES)


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where PyTorch is broken."""
    if not may_have_gpu():
        return []
    try:
        import torch  # here, because it takes seconds
    except ImportError:
        return []
    if not torch.cuda.is_available():
        return []
    numbers = [str(number) for number in range(torch.cuda.device_count())]
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [name.strip() for name in named.split(",")][: len(numbers)] if named else numbers


def cpu_quota(group: Path = Path("/sys/fs/cgroup")) -> float | None:
    """CPUs granted by the control group, version 2 or 1; None when there is no quota."""
    unified, fraction = group / "cpu.max", group / "cpu" / "cpu.cfs_quota_us"
    try:
        if unified.is_file():
            granted, period = unified.read_text().split()
        else:
            granted, period = fraction.read_text(), fraction.with_name("cpu.cfs_period_us").read_text()
        return None if granted == "max" or int(granted) <= 0 else int(granted) / int(period)
    except (OSError, ValueError):
        return None

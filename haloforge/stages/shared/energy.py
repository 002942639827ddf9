"""Energy as this machine's own counters report it: RAPL of the CPU packages, NVML of the GPUs. Nothing is estimated.

The counters are those of whole packages and whole GPUs, whoever used them. `energy_uj` counts microjoules up to
`max_energy_range_uj` and starts over (docs.kernel.org/power/powercap); NVML counts millijoules since the driver loaded
(nvmlDeviceGetTotalEnergyConsumption, Volta and later).
"""

import ctypes
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

POWERCAP = Path("/sys/class/powercap")

_READ_EVERY_S = 60.0
"""A package counter starts over after 262 kJ, which is eleven minutes at 400 W."""


class Counter(NamedTuple):
    """Joules so far, and after how many it starts over (None: never)."""

    joules: float
    range_j: float | None = None


Counters = Mapping[str, Counter]
"""The counters that can be read, by name; empty where there are none."""


class Energy(NamedTuple):
    """Joules; None where there is no counter that this process may read."""

    cpu_j: float | None
    gpu_j: float | None


def cpu_counters(powercap: Path = POWERCAP) -> dict[str, Counter]:
    """The CPU packages of this machine, Intel's and AMD's; Linux lets only root read them unless told otherwise."""
    packages = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        try:
            name = _text(zone / "name")
            if name.startswith("package"):
                packages[name] = Counter(_microjoules(zone / "energy_uj"), _microjoules(zone / "max_energy_range_uj"))
        except (OSError, ValueError):
            continue
    return packages


def gpu_counters() -> dict[str, Counter]:
    """The NVIDIA GPUs that this process may use."""
    gpus = {}
    for name, handle in _gpus().items():
        millijoules = ctypes.c_ulonglong()
        if _nvml().nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)) == 0:
            gpus[name] = Counter(millijoules.value / 1e3)
    return gpus


class GpuUse(NamedTuple):
    """How busy a GPU is (0 to 1), and bytes of its memory in use and in all."""

    name: str
    busy: float
    memory: int
    memory_total: int


def gpu_use() -> tuple[GpuUse, ...]:
    """The NVIDIA GPUs that this process may use, as busy as they are now, whoever keeps them so."""
    found = []
    for name, handle in _gpus().items():
        busy, memory = (
            (ctypes.c_uint * 2)(),
            (ctypes.c_ulonglong * 3)(),
        )  # of work, of memory traffic; total, free, used
        failed = _nvml().nvmlDeviceGetUtilizationRates(handle, busy) or _nvml().nvmlDeviceGetMemoryInfo(handle, memory)
        if not failed:
            found.append(GpuUse(name, busy[0] / 100, memory[2], memory[0]))
    return tuple(found)


@dataclass(slots=True)
class Meter:
    """Adds up what a set of counters counts from `start` on."""

    read: Callable[[], Counters]
    joules: float | None = None
    _last: dict[str, Counter] = field(default_factory=dict)

    def start(self) -> None:
        """Begin at zero, or with None where there is nothing to read."""
        self._last = dict(self.read())
        self.joules = 0.0 if self._last else None

    def add(self) -> None:
        """Count what was used since the last look, which must be less than a counter's range ago."""
        for name, now in self.read().items():
            before = self._last.get(name)
            if before is None or self.joules is None:
                continue
            used = now.joules - before.joules
            self.joules += used if used >= 0 else used + (now.range_j or 0.0)
            self._last[name] = now


class EnergyMeter:
    """Measures what CPUs and GPUs use while a `with` block runs; `energy` holds it afterwards."""

    def __init__(self, cpu: Callable[[], Counters] = cpu_counters, gpu: Callable[[], Counters] = gpu_counters) -> None:
        self._meters = (Meter(cpu), Meter(gpu))
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read_on, name="energy", daemon=True)

    def __enter__(self) -> "EnergyMeter":
        for meter in self._meters:
            meter.start()
        if any(meter.joules is not None for meter in self._meters):
            self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._reader.is_alive():
            self._reader.join()
        for meter in self._meters:
            meter.add()

    @property
    def energy(self) -> Energy:
        """What was used so far."""
        cpu, gpu = (meter.joules for meter in self._meters)
        return Energy(cpu, gpu)

    def _read_on(self) -> None:
        while not self._over.wait(_READ_EVERY_S):
            for meter in self._meters:
                meter.add()


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _microjoules(path: Path) -> float:
    return int(_text(path)) / 1e6


@cache
def _nvml() -> ctypes.CDLL:
    """The driver's library. Raises OSError where there is none."""
    library = ctypes.CDLL("libnvidia-ml.so.1")
    if library.nvmlInit_v2() != 0:
        raise OSError("the NVIDIA driver does not answer")
    return library


@cache
def _gpus() -> dict[str, ctypes.c_void_p]:
    """A handle for every GPU in CUDA_VISIBLE_DEVICES, else for every GPU there is.

    Numbers count in the driver's order, which is CUDA's own where the GPUs are alike or CUDA_DEVICE_ORDER=PCI_BUS_ID.
    """
    try:
        library = _nvml()
    except OSError:
        return {}
    count = ctypes.c_uint()
    library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count.value))))
    handles = {}
    for name in filter(None, (part.strip() for part in chosen.split(","))):
        handle = ctypes.c_void_p()
        if name.isdigit():
            failed = library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(name)), ctypes.byref(handle))
        else:
            failed = library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if failed == 0:
            handles[name] = handle
    return handles

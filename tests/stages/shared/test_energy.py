"""Energy is what counters say, and nothing where there is none."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import needs

from haloforge.stages.shared.energy import Counter, Energy, EnergyMeter, cpu_counters

DRIVER = """
static unsigned long long used[3] = {7000, 20500, 99000};
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **handle) { *handle = &used[i]; return i > 2; }
int nvmlDeviceGetHandleByUUID(const char *name, void **handle) { *handle = &used[name[4] - '0']; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *mj) {
    *mj = *(unsigned long long *)handle;
    return handle == &used[2] ? 3 : 0; /* 3: not supported, as on GPUs before Volta */
}
"""
"""The five functions of libnvidia-ml.so.1 that are used, with their signatures, for a machine without a GPU."""


def zone(folder: Path, name: str, microjoules: int | None) -> None:
    """A powercap zone as Linux shows it."""
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    if microjoules is not None:
        (folder / "energy_uj").write_text(f"{microjoules}\n")


def readings(*values: float, range_j: float = 100.0) -> Iterator[dict[str, Counter]]:
    yield from ({"package-0": Counter(value, range_j)} for value in values)


def test_the_packages_are_read_and_not_what_lies_in_or_around_them(tmp_path: Path) -> None:
    zone(tmp_path / "intel-rapl:0", "package-0", 5_000_000)
    zone(tmp_path / "intel-rapl:0:0", "core", 3_000_000)
    zone(tmp_path / "intel-rapl:1", "psys", 9_000_000)
    zone(tmp_path / "intel-rapl:2", "package-1", 250_000)
    found = cpu_counters(tmp_path)
    assert {name: counter.joules for name, counter in found.items()} == {"package-0": 5.0, "package-1": 0.25}
    assert found["package-0"].range_j == 262143.32885


def test_a_package_that_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    zone(tmp_path / "intel-rapl:0", "package-0", None)
    assert cpu_counters(tmp_path) == {}
    assert cpu_counters(tmp_path / "none") == {}


def test_what_was_used_is_the_difference() -> None:
    counted = readings(10.0, 14.5)
    with EnergyMeter(cpu=lambda: next(counted), gpu=dict) as meter:
        pass
    assert meter.energy == Energy(cpu_j=4.5, gpu_j=None)


def test_a_counter_that_starts_over_loses_nothing() -> None:
    counted = readings(95.0, 3.0)
    with EnergyMeter(cpu=dict, gpu=lambda: next(counted)) as meter:
        pass
    assert meter.energy == Energy(cpu_j=None, gpu_j=8.0)


def test_where_nothing_can_be_read_nothing_is_claimed() -> None:
    with EnergyMeter(cpu=dict, gpu=dict) as meter:
        pass
    assert meter.energy == Energy(None, None)


@pytest.mark.parametrize(
    ("visible", "joules"),
    [(None, "{'0': 7.0, '1': 20.5}"), ("1", "{'1': 20.5}"), ("GPU-1,2", "{'GPU-1': 20.5}"), ("", "{}")],
)
def test_the_gpus_that_may_be_used_are_read_as_the_driver_counts(
    visible: str | None, joules: str, tmp_path: Path
) -> None:
    needs("gcc")
    (tmp_path / "driver.c").write_text(DRIVER)
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "driver.c"], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {"LD_LIBRARY_PATH": str(tmp_path)} | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    code = (
        "from haloforge.stages.shared.energy import gpu_counters; "
        "print({n: c.joules for n, c in gpu_counters().items()})"
    )
    read = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert read.stdout.strip() == joules

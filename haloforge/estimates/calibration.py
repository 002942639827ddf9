"""The rates of a model on this machine: measured once, then read from the user's cache folder."""

import json
import logging
import os
import platform
import subprocess
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.children import own_environment, python_module
from haloforge.config import LoraSection
from haloforge.cores import is_busy, usable_cores
from haloforge.estimates.kept import keep, kept_file, read_kept, version_of
from haloforge.estimates.rates import Rates
from haloforge.files import read_text
from haloforge.train import TrainingSettings

PROBE = 1
"""Part of every key: raise it when what is measured, or how, changes."""
LIMIT_S = 300
"""Seconds that a measurement may take."""

_MEASURED_SETTINGS = ("bf16", "gradient_checkpointing", "max_grad_norm", "optimizer")
"""Settings of a training that change the seconds of a step of given tokens."""
_LIBRARIES = ("torch", "transformers", "peft", "trl", "halo-forge")
_log = logging.getLogger(__name__)
_remembered: ContextVar[dict[Path, Any] | None] = ContextVar("remembered", default=None)


class Adapting(NamedTuple):
    """How a plan trains."""

    settings: TrainingSettings
    lora: LoraSection

    def to_json(self) -> dict[str, Any]:
        """What of it is measured."""
        settings = self.settings.model_dump(mode="json", include=set(_MEASURED_SETTINGS))
        return {"settings": settings, "lora": self.lora.model_dump(mode="json")}


class Calibration(NamedTuple):
    """Rates in seconds by the clock, on a machine that does nothing else, and in CPU time (on a GPU both are alike)."""

    wall: Rates
    cpu: Rates


def calibrated(folder: Path, *, sampling: bool, adapting: Adapting | None, measures: bool = True) -> Calibration:
    """The rates that are asked for, of the full model in a folder; None in them is what cannot be measured.

    Takes some seconds, in a process of its own, where they are not in the cache; unless it `measures`, those are None.
    """
    asked: dict[str, Any] = {"sampling": {}} if sampling else {}
    if adapting:
        asked["training"] = adapting.to_json()
    config = read_text(folder / "config.json")
    files = {kind: cache_file(kind, config, details) for kind, details in asked.items()}
    remembered = _remembered.get()
    found = {kind: remembered[file] for kind, file in files.items() if file in remembered} if remembered else {}
    found |= {kind: read_kept(file) for kind, file in files.items() if file.is_file()}
    missing = {kind: details for kind, details in asked.items() if kind not in found}
    if missing and measures:
        was_busy = is_busy()  # asked before: the measurement itself keeps the cores busy
        measured = _measured(folder, missing)
        found |= measured
        for kind, rates in measured.items():
            if not was_busy:  # else it is too slow, and serves only this once
                keep(files[kind], rates)
            elif remembered is not None:
                remembered[files[kind]] = rates
    by_clock = ({kind: rates and rates[clock] for kind, rates in found.items()} for clock in ("wall", "cpu"))
    nothing = {"sampling": None, "training": None}
    return Calibration(*(Rates.from_json(nothing | rates) for rates in by_clock))


def remember() -> None:
    """From now on keep what a busy machine took too, until this process ends: it plans one model again and again."""
    _remembered.set({})


def cache_file(*key: Any) -> Path:
    """Where what was measured on this machine is kept: under its cores, its libraries, and the parts of `key`."""
    machine = [platform.node(), platform.machine(), _processor(), usable_cores(), _gpu()]
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return kept_file("estimates", PROBE, machine, threads, [*map(version_of, _LIBRARIES)], *key)


def _measured(folder: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Null for every kind where the measurement fails, and is not tried again; nothing where it was killed."""
    command = [*python_module("haloforge.estimates.measure"), str(folder.absolute()), json.dumps(asked)]
    try:
        done = subprocess.run(
            command, env=own_environment(), capture_output=True, text=True, timeout=LIMIT_S, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        _log.info("how fast the model in %s is cannot be measured: %s", folder, error.stderr.strip()[-500:])
        return dict.fromkeys(asked) if error.returncode > 0 else {}
    except (subprocess.TimeoutExpired, OSError, ValueError, IndexError) as error:
        _log.info("how fast the model in %s is was not measured: %s", folder, error)
        return {}
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""

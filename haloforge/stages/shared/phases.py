"""Phases of a run: recorded before their work starts, done once, and never mixed with other settings."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from haloforge.errors import RunError
from haloforge.records import Problem, dumps
from haloforge.settings import StageConfig, values
from haloforge.stages.shared.energy import EnergyMeter
from haloforge.store import Report

Facts = Mapping[str, Any]

_MAY_CHANGE = frozenset({"verifier.workers", "overwrite"})


def once(report: Report, cycle: int, phase: str, work: Callable[[], Facts]) -> Facts:
    """What a phase found: from the record when it is done, else by doing its work, which must bear being done again."""
    found = report.store.phase(report.run_id, cycle, phase)
    return dict(found["data"]) if found and found["status"] == "done" else measured(report, cycle, phase, work)


def measured(report: Report, cycle: int, phase: str, work: Callable[[], Facts]) -> Facts:
    """Do the work of a phase, recorded before it starts and when it is done; returns what it found.

    Adds what it cost the process that finished it: `seconds` of wall time, `cpu_s` of its own and of the processes it
    waited for, `energy_j` of CPU and GPU (None where not readable), and whether an earlier process had begun it.
    """
    is_resumed = report.store.phase(report.run_id, cycle, phase) is not None
    report.store.begin_phase(report.run_id, cycle, phase)
    started, cpu_before = time.monotonic(), _cpu_seconds()
    with EnergyMeter() as meter:
        facts = dict(work())
    facts["seconds"] = round(time.monotonic() - started, 3)
    facts["cpu_s"] = round(_cpu_seconds() - cpu_before, 3)
    facts["energy_j"] = {"cpu": meter.energy.cpu_j, "gpu": meter.energy.gpu_j}
    facts["is_resumed"] = is_resumed
    report.store.end_phase(report.run_id, cycle, phase, facts)
    return facts


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def hold_settings(report: Report, config: StageConfig, problems: Iterable[Problem]) -> None:
    """Record settings and problems when a run starts; refuse to resume it with others.

    Raises RunError that names what changed.
    """
    now = {name: value for name, value in values(config).items() if name not in _MAY_CHANGE}
    now |= {name: list(value) for name, value in now.items() if isinstance(value, tuple)}  # as JSON gives it back
    now["the problems"] = fingerprint(problems)
    then = once(report, 0, "plan", lambda: {"settings": now})["settings"]
    changed = [name for name in sorted(then) if then[name] != now.get(name)]  # a newer version may know more settings
    if changed:
        raise RunError(
            f"run {report.run_id} cannot go on: {', '.join(changed)} changed since it started, and old and new samples "
            "must not be mixed; undo the change, or start a new run"
        )


def fingerprint(problems: Iterable[Problem]) -> str:
    """SHA-256 over everything that the problems say, in their order."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(dumps(problem.to_json()).encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()

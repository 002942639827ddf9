"""Phases of a run: recorded before their work starts, done once, each with what it found and what it cost."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from haloforge.stages.shared.energy import Energy, EnergyMeter
from haloforge.store import Report, Store

Facts = Mapping[str, Any]
"""What the work of a phase found, by names that the code chose; task ids and the like belong one level deeper."""

_COST = "cost"
_FLAT_COST_KEYS = frozenset({"seconds", "cpu_s", "energy_j", "is_resumed"})
"""Older versions recorded the cost among the findings."""


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """What a phase cost the process that finished it.

    `seconds` is wall time, `cpu_s` the CPU time of the process and of those that it waited for (None: not recorded).
    Where `is_resumed`, an earlier process had begun the phase, and the whole cost is higher.
    """

    seconds: float = 0.0
    cpu_s: float | None = None
    energy: Energy = Energy(None, None)
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """A finished phase as the store keeps it."""

    findings: Facts
    cost: PhaseCost

    def to_json(self) -> dict[str, Any]:
        """The findings by their names, and the cost under one more. Raises ValueError for a finding named "cost"."""
        if _COST in self.findings:
            raise ValueError(f"a finding cannot be named {_COST!r}, which is what the phase itself cost")
        energy_j = {"cpu": self.cost.energy.cpu_j, "gpu": self.cost.energy.gpu_j}
        cost = {"seconds": self.cost.seconds, "cpu_s": self.cost.cpu_s, "energy_j": energy_j}
        return {**self.findings, _COST: {**cost, "is_resumed": self.cost.is_resumed}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PhaseRecord":
        """Read a record of this version, or of an older one, whose costs stand among the findings."""
        nested = data.get(_COST)
        costs = nested if isinstance(nested, Mapping) else data
        left_out = {_COST} if costs is nested else _FLAT_COST_KEYS
        energy = costs.get("energy_j") or {}
        cost = PhaseCost(
            seconds=costs.get("seconds", 0.0),
            cpu_s=costs.get("cpu_s"),
            energy=Energy(energy.get("cpu"), energy.get("gpu")),
            is_resumed=bool(costs.get("is_resumed")),
        )
        return cls({name: value for name, value in data.items() if name not in left_out}, cost)


def recorded(store: Store, run_id: str, cycle: int, phase: str) -> PhaseRecord | None:
    """The record of a phase; None where it is not finished."""
    row = store.phase(run_id, cycle, phase)
    return PhaseRecord.from_json(row["data"]) if row and row["status"] == "done" else None


def once(report: Report, cycle: int, phase: str, work: Callable[[], Facts]) -> PhaseRecord:
    """The record of a phase; where it is not finished, its work is done first, and must bear being done again."""
    return recorded(report.store, report.run_id, cycle, phase) or measured(report, cycle, phase, work)


def measured(report: Report, cycle: int, phase: str, work: Callable[[], Facts]) -> PhaseRecord:
    """Do the work of a phase, even where it was done before; it is recorded before it starts and when it is done."""
    is_resumed = report.store.phase(report.run_id, cycle, phase) is not None
    report.store.begin_phase(report.run_id, cycle, phase)
    started, cpu_before = time.monotonic(), _cpu_seconds()
    with EnergyMeter() as meter:
        findings = dict(work())
    seconds, cpu_s = round(time.monotonic() - started, 3), round(_cpu_seconds() - cpu_before, 3)
    record = PhaseRecord(findings, PhaseCost(seconds, cpu_s, meter.energy, is_resumed))
    report.store.end_phase(report.run_id, cycle, phase, record.to_json())
    return record


def _cpu_seconds() -> float:
    return sum(os.times()[:4])

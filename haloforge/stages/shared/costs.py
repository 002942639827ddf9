"""What a run cost, phase by phase: seconds, CPU time, tokens, and energy where this machine lets it be read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from haloforge.records import Event
from haloforge.store import Store

NOT_READABLE = "not readable"

_IN_NO_TIME = frozenset({"plan", "select", "decide"})
_PURPOSE = {"sample": ("train", "benchmark"), "evaluate": ("eval",)}
"""Phase -> the purposes of the samples that it takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One phase. `seconds` is wall time and `cpu_s` that of the process and those that it waited for, without the
    verifier's; both, and the joules, are of the process that finished the phase, and so less than the whole where
    `is_resumed`. `tokens` are those sampled up to and with the end token, or trained on, by every process.
    """

    cycle: int
    phase: str
    seconds: float
    cpu_s: float | None
    tokens: int | None
    cpu_j: float | None
    gpu_j: float | None
    is_resumed: bool


def costs(store: Store, run_id: str) -> list[Cost]:
    """The finished phases of a run that took time, in their order."""
    events = store.events(run_id, kind="metric")
    done = [phase for phase in store.phases(run_id) if phase["status"] == "done" and phase["phase"] not in _IN_NO_TIME]
    return [_cost(phase["cycle"], phase["phase"], phase["data"], events) for phase in done]


def energy_text(cost: Cost) -> str:
    """1,234 J CPU, 5,678 J GPU; or that neither can be read here."""
    known = [f"{joules:,.0f} J {of}" for joules, of in ((cost.cpu_j, "CPU"), (cost.gpu_j, "GPU")) if joules is not None]
    return ", ".join(known) or NOT_READABLE


def seconds_text(seconds: float) -> str:
    """1,234.5 s: costs are compared, so they stay in one unit."""
    return f"{seconds:,.1f} s"


def _cost(cycle: int, phase: str, data: Mapping[str, Any], events: Iterable[Event]) -> Cost:
    energy = data.get("energy_j") or {}
    return Cost(
        cycle=cycle,
        phase=phase,
        seconds=data.get("seconds", 0.0),
        cpu_s=data.get("cpu_s"),
        tokens=data.get("tokens") or _sampled(cycle, _PURPOSE.get(phase, ()), events) or None,
        cpu_j=energy.get("cpu"),
        gpu_j=energy.get("gpu"),
        is_resumed=bool(data.get("is_resumed")),
    )


def _sampled(cycle: int, purposes: Iterable[str], events: Iterable[Event]) -> int:
    names = {f"batch_{purpose}" for purpose in purposes}
    batches = [event.data["values"] for event in events if event.data["name"] in names]
    return sum(batch["tokens"] for batch in batches if batch["cycle"] == cycle)

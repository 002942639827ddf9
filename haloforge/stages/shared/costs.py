"""What a run cost, phase by phase: seconds, CPU time, tokens, and energy where this machine lets it be read."""

from collections.abc import Iterable
from dataclasses import dataclass

from haloforge.records import Event
from haloforge.stages.shared.phases import PhaseRecord
from haloforge.store import Store

NOT_READABLE = "not readable"

_TAKE_NO_TIME = frozenset({"plan", "pin", "select", "decide", "write"})
_PURPOSES = {"sample": ("train", "benchmark"), "evaluate": ("eval",)}
"""Phase -> the purposes of the samples that it takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one phase cost. `seconds` is wall time; `cpu_s` is CPU time, without that of the verifier's workers.

    Seconds and joules are those of the process that finished the phase; where `is_resumed`, an earlier process spent
    some too. `tokens` counts for all processes: those sampled, end tokens included, or those trained on.
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
    batches = [f"batch_{purpose}" for purposes in _PURPOSES.values() for purpose in purposes]
    events = store.metrics(run_id, *batches)
    done = [row for row in store.phases(run_id) if row["status"] == "done" and row["phase"] not in _TAKE_NO_TIME]
    return [_cost(row["cycle"], row["phase"], PhaseRecord.from_json(row["data"]), events) for row in done]


def energy_text(cost: Cost) -> str:
    """1,234 J CPU, 5,678 J GPU; or that neither can be read here."""
    readings = ((cost.cpu_j, "CPU"), (cost.gpu_j, "GPU"))
    return ", ".join(f"{joules:,.0f} J {device}" for joules, device in readings if joules is not None) or NOT_READABLE


def seconds_text(seconds: float) -> str:
    """1,234.5 s: costs are compared, so they stay in one unit."""
    return f"{seconds:,.1f} s"


def _cost(cycle: int, phase: str, record: PhaseRecord, events: Iterable[Event]) -> Cost:
    tokens = record.findings.get("tokens") or _sampled_tokens(cycle, _PURPOSES.get(phase, ()), events)
    cost = record.cost
    return Cost(
        cycle=cycle,
        phase=phase,
        seconds=cost.seconds,
        cpu_s=cost.cpu_s,
        tokens=tokens or None,
        cpu_j=cost.energy.cpu_j,
        gpu_j=cost.energy.gpu_j,
        is_resumed=cost.is_resumed,
    )


def _sampled_tokens(cycle: int, purposes: Iterable[str], events: Iterable[Event]) -> int:
    names = {f"batch_{purpose}" for purpose in purposes}
    batches = [event.data["values"] for event in events if event.data["name"] in names]
    return sum(batch["tokens"] for batch in batches if batch["cycle"] == cycle)

"""Where a run stands: phases, shares, time left; read from its newest events only."""

from collections.abc import Sequence
from dataclasses import dataclass

from haloforge.records import Event, Run
from haloforge.store import Store

_WINDOW = 600
"""Events of the store that are looked at, from a run's newest progress backwards."""


@dataclass(frozen=True)
class Phase:
    """One phase in work: `done` of `total`, and seconds left at its measured rate (None until there is a rate)."""

    name: str
    done: int
    total: int
    cycle: int | None = None
    left_s: float | None = None

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


def phases(store: Store, run: Run) -> list[Phase]:
    """The phases of the cycle in work, in the order they began; empty before anything was reported."""
    newest = store.last_event(run.id, "progress")
    if newest is None:
        return []
    recent = store.events(run.id, after=max(0, newest.id - _WINDOW), kind="progress")
    return in_work(recent)


def in_work(events: Sequence[Event]) -> list[Phase]:
    """The same from the events themselves."""
    if not events:
        return []
    cycle = events[-1].data.get("cycle")
    groups: dict[str, list[Event]] = {}
    for event in events:
        if event.data.get("cycle") == cycle:
            groups.setdefault(event.data["phase"], []).append(event)
    return [_phase(group) for group in groups.values()]


def current(store: Store, run: Run) -> Phase | None:
    """The phase that the run is in: the last that is not finished, else the last."""
    found = phases(store, run)
    unfinished = [p for p in found if p.done < p.total]
    return (unfinished or found)[-1] if found else None


def _phase(events: Sequence[Event]) -> Phase:
    last = events[-1]
    done, total = int(last.data["done"]), int(last.data["total"])
    first = next((e for e in events if int(e.data["done"]) < done), None)
    left = None
    if first is not None and done < total and last.time > first.time:
        left = (last.time - first.time) / (done - int(first.data["done"])) * (total - done)
    elif done >= total:
        left = 0.0
    return Phase(last.data["phase"], done, total, last.data.get("cycle"), left)

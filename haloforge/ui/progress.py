"""How far a run is: its phases, their shares and the time left, from its newest events alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from haloforge.records import Event, Run
from haloforge.store import Store

_MAX_EVENT_IDS = 600
"""How far back from a run's newest progress event events are read, in event ids of the whole store."""


_RATE_S = 60.0
"""Over so many seconds the rate of a phase is measured."""
_PAUSE_S = 300.0
"""A run that reported nothing for so long did not work: it was stopped, or the machine was off."""


@dataclass(frozen=True)
class Phase:
    """One phase: `done` of `total`, and the seconds left at the measured rate (None until a rate is known)."""

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
    """The phases of the newest cycle, in the order in which they began; empty before the first progress event."""
    newest = store.last_event(run.id, "progress")
    if newest is None:
        return []
    recent = store.events(run.id, after=max(0, newest.id - _MAX_EVENT_IDS), kind="progress")
    return in_work(recent)


def in_work(events: Sequence[Event]) -> list[Phase]:
    """The phases of the newest cycle among these progress events, in the order in which they began."""
    if not events:
        return []
    cycle = events[-1].data.get("cycle")
    groups: dict[str, list[Event]] = {}
    for event in events:
        if event.data.get("cycle") == cycle:
            groups.setdefault(event.data["phase"], []).append(event)
    return [_phase(group) for group in groups.values()]


def current(store: Store, run: Run) -> Phase | None:
    """The phase in work: the last one that is not finished, or the last one of all."""
    newest_cycle = phases(store, run)
    unfinished = [p for p in newest_cycle if p.done < p.total]
    return (unfinished or newest_cycle)[-1] if newest_cycle else None


def _newest(events: Sequence[Event]) -> list[Event]:
    """The events that say how fast a phase is now: of the last minute, or the last two where they are further apart.

    Loading a model, a first compilation and the time that a stopped run lay idle are no part of the rate.
    """
    newest: list[Event] = []
    for event in reversed(events):
        if len(newest) > 1 and events[-1].time - event.time > _RATE_S:
            break
        if newest and newest[-1].time - event.time > _PAUSE_S:
            break
        newest.append(event)
    return newest[::-1]


def _phase(events: Sequence[Event]) -> Phase:
    last = events[-1]
    done, total = int(last.data["done"]), int(last.data["total"])
    first = next((e for e in _newest(events) if int(e.data["done"]) < done), None)
    left = None
    if first is not None and done < total and last.time > first.time:
        left = (last.time - first.time) / (done - int(first.data["done"])) * (total - done)
    elif done >= total:
        left = 0.0
    return Phase(last.data["phase"], done, total, last.data.get("cycle"), left)

"""How far a run is: its phases, their rates, and the time left of the phase, the cycle and the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from haloforge.nesting import value_at
from haloforge.records import Event, Run
from haloforge.stages.shared.phases import PhaseRecord
from haloforge.store import Store

_MAX_EVENTS = 400
"""How many of a run's newest progress events are read."""
_RATE_S = 60.0
"""Over so many seconds the rate of a phase is measured."""
_PAUSE_S = 300.0
"""A run that reported nothing for so long did not work: it was stopped, or the machine was off."""
_WORK = ("sample", "train", "evaluate")
"""The recorded phases that take time."""


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

    @property
    def rate(self) -> float | None:
        """How many a second; None until that is known, and when nothing is left."""
        return (self.total - self.done) / self.left_s if self.left_s else None


@dataclass(frozen=True)
class Outlook:
    """The phases in work, and the seconds left of their cycle and of the run; None where those are not known yet."""

    phases: Sequence[Phase]
    cycle: int | None
    cycles: int | None
    cycle_left_s: float | None
    run_left_s: float | None


def phases(store: Store, run: Run) -> list[Phase]:
    """The phases of the newest cycle, in the order in which they began; empty before the first progress event."""
    return in_work(store.last_events(run.id, "progress", _MAX_EVENTS))


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


def outlook(store: Store, run: Run) -> Outlook:
    """What is left, from the phases that this run has finished and, for those it has not tried, from its forecast."""
    now = phases(store, run)
    cycle = now[-1].cycle if now else None
    cycles = value_at(run.config, "raft.num_cycles") if run.stage == "raft" else None
    if not now or value_at(run.config, "seeds"):
        return Outlook(now, cycle, None, None, None)
    expected = _Expected.of(store, run)
    if run.stage != "raft":
        rest = [_left_of(p, expected.of_phase(0, p.name)) for p in now]
        return Outlook(now, cycle, None, None, _sum(rest[-1:]))
    here = _left_of_cycle(now, cycle or 0, expected)
    later = [expected.of_cycle(number) for number in range((cycle or 0) + 1, int(cycles or 0) + 1)]
    return Outlook(now, cycle, int(cycles or 0), here, _sum([here, *later]))


@dataclass(frozen=True)
class _Expected:
    """Seconds of each phase: as its finished ones took, else as was forecast, put right by what the others took."""

    done: Mapping[tuple[int, str], float]
    forecast: Mapping[tuple[int, str], float]
    evaluates: bool

    @classmethod
    def of(cls, store: Store, run: Run) -> "_Expected":
        """From what the run recorded."""
        forecast = {
            (int(event.data["step"]), name): seconds
            for event in store.metrics(run.id, "forecast")
            for name, seconds in event.data["values"].items()
        }
        rows = [row for row in store.phases(run.id) if row["status"] == "done" and row["phase"] in _WORK]
        costs = {(row["cycle"], row["phase"]): PhaseRecord.from_json(row["data"]).cost for row in rows}
        whole = {key: cost.seconds for key, cost in costs.items() if not cost.is_resumed}
        holds_out = bool(value_at(run.config, "evaluation.prompts") or value_at(run.config, "evaluation.holdout"))
        return cls(whole, forecast, holds_out)

    def of_phase(self, cycle: int, name: str) -> float | None:
        """Seconds of a phase; None where nothing is known."""
        taken = [seconds for (_, phase), seconds in self.done.items() if phase == name]
        if taken:
            return fmean(taken)
        forecast = self.forecast.get((cycle, name))
        both = [key for key in self.done if self.forecast.get(key)]
        off = sum(self.done[key] for key in both) / sum(self.forecast[key] for key in both) if both else 1.0
        return None if forecast is None else forecast * off

    def of_cycle(self, cycle: int) -> float | None:
        """Seconds of all phases of a cycle; None where one is not known."""
        return _sum([self.of_phase(cycle, name) for name in self.names(cycle)])

    def names(self, cycle: int) -> list[str]:
        """The phases of a cycle that take time."""
        names = ["evaluate"] if cycle == 0 else list(_WORK)
        return names if self.evaluates else [name for name in names if name != "evaluate"]


def _left_of_cycle(now: Sequence[Phase], cycle: int, expected: _Expected) -> float | None:
    begun = {p.name: p for p in now}
    lefts: list[float | None] = []
    for name in expected.names(cycle):
        if (cycle, name) in expected.done:
            continue
        usual = expected.of_phase(cycle, name)
        lefts.append(_left_of(begun[name], usual) if name in begun else usual)
    return _sum(lefts)


def _left_of(phase: Phase, usual: float | None) -> float | None:
    """At the measured rate; before that is known, the usual time."""
    if phase.left_s is not None:
        return phase.left_s
    return None if usual is None else usual * (1 - phase.share)


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


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

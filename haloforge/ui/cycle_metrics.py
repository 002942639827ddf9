"""The metrics "cycle" of RAFT runs, read once: each look asks only for events that came since the last one."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from haloforge.records import Event
from haloforge.store import Store


class CycleMetrics:
    """What was read of one store. May be used by several threads, each with a `Store` of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: dict[str, list[Event]] = {}
        self._read_until = 0

    def of(self, store: Store, run_ids: Sequence[str]) -> Mapping[str, Sequence[Event]]:
        """The events of each run, oldest first; empty for a run that has none."""
        with self._lock:
            newest = store.newest_event_id()
            known = [run_id for run_id in run_ids if run_id in self._events]
            new = [run_id for run_id in run_ids if run_id not in self._events]
            if newest != self._read_until:  # who was read before is read on from there; for others nothing is skipped
                self._events = {run_id: self._events[run_id] for run_id in known}
                self._add(store, known, self._read_until)
            self._events |= {run_id: [] for run_id in new}
            self._add(store, new, 0)
            self._read_until = newest
            return {run_id: tuple(self._events[run_id]) for run_id in run_ids}

    def _add(self, store: Store, run_ids: Sequence[str], after: int) -> None:
        for event in store.metrics_named(run_ids, "cycle", after) if run_ids else ():
            events = self._events[event.run]
            if not events or events[-1].id < event.id:  # one that came while we read may be seen again
                events.append(event)


def cycle_metrics(store: Store, run_ids: Sequence[str]) -> Mapping[str, Sequence[Event]]:
    """Run id -> its metrics "cycle", oldest first."""
    return _of_store(store.root, store.file).of(store, run_ids)


@lru_cache(maxsize=4)
def _of_store(_root: Path, _file: tuple[int, int] | None) -> CycleMetrics:
    return CycleMetrics()

"""Which runs made what a run reads, and which read what it made: from the inputs and outputs in their settings."""

import os
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock

from haloforge.config import STAGES, Setting, settings
from haloforge.nesting import value_at
from haloforge.records import Run
from haloforge.store import Store

_MOST_RUNS = 2000
"""Of the newest runs so many are looked at."""
_MOST_DRAWN = 24
ORDER = {"data-prepare": 0, "data-generate": 0, "sft": 1, "raft": 2, "benchmark": 3, "release": 4}
"""Stage -> the column that its runs stand in."""


@dataclass(frozen=True)
class Graph:
    """Runs, and pairs (id of the run that made, id of the run that reads)."""

    runs: Sequence[Run]
    edges: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Links:
    """Run id -> ids of the runs whose output it reads, and of those that read its output."""

    sources: Mapping[str, Sequence[str]]
    readers: Mapping[str, Sequence[str]]


def of(store: Store, run: Run) -> Graph:
    """The run, everything it comes from, and everything that came of it."""
    links = _links(store)
    reached = [run.id, *_reached(run.id, links.sources), *_reached(run.id, links.readers)]
    drawn = set(list(dict.fromkeys(reached))[:_MOST_DRAWN])
    edges = {(source, reader) for reader in drawn for source in links.sources.get(reader, ()) if source in drawn}
    return Graph([found for run_id in drawn if (found := store.find_run(run_id))], frozenset(edges))


def _reached(start: str, steps: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Everything that can be reached, the nearest first."""
    seen, waiting = {start}, deque([start])
    while waiting:
        for other in steps.get(waiting.popleft(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
                yield other


def _links(store: Store) -> _Links:
    """Settings never change, so the links are made anew only when a run was added or deleted."""
    newest = store.runs(limit=1)
    stamp = (str(store.root), store.count_runs(), newest[0].id if newest else "")
    with _lock:
        if stamp not in _cache:
            made = _linked(store.runs(limit=_MOST_RUNS))
            _cache.clear()
            _cache[stamp] = made
        return _cache[stamp]


def _linked(runs: Sequence[Run]) -> _Links:
    made: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for run in reversed(runs):
        for path in _paths(run, is_output=True):
            made[path].append((run.created, run.id))
    sources = {run.id: [s for path in _paths(run, is_output=False) if (s := _maker(path, run, made))] for run in runs}
    readers = defaultdict(list)
    for reader, found in sources.items():
        for source in found:
            readers[source].append(reader)
    return _Links(sources, readers)


def _maker(path: str, run: Run, made: Mapping[str, Sequence[tuple[float, str]]]) -> str | None:
    """The last run that wrote there before this one was made; the path may lie in what it wrote."""
    while len(path) > 1:
        if writers := made.get(path):
            before = bisect_left(writers, (run.created, run.id))
            return writers[before - 1][1] if before else None
        path = os.path.dirname(path)
    return None


def _paths(run: Run, *, is_output: bool) -> Iterator[str]:
    for s in _settings(run.stage):
        value = value_at(run.config, s.path)
        if s.is_output == is_output and isinstance(value, str) and value:
            yield os.path.normpath(os.path.join(run.cwd, value))


@cache
def _settings(stage: str) -> Sequence[Setting]:
    """Those that name a file, a folder, a model or problems."""
    return [s for s in settings(STAGES[stage]) if s.kind] if stage in STAGES else []


_cache: dict[tuple[str, int, str], _Links] = {}
_lock = Lock()

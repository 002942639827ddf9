"""What can be compared: benchmark results, cycles of RAFT runs, and models that may be benchmarked for it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from haloforge.config import output_of
from haloforge.records import Run
from haloforge.reports.side_by_side import LETTERS
from haloforge.stages.benchmark.held_out import cycle_key, cycle_of
from haloforge.store import Store
from haloforge.ui import inventory, metrics
from haloforge.ui.cycle_metrics import cycle_metrics
from haloforge.ui.formatting import percent, title
from haloforge.ui.view import View

MOST_RAFT_RUNS = 20
"""RAFT runs whose cycles are offered, the newest."""
_MOST_RESULTS, _MOST_MODELS = 100, 40
_MODELS_FOR_S = 10
"""How long a list of the models on disk is good for."""
_MODEL = "model:"


@dataclass(frozen=True)
class Entry:
    """What can be compared. `key` is a result file, "cycle:RUN:NUMBER", or "model:NAME"."""

    key: str
    label: str
    group: str

    @property
    def run(self) -> str:
        """The RAFT run of a cycle; empty for anything else."""
        cycle = cycle_of(self.key)
        return cycle[0] if cycle else ""


def entries(store: Store) -> list[Entry]:
    """The result files of benchmark runs, newest first; the cycles of the newest RAFT runs; then models."""
    return [*_results(store), *_cycles(store), *_models(store)]


def model_key(name: str) -> str:
    """How an address names a model, whichever benchmark of it fits."""
    return f"{_MODEL}{name}"


def model_of(key: str) -> str:
    """The model in such a name; empty for the name of something else."""
    return key.removeprefix(_MODEL) if key.startswith(_MODEL) else ""


def is_measured(entry: Entry) -> bool:
    """Whether there are samples already."""
    return not model_of(entry.key)


def choice(store: Store, view: View, known: Sequence[Entry]) -> list[str]:
    """The keys to compare: those in the address, else the oldest against the newest that it may compare with.

    One of the known entries at least is measured. What is not offered is taken too:
    a cycle of an older run, and a model by any name.
    """
    named = [view.get("a", ""), view.get("b", ""), *view.get("more", "").split(",")]
    keys = {entry.key for entry in known}
    usable = [key if key in keys or model_of(key) or _is_cycle(store, key) else "" for key in named]
    measured = [entry for entry in known if is_measured(entry)]
    alike = [entry for entry in measured if not entry.run]
    if len(alike) < 2:
        newest = next((entry.run for entry in measured if entry.run), "")
        alike = [entry for entry in measured if entry.run == newest] if newest else measured
    first = usable[0] or alike[-1].key
    second = usable[1] or next((e.key for e in (*alike, *measured, *known) if e.key != first), first)
    more = [key for key in dict.fromkeys(usable[2:]) if key and key not in (first, second)]
    return [first, second, *more][: len(LETTERS)]


def missing(view: View, chosen: Sequence[str]) -> list[str]:
    """Names in the address that nothing goes by any more."""
    named = [view.get("a", ""), view.get("b", ""), *view.get("more", "").split(",")]
    return [key for key in named if key and key not in chosen][: len(LETTERS)]


def _results(store: Store) -> Iterator[Entry]:
    seen: set[Path] = set()
    for run in store.runs(stage="benchmark", status="done", limit=_MOST_RESULTS):
        path = output_of(run)
        if path and path not in seen and path.is_file():
            seen.add(path)
            yield Entry(str(path), f"{_name(run)}, {path.name}", "Benchmark results")


def _cycles(store: Store) -> Iterator[Entry]:
    """The evaluated cycles of the newest RAFT runs, the last one first, as the newest result file comes first."""
    runs = store.runs(stage="raft", limit=MOST_RAFT_RUNS)
    reported = cycle_metrics(store, [run.id for run in runs])
    for run in runs:
        for step, rate, *_ in reversed(metrics.held_out_rates(reported[run.id])):
            name = f"cycle {step:g}" if step else "the starting model"
            label = f"{title(run)}, {name}: {percent(rate)} held out"
            yield Entry(cycle_key(run.id, int(step)), label, f"Cycles of {title(run)}")


def _models(store: Store) -> list[Entry]:
    names = _models_at(store.root, int(time.monotonic() / _MODELS_FOR_S))
    return [Entry(model_key(name), name, "Models, benchmarked on the same problems") for name in names]


@lru_cache(maxsize=4)
def _models_at(root: Path, _tens_of_seconds: int) -> Sequence[str]:
    return inventory.choices("model", root)[:_MOST_MODELS]


def _is_cycle(store: Store, key: str) -> bool:
    cycle = cycle_of(key)
    return cycle is not None and store.count_samples(cycle[0], cycle=cycle[1], purpose="eval") > 0


def _name(run: Run) -> str:
    return run.name or str(run.config.get("model", run.id))

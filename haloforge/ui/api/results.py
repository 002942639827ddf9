"""Compare models: results of benchmarks, and cycles of RAFT runs by their held-out samples."""

from pathlib import Path
from typing import Any

from haloforge.config import output_of
from haloforge.errors import ConfigError, RunError
from haloforge.records import Run
from haloforge.stages.benchmark.compare import Result, compare_results, read_result
from haloforge.stages.benchmark.held_out import held_out_result
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.api.shapes import ResultLine
from haloforge.ui.cycle_metrics import cycle_metrics
from haloforge.ui.formatting import title

_MOST_RUNS = 500


def list_results(store: Store) -> list[ResultLine]:
    """What `compare` can be asked for: results of benchmarks, newest first, and evaluated cycles of RAFT runs."""
    benchmarks = store.runs(stage="benchmark", status="done", limit=_MOST_RUNS)
    lines: list[ResultLine] = [
        {"key": run.id, "label": title(run), "kind": "benchmark", "run": run.id, "cycle": None}
        for run in benchmarks
        if (path := output_of(run)) and path.is_file()
    ]
    rafts = store.runs(stage="raft", limit=_MOST_RUNS)
    reported = cycle_metrics(store, [run.id for run in rafts])
    for run in rafts:
        lines += [_cycle_line(run, int(step)) for step, *_ in metrics.held_out_rates(reported[run.id])]
    return lines


def compare(store: Store, keys: list[str]) -> dict[str, Any]:
    """Compare models on the same problems with the first of them: a paired interval, and which problems changed.

    Args:
        keys: two or more keys of `list_results`: the id of a benchmark run, or RUN:CYCLE for a cycle of a RAFT run.
    """
    if len(keys) < 2:
        raise ConfigError("a comparison needs two keys or more; list_results has them")
    return compare_results(keys, [_result(store, key) for key in keys]).to_json()


def _cycle_line(run: Run, cycle: int) -> ResultLine:
    what = f"cycle {cycle}" if cycle else "the starting model"
    return {
        "key": f"{run.id}:{cycle}",
        "label": f"{title(run)}, {what}",
        "kind": "cycle",
        "run": run.id,
        "cycle": cycle,
    }


def _result(store: Store, key: str) -> Result:
    run_id, colon, cycle = key.rpartition(":")
    if colon and cycle.isdecimal():
        return held_out_result(store, store.run(run_id), int(cycle))
    run = store.run(key)
    path = output_of(run)
    if run.stage != "benchmark" or path is None:
        raise RunError(f"{run.id} is a run of {run.stage}, not of a benchmark; a cycle of RAFT is named {run.id}:1")
    return read_result(Path(path))

"""How long Compare takes with many problems: the first look, the next ones, and the report. No model is needed.

    python benchmarks/compare.py [--problems 1000] [--samples 10] [--runs 20] [--metrics 2000]

A store is filled with RAFT runs that reported many metrics, one of which has held-out samples of two cycles.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from haloforge.config import RaftConfig
from haloforge.records import Problem, Run, Sample, Tests, Verdict
from haloforge.reports.document import document
from haloforge.reports.sources import compared, read_source
from haloforge.stages.benchmark.held_out import cycle_key
from haloforge.store import Report, Store
from haloforge.ui.checkpoints import entries
from haloforge.ui.tabs.comparison import render

T = TypeVar("T")


def main() -> None:
    """Fill a store, look at it, print one line for each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    for name, default in (("problems", 1000), ("samples", 10), ("runs", 20), ("metrics", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        run = fill(store, args.problems, args.samples, args.runs, args.metrics)
        keys = [cycle_key(run.id, 0), cycle_key(run.id, 1)]
        view = {"tab": "compare", "a": keys[0], "b": keys[1]}
        timed("list of what can be compared, first time", lambda: entries(store))
        timed("list of what can be compared, again", lambda: entries(store))
        page = timed("page, first time", lambda: render(store, view))
        timed("page, another problem", lambda: render(store, {**view, "task": "t/7", "list": "all"}))
        timed("page, another order and page", lambda: render(store, {**view, "order": "loss", "samples": "3"}))
        Report(store, run.id).metric("train", 1, {"loss": 0.1})
        timed("page, after news of a run", lambda: render(store, view))
        print(f"{'size of the page':<46} {len(page) / 1024:8.0f} KB")
        sources = [read_source(store, key) for key in keys]
        evidence = [source.evidence(store) for source in sources]
        text = timed("report", lambda: document(compared(sources), evidence))
        print(f"{'size of the report':<46} {len(text) / 1024:8.0f} KB")


def timed(what: str, do: Callable[[], T]) -> T:
    """Print how long it took, and the CPU time, which a busy machine changes less."""
    start, cpu = time.perf_counter(), time.process_time()
    found = do()
    spent = f"{1000 * (time.perf_counter() - start):8.0f} ms, CPU {1000 * (time.process_time() - cpu):6.0f} ms"
    print(f"{what:<46} {spent}", flush=True)
    return found


def fill(store: Store, problems: int, samples: int, runs: int, metrics: int) -> Run:
    """The store as it is described above; returns the run that has samples."""
    config, draw = RaftConfig.parse({"prompts": "p"}).to_json(), random.Random(0)
    all_runs = [store.create_run("raft", config, name=f"run {i}") for i in range(runs)]
    for run in all_runs:
        report = Report(store, run.id)
        for step in range(metrics):
            report.metric("train", step, {"loss": 1.0, "cycle": 1})
        for cycle in range(2):
            report.metric("cycle", cycle, {"eval_pass@1": 0.3, "eval_low": 0.2, "eval_high": 0.4})
        store.finish(run.id, "done")
    run, tests = all_runs[-1], Tests("asserts", code=("assert f(1) == 2",))
    tasks = [f"t/{i}" for i in range(problems)]
    store.save_problems(run.id, [Problem(task, f"Write f for {task}.", tests=tests) for task in tasks], held_out=True)
    for cycle in range(2):
        code = [f"def f(x):\n    # cycle {cycle}\n    return x + {i}\n" for i in range(samples)]
        several = (Sample(task, i, text, text) for task in tasks for i, text in enumerate(code))
        store.save_samples(run.id, cycle, "eval", list(several))
        rates = {task: draw.betavariate(0.4, 0.6) for task in tasks}
        stored = list(store.summaries(run.id, cycle=cycle, purpose="eval"))
        passes = [(sample.id, draw.random() < rates[sample.task_id]) for sample in stored]
        store.save_verdicts((row, Verdict("passed" if ok else "wrong_answer", float(ok))) for row, ok in passes)
    return run


if __name__ == "__main__":
    main()

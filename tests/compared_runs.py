"""Runs that can be compared: benchmarks with result files, and RAFT runs with held-out samples, without a model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seeded import BENCHMARK, RAFT, add_cycles, make_run, problem

from haloforge.config import RaftConfig
from haloforge.records import Run, Sample, Verdict
from haloforge.settings import values
from haloforge.store import Store

TASKS = [f"task-{i:02}" for i in range(40)]


def benchmarked(
    store: Store,
    name: str,
    passed: set[str],
    sha256: str = "same",
    doubts: Sequence[str] = (),
    folder: Path | None = None,
) -> Run:
    """A finished benchmark run with its result file; each problem has one sample, passed or not."""
    folder = folder or Path()
    flat = {k: v for k, v in values(BENCHMARK).items() if v is not None}
    config = BENCHMARK.load(None, {**flat, "k": [1], "model": name, "output": f"results/{name}.json"})
    run = make_run(store, config, "done", cwd=str(folder.absolute()))
    content: dict[str, Any] = {
        "protocol": "halo",
        "run": run.id,
        "dataset": {"file": "data/test.jsonl", "name": "test", "sha256": sha256, "problems_sha256": sha256},
        "model": {"name": name},
        "pass_at_k": {"1": {"value": len(passed) / len(TASKS), "low": 0.1, "high": 0.9}},
        "problems": [{"task_id": t, "family": t, "n": 1, "c": int(t in passed)} for t in TASKS],
        "coverage": {"problems": len(TASKS), "scored": len(TASKS)},
        "extraction_failures": {"count": 0, "share": 0.0},
        "truncations": {"count": 4, "share": 0.1},
        "doubts": list(doubts),
        "samples_file": f"{name}.samples.jsonl",
    }
    (folder / "results").mkdir(exist_ok=True)
    (folder / f"results/{name}.json").write_text(json.dumps(content))
    store.save_problems(run.id, [problem(t) for t in TASKS])
    store.save_samples(run.id, 0, "benchmark", [Sample(t, 0, f"{name} says <b>", f"# {name} <b>") for t in TASKS])
    for judged in store.samples(run.id):
        ok = judged.sample.task_id in passed
        store.save_verdicts([(judged.id, Verdict("passed" if ok else "wrong_answer", float(ok)))])
    return run


def raft_run(
    store: Store, solved: Mapping[int, int], name: str = "tonight", *, config: RaftConfig = RAFT, problems: int = 20
) -> Run:
    """A RAFT run whose cycle C solved the first `solved[C]` of its held-out problems."""
    run = make_run(store, config, status="done", name=name)
    tasks = TASKS[:problems]
    store.save_problems(run.id, [problem(t.replace("-", "_")) for t in tasks], held_out=True)
    for cycle, passed in solved.items():
        names = [t.replace("-", "_") for t in tasks]
        programs = [f"def {t}(a, b):\n    # in cycle {cycle}\n    return a + b" for t in names]
        samples = [Sample(t, 0, "x", text) for t, text in zip(names, programs, strict=True)]
        store.save_samples(run.id, cycle, "eval", samples)
        for judged in store.samples(run.id, cycle=cycle):
            ok = names.index(judged.sample.task_id) < passed
            store.save_verdicts([(judged.id, Verdict("passed" if ok else "wrong_answer", float(ok)))])
    add_cycles(store, run, [passed / len(tasks) for _, passed in sorted(solved.items())])
    return run

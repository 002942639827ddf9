"""Cycles of a RAFT run as records alone: what was sampled, judged and trained, without a model."""

from collections.abc import Sequence
from typing import Any

from haloforge.config import RaftConfig
from haloforge.records import Problem, Sample, Tests, Verdict
from haloforge.stages.raft.splits import Split
from haloforge.store import Report

TESTS = Tests("asserts", code=("assert f()",))
SPLIT = Split([Problem("a", "A"), Problem("b", "B")], [Problem(f"h{i}", "H", tests=TESTS) for i in range(4)], 0)


def config(**loop: Any) -> RaftConfig:
    """Three cycles; `loop` are settings of the section `raft`."""
    data = {"prompts": "p", "raft": {"num_cycles": 3, **loop}, "training": {"learning_rate": 0.01}}
    return RaftConfig.parse(data | {"generation": {"temperature": 1.0}})


def record(report: Report, cycle: int, purpose: Any, passes: dict[str, Sequence[bool]]) -> None:
    """Store judged samples, and that the cycle was trained; `passes` says of each task which of its samples pass."""
    samples = [Sample(task_id, i, "", "x") for task_id, results in passes.items() for i in range(len(results))]
    report.store.save_samples(report.run_id, cycle, purpose, samples)
    stored = report.store.samples(report.run_id, cycle=cycle, purpose=purpose)
    report.store.save_verdicts(
        (s.id, Verdict("passed", 1.0) if passes[s.sample.task_id][s.sample.index] else Verdict("timeout"))
        for s in stored
    )
    if cycle:
        report.store.begin_phase(report.run_id, cycle, "train")
        report.store.end_phase(report.run_id, cycle, "train")

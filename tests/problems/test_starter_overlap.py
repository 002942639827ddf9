"""The bundled sets are our own: nothing of HumanEval or MBPP is in them, not even what is only flagged elsewhere."""

from pathlib import Path

import pytest

from haloforge.problems import load_problems
from haloforge.problems.decontaminate import BenchmarkIndex, bundled_index
from haloforge.problems.starter import STARTER_SETS, load_starter

ALL = [problem for name in STARTER_SETS for problem in load_starter(name)]
BENCHMARKS = ("humaneval/HumanEval.jsonl.gz", "humanevalpack/humanevalpack-cpp.jsonl", "mbpp/mbpp.jsonl")


def overlaps(index: BenchmarkIndex) -> list[str]:
    return [f"{problem.task_id}: {hit.rule} with {hit.task_id}" for problem in ALL for hit in index.check(problem)]


def test_nothing_overlaps_the_bundled_index() -> None:
    assert overlaps(bundled_index()) == []


@pytest.mark.parametrize("path", BENCHMARKS)
def test_nothing_overlaps_the_original_files(shared_data: Path, path: str) -> None:
    assert overlaps(BenchmarkIndex.from_problems(load_problems(shared_data / path))) == []


def test_no_requested_function_has_a_benchmark_name(shared_data: Path) -> None:
    theirs = {problem.entry_point for path in BENCHMARKS for problem in load_problems(shared_data / path)} - {None}
    assert len(theirs) > 500
    assert sorted({problem.entry_point for problem in ALL if problem.entry_point} & theirs) == []


def test_no_held_out_problem_would_be_dropped_beside_the_training_problems() -> None:
    trained = BenchmarkIndex.from_problems(problem for problem in ALL if problem.split == "train")
    hits = [(problem.task_id, hit) for problem in ALL if problem.split == "test" for hit in trained.check(problem)]
    assert [(task, hit.rule, hit.task_id) for task, hit in hits if hit.drop] == []

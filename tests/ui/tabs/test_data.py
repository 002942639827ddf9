"""Data: a file is validated as training would read it."""

from pathlib import Path

import pytest
from seeded import problem

from haloforge.files import write_jsonl
from haloforge.records import Problem, Tests
from haloforge.ui.tabs.data import validate

VIEW = {"tab": "data"}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *problems: Problem) -> None:
    write_jsonl(Path("data", name), (p.to_json() for p in problems))


def test_validation_names_what_is_wrong_with_a_file() -> None:
    write("twice.jsonl", problem(), problem())
    message = validate({**VIEW, "file": "data/twice.jsonl"}, run_solutions=False)
    assert "data/twice.jsonl is not sound" in message and "task ids that repeat: 1" in message


def test_validation_runs_the_reference_solutions() -> None:
    wrong = Problem(
        "add",
        "Write add.",
        tests=Tests("asserts", code=("assert add(1, 2) == 3",)),
        entry_point="add",
        solution="def add(a, b):\n    return a - b\n",
    )
    write("wrong.jsonl", wrong)
    message = validate({**VIEW, "file": "data/wrong.jsonl"}, run_solutions=True)
    assert "solutions that fail: 1" in message

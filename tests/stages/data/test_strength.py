"""Tests of the tests: mutants that they let pass, tests that add nothing, tests that do not always say the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from haloforge.config import ValidateConfig
from haloforge.stages.data.strength import redundant_tests
from haloforge.stages.data.validate import Validation, validate
from haloforge.stages.shared.weak_tests import report_path, weak_tests_warning

CLAMP = """\
def clamp(n, low, high):
    if n < low:
        return low
    if n > high:
        return high
    return n
"""
WEAK = {
    "task_id": "weak",
    "prompt": "Write clamp(n, low, high).",
    "solution": CLAMP,
    "tests": {"kind": "asserts", "code": ["assert clamp(5, 0, 9) == 5", "assert clamp(4, 0, 9) == 4"]},
}
STRONG = {
    **WEAK,
    "task_id": "strong",
    "prompt": "Write clamp.",
    "tests": {
        "kind": "asserts",
        "code": [
            "assert clamp(5, 0, 9) == 5",
            "assert clamp(5, 0, 9) == 5",
            "assert clamp(-3, 0, 9) == 0",
            "assert clamp(12, 0, 9) == 9",
            "assert clamp(0, 0, 9) == 0 and clamp(9, 0, 9) == 9",
        ],
    },
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))


def examine(tmp_path: Path, *rows: dict[str, Any], **settings: Any) -> Validation:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return validate(path, ValidateConfig.model_validate({"verifier": {"workers": 1}, **settings}))


def test_weak_tests_are_told_from_strong_ones_and_the_survivors_are_named(tmp_path: Path) -> None:
    found = examine(tmp_path, WEAK, STRONG, mutants=20)
    weak, strong = found.strengths
    assert weak.is_weak and not strong.is_weak
    assert weak.mutants == strong.mutants > 6 and weak.survived > strong.survived
    assert "line 3: return low became return None" in weak.changes
    assert "weak tests: 1\n  line 1: weak: " in found.text() and "mutation score: " in found.text()
    assert found.to_json()["weak"] == ["weak"] and found.to_json()["strengths"][1]["task_id"] == "strong"
    assert found.ok  # weak tests are worth knowing of, and no fault of the file


def test_of_equal_tests_the_second_is_redundant(tmp_path: Path) -> None:
    (strong,) = examine(tmp_path, STRONG, mutants=20).strengths
    assert strong.tests == 5 and 2 in strong.redundant and not {3, 4} & set(strong.redundant)


def test_a_test_is_kept_where_it_alone_stops_a_mutant() -> None:
    failed, passed = "failed: x", "passed"
    stopped = [[failed, passed, failed]] * 3 + [[passed, failed, failed]]
    assert redundant_tests(stopped) == (3,)
    assert redundant_tests([*stopped, [passed, passed, failed]]) == (1, 2)
    assert redundant_tests(stopped[:3]) == (), "so few mutants show nothing"
    assert redundant_tests([*stopped[:3], ["passed", "not run", "not run"]]) == (), "who would have stopped it?"


def test_tests_that_depend_on_the_clock_are_flaky(tmp_path: Path) -> None:
    clock = "assert add(1, 2) == 3 and __import__('time').time_ns() // 1000 % 2 == 0"
    row = {
        "task_id": "flaky",
        "prompt": "Write add.",
        "solution": "def add(a, b):\n    return a + b\n",
        "tests": {"kind": "asserts", "code": [clock] * 12},
    }
    found = examine(tmp_path, row, mutants=0, solution_runs=3)
    assert found.strengths[0].flaky == "3 runs of its solution ended in 3 ways"
    assert "flaky tests: 1" in found.text()


def test_what_was_not_measured_says_why(tmp_path: Path) -> None:
    wrong = {**WEAK, "task_id": "wrong", "solution": "def clamp(n, low, high):\n    return 0\n"}
    assert examine(tmp_path, wrong).strengths[0].not_measured == "its solution does not pass (wrong_answer)"
    assert examine(tmp_path, WEAK, mutants=0).strengths[0].not_measured.startswith("no mutants were asked for")


@pytest.mark.slow
def test_a_mutant_that_never_ends_costs_a_second(tmp_path: Path) -> None:
    row = {
        "task_id": "loop",
        "prompt": "Write count(n).",
        "solution": "def count(n):\n    while n > 0:\n        n -= 1\n    return n\n",
        "tests": {"kind": "asserts", "code": ["assert count(3) == 0"]},
    }
    (found,) = examine(tmp_path, row, mutants=4, solution_runs=1).strengths
    assert found.mutants == 4 and found.survived < found.mutants


def test_the_report_beside_the_file_is_the_caution_of_runs_that_learn_from_it(tmp_path: Path) -> None:
    assert weak_tests_warning(tmp_path / "x.jsonl") == ""
    examine(tmp_path, WEAK, STRONG)
    path = tmp_path / "x.jsonl"
    warning = weak_tests_warning(path)
    assert warning.startswith(f"1 problems of {path} have weak tests (weak), which at least half of the mutants")
    path.write_text(path.read_text() + json.dumps({**STRONG, "task_id": "new"}) + "\n")
    assert "is about another version of" in weak_tests_warning(path)
    report_path(path).write_text("{")
    assert "is not valid JSON" in weak_tests_warning(path)
    examine(tmp_path, STRONG)
    assert weak_tests_warning(path) == ""

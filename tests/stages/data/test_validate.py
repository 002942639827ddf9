import json
from pathlib import Path
from typing import Any

import pytest

from haloforge.config import ValidateConfig
from haloforge.errors import DataError
from haloforge.stages.data.validate import Validation, validate

GOOD = {
    "task_id": "a",
    "prompt": "Write add(a, b) for whole numbers.",
    "solution": "def add(a, b):\n    return a + b\n",
    "tests": {"kind": "asserts", "code": ["assert add(1, 2) == 3"], "hidden": ["assert add(0, 0) == 0"]},
    "split": "train",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))


def examine(tmp_path: Path, *rows: dict[str, Any] | str, run_solutions: bool = True) -> Validation:
    path = tmp_path / "x.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return validate(path, ValidateConfig(run_solutions=run_solutions))


def test_a_sound_file_is_ok_and_its_solutions_pass(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, {**GOOD, "task_id": "b", "prompt": "Write add2(a, b).", "split": "test"})
    assert found.ok and found.passed_solutions == 2 and found.unjudged == ""
    assert (found.rows, found.problems, found.learnable, found.tested) == (2, 2, 2, 2)
    assert (found.languages, found.splits, found.tests) == ({"python": 2}, {"train": 1, "test": 1}, {"asserts": 2})
    assert found.lengths["prompts"].largest == len(GOOD["prompt"])  # type: ignore[arg-type]
    assert "\nsolutions that pass their own tests: 2 of 2\n" in found.text() and found.text().endswith("\nok")


def test_a_solution_that_fails_its_own_tests_is_named(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, {**GOOD, "task_id": "b", "solution": "def add(a, b):\n    return a - b\n"})
    assert not found.ok
    (failed,) = found.failed_solutions
    assert failed.line == 2 and failed.text.startswith("b: wrong_answer")
    assert "solutions that fail: 1" in found.text() and found.text().endswith("not ok")


def test_solutions_are_run_only_when_asked(tmp_path: Path) -> None:
    found = examine(tmp_path, {**GOOD, "solution": "def add(a, b): return 0"}, run_solutions=False)
    assert found.ok and found.passed_solutions == 0 and found.unjudged == "solutions were not run"


def test_every_bad_row_is_named_and_the_good_ones_are_counted(tmp_path: Path) -> None:
    found = examine(
        tmp_path, GOOD, {"task_id": "b"}, {**GOOD, "task_id": "c", "tests": {"kind": "exam"}}, run_solutions=False
    )
    assert not found.ok and found.problems == 1
    assert [(error.line, error.text.split(";")[0]) for error in found.errors] == [
        (2, '"prompt" is missing or empty'),
        (3, "unknown test kind 'exam'"),
    ]


def test_a_torn_line_ends_the_reading_and_is_named(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, '{"task_id": "b', {**GOOD, "task_id": "c"}, run_solutions=False)
    assert not found.ok and found.rows == 1
    assert "line 2: not valid JSON" in found.errors[0].text and "not read" in found.errors[0].text


def test_task_ids_that_repeat_are_errors_and_prompts_that_repeat_are_notes(tmp_path: Path) -> None:
    twice = examine(tmp_path, GOOD, {**GOOD, "prompt": "Another."}, run_solutions=False)
    assert not twice.ok and twice.repeated_ids[0].text == "a stands on line 1 already"
    same = examine(tmp_path, GOOD, {**GOOD, "task_id": "b"}, run_solutions=False)
    assert same.ok and same.repeated_prompts[0].line == 2


def test_rows_of_a_benchmark_are_named(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, {**GOOD, "task_id": "HumanEval/3"}, run_solutions=False)
    (hit,) = found.contamination
    assert hit.line == 2 and hit.text == "HumanEval/3: one of its tasks (HumanEval/3)"


def test_chats_and_texts_are_rows_to_learn_from_and_no_errors(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "answer"}]
    found = examine(tmp_path, {"messages": chat}, {"text": "some text"}, {"messages": chat[:1]})
    assert (found.rows, found.problems, found.learnable) == (3, 0, 2)
    assert [error.line for error in found.errors] == [3]
    assert found.lengths["answers"].largest == len("some text")


def test_an_empty_file_is_not_ok_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    assert not examine(tmp_path).ok
    with pytest.raises(DataError, match="does not exist"):
        validate(tmp_path / "no.jsonl", ValidateConfig())


def test_what_the_json_says_is_what_was_found(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, {"task_id": "b"}, run_solutions=False).to_json()
    assert json.loads(json.dumps(found))["errors"][0]["line"] == 2 and found["ok"] is False


def test_long_lists_are_cut_in_the_text_only(tmp_path: Path) -> None:
    found = examine(tmp_path, GOOD, *({"task_id": str(i)} for i in range(25)), run_solutions=False)
    assert len(found.to_json()["errors"]) == 25 and "and 15 more" in found.text()

"""The problems of a file, seen as training will see them."""

import json
from pathlib import Path

import pytest
from seeded import make_run, problem

from haloforge.errors import DataError
from haloforge.files import write_jsonl
from haloforge.problems.manifest import Manifest, write_manifest
from haloforge.records import Case, Problem, Tests
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.tabs.data import validate
from haloforge.ui.widgets import problems

VIEW = {"tab": "data"}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *found: Problem) -> None:
    write_jsonl(Path("data", name), (p.to_json() for p in found))


def test_without_any_file_the_bundled_sets_are_there(store: Store) -> None:
    shown = problems.render(store, VIEW)
    assert "starter-easy (bundled)" in shown and "starter (bundled)" in shown and "<tr data-row" in shown


def test_a_file_is_shown_with_its_manifest(store: Store) -> None:
    write("mine.jsonl", problem())
    write_manifest(
        "data/mine.jsonl",
        Manifest(dataset="mine", source="me", license="MIT", rows_in=3, rows_out=1, dropped={"no tests": 2}),
    )
    shown = problems.render(store, {**VIEW, "file": "data/mine.jsonl"})
    assert "1 problem in python; 1 with a reference solution" in shown
    assert "1 of 3; left out: 2 no tests" in shown and "MIT" in shown


def test_visible_and_hidden_tests_are_told_apart(store: Store) -> None:
    write("mine.jsonl", problem())
    shown = problems.render(store, {**VIEW, "file": "data/mine.jsonl"})
    assert "1 test visible to the model" in shown and "1 test hidden" in shown


def test_input_and_output_cases_are_a_table() -> None:
    shown = problems.tests_box(Tests("stdio", cases=(Case("3\n", "6\n"),), compare="exact"), "cpp")
    assert "1 case of input and output, compared by exact" in shown and '<pre class="short">6\n</pre>' in shown


def test_a_file_with_a_bad_line_says_which(store: Store) -> None:
    Path("data").mkdir()
    Path("data/bad.jsonl").write_text('{"task_id": "a", "prompt": "x"}\n{"task_id": \n')
    assert "data/bad.jsonl line 2" in problems.render(store, {**VIEW, "file": "data/bad.jsonl"})


def test_only_listed_files_are_opened(store: Store, workspace: Path) -> None:
    (workspace / "secret.jsonl").write_text(json.dumps(problem("secret").to_json()))
    assert "secret" not in problems.render(store, {**VIEW, "file": "secret.jsonl"})
    with pytest.raises(DataError, match="not among the data files"):
        problems.read("secret.jsonl")


def test_a_changed_file_is_read_again() -> None:
    write("mine.jsonl", problem("a"))
    assert [p.task_id for p in problems.read("data/mine.jsonl")] == ["a"]
    write("mine.jsonl", problem("a"), problem("b"))
    assert [p.task_id for p in problems.read("data/mine.jsonl")] == ["a", "b"]


def test_the_problems_of_a_run_can_be_read(store: Store) -> None:
    run = make_run(store)
    store.save_problems(run.id, [problem("a")])
    assert [p.task_id for p in problems.read(problems.of_run(run.id), store.root)] == ["a"]


def test_prepared_files_come_before_others() -> None:
    write("prepared.jsonl", problem())
    write_manifest("data/prepared.jsonl", Manifest(dataset="mine", source="me"))
    write("newer.jsonl", problem())
    assert inventory.data_files(Path()) == ["data/prepared.jsonl", "data/newer.jsonl"]


def test_validation_names_what_is_wrong_with_a_file() -> None:
    write("twice.jsonl", problem(), problem())
    said = validate({**VIEW, "file": "data/twice.jsonl"}, run_solutions=False)
    assert "data/twice.jsonl is not sound" in said and "task ids that repeat: 1" in said


def test_validation_runs_the_reference_solutions() -> None:
    wrong = Problem(
        "add",
        "Write add.",
        tests=Tests("asserts", code=("assert add(1, 2) == 3",)),
        entry_point="add",
        solution="def add(a, b):\n    return a - b\n",
    )
    write("wrong.jsonl", wrong)
    said = validate({**VIEW, "file": "data/wrong.jsonl"}, run_solutions=True)
    assert "solutions that fail: 1" in said

"""The problems of a file, seen as training will see them."""

import json
from pathlib import Path

import pytest
from seeded import problem

from haloforge.errors import DataError
from haloforge.files import write_jsonl
from haloforge.problems import Manifest, write_manifest
from haloforge.records import Case, Problem, Tests
from haloforge.store import Store
from haloforge.ui import inventory
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
    shown = problems.render(store, {**VIEW, "file": "secret.jsonl"})
    assert "Write secret" not in shown and "secret.jsonl is not among the data files" in shown
    with pytest.raises(DataError, match="not among the data files"):
        inventory.read_problems("secret.jsonl")

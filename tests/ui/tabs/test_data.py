"""Data: sources are prepared, files measured, edited, split, mixed and brought in, as the page asks for it."""

import json
from pathlib import Path

import pytest
from seeded import problem

from haloforge.files import read_jsonl, write_jsonl
from haloforge.problems import SOURCES, Manifest, load_problems, write_manifest
from haloforge.records import Problem, Tests
from haloforge.store import Store
from haloforge.ui import data_tools as tools
from haloforge.ui.tabs import data
from haloforge.ui.widgets import problems, sources

VIEW = {"tab": "data"}
MINE = {**VIEW, "file": "data/mine.jsonl"}
ADD = Problem(
    "add",
    "Write add.",
    tests=Tests("asserts", code=("assert add(1, 2) == 3", "assert add(2, 2) == 4", "assert add(5, 0) == 5")),
    entry_point="add",
    solution="def add(a, b):\n    return a + b\n",
)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))
    return tmp_path


def write(name: str, *rows: Problem) -> Path:
    path = Path("data", name)
    write_jsonl(path, (row.to_json() for row in rows))
    return path


def test_every_source_has_a_card_with_its_licence_and_what_it_lacks(store: Store) -> None:
    shown = sources.render(store, VIEW)
    assert all(name in shown and source.license in shown for name, source in SOURCES.items())
    assert shown.count("not prepared") == len(SOURCES) and "no solutions" in shown and "works offline" in shown


def test_a_card_links_to_the_file_that_holds_its_dataset(store: Store) -> None:
    path = write("easy.jsonl", problem())
    write_manifest(path, Manifest(dataset="starter-easy", source="the package", rows_out=1))
    shown = sources.render(store, VIEW)
    assert "file=data%2Feasy.jsonl" in shown and " 1 row" in shown and "Prepare again" in shown


def test_a_source_is_prepared_with_one_press(store: Store) -> None:
    data.prepare(store, VIEW, "starter-easy")
    [run] = store.runs()
    assert (run.stage, run.config["dataset"], run.config["output"]) == (
        "data-prepare", "starter-easy", "data/starter-easy.jsonl",
    )  # fmt: skip


def test_measuring_names_what_is_wrong_with_a_file() -> None:
    write("mine.jsonl", problem(), problem())
    assert "Task ids that repeat: 1" in tools.measured(MINE, tools.CHARACTERS)


def test_measuring_a_sound_file_draws_its_lengths() -> None:
    write("mine.jsonl", problem(), problem("sub"))
    shown = tools.measured(MINE, tools.CHARACTERS)
    assert shown.count("data-chart") == 2 and "No row is damaged" in shown


def test_the_bundled_sets_can_be_measured_too() -> None:
    assert "data-chart" in tools.measured({**VIEW, "file": "starter"}, tools.CHARACTERS)


def test_a_row_is_shown_as_a_model_reads_it(workspace: Path) -> None:
    from tiny import save_tiny_model

    write("mine.jsonl", problem(), problem("sub"))
    model = str(save_tiny_model(workspace / "tiny"))
    shown = tools.read_by({**MINE, "task": "sub"}, model)
    assert "&lt;|im_start|&gt;user" in shown and "Write sub(a, b)." in shown and "tokens of" in shown


def test_tests_are_tested_with_progress_and_a_report() -> None:
    wrong = Problem(
        "off", "Write add.", tests=ADD.tests, entry_point="add", solution="def add(a, b):\n    return a - b\n"
    )
    write("mine.jsonl", ADD, wrong)
    *progress, report = tools.tests_tested(MINE)
    assert any('role="progressbar"' in step for step in progress)
    assert "1 of 2 pass their own tests" in report and "Solutions that fail: 1" in report and "mutants" in report


def test_an_edited_row_is_checked_and_saved() -> None:
    write("mine.jsonl", problem(), problem("sub"))
    row = tools.taken({**MINE, "task": "sub"})
    edited = json.loads(row.text)
    assert "not valid JSON" in tools.saved(row, "{", "")
    assert "missing or empty" in tools.saved(row, json.dumps(edited | {"prompt": ""}), "")
    assert "data/mine.jsonl" in tools.saved(row, json.dumps(edited | {"prompt": "Subtract."}), "")
    assert [p.statement for p in load_problems("data/mine.jsonl")] == ["Write add(a, b).", "Subtract."]


def test_a_row_that_changed_meanwhile_is_not_overwritten() -> None:
    write("mine.jsonl", problem(), problem("sub"))
    row = tools.taken({**MINE, "task": "sub"})
    write("mine.jsonl", problem("sub"), problem())
    assert "has changed since you took line 2" in tools.saved(row, row.text, "")
    assert [p.task_id for p in load_problems("data/mine.jsonl")] == ["sub", "add"]


def test_a_file_is_split_under_names_of_its_own() -> None:
    write("mine.jsonl", *(problem(f"f{i}") for i in range(10)))
    assert "No family is on both sides" in tools.halved(MINE, 0.2, 1, "", "")
    assert len(load_problems("data/mine-train.jsonl")) == 8 and len(load_problems("data/mine-test.jsonl")) == 2
    assert "is there already" in tools.halved(MINE, 0.2, 1, "", "")


def test_files_are_mixed_by_typed_weights() -> None:
    write("a.jsonl", *(problem(f"a{i}") for i in range(10)))
    write("b.jsonl", *(problem(f"b{i}") for i in range(10)))
    files = ["data/a.jsonl", "data/b.jsonl"]
    assert "10 of data/a.jsonl, 5 of data/b.jsonl" in tools.mixed(files, "2, 1", "", 1, "data/mixed.jsonl")
    assert len(list(read_jsonl("data/mixed.jsonl"))) == 15
    assert "give one per file" in tools.mixed(files, "2", "", 1, "data/other.jsonl")
    assert "whole number above 0" in tools.mixed(files, "", "x", 1, "data/other.jsonl")


def test_a_dropped_file_is_added_or_one_sentence_names_its_bad_row(workspace: Path) -> None:
    good, bad = workspace / "good.csv", workspace / "bad.jsonl"
    good.write_text("prompt,language\nWrite hello.,cpp\n")
    bad.write_text('{"prompt": "x"}\n{"no": 1}\n')
    assert "data/good.jsonl" in tools.brought(str(good), "")
    assert "bad.jsonl line 2" in tools.brought(str(bad), "") and not Path("data/bad.jsonl").exists()
    assert "Drop a file first" in tools.brought(None, "")
    assert "should be a name such as" in tools.brought(str(good), "/tmp/elsewhere.jsonl")


@pytest.mark.parametrize(
    "act", [lambda v: tools.saved(tools.taken(v), "{}", ""), lambda v: tools.halved(v, 0.2, 1, "", "")]
)
def test_a_bundled_set_is_never_changed(act: object) -> None:
    assert "comes with the package" in act({**VIEW, "file": "starter"})  # type: ignore[operator]


def test_rows_of_chat_are_shown_beside_problems(store: Store) -> None:
    chat = {"messages": [{"role": "user", "content": "Say <hi>."}, {"role": "assistant", "content": "hi"}]}
    write_jsonl(Path("data/mine.jsonl"), [chat, problem().to_json()])
    shown = problems.render(store, MINE)
    assert "1 row of chat or text" in shown and "Say &lt;hi&gt;." in shown and "line 1" in shown

"""What there is to choose from: files, and the problems in them."""

from pathlib import Path

import pytest
from seeded import make_run, problem

from haloforge.errors import ConfigError
from haloforge.files import write_jsonl
from haloforge.problems import Manifest, write_manifest
from haloforge.records import Problem
from haloforge.store import Store
from haloforge.ui import inventory


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *problems: Problem) -> None:
    write_jsonl(Path("data", name), (p.to_json() for p in problems))


def test_a_changed_file_is_read_again() -> None:
    write("mine.jsonl", problem("a"))
    assert [p.task_id for p in inventory.read_problems("data/mine.jsonl")] == ["a"]
    write("mine.jsonl", problem("a"), problem("b"))
    assert [p.task_id for p in inventory.read_problems("data/mine.jsonl")] == ["a", "b"]


def test_the_problems_of_a_run_can_be_read(store: Store) -> None:
    run = make_run(store)
    store.save_problems(run.id, [problem("a")])
    assert [p.task_id for p in inventory.read_problems(inventory.problems_of_run(run.id), store.root)] == ["a"]


def test_prepared_files_come_before_others() -> None:
    write("prepared.jsonl", problem())
    write_manifest("data/prepared.jsonl", Manifest(dataset="mine", source="me"))
    write("newer.jsonl", problem())
    assert inventory.data_files(Path()) == ["data/prepared.jsonl", "data/newer.jsonl"]


@pytest.mark.parametrize(
    "name", ["", "../x.jsonl", "data/../x.jsonl", "data/a\nb.jsonl", "data/a\0.jsonl", f"data/{'x' * 300}.jsonl"]
)
def test_a_file_to_write_has_a_plain_name_under_data(name: str) -> None:
    with pytest.raises(ConfigError, match="should be a name such as data/mine.jsonl"):
        inventory.own_file(name)

"""data show, split, mix and import: a bad input is one sentence and exit code 2, a good one files with manifests."""

import json
from pathlib import Path

import pytest
from seeded import problem

from haloforge.cli import main
from haloforge.files import write_jsonl
from haloforge.problems import load_problems, read_manifest


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_jsonl("all.jsonl", (problem(f"f{i}").to_json() for i in range(10)))
    write_jsonl("more.jsonl", (problem(f"g{i}").to_json() for i in range(4)))
    return tmp_path


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(line.split())
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_file_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run("data split all.jsonl --train a.jsonl --held-out b.jsonl --share 0.3", capsys)
    assert code == 0 and "7 rows to train on: a.jsonl; 3 held out: b.jsonl" in said
    assert len(load_problems("a.jsonl")) == 7 and read_manifest("b.jsonl")


def test_files_are_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run("data mix all.jsonl=2 more.jsonl=1 --output mixed.jsonl --json", capsys)
    assert code == 0 and json.loads(said)["written"]["rows"] == 12


def test_a_file_is_imported_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Path("from.csv").write_text("prompt,solution\nWrite one.,x = 1\n")
    assert run("data import from.csv --output one.jsonl", capsys) == (0, "1 rows: one.jsonl\n")
    code, said = run("data show one.jsonl", capsys)
    assert code == 0 and "[user]\nWrite one." in said and "prompts: median" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data split all.jsonl --train a.jsonl --held-out a.jsonl", "give two names"),
        ("data split all.jsonl --train a.jsonl --held-out all.jsonl", "is there already"),
        ("data mix all.jsonl --output m.jsonl", "two files or more"),
        ("data mix all.jsonl more.jsonl --output m.jsonl --rows 0", "rows should be at least 1"),
        ("data import none.csv --output m.jsonl", "none.csv does not exist"),
        ("data show all.jsonl --row nothing", "there is no row 'nothing'"),
    ],
)
def test_a_bad_input_is_one_sentence(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(line, capsys)
    assert code == 2 and words in said and said.count("\n") == 1

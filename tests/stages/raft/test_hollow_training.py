"""RAFT with nothing but a compiler to judge by does not teach a model to say nothing."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest
from places import ROOT
from tools import needs

from haloforge.records import Sample, Verdict
from haloforge.store import StoredSample

SMALL = {"raft.num_cycles": 2, "raft.samples_per_prompt": 6, "evaluation.samples_per_prompt": 6}
SCRIPT = ROOT / "benchmarks" / "hollowing.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hollowing", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The table of two cycles from a model that answers with a comment alone now and then."""
    needs("g++")
    folder = tmp_path_factory.mktemp("hollowing")
    measured: list[Any] = script.measure(folder, script.Size(problems=20, numbers=2, steps=500), **SMALL)
    return measured


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_empty_answer_is_ever_kept(rows: list[Any]) -> None:
    assert [row.kept_empty for row in rows[1:]] == [0, 0]
    assert all(row.kept > 0 for row in rows[1:])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_share_of_whole_programs_does_not_fall(rows: list[Any]) -> None:
    assert rows[0].comment_only > 0.1
    assert min(row.whole for row in rows[1:]) >= rows[0].whole
    assert rows[-1].comment_only < rows[0].comment_only


def test_the_table_has_a_line_for_every_cycle(script: ModuleType) -> None:
    lines = list(script.table([script.Row(0, 0.5, 0.25, 0.0, 0.75), script.Row(1, 0.5, 0.25, 0.0, 0.75, 8, 2, 0.9)]))
    assert lines[2:] == [
        "| 0 | 0.50 | 0.25 | 0.00 | 0.75 |  |  |  |",
        "| 1 | 0.50 | 0.25 | 0.00 | 0.75 | 8 | 2 | 0.90 |",
    ]


def test_answers_are_told_apart_by_what_they_say(script: ModuleType) -> None:
    def sample(code: str, status: str = "passed") -> StoredSample:
        return StoredSample(1, "r", 1, "eval", Sample("t", 0, "", code), Verdict(status))  # type: ignore[arg-type]

    whole = "int main() {\n    return 0;\n}\n"
    assert script.is_whole(sample(whole)) and not script.is_whole(sample(whole, "compile_error"))
    assert not script.is_whole(sample(f"/* {whole} */\nint x;"))
    assert script.is_comment_only(sample("// TODO\n/* int x; */")) and not script.is_comment_only(sample("int x; // 1"))
    assert script.is_declaration_only(sample("int a, b; // two\nint c = 3;\n"))
    assert not script.is_declaration_only(sample(whole))

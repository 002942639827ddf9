"""The real benchmark files, where they lie beside the checkout."""

import ast
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from haloforge.problems import load_problems
from haloforge.problems.decontaminate import BenchmarkIndex, bundled_index
from haloforge.problems.rows import load_training_rows

FILES = {
    "humaneval/HumanEval.jsonl.gz": (164, "humaneval", "check"),
    "mbpp/mbpp.jsonl": (974, "mbpp", "asserts"),
    "mbpp/sanitized-mbpp.json": (427, "mbpp", "asserts"),
    "humanevalplus/HumanEvalPlus.jsonl.gz": (164, "humaneval_plus", "check"),
    "humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz": (164, "humaneval_plus", "check"),
    "mbppplus/MbppPlus.jsonl.gz": (378, "mbpp_plus", "check"),
    "mbppplus/MbppPlus-OriginFmt.jsonl.gz": (378, "mbpp_plus", "check"),
    "multipl-e/humaneval-cpp.jsonl": (161, "multipl_e", "program"),
    "multipl-e/humaneval-go.jsonl": (154, "multipl_e", "program"),
    "multipl-e/humaneval-rust.jsonl": (156, "multipl_e", "program"),
    "multipl-e/humaneval-js.jsonl": (161, "multipl_e", "program"),
    "multipl-e/humaneval-ts.jsonl": (159, "multipl_e", "program"),
    "multipl-e/humaneval-java.jsonl": (158, "multipl_e", "program"),
    "humanevalpack/humanevalpack-cpp.jsonl": (164, "humanevalpack", "program"),
    "humanevalpack/humanevalpack-rust.jsonl": (164, "humanevalpack", "program"),
    "codeforces/codeforces_cpp_500.jsonl": (500, "codeforces_cpp", "none"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_row_of_an_original_file_is_a_problem(shared_data: Path, name: str) -> None:
    rows, source, kind = FILES[name]
    problems = load_problems(shared_data / name)
    assert len(problems) == rows
    assert {(p.source, p.tests.kind) for p in problems} == {(source, kind)}
    assert kind == "none" or all(p.entry_point for p in problems)


def test_native_mbpp_plus_inputs_are_those_of_its_edition_in_python(shared_data: Path) -> None:
    """That edition leaves out repeated inputs, and most of two tasks; it cannot write the complex number -0-1j."""
    native, python = (
        {p.task_id: p.tests.code[0] for p in load_problems(shared_data / f"mbppplus/{name}.jsonl.gz")}
        for name in ("MbppPlus", "MbppPlus-OriginFmt")
    )
    for task in native.keys() - {"Mbpp/124", "Mbpp/252"}:
        ours = {repr(i) for name in ("_base_inputs", "_plus_inputs") for i in assigned(native[task], name)}
        theirs = {repr(list(i)) for i in assigned(python[task], "inputs")}
        assert theirs <= ours, task
        assert ours == theirs or len(ours) > len(theirs) and task in ("Mbpp/635", "Mbpp/734"), task


def assigned(code: str, name: str) -> list[Any]:
    """What a top-level name of a test is set to: data, so it can be evaluated here."""
    (node,) = (n for n in ast.parse(code).body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name)
    values: list[Any] = eval(compile(ast.Expression(node.value), name, "eval"), {"inf": math.inf, "nan": math.nan})
    return values


def test_mbpp_splits_have_the_sizes_that_its_authors_gave(shared_data: Path) -> None:
    problems = load_problems(shared_data / "mbpp/mbpp.jsonl")
    assert Counter(p.split for p in problems) == {"prompt": 10, "test": 500, "validation": 90, "train": 374}


def test_every_mbpp_prompt_names_the_function_that_its_tests_call(shared_data: Path) -> None:
    for problem in load_problems(shared_data / "mbpp/mbpp.jsonl"):
        assert problem.entry_point and problem.entry_point in problem.statement


@pytest.mark.parametrize(
    "name", ["humaneval/HumanEval.jsonl.gz", "mbpp/mbpp.jsonl", "codeforces/codeforces_cpp_500.jsonl"]
)
def test_every_row_with_a_reference_can_be_learnt_from(shared_data: Path, name: str) -> None:
    found = load_training_rows(shared_data / name)
    assert len(found.rows) == FILES[name][0] and not found.skipped


def test_mbpp_s_train_split_leaks_into_its_test_split_as_far_as_is_known(shared_data: Path) -> None:
    problems = load_problems(shared_data / "mbpp/mbpp.jsonl")
    index = BenchmarkIndex.from_problems(p for p in problems if p.split == "test")
    hits = Counter(hit.rule for p in problems if p.split == "train" for hit in index.check(p))
    assert hits["same program"] == 14
    assert hits["same prompt"] + hits["shares 10 words in a row"] == 14


def test_the_bundled_index_drops_every_benchmark_problem(shared_data: Path) -> None:
    for name in (
        "humaneval/HumanEval.jsonl.gz",
        "humanevalplus/HumanEvalPlus.jsonl.gz",
        "mbppplus/MbppPlus-OriginFmt.jsonl.gz",
    ):
        for problem in load_problems(shared_data / name):
            assert bundled_index().check(problem)[0].rule == "one of its tasks"

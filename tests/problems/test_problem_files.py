import gzip
import json
from pathlib import Path
from typing import Any

import original_rows
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloforge.errors import DataError
from haloforge.files import write_jsonl
from haloforge.problems import adapt_rows, load_problems
from haloforge.records import Case, Problem, Tests

PROBLEMS = [
    Problem(
        "a", "Write f.", tests=Tests("asserts", code=("assert f(1) == 2",), hidden=("assert f(2) == 3",)), solution="x"
    ),
    Problem(
        "b", "Add.", "cpp", Tests("stdio", cases=(Case("1", "2"),), compare="float:1e-6", time_limit_s=2, memory_mb=64)
    ),
    Problem("c", ({"role": "system", "content": "s"}, {"role": "user", "content": "u"}), meta={"family": "x"}),
    Problem("d", "def f(", tests=Tests("check", code=("def check(candidate): ...",)), entry_point="f"),
]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_our_own_format_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "p.jsonl", (problem.to_json() for problem in PROBLEMS))
    assert load_problems(tmp_path / "p.jsonl") == PROBLEMS


def test_a_packed_file_with_crlf_blank_lines_and_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    text = "\ufeff" + "\r\n\r\n".join(json.dumps(problem.to_json()) for problem in PROBLEMS)
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert load_problems(tmp_path / "p.jsonl.gz") == PROBLEMS


def test_a_bare_prompt_is_named_by_its_line_and_takes_the_language_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, '{"prompt": "Sort."}\n\n{"prompt": "Sum.", "language": "rust"}\n')
    problems = load_problems(path, default_language="cpp")
    assert [(p.task_id, p.language, p.tests.kind) for p in problems] == [
        ("p/1", "cpp", "none"),
        ("p/3", "rust", "none"),
    ]


def test_a_parquet_file_of_the_hub_is_read(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    row = {
        "task_id": "a/1",
        "prompt": "def f():\n",
        "canonical_solution": "    pass\n",
        "test": "def check(candidate): ...",
    }
    parquet.write_table(pyarrow.Table.from_pylist([{**row, "entry_point": "f"}]), tmp_path / "x.parquet")
    (problem,) = load_problems(tmp_path / "x.parquet")
    assert (problem.task_id, problem.source) == ("a/1", "humaneval")
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="bad.parquet is no parquet file"):
        load_problems(tmp_path / "bad.parquet")


GOOD = '{"task_id": "a", "prompt": "p"}\n'
MALFORMED = {
    "no rows": ("\n\n", "holds no problems"),
    "torn": (GOOD + '{"task_id": "b", "pro', "line 2: not valid JSON"),
    "not an object": (GOOD + "[1]", "line 2: expected a JSON object"),
    "no prompt": ('{"task_id": "a"}', 'line 1: the columns are .* a problem needs at least "prompt"'),
    "no columns": ("{}", "line 1: the columns are none"),
    "samples": ('{"task_id": "a", "completion": "x"}', "line 1: the columns are 'task_id', 'completion'"),
    "empty prompt": ('{"task_id": "a", "prompt": " "}', 'line 1: "prompt" is missing or empty'),
    "prompt is a number": ('{"task_id": "a", "prompt": 3}', 'line 1: "prompt" is missing or empty'),
    "prompt is no chat": ('{"task_id": "a", "prompt": ["x"]}', 'line 1: "prompt" is a list whose items are not'),
    "empty chat": ('{"task_id": "a", "prompt": []}', 'line 1: "prompt" is an empty list'),
    "a chat of numbers": (
        '{"task_id": "a", "prompt": [{"role": "user", "content": 3}]}',
        'line 1: "content" is not text',
    ),
    "task_id twice": (GOOD + "\n" + GOOD, "line 3: the task_id 'a' already stands on line 1"),
    "task_id is a list": ('{"task_id": [1], "prompt": "p"}', 'line 1: "task_id" is not text'),
    "tests are a list": (GOOD + '{"task_id": "b", "prompt": "p", "tests": [1]}', 'line 2: "tests" is not an object'),
    "unknown test kind": (
        '{"task_id": "a", "prompt": "p", "tests": {"kind": "exam"}}',
        "line 1: unknown test kind 'exam'",
    ),
    "asserts as text": ('{"prompt": "p", "tests": {"kind": "asserts", "code": "x"}}', 'line 1: .* "code" as a list'),
    "null code": ('{"prompt": "p", "tests": {"kind": "asserts", "code": null}}', 'line 1: "code" of the tests'),
    "stdio without cases": ('{"prompt": "p", "tests": {"kind": "stdio"}}', 'line 1: .* need "cases"'),
    "a case without output": (
        '{"prompt": "p", "tests": {"kind": "stdio", "cases": [{"input": "1", "output": null}]}}',
        'line 1: .* need "cases", each with "input" and "output" as text',
    ),
    "no assert": ('{"prompt": "p", "tests": {"kind": "asserts", "code": []}}', "line 1: .* at least one assert"),
    "hidden numbers": ('{"prompt": "p", "tests": {"kind": "asserts", "hidden": [1]}}', 'line 1: "hidden" of the tests'),
    "no time": ('{"prompt": "p", "tests": {"time_limit_s": 0}}', 'line 1: "time_limit_s" is not above 0'),
    "endless memory": ('{"prompt": "p", "tests": {"memory_mb": Infinity}}', 'line 1: "memory_mb" is not a number'),
    "meta is text": ('{"prompt": "p", "meta": "x"}', 'line 1: "meta" is not an object'),
    "a method as entry point": (
        '{"prompt": "p", "entry_point": "Solution().f"}',
        "line 1: \"entry_point\" 'Solution\\(\\).f' is no name of a Python function or class",
    ),
    "solution is a number": ('{"prompt": "p", "solution": 3}', 'line 1: "solution" is not text'),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_bad_problem_file_is_refused_in_one_sentence_with_its_line(tmp_path: Path, name: str) -> None:
    text, complaint = MALFORMED[name]
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=complaint) as refused:
        load_problems(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


_NAMES = sorted({name for row in original_rows.ALL for name in row} | {"tests", "kind", "code", "cases", "messages"})
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=8,
)


def test_what_is_null_in_the_tests_is_at_its_default(tmp_path: Path) -> None:
    cases = '"kind": "stdio", "cases": [{"input": "", "output": "6"}]'
    row = f'{{"prompt": "p", "tests": {{{cases}, "setup": null, "compare": null, "checker": null}}}}'
    (problem,) = load_problems(write(tmp_path, row))
    assert problem.tests == Tests("stdio", cases=(Case("", "6"),))


@settings(max_examples=500, deadline=None)
@given(
    row=st.sampled_from(({}, *original_rows.ALL)), change=st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4)
)
def test_no_row_whatever_it_holds_is_more_than_a_data_error(row: dict[str, Any], change: dict[str, Any]) -> None:
    ((_, found),) = adapt_rows([(1, {**row, **change})], stem="x")
    assert isinstance(found, Problem | DataError)

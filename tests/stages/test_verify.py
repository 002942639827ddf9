import json

import pytest

from haloforge.errors import DataError
from haloforge.records import Problem, Tests
from haloforge.stages import verify
from haloforge.verify import VerifySettings

PROBLEM = Problem(
    "T/0",
    'def add(a, b):\n    """The sum."""\n',
    tests=Tests("asserts", code=("assert add(1, 2) == 3",)),
    entry_point="add",
    meta={"prompt_is_code": True},
)
SETTINGS = VerifySettings(workers=1)


def verified(tmp_path, lines):
    samples, output = tmp_path / "samples.jsonl", tmp_path / "out.jsonl"
    samples.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    summary = verify.run([PROBLEM], samples, output, SETTINGS)
    return summary, [json.loads(line) for line in output.read_text().splitlines()]


def test_rows_come_back_in_order_with_what_they_had(tmp_path):
    summary, rows = verified(
        tmp_path,
        [
            {"task_id": "T/0", "completion": "    return a + b\n", "note": 1},
            {"task_id": "T/0", "completion": "    return a - b\n", "note": 2},
            {"task_id": "T/0", "solution": "def add(a, b):\n    return b + a\n", "note": 3},
            {"task_id": "T/0", "completion": "def add(a, b):\n    while 1 == 1:\n        return a + b", "note": 4},
        ],
    )
    assert [row["note"] for row in rows] == [1, 2, 3, 4]
    assert [row["passed"] for row in rows] == [True, False, True, True]
    assert [row["result"] for row in rows] == ["passed", "failed: assertion", "passed", "passed"]
    assert (summary.samples, summary.passed) == (4, 3)


def test_a_torn_last_line_is_left_out(tmp_path):
    _, rows = verified(tmp_path, [{"task_id": "T/0", "completion": "    return a + b\n"}, '{"task_id": "T/'])
    assert len(rows) == 1


def test_an_unknown_task_is_named_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"samples.jsonl line 2: no problem has the task_id 'T/9'"):
        verified(tmp_path, [{"task_id": "T/0", "solution": "x"}, {"task_id": "T/9", "solution": "x"}])
    assert not (tmp_path / "out.jsonl").exists()


def test_a_row_without_code_fields_is_named_with_its_line(tmp_path):
    with pytest.raises(DataError, match='line 1: there is neither "completion" nor "solution"'):
        verified(tmp_path, [{"task_id": "T/0", "text": "x"}])

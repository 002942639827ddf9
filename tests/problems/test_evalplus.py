"""evalplus' native files: every input counts, as what it was before it was written as JSON."""

import json
from pathlib import Path
from typing import Any

import original_rows as rows
import pytest

from haloforge.errors import DataError
from haloforge.problems import load_problems
from haloforge.records import Problem


def mbpp_plus(tmp_path: Path, number: int, code: str, base: list[Any], plus: list[Any], **more: Any) -> Problem:
    """A task of the native file whose function is called `f`; its one assert is that of the first base input."""
    row = {
        "task_id": f"Mbpp/{number}",
        "prompt": '"""\nWrite f.\n"""\n',
        "entry_point": "f",
        "canonical_solution": code,
        "base_input": base,
        "plus_input": plus,
        "atol": 0,
        "contract": "",
        "assertion": "\nassert f(1) == 1\n",
    }
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row | more) + "\n", encoding="utf-8")
    (problem,) = load_problems(path)
    return problem


def passes(problem: Problem, code: str) -> bool:
    """Run the check on the code here: both are our own."""
    names: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    exec(code, names)
    exec(problem.tests.code[0], tests)
    try:
        tests["check"](names[problem.entry_point or ""])
    except AssertionError:
        return False
    return True


def sees(tmp_path: Path, number: int, given: list[Any]) -> str:
    """How a function of task `number` sees its arguments."""
    program = "def f(*arguments):\n    return repr(arguments)"
    problem = mbpp_plus(tmp_path, number, program, [given], [], assertion="assert f()")
    seen: list[str] = []
    tests: dict[str, Any] = {}
    exec(problem.tests.code[0], tests)
    tests["check"](lambda *arguments: seen.append(repr(arguments)) or seen[-1])
    return seen[0]


@pytest.mark.parametrize(
    ("number", "given", "seen"),
    [
        (2, [[1], [2, 3]], "((1,), (2, 3))"),
        (63, [[[1, 2], [3, 4]]], "([(1, 2), (3, 4)],)"),
        (75, [[[1, 2]], 6], "([(1, 2)], 6)"),
        (106, [[1], [2]], "([1], (2,))"),
        (115, [[[1], []]], "([{1}, {}],)"),
        (124, ["0", "(-0-1j)"], "(0.0, (-0-1j))"),
        (250, [[1, 2], 2], "((1, 2), 2)"),
        (252, ["1j"], "(1j,)"),
        (259, [[[1, 2]], [[3, 4]]], "(((1, 2),), ((3, 4),))"),
        (278, [[1, [2, [3]]]], "((1, (2, [3])),)"),
        (580, [[1, [2, [3]]]], "((1, (2, (3,))),)"),
        (722, [{"a": [1, 2]}, 3], "({'a': (1, 2)}, 3)"),
        (3, [[1, [2]]], "([1, [2]],)"),
    ],
)
def test_inputs_have_the_types_that_their_task_was_written_for(
    tmp_path: Path, number: int, given: list[Any], seen: str
) -> None:
    assert sees(tmp_path, number, given) == seen


def test_a_task_whose_types_cannot_be_restored_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: its inputs cannot be judged: their types cannot be restored"):
        mbpp_plus(tmp_path, 2, "def f(a):\n    return a", [[1]], [])
    with pytest.raises(DataError, match=r"\[\[1, 2\]\] does not have the types of its assert, \[\(1, 2\)\]"):
        mbpp_plus(tmp_path, 9000, "def f(a):\n    return a", [[[1, 2]]], [], assertion="assert f((1, 2)) == (1, 2)")


def test_an_answer_that_only_fails_on_a_plus_input_fails(tmp_path: Path) -> None:
    problem = mbpp_plus(tmp_path, 9000, "def f(n):\n    return abs(n)", [[1]], [[2], [-3]])
    assert passes(problem, "def f(n):\n    return max(n, -n)")
    assert not passes(problem, "def f(n):\n    return n")


@pytest.mark.parametrize(
    ("answer", "atol", "right"),
    [("n / 3 + 1e-9", 0, True), ("n / 3 + 1e-3", 0, False), ("n / 3 + 1e-3", 0.01, True), ("str(n / 3)", 0.01, False)],
)
def test_floats_may_differ_by_rounding_or_by_the_tolerance_of_the_task(
    tmp_path: Path, answer: str, atol: float, right: bool
) -> None:
    problem = mbpp_plus(tmp_path, 9000, "def f(n):\n    return n / 3", [[1]], [[2]], atol=atol)
    assert passes(problem, f"def f(n):\n    return {answer}") is right


def test_an_answer_cannot_pass_by_what_it_does_to_its_arguments_or_by_the_names_it_defines(tmp_path: Path) -> None:
    code = "def helper(x):\n    return x + 1\n\ndef f(xs):\n    return sorted(map(helper, xs))\n"
    problem = mbpp_plus(tmp_path, 9000, code, [[[3, 1]]], [[[2, 1]]], assertion="assert f([3, 1]) == [2, 4]")
    assert passes(problem, code)
    assert not passes(problem, "def helper(x):\n    return 0\n\ndef f(xs):\n    xs.clear()\n    return []\n")


def test_a_reference_that_counts_in_a_global_is_kept_apart_from_the_answer(tmp_path: Path) -> None:
    code = "calls = 0\n\ndef f(n):\n    global calls\n    calls += 1\n    return n if n < 2 else f(n - 1) + f(n - 2)\n"
    problem = mbpp_plus(tmp_path, 9000, code, [[1]], [[7]])
    assert passes(problem, code)
    assert not passes(problem, "def f(n):\n    return n")


@pytest.mark.parametrize(
    ("entry_point", "reference", "right", "wrong"),
    [
        ("Diff", "return [1, 2]", "return [2, 1, 1]", "return [1]"),
        ("check_str", "return re.match('a', s)", "return s == 'a'", "return True"),
        ("find_zero", "return 2.0", "return -2.0", "return 1.0"),
    ],
)
def test_tasks_with_several_right_answers_accept_them(
    tmp_path: Path, entry_point: str, reference: str, right: str, wrong: str
) -> None:
    head = f"import re\n\ndef poly(s, x):\n    return x * x - 4\n\ndef {entry_point}(s):\n    ''\n    "
    row = rows.HUMANEVAL_NATIVE_PLUS | {
        "prompt": head,
        "canonical_solution": reference,
        "entry_point": entry_point,
        "test": "def check(candidate):\n    assert poly(1, 2) == 0\n    assert candidate('a')\n",
        "base_input": [["a"]],
        "plus_input": [["b"]],
        "atol": 0.001,
    }
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (problem,) = load_problems(path)
    assert passes(problem, head + right)
    assert not passes(problem, head + wrong)

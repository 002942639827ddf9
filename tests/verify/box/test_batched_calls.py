"""Calls that tests are sure to make are asked for at once, and nobody can tell by the verdicts."""

import ast

import pytest

from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, open_verifier
from haloforge.verify.box.testing.batched_calls import batched_calls

CHECK = "def check(candidate):\n    "


def calls(code: str, kind: str = "asserts") -> list[list[object]]:
    return batched_calls([ast.parse(code)], kind, "f")


@pytest.mark.parametrize(
    "statement, arguments",
    [
        ("assert f(1, [2]) == 3", [1, [2]]),
        ("assert 3 == f(-1)", [-1]),
        ("assert abs(f(1.5) - 2) < 1e-6", [1.5]),
        ("assert not f('a'), 'never'", ["a"]),
        ("assert tuple(f((1, 2))) == (2, 1)", [{"tuple": [1, 2]}]),
    ],
)
def test_a_call_with_literals_is_batched(statement, arguments):
    assert calls(statement) == [arguments]


@pytest.mark.parametrize(
    "statement",
    [
        "assert f(1) and f(2)",
        "assert all(f(n) for n in range(3))",
        "assert 0 < f(1) < f(2)",
        "assert f(n) == 3",
        "assert f(x=1) == 3",
        "assert f(f(1)) == 3",
        "assert list(map(f, [1]))",
        "for n in range(3):\n    assert f(n) == n",
        "if f(1):\n    assert f(2) == 2",
        "x = f(1)",
        "g()",
        "assert g(1) == 2",
        "x = g",
    ],
)
def test_a_call_that_depends_is_not(statement):
    assert calls(statement + "\nassert f(7) == 7") == []


def test_what_comes_before_the_first_that_depends_is_batched():
    assert calls(CHECK + "assert candidate(1) == 1\n    assert f(2) == 2\n    x = f(3)\n    assert f(4)", "check") == [
        [1],
        [2],
    ]


def test_names_of_modules_and_of_values_keep_nothing_from_being_batched():
    tests = "import math\nx = [2]\nassert math.isclose(f(1), 2)\nassert [y for y in x] == f(3)"
    assert calls(tests) == [[1], [3]]
    assert batched_calls([ast.parse("assert m.fabs(f(1)) == 2")], "asserts", "f", ast.parse("import math as m")) == [
        [1]
    ]


def test_no_call_is_batched_that_is_given_what_an_earlier_one_should_answer():
    assert calls("assert f('ab') == 'ba'\nassert f('ba') == 'ab'") == [["ab"]]
    assert calls("want = [3]\nassert f([1]) == want\nassert f([3]) == 5") == [[[1]]]


@pytest.mark.parametrize(
    "tests",
    [
        "assert f([3, 1, 2]) == sorted([3, 1, 2])\nassert f([1, 2, 3]) == 5",
        "assert f([3, 1, 2]) == sorted([3, 1, 2][::-1])\nassert f([7]) == 5",
        "assert f(3) == 2 ** 10\nassert f(1024) == 5",
        "assert f(3) == 1e3\nassert f('1000') == 5",
        "assert f(3) == [1, 2]\nassert f([[1, 2], 3]) == 5",
        "assert f(3) == (4, 5)\nassert f(5, 4) == 5",
        "assert sorted(f(3)) == [4, 5]\nassert f([5, 4]) == 5",
        "assert set(f(3)) == set((4, 5))\nassert f([5, 4]) == 5",
        "assert f(3) == 'abc'\nassert f('xabcx') == 5",
        "assert f(3) == [[8, 9], [7]]\nassert f([8, 9]) == 5",
        "assert abs(f(3) - 0.25) < 1e-6\nassert f(0.25) == 5",
        "import math\nassert math.isclose(f(3), math.pi)\nassert f(3.14) == 5",
        "import math\nassert math.isclose(f(3), 0.25, rel_tol=1e-6)\nassert f(0.25) == 5",
        "want = [3]\nassert f(3) == want\nassert f([3]) == 5",
    ],
)
def test_no_call_is_sent_ahead_of_one_whose_answer_it_may_give_away(tests):
    assert len(calls(tests)) == 1


@pytest.mark.parametrize("test", ["assert [f(1), f(2)] == [2, 3]", "assert f(1) + f([2]) == sorted([2, 3][::-1])"])
def test_nor_are_two_of_one_statement(test):
    assert calls(test) == []


@pytest.mark.parametrize(
    "tests",
    [
        "assert f([3, 1]) == [1, 3]\nassert f([9, 8]) == [8, 9]",
        "assert set(f(3)) == set([4, 5])\nassert f(6) == {7}",
        "assert f(3) == 2 ** 10\nassert f(4) == 3 * 7",
        "assert isinstance(f(3), list)\nassert f(4) == [5]",
        "assert f('ab') == 'ab', f'no{1}'\nassert f('abc') == 'abc'",
    ],
)
def test_what_gives_nothing_away_is_sent_ahead(tests):
    assert len(calls(tests)) == 2


def test_what_a_call_was_given_itself_may_be_what_it_should_answer():
    assert calls("assert f('a') == 'a'\nassert f('a') == 'a'") == [["a"], ["a"]]


def test_a_solution_cannot_answer_with_what_it_is_given_later(verifier):
    code = """
import sys
def f(text):
    frame = sys._getframe()
    while frame:
        for calls in [frame.f_locals.get("calls") or []]:
            others = [call[0] for call in calls if call[0] != text]
            if others:
                return others[0]
        frame = frame.f_back
"""
    tests = Tests("asserts", code=("assert f('ab') == 'ba'", "assert f('ba') == 'ab'"))
    assert verifier.verify(Problem("f", "", tests=tests, entry_point="f"), code).tests_passed == 0


@pytest.mark.parametrize(
    "code, tests, status, passed",
    [
        ("def f(n): return n", ["f(1) == 1", "f(2) == 2"], "passed", 2),
        ("def f(n): return 1", ["f(1) == 1", "f(2) == 2", "f(1) == 1"], "wrong_answer", 2),
        (
            "def f(n):\n if n == 2: raise ValueError\n return n",
            ["f(1) == 1", "f(2) == 2", "f(3) == 3"],
            "runtime_error",
            2,
        ),
        ("import os\ndef f(n): return n if n < 2 else os._exit(0)", ["f(1) == 1", "f(2) == 2"], "exited_early", 1),
        ("def f(n):\n while n == 2: pass\n return 0", ["f(1) == 1", "f(2) == 2"], "timeout", 0),
        ("def f(n): yield n", ["list(f(1)) == [1]", "list(f(2)) == [2]"], "passed", 2),
        ("kept = []\ndef f(n):\n kept.append(n)\n return kept", ["f(1) == [1]", "f(2) == [1, 2]"], "passed", 2),
        ("def f(n):\n n.append(0)\n return n", ["f([1]) == [1, 0]", "f([2]) == [2, 0]"], "passed", 2),
        (
            "kept = []\ndef f(n):\n kept.append(n)\n return n\ndef count(): return len(kept)",
            ["f(1) == 1", "count() == 1", "f(2) == 2"],
            "passed",
            3,
        ),
        ("def f(n): return object()", ["f(1) != 1", "f(2) != 2", "f(3) != f(3)"], "passed", 3),
    ],
)
def test_the_verdict_is_that_of_asking_one_by_one(verifier, code, tests, status, passed):
    problem = Problem("f", "", tests=Tests("asserts", code=tuple(f"assert {t}" for t in tests)), entry_point="f")
    verdict = verifier.verify(problem, code)
    assert (verdict.status, verdict.tests_passed) == (status, passed), verdict


def test_what_runs_on_behind_the_first_failure_does_not_change_it():
    tests = Tests("asserts", code=("assert f(1) == 1", "assert f(2) == 2"))
    with open_verifier(VerifySettings(workers=1, time_limit_s=1.0).stopping_at_first_failure()) as verifier:
        verdict = verifier.verify(
            Problem("f", "", tests=tests, entry_point="f"), "def f(n):\n while n == 2: pass\n return 0"
        )
    assert verdict.status == "wrong_answer"


def test_a_message_that_calls_again_is_answered(verifier):
    tests = "assert f(1) == 2, f'got {f(1)}'\nassert f(3) == 3\nassert f(4) == 4"
    problem = Problem("f", "", tests=Tests("check", code=(CHECK + tests.replace("\n", "\n    "),)), entry_point="f")
    verdict = verifier.verify(problem, "def f(n): return n")
    assert verdict.tests == ("failed: AssertionError: got 1", "passed", "passed")


def test_an_answer_to_a_call_that_nobody_made_ends_the_session(verifier):
    code = """
import os, struct, json
def f(n):
    if n == 1:
        frame = json.dumps([99, "value", 2, []]).encode()
        for fd in range(3, 64):
            try: os.write(fd, struct.pack("<I", len(frame)) + frame)
            except OSError: pass
    return n
"""
    tests = Tests("asserts", code=("assert f(1) == 1", "assert f(2) == 2"))
    assert not verifier.verify(Problem("f", "", tests=tests, entry_point="f"), code).passed

"""Python solutions: what each kind of test says about honest, wrong and broken code."""

import pytest

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier


def asserting(*code, setup="", entry_point=None):
    return Problem("t", "", tests=Tests("asserts", setup=setup, code=code), entry_point=entry_point)


ADD = asserting("assert add(1, 2) == 3", "assert add(2, 2) == 4", entry_point="add")
DOUBLE = Problem("d", "", tests=Tests("stdio", cases=(Case("3\n", "6\n"), Case("5\n", "10\n"))))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("def add(a, b): return a + b", "passed"),
        ("def add(a, b): return a * b", "wrong_answer"),
        ("def add(a, b): return undefined", "runtime_error"),
        ("def add(a, b) return", "compile_error"),
        ("def plus(a, b): return a + b", "wrong_answer"),
        ("def add(a, b):\n    while True: pass", "timeout"),
        ("import time\ndef add(a, b): return bytearray(10**11)", "memory_limit"),
        ("import sys\nsys.exit(0)", "exited_early"),
        ("import os\nos._exit(0)", "exited_early"),
        ("import os\ndef add(a, b): os._exit(0)", "exited_early"),
        ("import ctypes\ndef add(a, b): ctypes.string_at(0)", "runtime_error"),
        ("raise ValueError('at import')", "runtime_error"),
        ("", "no_code"),
        (None, "no_code"),
    ],
)
def test_each_way_to_end_has_its_status(verifier, code, status):
    assert verifier.verify(ADD, code).status == status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("print(int(input()) * 2)", "passed"),
        ("if __name__ == '__main__':\n    print(int(input()) * 2)", "passed"),
        ("import sys\nfor line in sys.stdin: sys.stdout.write(str(int(line) * 2))", "passed"),
        ("print(6)", "wrong_answer"),
        ("print(int(input()) * 2); raise ValueError", "runtime_error"),
        ("print(int(input()) * 2); import sys; sys.exit(3)", "runtime_error"),
        ("print(", "compile_error"),
        ("while True: print('x' * 1000)", "output_limit"),
        ("input(); input()", "runtime_error"),
    ],
)
def test_programs_are_judged_by_what_they_print(verifier, code, status):
    assert verifier.verify(DOUBLE, code).status == status


def test_each_assert_has_its_own_outcome(verifier):
    verdict = verifier.verify(ADD, "def add(a, b): return 3")
    assert (verdict.tests_passed, verdict.tests_total) == (1, 2)
    assert verdict.tests == ("passed", "failed: assertion")


def test_each_assert_of_a_check_function_counts(verifier):
    check = "def check(f):\n    assert f(1) == 1\n    assert f(2) == 4\n    assert f(3) == 9"
    problem = Problem("c", "", tests=Tests("check", code=(check,)), entry_point="f")
    verdict = verifier.verify(problem, "def f(x): return x if x < 3 else 9")
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong_answer", 2, 3)


def test_hidden_asserts_count(verifier):
    problem = Problem("h", "", tests=Tests("asserts", code=("assert f(1) == 1",), hidden=("assert f(2) == 4",)))
    assert verifier.verify(problem, "def f(x): return x").status == "wrong_answer"
    assert verifier.verify(problem, "def f(x): return x * x").passed


def test_partial_rewards_lie_between_running_and_passing():
    with open_verifier(VerifySettings(partial=True, workers=1)) as verifier:
        assert verifier.verify(ADD, "def add(a, b): return 3").reward == pytest.approx(0.85)


def test_without_tests_compiling_is_the_verdict_and_warnings_count(verifier):
    untested = Problem("n", "")
    assert verifier.verify(untested, "print(1)").reward == 0.5
    assert verifier.verify(untested, "print(1 is 1)").reward == 0.3
    assert verifier.verify(untested, "x = ").reward == 0.0


def test_without_tests_a_program_can_be_asked_to_run():
    with open_verifier(VerifySettings(run_after_compile=True, workers=1)) as verifier:
        assert verifier.verify(Problem("n", ""), "print(1)").reward == 0.7
        assert verifier.verify(Problem("n", ""), "print(1 / 0)").status == "runtime_error"


def test_tests_that_never_use_the_solution_score_nothing(verifier):
    assert verifier.verify(asserting("assert True"), "def f(): pass").status == "unscored"


def test_tests_that_do_not_compile_score_nothing(verifier):
    assert verifier.verify(asserting("assert f(1 == 1"), "def f(x): return x").status == "unscored"


def test_one_bad_solution_does_not_disturb_the_next(verifier):
    codes = ["def add(a, b): return a + b", "import os; os._exit(1)", "def add(a, b):", "1 / 0"] * 5
    verdicts = list(verifier.verify_many((ADD, code) for code in codes))
    assert [verdict.passed for verdict in verdicts] == [True, False, False, False] * 5


@pytest.mark.slow
def test_tests_that_never_end_are_stopped_and_the_next_ones_run():
    endless = asserting("assert 9 ** f() > 1", entry_point="f")
    with open_verifier(VerifySettings(workers=1, time_limit_s=1.0)) as verifier:
        assert verifier.verify(endless, "def f(): return 10 ** 10").status == "timeout"
        assert verifier.verify(endless, "def f(): return 10").passed

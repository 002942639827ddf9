"""No honest solution fails because its tests run in another process."""

import pytest
from cheats import sections

from haloforge.records import Case, Problem, Tests

HONEST = {name: code.split("---\n") for name, (_, code) in sections("honest.txt").items()}


@pytest.mark.parametrize("name", HONEST)
def test_what_a_solution_returns_and_does_is_what_its_tests_see(verifier, name):
    code, test = HONEST[name]
    verdict = verifier.verify(Problem("h", "", tests=Tests("asserts", code=(test,))), code)
    assert verdict.passed and not verdict.forgeable, verdict


def test_leaving_a_judgement_to_the_solution_is_marked(verifier):
    code = "class P:\n def __init__(self, x): self.x = x\n def __eq__(self, o): return True\ndef f(): return P(1)"
    verdict = verifier.verify(Problem("e", "", tests=Tests("asserts", code=("assert f() == P(2)",))), code)
    assert verdict.passed and verdict.forgeable


PYTEST = """
import pytest
from solution import area, Square

@pytest.mark.parametrize("side, expected", [(1, 1), (2, 4)])
def test_area(side, expected):
    assert area(side) == expected

def test_error():
    with pytest.raises(ValueError, match="negative"):
        area(-1)

class TestSquare:
    def setup_method(self):
        self.square = Square(3)
    def test_side(self):
        assert self.square.side == 3

@pytest.fixture
def two():
    return 2

def test_with_fixture(two):
    assert area(two) == pytest.approx(4.0)
"""
AREA = """
def area(side):
    if side < 0: raise ValueError("negative side")
    return side * side
class Square:
    def __init__(self, side): self.side = side
"""
UNITTEST = """
import unittest
import solution

class AreaTest(unittest.TestCase):
    def test_area(self):
        self.assertEqual(solution.area(2), 4)
    def test_error(self):
        self.assertRaises(ValueError, solution.area, -1)
"""


@pytest.mark.parametrize(("tests", "count"), [(PYTEST, 5), (UNITTEST, 2)])
def test_test_modules_run_apart_from_the_solution(verifier, tests, count):
    problem = Problem("p", "", tests=Tests("pytest", code=(tests,)))
    verdict = verifier.verify(problem, AREA)
    assert verdict.passed and not verdict.forgeable, verdict
    wrong = verifier.verify(problem, AREA.replace("side * side", "side + side + 1"))
    assert wrong.status == "wrong_answer" and 0 < wrong.tests_passed < wrong.tests_total


@pytest.mark.parametrize(
    "raised", ["__import__('unittest').SkipTest('x')", "AssertionError", "StopIteration", "SystemExit(0)"]
)
def test_a_solution_cannot_choose_to_be_skipped(verifier, raised):
    problem = Problem("p", "", tests=Tests("pytest", code=(UNITTEST,)))
    code = f"def area(side): raise {raised}"
    assert not verifier.verify(problem, code).passed


MOCKING = """
from unittest import mock
import solution

def test_it():
    with mock.patch.object(solution, "now", lambda: 5):
        assert solution.later() == 6
"""


def test_tests_may_replace_a_function_of_the_solution_from_their_own_process(verifier):
    problem = Problem("m", "", tests=Tests("pytest", code=(MOCKING,)))
    verdict = verifier.verify(problem, "def now(): return 1\ndef later(): return now() + 1")
    assert verdict.passed and not verdict.forgeable
    assert verifier.verify(problem, "def now(): return 1\ndef later(): return 2").status == "wrong_answer"
    assert verifier.verify(problem, "import os; os._exit(0)").status == "exited_early"


PATCHING = """
from unittest import mock
import solution

def test_it():
    with mock.patch("time.time", lambda: 5):
        assert solution.later() == 6
"""


def test_tests_that_change_another_module_run_beside_the_solution_and_say_so(verifier):
    problem = Problem("m", "", tests=Tests("pytest", code=(PATCHING,)))
    verdict = verifier.verify(problem, "import time\ndef later(): return time.time() + 1")
    assert verdict.passed and verdict.forgeable
    assert verifier.verify(problem, "def later(): return 2").status == "wrong_answer"
    assert verifier.verify(problem, "import os; os._exit(0)").status == "exited_early"


PRETENDING = """
from unittest.mock import Mock
from solution import notify

def test_it():
    mailer = Mock()
    notify(mailer)
    mailer.send.assert_called_once_with("hi")
"""


@pytest.mark.parametrize(
    "cheat",
    [
        "mailer.send.assert_called_once_with = lambda *a: None",
        "mailer.send = mailer",
        "mailer.configure_mock(send=None)",
        "mailer.send.call_args = mailer.send.called = 1",
        "mailer.send.__class__ = int",
        "mailer.send = type('Own', (), {'assert_called_once_with': print})()",
        "mailer.assert_called_once_with('hi')",
    ],
)
def test_a_solution_cannot_change_what_a_mock_has_recorded(verifier, cheat):
    problem = Problem("m", "", tests=Tests("pytest", code=(PRETENDING,)))
    code = f"def notify(mailer):\n    try:\n        {cheat}\n    except Exception:\n        pass"
    assert not verifier.verify(problem, code).passed
    honest = verifier.verify(problem, "def notify(mailer): mailer.send('hi')")
    assert honest.passed and not honest.forgeable


MAIN = """
import unittest

class AreaTest(unittest.TestCase):
    def test_area(self):
        self.assertEqual(area(2), 4)

if __name__ == "__main__":
    unittest.main()
"""


def test_a_program_of_tests_is_run_as_one(verifier):
    problem = Problem("p", "", tests=Tests("program", code=(MAIN,)))
    verdict = verifier.verify(problem, AREA)
    assert verdict.passed and not verdict.forgeable, verdict
    assert not verifier.verify(problem, AREA.replace("side * side", "side + 1")).passed
    assert verifier.verify(problem, "raise SystemExit(0)").status == "exited_early"
    assert verifier.verify(problem, "def area(side): raise SystemExit(0)").status == "exited_early"


def test_joined_tests_that_assert_in_helpers_count(verifier):
    helper = "import inspect\ndef helper(f):\n    assert inspect.isfunction(f) and f(2) == 4\n"
    check = helper + "def check(f):\n    helper(f)"
    problem = Problem("j", "", tests=Tests("check", code=(check,)), entry_point="area")
    verdict = verifier.verify(problem, AREA)
    assert verdict.passed and verdict.forgeable


SINGLETON = """
class Only:
    one = None
    def __new__(cls):
        cls.one = cls.one or object.__new__(cls)
        return cls.one
"""


def test_two_looks_at_one_object_are_the_same_object(verifier):
    tests = ("assert Only() is Only()", "a = [1]\nassert a is a and a is not [1] and (None is None) is True")
    verdict = verifier.verify(Problem("s", "", tests=Tests("asserts", code=tests)), SINGLETON)
    assert verdict.passed and not verdict.forgeable, verdict
    other = SINGLETON.replace("cls.one or ", "")
    assert verifier.verify(Problem("s", "", tests=Tests("asserts", code=tests)), other).tests_passed == 1


SCRIPTS = {name: code for name, (_, code) in sections("honest_scripts.txt").items()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_as_it_would_in_plain_python(verifier, name):
    cases = (Case("3\n1 2 3\n", "6\n"), Case("1\n-4\n", "-4\n"))
    code = SCRIPTS[name].replace("\\ufeff", "\ufeff")
    verdict = verifier.verify(Problem("s", "", tests=Tests("stdio", cases=cases)), code)
    assert verdict.passed, verdict

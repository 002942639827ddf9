"""What a member of an enumeration of flags holds is judged by numbers that were told before, and by nothing else."""

import pytest

from haloforge.records import Problem, Tests

TESTS = ("assert Mode.R in both()", "assert Mode.R not in one() and Mode.W in one()", "assert both().value == 3")
HONEST = """
import enum
class Mode(enum.Flag):
    R = 1
    W = 2
def both():
    return Mode.R | Mode.W
def one():
    return Mode.W
"""
LIE = """
import sys
def lie(other):
    server = sys._getframe(2).f_globals
    assert "flag_of" in server
    server["flag_of"] = other
told = []
"""


def judged(verifier, code, tests=TESTS):
    return verifier.verify(Problem("f", "", tests=Tests("asserts", code=tests)), code)


def test_asking_the_librarys_flags_what_they_hold_is_not_marked(verifier):
    verdict = judged(verifier, HONEST)
    assert verdict.passed and not verdict.forgeable, verdict


def test_flags_that_are_numbers_hold_and_give_out_their_members_too(verifier):
    tests = (
        "assert Mode.R in both() and Mode.R not in one()",
        "assert list(both()) == [Mode.R, Mode.W] and len(both()) == 2 and len(one()) == 1",
        "assert both() == 3 and list(Mode) == [1, 2]",
    )
    honest = HONEST.replace("enum.Flag", "enum.IntFlag")
    verdict = judged(verifier, honest, tests)
    assert verdict.passed and not verdict.forgeable, verdict
    assert judged(verifier, honest.replace("R = 1", "R = 4"), tests).status == "wrong_answer"
    nothing = judged(verifier, honest.replace("R = 1", "R = 0"), ("assert Mode.R in both()",))
    assert nothing.passed and nothing.forgeable


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("Mode.R | Mode.W", "Mode.W"), ("    return Mode.W\n", "    return Mode.R | Mode.W\n"), ("R = 1", "R = 8")],
)
def test_wrong_flags_fail(verifier, right, wrong):
    assert judged(verifier, HONEST.replace(right, wrong)).status == "wrong_answer"


@pytest.mark.parametrize(
    "cheat",
    [
        HONEST.replace("W = 2\n", "W = 2\n    def __contains__(self, other): return True\n"),
        HONEST.replace("R = 1", "R = 0").replace("Mode.R | Mode.W", "Mode.W"),
        HONEST.replace("class Mode(enum.Flag):", "class Own(enum.Flag):\n    def __contains__(self, other):"
                       "\n        return True\nclass Mode(Own):"),
        # It takes all for everything, and its value for what is expected.
        HONEST + LIE + "lie(lambda value: 3 if 'Mode' in type(value).__name__ and value._value_ == 2 else None)\n",
    ],
)  # fmt: skip
def test_flags_of_a_kind_of_their_own_are_marked_or_fail(verifier, cheat):
    """By a method of the class, as nothing at all, by a class between, and by a number that is not the value."""
    told = ("assert Mode.R in both()", "assert Mode.W in one()", "assert one().value == 2")
    verdict = judged(verifier, cheat, told)
    assert not verdict.passed or verdict.forgeable, verdict


def test_a_flag_cannot_be_another_one_later(verifier):
    changing = "lie(lambda value: told.append(0) or len(told) % 4 if hasattr(value, '_value_') else None)"
    tests = ("assert Mode.W in one()", "assert Mode.R in one()", "assert one() is one()")
    verdict = judged(verifier, f"{HONEST}{LIE}{changing}\n", tests)
    assert not verdict.passed or verdict.forgeable, verdict

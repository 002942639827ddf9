"""The aliased score grants the requested name, and nothing else."""

import pytest
from stored_samples import program

from haloforge.records import Problem, Tests
from haloforge.stages.benchmark.aliasing import rescued, with_alias
from haloforge.verify import VerifySettings, open_verifier

DOUBLE = Problem("t/1", "Write double.", tests=Tests("asserts", code=("assert double(2) == 4",)), entry_point="double")


def test_a_right_function_with_another_name_is_rescued_and_a_wrong_one_is_not() -> None:
    codes = ("def twice(n):\n    return n * 2\n", "def twice(n):\n    return n\n", "def double(n):\n    return n\n")
    samples = [program(i, DOUBLE, code=c, status="runtime_error", reward=0.5) for i, c in enumerate(codes)]
    with open_verifier(VerifySettings(workers=1)) as verifier:
        assert {**rescued([DOUBLE], samples, verifier)}["t/1"] == 1


@pytest.mark.parametrize("code", ["x = 1", "def double(n): return n", "def f(:", ""])
def test_there_is_no_alias_where_the_name_is_taken_or_nothing_can_bear_it(code: str) -> None:
    assert with_alias(code, "double") is None

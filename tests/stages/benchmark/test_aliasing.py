"""The aliased score grants the requested name, and nothing else."""

import pytest
from stored_samples import program

from haloforge.records import Problem, Tests
from haloforge.stages.benchmark.aliasing import from_findings, passes_with_alias, to_findings, with_alias
from haloforge.verify import VerifySettings, open_verifier

DOUBLE = Problem("t/1", "Write double.", tests=Tests("asserts", code=("assert double(2) == 4",)), entry_point="double")


def test_a_right_function_with_another_name_passes_and_a_wrong_one_does_not() -> None:
    codes = ("def twice(n):\n    return n * 2\n", "def twice(n):\n    return n\n", "def double(n):\n    return n\n")
    samples = [program(i, DOUBLE, code=c, status="runtime_error", reward=0.5) for i, c in enumerate(codes)]
    with open_verifier(VerifySettings(workers=1)) as verifier:
        assert {**passes_with_alias([DOUBLE], samples, verifier)}["t/1"] == 1


@pytest.mark.parametrize("code", ["x = 1", "def double(n): return n", "def f(:", ""])
def test_there_is_no_alias_where_the_name_is_taken_or_nothing_can_bear_it(code: str) -> None:
    assert with_alias(code, "double") is None


def test_recorded_passes_are_read_back_in_the_shape_of_this_version_and_of_older_ones() -> None:
    assert from_findings(to_findings({"t/1": 2})) == {"t/1": 2}
    assert from_findings(to_findings({})) == {}
    assert from_findings({"t/1": 2}) == {"t/1": 2}

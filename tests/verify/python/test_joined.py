"""Solution and tests in one process: only where the user says so, and then every verdict is marked."""

import dataclasses

import pytest

from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, open_verifier

PLAIN = Problem("plain", "", tests=Tests("asserts", code=("assert f(2) == 4",)), solution="def f(x): return 2 * x")
NEEDS_IT = Problem(
    "needs it",
    "",
    tests=Tests("asserts", code=("assert f(2) == F(4) and F(4) * [0] == [0] * 4 and bytes(F(2)) == b'xx'",)),
    solution="class F(int):\n __bytes__ = lambda s: b'xx'\n __eq__ = lambda s, o: type(o) is F\ndef f(x): return F(9)",
)


@pytest.fixture(scope="module")
def choosing():
    with open_verifier(VerifySettings(workers=1, mode="auto_joined")) as opened:
        yield opened


def test_joined_marks_every_verdict():
    with open_verifier(VerifySettings(workers=1, mode="joined")) as verifier:
        right, wrong = (verifier.verify(PLAIN, code) for code in (PLAIN.solution, "def f(x): return 5"))
    assert right.passed and right.forgeable
    assert wrong.status == "wrong_answer" and wrong.forgeable


def test_auto_joined_joins_only_where_the_reference_passes_in_no_other_way(choosing):
    assert not choosing.verify(PLAIN, "def f(x): return x + x").forgeable
    needed = choosing.verify(NEEDS_IT, NEEDS_IT.solution)
    assert needed.passed and needed.forgeable
    assert choosing.joined == (NEEDS_IT.task_id,)


def test_without_a_reference_nothing_is_joined(choosing):
    verdict = choosing.verify(dataclasses.replace(NEEDS_IT, task_id="none", solution=None), NEEDS_IT.solution)
    assert not verdict.passed and choosing.joined == (NEEDS_IT.task_id,)


def test_the_mode_is_part_of_what_a_cached_verdict_depends_on(tmp_path):
    for mode, forgeable in (("split", False), ("joined", True), ("split", False)):
        with open_verifier(VerifySettings(workers=1, mode=mode), tmp_path / "cache.db") as verifier:
            assert verifier.verify(PLAIN, PLAIN.solution).forgeable == forgeable

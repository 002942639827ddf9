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


SAYS = (
    "import logging, warnings\ndef f(x):\n logging.getLogger('a').info('went %s', x)\n"
    " warnings.warn('old', DeprecationWarning)"
)
LOGS = "import logging, unittest\nfrom solution import f\nclass T(unittest.TestCase):\n def test_a(self):\n"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("def test_a(caplog):\n caplog.set_level('INFO')\n f(1)\n assert caplog.messages == ['went 1']", "went 2"),
        ("def test_a():\n with pytest.warns(DeprecationWarning, match='old'): f(1)", "new"),
    ],
)
def test_what_is_logged_and_warned_of_is_seen_where_that_happens(choosing, right, wrong):
    for tests, passes in ((right, True), (right.replace("went 1", wrong).replace("old", wrong), False)):
        code = (f"import pytest\nfrom solution import f\n{tests}",)
        verdict = choosing.verify(Problem("says", "", tests=Tests("pytest", code=code)), SAYS)
        assert verdict.passed == passes and verdict.forgeable


def test_unittest_sees_what_is_logged(choosing):
    for level, passes in (("INFO", True), ("ERROR", False)):
        tests = (
            f"{LOGS}  with self.assertLogs('a', level='{level}') as told: f(1)\n  self.assertIn('went', told.output[0])"
        )
        verdict = choosing.verify(Problem("logs", "", tests=Tests("pytest", code=(tests,))), SAYS)
        assert verdict.passed == passes and verdict.forgeable

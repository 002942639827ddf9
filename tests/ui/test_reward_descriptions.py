"""A reward explained: its parts add up to it, and RAFT's rule is told as RAFT applies it."""

import pytest

from haloforge.config import VerifySettings
from haloforge.records import Problem, Tests, Verdict
from haloforge.ui.rewards import lesson, parts_of
from haloforge.verify import Verifier, reward_of

ASSERTS = Tests("asserts", code=("assert f(1) == 2",))


@pytest.mark.parametrize("warnings", [False, True])
@pytest.mark.parametrize("share", [None, 0.5])
@pytest.mark.parametrize(
    "status", ["passed", "wrong_answer", "runtime_error", "timeout", "compile_error", "violation", "exited_early"]
)
def test_the_parts_of_a_reward_add_up_to_it(status: str, share: float | None, warnings: bool) -> None:
    reward = reward_of(status, warnings=warnings, share=share)  # type: ignore[arg-type]
    verdict = Verdict(status, reward, tests_passed=1, tests_total=2)  # type: ignore[arg-type]
    assert sum(part.gave for part in parts_of(verdict)) == pytest.approx(reward)


@pytest.mark.parametrize(("level", "steps"), [("compiled", 1), ("ran", 2)])
def test_without_tests_the_ladder_ends_where_nothing_more_is_asked(level: str, steps: int) -> None:
    verdict = Verdict("passed", reward_of("passed", level=level))  # type: ignore[arg-type]
    parts = parts_of(verdict)
    assert len(parts) == steps and all(part.happened for part in parts)


def test_a_step_behind_a_failed_one_was_not_reached() -> None:
    assert [part.happened for part in parts_of(Verdict("runtime_error", 0.5, 0, 2))] == [True, False, None]


def test_real_verdicts_are_explained(verifier: Verifier) -> None:
    problem = Problem("f", "Write f.", tests=ASSERTS, entry_point="f")
    for code in ("def f(x):\n    return x + 1\n", "def f(x):\n    return x\n", "def f(x): 1/0", "def f(:"):
        verdict = verifier.verify(problem, code)
        assert sum(part.gave for part in parts_of(verdict)) == pytest.approx(verdict.reward), code


@pytest.mark.parametrize(
    ("verdict", "tests", "learns"),
    [
        (Verdict("passed", 1.0), ASSERTS, True),
        (Verdict("passed", 1.0, forgeable=True), ASSERTS, False),
        (Verdict("wrong_answer", 0.9), ASSERTS, False),
        (Verdict("passed", 0.5), Tests(), True),
        (Verdict("passed", 0.3), Tests(), False),
        (Verdict("unscored"), Tests(), False),
    ],
)
def test_raft_learns_from_what_its_rule_allows(verdict: Verdict, tests: Tests, learns: bool) -> None:
    assert lesson(verdict, tests)[0] is learns
    assert not lesson(verdict, tests, is_cut=True)[0]


def test_the_threshold_is_the_pages(verifier: Verifier) -> None:
    assert VerifySettings().reward == "graded" and not lesson(Verdict("passed", 0.5), Tests(), 0.6)[0]

"""Why a verdict is worth what it is worth, part by part, and whether RAFT would learn from the answer."""

from collections.abc import Sequence
from typing import NamedTuple

from haloforge.config import RaftLoop
from haloforge.records import Tests, Verdict
from haloforge.ui.formatting import number
from haloforge.verify import COMPILES, PASSES, RUNS

FORGEABLE = (
    "this verdict could have been forged: the tests ran in one process with the answer, or left a judgement to it. "
    "RAFT leaves such answers out, unless verifier.accept_forgeable is set"
)
_BROKEN = {"violation": "keeps to the rules of the sandbox", "exited_early": "goes on until its tests have ended"}
"""What an answer did not do that is worth nothing at all, however well it compiles."""


class Part(NamedTuple):
    """One step of the reward: what had to happen, how much it gave, and whether it happened (None: not asked)."""

    what: str
    gave: float
    happened: bool | None


def parts_of(verdict: Verdict, *, binary: bool = False) -> Sequence[Part]:
    """The steps of the reward; what they gave adds up to it. Empty where there was nothing to judge."""
    if verdict.status in ("unscored", "no_code"):
        return ()
    if binary:
        return (Part("passes", verdict.reward, verdict.passed),)
    if verdict.status in _BROKEN:
        return (Part(_BROKEN[verdict.status], 0.0, False),)
    compiled = min(verdict.reward, COMPILES)
    has_warnings = 0 < verdict.reward < COMPILES
    what = "compiles, with warnings" if has_warnings else "compiles without warnings" if compiled else "compiles"
    first = Part(what, compiled, compiled > 0)
    if verdict.status == "passed" and verdict.reward < RUNS:
        return (first,)
    ran = verdict.reward >= RUNS
    second = Part("runs to an end", RUNS - COMPILES if ran else 0.0, ran if compiled else None)
    if not verdict.tests_total and not (verdict.passed and verdict.reward >= PASSES):
        return (first, second)
    rest = max(0.0, verdict.reward - RUNS)
    tests = f"passes its tests ({verdict.tests_passed} of {verdict.tests_total})" if verdict.tests_total else "passes"
    return (first, second, Part(tests, rest, verdict.passed if ran else None))


def lesson(verdict: Verdict, tests: Tests, threshold: float | None = None, *, is_cut: bool = False) -> tuple[bool, str]:
    """Whether RAFT could learn from this answer at such a threshold (by default its own), and why."""
    least = RaftLoop().reward_threshold if threshold is None else threshold
    if verdict.status == "unscored":
        return False, "it has no verdict"
    if verdict.forgeable:
        return False, "its verdict could be forged"
    if is_cut:
        return False, "it was cut off at the limit of tokens"
    if tests.kind != "none" and not verdict.passed:
        return False, "the problem has tests, and only what passes them all is learned"
    if not verdict.reward or verdict.reward < least:
        return False, f"its reward {number(verdict.reward)} is below the threshold {number(least)}"
    return True, f"its reward {number(verdict.reward)} reaches the threshold {number(least)}"

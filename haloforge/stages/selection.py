"""Which samples are trained on: a pure function of samples, verdicts and settings, with a reason for every sample."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from haloforge.config import RaftLoop
from haloforge.records import Problem, Verdict
from haloforge.stages.duplicates import normal_form
from haloforge.stages.seeds import derived_seed
from haloforge.store import Judged

Reason = Literal[
    "kept",
    "unscored",
    "forgeable",
    "truncated",
    "failed",
    "below_threshold",
    "duplicate",
    "not_top",
    "capped",
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one sample, by its row id."""

    sample_id: int
    kept: bool
    reason: Reason


def select(samples: Sequence[Judged], problems: Mapping[str, Problem], settings: RaftLoop, seed: int) -> list[Choice]:
    """One choice per sample, in the order given; which are kept does not depend on that order.

    Per problem: what is eligible, best first; of equal programs the best; of those the top share, then the cap.
    """
    reasons: dict[int, Reason] = {}
    for task_id, group in _by_problem(samples).items():
        reasons |= _select_for(problems[task_id], group, settings, seed)
    return [Choice(s.id, reasons[s.id] == "kept", reasons[s.id]) for s in samples]


def pool(kept: Sequence[Judged], problems: Mapping[str, Problem], cap: int) -> list[Judged]:
    """Kept samples of several cycles as one training set: of equal programs the newest, at most `cap` per problem."""
    newest_first = sorted(kept, key=lambda judged: -judged.cycle)
    distinct: dict[tuple[str, str], Judged] = {}
    room = Counter(dict.fromkeys(problems, cap))
    for judged in newest_first:
        task_id = judged.sample.task_id
        key = task_id, normal_form(judged.sample.code or "", problems[task_id].language)
        if key not in distinct and room[task_id]:
            distinct[key] = judged
            room[task_id] -= 1
    return sorted(distinct.values(), key=lambda judged: judged.id)


def _select_for(problem: Problem, group: Iterable[Judged], settings: RaftLoop, seed: int) -> dict[int, Reason]:
    reasons: dict[int, Reason] = {}
    distinct: dict[str, Judged] = {}
    for judged in sorted(group, key=lambda judged: _rank(judged, seed)):
        flaw = _flaw(judged, problem, settings)
        form = normal_form(judged.sample.code or "", problem.language)
        if flaw is None and form in distinct:
            flaw = "duplicate"
        if flaw is None:
            distinct[form] = judged
        else:
            reasons[judged.id] = flaw
    top = math.ceil(round(settings.keep_top_percent * len(distinct), 9))  # 0.55 * 20 is a little over 11
    for place, judged in enumerate(distinct.values()):
        over: Reason = "not_top" if place >= top else "capped"
        reasons[judged.id] = "kept" if place < min(top, settings.max_per_prompt) else over
    return reasons


def _flaw(judged: Judged, problem: Problem, settings: RaftLoop) -> Reason | None:
    """Why a sample cannot be trained on whatever the others are, or None."""
    verdict = judged.verdict
    if verdict is None or verdict.status == "unscored":
        return "unscored"
    if verdict.forgeable:
        return "forgeable"
    if judged.sample.finish_reason != "stop":
        return "truncated"
    if verdict.reward == 0 or (_must_pass(problem, settings) and not verdict.passed):
        return "failed"
    if verdict.reward < settings.reward_threshold:
        return "below_threshold"
    return None


def _must_pass(problem: Problem, settings: RaftLoop) -> bool:
    """A program that runs and answers wrongly earns 0.7 and must not be learned."""
    return problem.tests.kind != "none" and not settings.keep_partial


def _rank(judged: Judged, seed: int) -> tuple[float, int, int]:
    """Best first: reward, then brevity, then a coin that depends on the sample and not on where it stands."""
    sample, verdict = judged.sample, judged.verdict or Verdict("unscored")
    coin = derived_seed(seed, judged.cycle, sample.task_id, sample.index)
    return -verdict.reward, sample.completion_tokens, coin


def _by_problem(samples: Iterable[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for judged in samples:
        groups[judged.sample.task_id].append(judged)
    return groups

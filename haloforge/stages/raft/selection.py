"""Which samples are trained on: a pure function of samples, verdicts and settings, with a reason for every sample."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from haloforge.answers import normal_form
from haloforge.config import RaftLoop
from haloforge.records import Problem, Verdict
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import StoredSample

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
    "solved_already",
    "too_hard_yet",
    "not_chosen",
]
Problems = Mapping[str, Problem]
Group = Sequence[StoredSample]


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one sample, by its row id."""

    sample_id: int
    kept: bool
    reason: Reason


def select(
    samples: Sequence[StoredSample], problems: Problems, settings: RaftLoop, seed: int, *, easiest: float = 1.0
) -> list[Choice]:
    """One choice per sample, in the order given; which are kept does not depend on that order.

    Per problem: what is eligible, best first; of equal programs the best; of those as many as the strategy says, then
    the cap. Of the problems solved at all only the share `easiest` counts, by their pass rate.
    """
    groups = by_problem(samples)
    set_aside = _solved_already(groups, settings, seed) | _too_hard_yet(groups, easiest, seed)
    reasons: dict[int, Reason] = {}
    for task_id, group in groups.items():
        found = _select_for(problems[task_id], group, settings, seed)
        aside = set_aside.get(task_id)
        reasons |= {i: aside if aside and reason == "kept" else reason for i, reason in found.items()}
    return [Choice(s.id, reasons[s.id] == "kept", reasons[s.id]) for s in samples]


def pool(kept: Sequence[StoredSample], problems: Problems, cap: int) -> list[StoredSample]:
    """Kept samples of several cycles as one training set: of equal programs the newest, at most `cap` per problem."""
    distinct: dict[tuple[str, str], StoredSample] = {}
    room = Counter(dict.fromkeys(problems, cap))
    for judged in sorted(kept, key=lambda judged: -judged.cycle):
        task_id = judged.sample.task_id
        key = task_id, form_of(judged, problems)
        if key not in distinct and room[task_id]:
            distinct[key] = judged
            room[task_id] -= 1
    return sorted(distinct.values(), key=lambda judged: judged.id)


def by_problem(samples: Iterable[StoredSample]) -> dict[str, list[StoredSample]]:
    """Samples by their problem's id."""
    groups: dict[str, list[StoredSample]] = defaultdict(list)
    for judged in samples:
        groups[judged.sample.task_id].append(judged)
    return groups


def form_of(judged: StoredSample, problems: Problems) -> str:
    """The normal form of a sample's program."""
    return normal_form(judged.sample.code or "", problems[judged.sample.task_id].language)


def coin(judged: StoredSample, seed: int) -> int:
    """A random number that depends on the sample and not on where it stands."""
    return derived_seed(seed, judged.cycle, judged.sample.task_id, judged.sample.index)


def _select_for(problem: Problem, group: Group, settings: RaftLoop, seed: int) -> dict[int, Reason]:
    reasons: dict[int, Reason] = {}
    distinct: dict[str, StoredSample] = {}
    for judged in sorted(group, key=lambda judged: _rank(judged, seed)):
        flaw = _flaw(judged, problem, settings)
        form = form_of(judged, {problem.task_id: problem})
        if flaw is None and form in distinct:
            flaw = "duplicate"
        if flaw is None:
            distinct[form] = judged
        else:
            reasons[judged.id] = flaw
    top = _top(len(distinct), settings)
    for place, judged in enumerate(distinct.values()):
        over: Reason = "not_top" if place >= top else "capped"
        reasons[judged.id] = "kept" if place < min(top, settings.max_per_prompt) else over
    return reasons


def _top(eligible: int, settings: RaftLoop) -> int:
    """How many of a problem's eligible samples the strategy keeps."""
    if settings.strategy == "all_passing":
        return eligible
    if settings.strategy == "best_of_n":
        return 1
    return math.ceil(round(settings.keep_top_percent * eligible, 9))  # 0.55 * 20 is a little over 11


def _flaw(judged: StoredSample, problem: Problem, settings: RaftLoop) -> Reason | None:
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


def _rank(judged: StoredSample, seed: int) -> tuple[float, int, int]:
    """Best first: reward, then brevity, then a coin."""
    verdict = judged.verdict or Verdict("unscored")
    return -verdict.reward, judged.sample.completion_tokens, coin(judged, seed)


def _solved_already(groups: Mapping[str, Group], settings: RaftLoop, seed: int) -> dict[str, Reason]:
    """Problems whose samples all pass, but for the share that is kept; which ones is drawn anew in every cycle."""
    solved = [task_id for task_id, group in groups.items() if _pass_rate(group) == 1]
    drawn = sorted(solved, key=lambda task_id: derived_seed(seed, groups[task_id][0].cycle, "solved", task_id))
    return dict.fromkeys(drawn[math.ceil(round(settings.keep_solved * len(drawn), 9)) :], "solved_already")


def _too_hard_yet(groups: Mapping[str, Group], easiest: float, seed: int) -> dict[str, Reason]:
    rates = {task_id: rate for task_id, group in groups.items() if (rate := _pass_rate(group)) > 0}
    ranked = sorted(rates, key=lambda task_id: (-rates[task_id], derived_seed(seed, "easy", task_id)))
    return dict.fromkeys(ranked[math.ceil(round(easiest * len(ranked), 9)) :], "too_hard_yet")


def _pass_rate(group: Group) -> float:
    scored = [judged.verdict for judged in group if judged.verdict and judged.verdict.status != "unscored"]
    return sum(verdict.passed for verdict in scored) / len(scored) if scored else 0.0

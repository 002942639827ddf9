"""Which samples are trained on: a pure function of samples, verdicts and settings, with a reason for every sample."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from haloforge.config import RaftLoop
from haloforge.records import Problem
from haloforge.stages.raft.candidates import Candidate, Group, Problems, by_problem
from haloforge.stages.raft.tie_breaks import choose_among_equals, tie_key
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import SampleSummary

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


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one sample, by its row id."""

    sample_id: int
    kept: bool
    reason: Reason


def select(
    candidates: Sequence[Candidate], problems: Problems, settings: RaftLoop, seed: int, *, easiest: float = 1.0
) -> list[Choice]:
    """One choice per candidate, in the order given; which are kept does not depend on that order.

    Per problem: what is eligible, best first; of equal programs the best; of those as many as the strategy says, then
    the cap; among equal rewards `tie_break` decides. Of the problems solved at all only the share `easiest` counts, by
    their pass rate. Where no test tells whether it answers any of them, one program for several problems counts once.
    """
    groups = by_problem(candidates)
    set_aside = _solved_already(groups, settings, seed) | _too_hard_yet(groups, easiest, seed)
    counts_for = _family_it_counts_for(groups, problems, seed)
    reasons: dict[int, Reason] = {}
    for task_id, group in groups.items():
        family = problems[task_id].family
        copies = {c.digest for c in group if counts_for.get(c.digest, family) != family}
        own_merits = _select_for(problems[task_id], group, settings, seed, copies)
        aside = set_aside.get(task_id)
        reasons |= {i: aside if aside and reason == "kept" else reason for i, reason in own_merits.items()}
    return [Choice(c.id, reasons[c.id] == "kept", reasons[c.id]) for c in candidates]


def pool(kept: Sequence[Candidate], problems: Problems, cap: int) -> list[Candidate]:
    """Kept samples of several cycles as one training set: of equal programs the newest, at most `cap` per problem."""
    distinct: dict[tuple[str, bytes], Candidate] = {}
    room = Counter(dict.fromkeys(problems, cap))
    for candidate in sorted(kept, key=lambda candidate: -candidate.sample.cycle):
        task_id = candidate.sample.task_id
        key = task_id, candidate.digest
        if key not in distinct and room[task_id]:
            distinct[key] = candidate
            room[task_id] -= 1
    return sorted(distinct.values(), key=lambda candidate: candidate.id)


def most_kept(samples: int, settings: RaftLoop) -> int:
    """Of so many distinct good samples of a problem, how many the strategy and the cap leave."""
    return min(_top(samples, settings), settings.max_per_prompt)


def _family_it_counts_for(groups: Mapping[str, Group], problems: Problems, seed: int) -> dict[bytes, str]:
    """Of programs that answer problems without tests of several families: the one that each counts for, drawn."""
    families: dict[bytes, set[str]] = defaultdict(set)
    for task_id, group in groups.items():
        if problems[task_id].tests.kind == "none":
            for candidate in group:
                families[candidate.digest].add(problems[task_id].family)
    return {
        digest: min(answered, key=lambda family: derived_seed(seed, "copy", digest.hex(), family))
        for digest, answered in families.items()
        if len(answered) > 1
    }


def _select_for(
    problem: Problem, group: Group, settings: RaftLoop, seed: int, copies: Collection[bytes]
) -> dict[int, Reason]:
    reasons: dict[int, Reason] = {}
    distinct: dict[bytes, Candidate] = {}
    for candidate in sorted(group, key=lambda c: (-_reward(c), *tie_key(c.sample, settings, seed))):
        flaw = _flaw(candidate.sample, problem, settings)
        if flaw is None and (candidate.digest in distinct or candidate.digest in copies):
            flaw = "duplicate"
        if flaw is None:
            distinct[candidate.digest] = candidate
        else:
            reasons[candidate.id] = flaw
    top = _top(len(distinct), settings)
    wanted = most_kept(len(distinct), settings)
    for place, candidate in enumerate(_chosen_first(list(distinct.values()), wanted, settings)):
        over: Reason = "not_top" if place >= top else "capped"
        reasons[candidate.id] = "kept" if place < wanted else over
    return reasons


def _chosen_first(best_first: Group, wanted: int, settings: RaftLoop) -> list[Candidate]:
    """The same candidates, with those to keep before the others; no worse reward ever comes before a better one."""
    if not 0 < wanted < len(best_first):
        return list(best_first)
    least = _reward(best_first[wanted - 1])
    better = [c for c in best_first if _reward(c) > least]
    tied = [c for c in best_first if _reward(c) == least]
    chosen = [*better, *choose_among_equals(tied, wanted - len(better), settings, better)]
    ids = {candidate.id for candidate in chosen}
    return [*chosen, *(candidate for candidate in best_first if candidate.id not in ids)]


def _reward(candidate: Candidate) -> float:
    return candidate.sample.verdict.reward if candidate.sample.verdict else 0.0


def _top(eligible: int, settings: RaftLoop) -> int:
    """How many of a problem's eligible samples the strategy keeps."""
    if settings.strategy == "all_passing":
        return eligible
    if settings.strategy == "best_of_n":
        return 1
    return math.ceil(round(settings.keep_top_percent * eligible, 9))  # 0.55 * 20 is a little over 11


def _flaw(sample: SampleSummary, problem: Problem, settings: RaftLoop) -> Reason | None:
    """Why a sample cannot be trained on whatever the others are, or None."""
    verdict = sample.verdict
    if verdict is None or verdict.status == "unscored":
        return "unscored"
    if verdict.forgeable:
        return "forgeable"
    if sample.finish_reason != "stop":
        return "truncated"
    if verdict.reward == 0 or (_must_pass(problem, settings) and not verdict.passed):
        return "failed"
    if verdict.reward < settings.reward_threshold:
        return "below_threshold"
    return None


def _must_pass(problem: Problem, settings: RaftLoop) -> bool:
    """A program that runs and answers wrongly earns 0.7 and must not be learned."""
    return problem.tests.kind != "none" and not settings.keep_partial


def _solved_already(groups: Mapping[str, Group], settings: RaftLoop, seed: int) -> dict[str, Reason]:
    """Problems whose samples all pass, but for the share that is kept; which ones is drawn anew in every cycle."""
    solved = [task_id for task_id, group in groups.items() if _pass_rate(group) == 1]
    drawn = sorted(solved, key=lambda task_id: derived_seed(seed, groups[task_id][0].sample.cycle, "solved", task_id))
    return dict.fromkeys(drawn[math.ceil(round(settings.keep_solved * len(drawn), 9)) :], "solved_already")


def _too_hard_yet(groups: Mapping[str, Group], easiest: float, seed: int) -> dict[str, Reason]:
    rates = {task_id: rate for task_id, group in groups.items() if (rate := _pass_rate(group)) > 0}
    ranked = sorted(rates, key=lambda task_id: (-rates[task_id], derived_seed(seed, "easy", task_id)))
    return dict.fromkeys(ranked[math.ceil(round(easiest * len(ranked), 9)) :], "too_hard_yet")


def _pass_rate(group: Group) -> float:
    verdicts = [candidate.sample.verdict for candidate in group if candidate.sample.verdict]
    scored = [verdict for verdict in verdicts if verdict.status != "unscored"]
    return sum(verdict.passed for verdict in scored) / len(scored) if scored else 0.0

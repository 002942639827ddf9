"""Selection with and without the verifier: what a gain must be compared with before verification can claim it.

`unverified` trains on as many samples of the same problems, of the same shape (whole, distinct, the shortest first),
but blind to the verdicts. `shuffled_rewards` deals the verdicts of the cycle out at random and then selects as always.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from haloforge.config import RaftLoop
from haloforge.stages.raft.selection import Choice, Group, Problems, Reason, by_problem, coin, form_of, select
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import StoredSample


def select_as_asked(
    samples: Sequence[StoredSample], problems: Problems, settings: RaftLoop, seed: int, *, easiest: float = 1.0
) -> list[Choice]:
    """Selection by `settings.control`; one choice per sample, in the order given."""
    if settings.control == "shuffled_rewards":
        dealt = shuffle_verdicts(samples, seed)
        return select(dealt, problems, settings, seed, easiest=easiest)
    choices = select(samples, problems, settings, seed, easiest=easiest)
    return unverified(samples, choices, problems, seed) if settings.control == "unverified" else choices


def reaches(judged: StoredSample, settings: RaftLoop) -> bool:
    """Whether what an earlier cycle kept is good enough for this one too; a control never looked at verdicts."""
    reward = judged.verdict.reward if judged.verdict else 0.0
    return settings.control != "none" or reward >= settings.reward_threshold


def shuffle_verdicts(samples: Sequence[StoredSample], seed: int) -> list[StoredSample]:
    """The same samples, each with the verdict of a random one; does not depend on their order."""
    ordered = sorted(samples, key=lambda judged: coin(judged, seed))
    verdicts = [judged.verdict for judged in ordered]
    random.Random(derived_seed(seed, "shuffled rewards")).shuffle(verdicts)
    dealt = {judged.id: verdict for judged, verdict in zip(ordered, verdicts, strict=True)}
    return [replace(judged, verdict=dealt[judged.id]) for judged in samples]


def unverified(
    samples: Sequence[StoredSample], choices: Sequence[Choice], problems: Problems, seed: int
) -> list[Choice]:
    """As many samples per problem as `choices` keeps, chosen without looking at a verdict."""
    task_of = {judged.id: judged.sample.task_id for judged in samples}
    wanted = Counter(task_of[choice.sample_id] for choice in choices if choice.kept)
    chosen: set[int] = set()
    for task_id, group in by_problem(samples).items():
        chosen |= _blind_choice(group, problems, wanted[task_id], seed)
    reasons: dict[bool, Reason] = {True: "kept", False: "not_chosen"}
    return [Choice(judged.id, judged.id in chosen, reasons[judged.id in chosen]) for judged in samples]


def _blind_choice(group: Group, problems: Problems, count: int, seed: int) -> set[int]:
    whole = [judged for judged in group if judged.sample.finish_reason == "stop" and judged.sample.code]
    distinct: dict[str, int] = {}
    for judged in sorted(whole, key=lambda judged: (judged.sample.completion_tokens, coin(judged, seed))):
        distinct.setdefault(form_of(judged, problems), judged.id)
    return set(list(distinct.values())[:count])

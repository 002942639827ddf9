"""Selection with and without the verifier: what a gain must be compared with before verification can claim it.

`unverified` trains on as many samples of the same problems, of the same shape (whole, distinct, chosen among equals in
the same way), but blind to the verdicts. `shuffled_rewards` deals the verdicts of the cycle out at random and then
selects as always.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from haloforge.config import RaftLoop
from haloforge.stages.raft.candidates import Candidate, Group, Problems, by_problem, random_number
from haloforge.stages.raft.selection import Choice, Reason, select
from haloforge.stages.raft.tie_breaks import choose_among_equals, tie_key
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import SampleSummary


def select_as_asked(
    candidates: Sequence[Candidate], problems: Problems, settings: RaftLoop, seed: int, *, easiest: float = 1.0
) -> list[Choice]:
    """Selection by `settings.control`; one choice per candidate, in the order given."""
    if settings.control == "shuffled_rewards":
        dealt = shuffle_verdicts(candidates, seed)
        return select(dealt, problems, settings, seed, easiest=easiest)
    choices = select(candidates, problems, settings, seed, easiest=easiest)
    return unverified(candidates, choices, settings, seed) if settings.control == "unverified" else choices


def reaches(sample: SampleSummary, settings: RaftLoop) -> bool:
    """Whether what an earlier cycle kept is good enough for this one too; a control never looked at verdicts."""
    reward = sample.verdict.reward if sample.verdict else 0.0
    return settings.control != "none" or reward >= settings.reward_threshold


def shuffle_verdicts(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """The same candidates, each with the verdict of a random one; does not depend on their order."""
    dealt = deal_verdicts([candidate.sample for candidate in candidates], seed)
    return [replace(candidate, sample=sample) for candidate, sample in zip(candidates, dealt, strict=True)]


def deal_verdicts(samples: Sequence[SampleSummary], seed: int) -> list[SampleSummary]:
    """The same samples of a cycle, which must be all of it, each with the verdict of a random one."""
    ordered = sorted(samples, key=lambda sample: random_number(sample, seed))
    verdicts = [sample.verdict for sample in ordered]
    random.Random(derived_seed(seed, "shuffled rewards")).shuffle(verdicts)
    dealt = {sample.id: verdict for sample, verdict in zip(ordered, verdicts, strict=True)}
    return [replace(sample, verdict=dealt[sample.id]) for sample in samples]


def unverified(
    candidates: Sequence[Candidate], choices: Sequence[Choice], settings: RaftLoop, seed: int
) -> list[Choice]:
    """As many samples per problem as `choices` keeps, chosen without looking at a verdict."""
    task_of = {candidate.id: candidate.sample.task_id for candidate in candidates}
    wanted = Counter(task_of[choice.sample_id] for choice in choices if choice.kept)
    chosen: set[int] = set()
    for task_id, group in by_problem(candidates).items():
        chosen |= _blind_choice(group, wanted[task_id], settings, seed)
    reasons: dict[bool, Reason] = {True: "kept", False: "not_chosen"}
    return [Choice(candidate.id, candidate.id in chosen, reasons[candidate.id in chosen]) for candidate in candidates]


def _blind_choice(group: Group, count: int, settings: RaftLoop, seed: int) -> set[int]:
    whole = [candidate for candidate in group if candidate.sample.finish_reason == "stop" and candidate.has_code]
    distinct: dict[bytes, Candidate] = {}
    for candidate in sorted(whole, key=lambda candidate: tie_key(candidate.sample, settings, seed)):
        distinct.setdefault(candidate.digest, candidate)
    return {candidate.id for candidate in choose_among_equals(list(distinct.values()), count, settings)}

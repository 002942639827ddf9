"""What is trained on: the kept samples, and for reinforce_rej what pushes back, each with its weight."""

from collections.abc import Sequence

from haloforge.config import Loss
from haloforge.stages.raft.selection import by_problem, coin
from haloforge.store import StoredSample
from haloforge.train import TrainSample, advantages


def lessons(kept: Sequence[StoredSample], samples: Sequence[StoredSample], loss: Loss, seed: int) -> list[TrainSample]:
    """Training samples in the order of their rows. `samples` are all of the cycle, which reinforce_rej compares.

    Under reinforce_rej a sample weighs its reward less the mean of its problem's scored samples; a problem without a
    failure, or without a success, teaches nothing; and there are never more failures of a problem than successes.
    """
    if loss != "reinforce_rej":
        return [_lesson(judged, 1.0) for judged in kept]
    scored = [s for s in samples if s.verdict and s.verdict.status != "unscored"]
    rewards = [s.verdict.reward for s in scored if s.verdict]
    weights = dict(zip((s.id for s in scored), advantages([s.sample.task_id for s in scored], rewards), strict=True))
    taught = [*kept, *_failures(kept, samples, seed)]
    return [_lesson(judged, weights[judged.id]) for judged in sorted(taught, key=lambda j: j.id) if weights[judged.id]]


def _failures(kept: Sequence[StoredSample], samples: Sequence[StoredSample], seed: int) -> list[StoredSample]:
    """Whole samples that failed, of the problems that something was kept of, drawn at random."""
    successes, found = by_problem(kept), []
    for task_id, group in by_problem(s for s in samples if _has_failed(s)).items():
        found += sorted(group, key=lambda judged: coin(judged, seed))[: len(successes.get(task_id, ()))]
    return found


def _has_failed(judged: StoredSample) -> bool:
    return judged.reason in ("failed", "below_threshold") and judged.sample.finish_reason == "stop"


def _lesson(judged: StoredSample, weight: float) -> TrainSample:
    sample = judged.sample
    return TrainSample(sample.task_id, sample.prompt_ids, sample.token_ids, sample.logprobs, weight)

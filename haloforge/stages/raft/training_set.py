"""What is trained on: the kept samples, and for reinforce_rej failures that push back, each with its weight."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from haloforge.stages.raft.selection import random_number
from haloforge.store import SampleSummary, Store
from haloforge.train.examples import TrainSample
from haloforge.train.losses import advantages
from haloforge.train.settings import Loss


def training_weights(
    kept: Sequence[SampleSummary], samples: Iterable[SampleSummary], loss: Loss, seed: int
) -> dict[int, float]:
    """Sample id -> weight, in the order of the rows to train on. `samples` are all of the cycle.

    Under reinforce_rej a sample weighs its reward less the mean of its problem's scored samples; a problem without a
    failure, or without a success, is left out; and there are never more failures of a problem than successes.
    """
    if loss != "reinforce_rej":
        return dict.fromkeys((sample.id for sample in kept), 1.0)
    every = list(samples)
    scored = [s for s in every if s.verdict and s.verdict.status != "unscored"]
    rewards = [s.verdict.reward for s in scored if s.verdict]
    weights = dict(zip((s.id for s in scored), advantages([s.task_id for s in scored], rewards), strict=True))
    trained_on = sorted(s.id for s in [*kept, *_failures(kept, every, seed)])
    return {sample_id: weights[sample_id] for sample_id in trained_on if weights[sample_id]}


def read_train_samples(store: Store, weights: Mapping[int, float]) -> list[TrainSample]:
    """The token ids of the weighted samples, in the order of `weights`, which is that of the ids."""
    return [
        TrainSample(stored.task_id, stored.prompt_ids, stored.token_ids, stored.logprobs, weights[stored.id])
        for stored in store.tokens(weights)
    ]


def _failures(kept: Sequence[SampleSummary], samples: Sequence[SampleSummary], seed: int) -> list[SampleSummary]:
    """Whole samples that failed, of the problems that something was kept of, drawn at random."""
    successes, failed = Counter(s.task_id for s in kept), defaultdict(list)
    for sample in filter(_has_failed, samples):
        failed[sample.task_id].append(sample)
    drawn = (
        sorted(group, key=lambda sample: random_number(sample, seed))[: successes[task_id]]
        for task_id, group in failed.items()
    )
    return [sample for group in drawn for sample in group]


def _has_failed(sample: SampleSummary) -> bool:
    return sample.reason in ("failed", "below_threshold") and sample.finish_reason == "stop"

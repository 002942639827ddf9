"""What a cycle trains on: kept samples, failures where the loss wants them, and rows replayed against forgetting."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from haloforge.config import Loss, RaftConfig
from haloforge.models import load_tokenizer
from haloforge.problems import load_training_rows, refuse_benchmark
from haloforge.stages.raft.candidates import random_number
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import SampleSummary, Store
from haloforge.train import IGNORED, Example, TrainSample, advantages, encode

MAX_REPLAY_TOKENS = 2048
"""A longer row is not replayed."""


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
    """The token ids of the weighted samples, by cycle, problem and index, in whatever order they were sampled."""
    return [
        TrainSample(stored.task_id, stored.prompt_ids, stored.token_ids, stored.logprobs, weights[stored.id])
        for stored in store.tokens(weights)
    ]


def check_replay_file(config: RaftConfig) -> None:
    """Raises DataError for a file without rows to learn from, or one that is the test split of a benchmark."""
    if file := config.training.replay_file:
        refuse_benchmark(file)
        load_training_rows(file)


def replay_samples(config: RaftConfig, split: Split, kept: int, cycle: int) -> list[TrainSample]:
    """Rows of `training.replay_file`, as many as make the share asked for beside `kept` samples; others every cycle.

    Rows of held-out problems and of their families are never among them, nor are chats of several answers. Raises
    DataError.
    """
    training = config.training
    if not training.replay_file:
        return []
    families, names = {p.family for p in split.held_out}, {p.task_id for p in split.held_out}
    rows = [
        row
        for row in load_training_rows(training.replay_file).rows
        if row.problem is None or (row.problem.family not in families and row.problem.task_id not in names)
    ]
    wanted = round(kept * training.replay_share / (1 - training.replay_share))
    drawn = sorted(rows, key=lambda row: derived_seed(config.seed, "replay", cycle, row.line))[:wanted]
    examples = encode(drawn, load_tokenizer(config.sft_checkpoint), MAX_REPLAY_TOKENS).examples
    return [sample for example in examples if (sample := _from_example(example))]


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


def _from_example(example: Example) -> TrainSample | None:
    """None for a chat of several answers: a training sample has one."""
    start = next(i for i, label in enumerate(example.labels) if label != IGNORED)
    if IGNORED in example.labels[start:]:
        return None
    return TrainSample("replay", example.input_ids[:start], example.input_ids[start:], ())

"""What a cycle trains on: kept samples, failures where the loss wants them, and rows replayed against forgetting."""

from collections.abc import Sequence

from haloforge.config import RaftConfig
from haloforge.models.loading import load_tokenizer
from haloforge.problems.manifest import refuse_benchmark
from haloforge.problems.rows import load_training_rows
from haloforge.stages.raft.selection import by_problem, coin
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import StoredSample
from haloforge.train.data import encode
from haloforge.train.examples import IGNORED, Example, TrainSample
from haloforge.train.losses import advantages
from haloforge.train.settings import Loss

MAX_REPLAY_TOKENS = 2048
"""A longer row is not replayed."""


def training_samples(
    kept: Sequence[StoredSample], samples: Sequence[StoredSample], loss: Loss, seed: int
) -> list[TrainSample]:
    """Training samples in the order of their rows. `samples` are all of the cycle, which reinforce_rej compares.

    Under reinforce_rej a sample weighs its reward less the mean reward of its problem's scored samples; a problem
    without a failure, or without a success, gives no samples; and never more failures of a problem than successes.
    """
    if loss != "reinforce_rej":
        return [_from_stored(stored, 1.0) for stored in kept]
    scored = [s for s in samples if s.verdict and s.verdict.status != "unscored"]
    rewards = [s.verdict.reward for s in scored if s.verdict]
    weights = dict(zip((s.id for s in scored), advantages([s.sample.task_id for s in scored], rewards), strict=True))
    both = sorted([*kept, *_failures(kept, samples, seed)], key=lambda stored: stored.id)
    return [_from_stored(stored, weights[stored.id]) for stored in both if weights[stored.id]]


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


def _failures(kept: Sequence[StoredSample], samples: Sequence[StoredSample], seed: int) -> list[StoredSample]:
    """Failed samples that were not cut off, drawn at random, of each problem as many as were kept of it."""
    successes = by_problem(kept)
    failures = []
    for task_id, group in by_problem(s for s in samples if _has_failed(s)).items():
        failures += sorted(group, key=lambda stored: coin(stored, seed))[: len(successes.get(task_id, ()))]
    return failures


def _has_failed(stored: StoredSample) -> bool:
    return stored.reason in ("failed", "below_threshold") and stored.sample.finish_reason == "stop"


def _from_stored(stored: StoredSample, weight: float) -> TrainSample:
    sample = stored.sample
    return TrainSample(sample.task_id, sample.prompt_ids, sample.token_ids, sample.logprobs, weight)


def _from_example(example: Example) -> TrainSample | None:
    """None for a chat of several answers: a training sample has one."""
    start = next(i for i, label in enumerate(example.labels) if label != IGNORED)
    if IGNORED in example.labels[start:]:
        return None
    return TrainSample("replay", example.input_ids[:start], example.input_ids[start:], ())

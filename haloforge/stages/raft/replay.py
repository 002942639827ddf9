"""Rows of solved problems or chats that are mixed in with what a cycle kept, against forgetting."""

from haloforge.config import RaftConfig
from haloforge.models.loading import load_tokenizer
from haloforge.problems.manifest import refuse_benchmark
from haloforge.problems.rows import load_training_rows
from haloforge.stages.raft.splits import Split
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.train.data import encode
from haloforge.train.examples import IGNORED, Example, TrainSample

LONGEST = 2048
"""Tokens; a longer row is not replayed."""


def check_replay_file(config: RaftConfig) -> None:
    """Raises DataError for a file without rows to learn from, or one that is the test split of a benchmark."""
    if file := config.training.replay_file:
        refuse_benchmark(file)
        load_training_rows(file)


def replayed(config: RaftConfig, split: Split, kept: int, cycle: int) -> list[TrainSample]:
    """So many rows of `training.replay_file`, drawn anew in every cycle, that they are the share asked for.

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
    examples = encode(drawn, load_tokenizer(config.sft_checkpoint), LONGEST).examples
    return [lesson for example in examples if (lesson := _lesson(example))]


def _lesson(example: Example) -> TrainSample | None:
    """None for a chat of several answers: a training sample has one."""
    start = next(i for i, label in enumerate(example.labels) if label != IGNORED)
    if IGNORED in example.labels[start:]:
        return None
    return TrainSample("replay", example.input_ids[:start], example.input_ids[start:], ())

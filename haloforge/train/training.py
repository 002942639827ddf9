"""What a training is asked for and what came of it, whichever stage asks. Light to import: no torch."""

from dataclasses import dataclass
from pathlib import Path

from haloforge.config import AUTO, DEFAULT_ROWS, LoraSection, RaftTraining, SftTraining
from haloforge.train.launch import processes

TrainingSettings = SftTraining | RaftTraining
"""The section `training` of a stage's config, read as it is."""


@dataclass(frozen=True, slots=True)
class Training:
    """What to train, how, and where it goes: checkpoints into `work` while it lasts, the model into `target`.

    `start` names the checkpoint to train; `lora` shapes the new adapter where that is none. `seed` decides the row
    order, the adapter's start and the dropout. `cycle` is a RAFT cycle counted from 1, None in SFT.
    """

    start: str
    settings: TrainingSettings
    lora: LoraSection
    seed: int
    work: Path
    target: Path
    stage: str
    cycle: int | None = None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training ended. `loss` is the last step's, `eval_loss` the published step's (None without held-out rows).

    `tokens` counts prompts and completions, without padding; `seconds` only the process that finished.
    """

    path: str
    steps: int
    best_step: int
    tokens: int
    seconds: float
    loss: float | None
    eval_loss: float | None


def rows_per_step(settings: TrainingSettings) -> int:
    """How many rows an optimizer step learns from, in one process."""
    rows = DEFAULT_ROWS if settings.batch_size == AUTO else settings.batch_size
    return rows * settings.gradient_accumulation_steps


def rows_of_like_length(settings: TrainingSettings) -> int:
    """How many neighbours the row order sorts by length: a batch, or an optimizer step where batches may shrink."""
    return rows_per_step(settings) if settings.batch_size == AUTO else settings.batch_size


def optimizer_steps(rows: int, settings: TrainingSettings) -> int:
    """How often the weights change when `rows` rows are trained on, as the Trainer counts in all processes together."""
    steps_per_epoch = max(1, -(-rows // (rows_per_step(settings) * processes(settings.launch))))
    return max(1, -int(-settings.epochs * steps_per_epoch // 1))

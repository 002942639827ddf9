"""How many rows go through the model at once where `training.batch_size` is `auto`: as many as the memory holds.

An optimizer step learns from the same rows whatever the answer is, so it changes speed and memory and nothing else. It
is found by trying: the longest rows come first, so a memory that is too small for them shows in the first step. On a
CPU the first try holds, since a batch is learned from in parts there.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch

from haloforge.config import AUTO
from haloforge.files import read_text, write_text
from haloforge.records import Reporter
from haloforge.train.training import Training, TrainingSettings, rows_per_step

_RECORD = "rows_at_once.json"


def train_sized(training: Training, train: Callable[[TrainingSettings], None], report: Reporter) -> None:
    """Call `train` with settings whose batch size is a number.

    Where it is auto and PyTorch runs out of memory, `train` is called again, with the next smaller divisor of the rows
    of an optimizer step that is at most half as many; a training that resumes begins with the number that held. With
    one row at once the error is raised.
    """
    if training.settings.batch_size != AUTO:
        train(training.settings)
        return
    record = training.work / _RECORD
    rows = _recorded(record) or rows_per_step(training.settings)
    while not _fits(train, with_batches_of(rows, training.settings), is_last=rows == 1):
        rows = _at_most_half(rows, rows_per_step(training.settings))
        write_text(record, json.dumps(rows))
        report.log(f"training.batch_size auto: the memory is too small for so many rows; going on with {rows} at once")


def with_batches_of(rows: int, settings: TrainingSettings) -> TrainingSettings:
    """The same settings with `rows` rows at once and as many rows in an optimizer step. `rows` divides those."""
    accumulated = rows_per_step(settings) // rows
    return settings.model_copy(update={settings.batch_size_name: rows, "gradient_accumulation_steps": accumulated})


def _fits(train: Callable[[TrainingSettings], None], settings: TrainingSettings, *, is_last: bool) -> bool:
    try:
        train(settings)
    except torch.OutOfMemoryError:
        if is_last:
            raise
        return False
    return True


def _at_most_half(rows: int, per_step: int) -> int:
    return next(fewer for fewer in range(rows // 2, 0, -1) if per_step % fewer == 0)


def _recorded(record: Path) -> int | None:
    return int(json.loads(read_text(record))) if record.exists() else None

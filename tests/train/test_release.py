"""When a training ends, however it ends, its model is gone."""

from dataclasses import replace
from pathlib import Path

import pytest
import training_samples
from live_models import counted

from haloforge.errors import ConfigError, Stopped
from haloforge.store import Report
from haloforge.train import TrainSample
from haloforge.train.fitting import fit


def test_a_training_that_ends_well_keeps_no_model(model: str, report: Report, tmp_path: Path) -> None:
    with counted() as live:
        fit(training_samples.cycle(model, report, tmp_path, num_train_epochs=1), training_samples.samples(), [], report)
        assert live.count == 0


def test_a_training_that_fails_keeps_no_model_even_while_its_error_is_held(
    model: str, report: Report, tmp_path: Path
) -> None:
    task = training_samples.cycle(model, report, tmp_path, learning_rate=1.0, max_grad_norm=1e9, num_train_epochs=60)
    rows = [replace(sample, weight=1e38) for sample in training_samples.samples()]
    with counted() as live, pytest.raises(ConfigError, match="no longer a number") as failed:
        fit(task, rows, [], report)
    assert failed.value.__traceback__ is not None
    assert live.count == 0


def test_a_training_that_the_user_stops_keeps_no_model(model: str, report: Report, tmp_path: Path) -> None:
    class Impatient(Report):
        def stop_asked(self, at_cycle_end: bool = False) -> bool:
            return True

    task = training_samples.cycle(model, report, tmp_path)
    with counted() as live, pytest.raises(Stopped):
        fit(task, training_samples.samples(), [], Impatient(report.store, report.run_id))
    assert live.count == 0


def test_a_model_that_cannot_be_made_ready_for_training_is_let_go(model: str, report: Report, tmp_path: Path) -> None:
    task = training_samples.cycle(model, report, tmp_path)
    rows = [TrainSample("t", (5,), (999_999, 2), (-1.0, -1.0))]  # an id that the vocabulary does not have
    with counted() as live, pytest.raises(IndexError) as failed:
        fit(task, rows, [], report)
    assert failed.value.__traceback__ is not None
    assert live.count == 0

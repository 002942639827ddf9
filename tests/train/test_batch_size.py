"""`batch_size: auto`: as many rows at once as the memory holds, and the same rows in every optimizer step."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import training_samples
from safetensors.torch import load_file

from haloforge.config import AUTO, SftConfig
from haloforge.errors import ConfigError, Stopped
from haloforge.settings import StageConfig, command
from haloforge.store import Report
from haloforge.train import Example, Training, optimizer_steps, trainer
from haloforge.train.fitting import fit

TRAIN = [Example(tuple(range(3, 20 + i)), tuple(range(3, 20 + i))) for i in range(12)]
"""With 2 x 6 rows in an optimizer step: one step an epoch, whatever number goes through the model at once."""

RowsSeen = Callable[[], list[int]]


def training(model: str, report: Report, output: Path, name: str, batch_size: object, rows: int = 12) -> Training:
    task = training_samples.cycle(
        model,
        report,
        output / name,
        num_train_epochs=3,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=rows // (2 if batch_size == AUTO else batch_size),  # type: ignore[operator]
    )
    task = replace(task, work=report.folder / name, stage="sft", cycle=None)
    return replace(task, lora=task.lora.model_copy(update={"dropout": 0.0}))


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], RowsSeen]:
    """Make PyTorch's memory end, as a GPU's does, where more than so many rows go through the model at once."""
    real = trainer.score
    seen: list[int] = []

    def limit(rows: int) -> RowsSeen:
        def score(model: Any, inputs: dict[str, torch.Tensor]) -> Any:
            if len(inputs["input_ids"]) > rows:
                raise torch.OutOfMemoryError("CUDA out of memory")
            seen.append(len(inputs["input_ids"]))
            return real(model, inputs)

        monkeypatch.setattr(trainer, "score", score)
        monkeypatch.setattr("haloforge.train.micro_batches.TOKENS_AT_A_TIME", 10_000)
        return lambda: seen

    return limit


def logged(report: Report) -> str:
    return "\n".join(e.data["text"] for e in report.store.events(report.run_id, kind="log"))


def test_all_rows_of_a_step_go_at_once_where_they_fit(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    seen = room_for(12)
    result = fit(training(model, report, tmp_path, "auto", AUTO), TRAIN, [], report)
    assert (result.steps, seen()) == (3, [12, 12, 12])


def test_fewer_rows_go_at_once_until_they_fit_and_every_step_learns_from_as_many(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    seen = room_for(3)
    result = fit(training(model, report, tmp_path, "auto", AUTO), TRAIN, [], report)
    assert (result.steps, seen()) == (3, [3] * 12)
    assert "with 6 at once" in logged(report) and "with 3 at once" in logged(report)


def test_a_smaller_number_at_once_learns_the_same(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    trained = {}
    for rows in (12, 4):
        room_for(rows)
        task = training(model, report, tmp_path, f"auto {rows}", AUTO)
        trained[rows] = load_file(Path(fit(task, TRAIN, [], report).path) / "adapter_model.safetensors")
    for name, value in trained[12].items():
        torch.testing.assert_close(value, trained[4][name], rtol=1e-3, atol=1e-5)


def test_a_training_that_goes_on_begins_with_the_number_that_held(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    room_for(3)
    task = training(model, report, tmp_path, "auto", AUTO)
    report.store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        fit(task, TRAIN, [], report)
    report.store.update_run(report.run_id, stop="")
    seen = room_for(12)
    seen().clear()
    fit(task, TRAIN, [], report)
    assert set(seen()) == {3}


def test_one_row_that_does_not_fit_is_the_error_itself(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    room_for(0)
    with pytest.raises(torch.OutOfMemoryError):
        fit(training(model, report, tmp_path, "auto", AUTO), TRAIN, [], report)


def test_a_number_is_never_changed(
    model: str, report: Report, tmp_path: Path, room_for: Callable[[int], RowsSeen]
) -> None:
    room_for(3)
    with pytest.raises(torch.OutOfMemoryError):
        fit(training(model, report, tmp_path, "four", 4), TRAIN, [], report)


@pytest.mark.parametrize("rows", [11, 12, 13, 25])
def test_auto_takes_as_many_optimizer_steps_as_the_default(rows: int) -> None:
    steps = [
        optimizer_steps(rows, config({"per_device_train_batch_size": size, "gradient_accumulation_steps": 6}).training)
        for size in (AUTO, 2)
    ]
    assert steps[0] == steps[1]


def config(training: dict[str, Any]) -> SftConfig:
    return SftConfig.parse({"model": {"name": "m"}, "data": {"train_file": "d.jsonl"}, "training": training})


def test_auto_is_read_and_written_back_everywhere() -> None:
    read: StageConfig = config({"per_device_train_batch_size": "auto"})
    assert "per_device_train_batch_size: auto" in read.to_yaml()
    assert command(read)[-2:] == ["--batch-size", "auto"]


@pytest.mark.parametrize("wrong", ["many", 0, 2000, 2.5])
def test_another_word_or_a_number_out_of_bounds_is_one_sentence(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"^training\.per_device_train_batch_size .*, or auto \(not "):
        config({"per_device_train_batch_size": wrong})

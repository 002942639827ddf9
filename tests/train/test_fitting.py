"""From rows to a published model: early stopping, the best checkpoint, what is reported, what is written."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import training_samples
from tiny import save_tiny_adapter

from haloforge.config import RaftTraining
from haloforge.errors import ConfigError, MachineError
from haloforge.models import Metadata, load, read_metadata
from haloforge.store import Report
from haloforge.train import Example, Training, TrainSample, checkpoints, optimizer_steps
from haloforge.train.fitting import fit
from haloforge.train.optimizing import trainer_arguments
from haloforge.train.precision import Precision
from haloforge.train.reporting import evaluations_since_best, is_exhausted

TRAIN = [Example(tuple(range(3, 20 + i)), tuple(range(3, 20 + i))) for i in range(12)]
OTHER = [Example(tuple(range(120 + i, 90, -1)), tuple(range(120 + i, 90, -1))) for i in range(4)]
"""Counting up and counting down: what is learned from the first makes the second worse."""


def training(model: str, report: Report, output: Path, **changes: object) -> Training:
    task = training_samples.cycle(model, report, output, **changes)  # type: ignore[arg-type]
    return replace(task, work=report.folder / "training", stage="sft", cycle=None)


def test_the_best_step_is_published_and_training_stops_when_it_only_gets_worse(
    model: str, report: Report, tmp_path: Path
) -> None:
    task = training(
        model, report, tmp_path, num_train_epochs=20, eval_steps=2, early_stopping_patience=3, learning_rate=2e-2
    )
    result = fit(task, TRAIN, OTHER, report)
    losses = [
        e.data["values"]["loss"] for e in report.store.events(report.run_id, kind="metric") if e.data["name"] == "eval"
    ]
    assert result.steps < optimizer_steps(len(TRAIN), task.settings)
    assert result.eval_loss == min(losses)
    assert result.best_step == 2 * (losses.index(min(losses)) + 1) < result.steps
    assert len(losses) == losses.index(min(losses)) + 1 + 3


def test_the_model_loads_by_its_folder_and_says_where_it_came_from(model: str, report: Report, tmp_path: Path) -> None:
    fit(training(model, report, tmp_path, num_train_epochs=1), TRAIN, [], report)
    folder = tmp_path / "final_model"
    assert read_metadata(folder) == Metadata(base_model=model, parent=model, run=report.run_id, stage="sft")
    assert load(str(folder), device="cpu").tokenizer.chat_template is not None
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "haloforge.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert not list(report.folder.glob("training/checkpoint-*")), "checkpoints are cleared away"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_steps_are_counted_as_the_trainer_counts_them(model: str, report: Report, tmp_path: Path) -> None:
    for number, (rows, epochs) in enumerate([(12, 1.0), (11, 1.5), (3, 0.5), (5, 2.0)]):
        task = training(model, report, tmp_path / str(number), num_train_epochs=epochs)
        task = replace(task, work=report.folder / str(number))
        assert fit(task, TRAIN[:rows], [], report).steps == optimizer_steps(rows, task.settings)


def test_progress_and_metrics_tell_every_step(model: str, report: Report, tmp_path: Path) -> None:
    result = fit(training(model, report, tmp_path, num_train_epochs=2), TRAIN, OTHER, report)
    progress = [e.data for e in report.store.events(report.run_id, kind="progress")]
    assert (progress[0]["done"], progress[-1]["done"], progress[-1]["total"]) == (0, result.steps, result.steps)
    metrics = [e.data for e in report.store.events(report.run_id, kind="metric")]
    steps = [m["step"] for m in metrics if m["name"] == "train"]
    assert steps == list(range(1, result.steps + 1))
    assert all(
        m["values"]["learning_rate"] > 0 and m["values"]["grad_norm"] > 0 for m in metrics if m["name"] == "train"
    )
    assert [m["step"] for m in metrics if m["name"] == "eval"] == [5, 6]
    assert result.tokens == 2 * sum(len(row.input_ids) for row in TRAIN)


def test_an_adapter_without_its_tokenizer_can_be_trained_on(model: str, report: Report, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter", model)
    fit(training(str(adapter), report, tmp_path / "out", num_train_epochs=1), TRAIN, [], report)
    kept = json.loads((tmp_path / "out" / "final_model" / "adapter_config.json").read_text())
    assert (kept["r"], kept["base_model_name_or_path"]) == (4, model)
    assert load(str(tmp_path / "out" / "final_model"), device="cpu").checkpoint.parent == str(adapter)


def test_a_loss_that_is_no_number_ends_the_training_with_advice(model: str, report: Report, tmp_path: Path) -> None:
    task = training(model, report, tmp_path, learning_rate=1.0, max_grad_norm=1e9, num_train_epochs=60)
    rows = [TrainSample("t", (), row.labels, tuple(0.0 for _ in row.labels), weight=1e38) for row in TRAIN]
    with pytest.raises(ConfigError, match="the loss is no longer a number at step .*learning rate"):
        fit(task, rows, [], report)


def test_a_full_disk_is_one_sentence_and_loses_nothing(model: str, report: Report, tmp_path: Path) -> None:
    wide = training_samples.LORA.model_copy(update={"r": 64})
    task = replace(training(model, report, tmp_path, save_steps=1, num_train_epochs=1), lora=wide)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(MachineError, match=r"no space|checkpoint can be written|disk failed"):
            fit(task, TRAIN, [], report)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "final_model").exists()
    assert fit(task, TRAIN, [], report).steps == 3


def test_ratio_losses_need_log_probs(model: str, report: Report, tmp_path: Path) -> None:
    bare = [replace(sample, logprobs=()) for sample in training_samples.samples()]
    with pytest.raises(ConfigError, match="log-probs"):
        fit(replace(training(model, report, tmp_path), settings=RaftTraining(loss="raft++")), bare, [], report)


@pytest.mark.parametrize(("asked", "has_gpu"), [(True, True), (True, False), (False, True)])
def test_activations_are_checkpointed_on_a_gpu_where_that_is_asked_for(
    asked: bool, has_gpu: bool, model: str, report: Report, tmp_path: Path
) -> None:
    task = training(model, report, tmp_path, gradient_checkpointing=asked)
    arguments = trainer_arguments(
        task, len(TRAIN), numbers=Precision("float32", has_scaler=False), has_gpu=has_gpu, evaluates=False
    )
    assert arguments.activation_checkpointing is (asked and has_gpu)


def test_a_torn_checkpoint_is_never_gone_on_from(tmp_path: Path) -> None:
    for step in (4, 8, 12):
        (tmp_path / f"checkpoint-{step}").mkdir()
    checkpoints.mark_complete(tmp_path, 4)
    checkpoints.mark_complete(tmp_path, 8)
    assert checkpoints.last_checkpoint(tmp_path) == tmp_path / "checkpoint-8"
    checkpoints.remove_incomplete(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-4", "checkpoint-8"]


def test_publishing_replaces_what_was_there_and_what_a_dead_process_left(tmp_path: Path) -> None:
    checkpoint, target = tmp_path / "checkpoint-1", tmp_path / "final_model"
    for folder, text in ((checkpoint, "new"), (target, "old"), (tmp_path / ".final_model-new", "torn")):
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_text(text)
    (checkpoint / "optimizer.pt").write_text("large")
    checkpoints.publish(checkpoint, target, Metadata(base_model="b"))
    assert (target / "adapter_model.safetensors").read_text() == "new"
    assert sorted(p.name for p in target.iterdir()) == ["adapter_model.safetensors", "haloforge.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-1", "final_model"]


def test_patience_counts_evaluations_since_the_first_of_the_lowest() -> None:
    history = [{"eval_loss": loss} for loss in (3.0, 2.0, 2.5, 2.0, float("nan"))]
    assert [evaluations_since_best(history[:n]) for n in range(6)] == [0, 0, 0, 1, 2, 3]
    assert (is_exhausted(history, 3), is_exhausted(history, 4), is_exhausted(history, 0)) == (True, False, False)

"""A training that is stopped, killed or called again ends with the weights of one that was left alone."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import training_samples
from safetensors.torch import load_file
from training_samples import LORA, cycle, samples

from haloforge.errors import RunError, Stopped
from haloforge.models import read_metadata
from haloforge.store import Report, Store
from haloforge.train import TrainResult, TrainSample, checkpoints
from haloforge.train.fitting import fit


def weights(output: Path) -> dict[str, torch.Tensor]:
    return load_file(output / "final_model" / "adapter_model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def train(
    model: str,
    learned: list[TrainSample],
    output: Path,
    report: Report,
    epochs: float = training_samples.SETTINGS.epochs,
) -> TrainResult:
    return fit(cycle(model, report, output, num_train_epochs=epochs), learned, [], report)


def steps_reported(report: Report) -> list[int]:
    return [e.data["done"] for e in report.store.events(report.run_id, kind="progress")]


def kill_after(report: Report, step: int, model: str, output: Path, epochs: int) -> None:
    """Start a worker process and SIGKILL it once it has reported that step."""
    words = [training_samples.__file__, str(report.store.root), report.run_id, model, str(output), str(epochs)]
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL) as worker:
        while max(steps_reported(report), default=0) < step:
            assert worker.poll() is None, "the worker ended before it could be killed"
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_weights(model: str, report: Report, store: Store, tmp_path: Path) -> None:
    other = Report(store, store.create_run("raft", {}).id)
    train(model, samples(), tmp_path / "unbroken", other, epochs=25)

    for step in (20, 60):
        kill_after(report, step, model, tmp_path / "killed", epochs=25)
    work = report.folder / "training-cycle-1"
    assert checkpoints.last_checkpoint(work) is not None
    assert not (tmp_path / "killed" / "final_model").exists()
    before = len(steps_reported(report))
    train(model, samples(), tmp_path / "killed", report, epochs=25)

    assert steps_reported(report)[before] > 0, "it should go on, not begin again"
    assert_same_weights(tmp_path / "unbroken", tmp_path / "killed")


def test_stopped_by_the_user_it_goes_on_to_the_same_weights(
    model: str, report: Report, store: Store, tmp_path: Path
) -> None:
    other = Report(store, store.create_run("raft", {}).id)
    train(model, samples(), tmp_path / "unbroken", other)

    store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        train(model, samples(), tmp_path / "stopped", report)
    last = checkpoints.last_checkpoint(report.folder / "training-cycle-1")
    assert last is not None
    assert checkpoints.state_of(last)["global_step"] == 1
    store.update_run(report.run_id, stop="")
    train(model, samples(), tmp_path / "stopped", report)

    assert_same_weights(tmp_path / "unbroken", tmp_path / "stopped")


def test_called_again_it_returns_what_it_made(model: str, report: Report, tmp_path: Path) -> None:
    first = train(model, samples(), tmp_path, report, epochs=1)
    events = len(report.store.events(report.run_id))
    assert train(model, samples(), tmp_path, report, epochs=1) == first
    assert len(report.store.events(report.run_id)) == events


def test_a_published_model_whose_result_was_not_recorded_is_made_again(
    model: str, report: Report, tmp_path: Path
) -> None:
    first = train(model, samples(), tmp_path, report, epochs=1)
    before = weights(tmp_path)
    (report.folder / "training-cycle-1" / "result.json").unlink()
    again = train(model, samples(), tmp_path, report, epochs=1)
    assert again.steps == first.steps
    assert all(torch.equal(before[name], after) for name, after in weights(tmp_path).items())


def test_other_samples_are_never_mixed_in(model: str, report: Report, store: Store, tmp_path: Path) -> None:
    store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        train(model, samples(), tmp_path, report)
    with pytest.raises(RunError, match="the training data changed"):
        train(model, samples(seed=1), tmp_path, report)


def test_a_training_begun_by_another_version_starts_again(
    model: str, report: Report, store: Store, tmp_path: Path
) -> None:
    other = Report(store, store.create_run("raft", {}).id)
    train(model, samples(), tmp_path / "unbroken", other)

    store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        train(model, samples(), tmp_path / "begun", report)
    store.update_run(report.run_id, stop="")
    path = report.folder / "training-cycle-1" / "fingerprint.json"
    fingerprint = json.loads(path.read_text())
    fingerprint["settings"]["patience"] = fingerprint["settings"].pop("learning_rate")
    fingerprint["training data"] = "the same samples, in the order of the other version"
    path.write_text(json.dumps(fingerprint))
    train(model, samples(), tmp_path / "begun", report)

    assert any("another version" in e.data["text"] for e in store.events(report.run_id, kind="log"))
    assert_same_weights(tmp_path / "unbroken", tmp_path / "begun")


def test_other_settings_are_never_mixed_in(model: str, report: Report, store: Store, tmp_path: Path) -> None:
    store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        train(model, samples(), tmp_path, report)
    with pytest.raises(RunError, match="the settings changed"):
        train(model, samples(), tmp_path, report, epochs=7)


def test_a_cycle_goes_on_with_the_adapter_of_the_one_before(model: str, report: Report, tmp_path: Path) -> None:
    train(model, samples(), tmp_path / "cycle_1", report, epochs=1)
    first = str(tmp_path / "cycle_1" / "final_model")
    next_cycle = cycle(first, report, tmp_path / "cycle_2", number=2, num_train_epochs=1)
    other_rank = replace(next_cycle, lora=LORA.model_copy(update={"r": 8}))
    fit(other_rank, samples(seed=1), [], report)

    one, two = weights(tmp_path / "cycle_1"), weights(tmp_path / "cycle_2")
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in two.items()}, "the old rank stays"
    assert any(not torch.equal(one[name], two[name]) for name in one)
    metadata = read_metadata(tmp_path / "cycle_2" / "final_model")
    assert (metadata.parent, metadata.base_model, metadata.run, metadata.cycle) == (first, model, report.run_id, 2)

"""A training that two processes share ends with the weights of one process that learned the same rows."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import tiny_tokenizer
from training_samples import LORA, cycle, samples, uneven_samples

from haloforge.children import process_name
from haloforge.errors import ConfigError, MachineError, RunError, Stopped
from haloforge.store import Report, Store
from haloforge.train import Training
from haloforge.train.exchange import WORKER
from haloforge.train.fitting import fit
from haloforge.train.launch import command, processes, refuse_unstartable

TWO = "torchrun --nproc-per-node 2"


def of(model: str, report: Report, output: Path, launch: str | None, batches: int) -> Training:
    """A training of 2 rows at once and `batches` of them in an optimizer step, over all processes."""
    whole = cycle(model, report, output, num_train_epochs=4, save_steps=2)
    passes = {whole.settings.batch_size_name: 2, "gradient_accumulation_steps": batches, "launch": launch}
    lora = LORA.model_copy(update={"dropout": 0.0})  # each process would drop other values than one alone
    return replace(whole, settings=whole.settings.model_copy(update=passes), lora=lora)


class AtStep(Report):
    """Stops the training, or kills one of its processes, once that step is reported."""

    step, kills, killed = 5, False, False

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        super().progress(phase, done, total, cycle=cycle, unit=unit)
        if self.kills and done >= self.step and not self.killed:
            self.killed = True
            os.kill(processes_of(self.folder)[-1], signal.SIGKILL)

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        return not self.kills and any(
            e.data["done"] >= self.step for e in self.store.events(self.run_id, kind="progress")
        )


def processes_of(run_folder: Path) -> list[int]:
    """Who trains for that run, by the command lines of this machine."""
    named = str(run_folder).encode()
    lines = {path: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
    ranks = [path for path, line in lines.items() if named in line and b"torch.distributed.run" not in line]
    return sorted(int(path.parent.name) for path in ranks)


def weights(training: Training) -> dict[str, torch.Tensor]:
    return load_file(training.target / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def alone(model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of one process that adds up two batches a step."""
    folder = tmp_path_factory.mktemp("alone")
    store = Store(folder / "runs")
    report = Report(store, store.create_run("raft", {}).id)
    torch.set_num_threads(1)
    training = of(model, report, folder / "model", None, 2)
    fit(training, samples(), [], report)
    return weights(training)


def test_two_processes_learn_what_one_learns(
    model: str, report: Report, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    training = of(model, report, tmp_path, TWO, 1)
    result = fit(training, samples(), [], report)
    shared = weights(training)
    assert shared.keys() == alone.keys() and all(torch.equal(shared[name], alone[name]) for name in alone)
    assert result.steps == 24
    assert len(report.store.events(report.run_id, kind="metric")) >= 24


@pytest.fixture(scope="module")
def uneven(model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, Report]:
    """What two processes learned, with dropout, of batches that they cut into different numbers of parts."""
    folder = tmp_path_factory.mktemp("uneven")
    store = Store(folder / "runs")
    report = Report(store, store.create_run("raft", {}).id)
    training = replace(of(model, report, folder / "model", TWO, 1), lora=LORA)
    fit(training, uneven_samples(), [], report)
    return training, report


def test_batches_of_different_numbers_of_parts_are_reported_once_a_step(uneven: tuple[Training, Report]) -> None:
    reported = [event.data for event in uneven[1].store.metrics(uneven[1].run_id, "train")]
    assert [data["step"] for data in reported] == [*range(1, 25)]
    assert all(0 < data["values"]["entropy"] < log(len(tiny_tokenizer())) for data in reported)


def test_killed_stopped_and_resumed_it_ends_with_the_same_weights(
    model: str, store: Store, tmp_path: Path, uneven: tuple[Training, Report]
) -> None:
    one, broken = uneven[0], Report(store, store.create_run("raft", {}).id)
    other = replace(of(model, broken, tmp_path / broken.run_id, TWO, 1), lora=LORA)
    killing, stopping = (AtStep(store, broken.run_id) for _ in range(2))
    killing.kills, stopping.step = True, 12
    with pytest.raises(MachineError, match=r"a process of the training was killed .* resume the run"):
        fit(other, uneven_samples(), [], killing)
    assert killing.killed and processes_of(broken.folder) == []
    with pytest.raises(Stopped):
        fit(other, uneven_samples(), [], stopping)
    assert processes_of(broken.folder) == []
    with pytest.raises(RunError, match="number of training processes changed"):
        fit(of(model, broken, tmp_path / broken.run_id, None, 1), uneven_samples(), [], broken)
    fit(other, uneven_samples(), [], broken)
    assert all(torch.equal(weights(one)[name], weights(other)[name]) for name in weights(one))


def test_a_process_that_is_started_again_after_its_worker_has_ended_ends_too(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    environment = os.environ | {WORKER: process_name(worker.pid)}
    worker.communicate()
    wait = "import time; from haloforge.train.__main__ import _end_with_the_others as end; import os"
    script = f"{wait}; end(os.environ[{WORKER!r}]); time.sleep(600)"
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 1


def test_a_launcher_that_starts_another_number_of_processes_is_refused(
    model: str, report: Report, tmp_path: Path
) -> None:
    one = tmp_path / "launcher"
    one.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    one.chmod(0o755)
    with pytest.raises(ConfigError, match="training.launch should start 2 processes and started 1"):
        fit(of(model, report, tmp_path, f"{one} --num_processes 2", 1), samples(), [], report)


@pytest.mark.parametrize(
    ("launch", "count"),
    [
        (None, 1),
        ("torchrun --nproc-per-node 8", 8),
        ("torchrun --nnodes=2 --nproc_per_node=4 --rdzv-endpoint=a:1", 8),
        ("accelerate launch --num_processes 3", 3),
    ],
)
def test_a_launch_says_how_many_processes_it_starts(launch: str | None, count: int) -> None:
    assert processes(launch) == count


def test_an_accelerate_config_says_how_many_processes_there_are(tmp_path: Path) -> None:
    (tmp_path / "fsdp.yaml").write_text("distributed_type: FSDP\nnum_processes: 8\n")
    assert processes(f"accelerate launch --config_file {tmp_path}/fsdp.yaml") == 8


@pytest.mark.parametrize("launch", ["torchrun", "", "torchrun --nproc-per-node many", "torchrun 'x", "srun -n 0"])
def test_a_launch_that_does_not_say_how_many_processes_is_refused(launch: str) -> None:
    with pytest.raises(ConfigError, match=r"^training\.launch"):
        processes(launch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("count", ["gpu", "auto"])
def test_processes_counted_by_gpus_are_refused_where_there_is_none(count: str) -> None:
    with pytest.raises(ConfigError, match=r"no GPU here.* 'torchrun --nproc-per-node 2'"):
        processes(f"torchrun --nproc-per-node {count}")


def test_trainings_at_the_same_time_meet_at_ports_of_their_own() -> None:
    assert "--standalone" in command(TWO, "haloforge.train", "x")
    assert "--standalone" not in command(f"{TWO} --master-port 29501", "haloforge.train", "x")


def test_a_launcher_that_is_not_there_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="there is no program 'nosuch'"):
        refuse_unstartable("nosuch --num_processes 2")

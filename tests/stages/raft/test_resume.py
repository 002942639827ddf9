"""Killed with SIGKILL anywhere, a run ends as if nothing had happened: the same samples, choices and weights."""

import importlib.util
import multiprocessing
import os
import random
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import WHOLE
from stored_samples import ids_of
from worlds import raft_config, run_raft

from haloforge.config import RaftConfig
from haloforge.store import Store

SERVER = multiprocessing.get_context("forkserver")
PRELOADED = [
    "haloforge.stages.raft.run",
    "haloforge.train.trainer",
    "haloforge.generate.local",
    "peft.tuners.lora",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
]
"""What every process imports, so that the sixteen of a test import it once. A forkserver skips a name that is gone."""
assert all(map(importlib.util.find_spec, PRELOADED))
SERVER.set_forkserver_preload(PRELOADED)

Facts = dict[str, Any]


class Doom(NamedTuple):
    """Where a process dies: in which phase, and at which of its writes, or at its end before or after that is noted."""

    cycle: int
    phase: str
    where: str
    write: int = 0


class Doomed(Store):
    """A store whose process is killed where `doom` says."""

    doom: Doom
    is_near = False
    writes_left = 0

    def begin_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
        super().begin_phase(run_id, cycle, phase, data)
        self.is_near, self.writes_left = (cycle, phase) == self.doom[:2], self.doom.write

    def end_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
        is_last = self.is_near
        self.is_near = False
        if is_last and self.doom.where != "after its end":
            die()
        super().end_phase(run_id, cycle, phase, data)
        if is_last:
            die()

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        counts = self.is_near and self.doom.where == "in its middle"
        if counts and self.writes_left == 0:
            (self.root / f"died in {self.doom.cycle} {self.doom.phase}").touch()
            die()
        changed = super().write(statements)
        self.writes_left -= counts
        return changed


def die() -> None:
    """As the kernel ends a process that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def work_until(config: RaftConfig, root: Path, run_id: str, doom: Doom) -> None:
    """Work on a run and die where it is said; runs in a process of its own."""
    import torch

    from haloforge.stages import raft
    from haloforge.store import Report

    torch.set_num_threads(1)
    with Doomed(root) as store:
        store.doom = doom
        raft.run(config, Report(store, run_id))
        store.finish(run_id, "done")


def kill_and_resume(config: RaftConfig, root: Path, dooms: Iterable[Doom]) -> list[Doom]:
    """Work on a run in processes that are killed one after the other, and in a last one; returns who was not killed."""
    with Store(root) as store:
        run_id = store.create_run("raft", config.to_json()).id
    survivors = []
    for doom in (*dooms, Doom(0, "none", "")):
        worker = SERVER.Process(target=work_until, args=(config, root, run_id, doom))
        worker.start()
        worker.join()
        assert worker.exitcode in (0, -signal.SIGKILL), doom
        if worker.exitcode == 0:
            survivors.append(doom)
    return survivors


def facts(root: Path, config: RaftConfig) -> Facts:
    """Everything that must not depend on how often a run was killed."""
    with Store(root) as store:
        (run,) = store.runs()
        samples, phases = store.samples(run.id), store.phases(run.id)
        ids = ids_of(store, samples)
    weights = sorted(Path(config.output_dir).glob("cycle_*/final_model/adapter_model.safetensors"))
    return {
        "phases": [(phase["cycle"], phase["phase"]) for phase in phases],
        "samples": [(s.cycle, s.purpose, s.sample.task_id, s.sample.index) for s in samples],
        "token ids": ids,
        "verdicts": [(s.verdict.status, s.verdict.reward) for s in samples if s.verdict],
        "selection": [(s.kept, s.reason) for s in samples],
        "weights": [path.read_bytes() for path in weights],
    }


@pytest.fixture(scope="module")
def undisturbed(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What a run that nobody disturbs ends with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    config = raft_config(taught, folder)
    run_raft(config, folder / "runs")
    return facts(folder / "runs", config)


WHERE = ("in its middle", "before its end", "after its end")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(len(WHERE) if WHOLE else 1))
def test_a_run_that_is_killed_in_and_around_every_phase_ends_the_same(
    seed: int, undisturbed: Facts, taught: Path, tmp_path: Path
) -> None:
    """Every phase dies at a random write in its middle or at a side of its end; over three seeds at all: 45 kills."""
    generator = random.Random(seed)
    dooms = [
        Doom(cycle, phase, WHERE[(number + seed) % len(WHERE)], generator.randrange(6))
        for number, (cycle, phase) in enumerate(undisturbed["phases"])
    ]
    config = raft_config(taught, tmp_path)
    survivors = kill_and_resume(config, tmp_path / "runs", dooms)
    found = facts(tmp_path / "runs", config)
    assert survivors == [Doom(0, "none", "")], f"seed {seed}"
    assert len(dooms) == 15 and len(undisturbed["weights"]) == 2
    assert list((tmp_path / "runs").glob("died in *"))
    for name in ("phases", "samples", "verdicts", "selection", "weights"):
        assert found[name] == undisturbed[name], f"{name}, seed {seed}"

"""Killed with SIGKILL anywhere, a run ends as if nothing had happened: the same samples, choices and weights."""

import multiprocessing
import os
import random
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from worlds import raft_config, run_raft

from haloforge.config import RaftConfig
from haloforge.store import Store

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["haloforge.stages.raft", "haloforge.train.raft", "haloforge.generate.local"])

Facts = dict[str, Any]


class Doomed(Store):
    """A store whose process dies at its n-th write: just before it, or just after."""

    writes_left = 0
    dies_after = False

    def _write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        Doomed.writes_left -= 1
        if Doomed.writes_left == 0 and not Doomed.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        changed = super()._write(statements)
        if Doomed.writes_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return changed


def work_until(config: RaftConfig, root: Path, run_id: str, writes: int, dies_after: bool) -> None:
    """Work on a run and die at a write; runs in a process of its own."""
    import torch

    from haloforge.stages import raft
    from haloforge.store import Report

    torch.set_num_threads(1)
    Doomed.writes_left, Doomed.dies_after = writes, dies_after
    with Doomed(root) as store:
        raft.run(config, Report(store, run_id))
        store.finish(run_id, "done")


def kill_and_resume(config: RaftConfig, root: Path, generator: random.Random) -> int:
    """Start a run, kill it at random writes until it ends by itself; returns how often it was killed."""
    with Store(root) as store:
        run_id = store.create_run("raft", config.to_json()).id
    kills = 0
    while True:
        doom = generator.randint(1, 20), generator.random() < 0.5
        worker = SERVER.Process(target=work_until, args=(config, root, run_id, *doom))
        worker.start()
        worker.join()
        if worker.exitcode == 0:
            return kills
        assert worker.exitcode == -signal.SIGKILL
        kills += 1


def facts(root: Path, config: RaftConfig) -> Facts:
    """Everything that must not depend on how often a run was killed."""
    with Store(root) as store:
        (run,) = store.runs()
        samples = store.samples(run.id)
    weights = sorted(Path(config.output_dir).glob("cycle_*/final_model/adapter_model.safetensors"))
    return {
        "samples": [(s.cycle, s.purpose, s.sample.task_id, s.sample.index, s.sample.token_ids) for s in samples],
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_killed_again_and_again_ends_the_same(
    seed: int, undisturbed: Facts, taught: Path, tmp_path: Path
) -> None:
    config = raft_config(taught, tmp_path)
    kills = kill_and_resume(config, tmp_path / "runs", random.Random(seed))
    found = facts(tmp_path / "runs", config)
    assert kills >= 10
    assert len(undisturbed["weights"]) == 2
    for name in ("samples", "verdicts", "selection", "weights"):
        assert found[name] == undisturbed[name], name
